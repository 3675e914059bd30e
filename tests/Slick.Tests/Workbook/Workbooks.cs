using System.Text.Json.Nodes;
using Slick.Experiments;
using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

/// <summary>Tests that change the console or the current folder, which belong to the whole process.</summary>
[CollectionDefinition(nameof(ProcessWide), DisableParallelization = true)]
public sealed class ProcessWide;

/// <summary>A folder of notebooks that disappears with the test.</summary>
internal sealed class Workbooks : IDisposable
{
    public string Folder { get; } = Scratch.Folder("workbook");

    public string Write(string name, params NotebookCell[] cells)
    {
        var notebook = Notebook.Parse("{\"cells\": [], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}",
            Path.Combine(Folder, name));
        notebook.Cells.AddRange(cells);
        notebook.Save(notebook.Path);
        return notebook.Path;
    }

    public NotebookRun Run(params string[] code)
    {
        var path = Write("small.ipynb", [.. code.Select((source, i) => NotebookCell.Code($"c{i}", source))]);
        return NotebookRunner.Run(Notebook.Load(path), cancel: TestContext.Current.CancellationToken);
    }

    public static string Stream(NotebookCell cell) =>
        string.Concat(cell.Outputs.Where(o => (string?)o!["output_type"] == "stream").SelectMany(o => o!["text"]!.AsArray())
            .Select(line => (string?)line));

    /// <summary>The text of the last output that has one.</summary>
    public static string Text(NotebookCell cell) =>
        cell.Outputs.Select(o => o!["data"]?["text/plain"]).OfType<JsonArray>().LastOrDefault() is { } lines
        ? string.Concat(lines.Select(l => (string?)l)) : "";

    /// <summary>The kinds of a cell's outputs, in order.</summary>
    public static string Kinds(NotebookCell cell) =>
        string.Join(' ', cell.Outputs.Select(o => (string?)o!["name"] ?? (string?)o["output_type"]));

    public static JsonNode? Value(NotebookCell cell) =>
        cell.Outputs.LastOrDefault(o => (string?)o!["output_type"] == "execute_result")?["data"];

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
