using Slick.Experiments;

namespace Slick.Workbook.Commands;

/// <summary>Long work beside the thread that listens to Ctrl-C.</summary>
internal static class Background
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// Runs <paramref name="work"/> on a thread of its own. When <paramref name="cancel"/> is signalled the work gets a
    /// moment to stop by itself: a process that ends in the middle of a native call may crash.
    /// </summary>
    /// <param name="work">Returns the program's exit code.</param>
    /// <param name="cancel">Ctrl-C.</param>
    /// <param name="grace">How long that moment is at most; null: 1.5 s.</param>
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
