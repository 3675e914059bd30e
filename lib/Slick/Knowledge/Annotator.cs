using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Knowledge;

/// <summary>SliCK (paper, section 3): sorts a model's facts into four categories.</summary>
public static class Annotator
{
    /// <summary>Raised whenever a result would change.</summary>
    public const int Version = 3;

    /// <summary>Labels the questions of one relation; all of them see the same N_ex prompts.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="estimator">How P_Correct is found.</param>
    /// <param name="options">The protocol.</param>
    /// <param name="questions">Questions of one relation.</param>
    /// <param name="dev">The relation's dev facts, from which exemplars are drawn.</param>
    /// <param name="seed">Seed of exemplars and draws.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static IReadOnlyList<LabelRow> Label(Decoder decoder, ITokenizer tokenizer, IEstimator estimator, SamplingOptions options,
        IReadOnlyList<Fact> questions, IReadOnlyList<Fact> dev, int seed, CancellationToken cancellation = default) =>
        Label(new LocalModel(decoder, tokenizer), estimator, options, questions, dev, seed, Estimates(questions, options), null,
            cancellation);

    /// <summary>The same of any source of answers, going on from estimates that are there already.</summary>
    /// <param name="source">The model that is asked.</param>
    /// <param name="estimator">How P_Correct is found.</param>
    /// <param name="options">The protocol.</param>
    /// <param name="questions">Questions of one relation.</param>
    /// <param name="dev">The relation's dev facts, from which exemplars are drawn.</param>
    /// <param name="seed">Seed of exemplars and draws.</param>
    /// <param name="estimates">[prompts][questions], as <see cref="Estimates"/> makes it; what is null is filled in.</param>
    /// <param name="batchDone">Called after each batch with the prompt's number, from 0; null for nobody.</param>
    /// <param name="cancellation">Stops between batches.</param>
    internal static IReadOnlyList<LabelRow> Label(IAnswerSource source, IEstimator estimator, SamplingOptions options,
        IReadOnlyList<Fact> questions, IReadOnlyList<Fact> dev, int seed, PromptEstimate?[][] estimates, Action<int>? batchDone,
        CancellationToken cancellation)
    {
        if (questions.Count == 0) return [];
        var prompts = Exemplars(dev, options, questions[0].Relation, seed);
        for (var j = 0; j < prompts.Count; j++)
            estimator.Estimate(source, prompts[j], questions, DrawSeed(seed, questions[0].Relation, j), estimates[j],
                () => batchDone?.Invoke(j), cancellation);
        return [.. questions.Select((fact, i) =>
            Row(fact, [.. estimates.Select(prompt => prompt[i]!.Value)], estimator is ExactEstimator, options.Samples))];
    }

    /// <summary>Room for every prompt's estimate of every question, none of them known.</summary>
    internal static PromptEstimate?[][] Estimates(IReadOnlyList<Fact> questions, SamplingOptions options) =>
        [.. Enumerable.Range(0, options.Prompts).Select(_ => new PromptEstimate?[questions.Count])];

    /// <summary>The exemplars of each of a relation's prompts.</summary>
    internal static IReadOnlyList<IReadOnlyList<Fact>> Exemplars(IReadOnlyList<Fact> dev, SamplingOptions options, string relation,
        int seed) =>
        PromptBatch.DrawExemplars(dev, options, Seeds.Mix(seed, relation));

    /// <summary>
    /// The seed of the draws behind one of a relation's prompts; each question's draws follow from it and the fact's id alone
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
        // Exact says WeaklyKnown where the protocol would, more often than not.
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
            // Shares of 16 draws are no probabilities: 0 of 16 does not mean never.
            CategoryProbability = category is Category.HighlyKnown or Category.MaybeKnown ? 1 : !exact ? double.NaN
                : category == Category.WeaklyKnown ? 1 - none : none,
            GreedyAnswers = string.Join(" | ", prompts.Select(p => p.GreedyAnswer).Where(a => a.Length > 0).Distinct()),
        };
    }
}
