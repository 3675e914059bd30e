using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;

namespace Slick.Figures;

/// <summary>A share of one run, with its horizontal position in a figure.</summary>
/// <param name="Run">The run.</param>
/// <param name="X">The horizontal position.</param>
/// <param name="Share">The share.</param>
internal readonly record struct RunPoint(StudyRun Run, double X, Share Share);

/// <summary>Lines of a figure: means over a study's clusters.</summary>
internal static class Curves
{
    /// <summary>A line: the mean of the shares at each x, in percent, with its 95% interval (<see cref="StudyData.Mean"/>).</summary>
    public static Series Line(StudyData data, string name, IEnumerable<RunPoint> points, int color, LineStyle style = LineStyle.Solid)
    {
        var means = points.Where(p => !double.IsNaN(p.Share.Value)).GroupBy(p => p.X).OrderBy(g => g.Key)
            .Select(g => (X: g.Key, Value: data.Mean([.. g.Select(p => (p.Run, p.Share))]))).ToList();
        var banded = means.Any(p => p.Value.HasBounds);
        return new Series
        {
            Name = name,
            X = [.. means.Select(p => p.X)],
            Y = [.. means.Select(p => 100 * p.Value.Estimate)],
            Low = banded ? [.. means.Select(p => 100 * p.Value.Low)] : null,
            High = banded ? [.. means.Select(p => 100 * p.Value.High)] : null,
            Kind = means.Count > 12 ? SeriesKind.Line : SeriesKind.LineAndPoints,
            // A point without a neighbour that has bounds is alone. An error bar shows its interval; a band would not.
            ErrorBars = means.Any(p => !p.Value.HasBounds),
            Color = color,
            Style = style,
        };
    }

    /// <summary>The accuracies of runs at a stop, by % Unknown. Runs without this stop are left out.</summary>
    public static IEnumerable<RunPoint> AtStop(IEnumerable<StudyRun> runs, Stop stop, QuestionSet set) =>
        from run in runs
        let epoch = run.EpochOf(stop)
        where epoch is not null
        select new RunPoint(run, run.Row.UnknownPercent, run.Right(epoch.Value, set));

    /// <summary>The accuracies of runs after an epoch, by % Unknown.</summary>
    public static IEnumerable<RunPoint> AtEpoch(IEnumerable<StudyRun> runs, int epoch, QuestionSet set) =>
        runs.Select(run => new RunPoint(run, run.Row.UnknownPercent, run.Right(epoch, set)));

    /// <summary>The note under a figure: where its numbers come from, and what its bands are.</summary>
    public static string Note(StudyResult result, StudyData data, string more = "")
    {
        var over = data.SeveralBases ? "95% t intervals over seeds, where there are at least two"
            : data.IsLab ? "95% t intervals over draws of D, where there are at least two"
            : "95% intervals over questions (Wilson) or over draws of D (t), the wider";
        var missed = data.NotConverged.Count == 0 ? ""
            : string.Create(CultureInfo.InvariantCulture,
            $" {data.NotConverged.Count} of {data.Runs.Count} runs fit less than 99% of their set at the last epoch (the claims name "
                + $"them).");
        return $"{result.Source} Bars and bands: {over}.{missed}{(more.Length > 0 ? " " + more : "")}";
    }

    /// <summary>The arms with runs that did not converge, each with the number of these runs, as text.</summary>
    public static string NotConverged(StudyData data) => string.Join("; ", data.NotConverged.GroupBy(r => r.Arm)
        .Select(g => data.Of(g.Key).Count == 1 ? g.Key.ToString()
            : FormattableString.Invariant($"{g.Key} ({g.Count()} of {data.Of(g.Key).Count} runs)")));
}
