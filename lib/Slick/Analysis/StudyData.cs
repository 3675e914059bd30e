using System.Globalization;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Analysis;

/// <summary>The accuracy of an arm at a stop, times a weight. A contrast is a sum of such terms.</summary>
/// <param name="Arm">The arm.</param>
/// <param name="Stop">The epoch at which the accuracy is taken.</param>
/// <param name="Weight">The factor of the accuracy.</param>
public sealed record Term(Arm Arm, Stop Stop, double Weight);

/// <summary>A fine-tuning set of a base model for which there was no run.</summary>
/// <param name="Arm">The arm of the set.</param>
/// <param name="BaseSeed">Seed of the base model.</param>
/// <param name="Reason">Why there was no run, such as that no fact belongs to the set.</param>
public sealed record LackingSet(Arm Arm, int BaseSeed, string Reason);

/// <summary>
/// The tables of a study, by arm and cluster. Clusters vary independently of each other. A cluster is a base model where the study has
/// several base models; else a cluster is a draw of D and its order. Taught in <c>notebooks/08-how-sure.ipynb</c>.
/// </summary>
/// <remarks>
/// Intervals. With several base models they are t over the base models. With one base model of the lab they are t over draws, and with one
/// draw a bootstrap over questions. With one base model that we did not make they are over questions and, where an arm was drawn more than
/// once, over draws; the wider of the two is used. Test questions of which only a part was asked are weighted: a question of a category
/// stands for (labelled questions of that category) / (questions asked of that category).
/// </remarks>
public sealed class StudyData
{
    private readonly Dictionary<Arm, List<StudyRun>> runs = [];
    private readonly StudyResult result;
    // The number of examples of D for each seed of a base model.
    private readonly Dictionary<int, int> sizes;
    // For each seed of a base model: relation, set and category of each test question, by fact id.
    private readonly Dictionary<int, Dictionary<int, (string Relation, QuestionSet Set, string Category)>> questions = [];

    /// <summary>All runs that have epochs.</summary>
    public IReadOnlyList<StudyRun> Runs { get; }
    /// <summary>True where the clusters are base models.</summary>
    public bool SeveralBases { get; }
    /// <summary>True where we made the base models.</summary>
    public bool IsLab { get; }
    /// <summary>The clusters in ascending order: seeds of base models, or numbers of draws.</summary>
    public IReadOnlyList<int> Clusters { get; }
    /// <summary>Runs that fit less than 99% of their set at the last epoch. They take no part in verdicts about CONVERGENCE.</summary>
    public IReadOnlyList<StudyRun> NotConverged { get; }
    /// <summary>Fine-tuning sets for which there was no run.</summary>
    public IReadOnlyList<LackingSet> Lacking { get; }
    /// <summary>Sets of as many examples as D that have fewer, because the base model has too few facts of their category. Their runs take
    /// no part in claims about single categories: a smaller set does less whatever it holds.</summary>
    public IReadOnlyList<LackingSet> TooSmall { get; }
    /// <summary>True where runs diverged. An arm without runs may be one of these.</summary>
    public bool HasFailures { get; }

    /// <summary>Sorts the rows of a study by arm and cluster.</summary>
    /// <param name="result">The study.</param>
    public StudyData(StudyResult result)
    {
        this.result = result;
        SeveralBases = result.Runs.Select(r => r.BaseSeed).Distinct().Count() > 1;
        (IsLab, HasFailures) = (result.IsLab, result.Failures.Count > 0);
        var epochs = result.Epochs.ToLookup(e => e.Run, StringComparer.Ordinal);
        var scores = result.Scores.ToLookup(s => s.Run, StringComparer.Ordinal);
        var answers = result.Answers.ToLookup(a => a.Run, StringComparer.Ordinal);
        foreach (var of in result.Bases) questions[of.Seed] = Questions(of);
        var weights = result.Runs.Select(r => r.BaseSeed).Distinct()
            .ToDictionary(s => s, s => Weights(s, result.Runs.Where(r => r.BaseSeed == s).SelectMany(r => scores[r.Run])));
        Runs = [.. result.Runs.Where(r => r.Reason.Length == 0 && epochs[r.Run].Any())
            .Select(r => new StudyRun(r, epochs[r.Run], scores[r.Run], answers[r.Run], weights[r.BaseSeed]))];
        foreach (var run in Runs)
        {
            if (!runs.TryGetValue(run.Arm, out var list)) runs[run.Arm] = list = [];
            list.Add(run);
        }
        Lacking = [.. result.Runs.Where(r => r.Reason.Length > 0).Select(r => new LackingSet(new(r.Kind, r.UnknownPercent), r.BaseSeed,
            r.Reason)).Distinct()];
        sizes = Runs.Where(r => r.Row.Kind == ArmKind.Ratio).GroupBy(r => r.Row.BaseSeed).ToDictionary(g => g.Key, g => g.Max(Examples));
        TooSmall = [.. Runs.Where(IsTooSmall).Select(r => new LackingSet(r.Arm, r.Row.BaseSeed, string.Create(CultureInfo.InvariantCulture,
            $"{r.Arm} has {Examples(r)} examples, |D| is {sizes[r.Row.BaseSeed]}"))).Distinct()];
        Clusters = [.. Runs.Select(Cluster).Distinct().Order()];
        NotConverged = [.. runs.Values.SelectMany(r => r).Where(r => !r.Converged)];
    }

    private static int Examples(StudyRun run) => run.Row.KnownExamples + run.Row.UnknownExamples;

    /// <summary>True for a run on a set of as many examples as D that has fewer, by more than 1%.</summary>
    /// <param name="run">The run.</param>
    public bool IsTooSmall(StudyRun run) => run.Row.Kind is ArmKind.Ratio or ArmKind.HighlyKnown or ArmKind.MaybeKnown
        or ArmKind.WeaklyKnown or ArmKind.Natural && sizes.TryGetValue(run.Row.BaseSeed, out var size) && Examples(run) < 0.99 * size;

    /// <summary>The same study without the base models whose seed is below <paramref name="firstSeed"/>.</summary>
    /// <param name="firstSeed">The first seed that counts.</param>
    public StudyData From(int firstSeed)
    {
        if (result.Runs.All(r => r.BaseSeed >= firstSeed)) return this;
        var kept = result.Runs.Where(r => r.BaseSeed >= firstSeed).Select(r => r.Run).ToHashSet(StringComparer.Ordinal);
        return new(result with
        {
            Bases = [.. result.Bases.Where(b => b.Seed >= firstSeed)],
            Runs = [.. result.Runs.Where(r => kept.Contains(r.Run))],
            Epochs = [.. result.Epochs.Where(r => kept.Contains(r.Run))],
            Scores = [.. result.Scores.Where(r => kept.Contains(r.Run))],
            Answers = [.. result.Answers.Where(r => kept.Contains(r.Run))],
        });
    }

    private static Dictionary<int, (string, QuestionSet, string)> Questions(LabelledBase of)
    {
        var trained = of.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        var categories = of.Labels.ToDictionary(l => l.FactId, l => l.Category.ToString());
        return of.Facts.Where(f => f.Split == Split.Test).ToDictionary(f => f.Id, f => (f.Relation,
            trained.Contains(f.Relation) ? QuestionSet.Test : QuestionSet.Ood, categories.GetValueOrDefault(f.Id, "")));
    }

    // Of the Unknown test questions all labelled ones may have been asked, or a part of them drawn at random. Known test questions that the
    // rule about common answers leaves out are no part of what is measured, so none stands for them.
    private Dictionary<(QuestionSet, string), double> Weights(int baseSeed, IEnumerable<ScoreRow> scores)
    {
        var weights = new Dictionary<(QuestionSet, string), double>();
        if (!questions.TryGetValue(baseSeed, out var of)) return weights;
        var labelled = of.Values.Where(q => q.Category.Length > 0).CountBy(q => (q.Set, q.Category)).ToDictionary();
        foreach (var row in scores.Where(s => s.Category == nameof(Category.Unknown)).DistinctBy(s => (s.Set, s.Category)))
            if (labelled.TryGetValue((row.Set, row.Category), out var count) && row.Of > 0 && count > row.Of)
                weights[(row.Set, row.Category)] = count / (double)row.Of;
        return weights;
    }

    /// <summary>The cluster of a run: the seed of its base model, or its draw.</summary>
    public int Cluster(StudyRun run) => SeveralBases ? run.Row.BaseSeed : run.Row.Draw;

    /// <summary>The arms that have runs.</summary>
    public IReadOnlyList<Arm> Arms => [.. runs.Keys];

    /// <summary>The runs of an arm; empty where there are none.</summary>
    public IReadOnlyList<StudyRun> Of(Arm arm) => runs.GetValueOrDefault(arm, []);

    /// <summary>True where a cluster has a run of the arm that has this stop and was asked questions of the set there.</summary>
    public bool Has(Arm arm, Stop stop, int cluster, QuestionSet set = QuestionSet.Test) => Of(arm, stop, cluster, set).Any();

    private IEnumerable<StudyRun> Of(Arm arm, Stop stop, int cluster, QuestionSet set) =>
        Of(arm).Where(r => Cluster(r) == cluster && r.EpochOf(stop) is { } epoch && r.Right(epoch, set).Of > 0);

    /// <summary>The mean over clusters of a number of an arm's runs. Within a cluster the number is averaged over draws.</summary>
    /// <param name="arm">The arm.</param>
    /// <param name="value">Gives the number of a run; NaN leaves the run out.</param>
    /// <param name="within">Gives the estimate of the number from one run alone; null where one run says nothing of its
    /// uncertainty.</param>
    public Estimate OverRuns(Arm arm, Func<StudyRun, double> value, Func<StudyRun, Estimate>? within = null)
    {
        var of = Of(arm).Where(r => !double.IsNaN(value(r))).ToList();
        var over = Estimate.OverClusters([.. of.GroupBy(Cluster).OrderBy(g => g.Key).Select(g => g.Average(value))], Unit);
        if (SeveralBases || of.Count == 0 || within is null || IsLab && of.Count > 1) return over;
        // Where there are several draws, the first one gives the uncertainty within a run.
        return Estimate.Wider(over, within(of[0]));
    }

    /// <summary>The mean over clusters of a weighted sum of accuracies, with the interval that <see cref="StudyData"/> describes.</summary>
    /// <param name="terms">Gives the sum of a cluster; an empty list leaves the cluster out.</param>
    /// <param name="category">Which questions count, by the category that the base model gives them; null for all questions.</param>
    /// <param name="set">The test set.</param>
    public Estimate Contrast(Func<int, IReadOnlyList<Term>> terms, Func<Category, bool>? category = null,
        QuestionSet set = QuestionSet.Test)
    {
        var clusters = new List<(int Cluster, IReadOnlyList<Term> Terms, double Value)>();
        foreach (var cluster in Clusters)
        {
            if (terms(cluster) is not { Count: > 0 } sum) continue;
            var value = sum.Sum(t => t.Weight
                * Of(t.Arm, t.Stop, cluster, set).Average(r => r.Right(r.EpochOf(t.Stop)!.Value, set, category).Value));
            if (!double.IsNaN(value)) clusters.Add((cluster, sum, value));
        }
        var over = Estimate.OverClusters([.. clusters.Select(c => c.Value)], Unit);
        if (SeveralBases || clusters.Count == 0 || IsLab && clusters.Count > 1) return over;
        return Estimate.Wider(over, OverQuestions(clusters, category, set) ?? over);
    }

    // For one base model: the sum of each question, averaged over the clusters, which are draws. Null where no answers were kept.
    private Estimate? OverQuestions(List<(int Cluster, IReadOnlyList<Term> Terms, double Value)> clusters,
        Func<Category, bool>? category, QuestionSet set)
    {
        var sums = new SortedDictionary<int, double>();
        StudyRun? only = null;
        var terms = 0;
        foreach (var (cluster, sum, _) in clusters)
            foreach (var term in sum)
            {
                var of = Of(term.Arm, term.Stop, cluster, set).ToList();
                foreach (var run in of)
                {
                    var known = questions.GetValueOrDefault(run.Row.BaseSeed, []);
                    (only, terms) = (run, terms + 1);
                    foreach (var answer in run.Answers(run.EpochOf(term.Stop)!.Value))
                    {
                        if (!known.TryGetValue(answer.FactId, out var question) || question.Set != set
                            || category is not null && !(Enum.TryParse<Category>(question.Category, out var c) && category(c))) continue;
                        sums[answer.FactId] = sums.GetValueOrDefault(answer.FactId)
                            + (answer.Right ? term.Weight / of.Count / clusters.Count : 0);
                    }
                }
            }
        if (sums.Count == 0) return null;
        var all = questions[only!.Row.BaseSeed];
        QuestionValue[] values = [.. sums.Select(s => new QuestionValue(all[s.Key].Relation, s.Value,
            only.Weight(set, all[s.Key].Category)))];
        // A single accuracy of one run is a share of questions, where each stands for as many.
        return terms == 1 && clusters[0].Terms[0].Weight == 1 && values.All(v => v.Weight == values[0].Weight)
            ? Estimate.OfShare(values.Count(v => v.Value > 0.5), values.Length)
            : Estimate.OverQuestions(values, clusters.Count == 1 ? "one run" : $"{clusters.Count} draws");
    }

    /// <summary>
    /// The mean of a share over clusters, for a point of a figure, with its t interval over clusters. For one base model that we did not
    /// make, Wilson's interval over the questions of one run is computed too, and the wider of both is used.
    /// </summary>
    /// <param name="shares">The shares, each with the run that it belongs to.</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    public Interval Mean(IReadOnlyList<(StudyRun Run, Share Share)> shares, double level = 0.95)
    {
        var known = shares.Where(s => !double.IsNaN(s.Share.Value)).ToList();
        var over = Intervals.MeanT([.. known.GroupBy(s => Cluster(s.Run)).OrderBy(g => g.Key).Select(g => g.Average(s => s.Share.Value))],
            level);
        if (SeveralBases || IsLab || known.Count == 0) return over;
        var questions = Intervals.Wilson(over.Estimate, known.Average(s => s.Share.EffectiveQuestions), level);
        return over.HasBounds && over.High - over.Low > questions.High - questions.Low ? over : questions;
    }

    /// <summary>The percentages of Unknown examples that the sets D have (paper, section 4).</summary>
    internal static IReadOnlyList<int> Percents { get; } = [0, 25, 50, 75, 100];

    /// <summary>The percentages that all clusters have, among the clusters that have any. With the same percentages all clusters estimate
    /// the same number.</summary>
    /// <param name="has">Whether a cluster has a percentage: (cluster, percentage).</param>
    internal IReadOnlyList<int> Shared(Func<int, int, bool> has)
    {
        var clusters = Clusters.Where(c => Percents.Any(p => has(c, p))).ToList();
        return [.. Percents.Where(p => clusters.Count > 0 && clusters.All(c => has(c, p)))];
    }

    /// <summary>What the clusters are: <c>seeds</c> or <c>draws</c>.</summary>
    public string Unit => SeveralBases ? "seeds" : "draws";
}
