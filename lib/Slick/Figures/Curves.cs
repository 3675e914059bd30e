using Slick.Analysis;
using Slick.Experiments;

namespace Slick.Figures;

/// <summary>Means over a study's clusters, as the lines of a figure.</summary>
internal static class Curves
{
    /// <summary>
    /// The mean over clusters of a number of each row, at each x, with its 95% t interval; a cluster's own rows are averaged first.
    /// </summary>
    public static Series Line(StudyData data, string name, IEnumerable<EpochRow> rows, Func<EpochRow, double> x, Func<EpochRow,
        double> percent, int color, LineStyle style = LineStyle.Solid)
    {
        var points = rows.Where(r => !double.IsNaN(percent(r))).GroupBy(x).OrderBy(g => g.Key)
            .Select(g => (X: g.Key, Value: Intervals.MeanT([.. g.GroupBy(data.Cluster).Select(c => 100 * c.Average(percent))]))).ToList();
        var banded = points.Any(p => p.Value.HasBounds);
        return new Series
        {
            Name = name,
            X = [.. points.Select(p => p.X)],
            Y = [.. points.Select(p => p.Value.Estimate)],
            Low = banded ? [.. points.Select(p => p.Value.Low)] : null,
            High = banded ? [.. points.Select(p => p.Value.High)] : null,
            Kind = points.Count > 12 ? SeriesKind.Line : SeriesKind.LineAndPoints,
            // A point whose neighbours were run once stands alone: a bar shows there, a band would not.
            ErrorBars = points.Any(p => !p.Value.HasBounds),
            Color = color,
            Style = style,
        };
    }

    /// <summary>The sentence under a figure: where its numbers come from and what its bands are.</summary>
    public static string Note(StudyResult result, StudyData data, string more = "")
    {
        var missed = data.NotConverged.Count;
        var fits = missed == 0 ? ""
            : FormattableString.Invariant($" {missed} run{(missed == 1 ? " fits" : "s fit")} less than 99% of the set at the last epoch.");
        return $"{result.Source} Bars and bands: 95% t intervals over {(data.SeveralBases ? "seeds" : "draws of D")}, where there are at "
            + $"least two.{fits}{(more.Length > 0 ? " " + more : "")}";
    }
}
