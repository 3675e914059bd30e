using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Analysis;

/// <summary>The accuracy of an arm at a stop, times a weight: a part of a contrast.</summary>
public sealed record Term(Arm Arm, Stop Stop, double Weight);

/// <summary>A set of a base model that no run was done on.</summary>
/// <param name="Arm">The kind of set.</param>
/// <param name="BaseSeed">Seed of the base model.</param>
/// <param name="Reason">Why, such as that no fact belongs to it.</param>
public sealed record LackingSet(Arm Arm, int BaseSeed, string Reason);

/// <summary>
/// The tables of a study, by arm and cluster. A cluster is what varies independently: a base model where there are several, else a
/// draw of D and its order.
/// </summary>
/// <remarks>
/// Intervals. Several base models: t over them. One base model of the lab: t over draws; of one draw, a bootstrap over questions. One
/// base model that we did not make: over questions and, where an arm was drawn more than once, over draws; the wider decides. Test
/// questions of which only a part was asked are weighted: a question of a category stands for (labelled questions of that category) /
/// (questions asked of it).
/// </remarks>
public sealed class StudyData
{
    private readonly Dictionary<Arm, List<StudyRun>> runs = [];
    private readonly StudyResult result;
    // Relation and category of each question of a base model, and what set it is in.
    private readonly Dictionary<int, Dictionary<int, (string Relation, QuestionSet Set, string Category)>> questions = [];

    /// <summary>All runs that have epochs.</summary>
    public IReadOnlyList<StudyRun> Runs { get; }
    /// <summary>True where the clusters are base models.</summary>
    public bool SeveralBases { get; }
    /// <summary>True where we made the base models: with one of them, intervals are over draws of D alone.</summary>
    public bool IsLab { get; }
    /// <summary>The clusters, in order.</summary>
    public IReadOnlyList<int> Clusters { get; }
    /// <summary>Runs that fit less than 99% of their set at the last epoch; they enter no verdict about CONVERGENCE.</summary>
    public IReadOnlyList<StudyRun> NotConverged { get; }
    /// <summary>Sets without facts.</summary>
    public IReadOnlyList<LackingSet> Lacking { get; }
    /// <summary>True where runs diverged: an arm that is missing may be one of them.</summary>
    public bool HasFailures { get; }

    /// <summary>Sorts the rows of a study.</summary>
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
        Clusters = [.. Runs.Select(Cluster).Distinct().Order()];
        NotConverged = [.. runs.Values.SelectMany(r => r).Where(r => !r.Converged)];
    }

    /// <summary>The same study without the base models whose seed lies below.</summary>
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

    // Of a category all labelled test questions may be asked, or a part of them drawn at random.
    private Dictionary<(QuestionSet, string), double> Weights(int baseSeed, IEnumerable<ScoreRow> scores)
    {
        var weights = new Dictionary<(QuestionSet, string), double>();
        if (!questions.TryGetValue(baseSeed, out var of)) return weights;
        var labelled = of.Values.Where(q => q.Category.Length > 0).CountBy(q => (q.Set, q.Category)).ToDictionary();
        foreach (var row in scores.DistinctBy(s => (s.Set, s.Category)))
            if (labelled.TryGetValue((row.Set, row.Category), out var count) && row.Of > 0 && count > row.Of)
                weights[(row.Set, row.Category)] = count / (double)row.Of;
        return weights;
    }

    /// <summary>The cluster that a run belongs to.</summary>
    public int Cluster(StudyRun run) => SeveralBases ? run.Row.BaseSeed : run.Row.Draw;

    /// <summary>The arms that were run.</summary>
    public IReadOnlyList<Arm> Arms => [.. runs.Keys];

    /// <summary>The runs of an arm.</summary>
    public IReadOnlyList<StudyRun> Of(Arm arm) => runs.GetValueOrDefault(arm, []);

    /// <summary>True where a cluster has a run of the arm that may be looked at then.</summary>
    public bool Has(Arm arm, Stop stop, int cluster, QuestionSet set = QuestionSet.Test) => Of(arm, stop, cluster, set).Any();

    private IEnumerable<StudyRun> Of(Arm arm, Stop stop, int cluster, QuestionSet set) =>
        Of(arm).Where(r => Cluster(r) == cluster && r.EpochOf(stop) is { } epoch && r.Right(epoch, set).Of > 0);

    /// <summary>A number of each cluster's runs of an arm (the mean over its draws).</summary>
    /// <param name="arm">The arm.</param>
    /// <param name="value">The number of a run; NaN to leave a run out.</param>
    /// <param name="within">What one run alone says of the number; null where it says nothing of its uncertainty.</param>
    public Estimate OverRuns(Arm arm, Func<StudyRun, double> value, Func<StudyRun, Estimate>? within = null)
    {
        var of = Of(arm).Where(r => !double.IsNaN(value(r))).ToList();
        var over = Estimate.OverClusters([.. of.GroupBy(Cluster).OrderBy(g => g.Key).Select(g => g.Average(value))], Unit);
        if (SeveralBases || of.Count == 0 || within is null || IsLab && of.Count > 1) return over;
        // The first draw stands for what the others say within themselves.
        return Estimate.Wider(over, within(of[0]));
    }

    /// <summary>A weighted sum of accuracies, with the interval that the class describes.</summary>
    /// <param name="terms">The sum of a cluster; empty to leave the cluster out.</param>
    /// <param name="category">Which questions count, by their category for the base model; null for all.</param>
    /// <param name="set">Which test set.</param>
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

    // Of one base model: the sum question by question, averaged over the clusters, which are draws. Null where no answers were kept.
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
        // One accuracy of one run is a share.
        return terms == 1 && clusters[0].Terms[0].Weight == 1 && values.All(v => v.Weight == 1)
            ? Estimate.OfShare(values.Count(v => v.Value > 0.5), values.Length)
            : Estimate.OverQuestions(values, clusters.Count == 1 ? "one run" : $"{clusters.Count} draws");
    }

    /// <summary>
    /// The mean of a share over clusters, for a point of a figure: t over clusters; of one base model that we did not make also Wilson's
    /// interval of the questions of one run, and the wider of both.
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

    /// <summary>% Unknown of the sets D.</summary>
    internal static IReadOnlyList<int> Percents { get; } = [0, 25, 50, 75, 100];

    /// <summary>The percentages that every cluster has, of those clusters that have any: all then estimate the same number.</summary>
    /// <param name="has">Whether a cluster has a percentage.</param>
    internal IReadOnlyList<int> Shared(Func<int, int, bool> has)
    {
        var clusters = Clusters.Where(c => Percents.Any(p => has(c, p))).ToList();
        return [.. Percents.Where(p => clusters.Count > 0 && clusters.All(c => has(c, p)))];
    }

    /// <summary>What the clusters are, in a word: seeds or draws.</summary>
    public string Unit => SeveralBases ? "seeds" : "draws";
}
