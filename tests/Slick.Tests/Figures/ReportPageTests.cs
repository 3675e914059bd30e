using Slick.Figures;
using Slick.Storage;

namespace Slick.Tests.Figures;

public sealed class ReportPageTests
{
    private static readonly object[] Parts = [Samples.Lines, "<p>Between</p>", Samples.Table, Samples.Bars, Samples.Lines];

    [Fact]
    public void Page_HoldsAllParts_AndPlotlyOnce()
    {
        var page = ReportPage.Html("A & B", "<p>Intro</p>", Parts);
        Assert.Contains("<h1>A &amp; B</h1>\n<p>Intro</p>", page, StringComparison.Ordinal);
        Assert.Equal(1, PlotlyRendererTests.Count(page, "plotly.js v2.28.0"));
        Assert.Equal(3, PlotlyRendererTests.Count(page.Replace(PlotlyRenderer.PlotlyScript(), "", StringComparison.Ordinal),
            "Plotly.newPlot("));
        Assert.True(page.IndexOf("Between", StringComparison.Ordinal) < page.IndexOf("43.6", StringComparison.Ordinal));
    }

    [Fact]
    public void Page_NeedsNoNetwork()
    {
        var page = ReportPage.Html("Report", "", Parts).Replace(PlotlyRenderer.PlotlyScript(), "", StringComparison.Ordinal);
        Assert.DoesNotMatch("<script[^>]+src|<link|@import|url\\(|https?:", page);
        Assert.Equal(PlotlyRendererTests.Count(page, "<script>"), PlotlyRendererTests.Count(page, "</script>"));
    }

    [Fact]
    public void PageOfTables_HasNoScript() =>
        Assert.DoesNotContain("<script", ReportPage.Html("Tables", "", [Samples.Table]), StringComparison.Ordinal);

    [Fact]
    public void UnknownPart_IsRefused() =>
        Assert.Contains("Int32", Assert.Throws<ArgumentException>(() => ReportPage.Html("Report", "", [1])).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Save_WritesThePage()
    {
        var path = Path.Combine(Scratch.Folder("report"), "report.html");
        ReportPage.Save(path, "Report", "", Parts);
        Assert.Equal(ReportPage.Html("Report", "", Parts), File.ReadAllText(path));
    }
}
