using Slick.Knowledge;
using Slick.Experiments;

namespace Slick.Analysis;

/// <summary>When a run is looked at.</summary>
public enum Stop
{
    /// <summary>The epoch with the best dev accuracy.</summary>
    EarlyStop,
    /// <summary>The last epoch, of runs that fit at least 99% of their set by then.</summary>
    Convergence,
}

/// <summary>The accuracy of an arm at a stop, times a weight: a part of a contrast.</summary>
public sealed record Term(Arm Arm, Stop Stop, double Weight);

/// <summary>
/// The tables of a study, by arm and cluster. A cluster is what varies independently: a base model where there are
/// several, else a draw of D and its order.
/// </summary>
public sealed class StudyData
{
    private sealed record RunData(int Cluster, List<EpochRow> Epochs, List<AnswerRow> Answers)
    {
        public bool Converged => Epochs[^1].Fitted >= 0.99;
    }

    private readonly Dictionary<Arm, List<RunData>> runs = [];

    /// <summary>All epochs.</summary>
    public IReadOnlyList<EpochRow> Epochs { get; }
    /// <summary>True where the clusters are base models.</summary>
    public bool SeveralBases { get; }
    /// <summary>The clusters, in order.</summary>
    public IReadOnlyList<int> Clusters { get; }
    /// <summary>Runs that fit less than 99% of their set at the last epoch; they enter no verdict about CONVERGENCE.</summary>
    public IReadOnlyList<(Arm Arm, int Cluster, double Fitted)> NotConverged { get; }

    /// <summary>Sorts the rows of a study.</summary>
    public StudyData(IReadOnlyList<EpochRow> epochs, IReadOnlyList<AnswerRow> answers)
    {
        Epochs = epochs;
        SeveralBases = epochs.Select(e => e.BaseSeed).Distinct().Count() > 1;
        var byRun = answers.GroupBy(a => (a.Kind, a.UnknownPercent, a.BaseSeed, a.Seed))
            .ToDictionary(g => g.Key, g => g.OrderBy(a => a.FactId).ToList());
        foreach (var run in epochs.GroupBy(e => (e.Kind, e.UnknownPercent, e.BaseSeed, e.Seed)))
        {
            var arm = new Arm(run.Key.Kind, run.Key.UnknownPercent);
            if (!runs.TryGetValue(arm, out var list)) runs[arm] = list = [];
            list.Add(new RunData(Cluster(run.First()), [.. run.OrderBy(e => e.Epoch)], byRun[run.Key]));
        }
        Clusters = [.. runs.Values.SelectMany(r => r).Select(r => r.Cluster).Distinct().Order()];
        NotConverged = [.. runs.SelectMany(p => p.Value.Where(r => !r.Converged).Select(r => (p.Key, r.Cluster, r.Epochs[^1].Fitted)))];
    }

    /// <summary>The cluster that a row belongs to.</summary>
    public int Cluster(EpochRow row) => SeveralBases ? row.BaseSeed : row.Seed;

    /// <summary>The arms that were run.</summary>
    public IReadOnlyList<Arm> Arms => [.. runs.Keys];

    /// <summary>True where a cluster has a run of the arm that may be looked at then.</summary>
    public bool Has(Arm arm, Stop stop, int cluster) => Of(arm, stop, cluster).Any();

    private IEnumerable<RunData> Of(Arm arm, Stop stop, int cluster) =>
        runs.TryGetValue(arm, out var list) ? list.Where(r => r.Cluster == cluster && (stop == Stop.EarlyStop || r.Converged)) : [];

    /// <summary>A number of each cluster's run of an arm (the mean over its draws).</summary>
    /// <param name="arm">The arm.</param>
    /// <param name="value">The number of a run's epochs, from epoch 0; NaN to leave a run out.</param>
    public Estimate OverRuns(Arm arm, Func<IReadOnlyList<EpochRow>, double> value)
    {
        var values = new List<double>();
        foreach (var cluster in Clusters)
        {
            var of = Of(arm, Stop.EarlyStop, cluster).Select(r => value(r.Epochs)).Where(v => !double.IsNaN(v)).ToList();
            if (of.Count > 0) values.Add(of.Average());
        }
        return Estimate.OverClusters(values, Unit);
    }

    /// <summary>
    /// A weighted sum of accuracies: t over the clusters. An arm that was drawn once on one base model takes a paired
    /// bootstrap over its test questions (its accuracy alone: Wilson's interval), and the estimate says so; one of several seeds alone has
    /// no bounds.
    /// </summary>
    /// <param name="terms">The sum of a cluster; empty to leave the cluster out.</param>
    /// <param name="questions">Which test questions count, by their category for the base model; null for all.</param>
    public Estimate Contrast(Func<int, IReadOnlyList<Term>> terms, Func<Category, bool>? questions = null)
    {
        var values = new List<double>();
        double[]? single = null;
        var share = false; // one accuracy, of one run
        foreach (var cluster in Clusters)
        {
            var sum = terms(cluster);
            if (sum.Count == 0) continue;
            var perQuestion = Sum(sum, cluster, questions);
            if (perQuestion.Length == 0) continue;
            values.Add(perQuestion.Average());
            single = perQuestion;
            share = sum is [{ Weight: 1 } term] && Of(term.Arm, term.Stop, cluster).Count() == 1;
        }
        if (values.Count != 1 || SeveralBases) return Estimate.OverClusters(values, Unit);
        return share ? Estimate.OfShare(single!.Count(right => right > 0.5), single!.Length) : Estimate.OverQuestions(single!);
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

    // The sum for each question: its mean is the sum of the accuracies.
    private double[] Sum(IReadOnlyList<Term> terms, int cluster, Func<Category, bool>? questions)
    {
        double[]? total = null;
        foreach (var term in terms)
        {
            var of = Of(term.Arm, term.Stop, cluster).ToList();
            foreach (var run in of)
            {
                var answers = run.Answers.Where(a => questions is null || questions(a.Category)).ToList();
                total ??= new double[answers.Count];
                for (var i = 0; i < total.Length; i++)
                    if (term.Stop == Stop.EarlyStop ? answers[i].EarlyStop : answers[i].Convergence) total[i] += term.Weight / of.Count;
            }
        }
        return total ?? [];
    }
}
