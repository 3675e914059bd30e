using System.Text.RegularExpressions;
using AngleSharp.Css.Parser;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;
using Slick.Figures;

namespace Slick.Tests.Figures;

public sealed class TableViewTests
{
    [Fact]
    public void Html_AlignsNumbers_NamesRows_AndEscapes()
    {
        var html = Samples.Table.Html();
        Assert.Contains("<caption>Accuracy &lt;%&gt;</caption>", html, StringComparison.Ordinal);
        Assert.Contains("<th scope=\"row\" style=\"text-align:left\"><div align=\"left\">0% Unknown</div></th>"
            + "<td style=\"text-align:right\"><div align=\"right\">43.6 &#177; 0.2</div></td>"
            + "<td style=\"text-align:left\"><div align=\"left\">a|b</div></td>", html, StringComparison.Ordinal);
        Assert.Contains("<th scope=\"col\" style=\"text-align:right\"><div align=\"right\">Early stop</div></th>", html,
            StringComparison.Ordinal);
        Assert.Contains(">&lt;none&gt;</div></td>", html, StringComparison.Ordinal);
        Assert.Contains("Five seeds.", html, StringComparison.Ordinal);
    }

    // JupyterLab and nbconvert give every cell of an output's table a border and a colour of their own.
    [Theory]
    [InlineData(":not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td, :not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon th")]
    [InlineData(".jp-RenderedHTMLCommon tbody tr td, .rendered_html th")]
    public void Html_LooksTheSame_WhateverTheFrontEndsRulesAre(string foreign)
    {
        var parser = new CssSelectorParser();
        using var page = new HtmlParser().ParseDocument($"<div class=\"jp-RenderedHTMLCommon rendered_html\">{Samples.Table.Html()}</div>");
        var rules = Regex.Matches(page.QuerySelector("style")!.TextContent, "([^{}]+)\\{([^}]*)\\}")
            .Select(rule => (Selectors: Regex.Replace(rule.Groups[1].Value, "/\\*.*?\\*/", "").Split(','), Css: rule.Groups[2].Value))
            .Where(rule => rule.Css.Contains("border: 0", StringComparison.Ordinal))
            .SelectMany(rule => rule.Selectors.Select(selector => parser.ParseSelector(selector.Trim())!)).ToList();
        foreach (var cell in page.QuerySelectorAll("td, th"))
        {
            var strongest = rules.Where(rule => rule.Match(cell, null)).MaxBy(rule => rule.Specificity)!;
            foreach (var other in foreign.Split(',').Select(selector => parser.ParseSelector(selector.Trim())!))
                Assert.True(strongest.Specificity > other.Specificity, $"{other.Text} beats {strongest.Text}");
            // A cell's own style beats every rule of a style sheet.
            Assert.Equal(cell.Index() == 1 ? "text-align:right" : "text-align:left", cell.GetAttribute("style"));
        }
    }

    [Fact]
    public void Text_HasAlignedColumns() => Assert.Equal("""
        Accuracy <%>
        Variant      Early stop  Remark
        -----------  ----------  ------
        0% Unknown   43.6 ± 0.2  a|b
        50% Unknown   9.1 ± 0.1  <none>
        Five seeds.

        """.ReplaceLineEndings("\n"), Samples.Table.Text());

    [Fact]
    public void Markdown_EscapesPipes() => Assert.Equal("""
        **Accuracy &lt;%>**

        | Variant | Early stop | Remark |
        | --- | ---: | --- |
        | 0% Unknown | 43.6 ± 0.2 | a\|b |
        | 50% Unknown | 9.1 ± 0.1 | &lt;none> |

        Five seeds.

        """.ReplaceLineEndings("\n"), Samples.Table.Markdown());

    [Fact]
    public void RowOfAnotherLength_IsRefused()
    {
        var table = Samples.Table with { Rows = [["a", "b"]] };
        Assert.Throws<ArgumentException>(table.Html);
        Assert.Throws<ArgumentException>(table.Text);
        Assert.Throws<ArgumentException>(table.Markdown);
    }
}
