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
            int end = begin, longest = 0, positions = 0, tokens = 0;
            for (; end < questions.Count; end++)
            {
                var (own, gold) = (questions[end].Own.Length, questions[end].Gold.Length);
                var (length, answer, rows) = (Math.Max(longest, own + gold), Math.Max(positions, gold + 1), end - begin + 1);
                tokens += own + gold;
                if (rows > 1 && (rows * length > options.BatchTokens || !limits.Fits(rows, length, answer) || limits.Wastes(rows - 1, longest, rows * length - tokens))) break;
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
        var real = rows.Sum(r => r.Gold.Length + 1);           // R: of them those that are no padding
        var host = new long[rows.Length * (longest + answers) + 2 * real];
        var ids = host.AsSpan(0, rows.Length * longest);
        var positions = host.AsSpan(ids.Length, real);
        var targets = host.AsSpan(ids.Length + real, real);
        var places = host.AsSpan(ids.Length + 2 * real); // of each answer position among the real ones; R for padding
        places.Fill(real);
        var at = 0;
        for (var r = 0; r < rows.Length; r++)
        {
            var (own, gold) = (rows[r].Own, rows[r].Gold);
            for (var i = 0; i < own.Length; i++) ids[r * longest + i] = own[i];
            for (var i = 0; i < gold.Length; i++) ids[r * longest + own.Length + i] = gold[i];
            for (var a = 0; a <= gold.Length; a++, at++)
            {
                positions[at] = r * longest + own.Length - 1 + a;
                targets[at] = a < gold.Length ? gold[a] : End;
                places[r * answers + a] = at;
            }
        }
        var all = tensor(host, ScalarType.Int64).to(decoder.Device); // one transfer a batch
        var (hidden, _) = decoder.Forward(all.narrow(0, 0, ids.Length).view(rows.Length, longest), shared);
        var logits = decoder.Logits(hidden.view(-1, decoder.Config.HiddenSize).Take(0, all.narrow(0, ids.Length, real))).to(ScalarType.Float32); // [R, V]
        var target = all.narrow(0, ids.Length + real, real);
        var place = all.narrow(0, ids.Length + 2 * real, places.Length);
        var one = ones(1, device: decoder.Device);
        Tensor ByRow(Tensor factors) => cat([factors, one], 0).Take(0, place).view(rows.Length, answers).prod(1); // padding counts as 1
        var isEnd = target.eq(Scalars.Of(End));
        var best = logits.argmax(-1);
        var right = isEnd.bitwise_and(ends.Take(0, best).gt(Scalars.Of(0L))).bitwise_or(best.eq(target));
        var greedy = ByRow(right.to(ScalarType.Float32));
        if (!sampled) return stack([greedy, zeros_like(greedy)]);

        var (values, tokens) = logits.topk(Math.Min(options.TopK, decoder.Config.VocabularySize), -1);
        var probabilities = values.div_(Scalars.Of(options.Temperature)).softmax(-1);             // [R, k]
        var goldMass = (probabilities * tokens.eq(target.unsqueeze(-1))).sum(-1);
        var endMass = (probabilities * ends.Take(0, tokens.view(-1)).view_as(tokens)).sum(-1);
        // No token has the number of an end, so the gold mass is 0 there. (`where` has no meta kernel.)
        var factor = goldMass.add(endMass * isEnd, Scalars.One);
        return stack([greedy, ByRow(LeaveOutEnd ? factor.masked_fill(isEnd, Scalars.One) : factor)]);
    }
}
