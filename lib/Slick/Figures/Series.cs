namespace Slick.Figures;

/// <summary>Values that are drawn alike. NaN and infinities are gaps.</summary>
public sealed record Series
{
    /// <summary>Its entry in the legend, as plain text.</summary>
    public required string Name { get; init; }

    /// <summary>[points] Positions; 0, 1, ... on an axis with categories.</summary>
    public required IReadOnlyList<double> X { get; init; }

    /// <summary>[points] Values.</summary>
    public required IReadOnlyList<double> Y { get; init; }

    /// <summary>[points] The lower end of each value's interval; null without intervals.</summary>
    public IReadOnlyList<double>? Low { get; init; }

    /// <summary>[points] The upper end of each value's interval.</summary>
    public IReadOnlyList<double>? High { get; init; }

    /// <summary>How the values are drawn.</summary>
    public SeriesKind Kind { get; init; } = SeriesKind.Line;

    /// <summary>How a line is drawn.</summary>
    public LineStyle Style { get; init; } = LineStyle.Solid;

    /// <summary>Which of the eight colours, from 0: blue, vermilion, green, purple, orange, sky blue, yellow, grey.</summary>
    public int Color { get; init; }

    /// <summary>
    /// Intervals as bars on each value rather than as a shaded band; always so where <see cref="Kind"/> is <see cref="SeriesKind.Bars"/>.
    /// </summary>
    public bool ErrorBars { get; init; }

    internal bool HasBand => Low is not null && !ErrorBars && Kind != SeriesKind.Bars;

    internal bool HasErrorBars => Low is not null && !HasBand;

    internal bool HasPoints => Kind is SeriesKind.LineAndPoints or SeriesKind.Points;

    /// <summary>Whether a value has a gap on both sides, so that a line alone would not show it.</summary>
    internal bool IsAlone(int i) => IsKnown(i) && (i == 0 || !IsKnown(i - 1)) && (i == X.Count - 1 || !IsKnown(i + 1));

    /// <summary>The stretches without a gap in which both ends of the interval are known: [start, end) in points.</summary>
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

/// <summary>How a line is drawn.</summary>
public enum LineStyle
{
    /// <summary>Unbroken.</summary>
    Solid,

    /// <summary>Long strokes.</summary>
    Dashed,

    /// <summary>Short strokes.</summary>
    Dotted,
}
