using System.Collections.Concurrent;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>A model that stages read, loaded.</summary>
/// <param name="Folder">The model's folder, in Hugging Face's layout.</param>
/// <param name="Weights">The parameters.</param>
/// <param name="Tokenizer">The tokenizer.</param>
internal sealed record OpenedModel(string Folder, DecoderWeights Weights, ITokenizer Tokenizer);

/// <summary>The questions of one relation that a model is asked, and the facts from which its exemplars are drawn.</summary>
/// <param name="Questions">The questions.</param>
/// <param name="Dev">The relation's dev facts.</param>
internal sealed record AskedQuestions(IReadOnlyList<Fact> Questions, IReadOnlyList<Fact> Dev);

/// <summary>Opens the inputs of stages: models, facts, questions. Each is opened once. Several threads may use this object at
/// once.</summary>
/// <param name="store">The store whose stages are read.</param>
/// <param name="compute">Device and number format of the models.</param>
/// <param name="sources">The inputs that are outside of the store, by the names that stages give them.</param>
internal sealed class WorkContext(RunStore store, Compute compute, Sources sources) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<OpenedModel>> models = [];
    private readonly ConcurrentDictionary<string, Lazy<Dataset>> datasets = [];

    /// <summary>The store.</summary>
    public RunStore Store => store;
    /// <summary>Device and number format of the models.</summary>
    public Compute Compute => compute;
    /// <summary>Bounds on the passes of labelling; null for those that fit the free memory.</summary>
    public PassBounds? Bounds { get; init; }

    /// <summary>Told what was done for a stage of labels; null for nobody.</summary>
    public Action<Stage, PassCounts>? Counted { get; init; }

    /// <summary>
    /// The memory that a pass of labelling may take, by what is free (<see cref="PassBounds.On"/>): the model must be loaded before. It
    /// changes estimates only by rounding.
    /// </summary>
    /// <param name="progress">Told when there is less memory than was free.</param>
    public PassMemory PassMemory(IProgressReport progress) =>
        new(Bounds ?? PassBounds.On(compute.Device, compute.Memory), progress.Say);

    /// <summary>The model of a name: that of a finished stage of pre-training, or a checkpoint.</summary>
    /// <param name="name">The name that stages give the model.</param>
    public OpenedModel Model(string name) => models.GetOrAdd(name, _ => new(() =>
    {
        var folder = sources.Checkpoints.GetValueOrDefault(name) ?? store.Finished(name).Folder;
        var (weights, tokenizer) = Checkpoint.Open(folder, compute);
        return new(folder, weights, tokenizer);
    })).Value;

    /// <summary>The server of a name; null where the name is that of a model in this process.</summary>
    /// <param name="name">The name that stages give the server.</param>
    public CompletionServer? Server(string name) => sources.Servers.GetValueOrDefault(name);

    /// <summary>The facts of a name: those of a world (a finished stage), or a dataset.</summary>
    /// <param name="name">The name that stages give the facts.</param>
    public Dataset Dataset(string name) => datasets.GetOrAdd(name, _ => new(() =>
        sources.Datasets.GetValueOrDefault(name) ?? WorldStage.Read(store.Finished(name)))).Value;

    /// <summary>How often pre-training states each fact of a name, by the fact's id; empty for a dataset.</summary>
    /// <param name="name">The name that stages give the facts.</param>
    public IReadOnlyList<ExposureRow> Exposures(string name) =>
        sources.Datasets.ContainsKey(name) ? [] : WorldStage.ReadExposures(store.Finished(name));

    /// <summary>The ids of the facts on each step of a world's ladder; null for a dataset.</summary>
    /// <param name="name">The name that stages give the facts.</param>
    public IReadOnlyList<IReadOnlySet<int>>? Ladder(string name) => sources.Datasets.ContainsKey(name) ? null
        : Slick.Facts.Ladder.Facts(Dataset(name), store.Finished(name).Stage.OptionsAs<WorldOptions>());

    /// <summary>The documents of a world (a finished stage).</summary>
    /// <param name="name">The name that stages give the facts.</param>
    public IReadOnlyList<string> Documents(string name)
    {
        var world = store.Finished(name).Stage;
        return SyntheticWorld.Create(world.OptionsAs<WorldOptions>(), world.Seed).Documents;
    }

    /// <summary>The questions of one relation and split: all of a world, or those that were drawn from a dataset.</summary>
    /// <param name="name">The name that stages give the questions.</param>
    /// <param name="relation">The relation's id.</param>
    /// <param name="split">The part of the dataset.</param>
    public AskedQuestions Asked(string name, string relation, Split split)
    {
        if (sources.Asked.TryGetValue(name, out var asked)) return asked;
        var dataset = Dataset(name);
        return new(dataset.Of(relation, split), dataset.Of(relation, Split.Dev));
    }

    /// <summary>Frees the models.</summary>
    public void Dispose()
    {
        foreach (var model in models.Values.Where(m => m.IsValueCreated)) model.Value.Weights.Dispose();
    }
}

/// <summary>The inputs of stages that are outside of a store, by the names that stages give them. A name has the hash of the
/// content.</summary>
internal sealed class Sources
{
    /// <summary>Folders of checkpoints, by name.</summary>
    public Dictionary<string, string> Checkpoints { get; } = [];
    /// <summary>Servers, by name. The code that opened a server closes it.</summary>
    public Dictionary<string, CompletionServer> Servers { get; } = [];
    /// <summary>Datasets, by name.</summary>
    public Dictionary<string, Dataset> Datasets { get; } = [];
    /// <summary>Questions of one relation, by name.</summary>
    public Dictionary<string, AskedQuestions> Asked { get; } = [];

    /// <summary>Adds the checkpoints, datasets and questions of other sources. Equal names mean equal content.</summary>
    public void Add(Sources other)
    {
        foreach (var (name, folder) in other.Checkpoints) Checkpoints[name] = folder;
        foreach (var (name, dataset) in other.Datasets) Datasets[name] = dataset;
        foreach (var (name, asked) in other.Asked) Asked[name] = asked;
    }
}
