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
        var publish = new Option<string?>("--publish") { HelpName = "folder",
            Description = "Also write each notebook with its outputs as a notebook without scripts into this folder, for viewers such as "
                + "GitHub. A notebook with a failed cell is not written." };
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
                result.AddError($"run has no option '{token.Value}'; it has --html, --publish and --set.");
        });
        var command = new Command("run", "Run notebooks and show what they print.") { notebooks, html, publish, set };
        command.Validators.Add(result =>
        {
            // The copies are of the notebooks as they stand.
            if (result.GetResult(publish) is not null && result.GetResult(set) is not null)
                result.AddError("--publish takes the notebooks with their own parameters; leave out --set.");
        });
        command.SetAction((parsed, cancel) => Background.Run(() => Run(parsed.GetValue(notebooks)!, parsed.GetValue(html),
            parsed.GetValue(publish), parsed.GetValue(set) ?? [], cancel), cancel, Grace));
        return command;
    }

    private static int Run(string[] patterns, string? html, string? publish, string[] settings, CancellationToken cancel)
    {
        var pages = html is null ? null : Path.GetFullPath(html);
        var copies = publish is null ? null : Path.TrimEndingDirectorySeparator(Path.GetFullPath(publish));
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var setting in settings)
            values[setting[..setting.IndexOf('=', StringComparison.Ordinal)]] =
                setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..];
        var files = NotebookFiles.Expand(patterns);
        if ((pages ?? copies) is not null && files.GroupBy(file => Path.GetFileName(file), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new SlickException($"{string.Join(" and ", twice)} would be one file; export them into two folders.");
        // File systems of Windows and of a Mac take letters of either case.
        if (files.FirstOrDefault(file => string.Equals(Path.GetDirectoryName(file), copies, OperatingSystem.IsLinux()
            ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase)) is { } itself)
            throw new UsageException($"--publish {publish}: the copy would replace {itself}; name another folder.");
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
                if (pages is null && copies is null)
                    Print(record.Notebook);
                if (pages is not null)
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
                var (said, isWrong) = copies is null ? ("", false) : Copy(notebook, record.Notebook, copies);
                if (isWrong) failed++;
                var page = pages is null ? "" : ", " + pageOf[notebook.Path];
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{notebook.Name}: done in {clock.Elapsed.TotalSeconds:F1} s{page}{said}"));
            }
        }
        return failed == 0 ? 0 : 1;
    }

    // Writes the published copy. Returns what to say of the copy, and whether it is not fit to be published.
    private static (string Said, bool IsWrong) Copy(Notebook notebook, Notebook executed, string folder)
    {
        var path = Path.Combine(folder, Path.GetFileName(notebook.Path));
        var before = File.Exists(path) ? File.ReadAllText(path) : null;
        var copy = PublishedCopy.Of(executed, path).ToJson();
        AtomicFile.WriteText(path, copy);
        var faults = PublishedCopy.Faults(notebook, path);
        foreach (var fault in faults) Console.Error.WriteLine($"slick: {fault}");
        return ($", {path} ({(before is null ? "new" : before == copy ? "as before" : "changed")})", faults.Count > 0);
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
