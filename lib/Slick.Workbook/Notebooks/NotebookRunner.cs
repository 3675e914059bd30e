using System.Diagnostics;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;

namespace Slick.Workbook.Notebooks;

/// <summary>A notebook after its run.</summary>
/// <param name="Notebook">A copy with the outputs; cells that did not run have none and no execution count.</param>
/// <param name="Failure">Null where every cell ran.</param>
/// <param name="Elapsed">The time that the run took.</param>
public sealed record NotebookRun(Notebook Notebook, CellFailure? Failure, TimeSpan Elapsed);

/// <summary>Runs the cells of notebooks without a Jupyter front-end, in kernels of .NET Interactive inside this process.</summary>
public static class NotebookRunner
{
    /// <summary>
    /// Runs all cells in order, the current folder being the notebook's, and stops at the first that fails. What cells
    /// write to the console becomes their output; standard input is not available to them. Their long calls report to
    /// <paramref name="progress"/> and stop with <paramref name="cancel"/> (<see cref="Host"/>).
    /// </summary>
    /// <param name="notebook">Left as it is.</param>
    /// <param name="parameters">New values of parameters by name; see <see cref="Parameters"/>.</param>
    /// <param name="cellStarts">Called before each cell of code with its number, from 1, and the number of cells.</param>
    /// <param name="progress">Where the cells' long calls report to; null: nowhere.</param>
    /// <param name="cancel">Looked at between cells, and by long calls; a cell that looks at neither is waited for.</param>
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

    /// <summary>Runs what <paramref name="record"/> holds and fills it; nothing is run where it says that a cell cannot be.</summary>
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
            // A page gets plotly.js from HtmlExport; in the notebook's file each figure has a static picture.
            PlotlyRenderer.FirstFigureBringsPlotly = false;
            Console.SetIn(new StandardInput());
            // On a thread of the pool: the kernel's own thread is made here, and is to belong to no caller's scheduler.
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
