using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

/// <summary>Published copies of notebooks: what they keep, what they leave out, and that a stale one is noticed.</summary>
[Collection(nameof(ProcessWide))]
public sealed class PublishedCopyTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private string CopyPath => Path.Combine(_books.Folder, "published", "page.ipynb");

    private static NotebookCell Shown(params string[] outputs)
    {
        var cell = NotebookCell.Code("c", "x");
        cell.ExecutionCount = 1;
        foreach (var output in outputs) cell.Outputs.Add(JsonNode.Parse(output));
        return cell;
    }

    private Notebook Book(params NotebookCell[] cells) => Notebook.Load(_books.Write("page.ipynb", cells));

    private NotebookCell CopyOf(NotebookCell cell) => PublishedCopy.Of(Book(cell), CopyPath).Cells[^1];

    private static string Forms(NotebookCell cell) =>
        string.Join(' ', cell.Outputs[0]!["data"]!.AsObject().Select(form => form.Key));

    [Theory]
    [InlineData("image/png text/plain", "\"text/html\": \"<script>1</script>\", \"image/png\": \"AQID\\n\", \"text/plain\": \"a figure\"")]
    [InlineData("image/png", "\"application/vnd.plotly.v1+json\": {\"data\": []}, \"image/png\": \"AQID\"")]
    [InlineData("text/html text/plain", "\"text/html\": \"<b>x</b>\", \"text/plain\": \"x\", \"application/json\": {}")]
    [InlineData("text/plain", "\"text/plain\": \"x\"")]
    public void AnOutput_KeepsItsPicture_ElseItsHtml_AndItsText(string kept, string data) =>
        Assert.Equal(kept, Forms(CopyOf(Shown($$"""{"output_type": "display_data", "metadata": {}, "data": { {{data}} } }"""))));

    [Fact]
    public void Html_LosesWhatRunsOrAsks_AndKeepsItsTable()
    {
        var html = """<style>td{}</style><table onclick='f()'><tr><td style='text-align:right'>7</td></tr></table><script>f()</script>"""
            + "<a href='javascript:f()'>go</a><iframe src='x'></iframe>";
        var output = new JsonObject { ["output_type"] = "display_data", ["metadata"] = new JsonObject(),
            ["data"] = new JsonObject { ["text/html"] = html } };
        var copy = CopyOf(Shown(output.ToJsonString()));
        Assert.Equal("<table><tbody><tr><td style=\"text-align:right\">7</td></tr></tbody></table><a>go</a>\n",
            NotebookCell.JoinedText(copy.Outputs[0]!["data"]!["text/html"]));
    }

    [Fact]
    public void Text_IsWhatATerminalShows_AndNamesNoPlaceOfThisMachine()
    {
        var text = $"10%\r100%\n\u001b[31m{Path.Combine(Repository.Root!, "data", "x")}\u001b[0m and {Repository.Root}\n"
            + $"{Repository.Root}2/y\n"; // another folder
        var output = new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = text };
        Assert.Equal($"100%\n{Path.Combine("data", "x")} and .\n{Repository.Root}2/y\n",
            Workbooks.Stream(CopyOf(Shown(output.ToJsonString()))));
    }

    [Fact]
    public void LinksToFiles_StartFromTheCopy()
    {
        File.WriteAllText(Path.Combine(_books.Folder, "notes.md"), "x");
        _books.Write("other.ipynb");
        var copy = PublishedCopy.Of(Book(NotebookCell.Markdown("m", "[a](notes.md#b) ![c](notes.md) [d](other.ipynb#e) [f](gone.md)\n"
            + "[g](https://h.i) [j](#k) <img src=\"notes.md\">\n\n[l]: notes.md\n")), CopyPath);
        Assert.Equal("[a](../notes.md#b) ![c](../notes.md) [d](other.ipynb#e) [f](gone.md)\n[g](https://h.i) [j](#k) "
            + "<img src=\"../notes.md\">\n\n[l]: ../notes.md\n", copy.Cells[1].Source);
        Assert.Contains("[page.ipynb](../page.ipynb)", copy.Cells[0].Source, StringComparison.Ordinal);
    }

    [Fact]
    public void TheSameNotebook_GivesTheSameBytes_WithoutTimes()
    {
        var cell = Shown("""{"output_type": "display_data", "metadata": {}, "data": {"text/plain": "x"}}""");
        var first = PublishedCopy.Of(Book(cell), CopyPath).ToJson();
        cell.Json["metadata"]!["execution"] = new JsonObject { ["iopub.execute_input"] = "2026-11-27T12:00:00Z" };
        Assert.Equal(first, PublishedCopy.Of(Book(cell), CopyPath).ToJson());
    }

    // The notebook as it is committed: without outputs.
    private static NotebookCell Source(string code) => NotebookCell.Code("c", code);

    private IReadOnlyList<string> FaultsOf(NotebookCell executed, Notebook? now = null)
    {
        var book = Book(executed);
        PublishedCopy.Of(book, CopyPath).Save(CopyPath);
        return PublishedCopy.Faults(now ?? book, CopyPath);
    }

    [Fact]
    public void ACopyOfTheNotebook_HasNoFault()
    {
        var executed = Source("1 + 1");
        executed.ExecutionCount = 1;
        executed.Outputs.Add(JsonNode.Parse("""{"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "2"}}"""));
        Assert.Empty(FaultsOf(executed));
        // Outputs and their count are no part of the source.
        Assert.Empty(PublishedCopy.Faults(Book(Source("1 + 1")), CopyPath));
    }

    [Fact]
    public void AMissingCopy_IsAFault() =>
        Assert.EndsWith("the copy is missing.", Assert.Single(PublishedCopy.Faults(Book(Source("1")), CopyPath)), StringComparison.Ordinal);

    [Fact]
    public void AChangedNotebook_IsAFault()
    {
        Assert.Empty(FaultsOf(Shown()));
        var tagged = Source("x");
        tagged.Json["metadata"]!["tags"] = new JsonArray("answer");
        foreach (var changed in new[] { Source("y"), tagged })
            Assert.EndsWith("the copy is of another state of page.ipynb.",
                Assert.Single(PublishedCopy.Faults(Book(changed), CopyPath)), StringComparison.Ordinal);
        Assert.Single(PublishedCopy.Faults(Book(Source("x"), NotebookCell.Markdown("m", "new")), CopyPath));
    }

    [Theory]
    [InlineData("its output is an error", """{"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}""")]
    [InlineData("names a place of the machine that wrote it (/home/me/x)",
        """{"output_type": "stream", "name": "stdout", "text": "at /home/me/x"}""")]
    [InlineData("names a place", """{"output_type": "display_data", "metadata": {}, "data": {"text/plain": "C:\\Users\\me"}}""")]
    public void WhatIsNotToBePublished_IsAFault(string fault, string output) =>
        Assert.Contains(fault, Assert.Single(FaultsOf(Shown(output))), StringComparison.Ordinal);

    [Fact]
    public void ACellThatWasNotRun_IsAFault() =>
        Assert.Contains("the cell was not run", Assert.Single(FaultsOf(Source("1"))), StringComparison.Ordinal);

    // Such outputs come from other programs, not from Of.
    [Theory]
    [InlineData("an output has a script", "\"text/html\": \"<p><script>f()</script>\"")]
    [InlineData("an output has a script", "\"text/html\": \"<p onclick='f()'>\"")]
    [InlineData("an output has the form application/vnd.plotly.v1+json", "\"application/vnd.plotly.v1+json\": {}")]
    public void AnOutputThatOnlyALiveViewerShows_IsAFault(string fault, string data)
    {
        var book = Book(Shown());
        var copy = PublishedCopy.Of(book, CopyPath);
        copy.Cells[^1].Outputs.Add(JsonNode.Parse($$"""{"output_type": "display_data", "metadata": {}, "data": { {{data}} } }"""));
        copy.Save(CopyPath);
        Assert.Contains(fault, Assert.Single(PublishedCopy.Faults(book, CopyPath)), StringComparison.Ordinal);
    }

    [Fact]
    public void ALargeCopy_IsAFault()
    {
        var text = new string('x', PublishedCopy.TooLarge);
        Assert.Contains("show less", Assert.Single(FaultsOf(Shown(new JsonObject { ["output_type"] = "stream", ["name"] = "stdout",
            ["text"] = text }.ToJsonString()))), StringComparison.Ordinal);
    }
}
