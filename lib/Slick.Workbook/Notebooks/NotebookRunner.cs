using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.DotNet.Interactive.Formatting;
using Slick.Figures;
using Slick.Runtime;

namespace Slick.Workbook.Notebooks;

/// <summary>The cell that stopped a notebook.</summary>
/// <param name="Notebook">The notebook's file name.</param>
/// <param name="Cell">The cell, from 1, prose counted too.</param>
/// <param name="Line">The line in the cell, from 1; 0 where it is not known.</param>
/// <param name="Error">What went wrong.</param>
public sealed record CellFailure(string Notebook, int Cell, int Line, CodeError Error)
{
    /// <summary>One line: notebook, cell, line, what went wrong.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Notebook}: cell {Cell}{(Line > 0 ? $", line {Line}" : "")}: {(Error.Kind.Length > 0 ? Error.Kind + ": " : "")}{Error.Message}");
}

/// <summary>A notebook after its run.</summary>
/// <param name="Notebook">A copy with the outputs; cells that did not run have none and no execution count.</param>
/// <param name="Failure">Null where every cell ran.</param>
/// <param name="Elapsed">The time that the run took.</param>
public sealed record NotebookRun(Notebook Notebook, CellFailure? Failure, TimeSpan Elapsed);

/// <summary>Runs the C# cells of notebooks without a Jupyter front-end.</summary>
public static class NotebookRunner
{
    /// <summary>
    /// Runs all cells in order on the calling thread, the current folder being the notebook's, and stops at the first
    /// that fails. What cells write to the console becomes their output. Their long calls report to
    /// <paramref name="progress"/> and stop with <paramref name="cancel"/> (<see cref="Host"/>).
    /// </summary>
    /// <param name="notebook">Left as it is.</param>
    /// <param name="parameters">New values of parameters by name; see <see cref="Parameters"/>.</param>
    /// <param name="cellStarts">Called before each cell of code with its number, from 1, and the number of cells.</param>
    /// <param name="progress">Where the cells' long calls report to; null: nowhere.</param>
    /// <param name="cancel">Looked at between cells, and by long calls.</param>
    /// <exception cref="SlickException">A parameter is not declared or does not take its value.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static NotebookRun Run(Notebook notebook, IReadOnlyDictionary<string, string>? parameters = null, Action<int, int>? cellStarts = null, IProgressReport? progress = null, CancellationToken cancel = default)
    {
        var watch = Stopwatch.StartNew();
        var result = notebook.Copy();
        foreach (var cell in result.Cells.Where(cell => cell.IsCode))
        {
            cell.Outputs.Clear();
            cell.ExecutionCount = null;
        }
        Parameters.Inject(result, parameters ?? new Dictionary<string, string>());
        var session = new CSharpSession(result.Folder);
        var injected = result.Cells.FindIndex(cell => cell.Tags.Contains("injected-parameters"));
        var executed = 0;
        var folder = Environment.CurrentDirectory;
        var bringsPlotly = PlotlyRenderer.FirstFigureBringsPlotly;
        var lent = (Host.Progress, Host.Cancellation);
        try
        {
            (Host.Progress, Host.Cancellation) = (progress ?? Progress.None, cancel);
            Environment.CurrentDirectory = result.Folder;
            // A page gets plotly.js from HtmlExport; in the notebook's file each figure has a static picture.
            PlotlyRenderer.FirstFigureBringsPlotly = false;
            for (var i = 0; i < result.Cells.Count; i++)
            {
                var cell = result.Cells[i];
                if (!cell.IsCode || string.IsNullOrWhiteSpace(cell.Source))
                    continue;
                cancel.ThrowIfCancellationRequested();
                // The number that the reader of the file sees: without the cell of parameters that was added.
                var number = parameters is { Count: > 0 } && i >= injected ? i : i + 1;
                cellStarts?.Invoke(i + 1, result.Cells.Count);
                cell.ExecutionCount = ++executed;
                if (RunCell(session, cell, CellPath(result, number), cancel) is { } error)
                    return new NotebookRun(result, new CellFailure(Path.GetFileName(result.Path), number, error.Line, error), watch.Elapsed);
            }
        }
        finally
        {
            Environment.CurrentDirectory = folder;
            PlotlyRenderer.FirstFigureBringsPlotly = bringsPlotly;
            (Host.Progress, Host.Cancellation) = lent;
        }
        return new NotebookRun(result, null, watch.Elapsed);
    }

    private static string CellPath(Notebook notebook, int number) =>
        Path.Combine(notebook.Folder, string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(notebook.Path)}#cell-{number}"));

    private static CodeError? RunCell(CSharpSession session, NotebookCell cell, string path, CancellationToken cancel)
    {
        using var printed = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        using var complained = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var (output, errors) = (Console.Out, Console.Error);
        CodeResult result;
        JsonObject? shown = null;
        try
        {
            Console.SetOut(TextWriter.Synchronized(printed));
            Console.SetError(TextWriter.Synchronized(complained));
            result = session.Run(cell.Source, path, cancel);
            if (result.Value is not null)
                shown = Show(result.Value, cell.ExecutionCount!.Value);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            result = new CodeResult(null, CSharpSession.Describe(e, path));
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
        }
        AddStream(cell, "stdout", printed.ToString());
        AddStream(cell, "stderr", complained.ToString());
        if (shown is not null)
            cell.Outputs.Add(shown);
        if (result.Error is { } error)
        {
            var trace = new JsonArray();
            foreach (var line in error.Trace)
                trace.Add(line);
            cell.Outputs.Add(new JsonObject { ["output_type"] = "error", ["ename"] = error.Kind, ["evalue"] = error.Message, ["traceback"] = trace });
        }
        return result.Error;
    }

    private static void AddStream(NotebookCell cell, string name, string text)
    {
        if (text.Length > 0)
            cell.Outputs.Add(new JsonObject { ["output_type"] = "stream", ["name"] = name, ["text"] = NotebookCell.Lines(text) });
    }

    /// <summary>A value in every form that its formatters prefer, as an <c>execute_result</c>.</summary>
    private static JsonObject Show(object value, int count)
    {
        var data = new JsonObject();
        foreach (var mime in Formatter.GetPreferredMimeTypesFor(value.GetType()).Distinct())
            data[mime] = NotebookCell.Lines(value.ToDisplayString(mime));
        return new JsonObject { ["data"] = data, ["execution_count"] = count, ["metadata"] = new JsonObject(), ["output_type"] = "execute_result" };
    }
}
