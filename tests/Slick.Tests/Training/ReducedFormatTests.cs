using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

/// <summary>Fine-tuning of weights in bf16, whose last digit is larger than most steps.</summary>
public sealed class ReducedFormatTests
{
    private static readonly Fact[] Facts = [.. Enumerable.Range(0, 16).Select(i => TinyTraining.Fact(i, $"s{i}", $"o{i * 5 % 16}"))];
    private static readonly FineTuningOptions Options = new() { Epochs = 12, BatchExamples = 4, LearningRate = 5e-5, DropoutRate = 0 };
    private readonly WordLevelTokenizer tokenizer = TinyTraining.Words(Facts);

    // The same numbers in bf16, and as bf16 numbers that are written in fp32.
    private (DecoderWeights Reduced, DecoderWeights Wide) Pair()
    {
        NativeLibraries.Load();
        var (reduced, wide) = (TinyTraining.Weights(tokenizer, dtype: ScalarType.BFloat16), TinyTraining.Weights(tokenizer));
        using var noGrad = no_grad();
        foreach (var weights in new[] { reduced, wide }) weights.Flat.mul_(Scalars.Of(2.0)); // exact in both
        using var rounded = reduced.Flat.to(ScalarType.Float32);
        wide.Flat.copy_(rounded);
        return (reduced, wide);
    }

    [Fact]
    public void LossFallsAsInFp32()
    {
        var (reduced, wide) = Pair();
        using (reduced)
        using (wide)
        {
            var expected = TinyTraining.Run(wide, tokenizer, Options, Facts).Skip(1).Select(r => r.Loss).ToList();
            var actual = TinyTraining.Run(reduced, tokenizer, Options, Facts).Skip(1).Select(r => r.Loss).ToList();
            TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', expected.Zip(actual)));
            var fall = expected[0] - expected[^1];
            Assert.True(fall > 0.1, $"{fall}");
            Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 0.05 * fall));
        }
    }

    [Fact]
    public void Steps_AreTakenInFp32_AndRoundedIntoTheWeights()
    {
        var (reduced, wide) = Pair();
        using (reduced)
        using (wide)
        using (var copy = reduced.CopyTrainable())
        using (var reference = wide.CopyTrainable())
        using (var optimizer = new AdamW(copy) { WeightDecay = 0.1, ClipNorm = 1 })
        using (var expected = new AdamW(reference) { WeightDecay = 0.1, ClipNorm = 1 })
        using (NewDisposeScope())
        {
            for (var step = 0; step < 5; step++)
            {
                // The same gradients for both, of numbers that bf16 has.
                var gradient = arange(copy.Flat.NumberOfElements, ScalarType.Float32).add_(Scalars.Of((double)step),
                    Scalars.One).sin_().to(ScalarType.BFloat16);
                using (no_grad())
                {
                    copy.FlatGradient!.copy_(gradient);
                    reference.FlatGradient!.copy_(gradient);
                }
                optimizer.Step(1e-5);
                expected.Step(1e-5);
            }
            Assert.Equal([ScalarType.Float32, ScalarType.Float32, ScalarType.Float32],
                [optimizer.Master.dtype, optimizer.Mean.dtype, optimizer.Variance.dtype]);
            Assert.Equal(HostTransfer.Read<float>(reference.Flat), HostTransfer.Read<float>(optimizer.Master));
            Assert.Equal(HostTransfer.Read<float>(reference.Flat.to(ScalarType.BFloat16).to(ScalarType.Float32)),
                HostTransfer.Read<float>(copy.Flat.to(ScalarType.Float32)));
            Assert.NotEqual(HostTransfer.Read<float>(wide.Flat), HostTransfer.Read<float>(optimizer.Master));
        }
    }

    [Fact]
    public void InterruptedRun_GoesOnToTheSameLosses_FromTheCopyInFp32()
    {
        var (reduced, wide) = Pair();
        wide.Dispose();
        var scratch = Scratch.Folder("bf16");
        try
        {
            using (reduced)
            {
                var dropping = Options with { DropoutRate = 0.1 };
                var expected = TinyTraining.Run(reduced, tokenizer, dropping, Facts);
                using var stop = new CancellationTokenSource();
                Assert.Throws<OperationCanceledException>(() => TinyTraining.Run(reduced, tokenizer, dropping, Facts, scratch, r =>
                {
                    if (r.Epoch == 5) Thread.Sleep(2100); // a checkpoint is due
                    if (r.Epoch == 7) stop.Cancel();
                }, stop.Token));
                using var saved = Safetensors.Open(Path.Combine(scratch, "fine-tuning.safetensors")).Read("weights");
                Assert.Equal(ScalarType.Float32, saved.dtype);
                var told = new List<int>();
                var resumed = TinyTraining.Run(reduced, tokenizer, dropping, Facts, scratch, r => told.Add(r.Epoch));
                Assert.Equal(expected.Select(r => (r.Epoch, r.Updates, r.Loss)), resumed.Select(r => (r.Epoch, r.Updates, r.Loss)));
                Assert.Equal(expected.SelectMany(r => r.Correct), resumed.SelectMany(r => r.Correct));
            }
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }
}
