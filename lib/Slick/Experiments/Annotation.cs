using System.Globalization;
using Slick.Analysis;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>What SliCK found about a model that we did not necessarily make.</summary>
/// <param name="Model">The model's name: that of its folder.</param>
/// <param name="Options">What was asked, and how.</param>
/// <param name="NumberFormat">fp32 or bf16; served where a server computes.</param>
/// <param name="Labels">The labels, relation by relation.</param>
/// <param name="MovedBoundaries">Prompts with a question whose answer the tokenizer joins with the end of the prompt or of the
/// line.</param>
/// <param name="Table">The labels' file: Parquet, in the store.</param>
public sealed record AnnotationResult(string Model, AnnotationOptions Options, string NumberFormat, IReadOnlyList<LabelRow> Labels,
    int MovedBoundaries, string Table)
{
    /// <summary>Whose questions were asked; the paper's numbers are about EntityQuestions.</summary>
    public string Source { get; init; } = EntityQuestions;

    /// <summary>The server that was asked; empty for a model in this process.</summary>
    public string Server { get; init; } = "";

    internal const string EntityQuestions = "EntityQuestions";

    internal const string Lab = "the lab's invented world";
}

/// <summary>SliCK on any model folder and EntityQuestions: a stage a relation, and one for the table of all.</summary>
public static class Annotation
{
    // Of the words of all questions: with more of them unknown, a tokenizer was made for another world.
    private const double MostUnknown = 0.05;

    /// <summary>One relation's work.</summary>
    internal sealed record Part(AskedQuestions Asked, Stage Stage)
    {
        public string Relation => Asked.Questions[0].Relation;
        public IReadOnlyList<Fact> Questions => Asked.Questions;
    }

    /// <summary>
    /// Labels what the store lacks. Work that was interrupted goes on in the middle of a relation and ends with the same
    /// bytes; a killed process repeats less than 30 seconds. Memory: the weights, a prompt's keys and values, and 1 GiB
    /// for the batch under way, however many questions there are.
    /// </summary>
    /// <param name="model">A folder with <c>config.json</c>, safetensors and <c>tokenizer.json</c>.</param>
    /// <param name="data">EntityQuestions in its official layout, or a question file.</param>
    /// <param name="options">Which questions, and how.</param>
    /// <param name="store">Where the tables are kept.</param>
    /// <param name="compute">Where the model is, and its number format.</param>
    /// <param name="progress">Told the forecast and how far the relations are.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="UsageException">There is no such relation, or it has no questions in the split.</exception>
    /// <exception cref="SlickException">The model or the dataset cannot be read, or do not fit each other.</exception>
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
        var (small, width) = left.Count > 0 ? Prepare(model, left, parts, options, compute, progress, cancellation) : (false, 1);
        return Work(name, parts, new() { Checkpoints = { [checkpoint] = model } }, dataset, options, store, compute, compute.Platform,
            small ? width : null, progress, cancellation);
    }

    /// <summary>
    /// The same by a server, whose answers are drawn as the paper does (Sampled). Answers are kept question by question: work that was
    /// interrupted, or that a broken server ended, goes on in the middle of a relation.
    /// </summary>
    /// <param name="server">The server.</param>
    /// <param name="secret">What proves to the server who asks.</param>
    /// <param name="data">EntityQuestions in its official layout, or a question file.</param>
    /// <param name="options">Which questions, and how.</param>
    /// <param name="store">Where the tables are kept; beside the labels lies <c>server.parquet</c> (<see cref="ServerRow"/>).</param>
    /// <param name="progress">Told how far the relations are, and what the server does not take.</param>
    /// <param name="cancellation">Gives up the requests under way.</param>
    /// <exception cref="UsageException">There is no such relation, or the estimator is Exact, which needs a local model.</exception>
    /// <exception cref="SlickException">The dataset cannot be read, or the server does not answer.</exception>
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

    // Works on what is left, several relations at once where a width is given, and reads the table of all.
    private static AnnotationResult Work(string name, List<Part> parts, Sources sources, Dataset dataset, AnnotationOptions options,
        RunStore store, Compute compute, Platform platform, int? width, IProgressReport progress, CancellationToken cancellation)
    {
        var table = LabelTable.Of([.. parts.Select(p => p.Stage)], options.Seed, name);
        foreach (var part in parts) sources.Asked[part.Stage.Inputs[1]] = part.Asked;
        var plan = new Plan($"SliCK's labels of {name}", [.. parts.Select(p => p.Stage), table], OneAtATime: width is null)
            { Sources = sources, Bytes = options.Bytes };
        Workers.Run(plan, store, compute, progress, cancellation, width);
        return new(name, options, platform.NumberFormat, LabelTable.Read(store.Of(table)),
            parts.Sum(p => LabelStage.MovedBoundaries(store.Of(p.Stage))), LabelTable.File(store.Of(table))) { Source = dataset.Name };
    }

    // Says what is worth knowing before the work, and how long it will take. A model of the lab's size leaves cores idle: several
    // relations are then worked on at once.
    private static (bool Small, int Width) Prepare(string model, List<Part> left, IReadOnlyList<Part> parts, AnnotationOptions options,
        Compute compute, IProgressReport progress, CancellationToken cancellation)
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
        // All of them together stay within the bound of one batch; what a batch is does not depend on the cores.
        var width = small ? (int)Math.Clamp(options.Bytes / BatchLimits.LargestLogits(weights.Config, options.Sampling), 1,
            SideBySide.Width) : 1;
        void Forecast() => progress.Say(AnnotationForecast.Of(left, weights, tokenizer, estimator, options, width, cancellation));
        if (small) SideBySide.For(1, _ => Forecast(), cancellation);
        else Forecast();
        return (small, width);
    }

    /// <summary>
    /// For a notebook: <see cref="Run"/> on the train questions, and the model with its labels, to look at fact by fact
    /// (<see cref="Inspection"/>). Where no model is named, the lab's stands in, with its own questions.
    /// </summary>
    /// <param name="model">A folder with <c>config.json</c>, safetensors and <c>tokenizer.json</c>; empty for the lab's model.</param>
    /// <param name="data">EntityQuestions in its official layout; not read for the lab's model.</param>
    /// <param name="questions">Train questions of each of the 12 relations; the lab's model is labelled with all of its world's.</param>
    /// <param name="preset">Which of the lab's models stands in.</param>
    /// <param name="seed">Seed of the questions and the exemplars; of the lab's model.</param>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    /// <param name="dtype">fp32 or bf16.</param>
    /// <param name="store">The store's folder; empty for the default.</param>
    /// <exception cref="SlickException">The model or the dataset cannot be read, or do not fit each other.</exception>
    public static (AnnotationResult Result, LabelledModel Known) Open(string model, string data, int questions, string preset = "quick",
        int seed = 1, string device = "auto", string dtype = "fp32", string store = "")
    {
        if (model.Length == 0)
        {
            var lab = Study.OpenModel(preset, seed, device, store);
            var asked = new AnnotationOptions { Seed = seed, Estimator = lab.Options.Estimator, Sampling = lab.Options.Sampling };
            return (new($"the lab's model ({lab.Preset})", asked, "fp32", [.. lab.Labels.Where(l => l.Split == asked.Split)], 0,
                "") { Source = AnnotationResult.Lab }, lab);
        }
        var compute = Compute.Choose(device, dtype);
        var options = new AnnotationOptions { Questions = questions, Seed = seed };
        var result = Host.Run((progress, cancellation) =>
            Run(Path.GetFullPath(model), Path.GetFullPath(data), options, RunStore.Open(store), compute, progress, cancellation));
        return (result, Known(result, Path.GetFullPath(model), Path.GetFullPath(data), compute));
    }

    /// <summary>The model that was asked, with its labels, to look at fact by fact (<see cref="Inspection"/>).</summary>
    /// <param name="result">What <see cref="Run"/> returned.</param>
    /// <param name="model">The model's folder.</param>
    /// <param name="data">The dataset's folder.</param>
    /// <param name="compute">Where the model is, and its number format.</param>
    public static LabelledModel Known(AnnotationResult result, string model, string data, Compute compute) =>
        new(result.Model, StudyOptions.Quick with { Sampling = result.Options.Sampling, Normaliser = result.Options.Normaliser },
            BaseModel.OfCheckpoint(model, result.Options.Read(data), result.Options.Seed, compute), result.Labels);

    // Each relation with its questions and the stage that their content, the model and the options make.
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
