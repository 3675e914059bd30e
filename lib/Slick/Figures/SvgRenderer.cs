using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>
/// Draws figures as SVG files without a browser, on a white background, for a README or a paper. The same figure gives the same bytes.
/// </summary>
public static partial class SvgRenderer
{
    private const float TitleSize = 20, LegendSize = 15.5f, NoteSize = 13.5f, Pad = 14, Swatch = 34;
    private const int Shift = 8;

    /// <summary>The picture as SVG text. Words stay text in it.</summary>
    /// <param name="figure">The figure.</param>
    /// <param name="width">Width in pixels, at least 200.</param>
    /// <param name="height">Height in pixels with title, legend and note, at least 200. The picture is higher where these leave the chart
    /// less than 120 pixels.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>), or a size is below 200.</exception>
    public static string Svg(Figure figure, int width = 900, int height = 560)
    {
        ArgumentNullException.ThrowIfNull(figure);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 200);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 200);
        figure.Check();
        FigureFont.Register();
        var room = width - 2 * Pad;
        var title = FigureFont.Wrap(Clean(figure.Title), TitleSize, room, bold: true);
        var note = FigureFont.Wrap(Clean(figure.Note), NoteSize, room);
        var legend = LegendRows(figure.Series, room);
        var top = (int)MathF.Ceiling(title.Count * TitleSize * 1.3f + Pad);
        var below = (int)MathF.Ceiling(legend.Count * LegendSize * 1.6f + note.Count * NoteSize * 1.4f + Pad);
        var chartHeight = Math.Max(120, height - top - below);

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{top + chartHeight + below}\" viewBox=\"0 0 {width} "
            + $"{top + chartHeight + below}\" role=\"img\" font-family=\"{FigureFont.Families}\">\n");
        svg.Append("<title>").Append(Xml(figure.Title)).Append("</title>\n<desc>").Append(Xml(figure.Description + " " + figure.Note))
            .Append("</desc>\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
        var y = Pad + TitleSize;
        foreach (var line in title)
        {
            Text(svg, Pad, y, TitleSize, line, bold: true);
            y += TitleSize * 1.3f;
        }
        svg.Append(CultureInfo.InvariantCulture, $"<g transform=\"translate({Shift} {top})\">\n")
            .Append(Chart(figure, width - Shift, chartHeight)).Append("</g>\n");
        y = top + chartHeight + LegendSize;
        foreach (var row in legend)
        {
            foreach (var (series, x) in row)
            {
                AppendSwatch(svg, series, x, y - LegendSize * 0.36f);
                Text(svg, x + Swatch + 7, y, LegendSize, Clean(series.Name));
            }
            y += LegendSize * 1.6f;
        }
        y += 2;
        foreach (var line in note)
        {
            Text(svg, Pad, y, NoteSize, line);
            y += NoteSize * 1.4f;
        }
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Writes the picture of <see cref="Svg"/> to a file. The file is written as a whole or not at all.</summary>
    /// <param name="figure">The figure.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>).</exception>
    /// <exception cref="SlickException">The file cannot be written.</exception>
    public static void Save(Figure figure, string path) => AtomicFile.WriteText(path, Svg(figure));

    /// <summary>ScottPlot's drawing without its root element. Its names and texts are changed so that it can be part of another
    /// picture.</summary>
    private static string Chart(Figure figure, int width, int height)
    {
        var (svg, labels) = SvgChart.Draw(figure, width, height);
        var start = svg.IndexOf('>', svg.IndexOf("<svg", StringComparison.Ordinal)) + 1;
        svg = svg[start..svg.LastIndexOf("</svg>", StringComparison.Ordinal)];
        svg = OneClip(svg, "clip-" + string.Concat(figure.Id.Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')));
        svg = svg.Replace(SvgChart.Dashed, Dash(LineStyle.Dashed), StringComparison.Ordinal)
            .Replace(SvgChart.Dotted, Dash(LineStyle.Dotted), StringComparison.Ordinal);
        var chart = new StringBuilder(SkiaText().Replace(svg, AsOneText).Replace("\r", "", StringComparison.Ordinal).Trim()).Append('\n');
        foreach (var (label, place) in labels)
            Text(chart, place.X, place.Y - 6 - label.Row * MarkerLabels.RowHeight, 14, label.Marker.Label, SvgChart.MarkerInk,
                label.Anchor);
        return chart.ToString();
    }

    // Skia repeats the chart's outline for each line that it clips. It numbers these outlines through the whole process. Here equal
    // outlines are merged and named anew.
    private static string OneClip(string svg, string prefix)
    {
        var names = new Dictionary<string, string>();
        var outlines = new Dictionary<string, string>();
        svg = ClipPath().Replace(svg, match =>
        {
            var isNew = outlines.TryAdd(match.Groups["outline"].Value,
                string.Create(CultureInfo.InvariantCulture, $"{prefix}-{outlines.Count + 1}"));
            var name = names[match.Groups["name"].Value] = outlines[match.Groups["outline"].Value];
            return isNew ? $"<clipPath id=\"{name}\">{match.Groups["outline"].Value}</clipPath>\n" : "";
        });
        return ClipUse().Replace(svg, match => $"url(#{names[match.Groups["name"].Value]})");
    }

    // Skia gives each letter a position. With another font that would tear words apart. So each word gets one position: its start, its
    // middle or its end.
    private static string AsOneText(Match match)
    {
        var text = match.Groups["text"].Value;
        var x = float.Parse(match.Groups["x"].ValueSpan, CultureInfo.InvariantCulture);
        var width = FigureFont.Width(WebUtility.HtmlDecode(text),
            float.Parse(match.Groups["size"].ValueSpan, CultureInfo.InvariantCulture));
        var place = x < 0 && MathF.Abs(x + width / 2) < 1 ? " text-anchor=\"middle\" x=\"0\"" : x < 0 && MathF.Abs(x + width) < 1
            ? " text-anchor=\"end\" x=\"0\""
            : string.Create(CultureInfo.InvariantCulture, $" x=\"{x:0.##}\"");
        return $"<text{match.Groups["head"].Value}{place} y=\"{match.Groups["y"].Value}\">{text}</text>";
    }

    private static string Dash(LineStyle style) =>
        style switch { LineStyle.Dashed => "stroke-dasharray=\"9 6\"", LineStyle.Dotted => "stroke-dasharray=\"2.5 4\"", _ => "" };

    private static List<List<(Series Series, float X)>> LegendRows(IReadOnlyList<Series> series, float room)
    {
        var rows = new List<List<(Series, float)>>();
        var x = float.MaxValue;
        foreach (var one in series)
        {
            var width = Swatch + 7 + FigureFont.Width(Clean(one.Name), LegendSize) + 22;
            if (rows.Count == 0 || x + width - 22 > Pad + room)
            {
                rows.Add([]);
                x = Pad;
            }
            rows[^1].Add((one, x));
            x += width;
        }
        return rows;
    }

    private static void AppendSwatch(StringBuilder svg, Series series, float x, float y)
    {
        var color = Palette.Hex(series.Color);
        if (series.Kind == SeriesKind.Bars)
        {
            svg.Append(CultureInfo.InvariantCulture,
                $"<rect x=\"{x + 10}\" y=\"{y - 7}\" width=\"{Swatch - 18}\" height=\"14\" fill=\"{color}\"/>\n");
            return;
        }
        if (series.HasBand)
            svg.Append(CultureInfo.InvariantCulture,
                $"<rect x=\"{x}\" y=\"{y - 7}\" width=\"{Swatch}\" height=\"14\" fill=\"{color}\" "
                + $"fill-opacity=\"{Palette.BandOpacity}\"/>\n");
        if (series.Kind != SeriesKind.Points)
        {
            svg.Append(CultureInfo.InvariantCulture,
                $"<path d=\"M{x} {y}h{Swatch}\" stroke=\"{color}\" stroke-width=\"2.5\" {Dash(series.Style)}/>\n");
        }
        if (series.HasPoints)
        {
            var path = Palette.Symbol(series.Color) switch { 0 => "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z", 1 =>
                "m-4.2 -4.2h8.4v8.4h-8.4z", 2 => "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z", _ => "m0 -5.5l5 9h-10z" };
            svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{x + Swatch / 2} {y}{path}\" fill=\"{color}\"/>\n");
        }
    }

    private static void Text(StringBuilder svg, float x, float y, float size, string text, string color = SvgChart.Ink,
        string anchor = "start", bool bold = false) => svg.Append(CultureInfo.InvariantCulture,
        $"<text x=\"{x:0.##}\" y=\"{y:0.##}\" "
            + $"font-size=\"{size:0.##}\"{(bold ? " font-weight=\"700\"" : "")}{(anchor == "start" ? "" : $" text-anchor=\"{anchor}\"")} "
            + $"fill=\"{color}\">{Xml(text)}</text>\n");

    private static string Xml(string text) => new XText(Clean(text)).ToString();

    private static string Clean(string text) => string.Concat(text.Where(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c)));

    [GeneratedRegex("<clipPath id=\"(?<name>cl_[^\"]+)\">\\s*(?<outline><rect[^>]*/>)\\s*</clipPath>\\s*")]
    private static partial Regex ClipPath();

    [GeneratedRegex("url\\(#(?<name>cl_[^)]+)\\)")]
    private static partial Regex ClipUse();

    [GeneratedRegex(
        "<text(?<head>[^>]*? font-size=\"(?<size>[^\"]+)\"[^>]*?)(?: font-family=\"[^\"]*\") x=\"(?<x>[-+.0-9eE]+)[^\"]*\" "
        + "y=\"(?<y>[-+.0-9eE]+)[^\"]*\">\\s*(?<text>[^<]*?)\\s*</text>")]
    private static partial Regex SkiaText();
}
