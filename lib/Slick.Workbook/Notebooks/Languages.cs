using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Slick.Experiments;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Finds the language of each cell of a notebook: that of the cell's metadata, else that of the notebook, else C#. Names of languages
/// differ by the program that wrote the file: Jupyter, .NET Interactive, VS Code's Polyglot Notebooks.
/// </summary>
internal static partial class Languages
{
    /// <summary>Name of the kernel that runs C#.</summary>
    public const string CSharp = "csharp";

    private const string Prefix = "dotnet-interactive.";

    private const string Known = "it runs C#, HTML, Markdown, SQL and #!value";

    // The kernels of slick run, by the names that files use.
    private static readonly Dictionary<string, string> Run = new(StringComparer.OrdinalIgnoreCase)
    {
        ["csharp"] = CSharp,
        ["c#"] = CSharp,
        ["cs"] = CSharp,
        [".net-csharp"] = CSharp,
        ["html"] = "html",
        ["markdown"] = "markdown",
        ["sql"] = "sql",
        ["value"] = "value",
    };

    private static readonly Dictionary<string, string> Others = new(StringComparer.OrdinalIgnoreCase)
    {
        ["fsharp"] = "F#",
        ["f#"] = "F#",
        [".net-fsharp"] = "F#",
        ["pwsh"] = "PowerShell",
        ["powershell"] = "PowerShell",
        [".net-powershell"] = "PowerShell",
        ["javascript"] = "JavaScript",
        ["js"] = "JavaScript",
        ["typescript"] = "TypeScript",
        ["mermaid"] = "Mermaid",
        ["kql"] = "KQL",
        ["http"] = "HTTP",
        ["python"] = "Python",
        ["python3"] = "Python",
        ["ipython"] = "Python",
        ["r"] = "R",
        ["ir"] = "R",
        ["bash"] = "Bash",
        ["shellscript"] = "Bash",
    };

    /// <summary>The kernel of each cell, in the cells' order. The entry of a cell that is not code has no meaning.</summary>
    /// <param name="notebook">The notebook.</param>
    /// <param name="refused">
    /// The index of the first cell in a language that slick run does not run, with the error; null where there is none.
    /// </param>
    public static string[] Of(Notebook notebook, out (int Cell, CodeError Error)? refused)
    {
        refused = null;
        var all = string.Join('\n', notebook.Cells.Where(cell => cell.IsCode).Select(cell => cell.Source));
        var (whole, source) = OfNotebook(notebook);
        var kernels = new string[notebook.Cells.Count];
        for (var i = 0; i < kernels.Length; i++)
        {
            kernels[i] = CSharp;
            var cell = notebook.Cells[i];
            if (!cell.IsCode || string.IsNullOrWhiteSpace(cell.Source) || cell.Tags.Contains("injected-parameters"))
                continue;
            var own = OfCell(cell);
            var name = own ?? whole ?? CSharp;
            if (Run.TryGetValue(name, out var kernel))
                kernels[i] = kernel;
            // A first line such as #!csharp or #!html chooses the cell's language.
            else if (!Run.ContainsKey(Magic.NameIn(cell.Source.TrimStart().Split('\n')[0])?[2..] ?? ""))
                refused ??= (i, new CodeError(0,
                    (own is null ? $"the notebook is in {Display(name)} ({source})" : $"the cell is in {Display(name)}")
                    + $", which slick run does not run; {Known}."));
            refused ??= InCell(cell.Source, kernels[i], all) is { } error ? (i, error) : null;
        }
        return kernels;
    }

    /// <summary>The name of a language for messages.</summary>
    private static string Display(string name) => Others.GetValueOrDefault(name, name);

    // Lines in a cell that change the language or belong to another program.
    private static CodeError? InCell(string source, string kernel, string all)
    {
        var lines = source.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (Magic.NameIn(lines[i]) is not { } magic)
                continue;
            if (Others.TryGetValue(magic[2..], out var language))
                return new CodeError(i + 1, $"{magic} begins {language}, which slick run does not run; {Known}.");
            if (Magic.IsOfOtherPrograms(magic))
                return new CodeError(i + 1, Magic.NotSupported(magic));
        }
        return kernel == CSharp ? OfIPython(source, lines, all) : null;
    }

    // %%bash, %matplotlib inline, !pip install: these commands of IPython are syntax errors of C# in the same line. Only "!ls -l" is an
    // expression in both. It counts as a command where its first word is a program's name that the notebook uses nowhere else.
    private static CodeError? OfIPython(string source, string[] lines, string all)
    {
        if (!lines.Any(line => IPython().IsMatch(line)))
            return null;
        var root = CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(kind: SourceCodeKind.Script));
        var wrong = root.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.Location.GetLineSpan())
            .SelectMany(span => new[] { span.StartLinePosition.Line, span.EndLinePosition.Line }).ToHashSet();
        for (var i = 0; i < lines.Length; i++)
        {
            if (IPython().Match(lines[i]) is { Success: true } match && IsCode(root, i, match)
                && (wrong.Contains(i) || (Shell().Match(lines[i]) is { Success: true } shell
                && Regex.Count(all, $@"\b{shell.Groups["word"].Value}\b") == 1)))
                return new CodeError(i + 1,
                    $"{lines[i].Trim().Split(' ')[0]} is a command of IPython, which slick run does not run; {Known}.");
        }
        return null;
    }

    // False for a line of a comment or of a long string.
    private static bool IsCode(SyntaxTree tree, int line, Match match)
    {
        var at = tree.GetText().Lines[line].Start + match.Groups["command"].Index;
        return tree.GetRoot().FindToken(at).SpanStart == at || tree.GetRoot().FindTrivia(at).IsKind(SyntaxKind.SkippedTokensTrivia);
    }

    private static string? OfCell(NotebookCell cell)
    {
        var metadata = cell.Json["metadata"];
        return Name(metadata, "polyglot_notebook", "kernelName") ?? Name(metadata, "dotnet_interactive", "language")
            ?? Name(metadata, "vscode", "languageId");
    }

    private static (string? Name, string Source) OfNotebook(Notebook notebook)
    {
        var metadata = notebook.Metadata;
        var kernel = Name(metadata, "kernelspec", "name");
        // An unknown kernel is in the language that the file names for it.
        var named = kernel is not null && (Run.ContainsKey(kernel) || Others.ContainsKey(kernel)) ? kernel
            : Name(metadata, "kernelspec", "language") ?? Name(metadata, "language_info", "name") ?? kernel;
        var polyglot = (metadata?["polyglot_notebook"] as JsonObject)?["kernelInfo"] is JsonObject info
            ? Notebook.Text(info["defaultKernelName"]) : null;
        if (polyglot is not null && (named is null || Run.GetValueOrDefault(named) == CSharp))
            return (polyglot, "its default kernel");
        return (named, kernel is null ? "language_info" : $"kernelspec {kernel}");
    }

    // "polyglot-notebook" only says that each cell has its own language. Older files put "dotnet-interactive." before the name.
    private static string? Name(JsonNode? metadata, string group, string key) =>
        (metadata as JsonObject)?[group] is JsonObject values && Notebook.Text(values[key]) is { Length: > 0 } name
            && name is not "polyglot-notebook"
            ? name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? name[Prefix.Length..] : name : null;

    [GeneratedRegex(@"^\s*(?<command>%%?|!)\s*[A-Za-z./~]", RegexOptions.ExplicitCapture)]
    private static partial Regex IPython();

    [GeneratedRegex(
        @"^!\s*(?<word>ls|pwd|cat|head|tail|wc|rm|cp|mv|mkdir|cd|find|grep|echo|which|env|date|time|pip|pip3|conda|python|python3|bash|sh|"
        + "apt|brew|git|curl|wget|tar|unzip|dotnet|df|du|free|top|ps|whoami|uname)\\b",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Shell();
}
