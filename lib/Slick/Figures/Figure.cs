using System.Globalization;
using Slick.Experiments;

namespace Slick.Figures;

/// <summary>A chart as plain data. <see cref="PlotlyRenderer"/> draws it in a browser, <see cref="SvgRenderer"/> and
/// <see cref="PngRenderer"/> draw it as a picture.</summary>
public sealed record Figure
{
    /// <summary>Name of the figure, short and unique in its page, such as <c>figure-3a</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Title of the figure, as plain text.</summary>
    public required string Title { get; init; }

    /// <summary>Note under the figure: which preset and seeds, what a band means.</summary>
    public string Note { get; init; } = "";

    /// <summary>The horizontal axis.</summary>
    public required Axis X { get; init; }

    /// <summary>The vertical axis.</summary>
    public required Axis Y { get; init; }

    /// <summary>The series, in the order in which they are drawn and listed.</summary>
    public IReadOnlyList<Series> Series { get; init; } = [];

    /// <summary>Vertical reference lines.</summary>
    public IReadOnlyList<Marker> Markers { get; init; } = [];

    /// <summary>Checks that the figure can be drawn. All renderers call this first.</summary>
    /// <exception cref="ArgumentException">The lists of a series differ in length, only one end of its interval is given, or an axis has an
    /// empty range.</exception>
    public void Check()
    {
        foreach (var series in Series)
        {
            if (series.Low is null != series.High is null)
                throw new ArgumentException($"Figure {Id}, series {series.Name}: Low and High come together.");
            if (series.Y.Count != series.X.Count || (series.Low ?? series.X).Count != series.X.Count
                || (series.High ?? series.X).Count != series.X.Count)
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, 
                    $"Figure {Id}, series {series.Name}: X has {series.X.Count} values, Y {series.Y.Count}, Low {series.Low?.Count}, High "
                    + $"{series.High?.Count}; they must be as many."));
        }
        foreach (var axis in new[] { X, Y })
        {
            if (axis.Min >= axis.Max)
                throw new ArgumentException($"Figure {Id}, axis {axis.Title}: Min must be less than Max.");
            if (axis.LogScale && (axis.Min <= 0 || axis.Max <= 0))
                throw new ArgumentException($"Figure {Id}, axis {axis.Title}: a logarithmic axis starts above 0.");
        }
    }

    /// <summary>
    /// The figure as text for a console: title, note, and one line for each series with its range, its first and its last value.
    /// </summary>
    public string Text()
    {
        var lines = new List<string> { Title };
        if (Note.Length > 0)
            lines.Add(Note);
        foreach (var series in Series)
        {
            var known = series.X.Zip(series.Y).Where(p => double.IsFinite(p.First) && double.IsFinite(p.Second)).ToList();
            string At(int i) => $"{Numbers.Short(known[i].Second)} at {X.Text(known[i].First)}";
            lines.Add(known.Count switch
            {
                0 => $"  {series.Name}: no values",
                1 => $"  {series.Name}: {At(0)}",
                var n => FormattableString.Invariant(
                    $"  {series.Name}: {n} values of {Y.Title}, {Numbers.Short(known.Min(p => p.Second))} to ")
                    + $"{Numbers.Short(known.Max(p => p.Second))}; {At(0)}, {At(n - 1)}",
            });
        }
        return string.Join('\n', lines);
    }

    /// <summary>
    /// The figure as a chart of Plotly.NET, which Plotly.NET's own functions restyle, such as
    /// <c>Chart.withTitle("...", null).Invoke(figure.ToChart())</c>. What a browser shows of this figure is the same chart.
    /// </summary>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Check"/>).</exception>
    public Plotly.NET.GenericChart ToChart() => PlotlyChart.Of(this);

    /// <summary>The text that a screen reader says instead of the picture.</summary>
    internal string Description => $"{Title}. {Y.Title} against {X.Title}. Series: {string.Join(", ", Series.Select(s => s.Name))}.";
}

/// <summary>An axis of a figure.</summary>
/// <param name="Title">Title with the unit, such as "accuracy on the test questions (%)".</param>
/// <param name="Min">The lowest value shown; null where the data decide.</param>
/// <param name="Max">The highest value shown; null where the data decide.</param>
/// <param name="Categories">Labels of the positions 0, 1, ...; null for an axis of numbers.</param>
/// <param name="LogScale">True for a logarithmic axis, base 10. Values of 0 and below are gaps then.</param>
public sealed record Axis(string Title, double? Min = null, double? Max = null, IReadOnlyList<string>? Categories = null,
    bool LogScale = false)
{
    /// <summary>A position as text: the label of the category there, or the number.</summary>
    internal string Text(double position) => Categories is { } names && position >= 0 && position < names.Count
        && position == Math.Floor(position) ? names[(int)position] : Numbers.Short(position);
}

/// <summary>A vertical line across the figure.</summary>
/// <param name="X">The horizontal position of the line.</param>
/// <param name="Label">Text at the upper end of the line.</param>
public sealed record Marker(double X, string Label);
