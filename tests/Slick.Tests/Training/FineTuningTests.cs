using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Experiments;
using Slick.Text;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

public sealed class FineTuningTests
{
    private static readonly FineTuningOptions Options = new() { Epochs = 6, LearningRate = 1e-3, BatchExamples = 8 };

    private static List<EpochResult> Run(int seed = 5, int epochUpdates = 0, string? scratch = null, CancellationTokenSource? stop = null,
        Action<EpochResult>? seen = null)
    {
        var folder = SmokeStudy.Result.Bases[0].Folder;
        using var start = Checkpoint.Load(folder, CPU, trainable: false);
        var facts = SmokeStudy.Result.Bases[0].Facts;
        var results = new List<EpochResult>();
        TinyTraining.FineTune(start, TokenizerJson.Read(Path.Combine(folder, "tokenizer.json")), Options,
            [.. facts.Where(f => f.Split == Split.Train).Take(40)],
            [.. facts.Where(f => f.Split != Split.Train).Take(60), .. facts.Where(f => f.Split == Split.Train).Take(40)], seed,
                epochUpdates, scratch, r => { results.Add(r); seen?.Invoke(r); }, stop?.Token ?? TestContext.Current.CancellationToken);
        return results;
    }

    private static void AssertSame(List<EpochResult> a, List<EpochResult> b)
    {
        Assert.Equal(a.Select(r => (r.Epoch, r.Updates, r.Loss)), b.Select(r => (r.Epoch, r.Updates, r.Loss)));
        for (var i = 0; i < a.Count; i++) Assert.Equal(a[i].Correct, b[i].Correct);
    }

    [Fact]
    public void SameSeed_SameResults_AnotherSeed_Others()
    {
        var first = Run();
        AssertSame(first, Run());
        Assert.NotEqual(first[^1].Loss, Run(seed: 6)[^1].Loss);
    }

    [Fact]
    public void Training_FitsTheSet()
    {
        var results = Run();
        Assert.True(results[^1].Loss < results[1].Loss / 2);
        Assert.True(results[^1].Correct.Skip(60).Count(c => c) > results[0].Correct.Skip(60).Count(c => c));
        Assert.Equal(Enumerable.Range(0, 7).Select(e => 5 * e), results.Select(r => r.Updates));
    }

    [Fact]
    public void UpdatesOfALargerSet_AreTakenEpochByEpoch() =>
        Assert.Equal(Enumerable.Range(0, 7).Select(e => 8 * e), Run(epochUpdates: 8).Select(r => r.Updates));

    [Fact]
    public void CheckpointOfAnInterruptedRun_LeadsToTheSameEnd()
    {
        var expected = Run(epochUpdates: 7);
        var scratch = Scratch.Folder("finetune");
        try
        {
            using var stop = new CancellationTokenSource();
            // Long enough epochs that a checkpoint is due before the third.
            Assert.Throws<OperationCanceledException>(() => Run(epochUpdates: 7, scratch: scratch, stop: stop, seen: r =>
            {
                if (r.Epoch < 3) Thread.Sleep(2100);
                else stop.Cancel();
            }));
            Assert.True(File.Exists(Path.Combine(scratch, "fine-tuning.safetensors")));
            AssertSame(expected, Run(epochUpdates: 7, scratch: scratch));
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    [Fact]
    public void EachEpoch_TakesOneTransferForTheLossAndOneForTheAnswers()
    {
        var counts = new List<long>();
        Run(seen: _ => counts.Add(HostTransfer.Count));
        Assert.All(counts.Skip(1).Zip(counts), p =>
            Assert.True(p.First - p.Second <= 2, $"{p.First - p.Second} transfers in an epoch of 5 steps"));
    }
}
