using System.Diagnostics;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;

namespace Slick.Workbook.Notebooks;

/// <summary>The result of running a notebook.</summary>
/// <param name="Notebook">A copy with the outputs. Cells that did not run have no outputs and no execution count.</param>
/// <param name="Failure">The failure that stopped the notebook; null where every cell ran.</param>
/// <param name="Elapsed">The time that the run took.</param>
public sealed record NotebookRun(Notebook Notebook, CellFailure? Failure, TimeSpan Elapsed);

/// <summary>Runs the cells of notebooks without a Jupyter front-end, in kernels of .NET Interactive inside this process.</summary>
public static class NotebookRunner
{
    /// <summary>
    /// Runs all cells in order and stops at the first that fails. The notebook's folder is the current folder meanwhile. Text that cells
    /// write to the console becomes their output. Standard input is not available to cells. Their long calls report to
    /// <paramref name="progress"/> and stop with
    /// <paramref name="cancel"/> (<see cref="Host"/>).
    /// </summary>
    /// <param name="notebook">The notebook; it is not changed.</param>
    /// <param name="parameters">New values of parameters by name; see <see cref="Parameters"/>.</param>
    /// <param name="cellStarts">Called before each cell of code with its number, from 1, and the number of cells.</param>
    /// <param name="progress">The progress report of the cells' long calls; null for none.</param>
    /// <param name="cancel">Checked between cells and by long calls. A running cell that makes no long call runs to its end first.</param>
    /// <exception cref="UsageException">A parameter is not declared or does not take its value.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static NotebookRun Run(Notebook notebook, IReadOnlyDictionary<string, string>? parameters = null, Action<int,
        int>? cellStarts = null, IProgressReport? progress = null, CancellationToken cancel = default)
    {
        var watch = Stopwatch.StartNew();
        var record = new NotebookRecord(notebook, parameters ?? new Dictionary<string, string>());
        Run(record, cellStarts, progress, cancel);
        return new NotebookRun(record.Notebook, record.Failure, watch.Elapsed);
    }

    /// <summary>Runs the cells of <paramref name="record"/> and fills it with their outputs. Nothing is run where the record has a failure
    /// from the start.</summary>
    internal static void Run(NotebookRecord record, Action<int, int>? cellStarts, IProgressReport? progress, CancellationToken cancel)
    {
        if (record.Failure is not null)
            return;
        var (notebook, executed) = (record.Notebook, 0);
        var folder = Environment.CurrentDirectory;
        var bringsPlotly = PlotlyRenderer.FirstFigureBringsPlotly;
        var lent = (Host.Progress, Host.Cancellation);
        var input = Console.In;
        try
        {
            (Host.Progress, Host.Cancellation) = (progress ?? Progress.None, cancel);
            Environment.CurrentDirectory = notebook.Folder;
            // HtmlExport puts plotly.js into a page. In the notebook's file each figure has a static picture.
            PlotlyRenderer.FirstFigureBringsPlotly = false;
            Console.SetIn(new StandardInput());
            // A thread of the pool makes the kernels, because the thread on which the kernel is made must not belong to a caller's
            // scheduler.
            using var session = Task.Run(() => new KernelSession(notebook.Folder), CancellationToken.None).GetAwaiter().GetResult();
            for (var i = 0; i < notebook.Cells.Count; i++)
            {
                var cell = notebook.Cells[i];
                if (!cell.IsCode || string.IsNullOrWhiteSpace(cell.Source))
                    continue;
                cancel.ThrowIfCancellationRequested();
                cellStarts?.Invoke(i + 1, notebook.Cells.Count);
                record.Start(i, ++executed);
                if (session.Run(cell.Source, record.Kernels[i], record.CellPath(i), record, cancel) is { } error)
                {
                    record.Fail(i, error);
                    return;
                }
                record.End();
            }
        }
        finally
        {
            Environment.CurrentDirectory = folder;
            PlotlyRenderer.FirstFigureBringsPlotly = bringsPlotly;
            (Host.Progress, Host.Cancellation) = lent;
            Console.SetIn(input);
        }
    }
}
