using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;

namespace Slick.Benchmarks;

/// <summary>
/// Fine-tunes a checkpoint on some questions: losses, exact match, a digest that tells whether two runs are the same, and the forecast of
/// memory and time beside what the process then took (on Linux).
/// </summary>
internal static class FineTuningLoss
{
    private static readonly string[] Relations = ["P17", "P36", "P131"];

    public static void Run(string folder, string data, string device, string dtype, int questions, FineTuningOptions options, bool time)
    {
        var (weights, tokenizer) = Checkpoint.Open(folder, Compute.Choose(device, dtype));
        var dataset = EntityQuestions.Read(data);
        Fact[] facts = [.. Relations.SelectMany(r => dataset.Of(r, Split.Train).Take(questions / Relations.Length))];
        Example[] asked = [.. Example.Of(facts, PromptFormat.Instruction)];
        var run = new FineTuningRun
        {
            Start = weights, Tokenizer = tokenizer, Options = options, Examples = asked, Replay = asked, Seed = 1,
            Questions = new Dictionary<string, IReadOnlyList<Example>> { ["train"] = asked },
        };
        var memory = FineTuning.Forecast(run, measure: false);
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var before = Status("VmRSS");
        if (before > 0) File.WriteAllText("/proc/self/clear_refs", "5"); // the peak counts from here
        var (clock, seconds, begun) = (Stopwatch.StartNew(), 0.0, 0.0);
        FineTuning.Run(run, epoch =>
        {
            seconds += epoch.Epoch == 0 ? 0 : clock.Elapsed.TotalSeconds - begun;
            var correct = epoch.Ask("train");
            digest.AppendData(BitConverter.GetBytes(epoch.Loss));
            digest.AppendData([.. correct.Select(c => (byte)(c ? 1 : 0))]);
            Line($"epoch {epoch.Epoch}: loss {epoch.Loss:F6}, right {correct.Count(c => c)} of {facts.Length}, ",
                $"{clock.Elapsed.TotalSeconds:F1} s");
            begun = clock.Elapsed.TotalSeconds;
        }, CancellationToken.None);
        var peak = Status("VmHWM") - before;
        Line($"memory: forecast {memory}; measured {peak / 1e6:F0} MB; forecast / measured {memory.Bytes / (double)peak:F2}");
        if (time)
        {
            var forecast = FineTuning.Forecast(run);
            Line($"time of the steps: forecast {forecast.Seconds:F1} s, measured {seconds:F1} s");
        }
        Line($"{device}, {dtype}: digest {Convert.ToHexStringLower(digest.GetHashAndReset())[..16]}");
    }

    private static long Status(string key) => !OperatingSystem.IsLinux() ? 0 : 1024 * long.Parse(File.ReadLines("/proc/self/status")
        .First(l => l.StartsWith(key, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    private static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(p => p.ToString(CultureInfo.InvariantCulture))));
}
