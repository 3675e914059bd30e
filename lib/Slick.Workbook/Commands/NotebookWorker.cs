using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;
using Slick.Workbook.Notebooks;

namespace Slick.Workbook.Commands;

/// <summary>
/// The process that runs the cells of one notebook for <c>slick run</c>. A cell that ends its process does not end other notebooks. Parent
/// and process exchange lines of JSON. The notebook and the signal to stop come in; the changes of the notebook's record go out.
/// </summary>
internal static class NotebookWorker
{
    /// <summary>The command's name. The program uses this command, users do not.</summary>
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
        // These signals reach every process of a terminal or of a group. The parent decides what they mean. If they end the parent, its
        // pipe ends, and that ends this process.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, context => context.Cancel = true);
        using var terminate = OperatingSystem.IsWindows() ? null
            : PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);
        using var hangUp = OperatingSystem.IsWindows() ? null
            : PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true);
        using var stop = new CancellationTokenSource();
        using var given = new BlockingCollection<JsonObject>();
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
                    else given.Add(message);
                }
            }
            catch (IOException) { /* the parent is gone */ }
            // The parent has ended, or it does not want more of these cells.
            Process.GetCurrentProcess().Kill();
        }) { IsBackground = true, Name = "parent" }.Start();
        var notebook = given.Take();
        var values = notebook["parameters"]!.AsObject().ToDictionary(p => p.Key, p => (string)p.Value!, StringComparer.Ordinal);
        running = new NotebookRecord(Notebook.Parse((string)notebook["notebook"]!, (string)notebook["path"]!), values) { Changed = Tell };
        try
        {
            NotebookRunner.Run(running, null, new ToldProgress(Tell), stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { /* the parent knows */ }
        Tell(new JsonObject { ["finished"] = true });
        // The parent ends this process. In an orderly end, native code that still runs on a thread of the notebook would crash.
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    private static CodeError Elsewhere(CodeError error) =>
        error with { Message = $"{error.Message} (on a thread of its own, where no cell can catch it)" };

    // Sends progress as messages, for each stage at most ten a second.
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
