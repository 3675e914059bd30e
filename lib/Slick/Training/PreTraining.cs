using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>How the lab's model is shaped and pre-trained.</summary>
public sealed record PreTrainingOptions
{
    /// <summary>Width of the residual stream.</summary>
    [Range(8, 8192)]
    public int HiddenSize { get; init; } = 128;
    /// <summary>Number of blocks.</summary>
    [Range(1, 100)]
    public int Layers { get; init; } = 4;
    /// <summary>Query heads.</summary>
    [Range(1, 128)]
    public int Heads { get; init; } = 4;
    /// <summary>Key and value heads.</summary>
    [Range(1, 128)]
    public int KeyValueHeads { get; init; } = 4;
    /// <summary>Inner width of the SwiGLU blocks.</summary>
    [Range(8, 65_536)]
    public int IntermediateSize { get; init; } = 352;
    /// <summary>Length of a training row, in tokens.</summary>
    [Range(16, 8192)]
    public int ContextTokens { get; init; } = 128;
    /// <summary>Rows of a batch.</summary>
    [Range(1, 65_536)]
    public int BatchRows { get; init; } = 16;
    /// <summary>Passes over the documents.</summary>
    [Range(1, 1000)]
    public int Epochs { get; init; } = 2;
    /// <summary>Highest learning rate of AdamW, after the warm-up.</summary>
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 2e-3;
    /// <summary>Share of the steps in which the learning rate rises; then it falls as a cosine to a tenth.</summary>
    [Range(0.0, 1.0)]
    public double WarmupShare { get; init; } = 0.05;
    /// <summary>Decoupled weight decay.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; } = 0.1;
    /// <summary>Largest norm of the gradient.</summary>
    [Range(1e-3, 1e6)]
    public double ClipNorm { get; init; } = 1;
    /// <summary>
    /// Parts of a batch that are worked on side by side, one thread each. The result depends on this number, not on the number of cores.
    /// </summary>
    [Range(1, 256)]
    public int Shards { get; init; } = 2;

    /// <summary>The decoder's shape for a vocabulary of this size.</summary>
    public DecoderConfig Shape(int vocabularySize) => new()
    {
        VocabularySize = vocabularySize,
        HiddenSize = HiddenSize,
        Layers = Layers,
        Heads = Heads,
        KeyValueHeads = KeyValueHeads,
        HeadDim = HiddenSize / Heads,
        IntermediateSize = IntermediateSize,
        MaxPositions = 2 * ContextTokens,
    };
}

/// <summary>
/// Pre-training on packed documents: next-token prediction with AdamW, warm-up and cosine. An epoch is as many whole batches
/// as its documents fill: what is left at its end, less than a batch and other documents in each epoch, is not read.
/// </summary>
public static class PreTraining
{
    /// <summary>Trains a fresh decoder. The same arguments give the same weights, also when the work was interrupted and resumed.</summary>
    /// <param name="options">Shape and schedule.</param>
    /// <param name="vocabularySize">Entries of the tokenizer.</param>
    /// <param name="epoch">The token ids of all documents in the order of an epoch (0, 1, ...), packed one after the other.</param>
    /// <param name="seed">Seed of the first weights.</param>
    /// <param name="device">Where to train.</param>
    /// <param name="scratch">A folder for the checkpoint that a later call resumes from.</param>
    /// <param name="stage">The stage's name in progress reports.</param>
    /// <param name="progress">Told tokens, tokens/s and loss.</param>
    /// <param name="cancellation">Stops after the step under way, with a checkpoint.</param>
    /// <param name="threads">How many of the batch's parts are worked on at once; all by default. The result does not depend on it.</param>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    /// <exception cref="DivergedException">The loss is no number any more, or explodes.</exception>
    public static DecoderWeights Run(PreTrainingOptions options, int vocabularySize, Func<int, int[]> epoch, int seed, Device device,
        string scratch, string stage, IProgressReport progress, CancellationToken cancellation, int? threads = null)
    {
        OptionRanges.Check(options, "preTraining");
        var shape = options.Shape(vocabularySize);
        TrainingForecast.OfMemory(shape, options).Demand(FreeMemory.On(device), "preTraining");
        var weights = new DecoderWeights(shape, device, trainable: true);
        try
        {
            weights.Initialize(seed);
            MemoryFailure.Guard(() => Train(weights, options, epoch, scratch, stage, progress, threads ?? options.Shards, cancellation),
                "Pre-training", "preTraining");
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static void Train(DecoderWeights weights, PreTrainingOptions options, Func<int, int[]> epoch, string scratch, string stage,
        IProgressReport progress, int threads, CancellationToken cancellation)
    {
        var device = weights.Flat.device;
        using var optimizer = new AdamW(weights) { Beta2 = 0.95, WeightDecay = options.WeightDecay, ClipNorm = options.ClipNorm };
        var (shards, decoders, stream) = (new List<DecoderWeights>(), new List<Decoder>(), (Tensor?)null);
        try
        {
            for (var i = 0; i < options.Shards; i++)
            {
                shards.Add(i == 0 ? weights : weights.ShareParameters());
                decoders.Add(new Decoder(shards[i]));
            }
            var stepTokens = options.BatchRows * options.ContextTokens;
            stream = Upload(epoch(0), device);
            var epochSteps = (int)(stream.size(0) - 1) / stepTokens;
            if (epochSteps < 1)
                throw new SlickException(
                    $"The documents have {stream.size(0)} tokens, a batch needs {stepTokens}; make the world larger or the batch smaller.");
            var steps = epochSteps * options.Epochs;
            var (loaded, begun) = (0, -1);
            var clock = Stopwatch.StartNew();
            using var losses = zeros(options.Shards, device: device);
            void Gradient(int step)
            {
                if (begun < 0) begun = step;
                if (step / epochSteps != loaded)
                {
                    stream.Dispose();
                    stream = Upload(epoch(loaded = step / epochSteps), device);
                }
                var offset = step % epochSteps * stepTokens;
                SideBySide.For(options.Shards, i => Backward(decoders[i], stream, offset, i, options, losses), CancellationToken.None,
                    threads);
                using (no_grad())
                using (NewDisposeScope())
                    foreach (var other in shards.Skip(1))
                    {
                        weights.FlatGradient!.add_(other.FlatGradient!, Scalars.One);
                        other.FlatGradient!.zero_();
                    }
            }
            void StepDone(int step)
            {
                if (step % 10 != 9 && step != steps - 1) return;
                var loss = HostTransfer.Read<float>(losses).Sum();
                DivergedException.ThrowIf(loss, weights.Config.VocabularySize, $"Pre-training diverged at step {step + 1}",
                    "preTraining.learningRate", options.LearningRate);
                var speed = (step + 1 - begun) * (double)stepTokens / clock.Elapsed.TotalSeconds;
                progress.Report(stage, (step + 1) * (double)stepTokens, steps * (double)stepTokens,
                    $"loss {loss:F3}, {speed:N0} tokens/s");
            }
            new TrainingLoop(optimizer, options.Epochs, epochSteps,
                new(LearningRateShape.WarmupCosine, options.LearningRate, options.WarmupShare))
            {
                Gradient = Gradient,
                StepDone = StepDone,
                File = Path.Combine(scratch, CheckpointFile),
            }.Run(cancellation);
        }
        finally
        {
            stream?.Dispose();
            foreach (var decoder in decoders) decoder.Dispose();
            foreach (var other in shards.Skip(1)) other.Dispose();
        }
    }

    /// <summary>The checkpoint's name. One that an older version wrote under another name is not read.</summary>
    internal const string CheckpointFile = "pre-training.safetensors";

    // An epoch's token ids, int64 [tokens], once on the device: the steps take slices of it.
    private static Tensor Upload(int[] tokens, Device device)
    {
        using var scope = NewDisposeScope();
        return tensor(tokens, ScalarType.Int64).to(device).DetachFromDisposeScope();
    }

    private static void Backward(Decoder decoder, Tensor stream, int offset, int shard, PreTrainingOptions options, Tensor losses)
    {
        using var scope = NewDisposeScope();
        var rows = options.BatchRows / options.Shards;
        var count = rows * options.ContextTokens;
        // The rows and, after them, the token that follows each row's last.
        var ids = stream.narrow(0, offset + shard * count, count + 1);
        var (hidden, _) = decoder.Forward(ids.narrow(0, 0, count).view(rows, options.ContextTokens));
        var logits = decoder.Logits(hidden).view(count, decoder.Config.VocabularySize);
        var loss = nn.functional.cross_entropy(logits, ids.narrow(0, 1, count)).div_(Scalars.Of((double)options.Shards));
        loss.backward();
        using (no_grad()) losses.narrow(0, shard, 1).copy_(loss.detach().view(1));
    }
}
