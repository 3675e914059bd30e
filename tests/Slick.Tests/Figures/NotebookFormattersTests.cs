using System.Globalization;
using System.Text.Json.Nodes;
using AngleSharp.Html.Parser;
using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive.Formatting;
using SkiaSharp;
using Slick.Experiments;
using Slick.Figures;
using Slick.Tests.Workbook;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Figures;

[Collection(nameof(ProcessWide))]
public sealed class NotebookFormattersTests : IDisposable
{
    private readonly bool _brings = PlotlyRenderer.FirstFigureBringsPlotly;

    public NotebookFormattersTests()
    {
        PlotlyRenderer.FirstFigureBringsPlotly = false;
        NotebookFormatters.Register();
        NotebookFormatters.Register();
    }

    public void Dispose()
    {
        Formatter.ResetToDefault();
        PlotlyRenderer.FirstFigureBringsPlotly = _brings;
    }

    [Fact]
    public void Figure_HasAFormForEveryViewer()
    {
        string[] forms = ["text/html", "image/png", "text/plain"];
        Assert.Equal(forms, Formatter.GetPreferredMimeTypesFor(typeof(Figure)));
        Assert.Equal(forms, FormattedValue.CreateManyFromObject(Samples.Bars).Select(value => value.MimeType));
        Assert.Contains("Plotly.newPlot(", Samples.Bars.ToDisplayString("text/html"), StringComparison.Ordinal);
        Assert.Equal(PngRenderer.Png(Samples.Bars), Convert.FromBase64String(Samples.Bars.ToDisplayString("image/png")));
        var chart = JsonNode.Parse(Samples.Bars.ToDisplayString(NotebookFormatters.PlotlyData))!.AsObject();
        Assert.Equal(["data", "layout", "config"], chart.Select(part => part.Key));
        Assert.Equal(2, chart["data"]!.AsArray().Count);
        Assert.Equal("Test accuracy\n  early stop: 2 values of accuracy (%), 60 to 90; 90 at HighlyKnown, 60 at MaybeKnown\n"
            + "  convergence: 3 values of accuracy (%), 2 to 80; 80 at HighlyKnown, 2 at Unknown",
            Samples.Bars.ToDisplayString("text/plain"));
    }

    // Such viewers keep p, img and a PNG as a data URL; they remove scripts, style sheets, SVG, and sources that are SVG.
    [Fact]
    public void FigureWithoutScripts_IsAPicture_BetweenItsTitleAndItsNote()
    {
        using var page = new HtmlParser().ParseDocument(Samples.Lines.ToDisplayString("text/html"));
        foreach (var element in page.QuerySelectorAll("script, style").ToList())
            element.Remove();
        Assert.Empty(page.QuerySelectorAll("svg"));
        Assert.Equal([Samples.Lines.Title, Samples.Lines.Note], page.QuerySelectorAll("p").Select(p => p.TextContent));
        var image = Assert.Single(page.QuerySelectorAll("img"));
        Assert.Equal(Samples.Lines.Description, image.GetAttribute("alt"));
        const string Start = "data:image/png;base64,";
        Assert.StartsWith(Start, image.GetAttribute("src"), StringComparison.Ordinal);
        using var picture = SKBitmap.Decode(Convert.FromBase64String(image.GetAttribute("src")![Start.Length..]));
        Assert.Equal(PngRenderer.Scale * int.Parse(image.GetAttribute("width")!, CultureInfo.InvariantCulture), picture.Width);
    }

    [Fact]
    public void Player_IsThePictureOfItsWhole_WhereNoScriptRuns()
    {
        Assert.Equal(["text/html", "image/png", "text/plain"], FormattedValue.CreateManyFromObject(Samples.Player).Select(v => v.MimeType));
        Assert.Equal(PngRenderer.Png(Samples.Lines), Convert.FromBase64String(Samples.Player.ToDisplayString("image/png")));
        Assert.Equal(Samples.Lines.Text(), Samples.Player.ToDisplayString("text/plain"));
        using var page = new HtmlParser().ParseDocument(Samples.Player.ToDisplayString("text/html"));
        Assert.Equal(Samples.Lines.Description, Assert.Single(page.QuerySelectorAll("img")).GetAttribute("alt"));
        Assert.Equal([Samples.Lines.Title, Samples.Lines.Note], page.QuerySelectorAll("p").Select(p => p.TextContent));
        var chart = JsonNode.Parse(Samples.Player.ToDisplayString(NotebookFormatters.PlotlyData))!.AsObject();
        Assert.Equal(["data", "layout", "config", "frames"], chart.Select(part => part.Key));
    }

    [Fact]
    public void ChartOfPlotlyNet_IsRestyledByItsOwnFunctions_AndKeepsTheRest()
    {
        var chart = Samples.Lines.ToChart();
        var before = JsonNode.Parse(chart.ToDisplayString(NotebookFormatters.PlotlyData))!;
        var figures = JsonNode.Parse(Samples.Lines.ToDisplayString(NotebookFormatters.PlotlyData));
        Assert.True(JsonNode.DeepEquals(before, figures));
        chart = Plotly.NET.Chart.withXAxisStyle<int, int, int>(TitleText: "steps", null, null, null, null, null, null, null, null, null,
            null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)
            .Invoke(chart);
        chart = Plotly.NET.Chart.withTitle("Another title", null).Invoke(chart);
        var after = JsonNode.Parse(chart.ToDisplayString(NotebookFormatters.PlotlyData))!;
        Assert.Equal("steps", (string?)after["layout"]!["xaxis"]!["title"]!["text"]);
        Assert.Equal("Another title", (string?)after["layout"]!["title"]!["text"]);
        Assert.True(JsonNode.DeepEquals(before["data"], after["data"]));
        foreach (var json in new[] { before, after })
        {
            json["layout"]!.AsObject().Remove("title");
            json["layout"]!["xaxis"]!["title"]!.AsObject().Remove("text");
        }
        Assert.True(JsonNode.DeepEquals(before, after), $"{before}\n{after}");
    }

    [Fact]
    public void Table_IsShownAsTable()
    {
        Assert.Equal(["text/html", "text/plain"], Formatter.GetPreferredMimeTypesFor(typeof(TableView)));
        Assert.Equal(Samples.Table.Html(), Samples.Table.ToDisplayString("text/html"));
        Assert.Equal(Samples.Table.Text(), Samples.Table.ToDisplayString("text/plain"));
    }

    [Fact]
    public void PlotlyNetChart_IsShownWithoutNetwork_NaNAsNull()
    {
        var trace = new Plotly.NET.Trace("scatter");
        trace.SetProperty("name", "<i>");
        trace.SetProperty("y", new[] { 2.5, double.NaN, 4.5 });
        var chart = Plotly.NET.GenericChart.ofTraceObject(true, trace);
        Assert.Equal(["text/html", "text/plain"], Formatter.GetPreferredMimeTypesFor(typeof(Plotly.NET.GenericChart)));
        var html = chart.ToDisplayString("text/html");
        Assert.Contains("Plotly.newPlot(", html, StringComparison.Ordinal);
        Assert.Contains("[2.5,null,4.5]", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("src\\s*=|cdn\\.", html);
        Assert.Contains(">A chart of Plotly.NET: &lt;i&gt;. It is drawn by a script, which does not run here.</p>", html,
            StringComparison.Ordinal);
        Assert.Equal("A chart of Plotly.NET: <i>.", chart.ToDisplayString("text/plain"));
    }

    [Fact]
    public void DataFrame_ShowsItsNumbers()
    {
        var frame = new DataFrame(new StringDataFrameColumn("category", ["Unknown", null, "<i>"]),
            new DoubleDataFrameColumn("accuracy", [0.123456789, 2, double.NaN]), new Int32DataFrameColumn("epoch", [1, 2, 12345]));
        var html = frame.ToDisplayString("text/html");
        const string Right = "<td style=\"text-align:right\"><div align=\"right\">", End = "</div></td>";
        Assert.Contains($">Unknown{End}{Right}0.123457{End}{Right}1{End}</tr>", html, StringComparison.Ordinal);
        Assert.Contains($">&lt;i&gt;{End}{Right}NaN{End}{Right}12345{End}", html, StringComparison.Ordinal);
        Assert.DoesNotContain("rows in all", html, StringComparison.Ordinal);
        Assert.Contains("0.123457", frame.ToDisplayString("text/plain"), StringComparison.Ordinal);
    }

    [Fact]
    public void LongDataFrame_ShowsTwentyRows_AndSaysHowManyThereAre()
    {
        var html = new DataFrame(new Int32DataFrameColumn("n", Enumerable.Range(1000, 21))).ToDisplayString("text/html");
        Assert.Contains("1019", html, StringComparison.Ordinal);
        Assert.DoesNotContain("1020", html, StringComparison.Ordinal);
        Assert.Contains("21 rows in all", System.Net.WebUtility.HtmlDecode(html), StringComparison.Ordinal);
    }

    [Fact]
    public void LiveNotebook_GetsPlotlyOnce_AndAnExportedPageToo()
    {
        PlotlyRenderer.FirstFigureBringsPlotly = true;
        var cells = PlotlyRenderer.NotebookHtml(Samples.Lines) + PlotlyRenderer.NotebookHtml(Samples.Bars);
        Assert.InRange(PlotlyRendererTests.Count(cells, "plotly.js v2.28.0"), 0, 1);
        var loader = $"<script data-slick=\"plotly.js\">{PlotlyRenderer.PlotlyScript()}</script>\n";
        Assert.Equal("ab", PlotlyRenderer.WithoutLoaders("a" + loader + "b" + loader));
        using var books = new Workbooks();
        var setup = Path.Combine(Shared.Repository, "notebooks", "setup.csx").Replace('\\', '/');
        var figure =
            "new Slick.Figures.Figure { Id = \"f\", Title = \"T\", X = new(\"x\"), Y = new(\"y\"), Series = new[] { new "
            + "Slick.Figures.Series { Name = \"s\", X = new[] { 1.0 }, Y = new[] { 2.0 } } } }";
        var player = $"new Slick.Figures.FigurePlayer {{ Unit = \"epoch\", Whole = {figure}, Steps = new[] {{ (\"0\", {figure}) }} }}";
        var run = books.Run($"#load \"{setup}\"", figure, figure, player);
        Assert.Null(run.Failure);
        Assert.Equal(1, PlotlyRendererTests.Count(HtmlExport.ToHtml(run.Notebook), "plotly.js v2.28.0"));
        Assert.DoesNotContain("plotly.js v2.28.0", Workbooks.Value(run.Notebook.Cells[1])!.ToJsonString(), StringComparison.Ordinal);
        // nbformat has JSON as an object, a picture as base64, and texts as lines.
        var output = Assert.Single(run.Notebook.Cells[1].Outputs)!;
        Assert.Equal(["text/html", "image/png", "text/plain", "application/vnd.plotly.v1+json"],
            output["data"]!.AsObject().Select(form => form.Key));
        Assert.Equal("scatter", (string?)output["data"]!["application/vnd.plotly.v1+json"]!["data"]![0]!["type"]);
        using var picture = SKBitmap.Decode(Convert.FromBase64String((string)output["data"]!["image/png"]!));
        Assert.Equal(PngRenderer.Scale * (int)output["metadata"]!["image/png"]!["width"]!, picture.Width);
        Assert.Equal(PngRenderer.Width, (int?)run.Notebook.Cells[3].Outputs[0]!["metadata"]!["image/png"]?["width"]);
        Assert.Equal("T\n", (string?)output["data"]!["text/plain"]![0]);
        Assert.True(PlotlyRenderer.FirstFigureBringsPlotly);
    }
}
