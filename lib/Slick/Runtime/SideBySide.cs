using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// Independent pieces of work on threads of their own, one torch thread each. At the lab's size that is faster than
/// several torch threads on one piece, and a piece's bytes do not depend on how many cores there are.
/// </summary>
public static class SideBySide
{
    private static readonly Lock Gate = new();
    private static int _running;
    private static int _before; // torch's threads before the first of those that run

    /// <summary>How many pieces run at once: the number of cores.</summary>
    public static int Width => Environment.ProcessorCount;

    /// <summary>Calls <paramref name="work"/> for 0 .. count - 1, at most <paramref name="width"/> (default: <see cref="Width"/>) at once.
    /// Afterwards, however it ends, torch uses as many threads as before.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; no new piece is begun.</exception>
    public static void For(int count, Action<int> work, CancellationToken cancellation = default, int? width = null)
    {
        NativeLibraries.Load();
        var next = -1;
        Exception? failure = null;
        void Loop()
        {
            torch.set_num_threads(1);
            while (Volatile.Read(ref failure) is null && !cancellation.IsCancellationRequested)
            {
                var index = Interlocked.Increment(ref next);
                if (index >= count) return;
                try
                {
                    work(index);
                }
#pragma warning disable CA1031 // handed to the caller below
                catch (Exception e)
#pragma warning restore CA1031
                {
                    Interlocked.CompareExchange(ref failure, e, null);
                }
            }
        }
        var threads = Enumerable.Range(0, Math.Min(count, width ?? Width)).Select(_ => new Thread(Loop) { IsBackground = true }).ToList();
        Enter();
        try
        {
            foreach (var thread in threads) thread.Start();
            foreach (var thread in threads) thread.Join();
        }
        finally
        {
            Leave();
        }
        cancellation.ThrowIfCancellationRequested();
        if (failure is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    // torch's number of threads is each thread's own, but a new thread begins with the number that any thread set last. Pieces may
    // run pieces side by side themselves, and two callers may be here at once: the last one out restores what the first one found.
    private static void Enter()
    {
        lock (Gate)
            if (_running++ == 0) _before = torch.get_num_threads();
    }

    private static void Leave()
    {
        lock (Gate)
            if (--_running == 0) torch.set_num_threads(_before);
    }
}
