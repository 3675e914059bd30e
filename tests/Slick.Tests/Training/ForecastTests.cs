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

    private static DecoderWeights Weights(ScalarType dtype, bool drawn = true)
    {
        var weights = new DecoderWeights(new()
        {
            VocabularySize = 6000, HiddenSize = 384, Layers = 5, Heads = 6, KeyValueHeads = 3, HeadDim = 64, IntermediateSize = 1024,
            MaxPositions = 128,
        }, CPU, trainable: false, dtype);
        if (drawn) weights.Initialize(1);
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

    // The most memory that work takes on top of what the process holds before.
    private static long Peak(Action work)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _ = Trim(0);
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak counts from here
        var before = Status("VmRSS");
        work();
        return Status("VmHWM") - before;
    }

    private static void Near(string name, TrainingForecast forecast, long measured)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name}: measured {measured / 1e6:F0} MB, {forecast}: {(double)forecast.Bytes / measured:F2}"));
        Assert.InRange((double)forecast.Bytes / measured, 0.75, 1.25);
    }

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
        Near(name, forecast, Peak(() => FineTuning.Run(run, _ => { }, TestContext.Current.CancellationToken)));
    }

    // The checkpoint has three times the trained parameters, which must not be held beside those of the run.
    [Theory]
    [InlineData("all")]
    [InlineData(@".*(_proj|embed_tokens)\.weight")] // several ranges, between which the norms are
    public void Resume_HoldsNoCheckpointBesideTheRun(string part)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "peak memory is read from /proc");
        var folder = Scratch.Folder("resume");
        using (var tiny = TinyTraining.Weights(tokenizer)) // the code of torch is read into memory
            FineTuning.Run(Run(tiny, new()), _ => { }, TestContext.Current.CancellationToken);
        using var start = Weights(ScalarType.Float32, drawn: false);
        var run = Run(start, new() { PieceExamples = 12, Parameters = part }) with
        {
            Examples = Example.Of(Facts[..48], PromptFormat.QuestionAnswer), Scratch = folder,
        };
        using (var stop = new CancellationTokenSource())
            Assert.Throws<OperationCanceledException>(() => FineTuning.Run(run, _ => stop.Cancel(), stop.Token));
        var forecast = FineTuning.Forecast(run, measure: false);
        var (live, before, loaded) = (new List<bool>(), 0L, 0L);
        var measured = Peak(() =>
        {
            before = Status("VmRSS");
            FineTuning.Run(run, e =>
            {
                if (live.Count == 0) loaded = Status("VmHWM") - before;
                live.Add(e.IsLive);
            }, TestContext.Current.CancellationToken);
        });
        Assert.Equal([false, true], live);
        var trained = forecast.Moments / 2;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"loaded {loaded / 1e6:F0} MB, the whole run {measured / 1e6:F0}, trained parameters {trained / 1e6:F0}: {forecast}"));
        Assert.InRange(loaded, 2 * trained, forecast.Weights + forecast.Gradients + forecast.Moments + 3 * trained / 2);
        Assert.InRange(measured, loaded, 1.25 * forecast.Bytes);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Memory_OfKeptParameters_IsForecastWithinAQuarter()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "peak memory is read from /proc");
        const int Names = 12;
        using (var tiny = TinyTraining.Weights(tokenizer)) Keeping(Kept(tiny)); // the code of torch is read into memory
        using var start = Weights(ScalarType.Float32, drawn: false);
        var run = Kept(start) with { KeptNames = Names };
        var forecast = FineTuning.Forecast(run, measure: false);
        Near("kept in memory", forecast, Peak(() => Keeping(run)));
        Assert.Equal(Names * forecast.Replaced, forecast.KeptParameters);
        Assert.Equal(0, FineTuning.Forecast(run with { Scratch = "nowhere" }, measure: false).KeptParameters);

        static void Keeping(FineTuningRun run) => FineTuning.Run(run, epoch =>
        {
            for (var i = 0; i < Names; i++)
            {
                epoch.Keep($"name-{i}");
                if (epoch.Epoch > 0) epoch.AskKept($"name-{i}", "test");
            }
        }, TestContext.Current.CancellationToken);
    }

    // One step of few and small pieces, so that the parameters are most of the memory.
    private FineTuningRun Kept(DecoderWeights start) => Run(start, new() { PieceExamples = 2 }) with
    {
        Examples = Example.Of(Facts[..6], PromptFormat.QuestionAnswer),
        Questions = new Dictionary<string, IReadOnlyList<Example>>
        {
            ["test"] = Example.Of(Facts[..9], PromptFormat.QuestionAnswer), ["other"] = Example.Of(Facts[..9], PromptFormat.Instruction),
        },
    };

    // Kept parameters are written without a copy, and asked beside one copy of the trained ones.
    [Fact]
    public void ParametersKeptOnDisk_AreAskedBesideOneCopy()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "peak memory is read from /proc");
        var folder = Scratch.Folder("kept");
        using var start = Weights(ScalarType.Float32, drawn: false);
        var (kept, plain, asked) = (0L, 0L, 0L);
        FineTuning.Run(Kept(start) with { Scratch = folder, KeptNames = 1 }, epoch =>
        {
            epoch.Stop();
            epoch.Ask("test");
            kept = Peak(() => epoch.Keep("start"));
            plain = Peak(() => epoch.Ask("other"));
        }, TestContext.Current.CancellationToken);
        Directory.Delete(folder, recursive: true);
        FineTuning.Run(Kept(start) with { Scratch = folder, KeptNames = 1 }, epoch =>
        {
            epoch.Stop();
            epoch.Ask("test");
            epoch.Keep("start");
            asked = Peak(() => epoch.WithKept("start", _ => epoch.Ask("other")));
        }, TestContext.Current.CancellationToken);
        var one = 4.0 * start.Flat.numel();
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"parameters {one / 1e6:F0} MB: kept {kept / 1e6:F0}, asked {plain / 1e6:F0}, asked of kept ones {asked / 1e6:F0}"));
        Assert.InRange(kept, 0, one / 2);
        Assert.InRange(asked - plain, one / 2, 1.5 * one);
        Directory.Delete(folder, recursive: true);
    }

    // In bf16 the gradients of several pieces have a sum in fp32; one piece has none, and neither have pieces in fp32.
    [Theory]
    [InlineData(ScalarType.BFloat16, 12, 2 + 4)]
    [InlineData(ScalarType.BFloat16, 48, 2)]
    [InlineData(ScalarType.BFloat16, 0, 2)]
    [InlineData(ScalarType.Float32, 12, 4)]
    public void SumOfThePieces_IsCounted(ScalarType dtype, int piece, int bytes)
    {
        using var start = TinyTraining.Weights(tokenizer, dtype: dtype);
        var forecast = FineTuning.Forecast(Run(start, new() { PieceExamples = piece }), measure: false);
        Assert.Equal(bytes * start.Flat.numel(), forecast.Gradients);
    }

    [Fact]
    public void Text_NamesTheLargerOfStepAndQuestions_AndItsPartsAddUp()
    {
        var step = new TrainingForecast { Weights = 10_000_000, Activations = 20_000_000, Logits = 5_000_000, Evaluation = 1_000_000 };
        Assert.Equal("35 MB (weights 10, gradient 0, AdamW's moments 0, activations 20, logits 5, in passing 0, kept by the allocator 0)",
            step.ToString());
        var asking = step with { Evaluation = 30_000_000, Replaced = 4_000_000, KeptParameters = 8_000_000 };
        Assert.Equal("52 MB (weights 10, gradient 0, AdamW's moments 0, kept parameters 8, questions of an epoch 30, "
            + "parameters set aside 4, kept by the allocator 0)", asking.ToString());
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
