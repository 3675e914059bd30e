using System.Text.Json.Nodes;
using AngleSharp.Html.Parser;
using Slick.Experiments;
using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class HtmlExportTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private string Page(params NotebookCell[] cells) =>
        HtmlExport.ToHtml(NotebookRunner.Run(Notebook.Load(_books.Write("page.ipynb", cells)),
            cancel: TestContext.Current.CancellationToken).Notebook);

    [Fact]
    public void Page_HoldsProseCodeOutputsAndContents()
    {
        var page = Page(NotebookCell.Markdown("m", "# Facts & labels\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
            NotebookCell.Code("c", "// why\nvar s = \"<x>\";\nConsole.WriteLine(s);\ns.Length + 38"));
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
        var page = Page(NotebookCell.Markdown("m",
            "![dot](dot.png) ![far](https://example.org/far.png) [paper](https://arxiv.org/abs/2405.05904)"),
            NotebookCell.Code("c", "new { a = 1 }"));
        Assert.Contains("src=\"data:image/png;base64,AQID\"", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("src\\s*=\\s*[\"']?(http|//)", page);
        Assert.DoesNotMatch("<link[^>]+href|@import|url\\(", page);
    }

    [Fact]
    public void Plotly_IsInThePageOnce_WhereACellNeedsIt()
    {
        var chart = "new System.Text.StringBuilder(\"<script>Plotly.newPlot('x', [])</script>\")";
        var register =
            "Microsoft.DotNet.Interactive.Formatting.Formatter.Register<System.Text.StringBuilder>(b => b.ToString(), "
            + "\"text/html\");\n"
            + "Microsoft.DotNet.Interactive.Formatting.Formatter.SetPreferredMimeTypesFor("
            + "typeof(System.Text.StringBuilder), \"text/html\");";
        try
        {
            var page = Page(NotebookCell.Code("r", register), NotebookCell.Code("c", chart), NotebookCell.Code("d", chart));
            Assert.Equal(2, page.Split("<script>Plotly.newPlot('x'").Length - 1);
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
        var page = Page(NotebookCell.Code("a", "throw new InvalidOperationException(\"no <luck>\");"), NotebookCell.Code("b", "1"),
            NotebookCell.Code("c", "2"));
        Assert.Contains("InvalidOperationException: no &lt;luck&gt;", page, StringComparison.Ordinal);
        Assert.Equal(2, page.Split("<p class=\"not-run\">not run</p>").Length - 1);
    }

    // A page of a notebook that is not run, into a folder of its own, with the remarks.
    private (string Html, IReadOnlyList<string> Remarks) Export(Dictionary<string, string>? pages, params NotebookCell[] cells)
    {
        var path = Path.Combine(_books.Folder, "pages", "page.html");
        var remarks = HtmlExport.Save(Notebook.Load(_books.Write("page.ipynb", cells)), path, pages);
        return (File.ReadAllText(path), remarks);
    }

    private (string Html, IReadOnlyList<string> Remarks) Export(string markdown, JsonObject? attachments = null)
    {
        var cell = NotebookCell.Markdown("m", markdown);
        cell.Json["attachments"] = attachments;
        return Export(null, NotebookCell.Markdown("first", "text"), cell);
    }

    private static NotebookCell Shown(params string[] outputs)
    {
        var cell = NotebookCell.Code("c", "");
        foreach (var output in outputs)
            cell.Outputs.Add(JsonNode.Parse(output));
        return cell;
    }

    private static NotebookCell Tagged(NotebookCell cell, params string[] tags)
    {
        cell.Json["metadata"] = new JsonObject { ["tags"] = new JsonArray([.. tags.Select(tag => JsonValue.Create(tag))]),
            ["jupyter"] = new JsonObject { ["source_hidden"] = true } };
        return cell;
    }

    private static NotebookCell Sum() =>
        Shown("""{"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "2"}}""");

    [Fact]
    public void AnAnswer_IsFoldedWithItsOutputs()
    {
        var cell = Tagged(Sum(), "answer");
        cell.Source = "1 + 1";
        var fold = new HtmlParser().ParseDocument(Export(null, cell).Html).QuerySelector("details.fold")!;
        Assert.False(fold.HasAttribute("open"));
        Assert.Equal("Answer", fold.QuerySelector("summary")!.TextContent);
        Assert.Equal("1 + 1", fold.QuerySelector("pre.source")!.TextContent);
        Assert.Equal("2", fold.QuerySelector("pre.output")!.TextContent);
    }

    [Fact]
    public void AWrittenAnswer_IsFolded()
    {
        var page = new HtmlParser().ParseDocument(Export(null, Tagged(NotebookCell.Markdown("m", "Because."), "answer")).Html);
        Assert.Equal("Because.", page.QuerySelector("details.fold p")!.TextContent);
    }

    [Fact]
    public void AHiddenSource_IsFolded_AndItsOutputsAreNot()
    {
        var cell = Tagged(Sum());
        cell.Source = "1 + 1";
        var page = new HtmlParser().ParseDocument(Export(null, cell).Html);
        Assert.Equal("Code", page.QuerySelector("details.fold > summary")!.TextContent);
        Assert.Equal("1 + 1", page.QuerySelector("details.fold pre.source")!.TextContent);
        Assert.Equal("2", page.QuerySelector("section > pre.output")!.TextContent);
    }

    [Theory]
    [InlineData("![a](attachment:shot.png)")]
    [InlineData("![a](attachment:my%20shot.png) ![a](<attachment:my shot.png>)")]
    [InlineData("![a][ref]\n\n[ref]: attachment:shot.png \"title\"")]
    [InlineData("<img alt='a' src=attachment:shot.png width=40>")]
    [InlineData("<div><img\n src=\"attachment:gr%C3%B6%C3%9Fe.png\"></div>")]
    [InlineData("![a](attachment:coded%20name.png)")]
    public void AttachedPictures_AreInThePage(string markdown)
    {
        var (html, remarks) = Export(markdown, new JsonObject
        {
            ["shot.png"] = new JsonObject { ["image/svg+xml"] = "BBBB", ["image/png"] = "AQID" },
            ["my shot.png"] = new JsonObject { ["image/png"] = new JsonArray("AQ\n", "ID\n") },
            ["größe.png"] = new JsonObject { ["image/png"] = "AQID" },
            ["coded%20name.png"] = new JsonObject { ["image/png"] = "AQID" },
        });
        Assert.Contains("src=\"data:image/png;base64,AQID\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("attachment:", html, StringComparison.Ordinal);
        Assert.Empty(remarks);
    }

    [Theory]
    [InlineData("shot.svg", "image/svg+xml", "AQID", "data:image/svg+xml;base64,AQID")]
    [InlineData("shot.svg", "image/svg+xml", "<svg/>",
        "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=")]
    [InlineData("shot.webp", "image/webp", "AQID", "data:image/webp;base64,AQID")]
    [InlineData("shot.tif", "image/tiff", "AQID", "data:image/tiff;base64,AQID")]
    public void AttachedPictures_MayHaveManyTypes(string name, string mime, string value, string url) =>
        Assert.Contains(
            $"src=\"{url}\"",
            Export($"![a](attachment:{name})", new JsonObject { [name] = new JsonObject { [mime] = value } }).Html,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("attachment:gone.png", "is not among the cell's attachments")]
    [InlineData("attachment:bad.png", "is not among the cell's attachments")]
    [InlineData("gone.png", "is not in ")]
    [InlineData("sub/gone.png", "is not in ")]
    [InlineData("/dot.png", "is not named relative to the notebook")]
    [InlineData("%2Fdot.png", "is not named relative to the notebook")]
    [InlineData("file:///dot.png", "is not named relative to the notebook")]
    [InlineData("pointer.png", "is a Git LFS pointer")]
    public void MissingPicture_LeavesItsText_AndARemark(string url, string why)
    {
        File.WriteAllText(Path.Combine(_books.Folder, "pointer.png"), "version https://git-lfs.github.com/spec/v1\n");
        var (html, remarks) = Export($"![the *plot*]({url})",
            new JsonObject { ["bad.png"] = new JsonObject { ["image/png"] = "no base64!" } });
        Assert.Matches("<span class=\"no-picture\" title=\"[^\"]+\">the plot</span>", html);
        Assert.StartsWith($"page.ipynb: cell 2: the picture {url} {why}", Assert.Single(remarks), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("![d](dot.png)")]
    [InlineData("![d](./sub/my%20dot.png) ![d](<sub/my dot.png>)")]
    [InlineData("![d](sub\\my%20dot.png)")]
    [InlineData("![d](sub/../dot.png?raw=true#x)")]
    [InlineData("<IMG SRC='dot.png' srcset='far.png 2x'>")]
    [InlineData("<a href=\"dot.png\"><img src = dot.png ></a>")]
    [InlineData("<picture><source srcset=far.webp><img src=dot.png></picture>")]
    [InlineData("<svg viewBox=\"0 0 1 1\"><image href=\"dot.png\"/></svg>")]
    [InlineData("| a |\n|---|\n| ![d][r] |\n\n[r]: dot.png")]
    [InlineData("![d](100%.png) ![d](a%23b.png)")]
    public void PicturesBesideTheNotebook_AreInThePage(string markdown)
    {
        Directory.CreateDirectory(Path.Combine(_books.Folder, "sub"));
        foreach (var name in (string[])["dot.png", "sub/my dot.png", "100%.png", "a#b.png"])
            File.WriteAllBytes(Path.Combine(_books.Folder, name), [1, 2, 3]);
        var (html, remarks) = Export(markdown);
        Assert.Contains("=\"data:image/png;base64,AQID\"", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("(src|srcset|image href)\\s*=\\s*[\"']?(?!data:)[^\"']", html);
        Assert.Empty(remarks);
    }

    [Fact]
    public void FileThatIsNoPicture_IsNotRead_AndALargeOneIsLinked()
    {
        File.WriteAllText(Path.Combine(_books.Folder, "secret.txt"), "secret");
        using (var large = File.Create(Path.Combine(_books.Folder, "large.png")))
            large.SetLength(10 * 1024 * 1024 + 1);
        var (html, remarks) = Export("![text](secret.txt) ![plot](large.png)");
        Assert.Matches("<a class=\"no-picture\" href=\"../secret.txt\"[^>]*>text</a>", html);
        Assert.Matches("<a class=\"no-picture\" href=\"../large.png\"[^>]*>plot</a>", html);
        Assert.Equal(2, remarks.Count);
        Assert.Contains("page.ipynb: cell 2: the picture large.png is larger than 10 MiB", remarks[1], StringComparison.Ordinal);
    }

    [Fact]
    public void PictureOnTheNetwork_StaysALink_AndARemarkSaysSo()
    {
        var (html, remarks) = Export("![far](https://example.org/a.png) <img src=\"//example.org/b.png\"> "
            + "[![badge](http://example.org/c.svg)](https://example.org)");
        Assert.Contains("<a class=\"no-picture\" href=\"https://example.org/a.png\"", html, StringComparison.Ordinal);
        Assert.Matches("<a class=\"no-picture\" href=\"//example.org/b.png\"[^>]*>b.png</a>", html);
        Assert.Matches("<a href=\"https://example.org\"><span class=\"no-picture\"[^>]*>badge</span></a>", html);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
        Assert.Equal(3, remarks.Count);
        Assert.All(remarks, remark => Assert.Contains("is not offline there", remark, StringComparison.Ordinal));
    }

    [Fact]
    public void WhatElseThePageAsksFor_IsARemark()
    {
        File.WriteAllBytes(Path.Combine(_books.Folder, "talk.mp4"), [1, 2, 3]);
        var (html, remarks) = Export(null, Shown("""
            {"output_type": "display_data", "data": {"text/html": [
                "<base href='https://example.org/'><script src='https://example.org/d3.js'></script><video src='talk.mp4'></video>",
                "<p style=\"background: url('tile.png')\">x</p><svg><use href='#a'/></svg>"]}}
            """));
        Assert.Contains("<video src=\"data:video/mp4;base64,AQID\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<base", html, StringComparison.Ordinal);
        Assert.Equal(
            ["page.ipynb: cell 1: <script> asks for https://example.org/d3.js, and the page does not hold it and is not offline there.",
             "page.ipynb: cell 1: a style asks for tile.png; the page does not hold it."], remarks);
    }

    [Theory]
    [InlineData("image/png", "AQ\nID\n", "data:image/png;base64,AQID")]
    [InlineData("image/jpeg", "AQID", "data:image/jpeg;base64,AQID")]
    [InlineData("image/gif", "AQID", "data:image/gif;base64,AQID")]
    [InlineData("image/webp", "AQID", "data:image/webp;base64,AQID")]
    [InlineData("image/svg+xml", "<svg xmlns='x'/>", "data:image/svg+xml;base64,PHN2ZyB4bWxucz0neCcvPg==")]
    public void PicturesInOutputs_AreInThePage(string mime, string value, string url)
    {
        var output = JsonNode.Parse("""{"output_type": "display_data", "data": {"text/plain": "<Figure>"}, "metadata": {}}""")!;
        output["data"]![mime] = value;
        output["metadata"]![mime] = new JsonObject { ["width"] = 40 };
        var (html, remarks) = Export(null, Shown(output.ToJsonString()));
        Assert.Contains($"<img class=\"picture\" alt=\"&lt;Figure&gt;\" width=\"40\" src=\"{url}\">", html, StringComparison.Ordinal);
        Assert.Empty(remarks);
    }

    [Fact]
    public void OutputsThatCannotBeShown_AreNamed()
    {
        var (html, remarks) = Export(null, Shown(
            """{"output_type": "display_data", "data": {"application/x-far": {"a": 1}}}""",
            """{"output_type": "pyout", "text": "x"}""",
            """{"output_type": "display_data", "data": {"image/png": "no base64!"}}""",
            """{"output_type": "display_data", "data": {"application/json": {"a": 1}}}""",
            """{"output_type": "execute_result", "data": {"text/latex": "$x$"}}""",
            """{"output_type": "execute_result", "data": {"text/plain": ""}}""",
            "7"));
        Assert.Equal(
            ["page.ipynb: cell 1: an output that is no JSON object is not shown.",
             "page.ipynb: cell 1: an output of the type application/x-far is not shown.",
             "page.ipynb: cell 1: an output of the unknown type \"pyout\" is not shown.",
             "page.ipynb: cell 1: a damaged picture (image/png, not base64) is not shown."], remarks);
        Assert.Equal(4, html.Split("is not shown.").Length - 1);
        Assert.Contains("<pre class=\"output\">{\n  \"a\": 1\n}</pre>", html, StringComparison.Ordinal);
        Assert.Contains("<pre class=\"output\">$x$</pre>", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("## Results", "results")]
    [InlineData("## Results", "Results")]
    [InlineData("# 1. First Section", "1-first-section")]
    [InlineData("# 1. First Section", "1.-First-Section")]
    [InlineData("# The `code` of *all* & [more](x.txt)?", "the-code-of-all--more")]
    [InlineData("# The `code` of *all* & [more](x.txt)?", "The-code-of-all-&-more?")]
    [InlineData("# Größe über ἀλήθεια 数据 é", "größe-über-ἀλήθεια-数据-é")]
    [InlineData("# Größe über ἀλήθεια 数据 é", "Größe-über-ἀλήθεια-数据-é")]
    [InlineData("# Größe", "gr%C3%B6%C3%9Fe")]
    [InlineData("# snake_case 2 - x!", "snake_case-2---x")]
    [InlineData("Setext\n======", "setext")]
    [InlineData("<h3>In <b>HTML</b></h3>", "in-html")]
    [InlineData("<h3 id=\"mine\">In HTML</h3>", "mine")]
    [InlineData("<h3 id=\"mine\">In HTML</h3>", "in-html")]
    [InlineData("<a name=\"old\"></a>text", "old")]
    [InlineData("# Contents", "contents")]
    [InlineData("# Cell 1", "cell-1")]
    [InlineData("text", "cell-2")]
    [InlineData("# Results", "RESULTS")] // mended, as nothing has this name
    public void LinkWithinThePage_LeadsToItsHeading(string target, string anchor)
    {
        File.WriteAllText(Path.Combine(_books.Folder, "x.txt"), "");
        var (html, remarks) = Export(null, NotebookCell.Markdown("a", $"[go](<#{anchor}>)"), NotebookCell.Markdown("b", target));
        Assert.Empty(remarks);
        using var page = new HtmlParser().ParseDocument(html);
        var name = Uri.UnescapeDataString(page.QuerySelectorAll("a").Single(a => a.TextContent == "go").GetAttribute("href")![1..]);
        var place = Assert.Single(page.All, element => element.Id == name || element.GetAttribute("name") == name);
        Assert.True(place.Closest("section") == page.QuerySelectorAll("section")[1], place.OuterHtml);
        Assert.All(page.All.Where(element => element.Id is { Length: > 0 }).GroupBy(element => element.Id), same => Assert.Single(same));
    }

    // A link from another page cannot be mended: the names must be there.
    [Theory]
    [InlineData("# 1. First *Section*", "1-first-section", "1.-First-Section")]
    [InlineData("# Ergebnisse für `D`", "ergebnisse-für-d", "Ergebnisse-für-D")]
    public void Heading_HasGitHubsAndJupytersName(string markdown, string gitHub, string jupyter)
    {
        using var page = new HtmlParser().ParseDocument(Export(null, NotebookCell.Markdown("a", markdown)).Html);
        var heading = page.QuerySelector("h1")!;
        Assert.Equal(gitHub, heading.Id);
        Assert.Equal(jupyter, Assert.Single(heading.QuerySelectorAll("[id]")).Id);
    }

    [Fact]
    public void SameHeadings_AreCounted_AndAllContentsLead()
    {
        var (html, remarks) = Export(null,
            NotebookCell.Markdown("a", "# Usage\n\n[first](#usage) [third](#usage-2)"),
            NotebookCell.Markdown("b", "## Usage\n\n## Usage-1"),
            NotebookCell.Markdown("c", "<a id=\"notes\"></a>\n\n## Notes\n\n### Usage\n\ntext[^1]\n\n[^1]: one"),
            NotebookCell.Markdown("d", "text[^1]\n\n[^1]: two"));
        Assert.Empty(remarks);
        using var page = new HtmlParser().ParseDocument(html);
        var ids = page.QuerySelectorAll("h1, h2, h3").Select(heading => heading.Id).ToList();
        Assert.Equal(["usage", "usage-1", "usage-1-1", "notes-heading", "usage-2"], ids);
        Assert.Equal(ids.Select(id => "#" + id), page.QuerySelectorAll("nav li a").Select(link => link.GetAttribute("href")));
        foreach (var link in page.QuerySelectorAll("a[href^='#']"))
            Assert.Single(page.All, element => element.Id == link.GetAttribute("href")![1..]);
    }

    [Fact]
    public void DeadLink_IsARemark()
    {
        var (html, remarks) = Export("[a](#nowhere) [b](gone.csv) [c](gone.ipynb) [d](mailto:a@b.c) "
            + "[e](https://example.org/gone.ipynb) [f](/root.txt) [g](#)");
        Assert.Equal(
            ["page.ipynb: cell 2: the link gone.csv leads nowhere: there is no " + Path.Combine(_books.Folder, "gone.csv") + ".",
             "page.ipynb: cell 2: the link #nowhere leads nowhere: the page has no such heading or anchor."], remarks);
        Assert.Contains("href=\"https://example.org/gone.ipynb\"", html, StringComparison.Ordinal);
    }

    [Fact]
    public void LinksToFiles_LeadThereFromThePage()
    {
        Directory.CreateDirectory(Path.Combine(_books.Folder, "my data"));
        File.WriteAllText(Path.Combine(_books.Folder, "my data", "a#b.csv"), "");
        var (html, remarks) = Export(
            "[a](my%20data/a%23b.csv) [b](<my data/>) [c](attachment:notes.txt) <a href='my data/a%23b.csv#row=3'>d</a>",
            new JsonObject { ["notes.txt"] = new JsonObject { ["text/plain"] = "AQID" } });
        Assert.Empty(remarks);
        Assert.Contains("<a href=\"../my%20data/a%23b.csv\">a</a>", html, StringComparison.Ordinal);
        Assert.Matches("<a href=\"../my%20data/?\">b</a>", html);
        Assert.Contains("<a href=\"data:text/plain;base64,AQID\" download=\"notes.txt\">c</a>", html, StringComparison.Ordinal);
        Assert.Contains("<a href=\"../my%20data/a%23b.csv#row=3\">d</a>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void LinksToNotebooks_LeadToTheirPages_OrToTheNotebooks()
    {
        foreach (var name in (string[])["02 next.ipynb", "alone.ipynb", "earlier.ipynb", "sub/deep.ipynb"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_books.Folder, name))!);
            _books.Write(name);
        }
        Directory.CreateDirectory(Path.Combine(_books.Folder, "pages"));
        File.WriteAllText(Path.Combine(_books.Folder, "pages", "earlier.html"), "");
        string In(string name) => Path.Combine(_books.Folder, name);
        var cell = NotebookCell.Markdown("m", "[a](<02 next.ipynb>) [b](./02%20next.ipynb#Some-Heading) [c](alone.ipynb) "
            + "[d](earlier.ipynb) [e](sub/deep.ipynb) [f](gone.ipynb)");
        Dictionary<string, string> pages = new()
        {
            [In("02 next.ipynb")] = In("pages/02 next.html"),
            [In("sub/deep.ipynb")] = In("pages/deep.html"),
        };
        var (html, remarks) = Export(pages, cell);
        string[] expected = ["02%20next.html", "02%20next.html#Some-Heading", "../alone.ipynb", "earlier.html", "deep.html"];
        foreach (var (url, i) in expected.Select((url, i) => (url, i)))
            Assert.Contains($"<a href=\"{url}\">{"abcde"[i]}</a>", html, StringComparison.Ordinal);
        Assert.Contains("the link gone.ipynb leads nowhere", Assert.Single(remarks), StringComparison.Ordinal);
        // Without a list of pages every notebook is taken to have one.
        Assert.Contains("<a href=\"alone.html\">c</a>", Export(null, cell).Html, StringComparison.Ordinal);
    }

    [Fact]
    public void RawCells_AreShownAsWhatTheyAre()
    {
        NotebookCell Raw(string source, string metadata)
        {
            var cell = NotebookCell.Markdown("r", source);
            cell.Json["cell_type"] = "raw";
            cell.Json["metadata"] = JsonNode.Parse(metadata);
            return cell;
        }
        var (html, _) = Export(null,
            Raw("raw *text* <b>here</b>", """{"format": "text/restructuredtext"}"""),
            Raw("<i>html</i>", """{"raw_mimetype": "text/html"}"""),
            Raw("*markdown*", """{"format": "text/markdown"}"""), Raw("<i>plain</i>", "{}"), Raw("x", """{"format": 7}"""));
        Assert.Contains(
            "<p class=\"label\">raw, text/restructuredtext</p>\n<pre class=\"raw\">raw *text* &lt;b&gt;here&lt;/b&gt;</pre>",
            html, StringComparison.Ordinal);
        Assert.Contains("<i>html</i>", html, StringComparison.Ordinal);
        Assert.Contains("<em>markdown</em>", html, StringComparison.Ordinal);
        Assert.Contains("<p class=\"label\">raw</p>\n<pre class=\"raw\">&lt;i&gt;plain&lt;/i&gt;</pre>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void TerminalText_IsShownAsATerminalWould()
    {
        var (html, _) = Export(null, Shown(
            """{"output_type": "stream", "name": "stdout", "text": ["10%\r"]}""",
            """{"output_type": "stream", "name": "stdout", "text": ["100%\n", "\u001b[31mred\u001b[0m <x>\n"]}""",
            """{"output_type": "stream", "name": "stderr", "text": "\n\u001b]0;title\u0007warn\n"}""",
            """{"output_type": "execute_result", "data": {"text/plain": "\u001b[1mbold\u001b[0m"}}""",
            """{"output_type": "error", "ename": "E", "evalue": "\u001b[31mno\u001b[0m", "traceback": ["\u001b[0;32mat x\u001b[0m"]}"""));
        Assert.Contains(
            "<pre class=\"output\">100%\n<span class=\"ansi-red-fg\">red</span> &lt;x&gt;\n</pre>",
            html, StringComparison.Ordinal);
        // The first line feed after a tag is dropped by browsers.
        Assert.Contains("<pre class=\"output stderr\">\n\nwarn\n</pre>", html, StringComparison.Ordinal);
        Assert.Contains("<pre class=\"output\"><span class=\"ansi-bold\">bold</span></pre>", html, StringComparison.Ordinal);
        Assert.Contains(
            "<pre class=\"output error\">E: <span class=\"ansi-red-fg\">no</span>\n<span class=\"ansi-green-fg\">at x</span></pre>",
            html, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', html);
    }

    [Fact]
    public void OpenTags_EndWithTheirCell()
    {
        var (html, _) = Export(null,
            NotebookCell.Markdown("a", "<div><b>open <!-- comment"),
            Shown("""{"output_type": "display_data", "data": {"text/html": "<table><tr><td>1"}}"""),
            NotebookCell.Markdown("b", "after {braces} and {x=1}"));
        using var page = new HtmlParser().ParseDocument(html);
        Assert.Equal(3, page.QuerySelectorAll("main > section").Length);
        Assert.Equal("after {braces} and {x=1}", page.QuerySelectorAll("main > section")[2].TextContent.Trim());
    }
}
