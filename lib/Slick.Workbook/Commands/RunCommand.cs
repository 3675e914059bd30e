using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;
using Slick.Workbook.Notebooks;

namespace Slick.Workbook.Commands;

/// <summary><c>slick run</c>: runs notebooks from the command line.</summary>
internal static class RunCommand
{
    // The time after Ctrl-C. The process of the cells takes three seconds of it. Then the pages are written.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    public static Command Create()
    {
        var notebooks = new Argument<string[]>("notebooks") { Arity = ArgumentArity.OneOrMore,
            Description = "Notebook files, folders of them, or patterns such as notebooks/*.ipynb." };
        var html = new Option<string?>("--html") { HelpName = "folder",
            Description = "Also write each notebook with its outputs as an HTML page into this folder." };
        var set = new Option<string[]>("--set") { HelpName = "name=value",
            Description = "Set a parameter that the cell tagged \"parameters\" declares; may be given several times." };
        set.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=') < 1))
                result.AddError($"--set takes name=value, not '{token.Value}'.");
        });
        // Any number of arguments may follow. Without this check a misspelt option would count as a notebook.
        notebooks.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.StartsWith('-')))
                result.AddError($"run has no option '{token.Value}'; it has --html and --set.");
        });
        var command = new Command("run", "Run notebooks and show what they print.") { notebooks, html, set };
        command.SetAction((parsed, cancel) =>
            Background.Run(() => Run(parsed.GetValue(notebooks)!, parsed.GetValue(html), parsed.GetValue(set) ?? [], cancel), cancel,
            Grace));
        return command;
    }

    private static int Run(string[] patterns, string? html, string[] settings, CancellationToken cancel)
    {
        var pages = html is null ? null : Path.GetFullPath(html);
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var setting in settings)
            values[setting[..setting.IndexOf('=', StringComparison.Ordinal)]] =
                setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..];
        var files = NotebookFiles.Expand(patterns);
        if (pages is not null && files.GroupBy(file => Path.GetFileName(file), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new SlickException($"{string.Join(" and ", twice)} would be one page; export them into two folders.");
        IProgressReport progress = Console.IsErrorRedirected ? new ProgressLines(Console.Error, TimeProvider.System)
            : new CellProgress(Console.Error);
        var notebooks = files.Select(Notebook.Load).ToList();
        foreach (var remark in notebooks.SelectMany(notebook => notebook.Remarks)) Console.Error.WriteLine($"slick: {remark}");
        // Links between the notebooks of one run lead from page to page.
        var pageOf = pages is null ? []
            : files.ToDictionary(file => file, file => Path.Combine(pages, Path.GetFileNameWithoutExtension(file) + ".html"));
        using var process = new NotebookProcess(progress);
        // All parameters are checked before the first notebook runs, so that a wrong one costs no time.
        var records = notebooks.Select(notebook => new NotebookRecord(notebook, values)).ToList();
        var failed = 0;
        foreach (var (i, (notebook, record)) in notebooks.Zip(records).Index())
        {
            var clock = Stopwatch.StartNew();
            string? note = null;
            try
            {
                var another = records.Skip(i + 1).Any(later => later.Failure is null);
                note = process.Run(notebook, values, record, another, (cell, cells) => Status(notebook, cell, cells), cancel);
            }
            finally
            {
                Status(notebook, 0, 0);
                // The outputs are also shown where the run was interrupted.
                if (pages is null)
                    Print(record.Notebook);
                else
                    foreach (var remark in HtmlExport.Save(record.Notebook, pageOf[notebook.Path],
                        pageOf)) Console.Error.WriteLine($"slick: {remark}");
            }
            if (note is not null) Console.Error.WriteLine($"slick: {note}");
            if (record.Failure is { } failure)
            {
                failed++;
                Console.Error.WriteLine($"slick: {TerminalText.Plain(failure.ToString()).ReplaceLineEndings(" ")}");
            }
            else
            {
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{notebook.Name}: done in {clock.Elapsed.TotalSeconds:F1} s{(pages is null ? "" : ", " + pageOf[notebook.Path])}"));
            }
        }
        return failed == 0 ? 0 : 1;
    }

    // A status line that each call overwrites, on a terminal only.
    private static void Status(Notebook notebook, int cell, int cells)
    {
        if (Console.IsErrorRedirected)
            return;
        Console.Error.Write(Over(cells > 0 ? string.Create(CultureInfo.InvariantCulture, $"{notebook.Name}: cell {cell} of {cells}") : ""));
    }

    // Blanks overwrite the old text. Some consoles of Windows know no control sequence for this.
    private static string Over(string text) => "\r" + (text.Length > 78 ? text[..78] : text).PadRight(78) + (text.Length == 0 ? "\r" : "");

    private static void Print(Notebook notebook)
    {
        foreach (var text in notebook.Cells.SelectMany(cell => cell.PlainOutputs()))
        {
            if (text.Length > 0)
                Console.Out.WriteLine(text.TrimEnd('\n'));
        }
    }

    // Shows the progress of a cell's long calls on the status line of a terminal.
    private sealed class CellProgress(TextWriter errors) : IProgressReport
    {
        public void Stage(string name) => Show(name);

        public void Report(string stage, double done, double total, string detail = "") =>
            Show(string.Create(CultureInfo.InvariantCulture,
                $"{stage}: {(total > 0 ? done / total : 0):P0}{(detail.Length > 0 ? ", " + detail : "")}"));

        public void Say(string line) => Show(line);

        private void Show(string text)
        {
            lock (errors) errors.Write(Over(text));
        }
    }
}
