using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>How often a worker says that it is alive, and after which silence its work is free again.</summary>
/// <param name="Beat">Time between two signs of life.</param>
/// <param name="Silence">The silence after which a worker counts as dead: less than a minute, and many beats.</param>
internal sealed record LeaseTimes(TimeSpan Beat, TimeSpan Silence)
{
    public static LeaseTimes Default { get; } = new(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(40));
}

/// <summary>Who works on something.</summary>
/// <param name="Machine">The machine's name.</param>
/// <param name="Process">The process.</param>
/// <param name="Since">When the work was begun, UTC.</param>
public sealed record LeaseHolder(string Machine, int Process, DateTime Since);

/// <summary>
/// Who works on what in a store. A lease is a file that its owner rewrites every few seconds, so no lock of the file system is
/// needed. Taking a piece of work makes the file of the next number (<c>name.1</c>, <c>name.2</c>, ...): the file system makes a
/// file of one name once, so one worker alone wins. The highest number holds the work.
/// </summary>
internal sealed class LeaseBoard(string folder, LeaseTimes times, string? machineId = null)
{
    // What was last read of a file, and when it last changed by this process's clock: clocks of machines are never compared.
    private readonly Dictionary<string, (string Content, long Changed)> seen = [];
    private readonly string machineId = machineId ?? ThisMachine;

    internal sealed record Content(string Machine, string MachineId, int Process, string Started, string Worker, DateTime Since, long Beat, bool Released);

    /// <summary>Takes a piece of work, unless somebody alive has it.</summary>
    /// <returns>The lease; null where somebody else has the work.</returns>
    /// <exception cref="SlickException">The store cannot be written to.</exception>
    public Lease? TryTake(string name)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var top = Top(name);
            if (top > 0 && IsAlive(Path(name, top))) return null;
            var next = Path(name, top + 1);
            var mine = new Content(Environment.MachineName, machineId, Environment.ProcessId, ProcessStart(Environment.ProcessId),
                Guid.NewGuid().ToString("N"), DateTime.UtcNow, 0, false);
            try
            {
                using var file = new FileStream(next, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
                Write(file, mine);
            }
            catch (IOException) when (File.Exists(next)) { return null; /* another worker was first */ }
            // A worker that was slow to see a newer file may have made a lower number just now: the highest holds.
            if (Top(name) != top + 1) return null;
            for (var old = top; old > 0 && File.Exists(Path(name, old)); old--) Delete(Path(name, old));
            return new Lease(this, name, top + 1, mine, times);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException(
                $"{folder}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); free some space or choose another --store.", e);
        }
    }

    /// <summary>Who works on a piece of work now; null for nobody.</summary>
    public LeaseHolder? Holder(string name)
    {
        var top = Top(name);
        return top > 0 && IsAlive(Path(name, top)) && Read(Path(name, top)) is { } content
            ? new(content.Machine, content.Process, content.Since) : null;
    }

    /// <summary>The pieces of work that somebody may be working on.</summary>
    public IReadOnlyList<string> Names() => !Directory.Exists(folder) ? []
        : [.. Directory.GetFiles(folder).Select(System.IO.Path.GetFileNameWithoutExtension).OfType<string>().Distinct()];

    /// <summary>The highest number of a piece of work's files; 0 for none.</summary>
    internal int Top(string name) => !Directory.Exists(folder) ? 0 : Directory.GetFiles(folder, name + ".*")
        .Select(f => int.TryParse(System.IO.Path.GetExtension(f).AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0)
        .DefaultIfEmpty().Max();

    internal string Path(string name, int number) =>
        System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}.{number}"));

    /// <summary>Forgets a piece of work that is finished.</summary>
    internal void Remove(string name)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var file in Directory.GetFiles(folder, name + ".*")) Delete(file);
    }

    private bool IsAlive(string path)
    {
        var content = Read(path, out var text);
        if (content is { Released: true }) return false;
        // A process of this machine can be looked at; of others only their silence tells.
        if (content is not null && content.MachineId == machineId && ProcessStart(content.Process) != content.Started) return false;
        lock (seen)
        {
            var now = Stopwatch.GetTimestamp();
            if (!seen.TryGetValue(path, out var before) || before.Content != text) seen[path] = before = (text, now);
            return Stopwatch.GetElapsedTime(before.Changed, now) < times.Silence;
        }
    }

    internal static Content? Read(string path) => Read(path, out _);

    // A file that is being written just now may be no whole text yet: its owner is alive.
    private static Content? Read(string path, out string text)
    {
        text = "";
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            text = reader.ReadToEnd();
            return text.Length == 0 ? null : JsonSerializer.Deserialize<Content>(text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException) { return null; }
    }

    internal static void Write(FileStream file, Content content)
    {
        // One length always, so that a shorter text leaves no tail of a longer one.
        var bytes = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(content).PadRight(512));
        file.Position = 0;
        file.Write(bytes);
        file.Flush();
    }

    private static void Delete(string path)
    {
        try { File.Delete(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* read by somebody just now: it means nothing any more */ }
    }

    // When a process was started, which tells it from a later one of the same number; empty where it does not run.
    private static string ProcessStart(int id)
    {
        try
        {
            if (OperatingSystem.IsLinux())
            {
                // After the name in brackets: the state, and as the 20th field the start in ticks since the machine was started.
                var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                return fields[0] is "Z" or "X" ? "" : fields[19];
            }
            using var process = System.Diagnostics.Process.GetProcessById(id);
            return process.StartTime.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException
            or System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }

    // Two machines, or two containers of one machine, never have the same: else a number of a process would mean another process.
    private static string ThisMachine { get; } = Machine();

    private static string Machine()
    {
        if (!OperatingSystem.IsLinux()) return Environment.MachineName;
        try
        {
            var space = new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";
            return $"{Environment.MachineName} {File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} {space}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return Guid.NewGuid().ToString("N"); }
    }
}

/// <summary>A piece of work that this worker has, until it is disposed of.</summary>
internal sealed class Lease : IDisposable
{
    private readonly LeaseBoard board;
    private readonly string name;
    private readonly int number;
    private readonly CancellationTokenSource lost = new();
    private readonly Timer timer;
    private readonly Lock gate = new();
    private LeaseBoard.Content content;
    private bool ended;

    internal Lease(LeaseBoard board, string name, int number, LeaseBoard.Content content, LeaseTimes times)
    {
        (this.board, this.name, this.number, this.content) = (board, name, number, content);
        timer = new Timer(_ => Beat(), null, times.Beat, times.Beat);
    }

    /// <summary>Signalled when another worker took the work over: this one was silent for too long, as a suspended machine is.</summary>
    public CancellationToken Lost => lost.Token;

    /// <summary>The work is finished: nobody needs to take it any more.</summary>
    public void Complete()
    {
        lock (gate)
        {
            ended = true;
            board.Remove(name);
        }
    }

    private void Beat()
    {
        lock (gate)
        {
            if (ended) return;
            if (board.Top(name) > number) lost.Cancel();
            else Write(content = content with { Beat = content.Beat + 1 });
        }
    }

    private void Write(LeaseBoard.Content value)
    {
        try
        {
            using var file = new FileStream(board.Path(name, number), FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 1);
            LeaseBoard.Write(file, value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* the next beat tries again */ }
    }

    /// <summary>Gives the work back; what was done of it is in its scratch folder.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (!ended && !lost.IsCancellationRequested) Write(content with { Released = true });
            ended = true;
        }
        timer.Dispose();
        lost.Dispose();
    }
}
