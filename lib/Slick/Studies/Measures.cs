using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Studies;

/// <summary>The numbers that the lab's studies take from a fine-tuning run. Test questions are those in distribution, and Known ones are
/// those that the base model knows.</summary>
public static class Measures
{
    /// <summary>Points of accuracy on Known test questions lost since the base model.</summary>
    public const string Lost = "known lost";
    /// <summary>Points of accuracy on Known test questions lost from FIT to the last epoch.</summary>
    public const string LostAfterFit = "known lost after FIT";
    /// <summary>Points of accuracy on all test questions lost from FIT to the last epoch, per 1,000 optimiser steps.</summary>
    public const string LossRate = "lost after FIT per 1,000 updates";
    /// <summary>Number of examples of the set.</summary>
    public const string Examples = "examples";
    /// <summary>Number of Unknown examples of the set.</summary>
    public const string UnknownExamples = "unknown examples";
    /// <summary>Share of the set's Unknown examples that is fitted, in percent.</summary>
    public const string UnknownFitted = "unknown fitted";

    /// <summary>EARLY_STOP: the first epoch with the best dev accuracy.</summary>
    public const string EarlyStop = "EARLY_STOP";
    /// <summary>FIT: the first epoch with at least 99% of the set fitted.</summary>
    public const string Fit = "FIT";
    /// <summary>CONVERGENCE: the last epoch, of a run that fits at least 99% of its set by then.</summary>
    public const string Convergence = "CONVERGENCE";
    /// <summary>The last epoch, whatever is fitted by then.</summary>
    public const string Last = "LAST";

    /// <summary>The first epoch with at least 95% of the set's Unknown examples fitted.</summary>
    public const string UnknownFitted95 = "UNKNOWN 95%";

    private static readonly (string Name, Stop Stop)[] Stops =
        [(EarlyStop, Analysis.Stop.EarlyStop), (Fit, Analysis.Stop.Fit), (Convergence, Analysis.Stop.Convergence)];

    /// <summary>A row of a run.</summary>
    internal static StudyValue Row(VariantResult of, StudyRun run, string measure, double value, string stop = "", int epoch = -1,
        double error = double.NaN) => new()
        {
            Variant = of.Variant.Name, Set = run.Arm.Id, BaseSeed = run.Row.BaseSeed, Draw = run.Row.Draw, Measure = measure, Stop = stop,
            Epoch = epoch, Value = value, StandardError = error,
        };

    /// <summary>The numbers that every study takes: sizes of the set, and what is lost at each stop.</summary>
    /// <param name="of">A variant.</param>
    internal static IEnumerable<StudyValue> Common(VariantResult of)
    {
        foreach (var run in of.Data.Runs)
        {
            yield return Row(of, run, Examples, run.Row.KnownExamples + run.Row.UnknownExamples);
            yield return Row(of, run, UnknownExamples, run.Row.UnknownExamples);
            var known = KnownQuestions(of, run);
            foreach (var (name, epoch) in StopsOf(run))
                if (Loss(run, known.ContainsKey, 0, epoch) is { } lost)
                    yield return Row(of, run, Lost, lost.Value, name, epoch, lost.Error);
        }
    }

    /// <summary>A run's stops with their epochs, those that it has.</summary>
    internal static IEnumerable<(string Name, int Epoch)> StopsOf(StudyRun run)
    {
        foreach (var (name, stop) in Stops)
            if (run.EpochOf(stop) is { } epoch) yield return (name, epoch);
        if (run.Stops is { } stops) yield return (Last, stops.Last);
    }

    /// <summary>The relation of each Known test question in distribution, by the fact's id.</summary>
    internal static IReadOnlyDictionary<int, string> KnownQuestions(VariantResult of, StudyRun run) =>
        Questions(of, run, c => c != Category.Unknown);

    /// <summary>The relation of each labelled test question in distribution, by the fact's id.</summary>
    /// <param name="of">A variant.</param>
    /// <param name="run">A run, which says which base model.</param>
    /// <param name="category">Which categories count.</param>
    internal static IReadOnlyDictionary<int, string> Questions(VariantResult of, StudyRun run, Func<Category, bool> category)
    {
        var model = of.Result.Bases.Single(b => b.Seed == run.Row.BaseSeed);
        var trained = model.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        return model.Labels.Where(l => l.Split == Split.Test && category(l.Category) && trained.Contains(l.Relation))
            .ToDictionary(l => l.FactId, l => l.Relation);
    }

    /// <summary>
    /// Points of accuracy lost between two epochs at which answers are kept, with the standard error over questions. The error is that of
    /// a mean of paired differences. Null where an epoch has no answers, or no question counts.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="counts">Which test questions count, by the fact's id.</param>
    /// <param name="from">The earlier epoch.</param>
    /// <param name="to">The later epoch.</param>
    internal static (double Value, double Error)? Loss(StudyRun run, Func<int, bool> counts, int from, int to)
    {
        var before = run.Answers(from).Where(a => counts(a.FactId)).ToDictionary(a => a.FactId, a => a.Right);
        int[] changes = [.. run.Answers(to).Where(a => before.ContainsKey(a.FactId))
            .Select(a => (before[a.FactId] ? 1 : 0) - (a.Right ? 1 : 0))];
        if (changes.Length == 0) return null;
        var mean = changes.Average();
        return (100 * mean, 100 * Math.Sqrt(changes.Average(c => (c - mean) * (c - mean)) / changes.Length));
    }
}
