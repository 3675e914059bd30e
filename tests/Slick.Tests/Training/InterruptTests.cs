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

/// <summary>Work that ends early frees its tensors at once: a notebook that is interrupted again and again does not fill the
/// memory.</summary>
[Collection(nameof(ProcessWide))]
public sealed class InterruptTests
{
    private static readonly Fact[] Facts = [.. Enumerable.Range(0, 8).Select(i => TinyTraining.Fact(i, $"s{i}", $"o{i}"))];
    private readonly WordLevelTokenizer tokenizer = TinyTraining.Words(Facts);

    public InterruptTests() => NativeLibraries.Load();

    // The tensors of the process, without those that only wait for a collection of garbage.
    private static long Alive()
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return Tensor.TotalCount;
    }

    private static void FreesAll<T>(Action work) where T : Exception
    {
        var before = Alive();
        for (var i = 0; i < 3; i++) Assert.Throws<T>(work);
        Assert.Equal(before, Tensor.TotalCount); // no collection of garbage has helped
    }

    private static void PreTrain(double rate, CancellationToken stop)
    {
        var scratch = Scratch.Folder("interrupt");
        try
        {
            var options = new PreTrainingOptions { HiddenSize = 16, Layers = 1, Heads = 2, KeyValueHeads = 2, IntermediateSize = 32,
                ContextTokens = 16, BatchRows = 4, LearningRate = rate, WeightDecay = 0, ClipNorm = 1e6 };
            PreTraining.Run(options, 25, _ => [.. Enumerable.Range(0, 1000).Select(i => i * i % 25)], 7, CPU, scratch, "pre-training",
                Progress.None, stop).Dispose();
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    [Fact]
    public void PreTraining_Interrupted() =>
        FreesAll<OperationCanceledException>(() => PreTrain(1e-3, new CancellationToken(canceled: true)));

    [Fact]
    public void PreTraining_Diverged() => FreesAll<DivergedException>(() => PreTrain(1, TestContext.Current.CancellationToken));

    [Fact]
    public void PreTraining_Finished()
    {
        var before = Alive();
        PreTrain(1e-3, TestContext.Current.CancellationToken);
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void FineTuning_Interrupted(int epoch)
    {
        using var start = TinyTraining.Weights(tokenizer);
        FreesAll<OperationCanceledException>(() =>
        {
            using var stop = new CancellationTokenSource();
            TinyTraining.Run(start, tokenizer, new() { Epochs = 4, BatchExamples = 3 }, Facts, seen: r =>
            {
                if (r.Epoch == epoch) stop.Cancel();
            }, stop: stop.Token);
        });
    }

    [Fact]
    public void FineTuning_Diverged()
    {
        using var start = TinyTraining.Weights(tokenizer);
        FreesAll<DivergedException>(() =>
            TinyTraining.Run(start, tokenizer, new() { Epochs = 4, BatchExamples = 3, LearningRate = 1 }, Facts));
    }

    [Fact]
    public void FineTuning_OfReducedWeights_Finished()
    {
        using var start = TinyTraining.Weights(tokenizer, dtype: ScalarType.BFloat16);
        var before = Alive();
        TinyTraining.Run(start, tokenizer, new() { Epochs = 2, BatchExamples = 3 }, Facts);
        Assert.Equal(before, Tensor.TotalCount);
    }

    // The second relation's question does not fit the model: the first one's rows are on the device already.
    [Fact]
    public void Evaluation_ThatCannotBeMade()
    {
        using var start = TinyTraining.Weights(tokenizer);
        using var decoder = new Decoder(start);
        Fact[] questions = [.. Facts, TinyTraining.Fact(9, string.Join(' ', Enumerable.Repeat("s1", 200)), "o1") with { Relation = "P1" }];
        var asked = Example.Of(questions, PromptFormat.QuestionAnswer);
        FreesAll<SlickException>(() => new Evaluation(decoder, tokenizer, asked, PassBounds.Default).Dispose());
    }

    // Of an element in a format that gradients do not have.
    [Fact]
    public void Weights_ThatCannotBeMade()
    {
        using var start = TinyTraining.Weights(tokenizer);
        FreesAll<System.Runtime.InteropServices.ExternalException>(() =>
            new DecoderWeights(start.Config, CPU, trainable: true, ScalarType.Int32).Dispose());
    }
}
