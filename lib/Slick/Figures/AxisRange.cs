namespace Slick.Figures;

/// <summary>The range of an axis. A value's place on the axis is the value itself, or its logarithm to base 10. Gaps are NaN.</summary>
/// <param name="Log">True where places are logarithms.</param>
/// <param name="Min">The lowest place shown.</param>
/// <param name="Max">The highest place shown.</param>
internal sealed record AxisRange(bool Log, double Min, double Max)
{
    /// <summary>The horizontal range of a figure. It shows all values, whole bars and all markers.</summary>
    public static AxisRange Horizontal(Figure figure)
    {
        var bars = new BarPlaces(figure.Series);
        return Of(figure.X, figure.Series.Select((s, i) => bars.Ends(i, s)).SelectMany(v => v).Concat(figure.Markers.Select(m => m.X)),
            margin: 0.03);
    }

    /// <summary>The vertical range of a figure. It shows all values and intervals, and 0 where there are bars.</summary>
    public static AxisRange Vertical(Figure figure)
    {
        var bars = figure.Series.Any(s => s.Kind == SeriesKind.Bars);
        double[] zero = bars && !figure.Y.LogScale ? [0.0] : [];
        return Of(figure.Y, figure.Series.SelectMany(s => s.Y.Concat(s.Low ?? []).Concat(s.High ?? [])).Concat(zero), margin: 0.06,
            fromZero: bars);
    }

    /// <summary>The range that shows all values. An end that the axis does not set has a margin, given as a share of the range.</summary>
    private static AxisRange Of(Axis axis, IEnumerable<double> values, double margin, bool fromZero = false)
    {
        var places = values.Select(v => Place(v, axis.LogScale)).Where(double.IsFinite).ToList();
        var (low, high) = places.Count == 0 ? (0, 1) : (places.Min(), places.Max());
        if (axis.Categories is { } names)
            (low, high, margin) = (-0.5, names.Count - 0.5, 0);
        if (low == high)
            (low, high) = fromZero && low == 0 ? (0, 1) : (low - 0.5, high + 0.5);
        var space = margin * (high - low);
        var min = axis.Min is { } setMin ? Place(setMin, axis.LogScale) : fromZero && low == 0 ? 0 : low - space;
        var max = axis.Max is { } setMax ? Place(setMax, axis.LogScale) : fromZero && high == 0 ? 0 : high + space;
        return min < max ? new AxisRange(axis.LogScale, min, max) : axis.Min is null ? new AxisRange(axis.LogScale, max - 1, max)
            : new AxisRange(axis.LogScale, min, min + 1);
    }

    /// <summary>The place of a value on the axis.</summary>
    public double Place(double value) => Place(value, Log);

    /// <summary>The position of a value between the left end (0) and the right end (1).</summary>
    public double Share(double value) => (Place(value) - Min) / (Max - Min);

    /// <summary>
    /// The values that have a tick, at most about <paramref name="most"/>. On an axis of numbers they are multiples of 1, 2 or 5 times a
    /// power of ten (Heckbert, "Nice numbers for graph labels", Graphics Gems, 1990). On a logarithmic axis they are powers of ten; with 2
    /// and 5 times these where there is room.
    /// </summary>
    public IReadOnlyList<double> Ticks(int most)
    {
        if (!Log)
            return Multiples(Min, Max, most);
        var all = Powers([1, 2, 5]);
        var powers = Powers([1]);
        // A range without two such values is shorter than a decade, and the multiples of one step are far enough from each other.
        return all.Count < 2 ? Multiples(Math.Pow(10, Min), Math.Pow(10, Max), most) : all.Count <= most ? all
            : [.. powers.Where((_, i) => i % ((powers.Count + most - 1) / most) == 0)];
    }

    private static List<double> Multiples(double min, double max, int most)
    {
        var raw = (max - min) / Math.Max(1, most);
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = power * ((raw / power - 1e-9) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
        var (first, last) = (Math.Ceiling(min / step - 1e-9), Math.Floor(max / step + 1e-9));
        return [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => (first + i) * step)];
    }

    private List<double> Powers(double[] steps)
    {
        var values = Enumerable.Range((int)Math.Floor(Min), (int)Math.Ceiling(Max) - (int)Math.Floor(Min) + 1)
            .SelectMany(power => steps.Select(step => step * Math.Pow(10, power)));
        return [.. values.Where(value => Math.Log10(value) >= Min - 1e-9 && Math.Log10(value) <= Max + 1e-9)];
    }

    private static double Place(double value, bool log) =>
        !double.IsFinite(value) ? double.NaN : !log ? value : value > 0 ? Math.Log10(value) : double.NaN;
}

/// <summary>The places of the bars of several series, side by side, in units of the horizontal axis.</summary>
internal sealed class BarPlaces
{
    private readonly List<int> _series;

    public BarPlaces(IReadOnlyList<Series> series)
    {
        _series = [.. Enumerable.Range(0, series.Count).Where(i => series[i].Kind == SeriesKind.Bars)];
        var places = _series.SelectMany(i => series[i].X).Where(double.IsFinite).Distinct().Order().ToList();
        var unit = places.Count < 2 ? 1 : places.Zip(places.Skip(1), (a, b) => b - a).Min();
        Width = 0.75 * unit / Math.Max(1, _series.Count);
    }

    /// <summary>The width of one bar.</summary>
    public double Width { get; }

    /// <summary>The distance of a series' bars from their position; 0 for a series without bars.</summary>
    /// <param name="series">Index of the series.</param>
    public double Offset(int series) => _series.IndexOf(series) is >= 0 and var k ? (k - (_series.Count - 1) / 2.0) * Width : 0;

    /// <summary>The values that the horizontal axis must show for a series.</summary>
    public IEnumerable<double> Ends(int index, Series series) =>
        series.Kind == SeriesKind.Bars ? series.X.SelectMany(x => new[] { x + Offset(index) - Width / 2, x + Offset(index) + Width / 2 })
            : series.X;
}
