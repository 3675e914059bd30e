using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

public sealed class PreTrainingTests : IDisposable
{
    private static readonly PreTrainingOptions Options = new()
    {
        HiddenSize = 16, Layers = 1, Heads = 2, KeyValueHeads = 2, IntermediateSize = 32, ContextTokens = 16, BatchRows = 4, Epochs = 2,
    };

    private readonly string _folder = Scratch.Folder("pretrain");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // 25 words in an order that differs by epoch: 12 whole batches of 64 tokens each, and a rest.
    private static int[] Words(int epoch)
    {
        var random = new Random(epoch);
        return [.. Enumerable.Range(0, 12 * 64 + 30).Select(_ => random.Next(25))];
    }

    private float[] Train(string scratch, Action<double>? seen = null, PreTrainingOptions? options = null,
        CancellationTokenSource? stop = null)
    {
        Directory.CreateDirectory(Path.Combine(_folder, scratch));
        using var weights = PreTraining.Run(options ?? Options, 25, Words, 7, CPU, Path.Combine(_folder, scratch), "pre-training",
            new Watch(seen), stop?.Token ?? TestContext.Current.CancellationToken);
        return weights.Flat.detach().data<float>().ToArray();
    }

    private sealed class Watch(Action<double>? seen) : IProgressReport
    {
        public void Stage(string name) { }
        public void Say(string sentence) { }
        public void Report(string stage, double done, double total, string detail) => seen?.Invoke(done);
    }

    [Fact]
    public void StoppedRun_GoesOnToTheSameWeights()
    {
        var expected = Train("whole");
        using var stop = new CancellationTokenSource();
        // In the second epoch.
        Assert.Throws<OperationCanceledException>(() => Train("stopped", done => { if (done >= 20 * 64) stop.Cancel(); }, stop: stop));
        var told = new List<double>();
        Assert.Equal(expected, Train("stopped", told.Add));
        Assert.Equal([24.0 * 64], told); // steps 21 to 24 only
    }

    [Fact]
    public void CheckpointOfAnotherRun_IsRefusedByItsFile()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Train("other", done => { if (done >= 10 * 64) stop.Cancel(); }, stop: stop));
        var error = Assert.Throws<SlickException>(() => Train("other", options: Options with { Epochs = 1 }));
        Assert.StartsWith(Path.Combine(_folder, "other", "pre-training.safetensors"), error.Message, StringComparison.Ordinal);
        Assert.Contains("another run", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TenSteps_TakeOneTransfer()
    {
        var counts = new List<long>();
        Train("counted", _ => counts.Add(HostTransfer.Count));
        Assert.Equal([1, 1], counts.Skip(1).Zip(counts, (a, b) => a - b));
    }

    [Theory]
    [InlineData("preTraining.batchRows = 5", 5, 2, 2)]
    [InlineData("preTraining.hiddenSize = 16", 4, 3, 1)]
    [InlineData("preTraining.keyValueHeads = 3", 4, 4, 3)]
    public void ShapesThatDoNotFit_AreRefused(string named, int rows, int heads, int keyValueHeads) =>
        Assert.StartsWith(named, Assert.Throws<UsageException>(() => Train("shapes",
            options: Options with { BatchRows = rows, Heads = heads, KeyValueHeads = keyValueHeads })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    [InlineData(1)]
    public void Rate_RisesAndFallsToItsFinalShare(double share)
    {
        var rate = new LearningRate(LearningRateShape.WarmupCosine, 2e-3, 0.1, share);
        Assert.Equal(2e-4, rate.At(0, 100), 12);
        Assert.Equal(2e-3, rate.At(10, 100), 12);
        Assert.Equal(2e-3 * (share + (1 - share) / 2), rate.At(55, 100), 12);
        Assert.Equal(2e-3 * share, rate.At(100, 100), 12);
        // The options' default is a tenth, with the same bits as ever.
        if (share == 0.1)
            Assert.All(Enumerable.Range(10, 90), s => Assert.Equal(2e-3 * (0.1 + 0.45 * (1 + Math.Cos(Math.PI * ((s - 10.0) / 90)))),
                rate.At(s, 100)));
    }

    [Fact]
    public void LossThatExplodes_StopsWithTheOption()
    {
        var e = Assert.Throws<DivergedException>(() =>
            Train("exploded", options: Options with { LearningRate = 1, WeightDecay = 0, ClipNorm = 1e6 }));
        Assert.Contains("lower preTraining.learningRate = 1.", e.Message, StringComparison.Ordinal);
    }
}
