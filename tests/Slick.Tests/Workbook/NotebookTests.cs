using System.Text;
using System.Text.Json.Nodes;
using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

public sealed class NotebookTests
{
    private const string Shown = """
        "metadata": {"tags": ["parameters"]}, "outputs": []
        """;

    private const string Small = $$$"""
        {
         "cells": [
          {"cell_type": "markdown", "id": "intro", "metadata": {"lang": "en"}, "source": ["# Title\n", "text"]},
          {"cell_type": "code", "execution_count": null, "id": "sum", {{{Shown}}}, "source": "var n = 1;", "extra": 7}
         ],
         "metadata": {"kernelspec": {"name": ".net-csharp"}, "unknown": {"kept": "größer <b>"}},
         "nbformat": 4,
         "nbformat_minor": 5
        }
        """;

    [Fact]
    public void Parse_ReadsCells()
    {
        var notebook = Notebook.Parse(Small, "a.ipynb");
        Assert.Equal(["intro", "sum"], notebook.Cells.Select(cell => cell.Id));
        Assert.Equal("# Title\ntext", notebook.Cells[0].Source);
        Assert.Equal("var n = 1;", notebook.Cells[1].Source);
        Assert.Equal(["parameters"], notebook.Cells[1].Tags);
    }

    [Fact]
    public void RoundTrip_KeepsEveryField()
    {
        var once = Notebook.Parse(Small, "a.ipynb").ToJson();
        var before = System.Text.Json.Nodes.JsonNode.Parse(Small);
        Assert.True(System.Text.Json.Nodes.JsonNode.DeepEquals(before, System.Text.Json.Nodes.JsonNode.Parse(once)));
        Assert.Equal(once, Notebook.Parse(once, "a.ipynb").ToJson());
        Assert.Contains("größer <b>", once, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', once);
    }

    [Fact]
    public void NotJson_SaysPathAndLine()
    {
        var error = Assert.Throws<SlickException>(() => Notebook.Parse("{\n \"cells\": [\n oops\n", "broken.ipynb"));
        Assert.Contains("broken.ipynb:3: not JSON", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", ":1: not a notebook")]
    [InlineData("{\"cells\": []}", "nbformat")]
    [InlineData("{\n\"cells\": [],\n\"nbformat\": 3}", ":3: not a notebook: nbformat is 3")]
    [InlineData("{\"nbformat\": 4,\n\"cells\": [\n{\"cell_type\": \"code\", \"source\": \"\"},\n{\"cell_type\": \"code\"}]}",
        ":4: not a notebook: cell 2")]
    public void NotANotebook_SaysWhatIsMissing(string json, string expected)
    {
        var error = Assert.Throws<SlickException>(() => Notebook.Parse(json, "x.ipynb"));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void MissingFile_SaysItsPath()
    {
        var error = Assert.Throws<SlickException>(() => Notebook.Load(Path.Combine("nowhere", "gone.ipynb")));
        Assert.Contains(Path.Combine("nowhere", "gone.ipynb"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Source_IsWrittenAsLines()
    {
        var cell = NotebookCell.Code("c", "a\nb\n");
        Assert.Equal("[\"a\\n\",\"b\\n\"]", cell.Json["source"]!.ToJsonString());
        Assert.Equal("a\nb\n", cell.Source);
    }

    [Theory]
    [InlineData("code", "// \\ud83d\\n1+1", 1)]
    [InlineData("markdown", "good\\nhalf \\ud83d here", 2)]
    [InlineData("raw", "\\ude00\\ud83d", 1)]
    [InlineData("markdown", "\\ud83d\\ud83d\\ude00", 1)]
    public void HalfACharacterInASource_IsOneErrorWithFileAndCell(string type, string source, int line)
    {
        var json = "{\"nbformat\": 4, \"cells\": [\n" + Cell("markdown", "fine") + ",\n" + Cell(type, source) + "]}";
        var error = Assert.Throws<SlickException>(() => Notebook.Parse(json, "half.ipynb"));
        Assert.Contains($"half.ipynb:3: cell 2, line {line}: half of a character", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void HalfACharacterElsewhere_IsKept()
    {
        const string Half = """
            {"cells": [{"cell_type": "code", "execution_count": 1, "id": "a\udc00",
             "metadata": {"k\ud83d": "\\ud83d \ud83d\n 가\uAC01"}, "source": ["1 // 😀 \ud83d\ude00"],
             "outputs": [{"output_type": "stream", "name": "stdout", "text": ["x \ud83d", "\ude00 y \ud83d"]},
                         {"output_type": "display_data", "data": {"text/\udfff": "\ud83d", "text/plain": "z"}, "metadata": {}}]}],
             "metadata": {"\ud83d": {"\ud83d\ud83d\ude00": ["\ud83d", 1.50, null]}}, "nbformat": 4, "nbformat_minor": 5}
            """;
        var notebook = Notebook.Parse(Half, "half.ipynb");
        Assert.Equal("1 // 😀 😀", notebook.Cells[0].Source);
        var written = notebook.Copy().ToJson();
        Assert.Equal(Tokens(Half), Tokens(written));
        Assert.Equal(written, Notebook.Parse(written, "half.ipynb").ToJson());
        // The page has what an encoder makes of a half.
        Assert.Contains("<pre class=\"output\">x 😀 y \ufffd</pre>", HtmlExport.ToHtml(notebook), StringComparison.Ordinal);
    }

    // What the JSON says, whatever its blanks and the case of its escapes.
    private static string Tokens(string json) => string.Concat(json.Replace("\\ud83d\\ude00", "😀", StringComparison.OrdinalIgnoreCase)
        .Replace("\\uac01", "각", StringComparison.OrdinalIgnoreCase).Where(c => !char.IsWhiteSpace(c)));

    [Fact]
    public void HalfACharacterThatACellShowed_IsWritten()
    {
        var notebook = Notebook.Parse(Small, "a.ipynb");
        notebook.Cells[1].Outputs.Add(new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = "\\uac00 \ud83d 가" });
        Assert.Contains("\"\\\\uac00 \\ud83d 가\"", notebook.ToJson(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", ": the file is empty")]
    [InlineData("\ufeff \n", ": the file is empty")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer")]
    [InlineData("<html>", ":1: not JSON")]
    [InlineData("null", ":1: not a notebook: the file holds no JSON object")]
    [InlineData("{\"a\": 1}", ":1: not a notebook: it has no number \"nbformat\"")]
    [InlineData("{\"nbformat\": \"4\"}", ":1: not a notebook: it has no number \"nbformat\"")]
    [InlineData("{\"nbformat\": 4}", ":1: not a notebook: it has no list \"cells\"")]
    [InlineData("{\"nbformat\": 4, \"cells\": {}}", ":1: not a notebook: it has no list \"cells\"")]
    [InlineData("{\"nbformat\": 4, \"cells\": [\n7]}", ":2: not a notebook: cell 1")]
    [InlineData("{\"nbformat\": 4, \"cells\": [\n{\"source\": \"\"}]}", ":2: not a notebook: cell 1")]
    [InlineData("{\"nbformat\": 4, \"cells\": [\n{\"cell_type\": \"heading\", \"source\": \"\"}]}", ":2: not a notebook: cell 1")]
    [InlineData("{\"nbformat\": 4, \"cells\": [\n{\"cell_type\": \"code\", \"source\": [1]}]}", ":2: not a notebook: cell 1")]
    [InlineData("{\"nbformat\": 4,\n \"cells\": [],\n \"nbformat\": 4}", ":3: not a notebook: the key \"nbformat\" stands twice")]
    [InlineData("{\"nbformat\": 4, \"\\ud83d\": 1, \"cells\": [\n{\"cell_type\": \"\\ud83d\", \"source\": \"\"}]}",
        ":2: not a notebook: cell 1")]
    public void DamagedNotebook_IsOneLineWithTheFile(string json, string expected)
    {
        var error = Assert.Throws<SlickException>(() => Notebook.Parse(json, "x.ipynb"));
        Assert.Contains("x.ipynb", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void File_MayStartWithAByteOrderMark_AndMustBeText()
    {
        var path = Path.Combine(Scratch.Folder("notebook"), "a.ipynb");
        try
        {
            File.WriteAllText(path, Small, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
            Assert.Equal(2, Notebook.Load(path).Cells.Count);
            Assert.Equal(2, Notebook.Parse("\ufeff" + Small, path).Cells.Count);
            File.WriteAllText(path, Small, Encoding.Unicode);
            Assert.Equal(2, Notebook.Load(path).Cells.Count);
            File.WriteAllText(path, Small, Encoding.Latin1);
            Assert.Contains(
                $"{path}:6: not UTF-8",
                Assert.Throws<SlickException>(() => Notebook.Load(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    [Fact]
    public void SharedIds_AreARemark()
    {
        var cell = "{\"cell_type\": \"markdown\", \"id\": \"a\", \"metadata\": {}, \"source\": \"\"}";
        var notebook = Notebook.Parse($"{{\"nbformat\": 4, \"cells\": [{cell}, {Cell("raw", "")}, {cell}]}}", "twice.ipynb");
        Assert.Contains("twice.ipynb: cells 1 and 3 have the same id \"a\"", Assert.Single(notebook.Remarks), StringComparison.Ordinal);
        Assert.Empty(Notebook.Parse(Small, "a.ipynb").Remarks);
    }

    [Fact]
    public void PlainOutputs_AreWhatATerminalShows()
    {
        var cell = NotebookCell.Code("c", "");
        cell.Outputs.Add(JsonNode.Parse("""{"output_type": "stream", "name": "stdout", "text": ["a\n", "10%\r"]}"""));
        cell.Outputs.Add(JsonNode.Parse("""{"output_type": "stream", "name": "stdout", "text": "\u001b[31m20%\u001b[0m"}"""));
        cell.Outputs.Add(JsonNode.Parse("""{"output_type": "stream", "name": "stderr", "text": "no"}"""));
        cell.Outputs.Add(JsonNode.Parse("""{"output_type": "execute_result", "data": {"text/html": "<b>1</b>", "text/plain": ["1"]}}"""));
        cell.Outputs.Add(JsonNode.Parse("""{"output_type": "display_data", "data": {"text/html": "<b>2</b>"}}"""));
        cell.Outputs.Add(JsonNode.Parse("7"));
        Assert.Equal(["a\n20%", "no", "1"], cell.PlainOutputs());
    }

    private static string Cell(string type, string source) =>
        $"{{\"cell_type\": \"{type}\", \"metadata\": {{}}, \"source\": \"{source}\"}}";
}
