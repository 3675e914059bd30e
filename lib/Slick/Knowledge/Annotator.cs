using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Knowledge;

/// <summary>
/// SliCK (paper, section 3): sorts a model's facts into four categories by the answers that the model gives. Taught in
/// <c>notebooks/01-what-does-a-model-know.ipynb</c>.
/// </summary>
public static class Annotator
{
    /// <summary>
    /// Labels the questions of one relation with a model in this process. All questions are asked after the same few-shot prompts.
    /// </summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="estimator">How P_Correct is found.</param>
    /// <param name="options">The protocol.</param>
    /// <param name="questions">Questions of one relation.</param>
    /// <param name="dev">The relation's dev facts, from which exemplars are drawn.</param>
    /// <param name="seed">Seed of exemplars and draws.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <returns>One row for each question, in order.</returns>
    /// <exception cref="SlickException">The relation has too few dev facts, or a prompt does not fit the model.</exception>
    public static IReadOnlyList<LabelRow> Label(Decoder decoder, ITokenizer tokenizer, IEstimator estimator, SamplingOptions options,
        IReadOnlyList<Fact> questions, IReadOnlyList<Fact> dev, int seed, CancellationToken cancellation = default) =>
        Label(new LocalModel(decoder, tokenizer), estimator, options, questions, dev, seed, Estimates(questions, options), null,
            cancellation);

    /// <summary>
    /// Labels the questions of one relation with any source of answers, and goes on from estimates that are there already.
    /// </summary>
    /// <param name="source">The model that is asked.</param>
    /// <param name="estimator">How P_Correct is found.</param>
    /// <param name="options">The protocol.</param>
    /// <param name="questions">Questions of one relation.</param>
    /// <param name="dev">The relation's dev facts, from which exemplars are drawn.</param>
    /// <param name="seed">Seed of exemplars and draws.</param>
    /// <param name="estimates">The estimates [prompts][questions], as <see cref="Estimates"/> makes the array. Those that are null are
    /// filled in.</param>
    /// <param name="batchDone">Called after each batch with the numbers of its prompts, from 0; null for nobody.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    internal static IReadOnlyList<LabelRow> Label(IAnswerSource source, IEstimator estimator, SamplingOptions options,
        IReadOnlyList<Fact> questions, IReadOnlyList<Fact> dev, int seed, PromptEstimate?[][] estimates,
        Action<IReadOnlyCollection<int>>? batchDone,
        CancellationToken cancellation)
    {
        if (questions.Count == 0) return [];
        EstimatedPrompt[] prompts = [.. Exemplars(dev, options, questions[0].Relation, seed)
            .Select((exemplars, j) => new EstimatedPrompt(exemplars, DrawSeed(seed, questions[0].Relation, j)))];
        estimator.Estimate(source, prompts, questions, estimates, batchDone, cancellation);
        return [.. questions.Select((fact, i) =>
            Row(fact, [.. estimates.Select(prompt => prompt[i]!.Value)], estimator is ExactEstimator, options.Samples))];
    }

    /// <summary>An array for the estimate of every question after every prompt, [prompts][questions], all null.</summary>
    internal static PromptEstimate?[][] Estimates(IReadOnlyList<Fact> questions, SamplingOptions options) =>
        [.. Enumerable.Range(0, options.Prompts).Select(_ => new PromptEstimate?[questions.Count])];

    /// <summary>The exemplars of each of a relation's prompts.</summary>
    /// <param name="dev">The relation's dev facts.</param>
    /// <param name="options">Number of prompts, and of exemplars in each.</param>
    /// <param name="relation">The relation's id.</param>
    /// <param name="seed">The seed that the labels are made with.</param>
    internal static IReadOnlyList<IReadOnlyList<Fact>> Exemplars(IReadOnlyList<Fact> dev, SamplingOptions options, string relation,
        int seed) =>
        PromptBatch.DrawExemplars(dev, options, Seeds.Mix(seed, relation));

    /// <summary>
    /// The seed of the draws after one of a relation's prompts. The draws of each question follow from this seed and the fact's id alone
    /// (<see cref="AnswerTree"/>).
    /// </summary>
    /// <param name="seed">The seed that the labels are made with.</param>
    /// <param name="relation">The relation.</param>
    /// <param name="prompt">The prompt's number, from 0.</param>
    internal static int DrawSeed(int seed, string relation, int prompt) => Seeds.Mix(Seeds.Mix(seed, relation), prompt);

    private static LabelRow Row(Fact fact, PromptEstimate[] prompts, bool exact, int samples)
    {
        var greedy = prompts.Count(p => p.GreedyCorrect) / (double)prompts.Length;
        var none = prompts.Aggregate(1.0, (product, p) => product * Math.Pow(1 - Math.Clamp(p.SampledCorrect, 0, 1), samples));
        var sampled = prompts.Average(p => p.SampledCorrect);
        // The protocol draws samples by chance. Exact says WeaklyKnown where the protocol would say it at least half of the time.
        var weakly = exact ? 1 - none >= 0.5 : sampled > 0;
        var category = greedy == 1 ? Category.HighlyKnown : greedy > 0 ? Category.MaybeKnown : weakly ? Category.WeaklyKnown
            : Category.Unknown;
        return new LabelRow
        {
            FactId = fact.Id,
            Relation = fact.Relation,
            Split = fact.Split,
            Question = fact.Question,
            Answer = fact.Answer,
            GreedyCorrect = greedy,
            SampledCorrect = sampled,
            Category = category,
            // A share of draws is no probability: 0 of 16 right does not mean that no sample is ever right.
            CategoryProbability = category is Category.HighlyKnown or Category.MaybeKnown ? 1 : !exact ? double.NaN
                : category == Category.WeaklyKnown ? 1 - none : none,
            GreedyAnswers = string.Join(" | ", prompts.Select(p => p.GreedyAnswer).Where(a => a.Length > 0).Distinct()),
        };
    }
}
