using System.Collections.Concurrent;
using System.Globalization;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>SliCK's labels of a model, which need not be one of ours.</summary>
/// <param name="Model">The model's name: the name of its folder, or the name that the server gives it.</param>
/// <param name="Options">Which questions were asked, and how.</param>
/// <param name="NumberFormat">fp32 or bf16; <c>served</c> where a server computes.</param>
/// <param name="Labels">The labels, relation by relation.</param>
/// <param name="MovedBoundaries">How many prompted questions, over all prompts, have an answer that the tokenizer joins with the end of the
/// prompt or with the end of the line.</param>
/// <param name="Table">Path of the labels' Parquet file in the store; empty for the lab's model.</param>
public sealed record AnnotationResult(string Model, AnnotationOptions Options, string NumberFormat, IReadOnlyList<LabelRow> Labels,
    int MovedBoundaries, string Table)
{
    /// <summary>The source of the questions. The paper's numbers are about EntityQuestions.</summary>
    public string Source { get; init; } = EntityQuestions;

    /// <summary>URL of the server that was asked; empty for a model in this process.</summary>
    public string Server { get; init; } = "";

    /// <summary>What was done now for each relation, by its id. A relation whose labels were read from the store, or that a server
    /// answered, is not there.</summary>
    public IReadOnlyDictionary<string, PassCounts> Passes { get; init; } = new Dictionary<string, PassCounts>();

    internal const string EntityQuestions = "EntityQuestions";

    internal const string Lab = "the lab's invented world";
}

/// <summary>SliCK on a model folder or a server, with EntityQuestions or a question file. The work is one stage for each relation, and one
/// for the table of all labels.</summary>
public static class Annotation
{
    // If a larger share than this of the questions' tokens is unknown, the tokenizer was made for another kind of text.
    private const double MostUnknown = 0.05;

    /// <summary>The work on one relation: its questions and its stage.</summary>
    internal sealed record Part(AskedQuestions Asked, Stage Stage)
    {
        public string Relation => Asked.Questions[0].Relation;
        public IReadOnlyList<Fact> Questions => Asked.Questions;
    }

    /// <summary>
    /// Labels the questions that the store has no labels of. Interrupted work goes on in the middle of a relation and ends with the same
    /// bytes. A killed process repeats less than 30 seconds of work. Memory: the weights, the keys and values of a relation's prompts, and
    /// up to 4 GiB for the current batch, however many questions there are.
    /// </summary>
    /// <param name="model">A folder with <c>config.json</c>, safetensors and <c>tokenizer.json</c>.</param>
    /// <param name="data">EntityQuestions in its official layout, or a question file.</param>
    /// <param name="options">Which questions, and how.</param>
    /// <param name="store">The store that keeps the tables.</param>
    /// <param name="compute">Device and number format of the model.</param>
    /// <param name="progress">Told the forecast and how far each relation is.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="UsageException">An option is out of its range. Or there is no such relation, or it has no train questions because
    /// it is out of distribution.</exception>
    /// <exception cref="SlickException">The model or the dataset cannot be read, the two do not fit each other, or a relation has no
    /// questions in the split.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static AnnotationResult Run(string model, string data, AnnotationOptions options, RunStore store, Compute compute,
        IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        progress ??= Progress.None;
        options.Check();
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)));
        // The questions first: the hash reads all of the model.
        var dataset = options.Read(data);
        foreach (var remark in dataset.Remarks) progress.Say(remark);
        var checkpoint = "checkpoint-" + ModelFiles.Hash(model);
        var parts = Parts(name, checkpoint, dataset, options, compute.Platform, progress);
        var left = Left(parts, store);
        var (width, bounds) = left.Count > 0 ? Prepare(model, left, parts, options, compute, progress, cancellation) : (null, null);
        return Work(name, parts, new() { Checkpoints = { [checkpoint] = model } }, dataset, options with { Bounds = bounds }, store,
            compute, compute.Platform, width, progress, cancellation) with { Options = options };
    }

    /// <summary>
    /// Labels questions by a server, which draws answers as the paper does (Sampled). Answers are kept question by question. Work that was
    /// interrupted, or that a broken server ended, goes on in the middle of a relation.
    /// </summary>
    /// <param name="server">The server.</param>
    /// <param name="secret">The key that the server asks for.</param>
    /// <param name="data">EntityQuestions in its official layout, or a question file.</param>
    /// <param name="options">Which questions, and how.</param>
    /// <param name="store">The store that keeps the tables. A file <c>server.parquet</c> lies beside the labels
    /// (<see cref="ServerRow"/>).</param>
    /// <param name="progress">Told how far each relation is, and which settings the server refuses.</param>
    /// <param name="cancellation">Ends the requests that are waiting.</param>
    /// <exception cref="UsageException">An option is out of its range, there is no such relation, or the estimator is Exact, which needs a
    /// local model.</exception>
    /// <exception cref="SlickException">The dataset cannot be read, a relation has no questions in the split, or the server does not
    /// answer.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static AnnotationResult RunByServer(ServerOptions server, ServerSecret secret, string data, AnnotationOptions options,
        RunStore store, IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        progress ??= Progress.None;
        options.Check();
        using var source = new CompletionServer(server, secret, progress.Say);
        if (options.Estimator == EstimatorKind.Exact) ExactEstimator.RequireLocal(source);
        var dataset = options.Read(data);
        foreach (var remark in dataset.Remarks) progress.Say(remark);
        var parts = Parts($"{server.Model} at {server.Url}", source.Id, dataset, options, CompletionServer.Platform, progress);
        if (Left(parts, store) is { Count: > 0 } left)
            progress.Say(string.Create(CultureInfo.InvariantCulture, $"{left.Sum(p => (long)p.Questions.Count):N0} questions of "
                + $"{left.Count} relation{(left.Count == 1 ? "" : "s")}, {options.Sampling.Prompts} prompts each, asked of {server.Url} "
                + $"({server.Model}), {server.Requests} requests at a time; what is answered is kept, so it can be interrupted."));
        return Work(server.Model, parts, new() { Servers = { [source.Id] = source } }, dataset, options, store, Compute.Choose("cpu"),
            CompletionServer.Platform, null, progress, cancellation) with { Server = server.Url };
    }

    private static List<Part> Left(List<Part> parts, RunStore store) => [.. parts.Where(p => !store.Of(p.Stage).IsComplete)];

    // Works on the stages that are left, several relations at once where a width is given. Then reads the table of all labels.
    private static AnnotationResult Work(string name, List<Part> parts, Sources sources, Dataset dataset, AnnotationOptions options,
        RunStore store, Compute compute, Platform platform, int? width, IProgressReport progress, CancellationToken cancellation)
    {
        var table = LabelTable.Of([.. parts.Select(p => p.Stage)], options.Seed, name);
        foreach (var part in parts) sources.Asked[part.Stage.Inputs[1]] = part.Asked;
        var counted = new ConcurrentDictionary<string, PassCounts>(StringComparer.Ordinal);
        var plan = new Plan($"SliCK's labels of {name}", [.. parts.Select(p => p.Stage), table], OneAtATime: width is null)
            { Sources = sources, Bounds = options.Bounds, Counted = (stage, counts) => counted[stage.Name] = counts };
        Workers.Run(plan, store, compute, progress, cancellation, width);
        return new(name, options, platform.NumberFormat, LabelTable.Read(store.Of(table)),
            parts.Sum(p => LabelStage.MovedBoundaries(store.Of(p.Stage))), LabelTable.File(store.Of(table)))
        {
            Source = dataset.Name,
            Passes = parts.Where(p => counted.ContainsKey(p.Stage.Name)).ToDictionary(p => p.Relation, p => counted[p.Stage.Name]),
        };
    }

    /// <summary>Relations that are worked on at once on a GPU. While the device answers the questions of one, the host encodes those of the
    /// next and decodes the answers.</summary>
    internal const int RelationsOnAGpu = 2;

    // Reports remarks on the model and a forecast before the work. Gives the number of relations that are worked on at once, and the bounds
    // on each one's passes; null for one relation at a time and for the bounds that fit the device. A model of the lab's size leaves cores
    // idle, so several relations are then worked on at once.
    private static (int? Width, PassBounds? Bounds) Prepare(string model, List<Part> left, IReadOnlyList<Part> parts,
        AnnotationOptions options, Compute compute, IProgressReport progress, CancellationToken cancellation)
    {
        var (loaded, tokenizer) = Checkpoint.Open(model, compute);
        using var weights = loaded;
        if (weights.Config.UnusedGeneration.Length > 0) progress.Say(weights.Config.UnusedGeneration);
        if (tokenizer.UnknownId is { } unknown)
        {
            var ids = parts.SelectMany(p => p.Questions)
                .SelectMany(q => tokenizer.Encode($"{q.Question} {q.Answer}", addSpecialTokens: false)).ToList();
            var share = ids.Count(id => id == unknown) / (double)Math.Max(1, ids.Count);
            if (share > MostUnknown) progress.Say(string.Create(CultureInfo.InvariantCulture,
                $"{share:P0} of the words of these questions are not in the tokenizer's vocabulary: the model cannot know them."));
        }
        var estimator = LabelStage.Estimator(options.Labelling(left[0].Relation));
        var small = !compute.Platform.IsGpu && CheckpointSource.HasTheLabsSize(weights.Config);
        // All relations together stay within the memory of one batch. The batches do not depend on the number of cores.
        var bounds = options.Bounds ?? PassBounds.On(compute.Device, compute.Memory);
        var width = small ? (int)Math.Clamp(bounds.Bytes / BatchLimits.LargestLogits(weights.Config, bounds), 1,
            SideBySide.Width) : 1;
        void Forecast() => progress.Say(AnnotationForecast.Of(left, weights, tokenizer, estimator, options, bounds, width, cancellation));
        if (small) SideBySide.For(1, _ => Forecast(), cancellation);
        else Forecast();
        if (small) return (width, options.Bounds);
        if (!compute.Platform.IsGpu || left.Count == 1) return (null, options.Bounds);
        return (RelationsOnAGpu, bounds with { Bytes = bounds.Bytes / RelationsOnAGpu });
    }

    /// <summary>
    /// For a notebook: labels train questions by <see cref="Run"/>, and opens the model with its labels for <see cref="Inspection"/>. Where
    /// no model is named, the lab's model and its own questions are used. Taught in
    /// <c>notebooks/07-your-own-model-and-data.ipynb</c>.
    /// </summary>
    /// <param name="model">A folder with <c>config.json</c>, safetensors and <c>tokenizer.json</c>; empty for the lab's model.</param>
    /// <param name="data">EntityQuestions in its official layout; not read for the lab's model.</param>
    /// <param name="questions">Number of train questions of each of the 12 relations. The lab's model has labels of all questions of its
    /// world, so the number is not used there.</param>
    /// <param name="results">Where the lab's model comes from (<see cref="ResultsChoice"/>).</param>
    /// <param name="seed">Seed of the questions and the exemplars; not used for the lab's model, which has its own.</param>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    /// <param name="dtype">fp32 or bf16.</param>
    /// <param name="store">The store's folder; empty for the default.</param>
    /// <exception cref="SlickException">The model or the dataset cannot be read, or do not fit each other.</exception>
    public static (AnnotationResult Result, LabelledModel Known) Open(string model, string data, int questions,
        string results = ResultsChoice.Published, int seed = 1, string device = "auto", string dtype = "fp32", string store = "")
    {
        if (model.Length == 0)
        {
            var lab = Study.OpenModel(results, device, store);
            var asked = new AnnotationOptions { Seed = lab.Model.Seed, Estimator = lab.Options.Estimator, Sampling = lab.Options.Sampling };
            return (new($"the lab's model ({lab.Preset})", asked, "fp32", [.. lab.Labels.Where(l => l.Split == asked.Split)], 0,
                "") { Source = AnnotationResult.Lab }, lab);
        }
        var compute = Compute.Choose(device, dtype);
        var options = new AnnotationOptions { Questions = questions, Seed = seed };
        var result = Host.Run((progress, cancellation) =>
            Run(Path.GetFullPath(model), Path.GetFullPath(data), options, RunStore.Open(store), compute, progress, cancellation));
        return (result, Known(result, Path.GetFullPath(model), Path.GetFullPath(data), compute));
    }

    /// <summary>
    /// For a notebook: labels train questions by a server (<see cref="RunByServer"/>). The key is read from the environment
    /// (<see cref="ServerSecret"/>). Reports to <see cref="Host.Progress"/>. Taught in
    /// <c>notebooks/07-your-own-model-and-data.ipynb</c>.
    /// </summary>
    /// <param name="server">The server's address, such as <c>http://localhost:8000/v1</c>.</param>
    /// <param name="serverModel">The model's name at the server.</param>
    /// <param name="data">EntityQuestions in its official layout, or a question file.</param>
    /// <param name="questions">Number of train questions of each relation.</param>
    /// <param name="seed">Seed of the questions, the exemplars and the draws.</param>
    /// <param name="store">The store's folder; empty for the default.</param>
    /// <exception cref="UsageException">The address or the name is wrong.</exception>
    /// <exception cref="SlickException">The dataset cannot be read, or the server does not answer.</exception>
    public static AnnotationResult OpenServer(string server, string serverModel, string data, int questions, int seed = 1,
        string store = "")
    {
        var (options, secret) = ServerOptions.Parse(server, serverModel, Environment.GetEnvironmentVariable);
        var asked = new AnnotationOptions { Questions = questions, Seed = seed, Estimator = EstimatorKind.Sampled };
        return Host.Run((progress, cancellation) =>
            RunByServer(options, secret, Path.GetFullPath(data), asked, RunStore.Open(store), progress, cancellation));
    }

    /// <summary>Opens the model that was asked, with its labels, for <see cref="Inspection"/>.</summary>
    /// <param name="result">The result of <see cref="Run"/>.</param>
    /// <param name="model">The model's folder.</param>
    /// <param name="data">The dataset's folder, or the question file.</param>
    /// <param name="compute">Device and number format of the model.</param>
    public static LabelledModel Known(AnnotationResult result, string model, string data, Compute compute) =>
        new(result.Model, StudyOptions.Quick with { Sampling = result.Options.Sampling, Normaliser = result.Options.Normaliser },
            BaseModel.OfCheckpoint(model, result.Options.Read(data), result.Options.Seed, compute), result.Labels);

    // Each relation with its questions and its stage. The stage's name follows from the questions, the model and the options.
    private static List<Part> Parts(string model, string source, Dataset dataset, AnnotationOptions options, Platform platform,
        IProgressReport progress)
    {
        var known = dataset.Relations.Select(r => r.Id).ToList();
        string Known(string name) => known.FirstOrDefault(r => r == name)
            ?? known.FirstOrDefault(r => r.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new UsageException($"There is no relation '{name}'; there are {string.Join(", ", known)}.");
        HashSet<string> wantedRelations = [.. options.Relations.Select(Known)];
        var split = options.Split.ToString().ToLowerInvariant();
        var (parts, fewer) = (new List<Part>(), new List<string>());
        foreach (var relation in dataset.Relations.Where(r => wantedRelations.Count == 0 ? r.InDistribution
            : wantedRelations.Contains(r.Id)))
        {
            if (options.Split == Split.Train && !relation.InDistribution)
                throw new UsageException(
                    $"{relation.Id} has no train questions: it is out of distribution, the paper tests on it only; use --split test or "
                    + $"dev.");
            var asked = CheckpointSource.Draw(dataset, relation.Id, options.Split, options.Questions, options.Seed, options.Sampling);
            var questions = asked.Questions;
            if (questions.Count == 0) throw new SlickException(
                $"{relation.Id} has no {split} questions that are not exemplars of its prompts; "
                + (dataset.Name == AnnotationResult.EntityQuestions ? "get the whole dataset." : "add some, or name another --split."));
            if (questions.Count < options.Questions) fewer.Add($"{relation.Id} {questions.Count}");
            parts.Add(new(asked, LabelStage.Of(options.Labelling(relation.Id), options.Seed, source, CheckpointSource.NameOf(asked),
                platform, model)));
        }
        if (fewer.Count > 0) progress.Say($"Fewer than {options.Questions} {split} questions, so all of them: {string.Join(", ", fewer)}.");
        return parts;
    }
}
