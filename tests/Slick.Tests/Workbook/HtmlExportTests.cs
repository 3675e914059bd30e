using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class HtmlExportTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private string Page(params NotebookCell[] cells) =>
        HtmlExport.ToHtml(NotebookRunner.Run(Notebook.Load(_books.Write("page.ipynb", cells)), cancel: TestContext.Current.CancellationToken).Notebook);

    [Fact]
    public void Page_HoldsProseCodeOutputsAndContents()
    {
        var page = Page(NotebookCell.Markdown("m", "# Facts & labels\n\n| a | b |\n|---|---|\n| 1 | 2 |"), NotebookCell.Code("c", "// why\nvar s = \"<x>\";\nConsole.WriteLine(s);\ns.Length + 38"));
        Assert.Contains("<title>Facts &amp; labels</title>", page, StringComparison.Ordinal);
        Assert.Contains("<td>2</td>", page, StringComparison.Ordinal);
        Assert.Contains("<span class=\"k\">var</span>", page, StringComparison.Ordinal);
        Assert.Contains("<span class=\"c\">// why</span>", page, StringComparison.Ordinal);
        Assert.Contains("<pre class=\"output\">&lt;x&gt;\n</pre>", page, StringComparison.Ordinal);
        Assert.Contains("41", page, StringComparison.Ordinal);
        var link = System.Text.RegularExpressions.Regex.Match(page, "<li class=\"h1\"><a href=\"#([^\"]+)\">");
        Assert.Contains($"<h1 id=\"{link.Groups[1].Value}\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Plotly", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_NeedsNoNetwork()
    {
        File.WriteAllBytes(Path.Combine(_books.Folder, "dot.png"), [1, 2, 3]);
        var page = Page(NotebookCell.Markdown("m", "![dot](dot.png) ![far](https://example.org/far.png) [paper](https://arxiv.org/abs/2405.05904)"), NotebookCell.Code("c", "new { a = 1 }"));
        Assert.Contains("src=\"data:image/png;base64,AQID\"", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("src\\s*=\\s*[\"']?(http|//)", page);
        Assert.DoesNotMatch("<link[^>]+href|@import|url\\(", page);
    }

    [Fact]
    public void Plotly_IsInThePageOnce_WhereACellNeedsIt()
    {
        var chart = "new System.Text.StringBuilder(\"<script>Plotly.newPlot('x', [])</script>\")";
        var register = "Microsoft.DotNet.Interactive.Formatting.Formatter.Register<System.Text.StringBuilder>(b => b.ToString(), \"text/html\");\nMicrosoft.DotNet.Interactive.Formatting.Formatter.SetPreferredMimeTypesFor(typeof(System.Text.StringBuilder), \"text/html\");";
        try
        {
            var page = Page(NotebookCell.Code("r", register), NotebookCell.Code("c", chart), NotebookCell.Code("d", chart));
            Assert.Equal(2, page.Split("Plotly.newPlot('x'").Length - 1);
            Assert.Equal(1, page.Split("plotly.js v2.28.0").Length - 1);
            Assert.DoesNotMatch("<script[^>]+src", page);
        }
        finally
        {
            Microsoft.DotNet.Interactive.Formatting.Formatter.ResetToDefault();
        }
    }

    [Fact]
    public void FailedCell_IsShown_AndTheRestIsNotRun()
    {
        var page = Page(NotebookCell.Code("a", "throw new InvalidOperationException(\"no <luck>\");"), NotebookCell.Code("b", "1"), NotebookCell.Code("c", "2"));
        Assert.Contains("InvalidOperationException: no &lt;luck&gt;", page, StringComparison.Ordinal);
        Assert.Equal(2, page.Split("<p class=\"not-run\">not run</p>").Length - 1);
    }
}
