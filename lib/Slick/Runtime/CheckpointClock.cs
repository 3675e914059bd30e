using System.Diagnostics;

namespace Slick.Runtime;

/// <summary>
/// Says when to write the next checkpoint. The pause between two checkpoints is 50 times as long as the last one took to write, but at
/// least 2 seconds. The pause is at most 20 seconds, or 20 times as long as the last checkpoint took where that is longer, as for large
/// models. So an interrupt loses at most that much work.
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
