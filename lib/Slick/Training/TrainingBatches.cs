using Slick.Answers;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>An example as the tokens that training uses.</summary>
/// <param name="Prompt">Tokens of the prompt.</param>
/// <param name="Taught">Tokens of the target and its end. The loss is on these tokens.</param>
internal sealed record TaughtExample(int[] Prompt, int[] Taught)
{
    /// <summary>Number of tokens that a forward pass reads. The last token of a row is a target only, so it is not read.</summary>
    public int Length => Prompt.Length + Taught.Length - 1;

    /// <summary>Encodes an example (<see cref="AnswerTokens"/>).</summary>
    /// <exception cref="SlickException">The example cannot be encoded (<see cref="AnswerTokens.Encode"/>), or the tokenizer has no token
    /// that ends an answer.</exception>
    public static TaughtExample Of(DecoderConfig config, ITokenizer tokenizer, Example example)
    {
        var tokens = AnswerTokens.Encode(config, tokenizer, example);
        return new(tokens.Prompt, tokens.Taught
            ?? throw new SlickException("The tokenizer writes no line feed at the end of an answer, and no file names the token that ends "
                + "a text: no answer's end can be taught; set eos_token in tokenizer_config.json."));
    }
}

/// <summary>The examples of one optimiser step.</summary>
/// <param name="Rows">The examples. Those of the fine-tuning set come first.</param>
/// <param name="Own">How many of the examples are of the fine-tuning set.</param>
internal readonly record struct BatchRows(IReadOnlyList<TaughtExample> Rows, int Own);

/// <summary>The batches of a run, pass by pass. The same pass always gives the same batches.</summary>
internal interface IBatchSource
{
    /// <summary>Optimiser steps of a pass.</summary>
    int PassUpdates { get; }

    /// <summary>The batches of a pass.</summary>
    /// <param name="pass">Number of the pass, from 0.</param>
    IReadOnlyList<BatchRows> Pass(int pass);
}

/// <summary>
/// Passes over a set, each in its own random order. A pass is cut into the fewest batches that hold the set. The sizes of the batches
/// differ by at most one.
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

    /// <summary>Optimiser steps of one pass over a set.</summary>
    /// <param name="examples">Examples of the set.</param>
    /// <param name="batchExamples">Examples of a batch, at most.</param>
    public static int Updates(int examples, int batchExamples) => (examples + batchExamples - 1) / batchExamples;

    /// <summary>Cuts a list, in order, into parts whose sizes differ by at most one.</summary>
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
/// Batches of a source with other examples mixed in ("replay" or "rehearsal", Robins 1995). A fixed number of others is added for each
/// example of the source, spread evenly over the run. The others are passed over in random orders of their own.
/// </summary>
/// <param name="source">The source of the batches.</param>
/// <param name="examples">Number of examples in a pass of the source.</param>
/// <param name="others">The other examples.</param>
/// <param name="share">Number of others for each example of the source.</param>
/// <param name="seed">Seed of the others' orders.</param>
internal sealed class WithReplay(IBatchSource source, int examples, TaughtExample[] others, double share, int seed) : IBatchSource
{
    private readonly int seed = Seeds.Mix(seed, "replay");
    private (long Pass, TaughtExample[] Order) current = (-1, []);

    public int PassUpdates => source.PassUpdates;

    public IReadOnlyList<BatchRows> Pass(int pass)
    {
        var mixed = new List<BatchRows>();
        var seen = (long)pass * examples; // examples of the source before this batch
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

/// <summary>Batches of a source, and from a step on those of another one. A pass has as many steps as one of the first source.</summary>
/// <param name="source">The source of the first steps.</param>
/// <param name="end">The source of the last steps.</param>
/// <param name="first">Number of the first step of the end, from 0.</param>
internal sealed class WithEnd(IBatchSource source, IBatchSource end, int first) : IBatchSource
{
    public int PassUpdates => source.PassUpdates;

    public IReadOnlyList<BatchRows> Pass(int pass)
    {
        var start = pass * PassUpdates;
        var own = start < first ? source.Pass(pass) : [];
        var (number, batches) = (-1, (IReadOnlyList<BatchRows>)[]);
        BatchRows At(int step)
        {
            if (step < first) return own[step - start];
            if (number != (step - first) / end.PassUpdates)
            {
                number = (step - first) / end.PassUpdates;
                batches = end.Pass(number);
            }
            return batches[(step - first) % end.PassUpdates];
        }
        return [.. Enumerable.Range(start, PassUpdates).Select(At)];
    }
}

/// <summary>The rows of one forward and backward pass: a batch, or a part of it.</summary>
/// <param name="Offset">Index in the pass's tensor at which the piece begins.</param>
/// <param name="Rows">B: number of rows.</param>
/// <param name="Tokens">T: number of tokens of the longest row.</param>
/// <param name="Ids">Number of token ids stored: B T where rows are padded, else N, the number of tokens without padding.</param>
/// <param name="Scored">Number of tokens that have a loss.</param>
/// <param name="Own">Number of the scored tokens that belong to the fine-tuning set. They come first.</param>
internal readonly record struct Piece(long Offset, long Rows, long Tokens, long Ids, long Scored, long Own);

/// <summary>The rows of one optimiser step: one piece, or several whose gradients are added up.</summary>
/// <param name="Pieces">The pieces.</param>
/// <param name="Scored">Number of tokens that have a loss, in all pieces.</param>
/// <param name="Own">Number of the scored tokens that belong to the fine-tuning set.</param>
internal sealed record Batch(IReadOnlyList<Piece> Pieces, long Scored, long Own);

/// <summary>The tensors of a piece, on the device.</summary>
/// <param name="Ids">Token ids, int64: [B, T], padded on the right, or [N] without padding.</param>
/// <param name="Ragged">The layout of the rows where they are not padded; else null.</param>
/// <param name="Positions">int64 [scored]: indices, among all stored tokens, of the tokens whose next token is a target.</param>
/// <param name="Targets">The target tokens, int64 [scored].</param>
/// <param name="Own">How many of the targets, at the beginning, belong to the fine-tuning set.</param>
internal sealed record PieceTensors(Tensor Ids, RaggedRows? Ragged, Tensor Positions, Tensor Targets, long Own)
{
    /// <summary>The hidden states whose next token is a target, [scored, D].</summary>
    /// <param name="hidden">The hidden states that <see cref="Decoder.Forward"/> gives for this piece.</param>
    public Tensor Scored(Tensor hidden) => Ragged is not null ? hidden : hidden.view(-1, hidden.size(-1)).Take(0, Positions);
}

/// <summary>All batches of a pass, copied to the device in one transfer.</summary>
internal sealed class UploadedPass : IDisposable
{
    private readonly Tensor packed;
    private readonly bool ragged;

    /// <summary>The batches, in order.</summary>
    public IReadOnlyList<Batch> Batches { get; }

    /// <summary>Cuts batches into pieces and copies them to the device.</summary>
    /// <param name="batches">The rows of each step.</param>
    /// <param name="pieceRows">Rows of a piece, at most; 0 for the whole batch. A batch with more rows is sorted by length, so that the
    /// rows of a piece have similar lengths, and cut evenly.</param>
    /// <param name="ragged">True for rows without padding.</param>
    /// <param name="device">The device.</param>
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

    /// <summary>Cuts a batch into pieces of at most <paramref name="pieceRows"/> rows; 0 leaves the batch whole.</summary>
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

    /// <summary>The tensors of a piece, as views of the pass's tensor.</summary>
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

    /// <summary>Frees the pass's tensor.</summary>
    public void Dispose() => packed.Dispose();
}
