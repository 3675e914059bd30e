using Slick.Figures;

namespace Slick.Tests.Figures;

public sealed class TableViewTests
{
    [Fact]
    public void Html_AlignsNumbers_NamesRows_AndEscapes()
    {
        var html = Samples.Table.Html();
        Assert.Contains("<caption>Accuracy &lt;%&gt;</caption>", html, StringComparison.Ordinal);
        Assert.Contains("<th scope=\"row\">0% Unknown</th><td class=\"num\">43.6 &#177; 0.2</td><td>a|b</td>", html, StringComparison.Ordinal);
        Assert.Contains("<th scope=\"col\" class=\"num\">Early stop</th>", html, StringComparison.Ordinal);
        Assert.Contains("<td>&lt;none&gt;</td>", html, StringComparison.Ordinal);
        Assert.Contains("Five seeds.", html, StringComparison.Ordinal);
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
