using Slick.Answers;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>An example as a model learns it.</summary>
/// <param name="Prompt">Tokens of the prompt.</param>
/// <param name="Taught">Tokens of the target and its end: the loss is on these.</param>
internal sealed record TaughtExample(int[] Prompt, int[] Taught)
{
    /// <summary>Tokens that a pass reads: a row's last token is a target and is never read.</summary>
    public int Length => Prompt.Length + Taught.Length - 1;

    /// <summary>Encodes an example (<see cref="AnswerTokens"/>).</summary>
    /// <exception cref="SlickException">As <see cref="AnswerTokens.Encode"/>; or the tokenizer has nothing that ends an answer.</exception>
    public static TaughtExample Of(DecoderConfig config, ITokenizer tokenizer, Example example)
    {
        var tokens = AnswerTokens.Encode(config, tokenizer, example);
        return new(tokens.Prompt, tokens.Taught
            ?? throw new SlickException("The tokenizer writes no line feed at the end of an answer, and no file names the token that ends "
                + "a text: no answer's end can be taught; set eos_token in tokenizer_config.json."));
    }
}

/// <summary>The rows of one step.</summary>
/// <param name="Rows">The examples; those of the fine-tuning set stand first.</param>
/// <param name="Own">How many are of the fine-tuning set.</param>
internal readonly record struct BatchRows(IReadOnlyList<TaughtExample> Rows, int Own);

/// <summary>The batches of a run, pass by pass: the same pass gives the same batches, whenever it is asked for.</summary>
internal interface IBatchSource
{
    /// <summary>Steps of a pass.</summary>
    int PassUpdates { get; }

    /// <summary>The batches of a pass, numbered from 0.</summary>
    IReadOnlyList<BatchRows> Pass(int pass);
}

/// <summary>
/// Passes over a set, each in an order of its own: cut into the fewest batches that hold it, whose sizes differ by at most one.
/// </summary>
/// <param name="examples">The set.</param>
/// <param name="batchExamples">Examples of a batch, at most.</param>
/// <param name="seed">Seed of the orders.</param>
internal sealed class SetPasses(IReadOnlyList<TaughtExample> examples, int batchExamples, int seed) : IBatchSource
{
    public int PassUpdates => Updates(examples.Count, batchExamples);

    public IReadOnlyList<BatchRows> Pass(int pass)
    {
        var order = examples.ToArray();
        new RandomStream(Seeds.Mix(seed, pass)).Shuffle(order);
        return [.. EqualParts(order, PassUpdates).Select(rows => new BatchRows(rows, rows.Count))];
    }

    /// <summary>Steps of a pass over so many examples: batches of at most so many each.</summary>
    public static int Updates(int examples, int batchExamples) => (examples + batchExamples - 1) / batchExamples;

    /// <summary>Parts of a list, in order, whose sizes differ by at most one.</summary>
    public static IEnumerable<ArraySegment<T>> EqualParts<T>(T[] all, int count)
    {
        for (var b = 0; b < count; b++)
        {
            int first = (int)((long)b * all.Length / count), next = (int)((b + 1L) * all.Length / count);
            yield return new(all, first, next - first);
        }
    }
}

/// <summary>
/// Batches of a source with other examples mixed in ("replay" or "rehearsal", Robins 1995): so many for each example of the source,
/// spread evenly over the run. The others are passed over in orders of their own.
/// </summary>
/// <param name="source">The batches.</param>
/// <param name="examples">Examples of a pass of the source.</param>
/// <param name="others">The other examples.</param>
/// <param name="share">Others for each example of the source.</param>
/// <param name="seed">Seed of the orders.</param>
internal sealed class WithReplay(IBatchSource source, int examples, TaughtExample[] others, double share, int seed) : IBatchSource
{
    private readonly int seed = Seeds.Mix(seed, "replay");
    private (long Pass, TaughtExample[] Order) current = (-1, []);

    public int PassUpdates => source.PassUpdates;

    public IReadOnlyList<BatchRows> Pass(int pass)
    {
        var mixed = new List<BatchRows>();
        var seen = (long)pass * examples; // examples of the source before the batch
        foreach (var (rows, own) in source.Pass(pass))
        {
            long first = (long)(seen * share), next = (long)((seen + rows.Count) * share);
            var all = new List<TaughtExample>(rows);
            for (var i = first; i < next; i++) all.Add(Other(i));
            mixed.Add(new(all, own));
            seen += rows.Count;
        }
        return mixed;
    }

    private TaughtExample Other(long index)
    {
        if (current.Pass != index / others.Length)
        {
            current = (index / others.Length, [.. others]);
            new RandomStream(Seeds.Mix(seed, (int)current.Pass)).Shuffle(current.Order);
        }
        return current.Order[index % others.Length];
    }
}

/// <summary>Rows of one forward and backward pass.</summary>
/// <param name="Offset">Where the piece begins in the pass's tensor.</param>
/// <param name="Rows">B.</param>
/// <param name="Tokens">T: tokens of the longest row.</param>
/// <param name="Ids">Tokens as they lie: B T where rows are padded, else N, their number without padding.</param>
/// <param name="Scored">Tokens that have a loss.</param>
/// <param name="Own">Those of them that belong to the fine-tuning set; they stand first.</param>
internal readonly record struct Piece(long Offset, long Rows, long Tokens, long Ids, long Scored, long Own);

/// <summary>One step's rows: one piece, or several whose gradients are added up.</summary>
/// <param name="Pieces">The pieces.</param>
/// <param name="Scored">Tokens that have a loss, in all pieces.</param>
/// <param name="Own">Those of them that belong to the fine-tuning set.</param>
internal sealed record Batch(IReadOnlyList<Piece> Pieces, long Scored, long Own);

/// <summary>A piece on the device.</summary>
/// <param name="Ids">int64 [B, T], padded on the right, or [N].</param>
/// <param name="Ragged">How the rows lie where they are not padded; else null.</param>
/// <param name="Positions">int64 [scored]: the tokens behind which a target stands, among all tokens as they lie.</param>
/// <param name="Targets">int64 [scored].</param>
/// <param name="Own">As of <see cref="Piece"/>.</param>
internal sealed record PieceTensors(Tensor Ids, RaggedRows? Ragged, Tensor Positions, Tensor Targets, long Own)
{
    /// <summary>The hidden states behind which a target stands, [scored, D], of those that <see cref="Decoder.Forward"/> gives.</summary>
    public Tensor Scored(Tensor hidden) => Ragged is not null ? hidden : hidden.view(-1, hidden.size(-1)).Take(0, Positions);
}

/// <summary>All batches of a pass, brought to the device in one transfer.</summary>
internal sealed class UploadedPass : IDisposable
{
    private readonly Tensor packed;
    private readonly bool ragged;

    /// <summary>The batches, in order.</summary>
    public IReadOnlyList<Batch> Batches { get; }

    /// <summary>Cuts batches into pieces and brings them to the device.</summary>
    /// <param name="batches">The rows of each step.</param>
    /// <param name="pieceRows">Rows of a piece, at most: a batch with more is put in order of length, so that rows of one piece are alike,
    /// and cut evenly; 0 for the whole batch.</param>
    /// <param name="ragged">True for rows without padding.</param>
    /// <param name="device">Where to.</param>
    public UploadedPass(IReadOnlyList<BatchRows> batches, int pieceRows, bool ragged, Device device)
    {
        this.ragged = ragged;
        var host = new List<long>();
        Batches = [.. batches.Select(batch =>
        {
            Piece[] pieces = [.. Cut(batch, pieceRows).Select(piece => Add(piece, host))];
            return new Batch(pieces, pieces.Sum(p => p.Scored), pieces.Sum(p => p.Own));
        })];
        using var scope = NewDisposeScope();
        packed = tensor(host.ToArray(), ScalarType.Int64).to(device).DetachFromDisposeScope();
    }

    /// <summary>The pieces of a batch.</summary>
    public static IEnumerable<BatchRows> Cut(BatchRows batch, int pieceRows)
    {
        if (pieceRows == 0 || batch.Rows.Count <= pieceRows) return [batch];
        var sorted = batch.Rows.Select((row, i) => (Row: row, IsOwn: i < batch.Own)).OrderBy(r => r.Row.Length).ToArray();
        return SetPasses.EqualParts(sorted, SetPasses.Updates(sorted.Length, pieceRows)).Select(part =>
            new BatchRows([.. part.OrderBy(r => r.IsOwn ? 0 : 1).Select(r => r.Row)], part.Count(r => r.IsOwn)));
    }

    private Piece Add(BatchRows batch, List<long> host)
    {
        var rows = batch.Rows;
        var longest = rows.Max(r => r.Length);
        var offset = host.Count;
        foreach (var row in rows)
        {
            var end = host.Count + longest;
            foreach (var token in row.Prompt.Concat(row.Taught.SkipLast(1))) host.Add(token);
            while (!ragged && host.Count < end) host.Add(0);
        }
        var ids = host.Count - offset;
        if (ragged)
        {
            var (places, real) = RaggedRows.Layout([.. rows.Select(r => r.Length)], left: false);
            host.AddRange(places);
            host.AddRange(real);
        }
        var first = 0L;
        foreach (var row in rows)
        {
            for (var a = 0; a < row.Taught.Length; a++) host.Add(first + row.Prompt.Length - 1 + a);
            first += ragged ? row.Length : longest;
        }
        foreach (var row in rows)
            foreach (var token in row.Taught) host.Add(token);
        return new(offset, rows.Count, longest, ids, rows.Sum(r => r.Taught.Length), rows.Take(batch.Own).Sum(r => r.Taught.Length));
    }

    /// <summary>Views of a piece.</summary>
    public PieceTensors Take(Piece piece)
    {
        var at = piece.Offset;
        Tensor Next(long count)
        {
            var view = packed.narrow(0, at, count);
            at += count;
            return view;
        }
        var ids = Next(piece.Ids);
        if (!ragged) return new(ids.view(piece.Rows, piece.Tokens), null, Next(piece.Scored), Next(piece.Scored), piece.Own);
        var (places, real, positions) = (Next(piece.Rows * piece.Tokens), Next(piece.Ids), Next(piece.Scored));
        return new(ids, new((int)piece.Rows, (int)piece.Tokens, places, real, positions), positions, Next(piece.Scored), piece.Own);
    }

    /// <summary>Frees the rows.</summary>
    public void Dispose() => packed.Dispose();
}
