using System.Diagnostics;
using System.Globalization;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

/// <summary><c>slick run</c> as a program: cells that end their process, ask for input, or are interrupted.</summary>
[Collection(nameof(ProcessWide))]
public sealed class RunProcessTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private string Pages => Path.Combine(_books.Folder, "pages");

    private Process Start(params string[] words)
    {
        var process = new Process
        {
            StartInfo = new ProcessStartInfo("dotnet",
                [Path.Combine(AppContext.BaseDirectory, "slick.dll"), "run", .. words]) { RedirectStandardInput = true,
                RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _books.Folder },
        };
        process.Start();
        return process;
    }

    // Standard input stays open and silent: whoever reads it waits for ever.
    private async Task<(int Code, string Output, string Errors)> Slick(params string[] words)
    {
        using var process = Start(words);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static string Page(string folder, string name) => File.ReadAllText(Path.Combine(folder, name));

    [Fact]
    public async Task CellThatEndsItsProcess_IsAnErrorThatNamesIt_AndTheOtherNotebooksRun()
    {
        (string Code, string Says)[] ends =
        [
            ("Environment.Exit(0);", "ended the process (exit code 0)."),
            ("Environment.Exit(7);", "ended the process (exit code 7)."),
            ("Environment.FailFast(\"enough\");", "ended the process (exit code "),
            ("System.Diagnostics.Process.GetCurrentProcess().Kill(); System.Threading.Thread.Sleep(-1);", "ended the process (exit code "),
            ("int Deep(int n) => n == int.MaxValue ? 0 : 1 + Deep(n + 1);\nDeep(0);", "Stack overflow."),
            ("var thread = new System.Threading.Thread(() =>\n  throw new InvalidOperationException(\"alone\"));\n"
                + "thread.Start();\nthread.Join();\nSystem.Threading.Thread.Sleep(-1);",
                "line 2: InvalidOperationException: alone (on a thread of its own"),
            ("async void Fail() { await Task.Delay(10); throw new InvalidOperationException(\"unseen\"); }\nFail();\n"
                + "System.Threading.Thread.Sleep(-1);", "InvalidOperationException: unseen (on a thread of its own"),
            ("[System.Runtime.InteropServices.DllImport(\"libc\")] static extern void abort();\nabort();", OperatingSystem.IsWindows()
                ? "DllNotFoundException" : "ended the process (exit code 134, aborted)"),
        ];
        for (var i = 0; i < ends.Length; i++)
            _books.Write($"{i}-ends.ipynb", NotebookCell.Code("a", "Console.WriteLine(\"before\");"),
                NotebookCell.Code("b", "Console.WriteLine(\"here\");\n" + ends[i].Code), NotebookCell.Code("c", "\"after\""));
        _books.Write("9-good.ipynb", NotebookCell.Code("a", "\"good\""));
        var (code, output, errors) = await Slick("*.ipynb", "--html", Pages);
        Assert.Equal(1, code);
        var lines = errors.TrimEnd().Split(Environment.NewLine);
        Assert.Equal(ends.Length, lines.Length);
        for (var i = 0; i < ends.Length; i++)
        {
            Assert.StartsWith($"slick: {i}-ends.ipynb: cell 2", lines[i], StringComparison.Ordinal);
            Assert.Contains(ends[i].Says, lines[i].Replace("line 3", "line 2", StringComparison.Ordinal), StringComparison.Ordinal);
            var page = Page(Pages, $"{i}-ends.html");
            Assert.Contains("before", page, StringComparison.Ordinal);
            Assert.Contains("here", page, StringComparison.Ordinal);
            Assert.Contains("output error", page, StringComparison.Ordinal);
            Assert.Contains("not run", page, StringComparison.Ordinal);
        }
        Assert.StartsWith("9-good: done", output, StringComparison.Ordinal);
        Assert.Contains("good", Page(Pages, "9-good.html"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatANotebookLeavesRunning_EndsWithIt_AndReachesNoOtherNotebook()
    {
        _books.Write("a.ipynb", NotebookCell.Code("a", """
            Environment.SetEnvironmentVariable("SLICK_TEST_LEFT", "left");
            AppDomain.CurrentDomain.SetData("left", "left");
            new System.Threading.Thread(() =>
            {
                while (!System.IO.File.Exists("b-runs")) System.Threading.Thread.Sleep(20);
                throw new InvalidOperationException("of notebook a");
            }).Start();
            """));
        _books.Write("b.ipynb", NotebookCell.Code("a", """
            System.IO.File.WriteAllText("b-runs", "");
            System.Threading.Thread.Sleep(1500);
            Environment.GetEnvironmentVariable("SLICK_TEST_LEFT") + AppDomain.CurrentDomain.GetData("left") + "clean"
            """));
        var (code, output, errors) = await Slick("a.ipynb", "b.ipynb");
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("\nclean", output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProcessThatEndsBehindTheLastCell_IsSaid_AndIsNoFailure()
    {
        _books.Write("a.ipynb", NotebookCell.Code("a", """
            class Ends : IDisposable { public void Dispose() => Environment.Exit(3); }
            Microsoft.DotNet.Interactive.Kernel.Root.RegisterForDisposal(new Ends());
            """));
        _books.Write("b.ipynb", NotebookCell.Code("a", "1"));
        var (code, output, errors) = await Slick("a.ipynb", "b.ipynb");
        Assert.Equal((0, "slick: a.ipynb: every cell ran; behind the last one the process of the cells ended by itself (exit code 3)."),
            (code, errors.Trim()));
        Assert.Contains("a: done", output, StringComparison.Ordinal);
        Assert.Contains("b: done", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(62)]
    [InlineData(64)]
    public async Task DeeplyNestedJson_IsShown(int depth)
    {
        var json = new string('[', depth) + new string(']', depth);
        _books.Write("deep.ipynb", NotebookCell.Code("a",
            $"new Microsoft.DotNet.Interactive.Formatting.FormattedValue(\"application/json\", \"{json}\").Display();\n\"after\""));
        var (code, output, errors) = await Slick("deep.ipynb");
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("after", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MessagesThatCannotBeRead_EndTheNotebookWithASentence()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("writes into the process's own pipe through /proc");
        _books.Write("a.ipynb", NotebookCell.Code("a", """
            using (var pipe = new System.IO.FileStream("/proc/self/fd/" + Environment.GetCommandLineArgs()[^1],
                System.IO.FileMode.Open, System.IO.FileAccess.Write)) pipe.Write(System.Text.Encoding.UTF8.GetBytes("no JSON\n"));
            System.Threading.Thread.Sleep(-1);
            """));
        _books.Write("b.ipynb", NotebookCell.Code("a", "1"));
        var (code, output, errors) = await Slick("a.ipynb", "b.ipynb");
        Assert.Equal(1, code);
        Assert.StartsWith("slick: a.ipynb: cell 1: slick run could not read what the process of the cells sent, and ended the process: ",
            errors, StringComparison.Ordinal);
        Assert.Contains("b: done", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LineThatLooksLikeACrash_HidesNothingThatFollows()
    {
        const string Write = "var errors = Console.OpenStandardError();\nerrors.Write(\"Unhandled exception. of a child\\nmore\\n\"u8);\n";
        _books.Write("a.ipynb", NotebookCell.Code("a", Write), NotebookCell.Code("b", "errors.Write(\"later\\n\"u8);"));
        _books.Write("b.ipynb", NotebookCell.Code("a", Write + "Environment.Exit(7);"));
        var (code, _, errors) = await Slick("a.ipynb", "b.ipynb");
        Assert.Equal(1, code);
        Assert.Equal(["Unhandled exception. of a child", "more", "later", "Unhandled exception. of a child", "more",
            "slick: b.ipynb: cell 1: ended the process (exit code 7)."], errors.TrimEnd().Split(Environment.NewLine));
    }

    [Fact]
    public async Task SignalToTheProcessOfTheCells_IsNotTheCellsFault()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("a signal cannot be sent to another process here");
        _books.Write("a.ipynb", NotebookCell.Code("a", """
            foreach (var signal in new[] { "-TERM", "-HUP", "-INT" })
            {
                System.Diagnostics.Process.Start("kill", new[] { signal, Environment.ProcessId.ToString() }).WaitForExit();
                System.Threading.Thread.Sleep(500);
            }
            "lives"
            """));
        var (code, output, errors) = await Slick("a.ipynb");
        Assert.Equal((0, ""), (code, errors));
        Assert.StartsWith("lives", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AskingForInput_FailsAtOnce_WhateverStandardInputIs()
    {
        foreach (var (name, ask) in new[] { ("line", "Console.ReadLine()"), ("key", "Console.ReadKey()"),
            ("available", "Console.KeyAvailable"), ("input", "await GetInputAsync(\"?\")") })
            _books.Write($"{name}.ipynb", NotebookCell.Code("a", $"Console.Write(\"name? \");\n{ask}"));
        _books.Write("stream.ipynb", NotebookCell.Code("a", "new System.IO.StreamReader(Console.OpenStandardInput()).ReadToEnd().Length"));
        var (code, output, errors) = await Slick("*.ipynb");
        Assert.Equal(1, code);
        Assert.Equal(4, errors.Split(StandardInput.NotAvailable).Length - 1);
        Assert.Contains("slick: key.ipynb: cell 1, line 2: standard input is not available", errors, StringComparison.Ordinal);
        Assert.Contains("stream: done", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIsWrittenPastTheKernel_IsShownToo()
    {
        _books.Write("past.ipynb", NotebookCell.Code("a",
            "var bytes = System.Text.Encoding.UTF8.GetBytes(\"raw\\n\");\nConsole.OpenStandardOutput().Write(bytes);\n"
                + "Console.OpenStandardError().Write(bytes);"));
        var (code, output, errors) = await Slick("past.ipynb");
        Assert.Equal((0, "raw"), (code, errors.Trim()));
        Assert.StartsWith("raw", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Slick.Runtime.Host.Cancellation.WaitHandle.WaitOne();\nSlick.Runtime.Host.Cancellation.ThrowIfCancellationRequested();")]
    [InlineData("while (true) { TorchSharp.torch.rand(200, 200).matmul(TorchSharp.torch.rand(200, 200)); }")]
    public async Task Interrupted_Is130_AndPagesShowWhatWasDone(string code)
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("an interrupt cannot be sent to another process here");
        var started = Path.Combine(_books.Folder, "started");
        _books.Write("a.ipynb", NotebookCell.Code("a", "\"first notebook\""));
        _books.Write("b.ipynb", NotebookCell.Code("a", "\"first cell\""),
            NotebookCell.Code("b", $"Console.WriteLine(\"inside\");\nSystem.IO.File.WriteAllText(\"started\", \"\");\n{code}"),
            NotebookCell.Code("c", "1"));
        using var process = Start("a.ipynb", "b.ipynb", "--html", Pages);
        if (InterruptsAreIgnored()) Assert.Skip("interrupts are ignored: the tests were started in the background");
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        while (!File.Exists(started) && !process.HasExited) await Task.Delay(100, TestContext.Current.CancellationToken);
        var worker = Children(process).ToList();
        Assert.Single(worker);
        // A terminal sends it to both.
        foreach (var id in worker.Append(process.Id)) Process.Start("kill", ["-INT", id.ToString(CultureInfo.InvariantCulture)])
            .WaitForExit();
        Assert.True(process.WaitForExit(Limit));
        Assert.Equal((130, "slick: interrupted; what is finished is kept, and the same command goes on from there."),
            (process.ExitCode, (await errors).Trim()));
        Assert.Contains("first notebook", Page(Pages, "a.html"), StringComparison.Ordinal);
        var page = Page(Pages, "b.html");
        foreach (var text in new[] { "first cell", "inside", "the run was interrupted in this cell", "not run" }) Assert.Contains(text,
            page, StringComparison.Ordinal);
        Assert.Equal("a: done", (await output)[..7]);
        Assert.All(worker, id => Assert.Throws<ArgumentException>(() => Process.GetProcessById(id)));
    }

    [Fact]
    public async Task KilledProgram_LeavesNoProcessBehind()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("looks into /proc");
        var started = Path.Combine(_books.Folder, "started");
        _books.Write("a.ipynb", NotebookCell.Code("a", "System.IO.File.WriteAllText(\"started\", \"\");\nwhile (true) { }"));
        using var process = Start("a.ipynb");
        while (!File.Exists(started) && !process.HasExited) await Task.Delay(100, TestContext.Current.CancellationToken);
        var worker = Assert.Single(Children(process));
        using var left = Process.GetProcessById(worker);
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(left.WaitForExit(Limit));
    }

    [Fact]
    public async Task WrongParameterInALaterNotebook_IsSaidBeforeAnythingIsRun()
    {
        _books.Write("a.ipynb", NotebookCell.Code("a", "var n = 1;", "parameters"),
            NotebookCell.Code("b", "System.IO.File.WriteAllText(\"ran\", \"\");"));
        _books.Write("b.ipynb", NotebookCell.Code("a", "var m = 1;", "parameters"));
        var (code, _, errors) = await Slick("a.ipynb", "b.ipynb", "--set", "n=2");
        Assert.Equal(2, code);
        Assert.Contains("declares no parameter \"n\"", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_books.Folder, "ran")));
    }

    private static IEnumerable<int> Children(Process process) => OperatingSystem.IsLinux()
        ? File.ReadAllText($"/proc/{process.Id}/task/{process.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(id => int.Parse(id, CultureInfo.InvariantCulture))
            .Concat(Directory.GetDirectories($"/proc/{process.Id}/task").Where(t => !t.EndsWith($"/{process.Id}", StringComparison.Ordinal))
                .SelectMany(t => File.ReadAllText(Path.Combine(t, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(id => int.Parse(id, CultureInfo.InvariantCulture))))
        : throw new PlatformNotSupportedException();

    // A shell starts what runs in the background of a script so, and its children inherit it.
    private static bool InterruptsAreIgnored() => !OperatingSystem.IsLinux()
        || (Convert.ToUInt64(File.ReadLines("/proc/self/status").Single(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))[7..]
            .Trim(), 16) & (1 << 1)) != 0;
}
