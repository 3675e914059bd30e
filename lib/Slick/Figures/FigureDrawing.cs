using System.Xml;

namespace Slick.Figures;

/// <summary>
/// The static picture of a figure: title, chart, legend and note, on a surface of any kind. No text is cut off: long titles, notes and
/// names are broken into lines.
/// </summary>
internal sealed partial class FigureDrawing
{
    public const string Ink = "#1d2129";
    private const string MarkerInk = "#5a6270", Frame = "#8a8f98", Grid = "#e3e5e9", Paper = "#ffffff";
    private const double TitleSize = 20, AxisTitleSize = 16, TickSize = 14.5, LegendSize = 15.5, NoteSize = 13.5;
    private const double Pad = 14, Swatch = 34, Gap = 7, TickLength = 5;

    private readonly Figure _figure;
    private readonly AxisRange _x, _y;
    private readonly List<string> _title, _note, _xTitle, _yTitle;
    private readonly List<LegendRow> _legend;
    private readonly List<MarkerLabels.Place> _markers;
    private readonly List<Tick> _xTicks, _yTicks;
    private readonly int _xAngle;
    private readonly double _xLabels;
    private readonly Box _chart;

    private sealed record Tick(double Share, string Label);

    private sealed record LegendRow(List<(Series Series, double X, List<string> Name)> Entries)
    {
        public double Height => Entries.Max(entry => entry.Name.Count) * LegendSize * 1.25 + LegendSize * 0.35;
    }

    /// <summary>Places everything.</summary>
    /// <param name="figure">The figure.</param>
    /// <param name="width">Width in pixels, at least 200.</param>
    /// <param name="height">Height in pixels, at least 200. The picture is higher where the chart would have less than 180 pixels.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>), or a size is below 200.</exception>
    public FigureDrawing(Figure figure, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(figure);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 200);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 200);
        figure.Check();
        (_figure, _x, _y) = (figure, AxisRange.Horizontal(figure), AxisRange.Vertical(figure));
        var room = width - 2 * Pad;
        _title = FigureFont.Wrap(Clean(figure.Title), TitleSize, room, bold: true);
        _note = FigureFont.Wrap(Clean(figure.Note), NoteSize, room);
        _xTitle = FigureFont.Wrap(Clean(figure.X.Title), AxisTitleSize, room);
        _legend = Legend(figure.Series, room);
        _markers = MarkerLabels.Of(figure, _x, width - 90);
        (_xTicks, _xAngle, _xLabels) = HorizontalTicks(width - 100);

        var top = Pad + _title.Count * TitleSize * 1.3 + MarkerLabels.Height(_markers) + (_title.Count + _markers.Count > 0 ? 4 : 0);
        var below = TickLength + _xLabels + _xTitle.Count * AxisTitleSize * 1.25 + 16 + _legend.Sum(row => row.Height)
            + (_note.Count > 0 ? 6 + _note.Count * NoteSize * 1.4 : 0) + Pad / 2;
        var chartHeight = Math.Max(180, height - top - below);
        (Width, Height) = (width, (int)Math.Ceiling(top + chartHeight + below));

        _yTitle = FigureFont.Wrap(Clean(figure.Y.Title), AxisTitleSize, chartHeight);
        _yTicks = figure.Y.Categories is { } names ? Named(names, _y) : Numbered(_y, (int)(chartHeight / 28));
        var left = Pad / 2 + _yTitle.Count * AxisTitleSize * 1.25 + 6 + Widest(_yTicks) + 3 + TickLength;
        var right = Math.Max(20, _xAngle == 0 && _xTicks.Count > 0
            ? FigureFont.Width(_xTicks[^1].Label, TickSize) / 2 - (1 - _xTicks[^1].Share) * (width - left) + 4 : 0);
        _chart = new Box(left, top, width - left - right, chartHeight);
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>The title as one line.</summary>
    public string Title => Clean(_figure.Title);

    /// <summary>What the picture shows, for readers who do not see it.</summary>
    public string Description => Clean($"{_figure.Description} {_figure.Note}".Trim());

    /// <summary>The lengths of strokes and gaps of a broken line, in pixels.</summary>
    public static double[] Dashes(LineStyle style) => style == LineStyle.Dotted ? [2.5, 4] : [9, 6];

    /// <summary>Draws the picture.</summary>
    public void Draw(IFigureSurface surface)
    {
        surface.Area(new Box(0, 0, Width, Height).Corners, Paper);
        Lines(surface, _title, new Point(Pad, Pad + TitleSize * 0.8), TitleSize, 1.3, bold: true);
        DrawGrid(surface);
        // A line or a symbol at the edge of the range is shown whole.
        surface.Clip(new Box(_chart.Left - 5, _chart.Top - 5, _chart.Width + 10, _chart.Height + 10));
        DrawSeries(surface);
        surface.EndClip();
        DrawMarkers(surface);
        DrawAxes(surface);
        var y = Height - Pad / 2 - (_note.Count > 0 ? 6 + _note.Count * NoteSize * 1.4 : 0) - _legend.Sum(row => row.Height);
        foreach (var row in _legend)
        {
            foreach (var (series, x, name) in row.Entries)
            {
                DrawSwatch(surface, series, x, y + LegendSize * 0.64);
                Lines(surface, name, new Point(x + Swatch + Gap, y + LegendSize), LegendSize, 1.25);
            }
            y += row.Height;
        }
        Lines(surface, _note, new Point(Pad, y + 6 + NoteSize), NoteSize, 1.4);
    }

    private void DrawGrid(IFigureSurface surface)
    {
        foreach (var tick in _figure.X.Categories is null ? _xTicks : [])
            surface.Line([new(AcrossOf(tick), _chart.Top), new(AcrossOf(tick), _chart.Bottom)], Grid, 1);
        foreach (var tick in _figure.Y.Categories is null ? _yTicks : [])
            surface.Line([new(_chart.Left, UpOf(tick)), new(_chart.Right, UpOf(tick))], Grid, 1);
    }

    private void DrawMarkers(IFigureSurface surface)
    {
        foreach (var (marker, row, anchor) in _markers)
        {
            var x = _chart.Left + _x.Share(marker.X) * _chart.Width;
            surface.Line([new(x, _chart.Bottom), new(x, _chart.Top)], MarkerInk, 1.5, LineStyle.Dashed);
            var length = FigureFont.Width(Clean(marker.Label), MarkerLabels.Size);
            var before = length * (anchor switch { Anchor.Start => 0, Anchor.Middle => 0.5, _ => 1 });
            var at = Math.Max(Pad + before, Math.Min(x, Width - Pad - (length - before)));
            surface.Text(new(new(at, _chart.Top - 6 - row * MarkerLabels.RowHeight), MarkerLabels.Size, Clean(marker.Label), anchor,
                MarkerInk));
        }
    }

    private void DrawAxes(IFigureSurface surface)
    {
        surface.Line([new(_chart.Left, _chart.Top), new(_chart.Left, _chart.Bottom), new(_chart.Right, _chart.Bottom)], Frame, 1);
        if (_figure.Series.Any(s => s.Kind == SeriesKind.Bars) && !_y.Log && _y.Min < 0 && _y.Max > 0)
            surface.Line([new(_chart.Left, Up(0)), new(_chart.Right, Up(0))], Frame, 1);
        foreach (var tick in _xTicks)
        {
            var x = AcrossOf(tick);
            surface.Line([new(x, _chart.Bottom), new(x, _chart.Bottom + TickLength)], Frame, 1);
            surface.Text(_xAngle == 0
                ? new(new(x, _chart.Bottom + TickLength + TickSize), TickSize, tick.Label, Anchor.Middle)
                : new(new(x + TickSize * (_xAngle == -90 ? 0.36 : 0.25), _chart.Bottom + TickLength + (_xAngle == -90 ? 3 : 10)), TickSize,
                    tick.Label, Anchor.End, Angle: _xAngle));
        }
        foreach (var tick in _yTicks)
        {
            var y = UpOf(tick);
            surface.Line([new(_chart.Left - TickLength, y), new(_chart.Left, y)], Frame, 1);
            surface.Text(new(new(_chart.Left - TickLength - 3, y + TickSize * 0.36), TickSize, tick.Label, Anchor.End));
        }
        for (var i = 0; i < _xTitle.Count; i++)
        {
            var y = _chart.Bottom + TickLength + _xLabels + (i + 1) * AxisTitleSize * 1.25;
            var half = FigureFont.Width(_xTitle[i], AxisTitleSize) / 2;
            var x = Math.Clamp(_chart.Left + _chart.Width / 2, Pad + half, Width - Pad - half);
            surface.Text(new(new(x, y), AxisTitleSize, _xTitle[i], Anchor.Middle));
        }
        for (var i = 0; i < _yTitle.Count; i++)
        {
            var x = Pad / 2 + (i + 0.8) * AxisTitleSize * 1.25;
            surface.Text(new(new(x, _chart.Top + _chart.Height / 2), AxisTitleSize, _yTitle[i], Anchor.Middle, Angle: -90));
        }
    }

    private static void Lines(IFigureSurface surface, List<string> lines, Point at, double size, double spacing, bool bold = false)
    {
        for (var i = 0; i < lines.Count; i++)
            surface.Text(new(at with { Y = at.Y + i * size * spacing }, size, lines[i], Bold: bold));
    }

    // The ticks, the angle of their labels, and the height of the labels. Names that would touch their neighbours are turned by 30 degrees;
    // by 90 degrees where the first name would leave the picture or the names are too close for 30 degrees.
    private (List<Tick> Ticks, int Angle, double Height) HorizontalTicks(double width)
    {
        if (_figure.X.Categories is not { } names)
        {
            var most = (int)(width / 60);
            // Long numbers get more room.
            var ticks = Numbered(_x, most);
            return (Widest(ticks) + 16 <= width / Math.Max(1, ticks.Count) ? ticks : Numbered(_x, (int)(width / (Widest(ticks) + 24))), 0,
                TickSize * 1.3);
        }
        var (named, spacing) = (Named(names, _x), width / Math.Max(1, names.Count));
        var widest = Widest(named);
        if (widest <= spacing - 8)
            return (named, 0, TickSize * 1.3);
        var aslant = 0.87 * widest < 60 + spacing / 2 && spacing > 34;
        return (named, aslant ? -30 : -90, aslant ? widest * 0.5 + 16 : widest + 8);
    }

    private static List<Tick> Named(IReadOnlyList<string> names, AxisRange range) =>
        [.. names.Select((name, i) => new Tick(range.Share(i), Clean(name)))];

    private static List<Tick> Numbered(AxisRange range, int most) =>
        [.. range.Ticks(Math.Max(2, most)).Select(value => new Tick(range.Share(value), Numbers.Tick(value)))];

    private static double Widest(List<Tick> ticks) => ticks.Select(tick => FigureFont.Width(tick.Label, TickSize)).DefaultIfEmpty(0).Max();

    private static List<LegendRow> Legend(IReadOnlyList<Series> series, double room)
    {
        var rows = new List<LegendRow>();
        var x = 0.0;
        foreach (var one in series)
        {
            var name = FigureFont.Wrap(Clean(one.Name), LegendSize, room - Swatch - Gap);
            var width = Swatch + Gap + name.Select(line => FigureFont.Width(line, LegendSize)).DefaultIfEmpty(0).Max();
            if (rows.Count == 0 || x + width > Pad + room)
            {
                rows.Add(new([]));
                x = Pad;
            }
            rows[^1].Entries.Add((one, x, name));
            x += width + 22;
        }
        return rows;
    }

    private double AcrossOf(Tick tick) => _chart.Left + tick.Share * _chart.Width;

    private double UpOf(Tick tick) => _chart.Bottom - tick.Share * _chart.Height;

    // An SVG must not have control characters, and no font has them.
    private static string Clean(string text) => string.Concat(text.Where(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c)));
}
