using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>Shape of the lab's model, and settings of its pre-training.</summary>
public sealed record PreTrainingOptions
{
    /// <summary>Width of the residual stream (D).</summary>
    [Range(8, 8192)]
    public int HiddenSize { get; init; } = 128;
    /// <summary>Number of transformer blocks.</summary>
    [Range(1, 100)]
    public int Layers { get; init; } = 4;
    /// <summary>Number of query heads.</summary>
    [Range(1, 128)]
    public int Heads { get; init; } = 4;
    /// <summary>Number of key and value heads.</summary>
    [Range(1, 128)]
    public int KeyValueHeads { get; init; } = 4;
    /// <summary>Inner width of the SwiGLU MLP.</summary>
    [Range(8, 65_536)]
    public int IntermediateSize { get; init; } = 352;
    /// <summary>Length of a training row, in tokens.</summary>
    [Range(16, 8192)]
    public int ContextTokens { get; init; } = 128;
    /// <summary>Rows of a batch; a multiple of <see cref="Shards"/>.</summary>
    [Range(1, 65_536)]
    public int BatchRows { get; init; } = 16;
    /// <summary>Number of epochs. An epoch is one pass over the documents.</summary>
    [Range(1, 1000)]
    public int Epochs { get; init; } = 2;
    /// <summary>Highest learning rate of AdamW in the run.</summary>
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 2e-3;
    /// <summary>Share of the steps in which the learning rate rises. After these steps it falls along a cosine.</summary>
    [Range(0.0, 1.0)]
    public double WarmupShare { get; init; } = 0.05;
    /// <summary>The learning rate at the end of the run, as a share of the highest one.</summary>
    [Range(0.0, 1.0)]
    public double FinalShare { get; init; } = 0.1;
    /// <summary>Decoupled weight decay of AdamW.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; } = 0.1;
    /// <summary>Largest norm of the gradient. A gradient with a larger norm is scaled down to it.</summary>
    [Range(1e-3, 1e6)]
    public double ClipNorm { get; init; } = 1;
    /// <summary>
    /// Number of parts of a batch that are worked on side by side, one thread each. The result depends on this number, not on the number of
    /// cores.
    /// </summary>
    [Range(1, 256)]
    public int Shards { get; init; } = 2;

    /// <summary>Checks the range of each option, and whether the options fit each other.</summary>
    /// <returns>The same record.</returns>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    public PreTrainingOptions Check()
    {
        OptionRanges.Check(this, "preTraining");
        if (HiddenSize % (2 * Heads) != 0) throw new UsageException(
            $"preTraining.hiddenSize = {HiddenSize} is no multiple of twice preTraining.heads = {Heads}.");
        if (Heads % KeyValueHeads != 0) throw new UsageException(
            $"preTraining.keyValueHeads = {KeyValueHeads} does not divide preTraining.heads = {Heads}.");
        if (BatchRows % Shards != 0) throw new UsageException(
            $"preTraining.batchRows = {BatchRows} is no multiple of preTraining.shards = {Shards}.");
        return this;
    }

    /// <summary>The shape of the decoder.</summary>
    /// <param name="vocabularySize">Entries of the vocabulary.</param>
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
/// Pre-training on packed documents: next-token prediction with AdamW, warm-up and cosine. An epoch has as many whole batches as its
/// documents fill. The tokens behind the last whole batch of an epoch are not read. Each epoch has its documents in another order, so these
/// are other tokens each time.
/// </summary>
public static class PreTraining
{
    /// <summary>Trains a fresh decoder. The same arguments give the same weights, also when the run was interrupted and resumed.</summary>
    /// <param name="options">Shape and settings.</param>
    /// <param name="vocabularySize">Entries of the vocabulary.</param>
    /// <param name="epoch">Gives the token ids of an epoch (0, 1, ...): all documents in that epoch's order, packed one after the
    /// other.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="device">Where to train.</param>
    /// <param name="scratch">A folder for the checkpoint that a later call resumes from.</param>
    /// <param name="stage">The stage's name in progress reports.</param>
    /// <param name="progress">Told tokens, tokens per second and loss.</param>
    /// <param name="cancellation">Checked between steps. A checkpoint is written before the run ends.</param>
    /// <param name="threads">How many parts of the batch are worked on at once; null for all. The result does not depend on it.</param>
    /// <param name="ownsScratch">Looks whether <paramref name="scratch"/> is still this run's; null where no other process can have it. A
    /// run that has lost the folder ends and writes nothing more there.</param>
    /// <exception cref="SlickException">The documents do not fill a batch, the memory does not suffice, or the checkpoint in
    /// <paramref name="scratch"/> is that of another run.</exception>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="DivergedException">The loss is not a number, or above twice the loss of guessing among all tokens.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static DecoderWeights Run(PreTrainingOptions options, int vocabularySize, Func<int, int[]> epoch, int seed, Device device,
        string scratch, string stage, IProgressReport progress, CancellationToken cancellation, int? threads = null,
        Func<bool>? ownsScratch = null)
    {
        var shape = options.Check().Shape(vocabularySize);
        TrainingForecast.OfMemory(shape, options).Demand(FreeMemory.On(device), "preTraining");
        var weights = new DecoderWeights(shape, device, trainable: true);
        try
        {
            weights.Initialize(seed);
            MemoryFailure.Guard(() => Train(weights, options, epoch, seed, scratch, stage, progress, threads ?? options.Shards,
                ownsScratch ?? (() => true), cancellation),
                "Pre-training", "preTraining");
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static void Train(DecoderWeights weights, PreTrainingOptions options, Func<int, int[]> epoch, int seed, string scratch,
        string stage, IProgressReport progress, int threads, Func<bool> ownsScratch, CancellationToken cancellation)
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
            using var hash = new RunHash();
            hash.Options(options).Numbers(seed, weights.Config.VocabularySize);
            stream = Upload(epoch(0), hash, device);
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
                    stream = Upload(epoch(loaded = step / epochSteps), null, device);
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
                new(LearningRateShape.WarmupCosine, options.LearningRate, options.WarmupShare, options.FinalShare))
            {
                Hash = hash.Value(),
                Gradient = Gradient,
                StepDone = StepDone,
                File = Path.Combine(scratch, CheckpointFile),
                OwnsFile = ownsScratch,
            }.Run(cancellation);
        }
        finally
        {
            stream?.Dispose();
            foreach (var decoder in decoders) decoder.Dispose();
            foreach (var other in shards.Skip(1)) other.Dispose();
        }
    }

    /// <summary>File name of the checkpoint. A checkpoint that an older version wrote under another name is not read.</summary>
    internal const string CheckpointFile = "pre-training.safetensors";

    // An epoch's token ids on the device, int64 [tokens]. Each step takes a slice of this tensor. The tokens are added to a hash where one
    // is given.
    private static Tensor Upload(int[] tokens, RunHash? hash, Device device)
    {
        hash?.Numbers(tokens);
        using var scope = NewDisposeScope();
        return tensor(tokens, ScalarType.Int64).to(device).DetachFromDisposeScope();
    }

    private static void Backward(Decoder decoder, Tensor stream, int offset, int shard, PreTrainingOptions options, Tensor losses)
    {
        using var scope = NewDisposeScope();
        var rows = options.BatchRows / options.Shards;
        var count = rows * options.ContextTokens;
        // The tokens of the rows, and the one token that follows the last row.
        var ids = stream.narrow(0, offset + shard * count, count + 1);
        var (hidden, _) = decoder.Forward(ids.narrow(0, 0, count).view(rows, options.ContextTokens));
        var logits = decoder.Logits(hidden).view(count, decoder.Config.VocabularySize);
        var loss = nn.functional.cross_entropy(logits, ids.narrow(0, 1, count)).div_(Scalars.Of((double)options.Shards));
        Repeatable.Backward(loss);
        using (no_grad()) losses.narrow(0, shard, 1).copy_(loss.detach().view(1));
    }
}
