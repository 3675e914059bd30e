using SkiaSharp;

namespace Slick.Figures;

/// <summary>
/// Draws figures as PNG pictures without a browser, on a white background, for viewers that show neither scripts nor SVG. On one machine
/// the same figure gives the same bytes.
/// </summary>
public static class PngRenderer
{
    /// <summary>Pixels of the picture for each pixel of the drawing. So the picture is sharp on a fine screen and on paper.</summary>
    public const int Scale = 2;

    /// <summary>The usual width in pixels.</summary>
    public const int Width = 720;

    /// <summary>The picture, the contents of a PNG file.</summary>
    /// <param name="figure">The figure.</param>
    /// <param name="width">Width in pixels, at least 200. The picture has <see cref="Scale"/> times as many.</param>
    /// <param name="height">Height in pixels with title, legend and note, at least 200. The picture is higher where these leave the chart
    /// less than 180 pixels.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>), or a size is below 200.</exception>
    public static byte[] Png(Figure figure, int width = Width, int height = 480)
    {
        var drawing = new FigureDrawing(figure, width, height);
        using var bitmap = new SKBitmap(new SKImageInfo(Scale * drawing.Width, Scale * drawing.Height, SKColorType.Rgba8888,
            SKAlphaType.Opaque));
        using var canvas = new SKCanvas(bitmap);
        canvas.Scale(Scale);
        drawing.Draw(new Surface(canvas));
        return IndexedPng.Encode(bitmap.GetPixelSpan(), bitmap.Width);
    }

    private sealed class Surface(SKCanvas canvas) : IFigureSurface
    {
        public void Clip(Box box)
        {
            canvas.Save();
            canvas.ClipRect(new SKRect((float)box.Left, (float)box.Top, (float)box.Right, (float)box.Bottom));
        }

        public void EndClip() => canvas.Restore();

        public void Line(IReadOnlyList<Point> points, string color, double width, LineStyle style)
        {
            using var path = Path(points);
            using var dashes = style == LineStyle.Solid ? null
                : SKPathEffect.CreateDash([.. FigureDrawing.Dashes(style).Select(length => (float)length)], 0);
            using var paint = Paint(color);
            (paint.Style, paint.StrokeWidth, paint.StrokeJoin, paint.PathEffect) =
                (SKPaintStyle.Stroke, (float)width, SKStrokeJoin.Round, dashes);
            canvas.DrawPath(path, paint);
        }

        public void Area(IReadOnlyList<Point> corners, string color, double opacity)
        {
            using var path = Path(corners);
            using var paint = Paint(color, opacity);
            canvas.DrawPath(path, paint);
        }

        public void Circle(Point centre, double radius, string color)
        {
            using var paint = Paint(color);
            canvas.DrawCircle((float)centre.X, (float)centre.Y, (float)radius, paint);
        }

        public void Text(Label label)
        {
            using var paint = Paint(label.Color);
            using var path = FigureFont.Outline(label.Text, label.Bold);
            var width = FigureFont.Width(label.Text, label.Size, label.Bold);
            canvas.Save();
            canvas.Translate((float)label.At.X, (float)label.At.Y);
            canvas.RotateDegrees(label.Angle);
            canvas.Translate((float)(label.Anchor switch { Anchor.Middle => -width / 2, Anchor.End => -width, _ => 0 }), 0);
            canvas.Scale((float)label.Size);
            canvas.DrawPath(path, paint);
            canvas.Restore();
        }

        private static SKPath Path(IReadOnlyList<Point> points)
        {
            var path = new SKPath();
            path.AddPoly([.. points.Select(point => new SKPoint((float)point.X, (float)point.Y))], close: false);
            return path;
        }

        private static SKPaint Paint(string color, double opacity = 1) =>
            new() { Color = SKColor.Parse(color).WithAlpha((byte)Math.Round(255 * opacity)), IsAntialias = true };
    }
}
