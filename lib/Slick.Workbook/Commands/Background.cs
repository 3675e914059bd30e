using Slick.Experiments;

namespace Slick.Workbook.Commands;

/// <summary>Runs long work on a thread of its own, beside the thread that waits for Ctrl-C.</summary>
internal static class Background
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// Runs <paramref name="work"/> on a thread of its own. When <paramref name="cancel"/> is signalled, the work has a short time to stop
    /// by itself. A process that ends in the middle of a native call may crash.
    /// </summary>
    /// <param name="work">The work; returns the program's exit code.</param>
    /// <param name="cancel">Signalled by Ctrl-C.</param>
    /// <param name="grace">The longest time that the work has to stop; null for 1.5 s.</param>
    /// <returns>The program's exit code.</returns>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static async Task<int> Run(Func<int> work, CancellationToken cancel, TimeSpan? grace = null)
    {
        var running = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return await running.WaitAsync(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            await Task.WhenAny(running, Task.Delay(grace ?? Moment, CancellationToken.None));
            throw;
        }
    }
}
