using System.Diagnostics;

namespace Slick.Runtime;

/// <summary>
/// When to write the next checkpoint: every 2 seconds, or more rarely where writing is slow, so that it takes at most a
/// fiftieth of the time; never more than 20 seconds of work are at stake.
/// </summary>
internal sealed class CheckpointClock
{
    private readonly Stopwatch sinceSave = Stopwatch.StartNew();
    private TimeSpan pause = TimeSpan.FromSeconds(2);

    public bool IsDue => sinceSave.Elapsed >= pause;

    public void Save(Action save)
    {
        var duration = Stopwatch.StartNew();
        save();
        pause = TimeSpan.FromSeconds(Math.Clamp(50 * duration.Elapsed.TotalSeconds, 2, 20));
        sinceSave.Restart();
    }
}
