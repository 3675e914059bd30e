using System.Globalization;
using System.Xml.Linq;
using SkiaSharp;
using Slick.Figures;

namespace Slick.Tests.Figures;

public sealed class PngRendererTests
{
    [Theory]
    [MemberData(nameof(Samples.Names), MemberType = typeof(Samples))]
    public void Png_HasTwoPixelsForOneOfTheSvg_AndInkInEveryText(string name)
    {
        var svg = XDocument.Parse(SvgRenderer.Svg(Samples.Named(name), 720, 480)).Root!;
        using var png = SKBitmap.Decode(PngRenderer.Png(Samples.Named(name)));
        Assert.Equal((PngRenderer.Scale * Number(svg, "width"), PngRenderer.Scale * Number(svg, "height")), (png.Width, png.Height));
        Assert.Equal(SKColors.White, png.GetPixel(1, 1));
        foreach (var text in svg.Descendants().Where(e => e.Name.LocalName == "text" && e.Attribute("transform") is null
            && e.Attribute("text-anchor") is null))
        {
            var (x, y) = (Number(text, "x"), Number(text, "y"));
            var dark = from across in Enumerable.Range((int)(2 * x), 24)
                       from down in Enumerable.Range((int)(2 * y) - 24, 24)
                       where png.GetPixel(across, down).Red < 128
                       select across;
            Assert.True(dark.Any(), $"There is no letter of \"{text.Value}\".");
        }
    }

    [Fact]
    public void Points_AreWhereTheSvgHasThem()
    {
        using var png = SKBitmap.Decode(PngRenderer.Png(Samples.Lines));
        var circles = XDocument.Parse(SvgRenderer.Svg(Samples.Lines, 720, 480)).Descendants()
            .Where(e => e.Name.LocalName == "circle").ToList();
        Assert.Equal(5, circles.Count); // four values and the legend
        Assert.All(circles, circle => Assert.Equal(SKColor.Parse(circle.Attribute("fill")!.Value),
            png.GetPixel((int)(2 * Number(circle, "cx")), (int)(2 * Number(circle, "cy")))));
    }

    [Fact]
    public void SameFigure_SameBytes_NoLargerThan40KB()
    {
        var first = PngRenderer.Png(Samples.Lines);
        _ = PngRenderer.Png(Samples.Bars);
        Assert.Equal(first, PngRenderer.Png(Samples.Lines with { }));
        Assert.InRange(first.Length, 1000, 40_000);
    }

    [Fact]
    public void MoreThan256Colours_BecomeTheMostSimilarOfTheFrequentOnes()
    {
        // 300 greys and reds, of which the first 256 fill two columns and the others one.
        static byte[] Color(int i) => i < 256 ? [(byte)i, (byte)i, (byte)i] : [255, (byte)(i - 256), (byte)(i - 256)];
        byte[] pixels = [.. Enumerable.Range(0, 300).SelectMany(i => Enumerable.Repeat(Color(i), 2))
            .Where((_, place) => place < 512 || place % 2 == 0).SelectMany(c => new[] { c[0], c[1], c[2], (byte)255 })];
        using var png = SKBitmap.Decode(IndexedPng.Encode(pixels, pixels.Length / 4));
        Assert.Equal((556, 1), (png.Width, png.Height));
        Assert.All(Enumerable.Range(0, 256), i => Assert.Equal((byte)i, png.GetPixel(2 * i, 0).Green));
        // (255, 40, 40) is nearest to the grey (112, 112, 112).
        Assert.Equal(new SKColor(112, 112, 112), png.GetPixel(512 + 40, 0));
    }

    private static double Number(XElement element, string name) =>
        double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
}
