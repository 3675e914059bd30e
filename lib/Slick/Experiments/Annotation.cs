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
    /// <summary>Raised whenever a result would change.</summary>
    public const int Version = 2;

    // Of the words of all questions: with more of them unknown, a tokenizer was made for another world.
    private const double MostUnknown = 0.05;

    // Ten million weights.
    private const long SmallFlopsPerToken = 20_000_000;

    /// <summary>One relation's work.</summary>
    internal sealed record Part(string Relation, IReadOnlyList<Fact> Questions, IReadOnlyList<Fact> Dev, Stage Stage);

    // A finished estimate, as a killed process leaves it behind.
    private sealed record EstimateRow
    {
        public required int Question { get; init; }
        public required bool GreedyCorrect { get; init; }
        public required double SampledCorrect { get; init; }
        public required string GreedyAnswer { get; init; }
        public required bool MovedBoundary { get; init; }
    }

    // Beside a relation's labels.
    private sealed record RelationRow
    {
        public required string Relation { get; init; }
        public required int MovedBoundaries { get; init; }
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
    /// <param name="progress">Told the forecast and how far each relation is.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="UsageException">There is no such relation, or it has no questions in the split.</exception>
    /// <exception cref="SlickException">The model or the dataset cannot be read, or do not fit each other.</exception>
    public static AnnotationResult Run(string model, string data, AnnotationOptions options, RunStore store, Compute compute,
        IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        progress ??= Progress.None;
        options.Check();
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)));
        var format = compute.DType == torch.ScalarType.BFloat16 ? "bf16" : "fp32";
        store.Device = compute.Device.ToString();
        // The questions first: the hash reads all of the model.
        var dataset = options.Read(data);
        foreach (var remark in dataset.Remarks) progress.Say(remark);
        var hash = new Lazy<string>(() => ModelFiles.Hash(model));
        var parts = Parts(name, dataset, options, progress, (part, questions) => store.Stage(format, "relation", Version, part,
            // A normaliser is named only where there is one: labels without keep the keys that they always had.
            options.Normaliser == AnswerNormaliser.None
                ? (object)new { Annotator = Annotator.Version, options.Estimator, options.Sampling }
                : new { Annotator = Annotator.Version, options.Estimator, options.Normaliser, options.Sampling }, options.Seed,
                    [hash.Value, questions]));
        if (parts.Any(p => !p.Stage.IsComplete))
        {
            var (loaded, tokenizer) = Checkpoint.Open(model, compute);
            using var weights = loaded;
            if (weights.Config.UnusedGeneration.Length > 0) progress.Say(weights.Config.UnusedGeneration);
            IEstimator estimator = options.Estimator == EstimatorKind.Exact
                ? new ExactEstimator(options.Sampling, PromptFormat.QuestionAnswer)
                : new SampledEstimator(options.Sampling, PromptFormat.QuestionAnswer, options.Normaliser);
            if (tokenizer.UnknownId is { } unknown)
            {
                var ids = parts.SelectMany(p => p.Questions)
                    .SelectMany(q => tokenizer.Encode($"{q.Question} {q.Answer}", addSpecialTokens: false)).ToList();
                var share = ids.Count(id => id == unknown) / (double)Math.Max(1, ids.Count);
                if (share > MostUnknown) progress.Say(string.Create(CultureInfo.InvariantCulture,
                    $"{share:P0} of the words of these questions are not in the tokenizer's vocabulary: the model cannot know them."));
            }
            void Label(int i)
            {
                using var decoder = new Decoder(weights);
                var source = new LocalModel(decoder, tokenizer) { Bytes = options.Bytes };
                parts[i].Stage.Ensure(scratch =>
                    Work(parts[i], StageName(parts, i), scratch, source, estimator, options, progress, cancellation));
            }
            List<Part> left = [.. parts.Where(p => !p.Stage.IsComplete)];
            // A model of the lab's size leaves cores idle: one relation a core then, as in a study.
            if (compute.Device.type == DeviceType.CPU && weights.Config.FlopsPerToken < SmallFlopsPerToken)
            {
                // All of them together stay within the bound of one batch; what a batch is does not depend on the cores.
                var width = (int)Math.Clamp(options.Bytes / BatchLimits.LargestLogits(weights.Config, options.Sampling), 1,
                    SideBySide.Width);
                SideBySide.For(1, _ => progress.Say(AnnotationForecast.Of(left, weights, tokenizer, estimator, options, width,
                    cancellation)), cancellation);
                SideBySide.For(parts.Count, Label, cancellation, width);
            }
            else
            {
                progress.Say(AnnotationForecast.Of(left, weights, tokenizer, estimator, options, 1, cancellation));
                for (var i = 0; i < parts.Count; i++) Label(i);
            }
        }
        return Finish(name, dataset, options, format, parts, store);
    }

    /// <summary>
    /// The same by a server, whose answers are drawn as the paper does (Sampled). What was asked of it is kept question by question: work
    /// that was interrupted, or that a broken server ended, goes on in the middle of a relation.
    /// </summary>
    /// <param name="server">The server.</param>
    /// <param name="secret">What proves to the server who asks.</param>
    /// <param name="data">EntityQuestions in its official layout, or a question file.</param>
    /// <param name="options">Which questions, and how.</param>
    /// <param name="store">Where the tables are kept; beside the labels lies <c>server.parquet</c> (<see cref="ServerRow"/>).</param>
    /// <param name="progress">Told how far each relation is, and what the server does not take.</param>
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
        store.Device = "server";
        var dataset = options.Read(data);
        foreach (var remark in dataset.Remarks) progress.Say(remark);
        var parts = Parts(server.Model, dataset, options, progress, (part, questions) => store.Stage(Served, "relation", Version, part,
            new { Annotator = Annotator.Version, Server = server.Url, server.Model, options.Estimator, options.Normaliser,
                options.Sampling }, options.Seed, [questions]));
        List<Part> left = [.. parts.Where(p => !p.Stage.IsComplete)];
        if (left.Count > 0)
            progress.Say(string.Create(CultureInfo.InvariantCulture, $"{left.Sum(p => (long)p.Questions.Count):N0} questions of "
                + $"{left.Count} relation{(left.Count == 1 ? "" : "s")}, {options.Sampling.Prompts} prompts each, asked of {server.Url} "
                + $"({server.Model}), {server.Requests} requests at a time; what is answered is kept, so it can be interrupted."));
        var estimator = new SampledEstimator(options.Sampling, PromptFormat.QuestionAnswer, options.Normaliser);
        for (var i = 0; i < parts.Count; i++)
            parts[i].Stage.Ensure(scratch =>
            {
                var write = Work(parts[i], StageName(parts, i), scratch, source, estimator, options, progress, cancellation);
                return folder =>
                {
                    write(folder);
                    Tables.Write(Path.Combine(folder, ServerTable), [source.Settings(options.Sampling)]);
                };
            });
        return Finish(server.Model, dataset, options, Served, parts, store) with { Server = server.Url };
    }

    // The number format of a model that a server computes.
    private const string Served = "served";

    // Beside the labels of a server: how it was asked.
    private const string ServerTable = "server.parquet";

    private static string StageName(List<Part> parts, int i) =>
        string.Create(CultureInfo.InvariantCulture, $"SliCK of {parts[i].Relation} ({i + 1} of {parts.Count})");

    // The table of all relations.
    private static AnnotationResult Finish(string name, Dataset dataset, AnnotationOptions options, string format, List<Part> parts,
        RunStore store)
    {
        var table = store.Stage(format, "table", Version, $"SliCK's labels of {name}: {Described(options)}", new { }, options.Seed,
            [.. parts.Select(p => p.Stage.Key)]);
        table.Ensure(_ => folder =>
        {
            Tables.Write(Path.Combine(folder, "labels.parquet"),
                [.. parts.SelectMany(p => Tables.Read<LabelRow>(p.Stage.File("labels.parquet")))]);
            if (format == Served) Tables.Write(Path.Combine(folder, ServerTable),
                [.. parts.SelectMany(p => Tables.Read<ServerRow>(p.Stage.File(ServerTable))).Distinct()]);
        });
        var moved = parts.Sum(p => Tables.Read<RelationRow>(p.Stage.File("relation.parquet")).Sum(r => r.MovedBoundaries));
        return new(name, options, format, Tables.Read<LabelRow>(table.File("labels.parquet")), moved, table.File("labels.parquet"))
            { Source = dataset.Name };
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

    private static string Described(AnnotationOptions options) =>
        string.Create(CultureInfo.InvariantCulture,
            $"{options.Split.ToString().ToLowerInvariant()}, by "
            + $"{options.Estimator}{(options.Normaliser == AnswerNormaliser.None ? "" : $" ({options.Normaliser})")}, seed {options.Seed}");

    private static Action<string> Work(Part part, string stage, string scratch, IAnswerSource source, IEstimator estimator,
        AnnotationOptions options, IProgressReport progress, CancellationToken cancellation)
    {
        progress.Stage(stage);
        var estimates = Annotator.Estimates(part.Questions, options.Sampling);
        for (var j = 0; j < estimates.Length; j++)
            if (File.Exists(FileOf(scratch, j)))
                foreach (var row in Tables.Read<EstimateRow>(FileOf(scratch, j)))
                    estimates[j][row.Question] = new(row.GreedyCorrect, row.SampledCorrect, row.GreedyAnswer, row.MovedBoundary);
        void Report(int j) => progress.Report(stage, estimates.Sum(prompt => prompt.Count(e => e is not null)),
            (double)estimates.Length * part.Questions.Count,
            string.Create(CultureInfo.InvariantCulture, $"prompt {j + 1} of {estimates.Length}, {part.Questions.Count} questions"));
        Report(Math.Max(0, Array.FindIndex(estimates, prompt => prompt.Contains(null))));

        var checkpoints = new CheckpointClock();
        var unsaved = new SortedSet<int>();
        void SaveAll() => checkpoints.Save(() =>
        {
            foreach (var prompt in unsaved) Save(FileOf(scratch, prompt), estimates[prompt]);
            unsaved.Clear();
        });
        IReadOnlyList<LabelRow> labels;
        try
        {
            labels = Annotator.Label(source, estimator, options.Sampling, part.Questions, part.Dev, options.Seed, estimates, j =>
            {
                unsaved.Add(j);
                Report(j);
                if (checkpoints.IsDue || cancellation.IsCancellationRequested) SaveAll();
            }, cancellation);
        }
        // A server that breaks has been paid for what it answered.
        catch (Exception e) when (e is SlickException or OperationCanceledException)
        {
            SaveAll();
            throw;
        }
        return folder =>
        {
            Tables.Write(Path.Combine(folder, "labels.parquet"), labels);
            Tables.Write(Path.Combine(folder, "relation.parquet"),
                [new RelationRow { Relation = part.Relation,
                    MovedBoundaries = estimates.Sum(prompt => prompt.Count(e => e!.Value.MovedBoundary)) }]);
        };
    }

    private static string FileOf(string scratch, int prompt) =>
        Path.Combine(scratch, string.Create(CultureInfo.InvariantCulture, $"prompt-{prompt + 1}.parquet"));

    private static void Save(string path, PromptEstimate?[] estimates) => Tables.Write(path,
        [.. from i in Enumerable.Range(0, estimates.Length)
            where estimates[i] is not null
            let e = estimates[i]!.Value
            select new EstimateRow { Question = i, GreedyCorrect = e.GreedyCorrect, SampledCorrect = e.SampledCorrect,
                GreedyAnswer = e.GreedyAnswer, MovedBoundary = e.MovedBoundary }]);

    // Each relation with its questions and the stage that a description of both and the questions' id make.
    private static List<Part> Parts(string model, Dataset dataset, AnnotationOptions options, IProgressReport progress,
        Func<string, string, Stage> stageOf)
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
            var dev = dataset.Of(relation.Id, Split.Dev);
            var questions = dataset.Of(relation.Id, options.Split);
            if (options.Split == Split.Dev)
            {
                var exemplars = Annotator.Exemplars(dev, options.Sampling, relation.Id, options.Seed).SelectMany(p => p).ToHashSet();
                questions = [.. questions.Where(q => !exemplars.Contains(q))];
            }
            if (questions.Count == 0) throw new SlickException(
                $"{relation.Id} has no {split} questions that are not exemplars of its prompts; "
                + (dataset.Name == AnnotationResult.EntityQuestions ? "get the whole dataset." : "add some, or name another --split."));
            if (options.Questions is { } wanted)
            {
                if (questions.Count < wanted) fewer.Add($"{relation.Id} {questions.Count}");
                var drawn = questions.ToArray();
                new Random(Seeds.Mix(Seeds.Mix(options.Seed, "questions"), relation.Id)).Shuffle(drawn);
                questions = [.. drawn.Take(wanted).OrderBy(q => q.Id)];
            }
            var stage = stageOf($"SliCK of {model}: {relation.Id}, {questions.Count} questions of {Described(options)}",
                Dataset.Hash(dev, questions));
            parts.Add(new(relation.Id, questions, dev, stage));
        }
        if (fewer.Count > 0) progress.Say($"Fewer than {options.Questions} {split} questions, so all of them: {string.Join(", ", fewer)}.");
        return parts;
    }
}
