using AngleSharp.Html.Parser;
using Slick.Figures;
using Slick.Tests.Experiments;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

/// <summary>The page that leads to all results.</summary>
[Collection(nameof(ProcessWide))]
public sealed class ResultPagesTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private string At(params string[] names) => Path.Combine([_books.Folder, .. names]);

    [Fact]
    public void EveryLink_LeadsToAPageThatIsThere()
    {
        Directory.CreateDirectory(At("store", "reports", "quick-seed1"));
        File.WriteAllText(At("store", "reports", "quick-seed1", "report.html"), "<p>x");
        Directory.CreateDirectory(At("store", "reports", "empty"));
        StudyReport.Publish(SmokeStudy.Result, At("published", "lab"));
        foreach (var (name, text) in new[] { ("00-a", "# Start\n\n[next](01-b.ipynb)"), ("01-b", "# Next") })
        {
            var book = Notebook.Load(_books.Write(name + ".ipynb", NotebookCell.Markdown("m", text)));
            PublishedCopy.Of(book, At("published", "notebooks", name + ".ipynb")).Save(At("published", "notebooks", name + ".ipynb"));
        }
        Assert.Empty(ResultPages.Write(At("out"), At("store", "reports"), At("published")));

        var index = File.ReadAllText(At("out", ResultPages.Index));
        var links = new HtmlParser().ParseDocument(index).QuerySelectorAll("a[href]").Select(a => a.GetAttribute("href")!).ToList();
        Assert.Equal(["../store/reports/quick-seed1/report.html", "lab.html", "00-a.html", "01-b.html"], links);
        Assert.All(links, link => Assert.True(File.Exists(At("out", link)), link));
        Assert.Contains("What the lab found", index, StringComparison.Ordinal);
        Assert.Contains("00-a</a>: Start", index, StringComparison.Ordinal);
        Assert.Contains("href=\"01-b.html\"", File.ReadAllText(At("out", "00-a.html")), StringComparison.Ordinal);
        Assert.Contains("id=\"figure-3a\"", File.ReadAllText(At("out", "lab.html")), StringComparison.Ordinal);
        Assert.DoesNotMatch("src\\s*=\\s*[\"']?(http|//)|<link[^>]+href|@import", index);
    }

    [Fact]
    public void WhereNothingIsThere_ThePageSaysHowToMakeIt()
    {
        Assert.Empty(ResultPages.Write(At("out"), At("nowhere"), At("nowhere")));
        var index = File.ReadAllText(At("out", ResultPages.Index));
        Assert.Contains("slick reproduce", index, StringComparison.Ordinal);
        Assert.Contains(PublishedCopy.MadeBy, index, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedResults_AreNamed_AndTheOthersAreShown()
    {
        StudyReport.Publish(SmokeStudy.Result, At("published", "lab"));
        Directory.CreateDirectory(At("published", "broken"));
        File.WriteAllText(At("published", "broken", "study.json"), "{");
        Assert.Contains("broken", Assert.Single(ResultPages.Write(At("out"), At("nowhere"), At("published"))), StringComparison.Ordinal);
        Assert.True(File.Exists(At("out", "lab.html")));
    }
}
