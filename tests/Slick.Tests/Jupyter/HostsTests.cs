using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slick.Experiments;
using Slick.Figures;
using Slick.Tests.Experiments;
using Slick.Tests.Workbook;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Jupyter;

/// <summary>
/// The notebooks in their three hosts: <c>slick run</c>, a kernel of .NET Interactive in a process that does not know the
/// library (tests/Slick.KernelHost), and the tool dotnet-interactive as Jupyter starts it.
/// </summary>
[Collection(nameof(ProcessWide))]
public sealed partial class HostsTests
{
    // Started when the first test asks and run two at a time, beside the tests: a process takes half a gigabyte.
    private static readonly SemaphoreSlim Two = new(2);
    private static readonly ConcurrentDictionary<string, Lazy<Task<Notebook>>> Runs = new();

    private static string Folder => Path.Combine(Shared.Repository, "notebooks");

    public static TheoryData<string> Notebooks => [.. Names];

    private static IEnumerable<string> Names =>
        Directory.GetFiles(Folder, "*.ipynb").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal);

    [Theory]
    [MemberData(nameof(Notebooks))]
    public async Task KernelWithoutAReferenceToTheLibrary_ShowsWhatSlickRunShows(string name)
    {
        JupyterHere.RequireBuild();
        foreach (var other in Names) _ = InKernel(other);
        var kernel = await InKernel(name);
        AssertComplete(kernel);
        AssertSame(Here(name), kernel);
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public async Task Tool_ShowsWhatSlickRunShows(string name)
    {
        JupyterHere.Require();
        foreach (var other in Names) _ = InTool(other);
        var tool = await InTool(name);
        AssertComplete(tool);
        AssertSame(Here(name), tool);
    }

    [Fact]
    public async Task Values_AreShownAlike()
    {
        JupyterHere.Require();
        using var books = new Workbooks();
        var path = books.Write("values.ipynb", NotebookCell.Code("whole", "40 + 2"), NotebookCell.Code("part", "0.125"),
            NotebookCell.Code("yes", "2 > 1"),
            NotebookCell.Code("text", "\"a <b> & c\""), NotebookCell.Code("nothing", "var n = 1;"),
            NotebookCell.Code("console", "Console.WriteLine(\"out\");\nConsole.Write(\"more\");"),
                NotebookCell.Code("errors", "Console.Error.WriteLine(\"err\");"));
        var here = NotebookRunner.Run(Notebook.Load(path), cancel: TestContext.Current.CancellationToken).Notebook;
        AssertSame(here, await Kernel(Copy(Notebook.Load(path)), books.Folder));
        AssertSame(here, await Tool(Copy(Notebook.Load(path)), books.Folder));
    }

    // Every cell ran, every figure is there, and the first one brought plotly.js.
    private static void AssertComplete(Notebook run)
    {
        var failed = run.Cells.SelectMany(c => c.Outputs).FirstOrDefault(o => (string?)o!["output_type"] == "error");
        Assert.True(failed is null, failed?["evalue"]?.ToString());
        var pages = run.Cells.SelectMany(c => c.Outputs).Select(o => NotebookCell.JoinedText(o!["data"]?["text/html"])).ToList();
        var figures = pages.Where(p => p.Contains("class=\"slick-plot\"", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(figures);
        Assert.Equal(figures[0], Assert.Single(pages, p => PlotlyRenderer.WithoutLoaders(p) != p));
        Assert.All(figures, f => Assert.Contains("Plotly.newPlot", f, StringComparison.Ordinal));
    }

    private static void AssertSame(Notebook expected, Notebook actual)
    {
        Assert.Equal(expected.Cells.Where(c => c.IsCode).Select(c => c.Id), actual.Cells.Where(c => c.IsCode).Select(c => c.Id));
        foreach (var (here, there) in expected.Cells.Zip(actual.Cells).Where(pair => pair.First.IsCode))
            Assert.Equal(Shown(here), Shown(there));
    }

    // What a cell shows, without what differs by design:
    // - the tool puts a script that finds its HTTP port into the first cell's outputs;
    // - the tool shows how far a long call is, and at last how long the cell took;
    // - outside slick run the first figure brings plotly.js along; slick run gives a chart's data in one form more;
    // - the tool gives numbers as HTML only, others as HTML and text;
    // - a kernel gives one output for each write to the console;
    // - hosts number their outputs, or do not.
    // And without what depends on how busy the machine is: a forecast is printed where more than a minute of work is left.
    private static List<string> Shown(NotebookCell cell)
    {
        var shown = new List<string>();
        foreach (var output in cell.Outputs.Select(o => o!.AsObject()))
        {
            var kind = (string)output["output_type"]!;
            if (kind == "stream")
            {
                var start = $"stream {(string)output["name"]!}: ";
                var text = ForecastLine().Replace(NotebookCell.JoinedText(output["text"]).ReplaceLineEndings("\n"), "");
                if (text.Length == 0) continue;
                if (shown.Count > 0 && shown[^1].StartsWith(start, StringComparison.Ordinal)) shown[^1] += text;
                else shown.Add(start + text);
                continue;
            }
            var data = output["data"]?.AsObject().ToDictionary(d => d.Key,
                d => d.Value is JsonObject json ? json.ToJsonString() : NotebookCell.JoinedText(d.Value)) ?? [];
            data.Remove(NotebookFormatters.PlotlyData);
            if (data.GetValueOrDefault("text/html") is { } html)
            {
                if (html.Contains("dotnet-interactive-this-cell-", StringComparison.Ordinal)) continue;
                data["text/html"] = PlotlyRenderer.WithoutLoaders(html);
                if (html.StartsWith("<div class=\"dni-plaintext\">", StringComparison.Ordinal))
                    data = new() { ["text/plain"] = WebUtility.HtmlDecode(Markup().Replace(html, "")).Trim() };
            }
            if (kind == "display_data" && data.Keys.SequenceEqual(["text/plain"]) && CellLine().IsMatch(data["text/plain"])) continue;
            if (kind == "error") data["error"] = (string)output["evalue"]!;
            shown.Add($"{kind}\n{string.Join('\n', data.OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => $"{d.Key}: {d.Value}"))}");
        }
        return shown;
    }

    [GeneratedRegex(@"^.* lacks results of '.*', seed \d+\. .*\n", RegexOptions.Multiline)]
    private static partial Regex ForecastLine();

    [GeneratedRegex(@"^Done in \d+ s\.$")]
    private static partial Regex CellLine();

    [GeneratedRegex(@"<style.*</style>|<[^>]*>", RegexOptions.Singleline)]
    private static partial Regex Markup();

    // The parameters that a notebook declares, for a short study.
    private static Dictionary<string, string> Values(Notebook notebook)
    {
        var declared = Parameters.Declared(notebook.Cells.Single(c => c.Tags.Contains("parameters")).Source);
        var values = new Dictionary<string, string>
        {
            ["results"] = "smoke", ["device"] = "cpu", ["store"] = SmokeStudy.StoreFor(notebook),
        };
        return values.Where(v => declared.ContainsKey(v.Key)).ToDictionary();
    }

    private static Notebook Here(string name)
    {
        var notebook = Notebook.Load(Path.Combine(Folder, name));
        var run = NotebookRunner.Run(notebook, Values(notebook), cancel: TestContext.Current.CancellationToken);
        Assert.Null(run.Failure);
        return run.Notebook;
    }

    private static Task<Notebook> InKernel(string name) =>
        Runs.GetOrAdd("kernel " + name, _ => new(() => Kernel(WithValues(name), Folder))).Value;

    private static Task<Notebook> InTool(string name) =>
        Runs.GetOrAdd("tool " + name, _ => new(() => Tool(WithValues(name), Folder))).Value;

    private static string WithValues(string name)
    {
        var notebook = Notebook.Load(Path.Combine(Folder, name)).Copy();
        Parameters.Inject(notebook, Values(notebook));
        return Copy(notebook);
    }

    private static string Copy(Notebook notebook)
    {
        var path = Path.Combine(Scratch.Folder("host"), "copy.ipynb");
        notebook.Save(path);
        return path;
    }

    private static Task<Notebook> Kernel(string copy, string folder) => AtMostTwo(copy, async () =>
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var host = Path.Combine(Shared.Repository, "tests", "Slick.KernelHost", "bin", configuration, "net10.0", "Slick.KernelHost.dll");
        // It would find the library without loading it as the tool does.
        Assert.False(File.Exists(Path.Combine(Path.GetDirectoryName(host)!, "Slick.Core.dll")));
        var (_, output, errors) = await JupyterHere.Run(
            new ProcessStartInfo("dotnet", [host, copy]) { WorkingDirectory = folder }, "", CancellationToken.None);
        Assert.True(output.StartsWith('['), errors);
        var notebook = Notebook.Load(copy);
        foreach (var cell in JsonNode.Parse(output)!.AsArray())
        {
            var outputs = notebook.Cells.Single(c => c.Id == (string)cell!["id"]!).Outputs;
            foreach (var shown in cell!["outputs"]!.AsArray()) outputs.Add(shown!.DeepClone());
        }
        return notebook;
    });

    private static Task<Notebook> Tool(string copy, string folder) => AtMostTwo(copy, async () =>
    {
        var (code, _, errors) = await JupyterHere.Client("run", folder, copy, "", CancellationToken.None);
        // 3: a cell failed; its output says how.
        Assert.True(code is 0 or 3, errors);
        return Notebook.Load(copy);
    });

    private static async Task<Notebook> AtMostTwo(string copy, Func<Task<Notebook>> run)
    {
        await Two.WaitAsync();
        try
        {
            return await run();
        }
        finally
        {
            Two.Release();
            File.Delete(copy);
        }
    }
}
