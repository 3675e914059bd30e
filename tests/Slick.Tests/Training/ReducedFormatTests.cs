using Slick.Answers;
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

    // The gradient of a batch as the optimiser's first moment after one step has it, in ten times its size.
    private static float[] Stepped(DecoderWeights start, UploadedPass pass, Batch batch, bool inTheOptimizer, double clip = 0)
    {
        using var weights = start.CopyTrainable();
        using var decoder = new Decoder(weights);
        using var optimizer = new AdamW(weights) { ClipNorm = clip > 0 ? clip : double.PositiveInfinity };
        using var total = zeros(1);
        for (var step = 0; step < 2; step++)
        {
            // Of the second step: nothing of the first is left in the sum.
            using (no_grad()) optimizer.Mean.zero_();
            FineTuning.Gradient(decoder, pass, batch, new AnswerLoss(), _ => new Dropout(0, 1, 0), recompute: false, total,
                inTheOptimizer ? optimizer : null);
            optimizer.Step(0);
        }
        return [.. HostTransfer.Read<float>(optimizer.Mean).Select(m => 10 * m)];
    }

    private static double Apart(float[] expected, float[] actual) =>
        Math.Sqrt(expected.Zip(actual, (a, b) => (double)(a - b) * (a - b)).Sum() / expected.Sum(a => (double)a * a));

    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    public void PiecesOfABatch_AreAddedUpInFp32(double clip)
    {
        var (reduced, wide) = Pair();
        using (reduced)
        using (wide)
        {
            TaughtExample[] rows =
                [.. Facts.Select(f => TaughtExample.Of(wide.Config, tokenizer, Example.Of(f, PromptFormat.QuestionAnswer)))];
            using var pieces = new UploadedPass([new(rows, rows.Length)], 1, ragged: false, CPU);
            var batch = pieces.Batches[0];
            Assert.Equal(16, batch.Pieces.Count);
            // Each piece alone has its gradient in bf16; added up here in double.
            var sum = new double[reduced.Flat.numel()];
            foreach (var piece in batch.Pieces)
            {
                var alone = Stepped(reduced, pieces, new([piece], batch.Scored, batch.Own), true);
                for (var i = 0; i < sum.Length; i++) sum[i] += alone[i];
            }
            var norm = Math.Sqrt(sum.Sum(g => g * g));
            Assert.True(norm > 0.02, $"{norm}"); // the clipped case clips
            float[] expected = [.. sum.Select(g => (float)(clip > 0 ? g * clip / norm : g))];
            var (inFp32, inBf16) = (Stepped(reduced, pieces, batch, true, clip), Stepped(reduced, pieces, batch, false, clip));
            Assert.InRange(Apart(expected, inFp32), 0, 1e-5);
            Assert.True(Apart(expected, inBf16) > 1e-3, $"{Apart(expected, inBf16)}");
            // Beside the gradient in fp32 the pieces are as near as the whole batch in bf16.
            using var whole = new UploadedPass([new(rows, rows.Length)], 0, ragged: false, CPU);
            var exact = Stepped(wide, whole, whole.Batches[0], true, clip);
            Assert.InRange(Apart(exact, inFp32), 0, 1.5 * Apart(exact, Stepped(reduced, whole, whole.Batches[0], true, clip)));
            // One piece has the bytes that it had.
            Assert.Equal(Stepped(reduced, whole, whole.Batches[0], false, clip), Stepped(reduced, whole, whole.Batches[0], true, clip));
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
