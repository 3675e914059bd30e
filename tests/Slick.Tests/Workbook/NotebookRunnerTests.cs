using Slick.Experiments;
using Slick.Runtime;
using Slick.Workbook.Commands;
using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class NotebookRunnerTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    [Fact]
    public void LaterCells_SeeEarlierOnes()
    {
        var run = _books.Run("var n = 20; int Twice(int x) => 2 * x;", "Console.WriteLine(\"n is \" + n);\nTwice(n) + 2");
        Assert.Null(run.Failure);
        Assert.Equal("n is 20\n", Workbooks.Stream(run.Notebook.Cells[1]));
        Assert.Contains("42", Workbooks.Value(run.Notebook.Cells[1])!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal([1, 2], run.Notebook.Cells.Select(cell => cell.ExecutionCount));
    }

    [Fact]
    public void CellThatThrows_StopsTheNotebook_AndSaysCellAndLine()
    {
        var run = _books.Run("var zero = 0;", "Console.WriteLine(1);\n\nvar bad = 1 / zero;", "Console.WriteLine(2);");
        Assert.NotNull(run.Failure);
        Assert.Equal((2, 3), (run.Failure.Cell, run.Failure.Line));
        Assert.StartsWith("small.ipynb: cell 2, line 3: DivideByZeroException: ", run.Failure.ToString(), StringComparison.Ordinal);
        Assert.Equal("1\n", Workbooks.Stream(run.Notebook.Cells[1]));
        Assert.Null(run.Notebook.Cells[2].ExecutionCount);
        Assert.Empty(run.Notebook.Cells[2].Outputs);
    }

    [Fact]
    public void CellThatDoesNotCompile_SaysCellAndLine()
    {
        var run = _books.Run("var a = 1;", "a + 1;\nb + 1");
        Assert.Equal((2, 1, "CS0201"), (run.Failure!.Cell, run.Failure.Line, run.Failure.Error.Kind));
        run = _books.Run("\nvar c = missing;");
        Assert.Equal((1, 2, "CS0103"), (run.Failure!.Cell, run.Failure.Line, run.Failure.Error.Kind));
    }

    [Fact]
    public void LibraryError_IsShownWithoutItsType()
    {
        var run = _books.Run("throw new Slick.SlickException(\"no such preset.\");");
        Assert.Equal("small.ipynb: cell 1, line 1: no such preset.", run.Failure!.ToString());
    }

    [Fact]
    public void Load_AndReference_StartFromTheNotebooksFolder_AndMeanTheHostsAssembly()
    {
        AppDomain.CurrentDomain.SetData("arm", typeof(Slick.Experiments.Arm));
        File.WriteAllText(Path.Combine(_books.Folder, "setup.csx"), "#r \"../lib/elsewhere/Slick.Core.dll\"\nvar fromSetup = 5;\n");
        var run = _books.Run("#load \"setup.csx\"\nusing Slick.Experiments;",
            "Console.Write(fromSetup + \" \" + new Arm(ArmKind.Ratio, 50));\nreturn typeof(Arm);");
        Assert.Null(run.Failure);
        Assert.Equal("5 D 50%", Workbooks.Stream(run.Notebook.Cells[1]));
        run = _books.Run("object.ReferenceEquals(typeof(Slick.Experiments.Arm), AppDomain.CurrentDomain.GetData(\"arm\"))");
        Assert.Null(run.Failure);
        Assert.Contains("True", Workbooks.Value(run.Notebook.Cells[0])!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void RelativePaths_StartFromTheNotebooksFolder()
    {
        var before = Environment.CurrentDirectory;
        var run = _books.Run("System.IO.File.WriteAllText(\"here.txt\", \"x\");");
        Assert.Null(run.Failure);
        Assert.True(File.Exists(Path.Combine(_books.Folder, "here.txt")));
        Assert.Equal(before, Environment.CurrentDirectory);
    }

    [Fact]
    public void Parameters_ChangeTheOutput()
    {
        var path = _books.Write("p.ipynb",
            NotebookCell.Markdown("m", "# P"),
            NotebookCell.Code("p", "var preset = \"quick\";\nint seeds = 3;\ndouble rate = 0.5;\nvar exact = true;", "parameters"),
            NotebookCell.Code("u", "Console.Write(FormattableString.Invariant($\"{preset} {seeds} {rate} {exact}\"));"));
        var notebook = Notebook.Load(path);
        var token = TestContext.Current.CancellationToken;
        Assert.Equal("quick 3 0.5 True", Workbooks.Stream(NotebookRunner.Run(notebook, cancel: token).Notebook.Cells[2]));
        var changed = NotebookRunner.Run(notebook, new Dictionary<string,
            string> { ["preset"] = "a \"b\"", ["seeds"] = "-7", ["rate"] = "1e-3", ["exact"] = "false" }, cancel: token).Notebook;
        Assert.Equal("injected-parameters", changed.Cells[2].Id);
        Assert.Equal("a \"b\" -7 0.001 False", Workbooks.Stream(changed.Cells[3]));
        Assert.Equal(3, notebook.Cells.Count);
    }

    [Theory]
    [InlineData("seed", "1", "declares no parameter \"seed\"; it declares seeds.")]
    [InlineData("seeds", "many", "\"seeds\" is of type int")]
    [InlineData("seeds", "1; Environment.Exit(3)", "\"seeds\" is of type int")]
    public void WrongParameters_AreUserErrors(string name, string value, string expected)
    {
        var notebook = Notebook.Load(_books.Write("p.ipynb", NotebookCell.Code("p", "var seeds = 3;", "parameters")));
        var error = Assert.Throws<UsageException>(() =>
            NotebookRunner.Run(notebook, new Dictionary<string, string> { [name] = value }, cancel: TestContext.Current.CancellationToken));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FailureAfterTheInjectedCell_CountsTheCellsOfTheFile()
    {
        var notebook = Notebook.Load(_books.Write("p.ipynb", NotebookCell.Code("p", "var n = 3;", "parameters"),
            NotebookCell.Code("u", "\nvar x = 1 / n;")));
        var run = NotebookRunner.Run(notebook, new Dictionary<string, string> { ["n"] = "0" },
            cancel: TestContext.Current.CancellationToken);
        Assert.Equal((2, 2), (run.Failure!.Cell, run.Failure.Line));
    }

    [Fact]
    public void SignalledToken_StopsBeforeTheNextCell()
    {
        using var source = new CancellationTokenSource();
        var notebook = Notebook.Load(_books.Write("c.ipynb", NotebookCell.Code("a", "var a = 1;"), NotebookCell.Code("b", "a")));
        Assert.ThrowsAny<OperationCanceledException>(() =>
            NotebookRunner.Run(notebook, null, (cell, _) => { if (cell == 2) source.Cancel(); }, cancel: source.Token));
    }

    [Fact]
    public void WhatTheRunLendsToCells_IsTakenBack()
    {
        var before = (Host.Progress, Host.Cancellation);
        using var source = new CancellationTokenSource();
        var report = new ProgressLines(TextWriter.Null, TimeProvider.System);
        var notebook = Notebook.Load(_books.Write("h.ipynb",
            NotebookCell.Code("a", "Slick.Runtime.Host.Progress.GetType().Name + Slick.Runtime.Host.Cancellation.CanBeCanceled")));
        var run = NotebookRunner.Run(notebook, progress: report, cancel: source.Token);
        Assert.Contains("ProgressLinesTrue", Workbooks.Value(run.Notebook.Cells[0])!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(before, (Host.Progress, Host.Cancellation));
    }
}
