namespace Slick.Figures;

/// <content>The series.</content>
internal sealed partial class FigureDrawing
{
    private const double LineWidth = 2.5;

    private double Across(double x) => _chart.Left + _x.Share(x) * _chart.Width;

    private double Up(double y) => _chart.Bottom - _y.Share(y) * _chart.Height;

    private void DrawSeries(IFigureSurface surface)
    {
        var bars = new BarPlaces(_figure.Series);
        foreach (var series in _figure.Series.Where(s => s.HasBand))
            DrawBand(surface, series);
        for (var i = 0; i < _figure.Series.Count; i++)
        {
            var series = _figure.Series[i];
            if (series.Kind == SeriesKind.Bars)
                DrawBars(surface, series, bars.Offset(i), bars.Width * 0.95);
            else
                DrawLine(surface, series);
            if (series.HasErrorBars)
                DrawErrorBars(surface, series, bars.Offset(i));
        }
    }

    private void DrawBand(IFigureSurface surface, Series series)
    {
        foreach (var (start, end) in series.BandStretches())
        {
            var points = Enumerable.Range(start, end - start).Select(i => (X: Across(series.X[i]), Low: Up(series.Low![i]),
                High: Up(series.High![i]))).Where(p => double.IsFinite(p.X) && double.IsFinite(p.Low) && double.IsFinite(p.High)).ToList();
            if (points.Count > 1)
                surface.Area([.. points.Select(p => new Point(p.X, p.High)), .. points.AsEnumerable().Reverse()
                    .Select(p => new Point(p.X, p.Low))], Palette.Hex(series.Color), Palette.BandOpacity);
        }
    }

    private void DrawLine(IFigureSurface surface, Series series)
    {
        var color = Palette.Hex(series.Color);
        var points = series.X.Zip(series.Y, (x, y) => new Point(Across(x), Up(y))).ToList();
        bool Known(int i) => i < points.Count && double.IsFinite(points[i].X) && double.IsFinite(points[i].Y);
        for (var start = 0; series.Kind != SeriesKind.Points && start < points.Count; start++)
        {
            var end = start;
            while (Known(end))
                end++;
            if (end - start > 1)
                surface.Line(points[start..end], color, LineWidth, series.Style);
            start = end;
        }
        for (var i = 0; i < points.Count; i++)
        {
            if (Known(i) && (series.HasPoints || series.IsAlone(i)))
                DrawSymbol(surface, points[i], series.Color);
        }
    }

    private void DrawBars(IFigureSurface surface, Series series, double offset, double width)
    {
        var floor = _y.Log ? _chart.Bottom : Up(0);
        for (var i = 0; i < series.X.Count; i++)
        {
            var (left, right) = (Across(series.X[i] + offset - width / 2), Across(series.X[i] + offset + width / 2));
            var top = Up(series.Y[i]);
            if (double.IsFinite(left) && double.IsFinite(right) && double.IsFinite(top))
                surface.Area(new Box(left, Math.Min(top, floor), right - left, Math.Abs(floor - top)).Corners, Palette.Hex(series.Color));
        }
    }

    private void DrawErrorBars(IFigureSurface surface, Series series, double offset)
    {
        const double Cap = 5;
        var color = series.Kind == SeriesKind.Bars ? Ink : Palette.Hex(series.Color);
        for (var i = 0; i < series.X.Count; i++)
        {
            var (x, low, high) = (Across(series.X[i] + offset), Up(series.Low![i]), Up(series.High![i]));
            if (!double.IsFinite(x) || !double.IsFinite(low) || !double.IsFinite(high) || !double.IsFinite(Up(series.Y[i])))
                continue;
            surface.Line([new(x, low), new(x, high)], color, 1.5);
            foreach (var y in new[] { low, high })
                surface.Line([new(x - Cap, y), new(x + Cap, y)], color, 1.5);
        }
    }

    private static void DrawSymbol(IFigureSurface surface, Point at, int color)
    {
        Point[] Around(params (double X, double Y)[] corners) => [.. corners.Select(c => new Point(at.X + c.X, at.Y + c.Y))];
        switch (Palette.Symbol(color))
        {
            case 0:
                surface.Circle(at, 4.5, Palette.Hex(color));
                break;
            case 1:
                surface.Area(Around((-4.2, -4.2), (4.2, -4.2), (4.2, 4.2), (-4.2, 4.2)), Palette.Hex(color));
                break;
            case 2:
                surface.Area(Around((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)), Palette.Hex(color));
                break;
            default:
                surface.Area(Around((0, -5.5), (5, 4.5), (-5, 4.5)), Palette.Hex(color));
                break;
        }
    }

    // The series as it looks, beside its name.
    private static void DrawSwatch(IFigureSurface surface, Series series, double x, double y)
    {
        var color = Palette.Hex(series.Color);
        if (series.Kind == SeriesKind.Bars)
        {
            surface.Area(new Box(x + 10, y - 7, Swatch - 18, 14).Corners, color);
            return;
        }
        if (series.HasBand)
            surface.Area(new Box(x, y - 7, Swatch, 14).Corners, color, Palette.BandOpacity);
        if (series.Kind != SeriesKind.Points)
            surface.Line([new(x, y), new(x + Swatch, y)], color, LineWidth, series.Style);
        if (series.HasPoints)
            DrawSymbol(surface, new(x + Swatch / 2, y), series.Color);
    }
}
