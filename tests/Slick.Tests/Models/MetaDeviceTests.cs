using Slick.Models;
using Slick.Runtime;
using Slick.Answers;
using Slick.Text;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>
/// On the meta device there are shapes and no numbers: reading one on the host, or an element-wise operation with a
/// tensor of the CPU, throws. So what runs here would not make a GPU wait.
/// </summary>
public sealed class MetaDeviceTests
{
    private static readonly DecoderConfig Config =
        new PreTrainingOptions { HiddenSize = 32, Layers = 2, Heads = 4, KeyValueHeads = 2, IntermediateSize = 64,
        ContextTokens = 32 }.Shape(50);

    [Fact]
    public void TrainingStep_NeverLooksAtTheHost()
    {
        NativeLibraries.Load();
        var device = new Device(DeviceType.META);
        using var weights = new DecoderWeights(Config, device, trainable: true);
        using var decoder = new Decoder(weights);
        using var optimizer = new AdamW(weights) { WeightDecay = 0.1, ClipNorm = 1 };
        var before = HostTransfer.Count;
        using var scope = NewDisposeScope();
        var ids = zeros([3, 7], ScalarType.Int64, device);
        var (hidden, _) = decoder.Forward(ids);
        var logits = decoder.Logits(hidden).view(-1, Config.VocabularySize);
        nn.functional.cross_entropy(logits, zeros([21], ScalarType.Int64, device)).backward();
        optimizer.Step(1e-3);
        Assert.Equal([21L, Config.VocabularySize], logits.shape);
        Assert.Equal(0, HostTransfer.Count - before);
    }

    [Fact]
    public void FineTuningsOwnStep_NeverLooksAtTheHost()
    {
        NativeLibraries.Load();
        using var weights = new DecoderWeights(Config, new Device(DeviceType.META), trainable: true);
        using var decoder = new Decoder(weights);
        using var original = new Decoder(weights);
        var before = HostTransfer.Count;
        TaughtExample[] examples = [new([4, 5, 6], [7, 3]), new([4, 5], [8, 9, 3]), new([4], [5, 3])];
        using var total = zeros(1, device: decoder.Device);
        foreach (var (ragged, recompute) in new[] { (false, false), (true, false), (false, true), (true, true) })
        {
            using var pass = new UploadedPass(new SetPasses(examples, 2, 1).Pass(0), pieceRows: 1, ragged, decoder.Device);
            foreach (var batch in pass.Batches) FineTuning.Gradient(decoder, pass, batch, new WithDivergence(new AnswerLoss(), original, 1),
                piece => new Dropout(0.05, piece, 0), recompute, total);
            Assert.Equal(2, pass.Batches.Count);
        }
        Assert.Equal(0, HostTransfer.Count - before);
    }

    // The shape of Llama 3.2 1B, in bf16 with fp32 copies, by the preset for one GPU: a batch of 128 in pieces of 32.
    [Fact]
    public void PresetForAGpu_MakesAStepOfABillionParameters()
    {
        NativeLibraries.Load();
        var options = Slick.Experiments.StudyOptions.RealGpu.FineTuning;
        var config = new DecoderConfig
        {
            VocabularySize = 128_256, HiddenSize = 2048, Layers = 16, Heads = 32, KeyValueHeads = 8, HeadDim = 64, IntermediateSize = 8192,
            MaxPositions = 512, TiedEmbeddings = true,
        };
        using var weights = new DecoderWeights(config, new Device(DeviceType.META), trainable: true, ScalarType.BFloat16);
        Assert.InRange(weights.Flat.numel(), 1_200_000_000, 1_300_000_000);
        using var decoder = new Decoder(weights);
        using var optimizer = new AdamW(weights) { WeightDecay = options.WeightDecay };
        TaughtExample[] examples = [.. Enumerable.Range(0, options.BatchExamples)
            .Select(i => new TaughtExample([.. Enumerable.Range(1, 12 + i % 7)], [5, 6, 7, 3]))];
        using var pass = new UploadedPass(new SetPasses(examples, options.BatchExamples, 1).Pass(0), options.PieceExamples, options.Ragged,
            decoder.Device);
        using var total = zeros(1, device: decoder.Device);
        var before = HostTransfer.Count;
        var batch = Assert.Single(pass.Batches);
        Assert.Equal(4, batch.Pieces.Count);
        FineTuning.Gradient(decoder, pass, batch, new AnswerLoss(), piece => new Dropout(options.DropoutRate, piece, 0), options.Recompute,
            total);
        optimizer.Step(options.LearningRate);
        Assert.Equal(0, HostTransfer.Count - before);
    }

    [Fact]
    public void Exact_RunsUpToItsOneTransfer()
    {
        NativeLibraries.Load();
        using var weights = new DecoderWeights(Config, new Device(DeviceType.META), trainable: false);
        using var decoder = new Decoder(weights);
        var tokenizer = WordLevelTokenizer.Train(["Q: Where is a b ?\nA: c d\n"]);
        var scorer = new AnswerScorer(decoder, tokenizer, new SamplingOptions());
        var before = HostTransfer.Count;
        PromptedQuestion[] questions = [new(0, [4, 5, 6], [7]), new(1, [4, 5, 6, 7], [8, 9])];
        using var alone = scorer.Score(questions, null, sampled: true, TestContext.Current.CancellationToken);
        using var prefix = decoder.Forward(zeros([1, 5], ScalarType.Int64, decoder.Device), keep: true).Present!;
        using var shared = prefix.AsShared();
        using var behind = scorer.Score(questions, shared, sampled: true, TestContext.Current.CancellationToken);
        Assert.Equal([2L, 2L], alone.shape);
        Assert.Equal([2L, 2L], behind.shape);
        Assert.Equal(0, HostTransfer.Count - before);
    }
}
