using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>How often a worker shows that it is alive, and how long it may be silent before its work is free again.</summary>
/// <param name="Beat">Time between two signs of life.</param>
/// <param name="Silence">The silence after which a worker counts as dead. It is shorter than a minute and much longer than a beat.</param>
internal sealed record LeaseTimes(TimeSpan Beat, TimeSpan Silence)
{
    public static LeaseTimes Default { get; } = new(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(40));
}

/// <summary>The worker that works on something.</summary>
/// <param name="Machine">The machine's name.</param>
/// <param name="Process">The id of the worker's process.</param>
/// <param name="Since">When the work was begun, in UTC.</param>
/// <param name="LastBeat">When the worker last showed that it is alive, in UTC by the clock of the file system.</param>
/// <param name="IsAlive">True where the worker's process was found on this machine, or where it showed itself while this process looked.
/// False where only its file is there: the worker may have been killed.</param>
public sealed record LeaseHolder(string Machine, int Process, DateTime Since, DateTime LastBeat, bool IsAlive);

/// <summary>
/// The table of who works on what in a store. A lease is a file that its owner rewrites every few seconds, so no lock of the file system is
/// needed. A worker takes a piece of work by making the file with the next number (<c>name.1</c>, <c>name.2</c>, ...). The file system
/// makes a file of one name only once, so only one worker succeeds. The file with the highest number holds the work.
/// </summary>
internal sealed partial class LeaseBoard(string folder, LeaseTimes times, string? machineId = null)
{
    // What was last read of each file, when it last changed by this process's clock, and whether it changed while this process looked.
    // Clocks of two machines are never compared.
    private readonly Dictionary<string, (string Content, long Changed, bool HasChanged)> seen = [];
    private readonly string machineId = machineId ?? ThisMachine;

    internal sealed record Content(string Machine, string MachineId, int Process, string Started, string Worker, DateTime Since, long Beat,
        bool Released);

    /// <summary>Takes a piece of work, unless a living worker has it.</summary>
    /// <param name="name">The name of the work.</param>
    /// <returns>The lease; null where another worker has the work.</returns>
    /// <exception cref="SlickException">The store cannot be written to.</exception>
    public Lease? TryTake(string name)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var top = Top(name);
            if (top > 0 && IsAlive(Path(name, top)) != false) return null;
            var next = Path(name, top + 1);
            var mine = new Content(Environment.MachineName, machineId, Environment.ProcessId, ProcessStart(Environment.ProcessId) ?? "",
                Guid.NewGuid().ToString("N"), DateTime.UtcNow, 0, false);
            try
            {
                using var file = new FileStream(next, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
                Write(file, mine);
            }
            catch (IOException e) when (IsTaken(e)) { return null; /* another worker was first */ }
            // A worker that was slow to see a newer file may have made a file with a lower number just now. The highest number holds the
            // work.
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

    /// <summary>True for the error of making a file that exists. A second look at the file would not do: a worker that was first may have
    /// finished its work and removed the file by then.</summary>
    internal static bool IsTaken(IOException error)
    {
        const int Exists = 17, WindowsExists = unchecked((int)0x80070050); // EEXIST, ERROR_FILE_EXISTS
        return error.HResult == (OperatingSystem.IsWindows() ? WindowsExists : Exists);
    }

    /// <summary>The worker that has a piece of work now; null for nobody. A worker of which nothing can be told yet, because its process
    /// cannot be looked up and this process has looked for less than the silence of a dead one, has the work.</summary>
    public LeaseHolder? Holder(string name)
    {
        var top = Top(name);
        var path = Path(name, top);
        return top > 0 && IsAlive(path) is not false and var alive && Read(path) is { } content
            ? new(content.Machine, content.Process, content.Since, File.GetLastWriteTimeUtc(path), alive == true) : null;
    }

    /// <summary>The names of the pieces of work that somebody may be working on.</summary>
    public IReadOnlyList<string> Names() => !Directory.Exists(folder) ? []
        : [.. Directory.GetFiles(folder).Select(System.IO.Path.GetFileNameWithoutExtension).OfType<string>().Distinct()];

    /// <summary>The highest number among the files of a piece of work; 0 where it has no file.</summary>
    internal int Top(string name) => !Directory.Exists(folder) ? 0 : Directory.GetFiles(folder, name + ".*")
        .Select(f => int.TryParse(System.IO.Path.GetExtension(f).AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n
            : 0)
        .DefaultIfEmpty().Max();

    internal string Path(string name, int number) =>
        System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}.{number}"));

    /// <summary>Deletes the files of a piece of work that is finished.</summary>
    internal void Remove(string name)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var file in Directory.GetFiles(folder, name + ".*")) Delete(file);
    }

    // Null where nothing can be told yet.
    private bool? IsAlive(string path)
    {
        var content = Read(path, out var text);
        if (content is { Released: true }) return false;
        // Whether a process of this machine is alive can mostly be looked up. Of processes of other machines only their silence tells.
        var runs = content is not null && content.MachineId == machineId ? Runs(content.Process, content.Started) : null;
        if (runs == false) return false;
        lock (seen)
        {
            var now = Stopwatch.GetTimestamp();
            var isKnown = seen.TryGetValue(path, out var before);
            if (!isKnown || before.Content != text) seen[path] = before = (text, now, isKnown && before.Content.Length > 0);
            return Stopwatch.GetElapsedTime(before.Changed, now) >= times.Silence ? false : runs == true || before.HasChanged ? true : null;
        }
    }

    internal static Content? Read(string path) => Read(path, out _);

    // A file that is being written just now may hold an incomplete text. Its owner is alive.
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
        // All contents have the same length, so that a shorter text leaves no end of a longer one behind.
        var bytes = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(content).PadRight(512));
        file.Position = 0;
        file.Write(bytes);
        file.Flush();
    }

    private static void Delete(string path)
    {
        try { File.Delete(path); }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException) { /* read by somebody just now: it means nothing any more */ }
    }

    // Whether a process of this machine runs. Null where that cannot be looked up. On Linux /proc may hide the processes of other users,
    // so it is the signal 0, which reaches nobody, that tells whether there is a process.
    private static bool? Runs(int id, string started)
    {
        const int NoSuchProcess = 3; // ESRCH
        if (!OperatingSystem.IsWindows() && Kill(id, 0) != 0 && Marshal.GetLastPInvokeError() == NoSuchProcess) return false;
        return ProcessStart(id) switch
        {
            null => null,
            "" => false,
            var start => started.Length == 0 ? null : start == started,
        };
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int process, int signal);

    // When a process was started. This distinguishes it from a later process with the same id. Empty where no such process runs, null where
    // it cannot be looked at.
    private static string? ProcessStart(int id)
    {
        try
        {
            if (OperatingSystem.IsLinux())
            {
                // After the name in brackets come the state and other fields. The 20th field is the start, in ticks since the machine was
                // started.
                var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                return fields[0] is "Z" or "X" ? "" : fields[19];
            }
            using var process = System.Diagnostics.Process.GetProcessById(id);
            return process.StartTime.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException) { return ""; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception) { return null; }
    }

    // No two machines, and no two containers of one machine, have the same id. Else a process id could mean the process of another machine.
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

/// <summary>A piece of work that this worker has until the lease is disposed of.</summary>
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

    /// <summary>
    /// Signalled when another worker has taken the work, because this worker was silent for too long, and when that worker has finished it.
    /// A suspended machine is silent, for example.
    /// </summary>
    public CancellationToken Lost => lost.Token;

    /// <summary>Looks whether this worker still has the work. Where another worker has it, <see cref="Lost"/> is signalled at once, and
    /// the files of the work are that worker's.</summary>
    public bool IsHeld()
    {
        Beat();
        return !lost.IsCancellationRequested;
    }

    /// <summary>Says that the work is finished. No worker needs to take it any more.</summary>
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
            int top;
            try { top = board.Top(name); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return; /* the next beat looks again */ }
            // A worker that took the work over and finished it has removed all files.
            if (top != number) lost.Cancel();
            else Write(content = content with { Beat = content.Beat + 1 });
        }
    }

    private void Write(LeaseBoard.Content value)
    {
        try
        {
            using var file = new FileStream(board.Path(name, number), FileMode.Open, FileAccess.Write,
                FileShare.ReadWrite | FileShare.Delete, 1);
            LeaseBoard.Write(file, value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* the next beat tries again */ }
    }

    /// <summary>Gives the work back. What was done of it so far is in the work's scratch folder.</summary>
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
