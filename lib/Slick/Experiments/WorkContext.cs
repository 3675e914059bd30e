using System.Collections.Concurrent;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>A model that stages read.</summary>
/// <param name="Folder">Its folder, as Hugging Face lays it out.</param>
/// <param name="Weights">The parameters.</param>
/// <param name="Tokenizer">The tokenizer.</param>
internal sealed record OpenedModel(string Folder, DecoderWeights Weights, ITokenizer Tokenizer);

/// <summary>Questions of one relation that a model is asked, and the facts that its exemplars are drawn from.</summary>
/// <param name="Questions">What is asked.</param>
/// <param name="Dev">The relation's dev facts.</param>
internal sealed record AskedQuestions(IReadOnlyList<Fact> Questions, IReadOnlyList<Fact> Dev);

/// <summary>Opens what stages read, each thing once: models, facts, questions. Called from several threads at once.</summary>
/// <param name="store">The store whose stages are read.</param>
/// <param name="compute">Where models are.</param>
/// <param name="sources">What is outside of the store, by the name that stages call it.</param>
internal sealed class WorkContext(RunStore store, Compute compute, Sources sources) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<OpenedModel>> models = [];
    private readonly ConcurrentDictionary<string, Lazy<Dataset>> datasets = [];

    /// <summary>The store.</summary>
    public RunStore Store => store;
    /// <summary>Where models are.</summary>
    public Compute Compute => compute;
    /// <summary>Bound on a batch's memory, in bytes: it changes how questions are batched, and no label but by rounding.</summary>
    public long Bytes { get; init; } = BatchLimits.DefaultBytes;

    /// <summary>A model: a finished stage of pre-training, or a checkpoint.</summary>
    /// <param name="name">As stages name it.</param>
    public OpenedModel Model(string name) => models.GetOrAdd(name, _ => new(() =>
    {
        var folder = sources.Checkpoints.GetValueOrDefault(name) ?? store.Finished(name).Folder;
        var (weights, tokenizer) = Checkpoint.Open(folder, compute);
        return new(folder, weights, tokenizer);
    })).Value;

    /// <summary>A server that answers; null where the name is that of a model.</summary>
    /// <param name="name">As stages name it.</param>
    public CompletionServer? Server(string name) => sources.Servers.GetValueOrDefault(name);

    /// <summary>Facts: those of a world that is a finished stage, or a dataset's.</summary>
    /// <param name="name">As stages name it.</param>
    public Dataset Dataset(string name) => datasets.GetOrAdd(name, _ => new(() =>
        sources.Datasets.GetValueOrDefault(name) ?? WorldStage.Read(store.Finished(name)))).Value;

    /// <summary>The questions of one relation and split: a world's, or those that a dataset was asked for.</summary>
    /// <param name="name">As stages name it.</param>
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

/// <summary>What stages read that is outside of a store, by the name that stages call it; the name holds the content's hash.</summary>
internal sealed class Sources
{
    /// <summary>Folders of checkpoints.</summary>
    public Dictionary<string, string> Checkpoints { get; } = [];
    /// <summary>Servers that answer; whoever opened them closes them.</summary>
    public Dictionary<string, CompletionServer> Servers { get; } = [];
    /// <summary>Datasets.</summary>
    public Dictionary<string, Dataset> Datasets { get; } = [];
    /// <summary>Questions of one relation.</summary>
    public Dictionary<string, AskedQuestions> Asked { get; } = [];

    /// <summary>Takes another's sources; the same name is the same source.</summary>
    public void Add(Sources other)
    {
        foreach (var (name, folder) in other.Checkpoints) Checkpoints[name] = folder;
        foreach (var (name, dataset) in other.Datasets) Datasets[name] = dataset;
        foreach (var (name, asked) in other.Asked) Asked[name] = asked;
    }
}
