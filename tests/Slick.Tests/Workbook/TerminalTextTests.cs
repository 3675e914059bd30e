using System.Text.RegularExpressions;
using Slick.Workbook.Notebooks;
using Spectre.Console;
using Xunit;

namespace Slick.Tests.Workbook;

public sealed class TerminalTextTests
{
    [Theory]
    [InlineData("10%\r20%\r100%\n", "100%\n")]
    [InlineData("a long state\rshort", "shortg state")]
    [InlineData("ab\bc", "ac")]
    [InlineData("abc\b\b\b\b\bX", "Xbc")]
    [InlineData("one\r\ntwo\r\n", "one\ntwo\n")]
    [InlineData("one\r\r\ntwo\r", "one\ntwo")]
    [InlineData("tab\tkept\n", "tab\tkept\n")]
    [InlineData("a\tb\rX", "X       b")]
    [InlineData("\tdef\rXY", "XY      def")]
    [InlineData("long line\r         \rok", "ok")]
    [InlineData("12345\r\u001b[Kx", "x")]
    [InlineData("12345\u001b[2D\u001b[Kx", "123x")]
    [InlineData("12345\u001b[2Kx", "     x")]
    [InlineData("12345\b\b\u001b[1Kx", "   x5")]
    [InlineData("abc\u001b[1GX\u001b[2CY", "Xbc" + "Y")]
    [InlineData("first: 10%\nsecond: 10%\n\u001b[2A\rfirst: 20%\n\u001b[K\u001b[Bend", "first: 20%\n\nend")]
    [InlineData("日本\rab", "ab本")]
    [InlineData("日本\b\b\bx", " x本")]
    [InlineData("e\u0301a\rX", "Xa")]
    [InlineData("👩‍🔬x\rab", "abx")]
    public void Plain_IsTheLastStateOfEachLine(string written, string shown) => Assert.Equal(shown, TerminalText.Plain(written));

    [Theory]
    [InlineData("\u001b[31mred\u001b[0m", "red")]
    [InlineData("\u009b1mbold\u009b0m", "bold")]
    [InlineData("\u001b]0;a title\u0007text", "text")]
    [InlineData("\u001b]8;;https://example.org\u001b\\link\u001b]8;;\u001b\\", "link")]
    [InlineData("\u001b]0;never ends\nnext", "\nnext")]
    [InlineData("\u001bP1$r0m\u001b\\text", "text")]
    [InlineData("\u001b[?25lhidden\u001b[?25h", "hidden")]
    [InlineData("\u001b[2Jall\u001b[1;1H", "all")]
    [InlineData("\u001b(B\u001b7\u001b=text\u001b8\u001b[>1u", "text")]
    [InlineData("\u001b[38;2;1;2;3", "")]
    [InlineData("\u001b[38;5;196;48;2;1;2;3;4:3mx\u001b[m", "x")]
    [InlineData("bell\u0007 nul\0 del\u007f\u001b", "bell nul del")]
    public void Plain_HasNoRestOfASequence(string written, string shown) => Assert.Equal(shown, TerminalText.Plain(written));

    // An attribute cannot hold half of a character.
    [Fact]
    public void Plain_HasAReplacementForHalfACharacter() => Assert.Equal("half \ufffd here", TerminalText.Plain("half \ud83d here"));

    [Theory]
    [InlineData("\u001b[999999999Cx")]
    [InlineData("\u001b[99999999999999Gx")]
    [InlineData("\u001b[999999999Bx")]
    public void DamagedNumbers_DoNotFillTheMemory(string written) => Assert.InRange(TerminalText.Plain(written).Length, 1, 2000);

    [Theory]
    [InlineData("\u001b[31mred\u001b[0m plain", "<span class=\"ansi-red-fg\">red</span> plain")]
    [InlineData("\u001b[1;32m<g>\u001b[22mx\u001b[39my",
        "<span class=\"ansi-green-fg ansi-bold\">&lt;g&gt;</span><span class=\"ansi-green-fg\">x</span>y")]
    [InlineData("\u001b[94mx\u001b[m", "<span class=\"ansi-blue-intense-fg\">x</span>")]
    [InlineData("\u001b[38;5;1mx", "<span class=\"ansi-red-fg\">x</span>")]
    [InlineData("\u001b[3;4;9mx\u001b[23;24;29my", "<span class=\"ansi-italic ansi-underline ansi-strike\">x</span>y")]
    [InlineData("\u001b[4:3mx\u001b[4:0my", "<span class=\"ansi-underline\">x</span>y")]
    [InlineData("\u001b[7mx\u001b[27my", "<span class=\"ansi-inverse\">x</span>y")]
    [InlineData("\u001b[38;2;0;0;0;48;2;255;255;255mx", "<span class=\"ansi-ground\" style=\"background:#ffffff;color:#000000\">x</span>")]
    [InlineData("\u001b[38:2::0:0:0;48:2:255:255:255mx", "<span class=\"ansi-ground\" style=\"background:#ffffff;color:#000000\">x</span>")]
    [InlineData("\u001b[58;5;196;1mx", "<span class=\"ansi-bold\">x</span>")]
    [InlineData("\u001b[31mtwo\nlines\u001b[0m", "<span class=\"ansi-red-fg\">two</span>\n<span class=\"ansi-red-fg\">lines</span>")]
    [InlineData("\u001b[31mlong\r\u001b[32mok", "<span class=\"ansi-green-fg\">ok</span><span class=\"ansi-red-fg\">ng</span>")]
    public void Html_ShowsColours(string written, string html) => Assert.Equal(html, TerminalText.Html(written));

    [Fact]
    public void MixedColours_CanBeReadOnLightAndDarkPages_AndOnTheirGround()
    {
        string[] mixed = ["2;255;255;255", "2;0;0;0", "2;255;255;0", "2;0;0;255", "2;128;128;128"];
        var colours = Enumerable.Range(16, 240).Select(n => $"5;{n}").Concat(mixed).ToList();
        foreach (var colour in colours)
        {
            var html = TerminalText.Html($"\u001b[38;{colour}mx");
            Assert.True(TerminalStyle.Contrast(Of(html, "--l"), Of(PageStyle.Css, "--page")) >= 4.5, html);
            Assert.True(TerminalStyle.Contrast(Of(html, "--d"), Of(DarkCss, "--page")) >= 4.5, html);
            string[] grounds = ["\u001b[48;5;238m", "\u001b[48;2;255;255;0m", "\u001b[41m", "\u001b[7m", $"\u001b[48;{colour}m"];
            foreach (var ground in grounds)
            {
                html = TerminalText.Html($"\u001b[38;{colour}m{ground}x");
                Assert.True(TerminalStyle.Contrast(Of(html, "background"), Of(html, ";color")) >= 4.5, html);
            }
        }
    }

    [Fact]
    public void NamedColours_CanBeReadOnLightAndDarkPages()
    {
        foreach (var css in (string[])[PageStyle.Css, DarkCss])
        {
            foreach (var name in (string[])["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"])
            {
                Assert.True(TerminalStyle.Contrast(Of(css, "--" + name), Of(css, "--page")) >= 4.5, name);
                Assert.True(TerminalStyle.Contrast(Of(css, "--" + name + "2"), Of(css, "--page")) >= 4.5, name + "2");
                Assert.Contains($".ansi-{name}-fg {{ color: var(--{name}); }}", PageStyle.Css, StringComparison.Ordinal);
                Assert.Contains($".ansi-{name}-intense-fg {{ color: var(--{name}2); }}", PageStyle.Css, StringComparison.Ordinal);
            }
        }
    }

    private static string DarkCss => PageStyle.Css[PageStyle.Css.IndexOf("prefers-color-scheme: dark", StringComparison.Ordinal)..];

    private static Color Of(string css, string name) =>
        Color.FromHex(Regex.Match(css, Regex.Escape(name) + ":\\s*(#[0-9a-f]{6})").Groups[1].Value);
}
