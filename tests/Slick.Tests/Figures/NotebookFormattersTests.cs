using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive.Formatting;
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
    public void Figure_IsShownAsChart_AndAsText()
    {
        Assert.Equal(["text/html", "text/plain"], Formatter.GetPreferredMimeTypesFor(typeof(Figure)));
        var html = Samples.Bars.ToDisplayString("text/html");
        Assert.Contains("Plotly.newPlot(", html, StringComparison.Ordinal);
        Assert.Contains("src=\"data:image/svg+xml;base64,", html, StringComparison.Ordinal);
        Assert.Equal("Test accuracy\n  early stop: 2 values of accuracy (%), 60 to 90\n  convergence: 3 values of accuracy (%), 2 to 80",
            Samples.Bars.ToDisplayString("text/plain"));
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
        trace.SetProperty("y", new[] { 2.5, double.NaN, 4.5 });
        var chart = Plotly.NET.GenericChart.ofTraceObject(true, trace);
        Assert.Equal(["text/html", "text/plain"], Formatter.GetPreferredMimeTypesFor(chart.GetType()));
        var html = chart.ToDisplayString("text/html");
        Assert.Contains("Plotly.newPlot(", html, StringComparison.Ordinal);
        Assert.Contains("[2.5,null,4.5]", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("src\\s*=|cdn\\.", html);
    }

    [Fact]
    public void DataFrame_ShowsItsNumbers()
    {
        var frame = new DataFrame(new StringDataFrameColumn("category", ["Unknown", null, "<i>"]),
            new DoubleDataFrameColumn("accuracy", [0.123456789, 2, double.NaN]), new Int32DataFrameColumn("epoch", [1, 2, 12345]));
        var html = frame.ToDisplayString("text/html");
        Assert.Contains("<tr><td>Unknown</td><td class=\"num\">0.123457</td><td class=\"num\">1</td></tr>", html, StringComparison.Ordinal);
        Assert.Contains("<td>&lt;i&gt;</td><td class=\"num\">NaN</td><td class=\"num\">12345</td>", html, StringComparison.Ordinal);
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
        var run = books.Run($"#load \"{setup}\"", figure, figure);
        Assert.Null(run.Failure);
        Assert.Equal(1, PlotlyRendererTests.Count(HtmlExport.ToHtml(run.Notebook), "plotly.js v2.28.0"));
        Assert.DoesNotContain("plotly.js v2.28.0", Workbooks.Value(run.Notebook.Cells[1])!.ToJsonString(), StringComparison.Ordinal);
        Assert.True(PlotlyRenderer.FirstFigureBringsPlotly);
    }
}
