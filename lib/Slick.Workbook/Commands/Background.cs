namespace Slick.Workbook.Commands;

/// <summary>Long work beside the thread that listens to Ctrl-C.</summary>
internal static class Background
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// Runs <paramref name="work"/> on a thread of its own. When <paramref name="cancel"/> is signalled the work gets a
    /// moment to stop by itself: a process that ends in the middle of a native call may crash.
    /// </summary>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static async Task<int> Run(Func<int> work, CancellationToken cancel)
    {
        var running = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return await running.WaitAsync(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            await Task.WhenAny(running, Task.Delay(Grace, CancellationToken.None));
            throw;
        }
    }
}
