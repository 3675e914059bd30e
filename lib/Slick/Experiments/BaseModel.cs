using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>A model and the facts that it is asked about: the lab's model with its world, or a checkpoint with a dataset.</summary>
public sealed class BaseModel : IDisposable
{
    private readonly Lazy<DecoderWeights> weights;

    /// <summary>Seed of the lab's world and model; for a checkpoint the seed of its exemplars and drawn answers.</summary>
    public int Seed { get; }
    /// <summary>The model's folder: <c>config.json</c>, <c>model.safetensors</c>, <c>tokenizer.json</c>. Hugging Face transformers loads
    /// the lab's model as a <c>LlamaForCausalLM</c>.</summary>
    public string Folder { get; }
    /// <summary>The facts that the model is asked about.</summary>
    public Dataset Dataset { get; }
    /// <summary>How often pre-training stated each fact of the lab's world; empty for a checkpoint.</summary>
    public IReadOnlyList<ExposureRow> Exposures { get; private init; } = [];
    /// <summary>The model's tokenizer. The tokenizer of the lab's model has the words of its world.</summary>
    public ITokenizer Tokenizer { get; }
    /// <summary>The parameters. They are read at the first use.</summary>
    public DecoderWeights Weights => weights.Value;

    private BaseModel(int seed, string folder, Dataset dataset, Compute compute)
    {
        (Seed, Folder, Dataset) = (seed, folder, dataset);
        Tokenizer = Checkpoint.OpenTokenizer(folder);
        weights = new(() => Checkpoint.Load(folder, compute.Device, trainable: false, compute.DType));
    }

    /// <summary>A model that we did not make, with the dataset that it is asked.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="dataset">The facts that it is asked about.</param>
    /// <param name="seed">Seed of exemplars and drawn answers.</param>
    /// <param name="compute">Device and number format of the model.</param>
    /// <exception cref="SlickException">The folder has no tokenizer that can be read.</exception>
    public static BaseModel OfCheckpoint(string folder, Dataset dataset, int seed, Compute compute) =>
        new(seed, folder, dataset, compute);

    /// <summary>The lab's model, as it was published.</summary>
    internal static BaseModel OfPublished(string folder, Dataset dataset, IReadOnlyList<ExposureRow> exposures, int seed,
        Compute compute) => new(seed, folder, dataset, compute) { Exposures = exposures };

    /// <summary>The lab's model, from finished stages.</summary>
    internal static BaseModel Of(BaseStages stages, RunStore store, Compute compute) =>
        new(stages.Seed, store.Of(stages.Model!).Folder, WorldStage.Read(store.Of(stages.World!)), compute)
        {
            Exposures = WorldStage.ReadExposures(store.Of(stages.World!)),
        };

    /// <summary>Makes the world and pre-trains the model, unless the store has both.</summary>
    /// <param name="options">The study's options; those of world and pre-training matter here.</param>
    /// <param name="seed">Seed of world and model.</param>
    /// <param name="store">The store that keeps world and model.</param>
    /// <param name="compute">Device and number format of the model.</param>
    /// <param name="progress">Told how far pre-training is.</param>
    /// <param name="cancellation">Stops between steps. At most 20 seconds of work are lost.</param>
    /// <exception cref="DivergedException">Pre-training diverged.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static BaseModel Ensure(StudyOptions options, int seed, RunStore store, Compute compute, IProgressReport? progress = null,
        CancellationToken cancellation = default)
    {
        var stages = StudyPlan.Base(options, seed, [], compute.Platform);
        Workers.Run(new($"base model, seed {seed}", [stages.World!, stages.Model!], compute.Platform.IsGpu), store, compute, progress,
            cancellation);
        stages.ThrowIfFailed(store);
        return Of(stages, store, compute);
    }

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        if (weights.IsValueCreated) weights.Value.Dispose();
    }
}
