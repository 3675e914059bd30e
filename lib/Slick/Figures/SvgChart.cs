using ScottPlot;
using ScottPlot.TickGenerators;
using Slick.Experiments;

namespace Slick.Figures;

/// <summary>Draws axes and data of a figure with ScottPlot. <see cref="SvgRenderer"/> adds title, legend and note.</summary>
internal static class SvgChart
{
    public const string Ink = "#1d2129", MarkerInk = "#5a6270";
    private const float AxisTitleSize = 16, TickSize = 14.5f;
    private static readonly MarkerShape[] Symbols =
        [MarkerShape.FilledCircle, MarkerShape.FilledSquare, MarkerShape.FilledDiamond, MarkerShape.FilledTriangleUp];

    // Skia writes no dashes into an SVG. So a line carries its style as an opacity that is nearly 1. The SVG's text is then corrected.
    public const string Dashed = "stroke-opacity=\"0.99607843\"", Dotted = "stroke-opacity=\"0.99215686\"";

    private static byte Alpha(LineStyle style) => (byte)(255 - (int)style);

    /// <summary>The drawing as SVG, and the labels of the markers, each with the pixel above which it belongs.</summary>
    public static (string Svg, List<(MarkerLabels.Label Label, Pixel Place)> Labels) Draw(Figure figure, int width, int height)
    {
        using var plot = new Plot();
        var bars = new BarPlaces(figure.Series);
        var (x, y) = (AxisRange.Horizontal(figure), AxisRange.Vertical(figure));
        var labels = MarkerLabels.Of(figure, x, width - 90);

        plot.FigureBackground.Color = plot.DataBackground.Color = Colors.White;
        foreach (var series in figure.Series.Where(s => s.HasBand))
            Band(plot, series, x, y);
        for (var i = 0; i < figure.Series.Count; i++)
        {
            var series = figure.Series[i];
            var color = Color.FromHex(Palette.Hex(series.Color));
            if (series.Kind == SeriesKind.Bars)
                Bars(plot, series, color, bars.Offset(i), bars.Width, x, y);
            else
                Line(plot, series, color, x, y);
            if (series.HasErrorBars)
                ErrorBars(plot, series, series.Kind == SeriesKind.Bars ? Color.FromHex(Ink) : color, bars.Offset(i), x, y);
        }
        plot.Axes.SetLimits(x.Min, x.Max, y.Min, y.Max);
        var ink = Color.FromHex(MarkerInk);
        foreach (var label in labels)
            plot.Add.VerticalLine(x.Place(label.Marker.X), 1.5f, ink.WithAlpha(Alpha(LineStyle.Dashed)));
        Axes(plot, figure, x, y, width);
        plot.Axes.Top.MinimumSize = 6 + MarkerLabels.Height(labels);
        var svg = plot.GetSvgXml(width, height);
        return (svg, [.. labels.Select(label => (label, plot.GetPixel(new Coordinates(x.Place(label.Marker.X), y.Max))))]);
    }

    private static void Band(Plot plot, Series series, AxisRange x, AxisRange y)
    {
        foreach (var (start, end) in series.BandStretches())
        {
            var points = Enumerable.Range(start, end - start)
                .Select(i => (x.Place(series.X[i]), y.Place(series.Low![i]), y.Place(series.High![i])))
                .Where(p => double.IsFinite(p.Item1) && double.IsFinite(p.Item2) && double.IsFinite(p.Item3)).ToArray();
            if (points.Length == 0)
                continue;
            var fill = plot.Add.FillY(points);
            fill.FillColor = Color.FromHex(Palette.Hex(series.Color)).WithAlpha(Palette.BandOpacity);
            fill.LineWidth = 0;
        }
    }

    private static void Line(Plot plot, Series series, Color color, AxisRange x, AxisRange y)
    {
        var xs = series.X.Select(x.Place).ToArray();
        var ys = series.Y.Select((v, i) => double.IsFinite(xs[i]) ? y.Place(v) : double.NaN).ToArray();
        if (series.Kind != SeriesKind.Points)
        {
            var line = plot.Add.ScatterLine(xs, ys, color);
            line.LineWidth = 2.5f;
            line.LineColor = color.WithAlpha(Alpha(series.Style));
        }
        var shown = Enumerable.Range(0, xs.Length)
            .Where(i => double.IsFinite(xs[i]) && double.IsFinite(ys[i]) && (series.HasPoints || series.IsAlone(i))).ToArray();
        if (shown.Length > 0)
            plot.Add.Markers(shown.Select(i => xs[i]).ToArray(), shown.Select(i => ys[i]).ToArray(), Symbols[Palette.Symbol(series.Color)],
                9, color);
    }

    private static void Bars(Plot plot, Series series, Color color, double offset, double width, AxisRange x, AxisRange y)
    {
        var bars = new List<Bar>();
        for (var i = 0; i < series.X.Count; i++)
        {
            var (position, value) = (x.Place(series.X[i] + offset), y.Place(series.Y[i]));
            if (double.IsFinite(position) && double.IsFinite(value))
                bars.Add(new Bar { Position = position, Value = value, ValueBase = y.Log ? y.Min : 0, Size = width * 0.95,
                    FillColor = color, LineWidth = 0 });
        }
        plot.Add.Bars(bars);
    }

    private static void ErrorBars(Plot plot, Series series, Color color, double offset, AxisRange x, AxisRange y)
    {
        var known = Enumerable.Range(0, series.X.Count)
            .Select(i => (X: x.Place(series.X[i] + offset), Y: y.Place(series.Y[i]), Low: y.Place(series.Low![i]),
                High: y.Place(series.High![i])))
            .Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y) && double.IsFinite(p.Low) && double.IsFinite(p.High)).ToArray();
        if (known.Length == 0)
            return;
        var error = new ScottPlot.Plottables.ErrorBar([.. known.Select(p => p.X)], [.. known.Select(p => p.Y)], null, null,
            [.. known.Select(p => p.Y - p.Low)], [.. known.Select(p => p.High - p.Y)])
        {
            Color = color,
            LineWidth = 1.5f,
            CapSize = 5,
        };
        plot.Add.Plottable(error);
    }

    private static void Axes(Plot plot, Figure figure, AxisRange x, AxisRange y, int width)
    {
        plot.Axes.Bottom.Label.Text = figure.X.Title;
        plot.Axes.Left.Label.Text = figure.Y.Title;
        plot.Axes.Bottom.TickGenerator = Ticks(figure.X, x);
        plot.Axes.Left.TickGenerator = Ticks(figure.Y, y);
        foreach (var axis in new IAxis[] { plot.Axes.Bottom, plot.Axes.Left })
        {
            axis.Label.FontName = axis.TickLabelStyle.FontName = FigureFont.Name;
            axis.Label.FontSize = AxisTitleSize;
            axis.TickLabelStyle.FontSize = TickSize;
            axis.Label.Bold = false;
            axis.Label.ForeColor = axis.TickLabelStyle.ForeColor = Color.FromHex(Ink);
            axis.FrameLineStyle.Color = axis.MajorTickStyle.Color = Color.FromHex("#8a8f98");
            axis.MinorTickStyle.Length = 0;
        }
        plot.Axes.Right.FrameLineStyle.Width = plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.Right.MinimumSize = 20;
        plot.Grid.MajorLineColor = Color.FromHex("#e3e5e9");
        plot.Grid.XAxisStyle.IsVisible = figure.X.Categories is null;
        plot.Grid.YAxisStyle.IsVisible = figure.Y.Categories is null;
        if (figure.X.Categories is { Count: > 0 } names)
            TurnLabels(plot.Axes.Bottom, names.Max(name => FigureFont.Width(name, TickSize)), (width - 100f) / names.Count);
    }

    // Labels that would touch their neighbours are rotated by 30 degrees; by 90 degrees where the first label would leave the picture.
    private static void TurnLabels(IAxis axis, float widest, float spacing)
    {
        if (widest <= spacing - 8)
            return;
        var aslant = 0.87f * widest < 60 + spacing / 2 && spacing > 34;
        axis.TickLabelStyle.Rotation = aslant ? -30 : -90;
        axis.TickLabelStyle.Alignment = Alignment.MiddleRight;
        axis.MinimumSize = (aslant ? widest * 0.5f + 12 : widest) + 44;
    }

    private static ITickGenerator Ticks(Axis axis, AxisRange range)
    {
        if (axis.Categories is { } names)
            return new NumericManual([.. names.Select((_, i) => (double)i)], [.. names]);
        if (!range.Log)
            return new NumericAutomatic { LabelFormatter = Numbers.Tick, TickDensity = 0.6 };
        var places = range.LogTicks().ToList();
        return new NumericManual([.. places.Select(Math.Log10)], [.. places.Select(Numbers.Tick)]);
    }
}
