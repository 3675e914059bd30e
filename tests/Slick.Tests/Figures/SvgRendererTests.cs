using System.Globalization;
using System.Xml.Linq;
using Slick.Figures;

namespace Slick.Tests.Figures;

public sealed class SvgRendererTests
{
    private static readonly XNamespace Ns = "http://www.w3.org/2000/svg";

    [Theory]
    [MemberData(nameof(Samples.Names), MemberType = typeof(Samples))]
    public void Svg_IsWellFormed_AndNamesEverySeries(string name)
    {
        var figure = Samples.Named(name);
        var svg = XDocument.Parse(SvgRenderer.Svg(figure));
        var words = string.Join(' ', svg.Descendants(Ns + "text").Select(t => t.Value));
        Assert.All(figure.Series, series => Assert.Contains(series.Name, words, StringComparison.Ordinal));
        Assert.Contains(figure.X.Title, words, StringComparison.Ordinal);
        Assert.Contains(figure.Y.Title, words, StringComparison.Ordinal);
        Assert.Contains(figure.Title, words, StringComparison.Ordinal);
        Assert.Contains(figure.Note, words, StringComparison.Ordinal);
        Assert.Equal(figure.Title, svg.Root!.Element(Ns + "title")!.Value);
        Assert.Equal("900", svg.Root.Attribute("width")!.Value);
        // The picture of long texts is higher, so that the chart has its 180 pixels; 5 pixels at each edge are for lines along it.
        if (name == "Long")
            Assert.Equal(180 + 2 * 5, Number(svg.Root.Element(Ns + "svg")!, "height"));
        else
            Assert.Equal("560", svg.Root.Attribute("height")!.Value);
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Samples.Names), MemberType = typeof(Samples))]
    public void NoText_LeavesThePicture(string name)
    {
        foreach (var (width, height) in new[] { (900, 560), (720, 480), (420, 300) })
        {
            var svg = XDocument.Parse(SvgRenderer.Svg(Samples.Named(name), width, height)).Root!;
            foreach (var text in svg.Descendants(Ns + "text"))
            {
                var (left, top, right, bottom) = Edges(text);
                Assert.True(left >= 0 && right <= width && top >= 0 && bottom <= Number(svg, "height"),
                    $"\"{text.Value}\" is at {left:F0} to {right:F0}, {top:F0} to {bottom:F0} of {width} x {Number(svg, "height")}");
            }
        }
    }

    [Fact]
    public void SameFigure_SameBytes()
    {
        var first = SvgRenderer.Svg(Samples.Lines);
        _ = SvgRenderer.Svg(Samples.Bars);
        Assert.Equal(first, SvgRenderer.Svg(Samples.Lines with { }));
    }

    [Fact]
    public void Text_IsText_InAFontThatViewersHave()
    {
        var svg = XDocument.Parse(SvgRenderer.Svg(Samples.Lines));
        Assert.Contains("sans-serif", svg.Root!.Attribute("font-family")!.Value, StringComparison.Ordinal);
        Assert.DoesNotContain(svg.Root.Descendants(), e => e.Attribute("font-family") is not null);
    }

    // Two pictures may be part of one page, where an id of one would be an id of the other.
    [Fact]
    public void Svg_HasNoIds() => Assert.DoesNotContain("id=", SvgRenderer.Svg(Samples.Lines), StringComparison.Ordinal);

    [Fact]
    public void DashedLine_IsDashed()
    {
        var dashed = XDocument.Parse(SvgRenderer.Svg(Samples.Lines)).Descendants(Ns + "path")
            .Where(p => (string?)p.Attribute("stroke-dasharray") == "9 6").Select(p => (string?)p.Attribute("stroke"));
        // The marker's line and the series in the legend; the other series is unbroken.
        Assert.Equal(["#5a6270", "#D55E00"], dashed.Order(StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void LoneValue_IsShownAsAPoint_AndAGapIsAGap()
    {
        var chart = XDocument.Parse(SvgRenderer.Svg(Samples.Lines)).Root!.Element(Ns + "svg")!;
        // Epochs 1, 3 and 5 stand alone; the third value is above the range of the axis, and the chart's edge hides it.
        Assert.Equal(3, chart.Elements().Count(e => (string?)e.Attribute("fill") == "#D55E00"));
        Assert.Equal(2, chart.Elements().Count(e => (string?)e.Attribute("stroke") == "#0072B2"));
        Assert.True(Number(chart, "y") > chart.Elements().Where(e => (string?)e.Attribute("fill") == "#D55E00")
            .Min(e => Corners(e).Max(c => c.Y)));
    }

    [Fact]
    public void Bars_StandOnZero_BesideEachOther()
    {
        var figure = Samples.Bars with { Series = [.. Samples.Bars.Series.Select(s => s with { Low = null, High = null })] };
        figure = figure with
        {
            Series = [figure.Series[0] with { Y = [50, 100, double.NaN] }, figure.Series[1] with { Y = [50, -50, 100] }],
        };
        var chart = XDocument.Parse(SvgRenderer.Svg(figure)).Root!.Element(Ns + "svg")!;
        List<(double Left, double Right, double Top, double Bottom)> Of(string color) => [.. chart.Elements()
            .Where(e => (string?)e.Attribute("fill") == color).Select(Corners)
            .Select(c => (c.Min(p => p.X), c.Max(p => p.X), c.Min(p => p.Y), c.Max(p => p.Y)))];
        var (green, blue) = (Of("#009E73"), Of("#0072B2"));
        Assert.Equal((2, 3), (green.Count, blue.Count));
        var zero = green[0].Bottom;
        Assert.All(new[] { green[0].Bottom, green[1].Bottom, blue[0].Bottom, blue[1].Top, blue[2].Bottom },
            y => Assert.Equal(zero, y, 0.011));
        Assert.Equal(zero - green[1].Top, 2 * (zero - green[0].Top), 0.03);
        Assert.Equal(zero - green[0].Top, blue[1].Bottom - zero, 0.03);
        Assert.True(green[0].Right < blue[0].Left && blue[0].Right < green[1].Left);
    }

    [Theory]
    [InlineData(0, 100, 10, "0 10 20 30 40 50 60 70 80 90 100")]
    [InlineData(-3, 103, 6, "0 20 40 60 80 100")]
    [InlineData(0.1, 0.35, 5, "0.1 0.15 0.2 0.25 0.3 0.35")]
    [InlineData(-1_500_000, 400_000, 4, "-1500000 -1000000 -500000 0")]
    [InlineData(1, 1.00001, 2, "1 1.000005 1.00001")]
    public void Ticks_AreNiceNumbers(double min, double max, int most, string ticks) => Assert.Equal(ticks,
        string.Join(' ', new AxisRange(false, min, max).Ticks(most).Select(t => t.ToString("G9", CultureInfo.InvariantCulture))));

    [Theory]
    [InlineData(0, 3, 12, "1 2 5 10 20 50 100 200 500 1000")]
    [InlineData(0, 3, 6, "1 10 100 1000")]
    [InlineData(-6, 6, 5, "1E-06 0.001 1 1000 1000000")]
    [InlineData(2.5, 2.68, 3, "400")]
    [InlineData(0.31, 0.69, 6, "2.5 3 3.5 4 4.5")]
    public void Ticks_OfALogarithmicAxis_ArePowersOfTen(double min, double max, int most, string first) => Assert.StartsWith(first,
        string.Join(' ', new AxisRange(true, min, max).Ticks(most).Select(t => t.ToString("G9", CultureInfo.InvariantCulture))),
        StringComparison.Ordinal);

    [Fact]
    public void Save_WritesTheWholeFile_AndNothingElse()
    {
        var path = Path.Combine(Scratch.Folder("svg"), "a", "figure.svg");
        SvgRenderer.Save(Samples.Bars, path);
        Assert.Equal(SvgRenderer.Svg(Samples.Bars), File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    private static (double Left, double Top, double Right, double Bottom) Edges(XElement text)
    {
        var (x, y, size) = (Number(text, "x"), Number(text, "y"), Number(text, "font-size"));
        var length = FigureFont.Width(text.Value, size, text.Attribute("font-weight") is not null);
        var start = (string?)text.Attribute("text-anchor") switch { "middle" => -length / 2, "end" => -length, _ => 0 };
        var turned = (string?)text.Attribute("transform") is { } t
            ? double.Parse(t["rotate(".Length..t.IndexOf(' ', StringComparison.Ordinal)], CultureInfo.InvariantCulture) : 0;
        var (sin, cos) = Math.SinCos(turned * Math.PI / 180);
        (double X, double Y)[] corners = [.. from along in new[] { start, start + length }
                                             from across in new[] { -0.75 * size, 0.2 * size }
                                             select (x + cos * along - sin * across, y + sin * along + cos * across)];
        return (corners.Min(c => c.X), corners.Min(c => c.Y), corners.Max(c => c.X), corners.Max(c => c.Y));
    }

    private static List<(double X, double Y)> Corners(XElement path) => [.. path.Attribute("d")!.Value.Trim('M', 'Z').Split('L')
        .Select(point => point.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture)).ToArray()).Select(n => (n[0], n[1]))];

    private static double Number(XElement element, string name) =>
        double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
}
