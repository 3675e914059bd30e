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
/// The processes that run the cells, as their parent sees them: one <see cref="NotebookWorker"/> a notebook. Threads, static
/// fields and environment variables that a notebook leaves behind end with its process. The process of the next notebook
/// starts while the current notebook runs.
/// </summary>
internal sealed partial class NotebookProcess : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private readonly IProgressReport _progress;
    private Worker? _next;

    /// <summary>Starts the first process, so that it is ready when the notebooks are.</summary>
    /// <param name="progress">Where the cells' long calls report to.</param>
    public NotebookProcess(IProgressReport progress)
    {
        _progress = progress;
        _next = new Worker();
    }

    /// <summary>Runs a notebook's cells in a process of their own, and ends the process.</summary>
    /// <param name="notebook">The notebook as its file has it.</param>
    /// <param name="parameters">New values of parameters by name.</param>
    /// <param name="record">Made from both; filled with what the cells show, and with the reason where one stops.</param>
    /// <param name="another">Whether another notebook is run after this one.</param>
    /// <param name="cellStarts">Called before each cell of code with its number, from 1, and the number of cells.</param>
    /// <param name="cancel">Tells the cells to stop; a cell that does not is given up after a moment, with the process.</param>
    /// <returns>A sentence where the process ended by itself behind the last cell, which is no failure; else null.</returns>
    /// <exception cref="OperationCanceledException">
    /// The token was signalled; <paramref name="record"/> holds what was done before.
    /// </exception>
    public string? Run(Notebook notebook, IReadOnlyDictionary<string, string> parameters, NotebookRecord record, bool another,
        Action<int, int> cellStarts, CancellationToken cancel)
    {
        if (record.Failure is not null)
            return null;
        // One that something ended while it waited is no notebook's fault.
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

    /// <summary>Ends the process that waits for a notebook, if there is one.</summary>
    public void Dispose()
    {
        _next?.Dispose();
        _next = null;
    }

    // The process is gone, and said nothing of the notebook's end.
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

        // As deep as a message is written.
        private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000 };

        private readonly AnonymousPipeServerStream _toWorker = new(PipeDirection.Out, HandleInheritability.Inheritable);
        private readonly AnonymousPipeServerStream _fromWorker = new(PipeDirection.In, HandleInheritability.Inheritable);
        private readonly Process _process;
        private readonly StreamWriter _writer;
        private readonly BlockingCollection<JsonObject> _messages = [];
        private readonly TextWriter _shown = Console.Error;
        // Lines behind one that looks like a crash: the process's own, or those of a process that a cell started.
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

        /// <summary>The process's exit code; it has ended.</summary>
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

        /// <summary>Why the process's messages could not be read; null where they could.</summary>
        public string? Fault { get; private set; }

        /// <summary>What the runtime wrote when it crashed, a line each; nothing where the process ended without a crash.</summary>
        public string[] LastWords
        {
            get
            {
                // What cells choose with Environment.Exit; what is held back is then of another process, and Dispose shows it.
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

        /// <summary>The next message; null where the process is gone and everything that it said is read.</summary>
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
                    _messages.Add(JsonNode.Parse(text, documentOptions: Deep)!.AsObject());
                    line = reader.ReadLineAsync();
                }
            }
            catch (Exception e) when (e is IOException or AggregateException or JsonException or InvalidOperationException
                or NullReferenceException)
            {
                // Either the process died in the middle of a line or was disposed of, or it lives and nobody listens any more.
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

        // This program again: under the dotnet that runs it, also where another program (the tests) holds it.
        private static string Program(out string[] words)
        {
            var own = typeof(NotebookWorker).Assembly.Location;
            var dotnet = Surroundings.Here.Dotnet;
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
