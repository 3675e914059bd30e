using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

/// <summary>What can be asked and kept at the end of an epoch, with every kind of part, and the same after a resume.</summary>
public sealed class EpochTests : IDisposable
{
    private static readonly Fact[] Facts = [.. Enumerable.Range(0, 16).Select(i => TinyTraining.Fact(i, $"s{i}", $"o{i * 5 % 16}"))];
    private readonly WordLevelTokenizer tokenizer = TinyTraining.Words(Facts);
    private readonly string folder = Scratch.Folder("epoch");

    public EpochTests() => NativeLibraries.Load();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static readonly FineTuningOptions Plain = new() { Epochs = 8, BatchExamples = 5, LearningRate = 2e-3, DropoutRate = 0.1 };

    public static TheoryData<string> Parts =>
        ["plain", "replay", "divergence", "pieces", "ragged", "recompute", "part", "ranges", "lora", "decay", "updates"];

    private static FineTuningOptions Options(string part) => part switch
    {
        "replay" => Plain with { ReplayShare = 0.5 },
        "divergence" => Plain with { DivergenceWeight = 0.5 },
        "pieces" => Plain with { PieceExamples = 2 },
        "ragged" => Plain with { Ragged = true },
        "recompute" => Plain with { Recompute = true },
        "part" => Plain with { Parameters = "without-embeddings", ClipNorm = 0.5 },
        "ranges" => Plain with { Parameters = @".*\.(q_proj|up_proj)\.weight" },
        "lora" => Plain with { Lora = new() { Rank = 4 }, LearningRate = 1e-2 },
        "decay" => Plain with { Schedule = LearningRateShape.LinearDecay },
        _ => Plain,
    };

    private FineTuningRun Run(DecoderWeights start, string part, string? scratch = null) => new()
    {
        Start = start,
        Tokenizer = tokenizer,
        Options = Options(part),
        Examples = Example.Of(Facts[..11], PromptFormat.QuestionAnswer),
        Replay = Example.Of(Facts[11..], PromptFormat.QuestionAnswer),
        Questions = new Dictionary<string, IReadOnlyList<Example>>
        {
            ["train"] = Example.Of(Facts[..11], PromptFormat.QuestionAnswer),
            ["test"] = Example.Of(Facts[4..], PromptFormat.Instruction),
        },
        Seed = 3,
        EpochUpdates = part == "updates" ? 5 : 0,
        Scratch = scratch,
    };

    // A worker that was silent for too long has lost its folder to another one. Whatever lies there is the other one's.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RunThatLostItsFolder_WritesAndRemovesNothingThere(bool isToldToStop)
    {
        using var start = TinyTraining.Weights(tokenizer);
        using var stop = new CancellationTokenSource();
        var (checkpoint, other) = (Path.Combine(folder, FineTuningWork.CheckpointFile), Path.Combine(folder, "kept-best-7.safetensors"));
        var (isLost, seen) = (false, 0);
        var run = Run(start, "plain", folder) with { OwnsScratch = () => !isLost };
        Assert.ThrowsAny<OperationCanceledException>(() => Study(run, epoch =>
        {
            if (epoch.Epoch < 3) return;
            seen++;
            File.WriteAllText(checkpoint, "the other's");
            File.WriteAllText(other, "the other's");
            isLost = true;
            if (isToldToStop) stop.Cancel();
            else Thread.Sleep(2100); // then the next checkpoint is due
        }, stop.Token));
        Assert.Equal(1, seen);
        Assert.Equal(("the other's", "the other's"), (File.ReadAllText(checkpoint), File.ReadAllText(other)));
    }

    // As a study does: train every epoch, test at the best epoch and at the end alone, of parameters that were kept.
    private static List<string> Study(FineTuningRun run, Action<TrainingEpoch>? seen = null, CancellationToken stop = default)
    {
        var (lines, best) = (new List<string>(), -1);
        FineTuning.Run(run, epoch =>
        {
            var right = epoch.Ask("train").Count(c => c);
            var line = FormattableString.Invariant($"{epoch.Epoch} {epoch.Updates} {epoch.Loss:R} {string.Join("", epoch.Ask("train"))}");
            if (right > best)
            {
                best = right;
                epoch.Keep("best");
            }
            if (epoch.Epoch == run.Options.Epochs)
                line += $" {string.Join("", epoch.AskKept("best", "test"))} {string.Join("", epoch.Ask("test"))} {Digest(epoch)}";
            lines.Add(line);
            seen?.Invoke(epoch);
        }, stop);
        return lines;
    }

    // All parameters that were trained, by their logits.
    private static string Digest(TrainingEpoch epoch) => Digest(epoch.Decoder);

    private static string Digest(Decoder decoder)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var ids = tensor([.. Enumerable.Range(3, 12).Select(i => (long)i)], [1, 12]);
        return string.Join(' ', HostTransfer.Read<float>(decoder.Logits(decoder.Forward(ids).Hidden)
            .to(ScalarType.Float32)).Select(v => $"{v:R}"));
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void InterruptedRun_GoesOnToTheSameBytes(string part)
    {
        using var start = TinyTraining.Weights(tokenizer);
        var untouched = HostTransfer.Read<float>(start.Flat);
        var expected = Study(Run(start, part), stop: TestContext.Current.CancellationToken);
        Assert.Equal(9, expected.Count);
        Assert.Equal(expected, Study(Run(start, part, folder), stop: TestContext.Current.CancellationToken));
        var scratch = Path.Combine(folder, "stopped");
        // Stopped twice: while an epoch is told, and after one was told.
        foreach (var (epoch, throws) in new[] { (3, true), (6, false) })
        {
            using var stop = new CancellationTokenSource();
            Assert.ThrowsAny<OperationCanceledException>(() => Study(Run(start, part, scratch), e =>
            {
                if (!e.IsLive || e.Epoch < epoch) return;
                stop.Cancel();
                if (throws) stop.Token.ThrowIfCancellationRequested();
            }, stop.Token));
        }
        var live = new List<bool>();
        Assert.Equal(expected, Study(Run(start, part, scratch), e => live.Add(e.IsLive), TestContext.Current.CancellationToken));
        Assert.Equal([false, false, false, false, false, false, false, true, true], live);
        Assert.Equal(untouched, HostTransfer.Read<float>(start.Flat));
        Assert.Equal(part == "updates" ? 40 : 24, int.Parse(expected[^1].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));
    }

    // A kill leaves the last checkpoint, and parameters that were kept after it.
    [Fact]
    public void KilledRun_GoesOnFromAnOlderCheckpoint_ToTheSameBytes()
    {
        using var start = TinyTraining.Weights(tokenizer);
        var expected = Study(Run(start, "plain"), stop: TestContext.Current.CancellationToken);
        using (var stop = new CancellationTokenSource())
            Assert.ThrowsAny<OperationCanceledException>(() => Study(Run(start, "plain", folder), e =>
            {
                if (e.Epoch == 2) stop.Cancel();
            }, stop.Token));
        var old = File.ReadAllBytes(Path.Combine(folder, "fine-tuning.safetensors"));
        using (var stop = new CancellationTokenSource())
            Assert.ThrowsAny<OperationCanceledException>(() => Study(Run(start, "plain", folder), e =>
            {
                if (e.Epoch < 5) return;
                File.WriteAllBytes(Path.Combine(folder, "fine-tuning.safetensors"), old); // as if no later one had been written
                throw new OperationCanceledException();
            }, stop.Token));
        File.WriteAllBytes(Path.Combine(folder, "fine-tuning.safetensors"), old);
        Assert.Equal(expected, Study(Run(start, "plain", folder), stop: TestContext.Current.CancellationToken));
    }

    // A run that was stopped after its epoch 5.
    private string Stopped(DecoderWeights start, string part)
    {
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Study(Run(start, part, folder), e =>
        {
            if (e.Epoch == 5) stop.Cancel();
        }, stop.Token));
        return Path.Combine(folder, "fine-tuning.safetensors");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void QuestionsThatWereNotAskedBeforeAResume_AreNotAnsweredByALaterEpoch(bool kept)
    {
        using var start = TinyTraining.Weights(tokenizer);
        Stopped(start, "plain");
        var asked = 0;
        var error = Assert.Throws<InvalidOperationException>(() => Study(Run(start, "plain", folder), e =>
        {
            if (e.Epoch < 3) return;
            asked++;
            _ = kept ? e.AskKept("best", "test") : e.Ask("test");
        }, TestContext.Current.CancellationToken));
        Assert.Equal(1, asked);
        Assert.Contains("Epoch 3 is reported again", error.Message, StringComparison.Ordinal);
        Assert.Contains("'test'", error.Message, StringComparison.Ordinal);
        Assert.Equal(kept, error.Message.Contains("'best'", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("plain", "options")]
    [InlineData("plain", "fewer epochs")]
    [InlineData("plain", "seed")]
    [InlineData("plain", "examples")]
    [InlineData("plain", "questions")]
    [InlineData("plain", "updates")]
    [InlineData("plain", "format")]
    [InlineData("lora", "rank")]
    public void CheckpointOfAnotherRun_IsRefusedByItsFile(string part, string what)
    {
        using var start = TinyTraining.Weights(tokenizer);
        using var other = TinyTraining.Weights(tokenizer, dtype: what == "format" ? ScalarType.BFloat16 : ScalarType.Float32);
        var (file, run) = (Stopped(start, part), Run(other, part, folder));
        run = what switch
        {
            "options" => run with { Options = run.Options with { LearningRate = 1e-3 } },
            "fewer epochs" => run with { Options = run.Options with { Epochs = 3 } },
            "seed" => run with { Seed = 4 },
            "examples" => run with { Examples = [.. run.Examples.Skip(1), run.Examples[0]] },
            "questions" => run with
            {
                Questions = run.Questions.ToDictionary(q => q.Key, q => (IReadOnlyList<Example>)[.. q.Value.Reverse()]),
            },
            "updates" => run with { EpochUpdates = 5 },
            "rank" => run with { Options = run.Options with { Lora = new() { Rank = 5 } } },
            _ => run,
        };
        var told = 0;
        var error = Assert.Throws<SlickException>(() => FineTuning.Run(run, _ => told++, TestContext.Current.CancellationToken));
        Assert.StartsWith(file, error.Message, StringComparison.Ordinal);
        Assert.Contains("another run", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, told);
    }

    [Fact]
    public void CheckpointOfAnEarlierVersion_IsNotRead_AndTheRunBeginsAnew()
    {
        using var start = TinyTraining.Weights(tokenizer);
        var expected = Study(Run(start, "plain"), stop: TestContext.Current.CancellationToken);
        var file = Stopped(start, "plain");
        using (NewDisposeScope())
        {
            var saved = Safetensors.Open(file);
            Assert.Contains("run", saved.Names);
            Safetensors.Write(file, [.. saved.Names.Where(n => n != "run").Select(n => (n, saved.Read(n)))]);
        }
        var live = new List<bool>();
        Assert.Equal(expected, Study(Run(start, "plain", folder), e => live.Add(e.IsLive), TestContext.Current.CancellationToken));
        Assert.DoesNotContain(false, live);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void KeptParameters_AnswerAsTheyDidWhenTheyWereKept(bool onDisk)
    {
        using var start = TinyTraining.Weights(tokenizer, dtype: ScalarType.BFloat16);
        var (kept, now) = (Array.Empty<bool>(), "");
        FineTuning.Run(Run(start, "plain", onDisk ? folder : null) with { Options = Plain with { Epochs = 30 } }, epoch =>
        {
            if (epoch.Epoch == 10)
            {
                Assert.Throws<ArgumentException>(() => epoch.AskKept("early", "train"));
                epoch.Keep("early");
                kept = [.. epoch.Ask("train")];
            }
            if (epoch.Epoch != 30) return;
            now = Digest(epoch);
            epoch.WithKept("early", decoder => Assert.NotEqual(now, Digest(decoder)));
            Assert.Equal(now, Digest(epoch));
            Assert.Equal(kept, epoch.AskKept("early", "train"));
            Assert.NotEqual(kept, epoch.Ask("train"));
            Assert.Equal(12, epoch.AskKept("early", "test").Count);
            Assert.Equal(now, Digest(epoch));
            Assert.Throws<ArgumentException>(() => epoch.Keep("a/b"));
            Assert.Throws<ArgumentException>(() => epoch.Ask("nothing"));
        }, TestContext.Current.CancellationToken);
        Assert.NotEqual("", now);
        Assert.Equal(onDisk ? 1 : 0, Directory.GetFiles(folder, "kept-early-10.safetensors").Length);
    }

    [Fact]
    public void Stop_EndsTheRunWithTheEpoch()
    {
        using var start = TinyTraining.Weights(tokenizer);
        var told = new List<int>();
        FineTuning.Run(Run(start, "plain"), epoch =>
        {
            told.Add(epoch.Epoch);
            if (epoch.Epoch == 3) epoch.Stop();
        }, TestContext.Current.CancellationToken);
        Assert.Equal([0, 1, 2, 3], told);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("lora")]
    public void SavedModel_GivesTheLogitsOfTheEpoch(string part)
    {
        using var start = TinyTraining.Weights(tokenizer);
        var expected = "";
        FineTuning.Run(Run(start, part), epoch =>
        {
            if (epoch.Epoch != 8) return;
            expected = Digest(epoch);
            epoch.Save(folder);
            using var weights = part == "lora" ? null : Checkpoint.Load(folder, CPU, trainable: false);
            using var adapter = part == "lora" ? LoraAdapter.Load(folder, start) : null;
            using var decoder = new Decoder(weights ?? start, adapter);
            Assert.Equal(expected, Digest(decoder));
        }, TestContext.Current.CancellationToken);
        Assert.NotEqual("", expected);
    }

    // The adapter's weights in bf16 lose most of what the last steps changed.
    [Fact]
    public void SavedAdapter_BesideABaseInBf16_IsTheOneInFp32_ThatTheOptimiserSteps()
    {
        using var start = TinyTraining.Weights(tokenizer, dtype: ScalarType.BFloat16);
        var (file, kept) = (Path.Combine(folder, "now", "adapter_model.safetensors"), Path.Combine(folder, "kept"));
        var (now, then) = ("", "");
        using (var stop = new CancellationTokenSource())
            Assert.Throws<OperationCanceledException>(() => FineTuning.Run(Run(start, "lora", folder), epoch =>
            {
                if (epoch.Epoch == 2)
                {
                    epoch.Keep("early");
                    then = Digest(epoch);
                }
                if (epoch.Epoch != 4) return;
                now = Digest(epoch);
                epoch.Save(Path.Combine(folder, "now"));
                epoch.WithKept("early", _ => epoch.Save(kept));
                stop.Cancel();
            }, stop.Token));
        using var scope = NewDisposeScope();
        var saved = Safetensors.Open(file);
        Assert.All(saved.Names, name => Assert.Equal(ScalarType.Float32, saved.Type(name)));
        float[] Sorted(IEnumerable<Tensor> tensors) => [.. tensors.SelectMany(t => HostTransfer.Read<float>(t)).Order()];
        // The checkpoint of the same moment has the copy that the optimiser steps.
        Assert.Equal(Sorted([Safetensors.Open(Path.Combine(folder, "fine-tuning.safetensors")).Read("weights")]),
            Sorted(saved.Names.Select(saved.Read)));
        foreach (var (path, digest) in new[] { (Path.Combine(folder, "now"), now), (kept, then) })
        {
            using var adapter = LoraAdapter.Load(path, start);
            using var decoder = new Decoder(start, adapter);
            Assert.Equal(digest, Digest(decoder));
        }
    }

    [Fact]
    public void Adapter_LearnsTheSet_AndLeavesTheBaseAlone()
    {
        using var start = TinyTraining.Weights(tokenizer);
        using (no_grad())
        using (NewDisposeScope()) start.Flat.mul_(Scalars.Of(4.0)); // the frozen output layer of a fresh model makes even guesses only
        var before = HostTransfer.Read<float>(start.Flat);
        var losses = new List<double>();
        var options = Plain with { Epochs = 30, Lora = new() { Rank = 8 }, LearningRate = 1e-2, DropoutRate = 0 };
        FineTuning.Run(Run(start, "lora") with { Options = options }, epoch => losses.Add(epoch.Loss),
            TestContext.Current.CancellationToken);
        Assert.True(losses[^1] < 0.5 * losses[1], $"{losses[1]}, {losses[^1]}");
        Assert.Equal(before, HostTransfer.Read<float>(start.Flat));
    }
}
