using System.Globalization;
using System.Text;
using System.Xml.Linq;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>
/// Draws figures as SVG files without a browser, on a white background, for a README or a paper. The same figure gives the same bytes.
/// </summary>
public static class SvgRenderer
{
    /// <summary>The picture as SVG text. Words stay text in it.</summary>
    /// <param name="figure">The figure.</param>
    /// <param name="width">Width in pixels, at least 200.</param>
    /// <param name="height">Height in pixels with title, legend and note, at least 200. The picture is higher where these leave the chart
    /// less than 180 pixels.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>), or a size is below 200.</exception>
    public static string Svg(Figure figure, int width = 900, int height = 560)
    {
        var drawing = new FigureDrawing(figure, width, height);
        var surface = new Surface(drawing);
        drawing.Draw(surface);
        return surface.ToString();
    }

    /// <summary>Writes the picture of <see cref="Svg"/> to a file. The file is written as a whole or not at all.</summary>
    /// <param name="figure">The figure.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>).</exception>
    /// <exception cref="SlickException">The file cannot be written.</exception>
    public static void Save(Figure figure, string path) => AtomicFile.WriteText(path, Svg(figure));

    private sealed class Surface : IFigureSurface
    {
        private readonly StringBuilder _svg = new();

        public Surface(FigureDrawing drawing)
        {
            Append($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{drawing.Width}\" height=\"{drawing.Height}\" viewBox=\"0 0 "
                + $"{drawing.Width} {drawing.Height}\" role=\"img\" font-family=\"{FigureFont.Families}\" stroke-linejoin=\"round\">");
            Append($"<title>{Xml(drawing.Title)}</title>");
            Append($"<desc>{Xml(drawing.Description)}</desc>");
        }

        // Elements inside an inner svg are clipped by its edges. A clipPath would need an id that no other picture of a page has.
        public void Clip(Box box)
        {
            var edges = $"{Text(box.Left)} {Text(box.Top)} {Text(box.Width)} {Text(box.Height)}";
            Append($"<svg x=\"{Text(box.Left)}\" y=\"{Text(box.Top)}\" width=\"{Text(box.Width)}\" height=\"{Text(box.Height)}\" "
                + $"viewBox=\"{edges}\">");
        }

        public void EndClip() => Append("</svg>");

        public void Line(IReadOnlyList<Point> points, string color, double width, LineStyle style)
        {
            var dashes = style == LineStyle.Solid ? ""
                : $" stroke-dasharray=\"{string.Join(' ', FigureDrawing.Dashes(style).Select(Text))}\"";
            Append($"<path d=\"{Path(points)}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{Text(width)}\"{dashes}/>");
        }

        public void Area(IReadOnlyList<Point> corners, string color, double opacity) =>
            Append($"<path d=\"{Path(corners)}Z\" fill=\"{color}\"{(opacity < 1 ? $" fill-opacity=\"{Text(opacity)}\"" : "")}/>");

        public void Circle(Point centre, double radius, string color) =>
            Append($"<circle cx=\"{Text(centre.X)}\" cy=\"{Text(centre.Y)}\" r=\"{Text(radius)}\" fill=\"{color}\"/>");

        public void Text(Label label)
        {
            var (x, y) = (Text(label.At.X), Text(label.At.Y));
            var anchor = label.Anchor switch { Anchor.Middle => " text-anchor=\"middle\"", Anchor.End => " text-anchor=\"end\"", _ => "" };
            Append($"<text x=\"{x}\" y=\"{y}\" font-size=\"{Text(label.Size)}\"{(label.Bold ? " font-weight=\"700\"" : "")}{anchor}"
                + $"{(label.Angle == 0 ? "" : $" transform=\"rotate({Text(label.Angle)} {x} {y})\"")} fill=\"{label.Color}\">"
                + $"{Xml(label.Text)}</text>");
        }

        public override string ToString() => _svg + "</svg>\n";

        private void Append(string element) => _svg.Append(element).Append('\n');

        private static string Path(IReadOnlyList<Point> points) =>
            "M" + string.Join('L', points.Select(point => $"{Text(point.X)} {Text(point.Y)}"));

        private static string Text(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

        private static string Xml(string text) => new XText(text).ToString();
    }
}
