using System.Diagnostics;
using System.Globalization;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>Options of SliCK's labels of one relation.</summary>
public sealed record LabelOptions
{
    /// <summary>The relation's id.</summary>
    public string Relation { get; init; } = "";
    /// <summary>The part of the dataset that is asked. Exemplars always come from dev.</summary>
    public Split Split { get; init; }
    /// <summary>The estimator of P_Correct.</summary>
    public EstimatorKind Estimator { get; init; }
    /// <summary>How answers are normalised before a drawn answer is compared with the gold answer (Sampled only).</summary>
    public AnswerNormaliser Normaliser { get; init; }
    /// <summary>SliCK's protocol: number of prompts, shots, samples, temperature, top-k.</summary>
    public SamplingOptions Sampling { get; init; } = new();
}

/// <summary>
/// The stage of SliCK's labels of one relation and split. The lab's models, checkpoints and servers all use this stage. Interrupted work
/// goes on in the middle of a relation and ends with the same bytes where a pass may take the same memory (<see cref="PassBounds"/>).
/// </summary>
internal static class LabelStage
{
    private const string LabelsFile = "labels.parquet", RelationFile = "relation.parquet";

    /// <summary>File name of the settings of a server's answers (<see cref="ServerRow"/>). The file lies beside the labels.</summary>
    public const string ServerFile = "server.parquet";

    public static StageKind Kind { get; } = new("label", 3, typeof(LabelOptions), s => $"SliCK (seed {s.Seed})", Run);

    // A finished estimate in the scratch folder, from which a later process goes on.
    private sealed record EstimateRow
    {
        public required int Question { get; init; }
        public required bool GreedyCorrect { get; init; }
        public required double SampledCorrect { get; init; }
        public required string GreedyAnswer { get; init; }
        public required bool MovedBoundary { get; init; }
    }

    // A row of the file beside a relation's labels.
    private sealed record RelationRow
    {
        public required string Relation { get; init; }
        public required int MovedBoundaries { get; init; }
    }

    /// <summary>The stage of one relation and split.</summary>
    /// <param name="options">Which questions are asked, and how.</param>
    /// <param name="seed">Seed of the exemplars and the drawn answers.</param>
    /// <param name="model">The name that stages give the model.</param>
    /// <param name="questions">The name that stages give the questions.</param>
    /// <param name="platform">The kind of device and the number format.</param>
    /// <param name="of">The model in words, for the title.</param>
    public static Stage Of(LabelOptions options, int seed, string model, string questions, Platform platform, string of) =>
        Kind.Stage(string.Create(CultureInfo.InvariantCulture,
            $"SliCK's labels of {of}: {options.Relation}, {options.Split.ToString().ToLowerInvariant()}, by {options.Estimator}, seed "
                + $"{seed}"),
            // Exact compares no answers, so the normaliser must not change the stage's name.
            options.Estimator == EstimatorKind.Exact ? options with { Normaliser = AnswerNormaliser.None } : options,
            seed, platform, model, questions);

    /// <summary>The labels of a finished stage.</summary>
    public static IReadOnlyList<LabelRow> Read(StageFolder stage) => Tables.Read<LabelRow>(stage.File(LabelsFile));

    /// <summary>Number of prompted questions of a finished stage whose answer the tokenizer joins with the end of the prompt or of the
    /// line.</summary>
    public static int MovedBoundaries(StageFolder stage) =>
        Tables.Read<RelationRow>(stage.File(RelationFile)).Sum(r => r.MovedBoundaries);

    /// <summary>The estimator that options name.</summary>
    public static IEstimator Estimator(LabelOptions options) => options.Estimator == EstimatorKind.Exact
        ? new ExactEstimator(options.Sampling, PromptFormat.QuestionAnswer)
        : new SampledEstimator(options.Sampling, PromptFormat.QuestionAnswer, options.Normaliser);

    private static Action<string> Run(StageWork work)
    {
        var options = work.Stage.OptionsAs<LabelOptions>();
        var server = work.Context.Server(work.Stage.Inputs[0]);
        var model = server is null ? work.Context.Model(work.Stage.Inputs[0]) : null;
        var asked = work.Context.Asked(work.Stage.Inputs[1], options.Relation, options.Split);
        var group = Kind.Group(work.Stage);
        var estimates = Annotator.Estimates(asked.Questions, options.Sampling);
        for (var j = 0; j < estimates.Length; j++)
            if (File.Exists(FileOf(work.Scratch, j)))
                foreach (var row in Tables.Read<EstimateRow>(FileOf(work.Scratch, j)))
                    estimates[j][row.Question] = new(row.GreedyCorrect, row.SampledCorrect, row.GreedyAnswer, row.MovedBoundary);
        void Report() =>
            work.Progress.Report(group, estimates.Sum(prompt => prompt.Count(e => e is not null)),
                (double)estimates.Length * asked.Questions.Count, string.Create(CultureInfo.InvariantCulture,
                $"{options.Relation}, {estimates.Length} prompts of {asked.Questions.Count} questions"));
        Report();

        // How the server was asked in the work before, which this work may have to publish without asking.
        var serverFile = Path.Combine(work.Scratch, ServerFile);
        var servers = File.Exists(serverFile) ? Tables.Read<ServerRow>(serverFile) : [];
        var checkpoints = new CheckpointClock();
        var unsaved = new SortedSet<int>();
        void SaveAll() => checkpoints.Save(() =>
        {
            if (server is not null && unsaved.Count > 0) Tables.Write(serverFile, [server.Settings(options.Sampling)]);
            foreach (var prompt in unsaved) Save(FileOf(work.Scratch, prompt), estimates[prompt]);
            unsaved.Clear();
        });
        using var decoder = model is null ? null : new Decoder(model.Weights);
        IAnswerSource source = server is not null ? server
            : new LocalModel(decoder!, model!.Tokenizer) { Memory = work.Context.PassMemory(work.Progress) };
        var clock = Stopwatch.StartNew();
        IReadOnlyList<LabelRow> labels;
        try
        {
            labels = MemoryFailure.Guard(() => Annotator.Label(source, Estimator(options), options.Sampling, asked.Questions, asked.Dev,
                work.Stage.Seed, estimates, prompts =>
                {
                    unsaved.UnionWith(prompts);
                    Report();
                    servers = [];
                    if (checkpoints.IsDue || work.Cancellation.IsCancellationRequested) SaveAll();
                }, work.Cancellation), $"Labelling {options.Relation}", MemoryFailure.OfPasses);
        }
        // The server's answers may have cost money. They are kept also when the server breaks.
        catch (Exception e) when (server is not null && e is SlickException or OperationCanceledException)
        {
            SaveAll();
            throw;
        }
        if (source is LocalModel local) work.Context.Counted?.Invoke(work.Stage,
            local.Counts with { Seconds = clock.Elapsed.TotalSeconds, Bytes = local.Memory.Bounds.Bytes });
        return folder =>
        {
            Tables.Write(Path.Combine(folder, LabelsFile), labels);
            Tables.Write(Path.Combine(folder, RelationFile), [new RelationRow
            {
                Relation = options.Relation,
                MovedBoundaries = estimates.Sum(prompt => prompt.Count(e => e!.Value.MovedBoundary)),
            }]);
            if (server is not null)
                Tables.Write(Path.Combine(folder, ServerFile), servers.Count > 0 ? servers : [server.Settings(options.Sampling)]);
        };
    }

    private static string FileOf(string scratch, int prompt) =>
        Path.Combine(scratch, string.Create(CultureInfo.InvariantCulture, $"prompt-{prompt + 1}.parquet"));

    private static void Save(string path, PromptEstimate?[] estimates) => Tables.Write(path,
        [.. from i in Enumerable.Range(0, estimates.Length)
            where estimates[i] is not null
            let e = estimates[i]!.Value
            select new EstimateRow
            {
                Question = i,
                GreedyCorrect = e.GreedyCorrect,
                SampledCorrect = e.SampledCorrect,
                GreedyAnswer = e.GreedyAnswer,
                MovedBoundary = e.MovedBoundary,
            }]);
}

/// <summary>The stage that joins the labels of several relations and splits into one table, relation by relation.</summary>
internal static class LabelTable
{
    /// <summary>The options of a table: none, because its content follows from its inputs.</summary>
    internal sealed record Options;

    private const string LabelsFile = "labels.parquet";

    public static StageKind Kind { get; } = new("labels", 1, typeof(Options), _ => "", Run);

    /// <summary>The stage of a table.</summary>
    /// <param name="labels">The label stages, in the table's order.</param>
    /// <param name="seed">The seed of the label stages.</param>
    /// <param name="of">The model in words, for the title.</param>
    public static Stage Of(IReadOnlyList<Stage> labels, int seed, string of) =>
        Kind.Stage(string.Create(CultureInfo.InvariantCulture, $"SliCK's labels of {of}: table, seed {seed}"), new Options(), seed, null,
            [.. labels.Select(l => l.Name)]);

    /// <summary>The labels of a finished stage.</summary>
    public static IReadOnlyList<LabelRow> Read(StageFolder stage) => Tables.Read<LabelRow>(File(stage));

    /// <summary>Path of the table's file.</summary>
    public static string File(StageFolder stage) => stage.File(LabelsFile);

    /// <summary>Labels facts for another model, as the stages of a table label them for theirs: with the same prompts and the same
    /// estimator.</summary>
    /// <param name="table">The name of the table's stage.</param>
    /// <param name="split">The facts' split.</param>
    /// <param name="facts">The facts. Those of relations that the table does not have are left out.</param>
    /// <param name="model">The other model.</param>
    /// <param name="context">Opens the table's stages and their questions.</param>
    /// <param name="cancellation">Stops between passes.</param>
    /// <returns>One row for each fact, relation by relation.</returns>
    public static IReadOnlyList<LabelRow> Repeat(string table, Split split, IReadOnlyList<Fact> facts, IAnswerSource model,
        WorkContext context, CancellationToken cancellation)
    {
        var rows = new List<LabelRow>();
        foreach (var stage in context.Store.Finished(table).Stage.Inputs.Select(name => context.Store.Finished(name).Stage))
        {
            var options = stage.OptionsAs<LabelOptions>();
            if (options.Split != split) continue;
            List<Fact> questions = [.. facts.Where(f => f.Relation == options.Relation)];
            rows.AddRange(Annotator.Label(model, LabelStage.Estimator(options), options.Sampling, questions,
                context.Asked(stage.Inputs[1], options.Relation, split).Dev, stage.Seed,
                Annotator.Estimates(questions, options.Sampling), null, cancellation));
        }
        return rows;
    }

    private static Action<string> Run(StageWork work) => folder =>
    {
        var parts = work.Stage.Inputs.Select(work.Context.Store.Finished).ToList();
        Tables.Write(Path.Combine(folder, LabelsFile), [.. parts.SelectMany(LabelStage.Read)]);
        var servers = parts.Select(p => p.File(LabelStage.ServerFile)).Where(System.IO.File.Exists).ToList();
        if (servers.Count > 0)
            Tables.Write(Path.Combine(folder, LabelStage.ServerFile), [.. servers.SelectMany(Tables.Read<ServerRow>).Distinct()]);
    };
}
