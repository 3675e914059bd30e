using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Sampling;

/// <summary>
/// Teacher forcing of gold answers: is the greedy answer the gold answer, and how probable is it as a sample?
/// Nothing is generated. Cost: one forward pass over the rows' tokens; the vocabulary's product at answer positions only.
/// </summary>
public sealed class AnswerScorer
{
    private const long End = -1;
    private const long Padding = -2;
    private readonly Decoder decoder;
    private readonly SamplingOptions options;
    private readonly Tensor ends; // [V], 1 where a token ends an answer

    /// <summary>For a test that shows what the line's end is for: true leaves its probability out.</summary>
    internal bool LeaveOutEnd { get; init; }

    /// <summary>Bound on a batch's memory, in bytes (<see cref="BatchLimits"/>).</summary>
    internal long Bytes { get; init; } = BatchLimits.DefaultBytes;

    /// <summary>A scorer for a model and its tokenizer.</summary>
    public AnswerScorer(Decoder decoder, ITokenizer tokenizer, SamplingOptions options)
    {
        (this.decoder, this.options) = (decoder, options);
        ends = EndTokens(decoder, tokenizer);
    }

    /// <summary>1 for every token that begins with a line feed and for EOS, else 0: [V] in fp32 on the model's device.</summary>
    internal static Tensor EndTokens(Decoder decoder, ITokenizer tokenizer)
    {
        var isEnd = new float[decoder.Config.VocabularySize];
        for (var id = 0; id < Math.Min(isEnd.Length, tokenizer.VocabularySize); id++)
            isEnd[id] = tokenizer.StartsWithLineFeed(id) || id == tokenizer.EosId ? 1 : 0;
        return tensor(isEnd).to(decoder.Device).DetachFromDisposeScope();
    }

    /// <summary>Scores answers behind an optional shared prompt.</summary>
    /// <param name="questions">Rows, best sorted by length.</param>
    /// <param name="shared">Keys and values before every row, or null.</param>
    /// <param name="sampled">False to leave the probability out (it is 0 then): exact match asks for the greedy answer only.</param>
    /// <param name="cancellation">Checked before each batch.</param>
    /// <returns>[2, rows] on the device: greedy answer right (0 or 1); probability that one sample is the gold answer (estimators.md, Exact).</returns>
    public Tensor Score(IReadOnlyList<PromptedQuestion> questions, KeyValues? shared, bool sampled, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        var parts = Batches(questions, shared).Select(part =>
        {
            cancellation.ThrowIfCancellationRequested();
            return ScoreBatch([.. questions.Take(part)], shared, sampled);
        }).ToList();
        return (parts.Count == 0 ? zeros([2, 0], device: decoder.Device) : cat(parts, 1)).MoveToOuterDisposeScope();
    }

    /// <summary>The rows of each batch: in order, as many as <see cref="SamplingOptions.BatchTokens"/> and <see cref="BatchLimits"/> allow.</summary>
    internal IEnumerable<Range> Batches(IReadOnlyList<PromptedQuestion> questions, KeyValues? shared)
    {
        var limits = new BatchLimits(decoder, shared) { Bytes = Bytes };
        for (var begin = 0; begin < questions.Count;)
        {
            int end = begin, longest = 0, positions = 0;
            for (; end < questions.Count; end++)
            {
                var (own, gold) = (questions[end].Own.Length, questions[end].Gold.Length);
                var (length, answer, rows) = (Math.Max(longest, own + gold), Math.Max(positions, gold + 1), end - begin + 1);
                if (rows > 1 && (rows * length > options.BatchTokens || !limits.Fits(rows, length, answer))) break;
                (longest, positions) = (length, answer);
            }
            yield return begin..end;
            begin = end;
        }
    }

    /// <summary>One of <see cref="Batches"/> in one pass: [2, rows], as for all of them.</summary>
    internal Tensor ScoreBatch(PromptedQuestion[] rows, KeyValues? shared, bool sampled)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        return Pass(rows, shared, sampled).MoveToOuterDisposeScope();
    }

    private Tensor Pass(PromptedQuestion[] rows, KeyValues? shared, bool sampled)
    {
        var longest = rows.Max(r => r.Own.Length + r.Gold.Length);
        var answers = rows.Max(r => r.Gold.Length) + 1; // A: positions that are looked at, the answer's end included
        var host = new long[rows.Length * (longest + 2 * answers)];
        var ids = host.AsSpan(0, rows.Length * longest);
        var positions = host.AsSpan(ids.Length, rows.Length * answers);
        var targets = host.AsSpan(ids.Length + positions.Length);
        targets.Fill(Padding);
        for (var r = 0; r < rows.Length; r++)
        {
            var (own, gold) = (rows[r].Own, rows[r].Gold);
            for (var i = 0; i < own.Length; i++) ids[r * longest + i] = own[i];
            for (var i = 0; i < gold.Length; i++) ids[r * longest + own.Length + i] = gold[i];
            for (var a = 0; a < answers; a++)
                positions[r * answers + a] = r * longest + Math.Min(own.Length - 1 + a, longest - 1);
            for (var a = 0; a <= gold.Length; a++)
                targets[r * answers + a] = a < gold.Length ? gold[a] : End;
        }
        var all = tensor(host, ScalarType.Int64).to(decoder.Device); // one transfer a batch
        var (hidden, _) = decoder.Forward(all.narrow(0, 0, ids.Length).view(rows.Length, longest), shared);
        var at = hidden.view(-1, decoder.Config.HiddenSize).Take(0, all.narrow(0, ids.Length, positions.Length));
        var logits = decoder.Logits(at).to(ScalarType.Float32);                       // [B A, V]
        var target = all.narrow(0, ids.Length + positions.Length, targets.Length);    // [B A]
        var isEnd = target.eq(Scalars.Of(End));
        var isPadding = target.eq(Scalars.Of(Padding));
        var best = logits.argmax(-1);
        var right = isEnd.bitwise_and(ends.Take(0, best).gt(Scalars.Of(0L))).bitwise_or(best.eq(target)).bitwise_or(isPadding);
        var greedy = right.view(rows.Length, answers).all(1).to(ScalarType.Float32);
        if (!sampled) return stack([greedy, zeros_like(greedy)]);

        var (values, tokens) = logits.topk(Math.Min(options.TopK, decoder.Config.VocabularySize), -1);
        var probabilities = values.div_(Scalars.Of(options.Temperature)).softmax(-1);             // [B A, k]
        var goldMass = (probabilities * tokens.eq(target.unsqueeze(-1))).sum(-1);
        var endMass = (probabilities * ends.Take(0, tokens.view(-1)).view_as(tokens)).sum(-1);
        // No token has the number of an end or of padding, so the gold mass is 0 there. (`where` has no meta kernel.)
        var factor = goldMass.add(endMass * isEnd, Scalars.One).masked_fill(LeaveOutEnd ? isPadding.bitwise_or(isEnd) : isPadding, Scalars.One);
        return stack([greedy, factor.view(rows.Length, answers).prod(1)]);
    }
}
