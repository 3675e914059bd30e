using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Answers;
using Slick.Text;

namespace Slick.Knowledge;

/// <summary>What one prompt says about one question.</summary>
/// <param name="GreedyCorrect">The greedy answer is right.</param>
/// <param name="SampledCorrect">Share of right samples (Sampled) or the probability that one sample is right (Exact).</param>
/// <param name="GreedyAnswer">The greedy answer where it was drawn, else empty.</param>
/// <param name="MovedBoundary">The tokenizer joins the answer with the end of the prompt, or with the line's
/// (<see cref="PromptedQuestion.Moved"/>).</param>
public readonly record struct PromptEstimate(bool GreedyCorrect, double SampledCorrect, string GreedyAnswer = "",
    bool MovedBoundary = false);

/// <summary>A way to find P_Correct of questions behind one prompt.</summary>
public interface IEstimator
{
    /// <summary>Name on the command line: <c>exact</c> or <c>sampled</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Fills in P_Correct's two parts for every question that has none yet, batch by batch. The batches follow from all
    /// questions, whatever is filled in, so work that was interrupted ends with the same numbers.
    /// </summary>
    /// <param name="source">The model that is asked.</param>
    /// <param name="exemplars">The prompt's exemplars.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="seed">Seed of the draws; Exact draws nothing.</param>
    /// <param name="estimates">By question; null where it is not known yet.</param>
    /// <param name="batchDone">Called after each batch; null for nobody.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="UsageException">The estimator has no use for such a source.</exception>
    void Estimate(IAnswerSource source, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed,
        PromptEstimate?[] estimates, Action? batchDone, CancellationToken cancellation);
}

/// <summary>What all estimators share.</summary>
public static class Estimators
{
    /// <summary>P_Correct's two parts for every question, in the order of <paramref name="questions"/>.</summary>
    /// <param name="estimator">How they are found.</param>
    /// <param name="source">The model that is asked.</param>
    /// <param name="exemplars">The prompt's exemplars.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="seed">Seed of the draws; Exact draws nothing.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static PromptEstimate[] Estimate(this IEstimator estimator, IAnswerSource source, IReadOnlyList<Fact> exemplars,
        IReadOnlyList<Fact> questions, int seed, CancellationToken cancellation)
    {
        var estimates = new PromptEstimate?[questions.Count];
        estimator.Estimate(source, exemplars, questions, seed, estimates, null, cancellation);
        return [.. estimates.Select(e => e!.Value)];
    }

    /// <summary>The same of a model in this process.</summary>
    /// <param name="estimator">How they are found.</param>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="exemplars">The prompt's exemplars.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="seed">Seed of the draws; Exact draws nothing.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static PromptEstimate[] Estimate(this IEstimator estimator, Decoder decoder, ITokenizer tokenizer,
        IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed, CancellationToken cancellation) =>
        estimator.Estimate(new LocalModel(decoder, tokenizer), exemplars, questions, seed, cancellation);
}

/// <summary>
/// The closed form: teacher forcing gives the probability that a sample under the protocol's temperature and top-k is
/// the gold answer. It is a lower bound where the same string has tokenisations beside the tokenizer's own.
/// </summary>
/// <param name="options">The protocol.</param>
/// <param name="format">How questions are written.</param>
/// <exception cref="UsageException">An option is out of its range.</exception>
public sealed class ExactEstimator(SamplingOptions options, PromptFormat format) : IEstimator
{
    private readonly SamplingOptions options = OptionRanges.Check(options, "sampling");

    /// <inheritdoc />
    public string Name => "exact";

    /// <inheritdoc />
    public void Estimate(IAnswerSource source, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed,
        PromptEstimate?[] estimates, Action? batchDone, CancellationToken cancellation)
    {
        var model = RequireLocal(source);
        if (estimates.All(e => e is not null)) return;
        using var prompt = new PromptBatch(model.Decoder, model.Tokenizer, format, exemplars, questions);
        using var scorer = new AnswerScorer(model.Decoder, model.Tokenizer, options) { Bytes = model.Bytes };
        PromptedQuestion[] sorted = [.. prompt.Questions.OrderBy(q => q.Own.Length + q.Gold.Length)];
        foreach (var part in scorer.Batches(sorted, prompt.Shared?.Tokens ?? 0))
        {
            var rows = sorted[part];
            // A batch that is finished in part is done again as a whole.
            if (rows.All(q => estimates[q.Index] is not null)) continue;
            cancellation.ThrowIfCancellationRequested();
            using var scores = scorer.ScoreBatch(rows, prompt.Shared, sampled: true);
            var values = HostTransfer.Read<float>(scores);
            for (var i = 0; i < rows.Length; i++) estimates[rows[i].Index] = new(values[i] > 0, values[rows.Length + i], "", rows[i].Moved);
            batchDone?.Invoke();
        }
    }

    /// <summary>The model behind a source, which Exact looks into.</summary>
    /// <exception cref="UsageException">The source gives answers only.</exception>
    internal static LocalModel RequireLocal(IAnswerSource source) => source as LocalModel ?? throw new UsageException(
        $"The estimator exact reads the probabilities of gold answers inside a local model, and {source.Name} gives answers only; "
        + "use --estimator sampled, or --model with the model's folder.");
}

/// <summary>The paper's way: draw the greedy answer and the samples, and compare their text with the gold answer's.</summary>
/// <param name="options">The protocol.</param>
/// <param name="format">How questions are written.</param>
/// <param name="normaliser">What is made equal before answers are compared.</param>
/// <exception cref="UsageException">An option is out of its range.</exception>
public sealed class SampledEstimator(SamplingOptions options, PromptFormat format, AnswerNormaliser normaliser = AnswerNormaliser.None)
    : IEstimator
{
    private readonly SamplingOptions options = OptionRanges.Check(options, "sampling");

    /// <inheritdoc />
    public string Name => "sampled";

    /// <inheritdoc />
    public void Estimate(IAnswerSource source, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed,
        PromptEstimate?[] estimates, Action? batchDone, CancellationToken cancellation)
    {
        if (estimates.All(e => e is not null)) return;
        var prompt = new FewShotPrompt(format, exemplars);
        foreach (var batch in source.Draw(prompt, questions, options, seed, i => estimates[i] is null, cancellation))
        {
            foreach (var (index, answers, moved) in batch)
            {
                bool IsCorrect(string answer) => ExactMatch.IsCorrect(answer, questions[index].Answer, normaliser);
                var right = answers.Sampled.Where(a => IsCorrect(a.Answer)).Sum(a => a.Count);
                estimates[index] = new(IsCorrect(answers.Greedy), right / (double)options.Samples, answers.Greedy, moved);
            }
            batchDone?.Invoke();
        }
    }
}
