using System.Text.Json.Nodes;
using Slick.Experiments;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class LanguageTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    // The first cell leaves a file: it must not have run.
    private CellFailure? Failure(string cellMetadata, string code, string metadata = "{}")
    {
        var ran = Path.Combine(_books.Folder, "ran");
        File.Delete(ran);
        var cell = NotebookCell.Code("c", code);
        cell.Json["metadata"] = JsonNode.Parse(cellMetadata);
        var path = _books.Write("l.ipynb", NotebookCell.Code("a", "System.IO.File.WriteAllText(\"ran\", \"\");"), cell);
        File.WriteAllText(path, File.ReadAllText(path)
            .Replace("\"metadata\": {},\n \"nbformat\"", $"\"metadata\": {metadata},\n \"nbformat\"", StringComparison.Ordinal));
        var notebook = Notebook.Load(path);
        Assert.Equal(JsonNode.Parse(metadata)!.ToJsonString(), JsonNode.Parse(notebook.ToJson())!["metadata"]!.ToJsonString());
        var failure = NotebookRunner.Run(notebook, cancel: TestContext.Current.CancellationToken).Failure;
        Assert.Equal(failure is null, File.Exists(ran));
        return failure;
    }

    [Theory]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"fsharp\"}}", "F#")]
    [InlineData("{\"dotnet_interactive\": {\"language\": \"javascript\"}}", "JavaScript")]
    [InlineData("{\"vscode\": {\"languageId\": \"python\"}}", "Python")]
    [InlineData("{\"vscode\": {\"languageId\": \"dotnet-interactive.fsharp\"}}", "F#")]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"pwsh\"}, \"vscode\": {\"languageId\": \"polyglot-notebook\"}}", "PowerShell")]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"kql-logs\"}}", "kql-logs")]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"mermaid\"}}", "Mermaid")]
    public void CellInAnotherLanguage_IsRefusedBeforeAnythingIsRun(string metadata, string language)
    {
        var failure = Failure(metadata, "var x = 7 / 2;")!;
        Assert.Equal(
            $"l.ipynb: cell 2: the cell is in {language}, which slick run does not run; it runs C#, HTML, Markdown, SQL and #!value.",
            failure.ToString());
    }

    [Theory]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"csharp\"}}", "1")]
    [InlineData("{\"dotnet_interactive\": {\"language\": \"csharp\"}, \"vscode\": {\"languageId\": \"csharp\"}}", "1")]
    [InlineData("{\"vscode\": {\"languageId\": \"polyglot-notebook\"}}", "1")]
    [InlineData("{\"vscode\": {\"languageId\": \"dotnet-interactive.csharp\"}}", "1")]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"fsharp\"}}", "#!csharp\n1")]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"markdown\"}}", "# Title")]
    [InlineData("{\"polyglot_notebook\": {\"kernelName\": \"fsharp\"}}", "  \n")]
    public void CellsThatCanBeRun_AreRun(string metadata, string code) => Assert.Null(Failure(metadata, code)?.ToString());

    [Theory]
    [InlineData("{\"kernelspec\": {\"name\": \"python3\", \"language\": \"python\"}, \"language_info\": {\"name\": \"python\"}}",
        "Python (kernelspec python3)")]
    [InlineData("{\"kernelspec\": {\"name\": \".net-fsharp\", \"language\": \"F#\"}}", "F# (kernelspec .net-fsharp)")]
    [InlineData("{\"kernelspec\": {\"name\": \".net-powershell\"}}", "PowerShell (kernelspec .net-powershell)")]
    [InlineData("{\"kernelspec\": {\"name\": \"julia-1.10\", \"language\": \"julia\"}}", "julia (kernelspec julia-1.10)")]
    [InlineData("{\"language_info\": {\"name\": \"python\"}}", "Python (language_info)")]
    [InlineData(
        "{\"kernelspec\": {\"name\": \".net-csharp\"}, \"polyglot_notebook\": {\"kernelInfo\": {\"defaultKernelName\": \"fsharp\"}}}",
        "F# (its default kernel)")]
    public void NotebookInAnotherLanguage_IsRefused(string metadata, string language)
    {
        var failure = Failure("{}", "1", metadata)!;
        Assert.StartsWith($"l.ipynb: cell 1: the notebook is in {language}, which slick run does not run", failure.ToString(),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "{\"kernelspec\": {\"name\": \".net-csharp\", \"language\": \"C#\"}, \"language_info\": {\"name\": \"polyglot-notebook\"}}")]
    [InlineData("{\"kernelspec\": {\"name\": \"our-own\", \"language\": \"C#\"}}")]
    [InlineData("{\"language_info\": {\"name\": \"C#\"}}")]
    [InlineData("{\"kernelspec\": \"odd\", \"language_info\": 5, \"polyglot_notebook\": []}")]
    public void NotebookInCSharp_IsRun(string metadata) => Assert.Null(Failure("{}", "1", metadata)?.ToString());

    [Theory]
    [InlineData(1, "#!fsharp begins F#", "#!fsharp\nlet x = 1")]
    [InlineData(2, "#!pwsh begins PowerShell", "var a = 1;\n#!pwsh\nls")]
    [InlineData(1, "#!javascript begins JavaScript", "#!javascript\n1")]
    [InlineData(1, "#!mermaid begins Mermaid", "#!mermaid\ngraph")]
    [InlineData(1, "#!kql begins KQL", "#!kql\nx")]
    [InlineData(1, "%%bash is a command of IPython", "%%bash\nls -l")]
    [InlineData(1, "%matplotlib is a command of IPython", "%matplotlib inline\n1")]
    [InlineData(2, "!pip is a command of IPython", "var a = 1;\n!pip install x")]
    [InlineData(1, "!ls is a command of IPython", "!ls -la /tmp")]
    [InlineData(1, "the magic command #!import is not supported", "#!import lib.ipynb\n\"went on\"")]
    [InlineData(2, "the magic command #!connect is not supported", "var a = 1;\n#!connect mssql --kernel-name x")]
    [InlineData(1, "the magic command #!lsmagic is not supported", "#!lsmagic")]
    [InlineData(2, "the magic command #!about is not supported", "1\n#!about")]
    public void LanguageOrMagicInACell_IsRefusedBeforeAnythingIsRun(int line, string message, string code)
    {
        var failure = Failure("{}", code)!;
        Assert.StartsWith($"l.ipynb: cell 2, line {line}: {message}", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("var flag = false;\n!flag")]
    [InlineData("var a = 7\n  % 4;")]
    [InlineData("var b = true;\nvar c = b &&\n!b;")]
    [InlineData("// not a command:\n/*\n!pip install x\n*/\n1")]
    public void CSharpThatLooksLikeACommand_IsRun(string code) => Assert.Null(Failure("{}", code)?.ToString());

    // Kernels may be added by a cell, so that these are known only when the cell is reached; nothing of the cell is run.
    [Theory]
    [InlineData(1, "#!foo", "#!foo\nvar a = 1;")]
    [InlineData(3, "#!tiem", "var a = 1;\na = 2;\n#!tiem\na")]
    [InlineData(2, "#!HTML", "Console.Write(\"not this\");\n#!HTML\n<b>")]
    public void UnknownMagic_IsAnErrorWithItsLine(int line, string magic, string code)
    {
        var run = _books.Run(code);
        Assert.StartsWith($"small.ipynb: cell 1, line {line}: the magic command {magic} is not supported; slick run knows #!csharp",
            run.Failure!.ToString(), StringComparison.Ordinal);
        Assert.Equal("error", Workbooks.Kinds(run.Notebook.Cells[0]));
    }

    [Theory]
    [InlineData(1, "#!import x.csx\nvar a = 1;")]
    [InlineData(2, "var a = 1;\n#!time\n")]
    [InlineData(2, "var a = 1;\r\n#!foo\r\n")]
    public void MagicInALoadedFile_IsAnErrorWithFileAndLine(int line, string file)
    {
        File.WriteAllText(Path.Combine(_books.Folder, "lib.csx"), file);
        var failure = _books.Run("#load \"lib.csx\"").Failure!;
        Assert.Equal("", failure.Error.Kind);
        Assert.Matches($@"lib\.csx:{line}: the magic command #!\w+ does not work in a file that #load names", failure.Error.Message);
    }

    [Theory]
    [InlineData("#!/usr/bin/env dotnet-script\nvar loaded = 3;")]
    [InlineData("#!csharp\nvar loaded = 3;")]
    [InlineData("int two = 2;\n#!c#\nvar loaded = 3;")]
    public void ShebangAndCSharp_AreFineInALoadedFile(string file)
    {
        File.WriteAllText(Path.Combine(_books.Folder, "lib.csx"), file);
        var run = _books.Run("#load \"lib.csx\"\nloaded");
        Assert.Null(run.Failure?.ToString());
        Assert.Equal("3", Workbooks.Text(run.Notebook.Cells[0]));
    }

    [Fact]
    public void WrongUseOfAMagic_IsAnError()
    {
        foreach (var code in new[] { "#!set --name x", "#!set --name x --value @csharp:missing", "#!share --from csharp missing",
            "#!value\ntext" })
            Assert.Equal(1, _books.Run(code).Failure?.Line);
    }
}
