using System.Diagnostics;
using Slick.Experiments;

namespace Slick.Tests.Experiments;

/// <summary>The program killed in the middle of its work.</summary>
public sealed class KillTests : IDisposable
{
    private readonly string _folder = Scratch.Folder("kill");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static ProcessStartInfo Info(string command, string store) =>
        new("dotnet", [Path.Combine(AppContext.BaseDirectory, "slick.dll"), command, "--preset", "smoke", "--store", store, "--device",
            "cpu"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

    private static Process Start(string command, string store, Action<string>? said = null)
    {
        var process = Process.Start(Info(command, store))!;
        process.OutputDataReceived += (_, line) => said?.Invoke(line.Data ?? "");
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static Dictionary<string, byte[]> Results(string store) => Directory.GetDirectories(store)
        .Where(f => File.Exists(Path.Combine(f, "timing.json")))
        .SelectMany(f => Directory.GetFiles(f).Where(p => Path.GetFileName(p) != "timing.json"))
        .ToDictionary(p => Path.GetRelativePath(store, p), File.ReadAllBytes);

    // SLICK_KILLS=200 dotnet run -c Release --project tests/Slick.Tests -- -class Slick.Tests.Experiments.KillTests
    private static int Kills =>
        int.TryParse(Environment.GetEnvironmentVariable("SLICK_KILLS"), out var kills) ? kills : 12;

    [Fact]
    public void KilledAtRandomMoments_EndsWithTheSameBytesAsUndisturbed()
    {
        var random = new Random(20);
        var stores = new List<string>();
        var kills = 0;
        while (kills < Kills)
        {
            // A run that gets through between two kills makes place for the next.
            var store = Path.Combine(_folder, $"store{stores.Count}");
            stores.Add(store);
            for (var finished = false; !finished && kills < Kills;)
            {
                using var process = Start("reproduce", store);
                finished = process.WaitForExit(TimeSpan.FromSeconds(0.5 + 5 * random.NextDouble()));
                if (finished) break;
                process.Kill();
                process.WaitForExit();
                kills++;
            }
        }
        foreach (var store in stores)
        {
            using var process = Start("reproduce", store);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            AssertAsUndisturbed(store);
        }
    }

    [Fact]
    public void FourWorkers_ShareTheStagesAndEachIsDoneOnce()
    {
        var store = Path.Combine(_folder, "four");
        var (lines, done) = (new System.Collections.Concurrent.ConcurrentBag<string>(), new List<int>());
        var workers = Enumerable.Range(0, 4).Select(_ => Start("work", store, lines.Add)).ToList();
        foreach (var worker in workers)
        {
            worker.WaitForExit();
            Assert.Equal(0, worker.ExitCode);
            worker.Dispose();
        }
        var stages = StudyPlan.Of("smoke", StudyOptions.Smoke, 1, new("cpu", "fp32")).Stages.Count;
        foreach (var line in lines)
            if (System.Text.RegularExpressions.Regex.Match(line, @"this worker did (\d+)\.") is { Success: true } found)
                done.Add(int.Parse(found.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal((4, stages), (done.Count, done.Sum()));
        AssertAsUndisturbed(store);
    }

    [Fact]
    public void FourWorkersTenKills_EndWithTheSameBytesAsOneUndisturbedRun()
    {
        var store = Path.Combine(_folder, "killed");
        var random = new Random(10);
        var workers = Enumerable.Range(0, 4).Select(_ => Start("work", store)).ToList();
        for (var kills = 0; kills < 10;)
        {
            Thread.Sleep(TimeSpan.FromSeconds(0.3 + 1.2 * random.NextDouble()));
            var at = random.Next(4);
            if (!workers[at].HasExited)
            {
                workers[at].Kill();
                kills++;
            }
            else if (workers.All(w => w.HasExited)) break; // through before the tenth
            workers[at].WaitForExit();
            workers[at].Dispose();
            workers[at] = Start("work", store);
        }
        foreach (var worker in workers)
        {
            worker.WaitForExit();
            Assert.Equal(0, worker.ExitCode);
            worker.Dispose();
        }
        AssertAsUndisturbed(store);
    }

    private static void AssertAsUndisturbed(string store)
    {
        var (expected, results) = (Results(SmokeStudy.Store), Results(store));
        Assert.True(expected.Count > 20);
        Assert.Equal(expected.Keys.Order(), results.Keys.Order());
        AssertNothingLeft(store);
        Assert.All(expected, e => Assert.True(e.Value.AsSpan().SequenceEqual(results[e.Key]), $"{e.Key} differs"));
    }

    private static void AssertNothingLeft(string store) =>
        Assert.DoesNotContain(Directory.GetFileSystemEntries(store, "*", SearchOption.AllDirectories),
            p => Path.GetFileName(p).StartsWith("partial-", StringComparison.Ordinal)
                || Path.GetFileName(p).StartsWith("finished", StringComparison.Ordinal)
                || p.EndsWith(".tmp", StringComparison.Ordinal));

    [Fact]
    public async Task Interrupted_EndsWith130AndOneLine()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("an interrupt cannot be sent to another process here");
        // A shell starts what runs in the background of a script so, and its children inherit it.
        const int Interrupt = 1 << (2 - 1);
        if (OperatingSystem.IsLinux() && (
            Convert.ToUInt64(File.ReadLines("/proc/self/status").Single(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))[7..]
            .Trim(), 16) & Interrupt) != 0)
            Assert.Skip("interrupts are ignored: the tests were started in the background");
        using var process = new Process { StartInfo = Info("reproduce", Path.Combine(_folder, "interrupted")) };
        process.Start();
        // The first line is printed after the handler is in place.
        Assert.NotNull(await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        using var kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((130, "slick: interrupted; what is finished is kept, and the same command goes on from there."),
            (process.ExitCode, (await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim()));
    }
}
