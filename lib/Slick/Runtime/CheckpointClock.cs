using System.Diagnostics;

namespace Slick.Runtime;

/// <summary>
/// When to write the next checkpoint: every 2 seconds, or more rarely where writing is slow, so that it takes at most a
/// fiftieth of the time. At most 20 seconds of work are at stake; where writing takes more than a second, as for large models,
/// at most 20 times as long as that.
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
        pause = TimeSpan.FromSeconds(Math.Clamp(50 * duration.Elapsed.TotalSeconds, 2, Math.Max(20, 20 * duration.Elapsed.TotalSeconds)));
        sinceSave.Restart();
    }
}
