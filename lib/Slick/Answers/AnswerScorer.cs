using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Answers;

/// <summary>
/// Scores gold answers by teacher forcing: is the model's greedy answer the gold answer, and how probable is the gold answer as a sample?
/// Nothing is generated. Where the tokenizer has two ways to write an answer's end (<see cref="PromptedQuestion.Joined"/>), both are scored
/// and their results are added. Cost: one forward pass over the rows' tokens, and the product with the output layer at answer positions
/// only. The method is ours; the quantities are P_Correct's of the paper, section 3.
/// </summary>
public sealed class AnswerScorer : IDisposable
{
    private readonly Decoder decoder;
    private readonly SamplingOptions options;
    private readonly Tensor ends;   // [V], 1 where a token ends an answer
    private readonly Tensor endIds; // int64, the tokens that end an answer

    /// <summary>For a test that shows why the line's end is scored: true leaves the end's probability out.</summary>
    internal bool LeaveOutEnd { get; init; }

    /// <summary>The memory that a pass may take.</summary>
    internal PassMemory Memory { get; init; } = new(PassBounds.Default);

    /// <summary>Number of forward passes made so far.</summary>
    internal int Passes { get; private set; }
    /// <summary>Number of rows in the forward passes made so far: one for each way to write an answer.</summary>
    internal long Rows { get; private set; }
    /// <summary>Number of tokens in the forward passes made so far.</summary>
    internal long Tokens { get; private set; }

    /// <summary>A scorer for a model and its tokenizer.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="options">Temperature, top-k and longest answer.</param>
    public AnswerScorer(Decoder decoder, ITokenizer tokenizer, SamplingOptions options)
    {
        (this.decoder, this.options) = (decoder, options);
        ends = EndTokens(decoder, tokenizer);
        long[] ids = [.. Ends(decoder, tokenizer).Index().Where(t => t.Item).Select(t => (long)t.Index)];
        using var scope = NewDisposeScope();
        endIds = tensor(ids, ScalarType.Int64).to(decoder.Device).DetachFromDisposeScope();
    }

    /// <summary>By token id: true where the token begins with a line feed or is EOS, and so ends an answer.</summary>
    internal static bool[] Ends(Decoder decoder, ITokenizer tokenizer) =>
        [.. Enumerable.Range(0, decoder.Config.VocabularySize).Select(id => AnswerTokens.Ends(decoder.Config, tokenizer, id))];

    /// <summary>1 for every token that ends an answer, else 0: [V] in fp32, on the model's device. The caller frees the tensor.</summary>
    internal static Tensor EndTokens(Decoder decoder, ITokenizer tokenizer)
    {
        float[] isEnd = [.. Ends(decoder, tokenizer).Select(e => e ? 1f : 0f)];
        using var scope = NewDisposeScope();
        return tensor(isEnd).to(decoder.Device).DetachFromDisposeScope();
    }

    /// <summary>Frees the tensors that name the ends of answers.</summary>
    public void Dispose()
    {
        ends.Dispose();
        endIds.Dispose();
    }

    /// <summary>Scores gold answers after an optional shared prompt.</summary>
    /// <param name="questions">The rows. Batches waste least where the rows are sorted by length.</param>
    /// <param name="shared">Keys and values of the tokens before every row, or null.</param>
    /// <param name="sampled">False to leave the probability out, which is then 0. Exact match asks for the greedy answer only.</param>
    /// <param name="cancellation">Checked before each batch.</param>
    /// <returns>[2, rows] on the device. Row 0: 1 where the greedy answer is right, else 0. Row 1: the probability that one sample is the
    /// gold answer.</returns>
    public Tensor Score(IReadOnlyList<PromptedQuestion> questions, KeyValues? shared, bool sampled, CancellationToken cancellation)
    {
        PromptRow[] rows = [.. questions.Select(q => new PromptRow(0, q))];
        return Each(Batches(rows, [shared?.Tokens ?? 0]), part => ScoreBatch(rows[part], [shared], sampled), cancellation);
    }

    /// <summary>
    /// Scores gold answers whose rows are on the device already (<see cref="Upload"/>), because they are scored again and again.
    /// </summary>
    /// <param name="batches">The rows, in batches.</param>
    /// <param name="prompts">The keys and values of each prompt's shared tokens.</param>
    /// <param name="sampled">False to leave the probability out, which is then 0.</param>
    /// <param name="cancellation">Checked before each batch.</param>
    /// <returns>[2, rows] on the device. Row 0: 1 where the greedy answer is right, else 0. Row 1: the probability that one sample is the
    /// gold answer.</returns>
    internal Tensor Score(IReadOnlyList<AnswerBatch> batches, IReadOnlyList<KeyValues?> prompts, bool sampled,
        CancellationToken cancellation) => Each(batches, batch => ScoreBatch(batch, prompts, sampled), cancellation);

    /// <summary>
    /// Brings rows to the device, in batches, for
    /// <see cref="Score(IReadOnlyList{AnswerBatch}, IReadOnlyList{KeyValues?}, bool, CancellationToken)"/>.
    /// </summary>
    /// <param name="rows">The rows, prompt by prompt.</param>
    /// <param name="promptTokens">The number of shared tokens of each prompt.</param>
    internal IReadOnlyList<AnswerBatch> Upload(PromptRow[] rows, IReadOnlyList<int> promptTokens) =>
        [.. Batches(rows, promptTokens).Select(part =>
            new AnswerBatch(rows[part], promptTokens, options.MaxAnswerTokens, decoder.Device))];

    private Tensor Each<T>(IEnumerable<T> batches, Func<T, Tensor> score, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        foreach (var batch in batches)
        {
            cancellation.ThrowIfCancellationRequested();
            parts.Add(score(batch));
        }
        return (parts.Count == 0 ? zeros([2, 0], device: decoder.Device) : cat(parts, 1)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The rows of each batch: the rows in order, as many as <see cref="BatchLimits"/> allows.
    /// </summary>
    /// <param name="questions">The rows, prompt by prompt. Batches waste least where the rows of a prompt are sorted by length.</param>
    /// <param name="promptTokens">Number of shared tokens of each prompt.</param>
    internal IEnumerable<Range> Batches(IReadOnlyList<PromptRow> questions, IReadOnlyList<int> promptTokens)
    {
        for (int begin = 0, end; begin < questions.Count; begin = end) yield return begin..(end = BatchEnd(questions, promptTokens, begin));
    }

    /// <summary>The end of the batch that begins at a row (<see cref="Batches"/>).</summary>
    internal int BatchEnd(IReadOnlyList<PromptRow> questions, IReadOnlyList<int> promptTokens, int begin)
    {
        var limits = new BatchLimits(decoder, promptTokens.DefaultIfEmpty().Max()) { Bounds = Memory.Bounds };
        int end = begin, longest = 0, positions = 0, rows = 0, tokens = 0, before = 0;
        for (; end < questions.Count; end++)
        {
            var paths = AnswerBatch.Paths(questions[end].Question, options.MaxAnswerTokens);
            var (length, answer) = (longest, positions);
            foreach (var path in paths)
            {
                (length, answer) = (Math.Max(length, path.Own.Length + path.Gold.Length), Math.Max(answer, path.Scored));
                (rows, tokens) = (rows + 1, tokens + path.Own.Length + path.Gold.Length);
            }
            // Shorter rows are padded, and shorter prompts too. Each row fits behind its own prompt, but not behind the longest one.
            var prompt = questions[end].Prompt;
            var shared = Math.Max(before, promptTokens[prompt]);
            var fits = prompt == questions[begin].Prompt || shared + length <= decoder.Config.MaxPositions;
            if (end > begin && ((long)rows * length > Memory.Bounds.Tokens || !limits.Fits(rows, length, answer)
                || limits.IsEnough(tokens) || !fits)) break;
            (longest, positions, before) = (length, answer, shared);
        }
        return end;
    }

    /// <summary>Scores all rows, batch by batch, and brings what is found to the host.</summary>
    /// <param name="rows">The rows, prompt by prompt.</param>
    /// <param name="prompts">The keys and values of each prompt's shared tokens.</param>
    /// <param name="isDone">True for a batch that is left out.</param>
    /// <param name="cancellation">Checked before each batch.</param>
    /// <returns>Each batch with [2, rows] numbers, as of
    /// <see cref="Score(IReadOnlyList{PromptedQuestion}, KeyValues?, bool, CancellationToken)"/>.</returns>
    internal IEnumerable<(PromptRow[] Rows, float[] Scores)> ScoreEach(PromptRow[] rows, IReadOnlyList<KeyValues?> prompts,
        Func<PromptRow[], bool> isDone, CancellationToken cancellation)
    {
        int[] promptTokens = [.. prompts.Select(p => p?.Tokens ?? 0)];
        return RowBatches.Each(rows.Length, begin => BatchEnd(rows, promptTokens, begin), part => isDone(rows[part]), part =>
        {
            cancellation.ThrowIfCancellationRequested();
            using var scores = ScoreBatch(rows[part], prompts, sampled: true);
            return (rows[part], HostTransfer.Read<float>(scores));
        }, Memory.Halve);
    }

    /// <summary>Scores one batch of <see cref="Batches"/> in one forward pass: [2, rows] on the device.</summary>
    /// <param name="rows">The rows, prompt by prompt.</param>
    /// <param name="prompts">The keys and values of each prompt's shared tokens.</param>
    /// <param name="sampled">False to leave the probability out, which is then 0.</param>
    internal Tensor ScoreBatch(PromptRow[] rows, IReadOnlyList<KeyValues?> prompts, bool sampled)
    {
        using var batch = new AnswerBatch(rows, [.. prompts.Select(p => p?.Tokens ?? 0)], options.MaxAnswerTokens, decoder.Device);
        return ScoreBatch(batch, prompts, sampled);
    }

    private Tensor ScoreBatch(AnswerBatch batch, IReadOnlyList<KeyValues?> prompts, bool sampled)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        return Pass(batch, prompts, sampled).MoveToOuterDisposeScope();
    }

    private Tensor Pass(AnswerBatch batch, IReadOnlyList<KeyValues?> prompts, bool sampled)
    {
        var all = batch.Split();
        var (hidden, _) = decoder.Forward(all[0], batch.Before(prompts, all[7]),
            ragged: new(batch.Rows, batch.Columns, all[1], all[2], all[3]));
        (Passes, Rows, Tokens) = (Passes + 1, Rows + batch.Rows, Tokens + batch.Tokens);
        var logits = decoder.Logits(hidden).to(ScalarType.Float32); // [R, V]
        var (target, place) = (all[4], all[5]);
        var (one, zero) = (ones(1, device: decoder.Device), zeros(1, device: decoder.Device));
        Tensor ByRow(Tensor factors) => cat([factors, one, zero], 0).Take(0, place).view(batch.Rows, batch.Answers).prod(1);
        var isEnd = target.eq(Scalars.Of(AnswerBatch.End));
        var best = Decoder.Greedy(logits);
        var right = isEnd.bitwise_and(ends.Take(0, best).gt(Scalars.Of(0L))).bitwise_or(best.eq(target));
        // The tokenizer writes an answer in one way or the other. So the probabilities of the two ways are added.
        Tensor ByQuestion(Tensor found) => batch.OneRowEach ? found
            : zeros(found.size(0), batch.Questions, device: decoder.Device).index_add(1, all[6], found, Scalars.One);
        var greedy = ByRow(right.to(ScalarType.Float32));
        if (!sampled) return ByQuestion(stack([greedy, zeros_like(greedy)]));

        var top = new TopTokens(logits, options);
        // Where an end is asked for, the value is that of an arbitrary token and is not used.
        var goldMass = top.Probability(logits.gather(1, target.clamp_min(Scalars.Of(0L)).unsqueeze(-1))).select(1, 0);
        var endMass = top.Probability(logits.Take(1, endIds)).sum(-1);
        var factor = goldMass.masked_fill(isEnd, Scalars.Of(0L)).add(endMass * isEnd, Scalars.One); // (`where` has no meta kernel.)
        return ByQuestion(stack([greedy, ByRow(LeaveOutEnd ? factor.masked_fill(isEnd, Scalars.One) : factor)]));
    }
}
