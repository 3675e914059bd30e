using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

public sealed class NotebookTests
{
    private const string Small = """
        {
         "cells": [
          {"cell_type": "markdown", "id": "intro", "metadata": {"lang": "en"}, "source": ["# Title\n", "text"]},
          {"cell_type": "code", "execution_count": null, "id": "sum", "metadata": {"tags": ["parameters"]}, "outputs": [], "source": "var n = 1;", "extra": 7}
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
    [InlineData("{\"nbformat\": 4,\n\"cells\": [\n{\"cell_type\": \"code\", \"source\": \"\"},\n{\"cell_type\": \"code\"}]}", ":4: not a notebook: cell 2")]
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
}
