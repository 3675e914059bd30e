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
        var words = svg.Descendants(Ns + "text").Select(t => t.Value).ToList();
        Assert.All(figure.Series, series => Assert.Contains(series.Name, words));
        Assert.Contains(figure.X.Title, words);
        Assert.Contains(figure.Y.Title, words);
        Assert.Equal(figure.Title, svg.Root!.Element(Ns + "title")!.Value);
        Assert.Equal("900", svg.Root.Attribute("width")!.Value);
        Assert.Equal("560", svg.Root.Attribute("height")!.Value);
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
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
        Assert.All(svg.Descendants(Ns + "text"), t => Assert.DoesNotContain(",", t.Attribute("x")!.Value, StringComparison.Ordinal));
    }

    [Fact]
    public void DashedLine_IsDashed()
    {
        var dashed = XDocument.Parse(SvgRenderer.Svg(Samples.Lines)).Descendants(Ns + "path")
            .Where(p => (string?)p.Attribute("stroke-dasharray") == "9 6").Select(p => (string?)p.Attribute("stroke"));
        // The marker's line and the series; the other series is unbroken.
        Assert.Equal(["#5A6270", "#D55E00"], dashed.Distinct().Order());
    }

    [Fact]
    public void LoneValue_IsShownAsAPoint()
    {
        var squares = XDocument.Parse(SvgRenderer.Svg(Samples.Lines)).Descendants()
            .Count(e => e.Name == Ns + "rect" && (string?)e.Attribute("fill") == "#D55E00");
        Assert.Equal(2, squares);
    }

    [Fact]
    public void Save_WritesTheWholeFile_AndNothingElse()
    {
        var path = Path.Combine(Scratch.Folder("svg"), "a", "figure.svg");
        SvgRenderer.Save(Samples.Bars, path);
        Assert.Equal(SvgRenderer.Svg(Samples.Bars), File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }
}
