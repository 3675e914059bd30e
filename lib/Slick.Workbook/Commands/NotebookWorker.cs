using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Workbook.Notebooks;

namespace Slick.Workbook.Commands;

/// <summary>
/// The process that runs the cells of <c>slick run</c>: a cell that ends its process takes no other notebook with it.
/// A line of JSON each way: notebooks and the signal to stop come in, what the record of a notebook is told goes out.
/// </summary>
internal static class NotebookWorker
{
    /// <summary>The command's name; no user types it.</summary>
    public const string Name = "notebook-worker";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public static Command Create()
    {
        var input = new Argument<string>("in");
        var output = new Argument<string>("out");
        var command = new Command(Name, "Runs the cells of slick run.") { input, output };
        command.Hidden = true;
        command.SetAction(parsed => Work(parsed.GetValue(input)!, parsed.GetValue(output)!));
        return command;
    }

    private static int Work(string input, string output)
    {
        using var reader = new StreamReader(new AnonymousPipeClientStream(PipeDirection.In, input), Encoding.UTF8);
        using var writer = new StreamWriter(new AnonymousPipeClientStream(PipeDirection.Out, output),
            new UTF8Encoding(false)) { AutoFlush = true };
        var gate = new Lock();
        void Tell(JsonObject message)
        {
            lock (gate) writer.WriteLine(message.ToJsonString());
        }
        // Ctrl-C reaches every process of a terminal; the parent decides what it means.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, context => context.Cancel = true);
        using var stop = new CancellationTokenSource();
        using var notebooks = new BlockingCollection<JsonObject>();
        NotebookRecord? running = null;
        AppDomain.CurrentDomain.UnhandledException += (_, unhandled) =>
        {
            if (unhandled.ExceptionObject is Exception error && running is { Running: { } cell } record)
                record.Fail(cell, Elsewhere(CodeError.Of(error, record.CellPath(cell))));
        };
        new Thread(() =>
        {
            try
            {
                while (reader.ReadLine() is { } line)
                {
                    var message = JsonNode.Parse(line)!.AsObject();
                    if (message.ContainsKey("cancel")) stop.Cancel();
                    else notebooks.Add(message);
                }
            }
            catch (IOException) { /* the parent is gone */ }
            // Whoever waits for these cells is gone, or wants no more of them.
            Process.GetCurrentProcess().Kill();
        }) { IsBackground = true, Name = "parent" }.Start();
        foreach (var message in notebooks.GetConsumingEnumerable())
        {
            var values = message["parameters"]!.AsObject().ToDictionary(p => p.Key, p => (string)p.Value!, StringComparer.Ordinal);
            running = new NotebookRecord(Notebook.Parse((string)message["notebook"]!, (string)message["path"]!), values) { Changed = Tell };
            try
            {
                NotebookRunner.Run(running, null, new ToldProgress(Tell), stop.Token);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested) { /* the parent knows */ }
            Tell(new JsonObject { ["finished"] = true });
        }
        return 0;
    }

    private static CodeError Elsewhere(CodeError error) =>
        error with { Message = $"{error.Message} (on a thread of its own, where no cell can catch it)" };

    // Progress as messages, a stage's at most ten times a second.
    private sealed class ToldProgress(Action<JsonObject> tell) : IProgressReport
    {
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly ConcurrentDictionary<string, TimeSpan> _last = new(StringComparer.Ordinal);

        public void Stage(string name) => tell(new JsonObject { ["stage"] = name });

        public void Report(string stage, double done, double total, string detail = "")
        {
            var now = _clock.Elapsed;
            if (done < total && _last.TryGetValue(stage, out var last) && now - last < Pause)
                return;
            _last[stage] = now;
            tell(new JsonObject { ["report"] = stage, ["done"] = done, ["total"] = total, ["detail"] = detail });
        }

        public void Say(string line) => tell(new JsonObject { ["say"] = line });
    }
}
