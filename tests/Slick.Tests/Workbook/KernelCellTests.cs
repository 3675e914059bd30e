using System.Text.Json.Nodes;
using Slick.Experiments;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

/// <summary>What a cell can do in VS Code it can do in <c>slick run</c>.</summary>
[Collection(nameof(ProcessWide))]
public sealed class KernelCellTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private NotebookCell[] Cells(params string[] code)
    {
        var run = _books.Run(code);
        Assert.Null(run.Failure?.ToString());
        return [.. run.Notebook.Cells];
    }

    [Fact]
    public void Outputs_StandInTheOrderInWhichTheyCame()
    {
        var cell =
            Cells("Console.Write(\"a\");\nConsole.WriteLine(\"b\");\nConsole.Error.Write(\"e\");\ndisplay(1);\n"
                + "HTML(\"<b>x</b>\").Display();\nConsole.WriteLine(\"c\");\n\"end\"")[0];
        Assert.Equal("stdout stderr display_data display_data stdout execute_result", Workbooks.Kinds(cell));
        Assert.Equal("ab\n", Workbooks.Stream(
            new NotebookCell(new JsonObject { ["cell_type"] = "code", ["outputs"] = new JsonArray(cell.Outputs[0]!.DeepClone()) }, 1)));
        Assert.Equal("<b>x</b>", (string?)cell.Outputs[3]!["data"]!["text/html"]![0]);
        Assert.Equal("end", Workbooks.Text(cell));
    }

    [Fact]
    public void UpdatedDisplay_ReplacesWhatWasShown_AlsoFromALaterCell()
    {
        const string Show = "using Microsoft.DotNet.Interactive;\nvar shown = KernelInvocationContext.Current.Display(\"first\");\n";
        var cells = Cells(Show + "shown.Update(\"second\");\nConsole.Write(1);", "shown.Update(\"third\");");
        Assert.Equal("display_data stdout", Workbooks.Kinds(cells[0]));
        Assert.Equal("third", Workbooks.Text(cells[0]));
        Assert.Empty(cells[1].Outputs);
        // What this one returns has another name than what it shows: the first update is a display of its own.
        cells = Cells("var shown = \"first\".Display();\nshown.Update(\"second\");", "shown.Update(\"third\");");
        Assert.Equal("display_data display_data", Workbooks.Kinds(cells[0]));
        Assert.Equal("third", Workbooks.Text(cells[0]));
        Assert.Empty(cells[1].Outputs);
    }

    [Fact]
    public void NumberAsAResult_HasATextForTerminals() => Assert.Equal("2", Workbooks.Text(Cells("1 + 1")[0]));

    [Fact]
    public void OtherKernels_AndValues_Work()
    {
        var cells = Cells("#!html\n<b>bold</b>", "#!markdown\n# Title", "#!value --name note\nsome text",
            "#!set --value @value:note --name fromNote\nfromNote.Length", "var n = 5;\n#!who");
        Assert.Contains("<b>bold</b>", (string?)cells[0].Outputs[0]!["data"]!["text/html"]![0], StringComparison.Ordinal);
        Assert.Equal("# Title", Workbooks.Text(cells[1]));
        Assert.Equal("9", Workbooks.Text(cells[3]));
        Assert.Contains("fromNote", cells[4].Outputs.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void CellOfAnotherKernelByItsMetadata_RunsThere()
    {
        var cell = NotebookCell.Code("h", "<i>x</i>");
        cell.Json["metadata"]!["polyglot_notebook"] = new JsonObject { ["kernelName"] = "html" };
        var run = NotebookRunner.Run(Notebook.Load(_books.Write("h.ipynb", cell)), cancel: TestContext.Current.CancellationToken);
        Assert.Null(run.Failure);
        Assert.Contains("<i>x</i>", run.Notebook.Cells[0].Outputs.ToJsonString().Replace("\\u003C", "<", StringComparison.Ordinal)
            .Replace("\\u003E", ">", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Time_IsShownBehindTheRestOfTheCell()
    {
        var cell = Cells("var a = 1;\n#!time\nConsole.Write(a);")[0];
        Assert.Equal("stdout display_data", Workbooks.Kinds(cell));
        Assert.Matches(@"^Wall time: \d+\.\d ms$", Workbooks.Text(cell));
    }

    // The kernel is made to compile with line numbers through a private field of it: a new version may have none.
    [Theory]
    [InlineData(3, "var zero = 0;\n\nvar bad = 1 / zero;")]
    [InlineData(4, "#!csharp\nvar zero = 0;\n\nvar bad = 1 / zero;")]
    [InlineData(5, "var a = 1;\n#!time\nvar zero = 0;\n#!c#\nvar bad = 1 / zero;")]
    [InlineData(2, "var zero = 0; int Divide() => 1 / zero;\nDivide()")]
    [InlineData(3, "var f = () =>\n{\n    throw new DivideByZeroException();\n};\nf();")]
    public void RuntimeError_SaysItsLine_InTheFirstCellToo(int line, string code)
    {
        var failure = _books.Run(code).Failure!;
        Assert.Equal("DivideByZeroException", failure.Error.Kind);
        Assert.True(failure.Line == line || code.Contains("Divide()", StringComparison.Ordinal) && failure.Line == 1, failure.ToString());
        Assert.Contains(failure.Error.Trace, t => t.Contains("small.ipynb#cell-1:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(2, "var a = 1;\nmissing")]
    [InlineData(3, "#!csharp\nvar a = 1;\nmissing")]
    [InlineData(4, "#r \"nuget: Plotly.NET, 6.0.0\"\nvar a = 1;\n#!time\nmissing")]
    public void CompilerError_SaysItsLine(int line, string code)
    {
        var failure = _books.Run(code).Failure!;
        Assert.Equal((line, "CS0103"), (failure.Line, failure.Error.Kind));
    }

    [Fact]
    public void ErrorInALoadedFile_SaysFileAndLine()
    {
        File.WriteAllText(Path.Combine(_books.Folder, "lib.csx"), "int Zero() => 0;\nint Bad() =>\n    1 / Zero();\n");
        var failure = _books.Run("#load \"lib.csx\"\n\nBad();").Failure!;
        Assert.Equal(3, failure.Line);
        Assert.Contains(failure.Error.Trace, t => t.EndsWith("lib.csx:3", StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(_books.Folder, "lib.csx"), "var a = 1;\nvar b = nothing;\n");
        Assert.Contains("lib.csx:2: ", _books.Run("#load \"lib.csx\"").Failure!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void VariablesBeforeAThrow_Stay()
    {
        using var session = new KernelSession(_books.Folder);
        var record = new NotebookRecord(Notebook.Load(_books.Write("k.ipynb", NotebookCell.Code("a", "x"), NotebookCell.Code("b", "x"))),
            new Dictionary<string, string>());
        record.Start(0, 1);
        Assert.NotNull(session.Run("var kept = 41;\nthrow new Exception();", "csharp", record.CellPath(0), record,
            TestContext.Current.CancellationToken));
        record.Start(1, 2);
        Assert.Null(session.Run("kept + 1", "csharp", record.CellPath(1), record, TestContext.Current.CancellationToken));
        record.End();
        Assert.Equal("42", Workbooks.Text(record.Notebook.Cells[1]));
    }

    [Fact]
    public void CurrentFolderThatACellChanges_StaysChanged_AndFilesAreStillFound()
    {
        Directory.CreateDirectory(Path.Combine(_books.Folder, "sub"));
        File.WriteAllText(Path.Combine(_books.Folder, "lib.csx"), "var fromLib = 7;");
        var cells = Cells("Environment.CurrentDirectory = \"sub\";",
            "#load \"lib.csx\"\n#r \"../lib/elsewhere/Slick.Core.dll\"\nfromLib + "
            + "System.IO.Path.GetFileName(Environment.CurrentDirectory)", "var zero = 0;");
        Assert.Equal("7sub", Workbooks.Text(cells[1]));
    }

    [Fact]
    public void ChartOfPlotlyNet_DrawsWithoutANetwork()
    {
        var cell =
            Cells("var trace = new Plotly.NET.Trace(\"scatter\");\ntrace.SetProperty(\"y\", new[] { 3.0, 4.0 "
            + "});\nPlotly.NET.GenericChart.ofTraceObject(true, trace)")[0];
        var html = string.Concat(Workbooks.Value(cell)!["text/html"]!.AsArray().Select(l => (string?)l));
        Assert.Contains("Plotly.newPlot", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http", html, StringComparison.Ordinal);
        Assert.DoesNotContain("require", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Package_IsTheProgramsOwn_OrRefusedByName()
    {
        Assert.Equal("Chart", Workbooks.Text(Cells("#r \"nuget: Plotly.NET, 6.0.0\"\ntypeof(Plotly.NET.Chart).Name")[0]));
        var other = Cells("#r \"nuget: plotly.net, 4.0.0\"\ntypeof(Plotly.NET.Chart).Name")[0];
        Assert.Equal("plotly.net 6.0.0 is used, the program's own, in place of 4.0.0.\n", Workbooks.Stream(other));
        var failure = _books.Run("var a = 1;\n#r \"nuget: Humanizer, 2.14.1\"").Failure!;
        Assert.Equal((2, ""), (failure.Line, failure.Error.Kind));
        Assert.StartsWith("#r \"nuget: Humanizer\" is not supported by slick run", failure.Error.Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_books.Folder, "lib.csx"), "#r \"nuget: Humanizer\"\n");
        Assert.Contains("\"nuget: Humanizer\" is not supported", _books.Run("#load \"lib.csx\"").Failure!.Error.Message,
            StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_books.Folder, "lib.csx"), "#r \"nuget: CsvHelper\"\nvar own = typeof(CsvHelper.CsvReader).Name;\n");
        Assert.Equal("CsvReader", Workbooks.Text(Cells("#load \"lib.csx\"\nown")[0]));
    }

    [Theory]
    [InlineData("var text = \"\"\"\n#r \"nuget: Humanizer\"\n\"\"\";\ntext", "#r \"nuget: Humanizer\"")]
    [InlineData("var text = @\"\n#r \"\"nuget: Plotly.NET\"\"\n\";\ntext.Trim()", "#r \"nuget: Plotly.NET\"")]
    [InlineData("/*\n#r \"nuget: Humanizer\"\n*/\n\"ran\"", "ran")]
    public void PackageLineThatIsNoDirective_IsLeftAlone(string code, string shown) => Assert.Equal(shown, Workbooks.Text(Cells(code)[0]));

    [Theory]
    [InlineData("Console.ReadLine()")]
    [InlineData("Console.Read()")]
    [InlineData("Console.In.ReadToEnd()")]
    [InlineData("await Console.In.ReadLineAsync()")]
    [InlineData("await Microsoft.DotNet.Interactive.Kernel.GetInputAsync(\"name?\")")]
    [InlineData("await GetPasswordAsync(\"secret?\")")]
    [InlineData("await GetInputsAsync(new[] { new Microsoft.DotNet.Interactive.Commands.InputDescription(\"a\", \"A?\") })")]
    [InlineData("#!set --name x --value @input:name\nx")]
    [InlineData("#!set --name x --value @password:secret\nx")]
    public void AskingForInput_FailsWithOneSentence(string code)
    {
        var failure = _books.Run($"\n{code}").Failure!;
        Assert.Equal(("", StandardInput.NotAvailable), (failure.Error.Kind, failure.Error.Message));
        Assert.Equal(2, failure.Line);
    }

    [Fact]
    public void Kernels_AreForgottenAfterTheirNotebook()
    {
        static long Memory()
        {
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
            return GC.GetTotalMemory(true);
        }
        const string Code = "var block = new byte[30_000_000];\nblock.Length";
        for (var i = 0; i < 2; i++) _books.Run(Code);
        var before = Memory();
        for (var i = 0; i < 4; i++) _books.Run(Code);
        Assert.True(Memory() - before < 30_000_000, $"{(Memory() - before) / 1e6:F0} MB more after four notebooks");
    }

    [Fact]
    public void CallThatLooksAtAToken_IsStopped_AndConsoleIsGivenBack()
    {
        var output = Console.Out;
        foreach (var code in new[]
        {
            "Slick.Runtime.Host.Cancellation.WaitHandle.WaitOne();\nSlick.Runtime.Host.Cancellation.ThrowIfCancellationRequested();",
            "await Task.Delay(-1, Microsoft.DotNet.Interactive.KernelInvocationContext.Current.CancellationToken);",
            "Microsoft.DotNet.Interactive.KernelInvocationContext.Current.CancellationToken.WaitHandle.WaitOne();\n"
                + "System.Threading.Thread.Sleep(200);\nAppDomain.CurrentDomain.SetData(\"ended\", \"yes\");",
        })
        {
            using var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            var notebook = Notebook.Load(_books.Write("c.ipynb", NotebookCell.Code("a", code), NotebookCell.Code("b", "1")));
            source.CancelAfter(4000);
            Assert.ThrowsAny<OperationCanceledException>(() => NotebookRunner.Run(notebook, cancel: source.Token));
            Assert.Same(output, Console.Out);
        }
        // What stopped late was waited for.
        Assert.Equal("yes", AppDomain.CurrentDomain.GetData("ended"));
        Assert.Equal("after\n", Workbooks.Stream(Cells("Console.WriteLine(\"after\");")[0]));
    }
}
