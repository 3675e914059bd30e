using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;
using Slick.Workbook.Jupyter;
using Slick.Workbook.Notebooks;

namespace Slick.Workbook.Commands;

/// <summary>
/// The parent's side of the processes that run the cells: one <see cref="NotebookWorker"/> for each notebook. Threads, static fields and
/// environment variables that a notebook leaves behind end with its process. The process of the next notebook starts while the current
/// notebook runs.
/// </summary>
internal sealed partial class NotebookProcess : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private readonly IProgressReport _progress;
    private Worker? _next;

    /// <summary>Starts the first process, so that it is ready when the first notebook is.</summary>
    /// <param name="progress">The progress report of the cells' long calls.</param>
    public NotebookProcess(IProgressReport progress)
    {
        _progress = progress;
        _next = new Worker();
    }

    /// <summary>Runs the cells of a notebook in a process of their own, and ends the process.</summary>
    /// <param name="notebook">The notebook as it is in its file.</param>
    /// <param name="parameters">New values of parameters by name.</param>
    /// <param name="record">The record made from notebook and parameters. It is filled with the outputs, and with the reason where a cell
    /// stops the notebook.</param>
    /// <param name="another">Whether another notebook is run after this one.</param>
    /// <param name="cellStarts">Called before each cell of code with its number, from 1, and the number of cells.</param>
    /// <param name="cancel">Tells the cells to stop. Cells that do not stop within three seconds are ended with their process.</param>
    /// <returns>A sentence where the process ended by itself after the last cell, which is no failure; else null.</returns>
    /// <exception cref="OperationCanceledException">
    /// The token was signalled. <paramref name="record"/> has the outputs until then.
    /// </exception>
    public string? Run(Notebook notebook, IReadOnlyDictionary<string, string> parameters, NotebookRecord record, bool another,
        Action<int, int> cellStarts, CancellationToken cancel)
    {
        if (record.Failure is not null)
            return null;
        // A process that was ended from outside while it waited is replaced. That is not the notebook's fault.
        if (_next is { HasEnded: true })
            Dispose();
        using var worker = _next ?? new Worker();
        _next = null;
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
        if (another)
            _next = new Worker();
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
            record.Interrupt();
            cancel.ThrowIfCancellationRequested();
        }
        return message is null ? Ended(worker, record) : null;
    }

    /// <summary>Ends the process that waits for a notebook, where there is one.</summary>
    public void Dispose()
    {
        _next?.Dispose();
        _next = null;
    }

    // The process has ended without a message that the notebook is finished.
    private static string? Ended(Worker worker, NotebookRecord record)
    {
        var code = worker.ExitCode;
        var last = worker.LastWords;
        if (record.Failure is not null)
            return null;
        var cells = record.Notebook.Cells;
        var executed = cells.FindLastIndex(c => c.ExecutionCount is not null);
        var all = record.Running is null
            && cells.TrueForAll(c => !c.IsCode || string.IsNullOrWhiteSpace(c.Source) || c.ExecutionCount is not null);
        var exit = string.Create(CultureInfo.InvariantCulture, $"(exit code {code}{Signal(code)})");
        if (worker.Fault is { } fault)
            record.Fail(record.Running ?? Math.Max(0, executed), new CodeError(0, "",
                $"slick run could not read what the process of the cells sent, and ended the process: {fault}", []));
        else if (all)
            return $"{Path.GetFileName(record.Notebook.Path)}: every cell ran; "
                + $"behind the last one the process of the cells ended by itself {exit}.";
        else if (executed < 0)
            record.Fail(0, new CodeError(0, "", $"was not run: the process of the cells ended before the first cell {exit}{Words(last)}",
                [.. last.Skip(1).Take(40)]));
        else
            record.Fail(record.Running ?? executed, new CodeError(0, "", $"ended the process {exit}{Words(last)}",
                [.. last.Skip(1).Take(40)]));
        return null;
    }

    private static string Words(string[] last) => last.Length > 0 ? $": {last[0]}" : ".";

    private bool Reported(JsonObject message)
    {
        if (message.ContainsKey("stage")) _progress.Stage((string)message["stage"]!);
        else if (message.ContainsKey("report")) _progress.Report((string)message["report"]!, (double)message["done"]!,
            (double)message["total"]!, (string)message["detail"]!);
        else if (message.ContainsKey("say")) _progress.Say((string)message["say"]!);
        else return false;
        return true;
    }

    // The meaning of exit codes above 128 in shells.
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

        // The depth to which a message may be nested; messages are written with the same limit.
        private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000 };

        private readonly AnonymousPipeServerStream _toWorker = new(PipeDirection.Out, HandleInheritability.Inheritable);
        private readonly AnonymousPipeServerStream _fromWorker = new(PipeDirection.In, HandleInheritability.Inheritable);
        private readonly Process _process;
        private readonly StreamWriter _writer;
        private readonly BlockingCollection<JsonObject> _messages = [];
        private readonly TextWriter _shown = Console.Error;
        // A line that looks like a crash, and all lines after it. They are the worker's own, or those of a process that a cell started.
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
            // Native code and the processes that cells start write past the kernel. Their text is copied here.
            var output = Console.Out;
            _output = Task.Run(() => Copy(_process.StandardOutput, output.WriteLine));
            _errors = Task.Run(() => Copy(_process.StandardError, line =>
            {
                lock (_lastWords)
                {
                    if (_lastWords.Count > 0 || Crash().IsMatch(line)) _lastWords.Add(line);
                    else _shown.WriteLine(line);
                }
            }));
            new Thread(Listen) { IsBackground = true, Name = "cells" }.Start();
        }

        /// <summary>The exit code of the process. Waits until the process has ended.</summary>
        public int ExitCode
        {
            get
            {
                _process.WaitForExit();
                return _process.ExitCode;
            }
        }

        /// <summary>Whether the process has ended.</summary>
        public bool HasEnded => _process.HasExited;

        /// <summary>Why the messages of the process could not be read; null where they could.</summary>
        public string? Fault { get; private set; }

        /// <summary>The lines that the runtime wrote when it crashed; empty where the process ended without a crash.</summary>
        public string[] LastWords
        {
            get
            {
                // Cells can choose an exit code with Environment.Exit. Lines that are held back are then of another process, and Dispose
                // shows them.
                if (ExitCode is >= 0 and < 128)
                    return [];
                _errors.Wait(Moment);
                lock (_lastWords)
                {
                    string[] words = [.. _lastWords.Select(line => line.Trim()).Where(line => line.Length > 0)];
                    _lastWords.Clear();
                    return words;
                }
            }
        }

        public void Send(JsonObject message)
        {
            try { _writer.WriteLine(message.ToJsonString()); }
            catch (IOException) { /* it is gone, and Read says so */ }
            catch (ObjectDisposedException) { /* it was ended */ }
        }

        /// <summary>Waits for the next message. Null where the process has ended and all its messages are read.</summary>
        public JsonObject? Read() => _messages.TryTake(out var message, Timeout.Infinite) ? message : null;

        public void EndAfter(TimeSpan grace) => Task.Delay(grace).ContinueWith(_ => Kill(), TaskScheduler.Default);

        public void Dispose()
        {
            Kill();
            _process.WaitForExit(Moment);
            Task.WaitAll([_output, _errors], Moment);
            lock (_lastWords)
            {
                foreach (var line in _lastWords) _shown.WriteLine(line);
                _lastWords.Clear();
            }
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

        // A process that a cell started may keep the other end of the pipe open. So the messages end when the worker's process ends.
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
                    _messages.Add(JsonNode.Parse(text, documentOptions: Deep)!.AsObject());
                    line = reader.ReadLineAsync();
                }
            }
            catch (Exception e) when (e is IOException or AggregateException or JsonException or InvalidOperationException
                or NullReferenceException)
            {
                // Either the process died in the middle of a line or was disposed of. Or it is alive, but its messages are not read any
                // more.
                if (!HasEndedSoon())
                {
                    Fault = CodeError.OneLine(e.Message);
                    Kill();
                }
            }
            _messages.CompleteAdding();
        }

        private bool HasEndedSoon()
        {
            try { return _process.WaitForExit(Moment); }
            catch (InvalidOperationException) { return true; /* it was disposed of */ }
        }

        private static void Copy(StreamReader reader, Action<string> write)
        {
            while (reader.ReadLine() is { } line) write(line);
        }

        // This program again, run by the same dotnet. This also works where another program (the tests) has loaded it.
        private static string Program(out string[] words)
        {
            var own = typeof(NotebookWorker).Assembly.Location;
            var dotnet = Surroundings.Here.Dotnet;
            words = ["exec", own];
            if (File.Exists(dotnet) && own.Length > 0)
                return dotnet;
            // A program that was published with its own runtime has no dotnet: the program itself is started.
            words = [];
            return Environment.ProcessPath
                ?? throw new SlickException("the program's own file is not known, so no process for the cells can be started.");
        }
    }
}
