using System.Diagnostics;
using System.Globalization;

namespace Slick.Tests.Fuzz;

/// <summary>A reader of files that others wrote.</summary>
/// <param name="Name">What it reads, as failures name it.</param>
/// <param name="Good">A good file.</param>
/// <param name="Format">What its bytes mean.</param>
/// <param name="Read">Reads the file of this path, all that is in it.</param>
/// <param name="Beside">Good files that lie in the same folder.</param>
internal sealed record FuzzTarget(string Name, string Good, FileFormat Format, Action<string> Read, params string[] Beside)
{
    /// <summary>What an error's message must hold; the file's name where this is null.</summary>
    public string? Names { get; init; }

    /// <summary>The reader has its turn in every so many rounds: more than 1 for one that is slow.</summary>
    public int Every { get; init; } = 1;
}

/// <summary>What readers did that none may do, one entry for each way and reader.</summary>
/// <param name="Target">The reader.</param>
/// <param name="What">An exception with where it came from, or what took too long or too much.</param>
/// <param name="Count">Inputs that did it.</param>
/// <param name="Input">Number of the first of them.</param>
/// <param name="File">Its bytes.</param>
internal sealed record FuzzFailure(string Target, string What, int Count, long Input, string File);

/// <summary>
/// Gives damaged files to readers. Each outcome must be a value, or a <see cref="SlickException"/> of one line that names the file;
/// within 5 seconds, and with at most ten times the file's size and 64 MB allocated.
/// </summary>
internal static class FuzzRun
{
    private const long Megabyte = 1 << 20;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    // As long as a reader that hangs is waited for.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Of the thread that reads: the least that a reader has on any system (1 MB on Windows).
    private const int Stack = 1 << 20;

    /// <summary>Runs so many inputs, in turn for each target.</summary>
    /// <param name="targets">The readers.</param>
    /// <param name="inputs">Inputs of all together.</param>
    /// <param name="seed">Input n of a seed is always the same.</param>
    /// <param name="say">Told the state every ten seconds, or null.</param>
    /// <param name="from">Number of the first input.</param>
    /// <returns>Inputs that were read (a value, not an error), and the failures.</returns>
    public static (long Read, IReadOnlyList<FuzzFailure> Failures) Run(IReadOnlyList<FuzzTarget> targets, long inputs, int seed,
        Action<string>? say = null, long from = 0)
    {
        // In memory where there is such a folder: every input is written.
        var memory = Path.Combine("/dev", "shm");
        var folder = Directory.Exists(memory)
            ? Directory.CreateDirectory(Path.Combine(memory, $"slick-fuzz-{Guid.NewGuid():N}")).FullName
            : Scratch.Folder("fuzz");
        var state = new State { Folder = folder };
        var thread = new Thread(() => Work(targets, from, inputs, seed, state), Stack) { IsBackground = true };
        thread.Start();
        var said = Stopwatch.StartNew();
        while (!thread.Join(100))
        {
            if (Stopwatch.GetElapsedTime(Volatile.Read(ref state.Started)) > Patience) break; // the thread is left to itself
            if (say is null || said.Elapsed < TimeSpan.FromSeconds(10)) continue;
            said.Restart();
            say(string.Create(CultureInfo.InvariantCulture, $"{state.Input - from} of {inputs} inputs, {state.Read} read, "
                + $"{state.Failures.Count} ways to fail"));
        }
        var hangs = thread.IsAlive;
        foreach (var (name, seconds) in state.Seconds) say?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{seconds,7:F1} s {name}"));
        if (state.Error is { } error) throw new InvalidOperationException($"The fuzzer itself failed, in {folder}.", error);
        lock (state.Failures)
        {
            if (hangs) state.Add(targets[Turns(targets) is var turns ? turns[(int)(state.Input % turns.Length)] : 0], "hangs", state.Input,
                File.ReadAllBytes(state.Path));
            else if (state.Failures.Count == 0) Directory.Delete(folder, recursive: true);
            return (state.Read, [.. state.Failures.Values]);
        }
    }

    // Numbers of the targets in the order of their turns.
    private static int[] Turns(IReadOnlyList<FuzzTarget> targets) => [.. Enumerable.Range(0, targets.Max(t => t.Every))
        .SelectMany(round => Enumerable.Range(0, targets.Count).Where(i => round % targets[i].Every == 0))];

    private sealed class State
    {
        public required string Folder { get; init; }
        public string Path { get; set; } = "";
        public long Started = Stopwatch.GetTimestamp();
        public long Input;
        public long Read;
        public Exception? Error { get; set; }
        public Dictionary<string, FuzzFailure> Failures { get; } = [];
        public Dictionary<string, double> Seconds { get; } = [];

        public void Add(FuzzTarget target, string what, long input, byte[] bytes)
        {
            lock (Failures)
            {
                if (Failures.TryGetValue(target.Name + what, out var known))
                {
                    Failures[target.Name + what] = known with { Count = known.Count + 1 };
                    return;
                }
                var kept = System.IO.Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"failure-{input}"));
                File.WriteAllBytes(kept, bytes);
                Failures[target.Name + what] = new(target.Name, what, 1, input, kept);
            }
        }
    }

    private static void Work(IReadOnlyList<FuzzTarget> targets, long from, long inputs, int seed, State state)
    {
        try
        {
            var turns = Turns(targets);
            var readers = targets.Select((t, i) => Reader(t, Path.Combine(state.Folder,
                i.ToString(CultureInfo.InvariantCulture)))).ToList();
            for (var n = from; n < from + inputs; n++)
            {
                var (target, mutator, path) = readers[turns[(int)(n % turns.Length)]];
                // A seed of its own, so that an input can be made again without those before it.
                var bytes = mutator.Next(new Random(HashCode(seed, n)));
                File.WriteAllBytes(path, bytes);
                (state.Input, state.Path) = (n, path);
                var clock = Stopwatch.StartNew();
                if (Try(target, path, bytes, state, out var what)) state.Read++;
                state.Seconds[target.Name] = state.Seconds.GetValueOrDefault(target.Name) + clock.Elapsed.TotalSeconds;
                if (what is not null) state.Add(target, what, n, bytes);
            }
        }
        catch (Exception e)
        {
            state.Error = e;
        }
    }

    // Of .NET's own hash codes none is promised to be the same in the next process.
    private static int HashCode(int seed, long n)
    {
        var x = unchecked((ulong)n * 0x9E3779B97F4A7C15 + (ulong)(uint)seed * 0xBF58476D1CE4E5B9);
        x ^= x >> 31;
        return (int)(unchecked(x * 0x94D049BB133111EB) >> 33);
    }

    private static (FuzzTarget Target, Mutator Mutator, string Path) Reader(FuzzTarget target, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in target.Beside) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        var path = Path.Combine(folder, Path.GetFileName(target.Good));
        File.Copy(target.Good, path, overwrite: true);
        target.Read(path); // the good file is read; and what is made once is made here
        return (target, new(File.ReadAllBytes(path), target.Format), path);
    }

    // What is wrong with an outcome; twice, where another thread of the process may be the reason.
    private static bool Try(FuzzTarget target, string path, byte[] bytes, State state, out string? what)
    {
        var most = 10 * bytes.Length + 64 * Megabyte;
        for (var again = 0; ; again++)
        {
            var allocated = GC.GetTotalAllocatedBytes(precise: false);
            Volatile.Write(ref state.Started, Stopwatch.GetTimestamp());
            var read = Outcome(target, path, out what);
            var time = Stopwatch.GetElapsedTime(state.Started);
            allocated = GC.GetTotalAllocatedBytes(precise: false) - allocated;
            if (what is not null || (time < Longest && allocated < most)) return read;
            if (again < 2) continue;
            what = time >= Longest ? "takes longer than 5 seconds"
                : string.Create(CultureInfo.InvariantCulture, $"allocates {allocated / Megabyte} MB or more");
            return read;
        }
    }

    private static bool Outcome(FuzzTarget target, string path, out string? what)
    {
        what = null;
        try
        {
            target.Read(path);
            return true;
        }
        catch (SlickException e)
        {
            if (!e.Message.Contains(target.Names ?? Path.GetFileName(path), StringComparison.Ordinal))
                what = $"names no file: {e.Message[..Math.Min(200, e.Message.Length)]}";
            else if (e.Message.Contains('\n')) what = "has a message of several lines";
            else if (e.Message.Length > 2000) what = "has a message of more than 2000 characters";
        }
        catch (Exception e)
        {
            var frames = new StackTrace(e).GetFrames().Select(f => f.GetMethod()).Where(m => m?.DeclaringType is not null)
                .Select(m => $"{m!.DeclaringType!.Name}.{m.Name}").ToList();
            what = $"{e.GetType().Name} from {frames.FirstOrDefault()} in "
                + $"{frames.Find(f => !f.StartsWith("Throw", StringComparison.Ordinal) && f != frames[0])}: {e.Message.Split('\n')[0]}";
            if (what.Length > 300) what = what[..300];
        }
        return false;
    }
}
