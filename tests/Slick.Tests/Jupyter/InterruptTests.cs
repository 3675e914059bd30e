using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using NetMQ;
using NetMQ.Sockets;
using Slick.Experiments;
using Slick.Workbook.Jupyter;

namespace Slick.Tests.Jupyter;

/// <summary>An interrupt in the tool dotnet-interactive, asked for as VS Code and Jupyter do.</summary>
public sealed class InterruptTests : IDisposable
{
    private readonly string _store = Scratch.Folder("interrupt");

    public void Dispose() => Directory.Delete(_store, recursive: true);

    [Fact]
    public async Task Interrupt_EndsALongCall_AndTheKernelLivesWithItsVariables()
    {
        JupyterHere.Require();
        // Some hours of fine-tuning.
        var study = $"Slick.Experiments.Study.Open(\"smoke fineTuning.epochs=5000\", \"cpu\", {Quoted(_store)})";
        var cells = await Talk(
            ("#load \"setup.csx\"\nvar kept = \"still here\";", null),
            ($"var study = {study};", "display"),
            ("kept", null),
            // Interrupted before the call begins, and between two calls of one cell.
            ($"System.Threading.Thread.Sleep(3000);\n{study}", 1),
            // Nothing stops code that does not ask.
            ("System.Threading.Thread.Sleep(3000);\nConsole.Write(\"slept\");", 1),
            ("throw new Slick.UsageException(\"there is no such thing.\");", null),
            ("kept", null));
        // A forecast on the console comes first.
        var first = cells[1];
        var progress = first["outputs"]!.AsArray().First(o => (string)o!["type"]! == "display_data")!;
        Assert.Contains("(seed 1)", (string)progress["data"]!["text/plain"]!, StringComparison.Ordinal);
        Assert.InRange((double)first["seconds"]!, 0, 10);
        const string Sentence = "Interrupted. What is finished is kept in the store; run the cell again, and it goes on from there.";
        Assert.Equal(("error", Sentence), Last(first));
        Assert.Equal(Sentence, (string)Assert.Single(first["outputs"]!.AsArray().Last()!["traceback"]!.AsArray())!);
        Assert.Equal(("execute_result", "still here"), Last(cells[2]));
        Assert.Equal(("error", Sentence), Last(cells[3]));
        Assert.Equal(("stream", "slept"), Last(cells[4]));
        Assert.InRange((double)cells[4]["seconds"]!, 1, 60);
        Assert.Equal(("error", "there is no such thing."), Last(cells[5]));
        Assert.Equal(("execute_result", "still here"), Last(cells[6]));
    }

    [Theory]
    [InlineData("interrupt_request", "key", "key", true)]
    [InlineData("interrupt_request", "", "", true)]
    [InlineData("interrupt_request", "key", "another", false)]
    [InlineData("execute_request", "key", "key", false)]
    public void Message_IsAnInterrupt_WhenItsParentIs_AndItsSignatureFits(string parent, string key, string signedWith, bool expected)
    {
        var frames = Status($"{{\"msg_type\": \"{parent}\"}}", signedWith);
        Assert.Equal(expected, InterruptListener.IsInterrupt(frames, key));
        Assert.False(InterruptListener.IsInterrupt(frames[..^1], key));
    }

    [Theory]
    [InlineData("\"interrupt_request\"")]
    [InlineData("[\"interrupt_request\"]")]
    [InlineData("{\"msg_type\": 1, \"username\": \"interrupt_request\"}")]
    [InlineData("{\"msg_type\": \"interrupt_request\"")]
    public void ParentOfAnotherForm_IsNoInterrupt(string parent)
    {
        Assert.False(InterruptListener.IsInterrupt(Status(parent, "key"), "key"));
        Assert.False(InterruptListener.IsInterrupt(Status(parent, "another"), "key"));
        Assert.False(InterruptListener.IsInterrupt(Status(parent, ""), ""));
    }

    [Fact]
    public async Task CallbackThatThrows_DoesNotEndTheListener()
    {
        using var publisher = new PublisherSocket();
        var port = publisher.BindRandomPort("tcp://127.0.0.1");
        var file = Path.Combine(_store, "kernel-1.json");
        File.WriteAllText(file, new JsonObject
        {
            ["transport"] = "tcp", ["ip"] = "127.0.0.1", ["iopub_port"] = port, ["key"] = "key",
        }.ToJsonString());
        using var cell = new CancellationTokenSource();
        using var broken = cell.Token.Register(() => throw new InvalidOperationException("a callback is broken"));
        using var next = new CancellationTokenSource();
        InterruptListener.Start(file, () => (cell.IsCancellationRequested ? next : cell).Cancel());
        // What is published before the listener has subscribed is lost.
        var frames = Status("{\"msg_type\": \"interrupt_request\"}", "key");
        for (var tries = 0; tries < 200 && !next.IsCancellationRequested; tries++)
        {
            publisher.SendMultipartBytes(frames);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        Assert.True(cell.IsCancellationRequested);
        Assert.True(next.IsCancellationRequested);
    }

    [Fact]
    public void OtherText_IsNoInterrupt()
    {
        string[] parts = ["topic", "<IDS|MSG>", "", "{}", "interrupt_request", "{}", "{}"];
        Assert.False(InterruptListener.IsInterrupt([.. parts.Select(Encoding.UTF8.GetBytes)], ""));
        parts[4] = "{\"msg_type\": \"execute_request\", \"username\": \"interrupt_request\"}";
        Assert.False(InterruptListener.IsInterrupt([.. parts.Select(Encoding.UTF8.GetBytes)], ""));
    }

    [Fact]
    public void ConnectionFile_IsFoundOnTheCommandLineOfTheJupyterModeOnly()
    {
        var file = Path.Combine(_store, "kernel-1.json");
        File.WriteAllText(file, "{}");
        Assert.Equal(file, InterruptListener.ConnectionFile(["tool.dll", "jupyter", "--default-kernel", "csharp", file]));
        Assert.Null(InterruptListener.ConnectionFile(["tool.dll", "stdio", file]));
        Assert.Null(InterruptListener.ConnectionFile(["tool.dll", "jupyter", Path.Combine(_store, "gone.json")]));
    }

    private static (string Type, string Text) Last(JsonNode cell)
    {
        var output = cell["outputs"]!.AsArray().Last()!;
        return ((string)output["type"]!, (string?)(output["evalue"] ?? output["text"] ?? output["data"]?["text/plain"]) ?? "");
    }

    // What the tool publishes for a request.
    private static List<byte[]> Status(string parent, string key)
    {
        string[] parts = ["{\"msg_type\": \"status\"}", parent, "{}", "{\"execution_state\": \"busy\"}"];
        var signature = Convert.ToHexStringLower(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(string.Concat(parts))));
        return [.. new[] { "topic", "<IDS|MSG>", signature }.Concat(parts).Select(Encoding.UTF8.GetBytes)];
    }

    private static string Quoted(string path) => "@\"" + path + "\"";

    private static async Task<List<JsonNode>> Talk(params (string Code, object? Interrupt)[] cells)
    {
        var input = new JsonArray(
            [.. cells.Select(c => new JsonObject { ["code"] = c.Code, ["interrupt"] = JsonValue.Create(c.Interrupt) })]);
        var (code, output, errors) = await JupyterHere.Client(
            "talk", Path.Combine(Shared.Repository, "notebooks"), "", input.ToJsonString(), TestContext.Current.CancellationToken);
        Assert.True(code == 0, errors);
        // The kernel writes to the same console; the answer is its last line.
        return [.. JsonNode.Parse(output[output.LastIndexOf("[{\"seconds", StringComparison.Ordinal)..])!.AsArray().Select(c => c!)];
    }
}
