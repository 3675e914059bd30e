using System.Globalization;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>A world and the model that was pre-trained on it, the first stage of a study; or a checkpoint and questions.</summary>
public sealed class BaseModel : IDisposable
{
    /// <summary>Raised whenever a result would change.</summary>
    public const int Version = 4;

    private readonly Lazy<DecoderWeights> weights;

    /// <summary>Seed of world and model.</summary>
    public int Seed { get; }
    /// <summary>The stage's key in the store.</summary>
    public string Key { get; }
    /// <summary>
    /// The model's folder; that of a stage: <c>config.json</c>, <c>model.safetensors</c>, <c>tokenizer.json</c>, <c>facts.parquet</c>,
    /// <c>exposures.parquet</c>; transformers loads it as a <c>LlamaForCausalLM</c>.
    /// </summary>
    public string Folder { get; }
    /// <summary>The facts.</summary>
    public Dataset Dataset { get; }
    /// <summary>How often pre-training stated each fact of the lab; empty for a checkpoint.</summary>
    public IReadOnlyList<ExposureRow> Exposures { get; private init; } = [];
    /// <summary>The model's tokenizer; the lab's knows the words of the world.</summary>
    public ITokenizer Tokenizer { get; }
    /// <summary>The parameters, read when first asked for.</summary>
    public DecoderWeights Weights => weights.Value;

    private BaseModel(int seed, string key, string folder, Dataset dataset, Compute compute)
    {
        (Seed, Key, Folder, Dataset) = (seed, key, folder, dataset);
        Tokenizer = Checkpoint.OpenTokenizer(folder);
        weights = new(() => Checkpoint.Load(folder, compute.Device, trainable: false, compute.DType));
    }

    /// <summary>A model that we did not make, with the questions that it is asked.</summary>
    internal static BaseModel OfCheckpoint(string folder, Dataset dataset, int seed, Compute compute) =>
        new(seed, ModelFiles.Hash(folder), folder, dataset, compute);

    /// <summary>Makes the world and pre-trains the model, unless the store has both.</summary>
    /// <param name="options">The study's choices; world and pre-training matter here.</param>
    /// <param name="seed">Seed of world and model.</param>
    /// <param name="store">Where the result is kept.</param>
    /// <param name="device">Where the model is trained and loaded.</param>
    /// <param name="progress">Told how far pre-training is.</param>
    /// <param name="cancellation">Stops between steps; at most 20 seconds of work are lost.</param>
    public static BaseModel Ensure(StudyOptions options, int seed, RunStore store, torch.Device device, IProgressReport progress,
        CancellationToken cancellation)
    {
        store.Device = device.ToString();
        var stage = StageOf(options, seed, store);
        stage.Ensure(scratch =>
        {
            progress.Stage(StageName(seed));
            var world = SyntheticWorld.Create(options.World, seed);
            var questions = world.Dataset.Facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, $"{f.Answer} {f.Rival}"));
            var tokenizer = WordLevelTokenizer.Train(world.Documents.Concat(questions));
            var documents = world.Documents.Select(d => tokenizer.Encode(d).Append(tokenizer.EosId!.Value).ToArray()).ToArray();
            var tokens = documents.Sum(d => (long)d.Length);
            progress.Say(string.Create(CultureInfo.InvariantCulture, 
                $"World {seed}: {world.Dataset.Facts.Count:N0} facts, {documents.Length:N0} documents, {tokens:N0} tokens a pass, "
                + $"{tokenizer.VocabularySize} words."));
            using var trained = PreTraining.Run(options.PreTraining, tokenizer.VocabularySize, epoch =>
                [.. world.Order(epoch).SelectMany(i => documents[i])],
                seed, device, scratch, StageName(seed), progress, cancellation);
            var checkpoint = Path.Combine(scratch, $"done-{Guid.NewGuid():N}"); // of this process alone, also where locks do not work
            Checkpoint.Save(checkpoint, trained);
            return folder =>
            {
                foreach (var file in Directory.GetFiles(checkpoint)) File.Move(file, Path.Combine(folder, Path.GetFileName(file)));
                tokenizer.Save(folder);
                Tables.Write(Path.Combine(folder, "facts.parquet"), world.Dataset.Facts);
                Tables.Write(Path.Combine(folder, "exposures.parquet"), world.Exposures);
            };
        });
        var dataset = new Dataset(SyntheticWorld.Relations, Tables.Read<Fact>(stage.File("facts.parquet")));
        return new BaseModel(seed, stage.Key, stage.Folder, dataset, new Compute(device, torch.ScalarType.Float32))
        {
            Exposures = Tables.Read<ExposureRow>(stage.File("exposures.parquet")),
        };
    }

    internal static Stage StageOf(StudyOptions options, int seed, RunStore store) =>
        store.Stage("model", Version, $"world and base model, seed {seed}", new { options.World, options.PreTraining }, seed);

    private static string StageName(int seed) => $"pre-training (seed {seed})";

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        if (weights.IsValueCreated) weights.Value.Dispose();
    }
}
