using System.ComponentModel;
using System.Diagnostics;
using Slick.Experiments;
using Slick.Storage;
using Slick.Tests.Experiments;

namespace Slick.Tests.Workbook;

/// <summary>The job array that <c>slick submit</c> writes, and Slurm itself where it is here.</summary>
public sealed class SubmitTests : IDisposable
{
    private readonly string _folder = Scratch.Folder("submit");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static (int Code, string Out, string Errors) Run(string program, params IEnumerable<string> words)
    {
        using var process = Process.Start(new ProcessStartInfo(program, words)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said, errors.Result);
    }

    private static (int Code, string Out, string Errors) Slick(params IEnumerable<string> words) =>
        Run("dotnet", words.Prepend(Path.Combine(AppContext.BaseDirectory, "slick.dll")));

    [Fact]
    public void DryRun_PrintsAScriptWhoseTasksWorkOnOneStore()
    {
        var store = Path.Combine(_folder, "a store");
        var (code, script, _) = Slick("submit", "--preset", "smoke", "--store", store, "--tasks", "3", "--cpus", "2", "--time", "1:30:00",
            "--partition", "short", "--set", "fineTuning.epochs=3", "--dry-run");
        Assert.Equal(0, code);
        var lines = script.Split('\n');
        Assert.Equal("#!/bin/bash", lines[0]);
        Assert.Equal($"# first: mkdir -p '{store}/slurm'", lines[1]);
        foreach (var line in new[] { "#SBATCH --array=0-2", "#SBATCH --ntasks=1", "#SBATCH --cpus-per-task=2", "#SBATCH --time=1:30:00",
            "#SBATCH --partition=short", "#SBATCH --requeue", $"#SBATCH --output=\"{store}/slurm/%x-%A_%a.log\"" })
            Assert.Contains(line, lines);
        Assert.DoesNotContain("task that is stopped", script, StringComparison.Ordinal);
        Assert.Contains("cancelled or ran out of time is not", script, StringComparison.Ordinal);
        var work = lines.Single(l => l.StartsWith("exec ", StringComparison.Ordinal));
        Assert.Contains($" work --preset smoke --seed 1 --set fineTuning.epochs=3 --store '{store}' --device cpu --workers 2", work,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(store));
    }

    [Fact]
    public void WithAGpu_EachTaskHasOneAndUsesIt()
    {
        var script = Slick("submit", "--preset", "smoke", "--store", _folder, "--gpus", "1", "--dry-run").Out;
        Assert.Contains("#SBATCH --ntasks=1\n", script, StringComparison.Ordinal);
        Assert.Contains("#SBATCH --gpus-per-task=1\n", script, StringComparison.Ordinal);
        Assert.Contains(" --device cuda", script, StringComparison.Ordinal);
    }

    [Fact]
    public void AStudyOfTheLab_IsWhatTheTasksWorkOn()
    {
        var script = Slick("submit", "--study", "relabel", "--preset", "smoke", "--store", _folder, "--dry-run").Out;
        Assert.Contains("#SBATCH --job-name=slick-relabel-smoke\n", script, StringComparison.Ordinal);
        Assert.Contains(" work --study relabel --preset smoke --seed 6 --store ", script, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--study", "relable", "relabel")]
    [InlineData("--time", "soon", "hh:mm:ss")]
    [InlineData("--partition", "a b; rm", "letters")]
    [InlineData("--tasks", "0", "between 1 and")]
    [InlineData("--gpus", "2", "--tasks")]
    [InlineData("--engine", "pbs", "slurm")]
    public void WrongWord_IsAUsageError(string option, string value, string said)
    {
        var (code, _, errors) = Slick("submit", "--preset", "smoke", "--store", _folder, "--dry-run", option, value);
        Assert.Equal(2, code);
        Assert.Contains(said, errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }

    // A Slurm of one machine is enough: slurmctld, slurmd and munge of Debian's slurm-wlm.
    [Fact]
    public void TaskThatIsKilledAndQueuedAgain_EndsWithTheBytesOfAnUndisturbedRun()
    {
        try
        {
            if (Run("sinfo", "--noheader", "--format=%t", "--states=idle").Out.Trim() != "idle")
                Assert.Skip("Slurm has no idle node here");
        }
        catch (Win32Exception) { Assert.Skip("Slurm is not here (sinfo cannot be started)"); }
        var store = Path.Combine(_folder, "store");
        var (code, said, errors) = Slick("submit", "--preset", "smoke", "--store", store, "--device", "cpu", "--tasks", "2", "--time",
            "20:00");
        Assert.True(code == 0, errors);
        var job = System.Text.RegularExpressions.Regex.Match(said, @"job (\d+)").Groups[1].Value;
        string States() => Run("squeue", "--noheader", "--array", "--jobs", job, "--format=%T").Out;
        // In the midst of the base model: one worker has it, the other one waits.
        var clock = Stopwatch.StartNew();
        while (RunStore.Open(store).List().All(s => s.State != "working") && clock.Elapsed < TimeSpan.FromMinutes(2)) Thread.Sleep(200);
        Run("scancel", "--signal=KILL", "--full", $"{job}_0");
        Run("scontrol", "requeue", $"{job}_0");
        while (States().Trim().Length > 0 && clock.Elapsed < TimeSpan.FromMinutes(6)) Thread.Sleep(500);
        var plan = StudyPlan.Of("smoke", StudyOptions.Smoke, 1, new("cpu", "fp32"));
        Assert.True(plan.IsComplete(RunStore.Open(store)), File.ReadAllText(Directory.GetFiles(Path.Combine(store, "slurm"), "*.log")[0]));
        foreach (var stage in plan.Stages)
            foreach (var file in Directory.GetFiles(Path.Combine(SmokeStudy.Store, stage.Name))
                .Where(f => Path.GetFileName(f) != "timing.json"))
                Assert.True(File.ReadAllBytes(file).AsSpan().SequenceEqual(
                    File.ReadAllBytes(Path.Combine(store, stage.Name, Path.GetFileName(file)))),
                        $"{stage.Name}/{Path.GetFileName(file)} differs");
    }
}
