using System.Text.Json.Nodes;
using Slick.Experiments;
using Slick.Tests.Experiments;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

/// <summary>The notebooks of this repository.</summary>
[Collection(nameof(ProcessWide))]
public sealed class PublishedNotebooksTests
{
    private static string Folder => Path.Combine(Shared.Repository, "notebooks");

    public static TheoryData<string> Notebooks =>
        [.. Directory.GetFiles(Path.Combine(Shared.Repository, "notebooks"), "*.ipynb").Select(f => Path.GetFileName(f)!)
        .Order(StringComparer.Ordinal)];

    private static NotebookRun Run(string name, params (string Name, string Value)[] parameters)
    {
        var notebook = Notebook.Load(Path.Combine(Folder, name));
        var values = new Dictionary<string, string>
        {
            ["results"] = "smoke", ["device"] = "cpu", ["store"] = SmokeStudy.StoreFor(notebook),
        };
        foreach (var (key, value) in parameters) values[key] = value;
        var declared = Parameters.Declared(notebook.Cells.Single(c => c.Tags.Contains("parameters")).Source);
        foreach (var other in values.Keys.Where(key => !declared.ContainsKey(key)).ToList()) values.Remove(other);
        return NotebookRunner.Run(notebook, values, cancel: TestContext.Current.CancellationToken);
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void EveryCellRuns_AndShowsSomething(string name)
    {
        var run = Run(name);
        Assert.Null(run.Failure);
        var silent = run.Notebook.Cells.Where(c => c.IsCode && c.Outputs.Count == 0
            && !c.Source.StartsWith("#load", StringComparison.Ordinal)
            && !c.Tags.Any(t => t.Contains("parameters", StringComparison.Ordinal)));
        Assert.Empty(silent.Select(c => c.Source));
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void TheCommittedFile_IsASourceWithoutOutputs(string name)
    {
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, name)))!;
        Assert.Equal((4, 5, ".net-csharp"),
            ((int)json["nbformat"]!, (int)json["nbformat_minor"]!, (string)json["metadata"]!["kernelspec"]!["name"]!));
        var cells = json["cells"]!.AsArray();
        Assert.Equal(cells.Count, cells.Select(c => (string)c!["id"]!).Distinct().Count());
        // The title comes first, then the cell that loads the library.
        Assert.Equal("markdown", (string)cells[0]!["cell_type"]!);
        Assert.StartsWith("# ", (string)cells[0]!["source"]![0]!, StringComparison.Ordinal);
        var setup = cells.First(c => (string)c!["cell_type"]! == "code")!;
        Assert.StartsWith("#load \"setup.csx\"", (string)setup["source"]![0]!, StringComparison.Ordinal);
        Assert.All(cells.Where(c => (string)c!["cell_type"]! == "code"), c =>
        {
            Assert.Empty(c!["outputs"]!.AsArray());
            Assert.Null(c["execution_count"]);
            // What every front end of .NET Interactive can run once setup.csx is loaded.
            var magic = c["source"]!.AsArray().Select(l => ((string)l!).TrimEnd()).Where(l => l.Contains("#!", StringComparison.Ordinal));
            Assert.All(magic, l => Assert.Matches("^#!(sql|set|share)( |$)", l));
        });
        var parameters = Notebook.Load(Path.Combine(Folder, name)).Cells.Single(c => c.Tags.Contains("parameters"));
        Assert.Superset(new HashSet<string> { "device", "store" },
            Parameters.Declared(parameters.Source).Keys.ToHashSet());
    }

    private static string Copies => Path.Combine(Shared.Repository, "data", "published", "notebooks");

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void ThePublishedCopy_IsOfThisNotebook(string name)
    {
        var faults = PublishedCopy.Faults(Notebook.Load(Path.Combine(Folder, name)), Path.Combine(Copies, name));
        Assert.True(faults.Count == 0, string.Join('\n', faults.Append($"{PublishedCopy.MadeBy} writes the copies.")));
    }

    [Fact]
    public void EveryPublishedCopy_HasItsNotebook() =>
        Assert.Empty((Directory.Exists(Copies) ? Directory.GetFiles(Copies) : []).Select(Path.GetFileName)
            .Except(Directory.GetFiles(Folder).Select(Path.GetFileName)));

    [Theory]
    [InlineData("02-make-a-fine-tuning-set.ipynb", "figure-3a", "results", "smoke seed=2")]
    [InlineData("03-training-dynamics.ipynb", "figure-1", "unknownPercent", "75")]
    [InlineData("01-what-does-a-model-know.ipynb", "answers", "example", "40")]
    public void ChangedParameter_ChangesTheData(string name, string cell, string parameter, string value)
    {
        string Shown(NotebookRun run)
        {
            Assert.Null(run.Failure);
            return Workbooks.Value(run.Notebook.Cells.Single(c => c.Id == cell))!.ToJsonString();
        }
        var before = Shown(Run(name));
        Assert.Equal(before, Shown(Run(name)));
        // What the changed study adds to a store is not to lie in that of the other tests.
        var folder = Scratch.Folder("changed");
        try { Assert.NotEqual(before, Shown(Run(name, (parameter, value), ("store", folder)))); }
        finally { Directory.Delete(folder, recursive: true); }
    }
}
