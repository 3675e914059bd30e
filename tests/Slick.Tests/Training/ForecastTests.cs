using System.Globalization;
using System.Runtime.InteropServices;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Workbook;
using Slick.Text;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

/// <summary>The forecast of a run's memory beside what the process then holds. Memory is the whole process's: nothing else may run
/// beside this.</summary>
[Collection(nameof(ProcessWide))]
public sealed partial class ForecastTests
{
    // Gives memory back that was freed and is kept for later: it would hide what a run asks for.
    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Trim(nuint pad);

    private static readonly Fact[] Facts = [.. Enumerable.Range(0, 96).Select(i =>
        TinyTraining.Fact(i, string.Join(' ', Enumerable.Range(0, 20 + i % 20).Select(w => $"s{(i + w) % 40}")), $"o{i} o{i * 7 % 96}"))];
    private readonly WordLevelTokenizer tokenizer = TinyTraining.Words(Facts);

    public ForecastTests() => NativeLibraries.Load();

    private FineTuningRun Run(DecoderWeights start, FineTuningOptions options) => new()
    {
        Start = start, Tokenizer = tokenizer, Options = options with { Epochs = 1, BatchExamples = 48 },
        Examples = Example.Of(Facts, PromptFormat.QuestionAnswer), Seed = 1,
    };

    private DecoderWeights Weights(ScalarType dtype)
    {
        var weights = new DecoderWeights(new()
        {
            VocabularySize = 6000, HiddenSize = 384, Layers = 5, Heads = 6, KeyValueHeads = 3, HeadDim = 64, IntermediateSize = 1024,
            MaxPositions = 128,
        }, CPU, trainable: false, dtype);
        weights.Initialize(1);
        return weights;
    }

    private static long Status(string key) => 1024 * long.Parse(File.ReadLines("/proc/self/status")
        .First(l => l.StartsWith(key, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    public static TheoryData<string, FineTuningOptions, ScalarType> Kinds => new()
    {
        { "plain", new(), ScalarType.Float32 },
        { "bf16", new(), ScalarType.BFloat16 },
        { "recompute", new() { Recompute = true }, ScalarType.Float32 },
        { "ragged", new() { Ragged = true, DropoutRate = 0 }, ScalarType.Float32 },
        { "pieces", new() { PieceExamples = 12 }, ScalarType.Float32 },
        { "lora", new() { Lora = new() { Rank = 8 } }, ScalarType.Float32 },
        { "part", new() { Parameters = "without-embeddings" }, ScalarType.Float32 },
        { "divergence", new() { DivergenceWeight = 1 }, ScalarType.Float32 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Memory_IsForecastWithinAQuarter(string name, FineTuningOptions options, ScalarType dtype)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "peak memory is read from /proc");
        using var start = Weights(dtype);
        var run = Run(start, options);
        var forecast = FineTuning.Forecast(run, measure: false);
        using (var tiny = TinyTraining.Weights(tokenizer, dtype: dtype)) // the code of torch is read into memory
            FineTuning.Run(Run(tiny, options), _ => { }, TestContext.Current.CancellationToken);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _ = Trim(0);
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak counts from here
        var before = Status("VmRSS");
        FineTuning.Run(run, _ => { }, TestContext.Current.CancellationToken);
        var measured = Status("VmHWM") - before;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name}: measured {measured / 1e6:F0} MB, {forecast}: {(double)forecast.Bytes / measured:F2}"));
        Assert.InRange((double)forecast.Bytes / measured, 0.75, 1.25);
    }

    [Fact]
    public void RunThatDoesNotFit_IsRefusedWithTheForecast()
    {
        using var start = TinyTraining.Weights(tokenizer);
        var run = Run(start, new()) with { FreeBytes = 1000 };
        var told = 0;
        var error = Assert.Throws<SlickException>(() => FineTuning.Run(run, _ => told++, TestContext.Current.CancellationToken));
        Assert.Equal(0, told);
        Assert.StartsWith($"The run needs {FineTuning.Forecast(run, measure: false)}", error.Message, StringComparison.Ordinal);
        Assert.Contains("fineTuning.pieceExamples", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Measurement_CountsTheRunsSteps_AndChangesNothing()
    {
        using var start = TinyTraining.Weights(tokenizer);
        var before = HostTransfer.Read<float>(start.Flat);
        var run = Run(start, new()) with
        {
            Questions = new Dictionary<string, IReadOnlyList<Example>> { ["test"] = Example.Of(Facts[..9], PromptFormat.QuestionAnswer) },
        };
        var forecast = FineTuning.Forecast(run with { Options = run.Options with { Epochs = 7 } });
        Assert.Equal(14, forecast.Steps);
        Assert.True(forecast.Seconds > 0 && forecast.SecondsPerQuestion > 0);
        Assert.Equal(before, HostTransfer.Read<float>(start.Flat));
    }

    [Fact]
    public void EachSaving_IsSmallerThanThePlainRun()
    {
        using var start = Weights(ScalarType.Float32);
        long Bytes(FineTuningOptions options) => FineTuning.Forecast(Run(start, options), measure: false).Bytes;
        var plain = Bytes(new());
        foreach (var options in new FineTuningOptions[] { new() { Recompute = true }, new() { Ragged = true }, new() { PieceExamples = 8 },
            new() { Lora = new() { Rank = 4 } }, new() { Parameters = "without-embeddings" } })
            Assert.True(Bytes(options) < plain, options.ToString());
    }

    [Fact]
    public void TorchThatCannotGetMemory_IsOneSentence()
    {
        var error = Assert.Throws<SlickException>(() => MemoryFailure.Guard(() =>
        {
            using var huge = zeros([1L << 50], ScalarType.Float32);
        }, "Fine-tuning", "fineTuning"));
        Assert.StartsWith("Fine-tuning needs more memory than there is; ", error.Message, StringComparison.Ordinal);
        Assert.Throws<SlickException>(() => MemoryFailure.Guard(() => throw new OutOfMemoryException(), "Pre-training", "preTraining"));
        Assert.Throws<InvalidOperationException>(() => MemoryFailure.Guard(() => throw new InvalidOperationException(), "", ""));
    }

    [Fact]
    public void FreeMemory_IsKnownOnLinux()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "free memory is read from /proc");
        Assert.InRange(FreeMemory.On(CPU)!.Value, 1, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        Assert.Null(FreeMemory.On(new Device(DeviceType.CUDA)));
    }
}
