// Runs the cells of one notebook in a kernel of .NET Interactive, as the tool dotnet-interactive does: each library that a cell
// refers to is loaded into a context of its own, beside the FSharp.Core of the tool. The current folder is the kernel's.
//   Slick.KernelHost NOTEBOOK    prints a JSON array: for each cell of code its id and its outputs in the form of nbformat
// It ends with 1 where a cell failed; the cells after that are not run.
using System.Text.Json.Nodes;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.CSharp;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;

if (typeof(Microsoft.FSharp.Core.Unit).Assembly.GetName().Version is not { Major: 10, Minor: 0 })
    throw new InvalidOperationException("FSharp.Core is not the tool's.");
// While a cell runs, the console is the cell's.
using var output = new StreamWriter(Console.OpenStandardOutput());
using var kernel = new CompositeKernel { new CSharpKernel().UseKernelHelpers().UseWho().UseValueSharing() };
kernel.DefaultKernelName = "csharp";
var (cells, failed) = (new JsonArray(), false);
foreach (var cell in JsonNode.Parse(File.ReadAllText(args[0]))!["cells"]!.AsArray().Where(c => (string)c!["cell_type"]! == "code"))
{
    var source = cell!["source"] is JsonArray lines ? string.Concat(lines.Select(l => (string)l!)) : (string)cell["source"]!;
    var result = await kernel.SendAsync(new SubmitCode(source));
    var outputs = new JsonArray([.. result.Events.Select(Output).OfType<JsonObject>()]);
    cells.Add((JsonNode)new JsonObject { ["id"] = (string?)cell["id"], ["outputs"] = outputs });
    failed = result.Events.OfType<CommandFailed>().Any();
    if (failed) break;
}
output.WriteLine(cells.ToJsonString());
output.Flush();
// Not by returning: threads of a library may still run.
Environment.Exit(failed ? 1 : 0);

static JsonObject? Output(KernelEvent e) => e switch
{
    StandardOutputValueProduced text =>
        new() { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = text.FormattedValues.First().Value },
    StandardErrorValueProduced text =>
        new() { ["output_type"] = "stream", ["name"] = "stderr", ["text"] = text.FormattedValues.First().Value },
    ReturnValueProduced value => new() { ["output_type"] = "execute_result", ["data"] = Data(value.FormattedValues) },
    DisplayedValueProduced value => new() { ["output_type"] = "display_data", ["data"] = Data(value.FormattedValues) },
    CommandFailed failure => new() { ["output_type"] = "error", ["evalue"] = failure.Exception?.ToString() ?? failure.Message },
    _ => null,
};

static JsonObject Data(IEnumerable<FormattedValue> values) =>
    new([.. values.Select(v => KeyValuePair.Create<string, JsonNode?>(v.MimeType, v.Value))]);
