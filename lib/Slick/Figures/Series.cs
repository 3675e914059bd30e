using Slick.Analysis;

namespace Slick.Figures;

/// <summary>Values of a figure that are drawn in the same way. NaN and infinities are gaps.</summary>
public sealed record Series
{
    /// <summary>The series' entry in the legend, as plain text.</summary>
    public required string Name { get; init; }

    /// <summary>Horizontal positions, [points]; 0, 1, ... on an axis with categories.</summary>
    public required IReadOnlyList<double> X { get; init; }

    /// <summary>Values, [points].</summary>
    public required IReadOnlyList<double> Y { get; init; }

    /// <summary>The lower end of each value's interval, [points]; null without intervals.</summary>
    public IReadOnlyList<double>? Low { get; init; }

    /// <summary>The upper end of each value's interval, [points]; null without intervals.</summary>
    public IReadOnlyList<double>? High { get; init; }

    /// <summary>How the values are drawn.</summary>
    public SeriesKind Kind { get; init; } = SeriesKind.Line;

    /// <summary>The stroke of the line.</summary>
    public LineStyle Style { get; init; } = LineStyle.Solid;

    /// <summary>Index of the colour, from 0: blue, vermilion, green, purple, orange, sky blue, yellow, grey.</summary>
    public int Color { get; init; }

    /// <summary>
    /// True to show intervals as a bar at each value, false to show them as a shaded band. <see cref="SeriesKind.Bars"/> always has bars.
    /// </summary>
    public bool ErrorBars { get; init; }

    /// <summary>Bars of shares, or of differences of shares, at the places 0, 1, ..., in percent, each with its interval.</summary>
    /// <param name="name">The series' entry in the legend.</param>
    /// <param name="color">Index of the colour (<see cref="Color"/>).</param>
    /// <param name="shares">The shares, 1 for all; [places].</param>
    public static Series Bars(string name, int color, IReadOnlyList<Interval> shares) => new()
    {
        Name = name,
        Kind = SeriesKind.Bars,
        Color = color,
        X = [.. shares.Select((_, i) => (double)i)],
        Y = [.. shares.Select(v => 100 * v.Estimate)],
        Low = [.. shares.Select(v => 100 * v.Low)],
        High = [.. shares.Select(v => 100 * v.High)],
    };

    internal bool HasBand => Low is not null && !ErrorBars && Kind != SeriesKind.Bars;

    internal bool HasErrorBars => Low is not null && !HasBand;

    internal bool HasPoints => Kind is SeriesKind.LineAndPoints or SeriesKind.Points;

    /// <summary>True where a value has a gap on both sides. A line alone would not show such a value.</summary>
    internal bool IsAlone(int i) => IsKnown(i) && (i == 0 || !IsKnown(i - 1)) && (i == X.Count - 1 || !IsKnown(i + 1));

    /// <summary>The stretches without a gap in which both ends of the interval are finite, as [start, end) in points.</summary>
    internal IEnumerable<(int Start, int End)> BandStretches()
    {
        var start = 0;
        for (var i = 0; i <= X.Count; i++)
        {
            if (i < X.Count && double.IsFinite(X[i]) && double.IsFinite(Low![i]) && double.IsFinite(High![i]))
                continue;
            if (i > start)
                yield return (start, i);
            start = i + 1;
        }
    }

    private bool IsKnown(int i) => double.IsFinite(X[i]) && double.IsFinite(Y[i]);
}

/// <summary>How the values of a series are drawn.</summary>
public enum SeriesKind
{
    /// <summary>A line from value to value.</summary>
    Line,

    /// <summary>A line with a symbol at each value.</summary>
    LineAndPoints,

    /// <summary>A symbol at each value.</summary>
    Points,

    /// <summary>A bar from 0 to each value, beside the bars of other series at the same place.</summary>
    Bars,
}

/// <summary>The stroke of a line.</summary>
public enum LineStyle
{
    /// <summary>Unbroken.</summary>
    Solid,

    /// <summary>Long strokes.</summary>
    Dashed,

    /// <summary>Short strokes.</summary>
    Dotted,
}
