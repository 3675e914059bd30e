using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slick.Runtime;
using Slick.Workbook.Notebooks;

namespace Slick.Workbook.Commands;

/// <summary>The <see cref="NotebookWorker"/> as its parent sees it: started before the first notebook, and again after it died.</summary>
internal sealed partial class NotebookProcess : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private readonly IProgressReport _progress;
    private Worker? _worker;

    /// <summary>Starts the process, so that it is ready when the notebooks are.</summary>
    /// <param name="progress">Where the cells' long calls report to.</param>
    public NotebookProcess(IProgressReport progress)
    {
        _progress = progress;
        _worker = new Worker();
    }

    /// <summary>Runs a notebook's cells in the process; whatever ends the process there ends this notebook only.</summary>
    /// <param name="notebook">The notebook as its file has it.</param>
    /// <param name="parameters">New values of parameters by name.</param>
    /// <param name="record">Made from both; filled with what the cells show, and with the reason where one stops.</param>
    /// <param name="cellStarts">Called before each cell of code with its number, from 1, and the number of cells.</param>
    /// <param name="cancel">Tells the cells to stop; a cell that does not is given up after a moment, with the process.</param>
    /// <exception cref="OperationCanceledException">
    /// The token was signalled; <paramref name="record"/> holds what was done before.
    /// </exception>
    public void Run(Notebook notebook, IReadOnlyDictionary<string, string> parameters, NotebookRecord record, Action<int, int> cellStarts,
        CancellationToken cancel)
    {
        if (record.Failure is not null)
            return;
        _worker ??= new Worker();
        var worker = _worker;
        worker.Send(new JsonObject
        {
            ["path"] = notebook.Path,
            ["notebook"] = notebook.ToJson(),
            ["parameters"] = new JsonObject(parameters.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)JsonValue.Create(p.Value)))),
        });
        using var stop = cancel.Register(() =>
        {
            worker.Send(new JsonObject { ["cancel"] = true });
            worker.EndAfter(Grace);
        });
        JsonObject? message = null;
        while ((message = worker.Read()) is not null && !message.ContainsKey("finished"))
        {
            if (message.ContainsKey("start"))
                cellStarts((int)message["cell"]! + 1, record.Notebook.Cells.Count);
            if (!Reported(message))
                record.Apply(message);
        }
        if (cancel.IsCancellationRequested)
        {
            // Its cells may still be running: the next run would wait for them.
            End();
            record.Interrupt();
            cancel.ThrowIfCancellationRequested();
        }
        if (message is not null)
            return;
        var code = worker.ExitCode;
        var last = worker.LastWords;
        End();
        if (record.Failure is not null)
            return;
        var cell = record.Running ?? Math.Max(0, record.Notebook.Cells.FindLastIndex(c => c.ExecutionCount is not null));
        record.Fail(cell, new CodeError(0, "", string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"ended the process (exit code {code}{Signal(code)}){(last.Length > 0 ? $": {last[0]}" : ".")}"), [.. last.Skip(1).Take(40)]));
    }

    /// <summary>Ends the process.</summary>
    public void Dispose() => End();

    private void End()
    {
        _worker?.Dispose();
        _worker = null;
    }

    private bool Reported(JsonObject message)
    {
        if (message.ContainsKey("stage")) _progress.Stage((string)message["stage"]!);
        else if (message.ContainsKey("report")) _progress.Report((string)message["report"]!, (double)message["done"]!,
            (double)message["total"]!, (string)message["detail"]!);
        else if (message.ContainsKey("say")) _progress.Say((string)message["say"]!);
        else return false;
        return true;
    }

    // What shells call codes above 128.
    private static string Signal(int code) => OperatingSystem.IsWindows() ? "" : code switch
    {
        134 => ", aborted",
        137 => ", killed",
        139 => ", a segmentation fault in native code",
        _ => "",
    };

    [GeneratedRegex(@"^(Unhandled exception\.|Stack overflow\.|Process terminated\.|Fatal error\.)")]
    private static partial Regex Crash();

    private sealed class Worker : IDisposable
    {
        private static readonly TimeSpan Moment = TimeSpan.FromSeconds(2);

        private readonly AnonymousPipeServerStream _toWorker = new(PipeDirection.Out, HandleInheritability.Inheritable);
        private readonly AnonymousPipeServerStream _fromWorker = new(PipeDirection.In, HandleInheritability.Inheritable);
        private readonly Process _process;
        private readonly StreamWriter _writer;
        private readonly BlockingCollection<JsonObject> _messages = [];
        private readonly List<string> _lastWords = [];
        private readonly Task _output, _errors;

        public Worker()
        {
            var start = new ProcessStartInfo { FileName = Program(out var words), UseShellExecute = false, RedirectStandardInput = true,
                RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var word in words.Append(NotebookWorker.Name).Append(_toWorker.GetClientHandleAsString())
                .Append(_fromWorker.GetClientHandleAsString()))
                start.ArgumentList.Add(word);
            start.StandardOutputEncoding = start.StandardErrorEncoding = Encoding.UTF8;
            _process = Process.Start(start) ?? throw new SlickException($"{start.FileName}: the process for the cells does not start.");
            _toWorker.DisposeLocalCopyOfClientHandle();
            _fromWorker.DisposeLocalCopyOfClientHandle();
            _process.StandardInput.Close();
            _writer = new StreamWriter(_toWorker, new UTF8Encoding(false)) { AutoFlush = true };
            // What native code and the processes that cells start write, past the kernel.
            var (output, errors) = (Console.Out, Console.Error);
            _output = Task.Run(() => Copy(_process.StandardOutput, output.WriteLine));
            _errors = Task.Run(() => Copy(_process.StandardError, line =>
            {
                lock (_lastWords)
                {
                    if (_lastWords.Count > 0 || Crash().IsMatch(line)) _lastWords.Add(line.Trim());
                    else errors.WriteLine(line);
                }
            }));
            new Thread(Listen) { IsBackground = true, Name = "cells" }.Start();
        }

        /// <summary>The process's exit code; it has ended.</summary>
        public int ExitCode
        {
            get
            {
                _process.WaitForExit();
                return _process.ExitCode;
            }
        }

        /// <summary>What the runtime wrote when it crashed, a line each.</summary>
        public string[] LastWords
        {
            get
            {
                _errors.Wait(Moment);
                lock (_lastWords) return [.. _lastWords.Where(line => line.Length > 0)];
            }
        }

        public void Send(JsonObject message)
        {
            try { _writer.WriteLine(message.ToJsonString()); }
            catch (IOException) { /* it is gone, and Read says so */ }
            catch (ObjectDisposedException) { /* it was ended */ }
        }

        /// <summary>The next message; null where the process is gone and everything that it said is read.</summary>
        public JsonObject? Read() => _messages.TryTake(out var message, Timeout.Infinite) ? message : null;

        public void EndAfter(TimeSpan grace) => Task.Delay(grace).ContinueWith(_ => Kill(), TaskScheduler.Default);

        public void Dispose()
        {
            Kill();
            _process.WaitForExit(Moment);
            Task.WaitAll([_output, _errors], Moment);
            _writer.Dispose();
            _toWorker.Dispose();
            _fromWorker.Dispose();
            _process.Dispose();
        }

        private void Kill()
        {
            try { _process.Kill(entireProcessTree: true); }
            catch (InvalidOperationException) { /* it has ended, or was disposed of */ }
            catch (System.ComponentModel.Win32Exception) { /* it is ending */ }
        }

        // A process that a cell started may hold the pipe's other end open: the end of the worker is the end of its messages.
        private void Listen()
        {
            try
            {
                using var reader = new StreamReader(_fromWorker, Encoding.UTF8, leaveOpen: true);
                var line = reader.ReadLineAsync();
                var ended = _process.WaitForExitAsync();
                while (true)
                {
                    if (Task.WaitAny(line, ended) == 1 && !line.Wait(Moment))
                        break;
                    if (line.Result is not { } text)
                        break;
                    _messages.Add(JsonNode.Parse(text)!.AsObject());
                    line = reader.ReadLineAsync();
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or AggregateException or System.Text.Json.JsonException
                or InvalidOperationException)
            {
                // The process died in the middle of a line, or was disposed of.
            }
            _messages.CompleteAdding();
        }

        private static void Copy(StreamReader reader, Action<string> write)
        {
            while (reader.ReadLine() is { } line) write(line);
        }

        // This program again: under the dotnet that runs it, also where another program (the tests) holds it.
        private static string Program(out string[] words)
        {
            var own = typeof(NotebookWorker).Assembly.Location;
            var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..",
                OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
            words = ["exec", own];
            if (File.Exists(dotnet) && own.Length > 0)
                return dotnet;
            // Published with a runtime of its own: there is only the program.
            words = [];
            return Environment.ProcessPath
                ?? throw new SlickException("the program's own file is not known, so no process for the cells can be started.");
        }
    }
}
