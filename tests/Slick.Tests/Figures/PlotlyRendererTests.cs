using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slick.Figures;

namespace Slick.Tests.Figures;

public sealed partial class PlotlyRendererTests
{
    [Fact]
    public void NaN_BecomesNull()
    {
        var traces = Json(Samples.Lines)["data"]!.AsArray().Where(t => (bool?)t!["showlegend"] != false).ToList();
        Assert.Equal([10, 20, null, 40, 50], traces[0]!["y"]!.AsArray().Select(v => (double?)v));
        Assert.Equal([1, null, 5, null, 12345], traces[1]!["y"]!.AsArray().Select(v => (double?)v));
    }

    [Fact]
    public void Band_IsOneOutlineForEachStretch_WithoutLegendAndHover()
    {
        var band = Json(Samples.Lines)["data"]!.AsArray().Single(t => (bool?)t!["showlegend"] == false)!;
        Assert.Equal("skip", (string?)band["hoverinfo"]);
        // Epochs 1 and 2 there and back and closed, a gap, then epoch 4 alone: 5 has no lower end.
        Assert.Equal([1, 2, 2, 1, 1, null, 4, 4, 4, null], band["x"]!.AsArray().Select(v => (double?)v));
        Assert.Equal([12, 22, 18, 8, 12, null, 42, 38, 42, null], band["y"]!.AsArray().Select(v => (double?)v));
    }

    [Fact]
    public void Hover_ShowsThreeDigits()
    {
        var known = Json(Samples.Lines)["data"]!.AsArray();
        Assert.Equal("10 [8, 12]", (string?)known[1]!["customdata"]![0]);
        Assert.Equal("12,345", (string?)known[2]!["customdata"]![4]);
        Assert.Equal("MaybeKnown: 60 [55, 66]", (string?)Json(Samples.Bars)["data"]![0]!["customdata"]![1]);
    }

    [Fact]
    public void ErrorBars_AreDistancesFromTheValue()
    {
        var error = Json(Samples.Bars)["data"]![0]!["error_y"]!;
        Assert.Equal([1, 6, null], error["array"]!.AsArray().Select(v => (double?)v));
        Assert.Equal([2, 5, null], error["arrayminus"]!.AsArray().Select(v => (double?)v));
    }

    [Fact]
    public void LogarithmicAxis_TakesLogarithmsForRangesAndLabels()
    {
        var layout = Json(Samples.Logarithmic)["layout"]!;
        Assert.Equal("log", (string?)layout["xaxis"]!["type"]);
        Assert.Equal(0, (double?)layout["yaxis"]!["range"]![0]);
        Assert.InRange((double)layout["yaxis"]!["range"]![1]!, Math.Log10(30_000), 5);
        Assert.Equal(30, (double?)layout["shapes"]![0]!["x0"]);
        Assert.Equal(Math.Log10(30), (double)layout["annotations"]![0]!["x"]!, 1e-12);
        Assert.Equal(2, layout["annotations"]!.AsArray().Count);
    }

    [Theory]
    [MemberData(nameof(Samples.Names), MemberType = typeof(Samples))]
    public void SeriesAndTexts_AreThere_AndEscaped(string name)
    {
        var figure = Samples.Named(name);
        var html = PlotlyRenderer.Html(figure);
        var traces = Json(figure)["data"]!.AsArray().Where(t => (bool?)t!["showlegend"] != false)
            .Select(t => System.Net.WebUtility.HtmlDecode(((string?)t!["name"])!.Replace("<br>", " ", StringComparison.Ordinal)));
        Assert.Equal(figure.Series.Select(s => s.Name), traces);
        Assert.Contains(System.Net.WebUtility.HtmlEncode(figure.Note), html, StringComparison.Ordinal);
        Assert.Equal(1, Count(html, "</script>"));
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<e>", html, StringComparison.Ordinal);
        Assert.Matches("<div class=\"slick-plot\" [^>]*role=\"img\" aria-label=\"[^\"]{10,}\"", html);
    }

    [Fact]
    public void AxisOfCategories_ShowsThemAll_AndZeroUnderBars()
    {
        var layout = Json(Samples.Bars)["layout"]!;
        Assert.Equal([-0.5, 2.5], layout["xaxis"]!["range"]!.AsArray().Select(v => (double)v!));
        Assert.Equal(["HighlyKnown", "MaybeKnown", "Unknown"], layout["xaxis"]!["ticktext"]!.AsArray().Select(v => (string?)v));
        Assert.Equal(0, (double?)layout["yaxis"]!["range"]![0]);
    }

    // plotly.js cuts off what is longer than its axis.
    [Fact]
    public void LongAxisTitles_AreBrokenIntoLines()
    {
        var layout = Json(Samples.Long)["layout"]!;
        var title = (string)layout["yaxis"]!["title"]!["text"]!;
        Assert.Equal(Samples.Long.Y.Title, title.Replace("<br>", " ", StringComparison.Ordinal));
        var size = (int)layout["yaxis"]!["title"]!["font"]!["size"]!;
        Assert.All(title.Split("<br>"), line => Assert.InRange(FigureFont.Width(line, size), 1, 300));
        Assert.All(((string)Json(Samples.Long)["data"]![0]!["name"]!).Split("<br>"),
            line => Assert.InRange(FigureFont.Width(line, 14), 1, 240));
    }

    [Fact]
    public void MarkersThatTouchOnAPhone_AreLabelledInTwoRows()
    {
        var figure = Samples.Lines with
        {
            X = new("epoch"), Series = [new Series { Name = "s", X = [0, 50], Y = [0, 1] }],
            Markers = [new(1, "EARLY_STOP"), new(21, "FIT (median of 19 to 21)")],
        };
        Assert.Equal([0, 18], Json(figure)["layout"]!["annotations"]!.AsArray().Select(label => (int)label!["yshift"]!));
    }

    [Fact]
    public void SameFigure_SameHtml_OtherFigure_OtherPlace()
    {
        Assert.Equal(PlotlyRenderer.Html(Samples.Lines), PlotlyRenderer.Html(Samples.Lines with { }));
        Assert.NotEqual(Place(PlotlyRenderer.Html(Samples.Lines)),
            Place(PlotlyRenderer.Html(Samples.Lines with { Y = new Axis("other") })));

        static string Place(string html) => Regex.Match(html, "data-figure=\"([^\"]+)\"").Groups[1].Value;
    }

    [Fact]
    public void MismatchedLengths_AreRefused()
    {
        var series = Samples.Bars.Series[0];
        foreach (var wrong in new[] { series with { Y = [1] }, series with { Low = [1] }, series with { High = [1, 2, 3, 4] },
            series with { Low = null } })
        {
            var figure = Samples.Bars with { Series = [wrong] };
            Assert.Contains("early stop", Assert.Throws<ArgumentException>(() => PlotlyRenderer.Html(figure)).Message,
                StringComparison.Ordinal);
            Assert.Throws<ArgumentException>(() => SvgRenderer.Svg(figure));
        }
        Assert.Throws<ArgumentException>(() => PlotlyRenderer.Html(Samples.Bars with { Y = new Axis("y", 1, 1) }));
        Assert.Throws<ArgumentException>(() => PlotlyRenderer.Html(Samples.Bars with { Y = new Axis("y", 0, LogScale: true) }));
    }

    [Fact]
    public void Player_HasAFrameForEachStep_WhichSliderAndButtonsName()
    {
        var html = PlotlyRenderer.NotebookHtml(Samples.Player);
        Assert.Equal(1, Count(PlotlyRenderer.WithoutLoaders(html), "</script>"));
        var chart = JsonNode.Parse(FigureJson().Match(html).Groups[1].Value)!;
        var frames = chart["frames"]!.AsArray();
        Assert.Equal(["0", "1"], frames.Select(f => (string?)f!["name"]));
        Assert.True(JsonNode.DeepEquals(chart["data"], frames[0]!["data"]));
        Assert.Equal([1, 2, 3], frames[1]!["data"]![0]!["y"]!.AsArray().Select(v => (double)v!));
        var slider = Assert.Single(chart["layout"]!["sliders"]!.AsArray())!;
        Assert.Equal("epoch &lt;e&gt; ", (string?)slider["currentvalue"]!["prefix"]);
        Assert.Equal(["0", "1"], slider["steps"]!.AsArray().Select(s => (string?)s!["args"]![0]![0]));
        Assert.All(slider["steps"]!.AsArray(), s => Assert.Equal("animate", (string?)s!["method"]));
        // null: all frames, one after the other; [null]: stop.
        var menu = Assert.Single(chart["layout"]!["updatemenus"]!.AsArray())!;
        var buttons = menu["buttons"]!.AsArray();
        // Below the chart they would lie on the turned names of a narrow page's axis.
        Assert.All([slider, menu], control => Assert.Equal("1 bottom", $"{(int?)control["y"]} {(string?)control["yanchor"]}"));
        Assert.Null(buttons[0]!["args"]![0]);
        Assert.Equal([null], buttons[1]!["args"]![0]!.AsArray());
    }

    [Fact]
    public void PlayerOfDifferentFigures_IsRefused()
    {
        foreach (var steps in new (string, Figure)[][] { [], [("0", Samples.Bars), ("0", Samples.Bars)],
            [("0", Samples.Bars), ("1", Samples.Lines)] })
            Assert.Contains("figure-1", Assert.Throws<ArgumentException>(() =>
                PlotlyRenderer.NotebookHtml(Samples.Player with { Steps = steps })).Message, StringComparison.Ordinal);
    }

    internal static int Count(string text, string part) => text.Split(part).Length - 1;

    private static JsonNode Json(Figure figure) => JsonNode.Parse(FigureJson().Match(PlotlyRenderer.Html(figure)).Groups[1].Value)!;

    [GeneratedRegex("^var figure = (.*);$", RegexOptions.Multiline)]
    private static partial Regex FigureJson();
}
