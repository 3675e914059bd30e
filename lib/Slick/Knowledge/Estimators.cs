using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Answers;
using Slick.Text;

namespace Slick.Knowledge;

/// <summary>The result for one question after one prompt.</summary>
/// <param name="GreedyCorrect">True where the greedy answer is right.</param>
/// <param name="SampledCorrect">Share of right samples (Sampled), or the probability that one sample is right (Exact).</param>
/// <param name="GreedyAnswer">The greedy answer where it was drawn (Sampled), else empty.</param>
/// <param name="MovedBoundary">True where the tokenizer joins the gold answer with the end of the prompt or of the line
/// (<see cref="PromptedQuestion.Moved"/>).</param>
public readonly record struct PromptEstimate(bool GreedyCorrect, double SampledCorrect, string GreedyAnswer = "",
    bool MovedBoundary = false);

/// <summary>A few-shot prompt by its exemplars.</summary>
/// <param name="Exemplars">The exemplars, in order.</param>
/// <param name="Seed">Seed of the draws after the prompt. Exact draws nothing.</param>
public sealed record EstimatedPrompt(IReadOnlyList<Fact> Exemplars, int Seed);

/// <summary>A way to find P_Correct (paper, section 3) of questions after one prompt.</summary>
public interface IEstimator
{
    /// <summary>The estimator's name on the command line: <c>exact</c> or <c>sampled</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Fills in the estimates of all questions after all prompts that are not there yet, batch by batch. The batches follow from all
    /// questions, prompts and the memory of a pass, whatever is filled in already. So work that was interrupted ends with the same numbers,
    /// up to rounding where the memory is another.
    /// </summary>
    /// <param name="source">The model that is asked.</param>
    /// <param name="prompts">The prompts of one relation: exemplars in order, and the seed of the draws. Exact draws nothing.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="estimates">The estimates [prompts][questions]; null for one that is not there yet.</param>
    /// <param name="batchDone">Called after each batch with the numbers of the prompts, from 0, that it had rows of; null for
    /// nobody.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="UsageException">The estimator cannot ask such a source.</exception>
    /// <exception cref="SlickException">The source cannot answer, or a prompt does not fit the model. The estimates filled in before are
    /// valid.</exception>
    void Estimate(IAnswerSource source, IReadOnlyList<EstimatedPrompt> prompts, IReadOnlyList<Fact> questions,
        PromptEstimate?[][] estimates, Action<IReadOnlyCollection<int>>? batchDone, CancellationToken cancellation);
}

/// <summary>Methods that all estimators have.</summary>
public static class Estimators
{
    /// <summary>The estimate of every question, in the order of <paramref name="questions"/>, by any source of answers.</summary>
    /// <param name="estimator">How P_Correct is found.</param>
    /// <param name="source">The model that is asked.</param>
    /// <param name="exemplars">The prompt's exemplars, in order.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="seed">Seed of the draws. Exact draws nothing.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="UsageException">The estimator cannot ask such a source.</exception>
    /// <exception cref="SlickException">The source cannot answer, or a prompt does not fit the model.</exception>
    public static PromptEstimate[] Estimate(this IEstimator estimator, IAnswerSource source, IReadOnlyList<Fact> exemplars,
        IReadOnlyList<Fact> questions, int seed, CancellationToken cancellation)
    {
        PromptEstimate?[][] estimates = [new PromptEstimate?[questions.Count]];
        estimator.Estimate(source, [new(exemplars, seed)], questions, estimates, null, cancellation);
        return [.. estimates[0].Select(e => e!.Value)];
    }

    /// <summary>The estimate of every question, in the order of <paramref name="questions"/>, by a model in this process.</summary>
    /// <param name="estimator">How P_Correct is found.</param>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="exemplars">The prompt's exemplars, in order.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="seed">Seed of the draws. Exact draws nothing.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="SlickException">A prompt does not fit the model.</exception>
    public static PromptEstimate[] Estimate(this IEstimator estimator, Decoder decoder, ITokenizer tokenizer,
        IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed, CancellationToken cancellation) =>
        estimator.Estimate(new LocalModel(decoder, tokenizer), exemplars, questions, seed, cancellation);
}

/// <summary>
/// The estimator Exact (ours): a closed form in place of the paper's samples. Teacher forcing gives the probability that a sample with the
/// protocol's temperature and top-k is the gold answer. The probability is a lower bound where the answer's text has other tokenisations
/// than the tokenizer's own. Taught in <c>notebooks/01-what-does-a-model-know.ipynb</c>.
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
    public void Estimate(IAnswerSource source, IReadOnlyList<EstimatedPrompt> prompts, IReadOnlyList<Fact> questions,
        PromptEstimate?[][] estimates, Action<IReadOnlyCollection<int>>? batchDone, CancellationToken cancellation)
    {
        var model = RequireLocal(source);
        if (estimates.All(e => Array.TrueForAll(e, found => found is not null))) return;
        using var batches = new PromptBatches(model.Decoder, PromptTokens.Of(model.Decoder.Config, model.Tokenizer,
            [.. prompts.Select(p => new FewShotPrompt(format, p.Exemplars))], questions), model.Memory);
        using var scorer = new AnswerScorer(model.Decoder, model.Tokenizer, options) { Memory = model.Memory };
        PromptRow[] sorted = [.. batches.Rows.OrderBy(r => r.Prompt).ThenBy(r => r.Question.Own.Length + r.Question.Gold.Length)];
        var (before, answered) = (model.Counts, 0L);
        // A batch that is filled in only in part is computed again as a whole.
        foreach (var (rows, values) in scorer.ScoreEach(sorted, batches.Caches,
            part => part.All(r => estimates[r.Prompt][r.Question.Index] is not null), cancellation))
        {
            model.Counts = before + new PassCounts(scorer.Passes, scorer.Rows, scorer.Tokens, answered += rows.Length);
            foreach (var (i, row) in rows.Index())
                estimates[row.Prompt][row.Question.Index] = new(values[i] > 0, values[rows.Length + i], "", row.Question.Moved);
            batchDone?.Invoke([.. rows.Select(r => r.Prompt).Distinct()]);
        }
    }

    /// <summary>The local model that a source is. Exact reads probabilities inside it.</summary>
    /// <param name="source">The source.</param>
    /// <exception cref="UsageException">The source gives answers only.</exception>
    internal static LocalModel RequireLocal(IAnswerSource source) => source as LocalModel ?? throw new UsageException(
        $"The estimator exact reads the probabilities of gold answers inside a local model, and {source.Name} gives answers only; "
        + "use --estimator sampled, or --model with the model's folder.");
}

/// <summary>
/// The estimator Sampled, the paper's (section 3): it draws the greedy answer and the samples, and compares their text with the gold
/// answer's.
/// </summary>
/// <param name="options">The protocol.</param>
/// <param name="format">How questions are written.</param>
/// <param name="normaliser">The rule by which both texts are made comparable before they are compared.</param>
/// <exception cref="UsageException">An option is out of its range.</exception>
public sealed class SampledEstimator(SamplingOptions options, PromptFormat format, AnswerNormaliser normaliser = AnswerNormaliser.None)
    : IEstimator
{
    private readonly SamplingOptions options = OptionRanges.Check(options, "sampling");

    /// <inheritdoc />
    public string Name => "sampled";

    /// <inheritdoc />
    public void Estimate(IAnswerSource source, IReadOnlyList<EstimatedPrompt> prompts, IReadOnlyList<Fact> questions,
        PromptEstimate?[][] estimates, Action<IReadOnlyCollection<int>>? batchDone, CancellationToken cancellation)
    {
        if (estimates.All(e => Array.TrueForAll(e, found => found is not null))) return;
        SeededPrompt[] seeded = [.. prompts.Select(p => new SeededPrompt(new(format, p.Exemplars), p.Seed))];
        foreach (var batch in source.Draw(seeded, questions, options, (j, i) => estimates[j][i] is null, cancellation))
        {
            foreach (var (prompt, index, answers, moved) in batch)
            {
                bool IsCorrect(string answer) => ExactMatch.IsCorrect(answer, questions[index].Answer, normaliser);
                var right = answers.Sampled.Where(a => IsCorrect(a.Answer)).Sum(a => a.Count);
                estimates[prompt][index] = new(IsCorrect(answers.Greedy), right / (double)options.Samples, answers.Greedy, moved);
            }
            batchDone?.Invoke([.. batch.Select(a => a.Prompt).Distinct()]);
        }
    }
}
