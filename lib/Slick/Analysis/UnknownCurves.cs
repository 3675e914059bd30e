using Slick.Experiments;
using Slick.Facts;

namespace Slick.Analysis;

/// <summary>A test question with what the methods of Figure 5 say of it.</summary>
/// <param name="Relation">The question's relation.</param>
/// <param name="Weight">How many questions this one stands for.</param>
/// <param name="Right">Share of the runs that answer it rightly after fine-tuning.</param>
/// <param name="Greedy">Whether the greedy answer behind each prompt is right, [prompts].</param>
/// <param name="Probabilities">Probability that one drawn answer behind each prompt is right, [prompts].</param>
/// <param name="PTrue">P(True) of the gold answer; NaN where it was not asked.</param>
/// <param name="Statements">How often pre-training states the gold answer; -1 where that is not known.</param>
public sealed record UnknownQuestion(string Relation, double Weight, double Right, IReadOnlyList<bool> Greedy,
    IReadOnlyList<double> Probabilities, double PTrue, int Statements);

/// <summary>Questions that a method calls Unknown.</summary>
/// <param name="Threshold">N_ex, the threshold of P(True), or the most statements.</param>
/// <param name="Labelled">The share of the test questions that is called Unknown.</param>
/// <param name="Accuracy">The share of these that is answered rightly after fine-tuning, with Wilson's interval over questions; NaN where
/// none is called Unknown.</param>
public sealed record UnknownPoint(double Threshold, double Labelled, Interval Accuracy);

/// <summary>
/// Figure 5 of the paper: how many test questions a method calls Unknown, and how many of these are answered rightly after fine-tuning.
/// A question that the model answers rightly afterwards was not unknown, so lower is better.
/// </summary>
public static class UnknownCurves
{
    /// <summary>The set whose runs are asked: D_Natural (the paper), or D 50% where that was not run; null where neither was.</summary>
    /// <param name="data">The study.</param>
    public static Arm? ArmOf(StudyData data) => new Arm[] { new(ArmKind.Natural), new(ArmKind.Ratio, 50) }
        .FirstOrDefault(a => data.Of(a).Count > 0);

    /// <summary>The questions that were asked, with their answers at a stop, of the first base model.</summary>
    /// <param name="study">The study.</param>
    /// <param name="data">The same study, sorted.</param>
    /// <param name="asked">What the base model says of each question.</param>
    /// <param name="stop">The stop. CONVERGENCE is here the last epoch.</param>
    public static IReadOnlyList<UnknownQuestion> Questions(StudyResult study, StudyData data, UnknownBenchmark asked, Stop stop)
    {
        ArgumentNullException.ThrowIfNull(asked);
        if (ArmOf(data) is not { } arm) return [];
        var of = study.Bases[0];
        var runs = data.Of(arm).Where(r => r.Row.BaseSeed == of.Seed)
            .Select(r => (Run: r, Epoch: stop == Stop.Convergence ? r.Stops!.Last : r.EpochOf(stop))).Where(r => r.Epoch is not null)
            .ToList();
        var right = runs.SelectMany(r => r.Run.Answers(r.Epoch!.Value)).ToLookup(a => a.FactId, a => a.Right ? 1.0 : 0);
        var labels = of.Labels.ToDictionary(l => l.FactId);
        var stated = of.Exposures.ToDictionary(e => e.FactId, e => e.GoldExposures);
        var pTrue = asked.PTrue.ToDictionary(p => p.FactId, p => p.Probability);
        return [.. from prompts in asked.Prompts.GroupBy(p => p.FactId)
                   where right[prompts.Key].Any() && labels.ContainsKey(prompts.Key)
                   let inOrder = prompts.OrderBy(p => p.Prompt).ToList()
                   let label = labels[prompts.Key]
                   select new UnknownQuestion(label.Relation, runs[0].Run.Weight(QuestionSet.Test, label.Category.ToString()),
                       right[prompts.Key].Average(), [.. inOrder.Select(p => p.GreedyCorrect)], [.. inOrder.Select(p => p.Probability)],
                       pTrue.GetValueOrDefault(prompts.Key, double.NaN), stated.GetValueOrDefault(prompts.Key, -1))];
    }

    /// <summary>
    /// SliCK's Unknown by N_ex = 1, 2, ... prompts. With fewer than all prompts: the mean over all choices of so many of them, the same
    /// prompts for all questions of a relation.
    /// </summary>
    /// <param name="questions">The questions.</param>
    /// <param name="samples">Drawn answers for each prompt, as of <see cref="Answers.SamplingOptions.Samples"/>.</param>
    public static IReadOnlyList<UnknownPoint> BySlick(IReadOnlyList<UnknownQuestion> questions, int samples)
    {
        if (questions.Count == 0) return [];
        var prompts = questions[0].Greedy.Count;
        var (labelled, squares, right) = (new double[prompts + 1], new double[prompts + 1], new double[prompts + 1]);
        var choices = new int[prompts + 1];
        for (var chosen = 1; chosen < 1 << prompts; chosen++)
        {
            int[] of = [.. Enumerable.Range(0, prompts).Where(j => (chosen >> j & 1) == 1)];
            choices[of.Length]++;
            foreach (var q in questions.Where(q => IsUnknown(q, of, samples)))
            {
                labelled[of.Length] += q.Weight;
                squares[of.Length] += q.Weight * q.Weight;
                right[of.Length] += q.Weight * q.Right;
            }
        }
        return [.. Enumerable.Range(1, prompts).Select(n =>
            Point(questions, n, labelled[n] / choices[n], squares[n] / choices[n], right[n] / choices[n]))];
    }

    /// <summary>Whether SliCK by Exact calls a question Unknown behind some of its prompts.</summary>
    internal static bool IsUnknown(UnknownQuestion question, IReadOnlyList<int> prompts, int samples) =>
        !prompts.Any(j => question.Greedy[j])
        && prompts.Aggregate(1.0, (none, j) => none * Math.Pow(1 - Math.Clamp(question.Probabilities[j], 0, 1), samples)) > 0.5;

    /// <summary>Unknown by P(True) below a threshold, for the thresholds below which 5, 10, ..., 100% of the questions lie.</summary>
    /// <param name="questions">The questions; those that were not asked for P(True) give no points.</param>
    public static IReadOnlyList<UnknownPoint> ByPTrue(IReadOnlyList<UnknownQuestion> questions) =>
        questions.Count == 0 || questions.Any(q => double.IsNaN(q.PTrue)) ? []
            : [.. Enumerable.Range(1, 20).Select(i => Lowest(questions, 0.05 * i))
                .Select(of => Labelled(questions, of, of.Max(q => q.PTrue)))];

    /// <summary>The truth, which only a lab has: facts that pre-training states at most 0, 1, 3, 7, ... times.</summary>
    /// <param name="questions">The questions.</param>
    public static IReadOnlyList<UnknownPoint> ByTruth(IReadOnlyList<UnknownQuestion> questions) =>
        questions.Count == 0 || questions.Any(q => q.Statements < 0) ? []
            : [.. Enumerable.Range(0, 9).Select(i => (1 << i) - 1).Select(most =>
                Labelled(questions, [.. questions.Where(q => q.Statements <= most)], most))];

    /// <summary>
    /// Accuracy on P(True)'s Unknown minus that on SliCK's with all prompts, where P(True) calls as many questions Unknown as SliCK does:
    /// those with the lowest P(True). The interval is a bootstrap over questions within relations. Null where there is no P(True).
    /// </summary>
    /// <param name="questions">The questions.</param>
    /// <param name="samples">Drawn answers for each prompt.</param>
    public static Estimate? PTrueMinusSlick(IReadOnlyList<UnknownQuestion> questions, int samples)
    {
        if (questions.Count == 0 || questions.Any(q => double.IsNaN(q.PTrue))) return null;
        int[] all = [.. Enumerable.Range(0, questions[0].Greedy.Count)];
        var slick = questions.Where(q => IsUnknown(q, all, samples)).ToHashSet();
        var share = slick.Sum(q => q.Weight) / questions.Sum(q => q.Weight);
        if (share == 0) return null;
        var other = Lowest(questions, share).ToHashSet();
        var same = other.Sum(q => q.Weight) / questions.Sum(q => q.Weight);
        return Estimate.OverQuestions([.. questions.Select(q => new QuestionValue(q.Relation,
            q.Right * ((other.Contains(q) ? 1 / same : 0) - (slick.Contains(q) ? 1 / share : 0)), q.Weight))]);
    }

    // The questions with the lowest P(True) that make up a share of all.
    private static List<UnknownQuestion> Lowest(IReadOnlyList<UnknownQuestion> questions, double share)
    {
        var (left, found) = (share * questions.Sum(q => q.Weight), new List<UnknownQuestion>());
        foreach (var question in questions.OrderBy(q => q.PTrue))
        {
            if (found.Count > 0 && left < question.Weight / 2) break;
            found.Add(question);
            left -= question.Weight;
        }
        return found;
    }

    private static UnknownPoint Labelled(IReadOnlyList<UnknownQuestion> questions, IReadOnlyList<UnknownQuestion> of, double threshold) =>
        Point(questions, threshold, of.Sum(q => q.Weight), of.Sum(q => q.Weight * q.Weight), of.Sum(q => q.Weight * q.Right));

    // Labelled, squares, right: sums over the questions that are called Unknown, of the weights, of their squares, and of the weights times
    // the share of right answers. The interval is that of as many questions as would be as informative as these, whose weights differ
    // (Kish 1965).
    private static UnknownPoint Point(IReadOnlyList<UnknownQuestion> questions, double threshold, double labelled, double squares,
        double right) => new(threshold, labelled / questions.Sum(q => q.Weight), labelled == 0 ? Interval.Unbounded(double.NaN)
            : Intervals.Wilson(Math.Clamp(right / labelled, 0, 1), labelled * labelled / squares));
}
