using System.Diagnostics;
using Slick.Facts;

namespace Slick.Tests.Experiments;

/// <summary>The program killed in the middle of its work.</summary>
public sealed class KillTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("slick-kill-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static ProcessStartInfo Info(string store) =>
        new("dotnet", [Path.Combine(AppContext.BaseDirectory, "slick.dll"), "reproduce", "--preset", "smoke", "--store", store, "--device",
            "cpu"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

    private static Process Start(string store)
    {
        var process = Process.Start(Info(store))!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static Dictionary<string, byte[]> Results(string store) => Directory.GetDirectories(store)
        .Where(f => File.Exists(Path.Combine(f, "timing.json")))
        .SelectMany(f => Directory.GetFiles(f).Where(p => Path.GetFileName(p) != "timing.json"))
        .ToDictionary(p => Path.GetRelativePath(store, p), File.ReadAllBytes);

    [Fact]
    public void KilledTwentyTimes_EndsWithTheSameBytesAsUndisturbed()
    {
        var expected = Results(SmokeStudy.Store);
        Assert.True(expected.Count > 20);
        var random = new Random(20);
        var stores = new List<string>();
        var kills = 0;
        while (kills < 20)
        {
            // A run that gets through between two kills makes place for the next.
            var store = Path.Combine(_folder, $"store{stores.Count}");
            stores.Add(store);
            for (var finished = false; !finished && kills < 20;)
            {
                using var process = Start(store);
                finished = process.WaitForExit(TimeSpan.FromSeconds(0.5 + 5 * random.NextDouble()));
                if (finished) break;
                process.Kill();
                process.WaitForExit();
                kills++;
            }
        }
        foreach (var store in stores)
        {
            using var process = Start(store);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            var results = Results(store);
            Assert.Equal(expected.Keys.Order(), results.Keys.Order());
            AssertNothingLeft(store);
            Assert.All(expected, e => Assert.True(e.Value.AsSpan().SequenceEqual(results[e.Key]), $"{e.Key} differs"));
        }
    }

    [Fact]
    public void TwoProcessesOnOneStore_BothEndWellWithTheSameBytes()
    {
        var store = Path.Combine(_folder, "both");
        using var first = Start(store);
        using var second = Start(store);
        first.WaitForExit();
        second.WaitForExit();
        Assert.Equal((0, 0), (first.ExitCode, second.ExitCode));
        var (expected, results) = (Results(SmokeStudy.Store), Results(store));
        Assert.Equal(expected.Keys.Order(), results.Keys.Order());
        AssertNothingLeft(store);
        Assert.All(expected, e => Assert.True(e.Value.AsSpan().SequenceEqual(results[e.Key]), $"{e.Key} differs"));
    }

    private static void AssertNothingLeft(string store) =>
        Assert.DoesNotContain(Directory.GetFileSystemEntries(store, "*", SearchOption.AllDirectories),
        p => Path.GetFileName(p).StartsWith("partial-", StringComparison.Ordinal) || Path.GetFileName(p) == "finished"
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
        using var process = new Process { StartInfo = Info(Path.Combine(_folder, "interrupted")) };
        process.Start();
        // The first line is printed after the handler is in place.
        Assert.NotNull(await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        using var kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((130, "slick: interrupted; what is finished is kept, and the same command goes on from there."),
            (process.ExitCode, (await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim()));
    }
}
