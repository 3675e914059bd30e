using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Analysis;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Tests.Workbook;
using Slick.Text;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Tests.Experiments;

/// <summary>SliCK on a model folder and questions in EntityQuestions' layout: the lab's own, so that something is known.</summary>
[Collection(nameof(ProcessWide))] // several cores work on one model: their number must not change meanwhile
public sealed class AnnotationTests : IDisposable
{
    private static readonly Compute Fp32 = Compute.Choose("cpu");
    private static readonly string Sample = Path.Combine(Shared.Repository, "data", "entityquestions-sample");
    private readonly string _folder = Scratch.Folder("annotation");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Model => SmokeStudy.Result.Bases[0].Folder;

    private static AnnotationOptions Options { get; } = new() { Sampling = new() { Prompts = 4 } };

    // The world's facts as files.
    private string World()
    {
        var data = Path.Combine(_folder, "world");
        if (Directory.Exists(data)) return data;
        var facts = SmokeStudy.Result.Bases[0].Facts;
        string[] leftOut = ["P276", "P20", "P106", "P413", "P159"];
        var templates = SyntheticWorld.Relations.ToDictionary(r => r.Id, r => r.Template);
        foreach (var id in leftOut) templates[id] = "Which [X] ?";
        Directory.CreateDirectory(data);
        File.WriteAllText(Path.Combine(data, "relation_query_templates.json"), JsonSerializer.Serialize(templates));
        foreach (var split in Enum.GetValues<Split>())
        {
            var name = split.ToString().ToLowerInvariant();
            Directory.CreateDirectory(Path.Combine(data, "dataset", name));
            foreach (var id in templates.Keys)
                File.WriteAllText(Path.Combine(data, "dataset", name, $"{id}.{name}.json"), JsonSerializer.Serialize(leftOut.Contains(id)
                    ? [new { question = "Which none ?", answers = new[] { "none" } }]
                    : facts.Where(f => f.Relation == id && f.Split == split)
                        .Select(f => new { question = f.Question, answers = new[] { f.Answer } })));
        }
        return data;
    }

    private AnnotationResult Run(AnnotationOptions options, string store = "store", string? data = null, string? model = null,
        Compute? compute = null, IProgressReport? progress = null, CancellationTokenSource? stop = null) =>
        Annotation.Run(model ?? Model, data ?? World(), options, RunStore.Open(Path.Combine(_folder, store)), compute ?? Fp32, progress,
            stop?.Token ?? TestContext.Current.CancellationToken);

    // Counts batches, and calls something after one of them.
    private sealed class Watch(int at = -1, Action? then = null) : IProgressReport
    {
        private readonly Lock gate = new();
        public List<double> Done { get; } = [];
        public List<string> Said { get; } = [];
        public void Stage(string name) { }
        public void Say(string line) => Said.Add(line);
        public void Report(string stage, double done, double total, string detail = "")
        {
            lock (gate)
            {
                Done.Add(done);
                if (Done.Count == at) then!();
            }
        }
    }

    [Fact]
    public void Normaliser_ReachesTheDrawnAnswers_AndIsPartOfAKeyOnlyWhereThereIsOne()
    {
        // The same questions, their gold answers in capitals: only a normaliser sees that they are the same.
        var data = World();
        var (train, other) = (Path.Combine(data, "dataset", "train", "P17.train.json"), Path.Combine(_folder, "capitals"));
        foreach (var file in Directory.GetFiles(data, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(other, Path.GetRelativePath(data, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            var records = file == train ? JsonNode.Parse(File.ReadAllText(file))!.AsArray() : null;
            foreach (var record in records ?? []) record!["answers"]![0] =
                $" {record["answers"]![0]!.GetValue<string>().ToUpperInvariant()}! ";
            File.WriteAllText(target, records?.ToJsonString() ?? File.ReadAllText(file));
        }
        var options = Options with { Relations = ["P17"], Estimator = EstimatorKind.Sampled };
        double Known(AnnotationResult result) => result.Labels.Count(l => l.Category != Category.Unknown) / (double)result.Labels.Count;
        string Identity(AnnotationResult result, string store) =>
            string.Concat(Directory.GetFiles(Path.Combine(_folder, store), "stage.json", SearchOption.AllDirectories)
                .Where(f => f.Contains("label-", StringComparison.Ordinal)).Select(File.ReadAllText));
        var plain = Run(options, "plain", data);
        Assert.True(Known(plain) > 0);
        Assert.DoesNotContain("normaliser", Identity(plain, "plain"), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, Known(Run(options, "capitals", other)));
        var said = new Watch();
        var squad = Run(options with { Normaliser = AnswerNormaliser.Squad }, "squad", other, progress: said);
        Assert.Equal(Known(plain), Known(squad), 0.1);
        Assert.Contains("\"normaliser\": \"squad\"", Identity(squad, "squad"), StringComparison.Ordinal);
        Assert.Single(said.Said, line =>
            line.StartsWith($"White space around {plain.Labels.Count} questions or answers is left out", StringComparison.Ordinal));
    }

    [Fact]
    public void OpenedForANotebook_TheModelAnswersFactByFact()
    {
        var (result, known) = Annotation.Open(Model, World(), questions: 3, device: "cpu", store: Path.Combine(_folder, "store"));
        Assert.Equal(36, result.Labels.Count);
        Assert.Same(result.Labels, known.Labels);
        var label = result.Labels[0];
        Assert.EndsWith($"Q: {label.Question}\nA:", Inspection.PromptText(known, label.FactId, prompt: 2), StringComparison.Ordinal);
        // The prompts are those that the label was found with.
        Assert.Equal(label.GreedyCorrect, Inspection.Answers(known, label.FactId).Average(a => a.GreedyCorrect ? 1.0 : 0), 1e-9);
        Assert.Equal(label.SampledCorrect, Inspection.Answers(known, label.FactId).Average(a => a.Probability), 1e-6);
        Assert.NotEmpty(Inspection.Examples(known, perCategory: 1));
        var exemplars = Inspection.Exemplars(known, label.Relation);
        Assert.StartsWith(string.Concat(exemplars[1].Select(e => $"Q: {e.Question}\nA: {e.Answer}\n")),
            Inspection.PromptText(known, label.FactId, prompt: 2), StringComparison.Ordinal);
        Assert.Throws<SlickException>(() => Inspection.Exemplars(known, "no relation"));
    }

    [Fact]
    public void ShownSamples_AreThoseBehindTheLabel()
    {
        var options = Options with { Estimator = EstimatorKind.Sampled, Relations = ["P17", "P19"], Questions = 6, Seed = 3 };
        var result = Run(options);
        var known = Annotation.Known(result, Model, World(), Fp32);
        Assert.Contains(result.Labels, l => l.SampledCorrect is > 0 and < 1);
        foreach (var label in result.Labels)
        {
            var shown = Inspection.Answers(known, label.FactId);
            Assert.Equal(label.SampledCorrect, shown.Average(a => a.SampledCorrect), 1e-12);
            Assert.Equal(label.GreedyCorrect, shown.Average(a => a.GreedyCorrect ? 1.0 : 0), 1e-12);
            Assert.Equal(label.GreedyAnswers.Split(" | ", StringSplitOptions.RemoveEmptyEntries),
                shown.Select(a => a.Greedy).Where(a => a.Length > 0).Distinct());
            // Prompt by prompt.
            using var decoder = new Decoder(known.Model.Weights);
            var facts = known.Model.Dataset.Facts.Where(f => result.Labels.Any(l => l.FactId == f.Id) && f.Relation == label.Relation)
                .ToList();
            var prompts = Annotator.Exemplars(known.Model.Dataset.Of(label.Relation, Split.Dev), options.Sampling, label.Relation,
                options.Seed);
            for (var j = 0; j < prompts.Count; j++)
            {
                var seed = Seeds.Mix(Seeds.Mix(options.Seed, label.Relation), j);
                var estimate = new SampledEstimator(options.Sampling, PromptFormat.QuestionAnswer)
                    .Estimate(decoder, known.Model.Tokenizer, prompts[j], facts, seed, CancellationToken.None);
                Assert.Equal(estimate[facts.FindIndex(f => f.Id == label.FactId)].SampledCorrect, shown[j].SampledCorrect);
            }
        }
        // What is published, too: the most frequent answers of an example with their counts.
        var draws = options.Sampling.Prompts * options.Sampling.Samples;
        foreach (var example in Inspection.Examples(known, perCategory: 12))
        {
            var label = result.Labels.Single(l => l.Question == example.Question && l.Relation == example.Relation);
            var count = Math.Round(label.SampledCorrect * draws);
            if (count > draws / 4) Assert.Contains(FormattableString.Invariant($"{example.Gold} ({count})"), example.Sampled,
                StringComparison.Ordinal);
            if (count == 0) Assert.DoesNotContain($"{example.Gold} (", example.Sampled.Split(", "), StringComparer.Ordinal);
        }
        known.Model.Dispose();
    }

    [Fact]
    public void SettingsOfGenerate_AreNamedOnce()
    {
        var copy = Path.Combine(_folder, "copy");
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(Model)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(copy, "generation_config.json"), """{"eos_token_id": 2, "repetition_penalty": 1.3}""");
        var watch = new Watch();
        Run(Options with { Relations = ["P17", "P19"], Questions = 3 }, model: copy, progress: watch);
        Assert.Single(watch.Said, line => line.Contains("generation_config.json sets repetition_penalty = 1.3", StringComparison.Ordinal));
    }

    [Fact]
    public void WithoutAModel_TheLabsStandsIn()
    {
        var (result, known) = Annotation.Open("", "nowhere", questions: 3, results: "smoke", device: "cpu", store: SmokeStudy.Store);
        Assert.Equal("the lab's model (smoke)", result.Model);
        Assert.Equal(SmokeStudy.Result.Labels.Where(l => l.Split == Split.Train), result.Labels);
        Assert.NotEmpty(Inspection.Answers(known, result.Labels[0].FactId));
    }

    [Fact]
    public void WhatIsPublished_ReadsTheSame()
    {
        var options = Options with { Relations = ["P17", "P19"], Questions = 5, Seed = 2 };
        var result = Run(options);
        var folder = Path.Combine(_folder, "published");
        AnnotationReport.Publish(result, Annotation.Known(result, Model, World(), Fp32), folder);
        var read = AnnotationReport.Read(folder);
        Assert.Equal(result.Labels, read.Result.Labels);
        Assert.Equal((result.Model, "fp32", 5, 2),
            (read.Result.Model, read.Result.NumberFormat, read.Result.Options.Questions, read.Result.Options.Seed));
        Assert.Equal(read.Examples.Count, read.Examples.Select(e => (e.Category, e.Relation)).Distinct().Count());
        Assert.All(read.Examples, e =>
            Assert.Contains(result.Labels, l => l.Question == e.Question && l.Relation == e.Relation && l.Category == e.Category
            && l.Answer == e.Gold));
        Assert.EndsWith($"Q: {read.Examples[0].Question}\nA:", read.Prompt, StringComparison.Ordinal);
        Assert.Equal(["annotation.json", "examples.parquet", "known-by-answer.md", "known-by-relation.svg", "labels.parquet",
            "table-3-model.md"],
            Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        var counted = AnnotationTable.ByAnswer(result, 2).Rows.GroupBy(r => r[0])
            .Select(g => (g.Key, g.Sum(r => int.Parse(r[2], System.Globalization.CultureInfo.InvariantCulture))));
        Assert.Equal([("P17", 5), ("P19", 5)], counted);

        Assert.Equal(AnnotationResult.EntityQuestions, read.Result.Source);
        var own = Path.Combine(_folder, "own");
        AnnotationReport.Publish(result with { Source = "questions.csv" }, Annotation.Known(result, Model, World(), Fp32), own);
        Assert.Equal("questions.csv", AnnotationReport.Read(own).Result.Source);
        Assert.DoesNotContain("PaLM", AnnotationTable.Make(AnnotationReport.Read(own).Result).Markdown(), StringComparison.Ordinal);

        File.WriteAllText(Path.Combine(folder, "annotation.json"), "{");
        var wrong = Assert.Throws<SlickException>(() => AnnotationReport.Read(folder));
        Assert.Contains("annotation.json", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("slick annotate --publish", wrong.Message, StringComparison.Ordinal);
        Assert.Throws<SlickException>(() => AnnotationReport.Read(Path.Combine(_folder, "none")));
    }

    private static void AssertSame(IReadOnlyList<LabelRow> expected, IReadOnlyList<LabelRow> actual)
    {
        Assert.Equal(expected.Select(l => (l.FactId, l.Question, l.Category, l.GreedyCorrect, l.GreedyAnswers)),
            actual.Select(l => (l.FactId, l.Question, l.Category, l.GreedyCorrect, l.GreedyAnswers)));
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].SampledCorrect, actual[i].SampledCorrect, 1e-6);
            Assert.Equal(expected[i].CategoryProbability, actual[i].CategoryProbability, 1e-4);
        }
    }

    [Fact]
    public void OnTheLabsFacts_TheLabelsAreTheStudys()
    {
        var found = Run(Options);
        var expected = SmokeStudy.Result.Labels.Where(l => l.Split == Split.Train).OrderBy(l => l.FactId).ToList();
        Assert.Equal(expected.Count, found.Labels.Count);
        Assert.Contains(found.Labels, l => l.Category is Category.HighlyKnown or Category.MaybeKnown);
        AssertSame([.. expected.Select(l => l with { FactId = 0 })],
            [.. found.Labels.Select(l => l with { FactId = 0 })]);
        Assert.Equal(0, found.MovedBoundaries);
        Assert.Equal(found.Labels, Tables.Read<LabelRow>(found.Table));
    }

    [Theory]
    [InlineData(EstimatorKind.Exact)]
    [InlineData(EstimatorKind.Sampled)]
    public void Interrupted_ItGoesOnInTheMiddleOfARelation_AndEndsWithTheSameBytes(EstimatorKind estimator)
    {
        var options = Options with { Estimator = estimator, Relations = ["P19"], Sampling = new() { Prompts = 4 },
            Bounds = PassBounds.Default with { Tokens = 32 } };
        var whole = new Watch();
        var expected = Run(options, "undisturbed", progress: whole);
        Assert.True(whole.Done.Count > 8, "too few batches to stop among");
        using var stop = new CancellationTokenSource();
        var first = new Watch(at: 6, stop.Cancel);
        Assert.Throws<OperationCanceledException>(() => Run(options, progress: first, stop: stop));
        Assert.Equal("partial", Assert.Single(RunStore.Open(Path.Combine(_folder, "store")).List()).State);
        var second = new Watch();
        var found = Run(options, progress: second);
        Assert.True(first.Done[^1] > 0);
        Assert.Equal(first.Done[^1], second.Done[0]);
        // Each batch was done once; both runs report where they begin.
        Assert.Equal(whole.Done, [.. first.Done, .. second.Done.Skip(1)]);
        Assert.Equal(File.ReadAllBytes(expected.Table), File.ReadAllBytes(found.Table));
        // What is finished is read.
        var third = new Watch();
        Run(options, progress: third);
        Assert.Empty(third.Done);
        Assert.Empty(third.Said);
    }

    [Theory]
    [InlineData(EstimatorKind.Exact)]
    [InlineData(EstimatorKind.Sampled)]
    public void TheBoundOnMemory_ChangesTheBatchesOnly(EstimatorKind estimator)
    {
        var options = Options with { Estimator = estimator, Relations = ["P17", "P19"] };
        var (wide, narrow, tokens) = (new Watch(), new Watch(), new Watch());
        var expected = Run(options, "wide", progress: wide);
        var found = Run(options with { Bounds = PassBounds.Default with { Bytes = 1_000_000 } }, "narrow", progress: narrow);
        Assert.True(narrow.Done.Count > 2 * wide.Done.Count, $"{narrow.Done.Count} and {wide.Done.Count} batches");
        AssertSame(expected.Labels, found.Labels);
        var few = PassBounds.Default with { Tokens = 64 };
        AssertSame(expected.Labels, Run(options with { Bounds = few }, "tokens", progress: tokens).Labels);
        Assert.NotEqual(wide.Done.Count, tokens.Done.Count);
    }

    [Theory]
    [InlineData(EstimatorKind.Exact)]
    [InlineData(EstimatorKind.Sampled)]
    public void MemoryOfAPass_ChangesThePassesAlone_AndTheyAreCounted(EstimatorKind estimator)
    {
        var options = Options with { Estimator = estimator, Relations = ["P17", "P19"] };
        const long Little = 1_000_000;
        var wide = Run(options, "wide");
        var narrow = Run(options, "narrow", compute: Fp32 with { Memory = Little });
        AssertSame(wide.Labels, narrow.Labels);
        Assert.Equal(["P17", "P19"], narrow.Passes.Keys);
        foreach (var (relation, many) in narrow.Passes)
        {
            var few = wide.Passes[relation];
            Assert.True(many.Passes > few.Passes, $"{relation}: {many.Passes} passes in {Little} bytes, {few.Passes} in {few.Bytes}");
            // Questions and nodes are the same ones, in other passes.
            Assert.Equal((few.Questions, few.Rows, few.Tokens), (many.Questions, many.Rows, many.Tokens));
            Assert.Equal(wide.Labels.Count(l => l.Relation == relation) * options.Sampling.Prompts, few.Questions);
            Assert.True(many.Rows >= many.Questions && many.Tokens >= many.Rows && many.Seconds > 0);
            Assert.Equal((Little, PassBounds.On(CPU).Bytes), (many.Bytes, few.Bytes));
        }
        // What is read was not done.
        Assert.Empty(Run(options, "narrow").Passes);
    }

    [Fact]
    public void CountsOfTwoWorks_AddUp()
    {
        var one = new PassCounts(1, 20, 300, 4) { Seconds = 0.5, Bytes = 100 };
        Assert.Equal(new PassCounts(3, 25, 306, 11) { Seconds = 2, Bytes = 70 },
            one + new PassCounts(2, 5, 6, 7) { Seconds = 1.5, Bytes = 70 });
        Assert.Equal(one, one + PassCounts.None);
    }

    // 16 positions: 8 tokens of the first prompt with 4 of a row, and 2 of the second with up to 12, fit each, but not padded together.
    [Fact]
    public void PromptsWhoseLongestRowsTogetherPassTheLastPosition_AreInBatchesOfTheirOwn()
    {
        using var weights = new DecoderWeights(new PreTrainingOptions { HiddenSize = 32, Layers = 1, ContextTokens = 8 }.Shape(20), CPU,
            trainable: false);
        weights.Initialize(1);
        using var decoder = new Decoder(weights);
        using var scorer = new AnswerScorer(decoder, WordLevelTokenizer.Train(["a"]), new());
        PromptedQuestion Question(int i, int tokens) => new(i, [.. Enumerable.Repeat(5, tokens - 1)], [6]);
        PromptRow[] rows = [new(0, Question(0, 4)), new(0, Question(1, 8)), new(1, Question(0, 8)), new(1, Question(1, 12))];
        Assert.Equal([0..3, 3..4], scorer.Batches(rows, [8, 2]));
        Assert.Equal([0..4], scorer.Batches(rows, [2, 4]));
    }

    [Fact]
    public void TheBounds_AreNotFeltInTheLab_AndKeepALargeVocabularyWithinThem()
    {
        using var lab = new DecoderWeights(new PreTrainingOptions().Shape(3000), CPU, trainable: false);
        using var decoder = new Decoder(lab);
        var limits = new BatchLimits(decoder, 0);
        Assert.True(limits.Fits(8192 / 12, 12, 6));
        Assert.True(limits.LevelRows(8, 0, PassBounds.Default.Bytes) >= 8192 / 8);
        Assert.True(limits.TreeRows(8, 16) >= 8192 / 8);
        using var large = new DecoderWeights(new PreTrainingOptions { HiddenSize = 32, Layers = 1 }.Shape(250_000), CPU, trainable: false);
        using var other = new Decoder(large);
        var questions = Enumerable.Range(0, 2000).Select(i => new PromptRow(0, new(i, [5, 6, 7], [8, 9]))).ToList();
        var tokenizer = WordLevelTokenizer.Train(["a"]);
        var many = PassBounds.Default with { Tokens = 1_000_000 };
        var batches = new AnswerScorer(other, tokenizer, new()) { Memory = new(many) }.Batches(questions, [0]).ToList();
        Assert.Equal(2000, batches.Sum(b => b.GetOffsetAndLength(2000).Length));
        var rows = batches[0].GetOffsetAndLength(2000).Length;
        Assert.InRange(rows * 3L * 250_000 * 4 * 3, PassBounds.Default.Bytes / 2, PassBounds.Default.Bytes);
    }

    [Fact]
    public void OwnQuestions_AreLabelledAsThoseOfEntityQuestions()
    {
        var facts = EntityQuestions.Read(World()).Facts.Where(f => f.Relation is "P17" or "P36").ToList();
        var csv = Path.Combine(_folder, "own.csv");
        Tables.WriteCsv(csv, facts);
        var options = Options with { Relations = ["p17", "P36"], Columns = new() { Split = "Split", Relation = "Relation",
            Question = "Question", Answer = "Answer" } };
        var expected = Run(options with { Columns = new() });
        var found = Run(options, data: csv);
        AssertSame([.. expected.Labels.Select(l => l with { FactId = 0 })], [.. found.Labels.Select(l => l with { FactId = 0 })]);
        Assert.Equal("own.csv", found.Source);
        // The paper says nothing about them, and neither do the templates of its relations.
        var table = AnnotationTable.Make(found);
        Assert.All(table.Rows.Take(2), row => Assert.Equal(("", "-"), (row[1], row[^1])));
        Assert.Contains("The questions are those of own.csv", table.Note, StringComparison.Ordinal);
        // Without dev questions, what is drawn as an exemplar is not asked.
        Tables.WriteCsv(csv, [.. facts.Where(f => f.Split == Split.Train)]);
        var alone = Run(options, data: csv);
        Assert.Equal(expected.Labels.Count - 2 * 5, alone.Labels.Count);
        Assert.Contains("--relation-column", Assert.Throws<UsageException>(() => Run(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Questions_AreDrawnWithTheSeed_TheFewerAmongTheMore()
    {
        IReadOnlyList<LabelRow> Ask(int? n, int seed = 1, IProgressReport? progress = null) =>
            Run(Options with { Questions = n, Seed = seed, Relations = ["P36"] }, progress: progress).Labels;
        var (five, eight) = (Ask(5), Ask(8));
        Assert.Equal((5, 8), (five.Count, eight.Count));
        Assert.Subset(eight.Select(l => l.FactId).ToHashSet(), five.Select(l => l.FactId).ToHashSet());
        Assert.NotEqual(five.Select(l => l.FactId), Ask(5, seed: 2).Select(l => l.FactId));
        var watch = new Watch();
        Assert.Equal(Ask(null).Count, Ask(99, progress: watch).Count);
        Assert.Contains(watch.Said, line =>
            line.Contains("Fewer than 99 train questions, so all of them: P36 14.", StringComparison.Ordinal));
        Assert.Throws<UsageException>(() => Ask(0));
    }

    [Fact]
    public void OfDev_ExemplarsAreNotAsked()
    {
        var options = Options with { Split = Split.Dev, Relations = ["P36"], Sampling = new() { Prompts = 1 } };
        var dev = EntityQuestions.Read(World()).Of("P36", Split.Dev);
        var exemplars = Annotator.Exemplars(dev, options.Sampling, "P36", options.Seed).Single();
        Assert.Equal(dev.Except(exemplars).Select(f => f.Id), Run(options).Labels.Select(l => l.FactId));
        Assert.Contains("P36", Assert.Throws<SlickException>(() => Run(options with { Sampling = new() })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AStage_IsTheModelsContentItsQuestionsAndTheFormat()
    {
        var options = Options with { Relations = ["P17"], Questions = 3 };
        var copy = Path.Combine(_folder, "copy");
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(Model)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        var watch = new Watch();
        var table = Run(options).Table;
        Assert.Equal(table, Run(options, model: copy, progress: watch).Table);
        Assert.Empty(watch.Done);
        var bf16 = Run(options, compute: Compute.Choose("cpu", "bf16"));
        Assert.Equal(("bf16", 3), (bf16.NumberFormat, bf16.Labels.Count));
        Assert.NotEqual(table, bf16.Table);
        // Another model: one byte of the weights.
        var weights = File.ReadAllBytes(Path.Combine(copy, "model.safetensors"));
        weights[^1] ^= 1;
        File.WriteAllBytes(Path.Combine(copy, "model.safetensors"), weights);
        Assert.NotEqual(table, Run(options, model: copy).Table);
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        string Complaint<T>(AnnotationOptions options, string? data = null, string? model = null) where T : SlickException =>
            Assert.Throws<T>(() => Run(options, data: data, model: model)).Message;
        Assert.Contains("P131, P136, P17", Complaint<UsageException>(Options with { Relations = ["P17", "P9999"] }),
            StringComparison.Ordinal);
        Assert.Contains("out of distribution", Complaint<UsageException>(Options with { Relations = ["P50"] }), StringComparison.Ordinal);
        Assert.Contains("positions", Complaint<SlickException>(Options with { Sampling = new() { Shots = 16 } }, data: Sample),
            StringComparison.Ordinal);
        Assert.Contains("no such folder", Complaint<SlickException>(Options, model: Path.Combine(_folder, "gone")),
            StringComparison.Ordinal);
        Assert.Contains("no such folder", Complaint<SlickException>(Options, data: Path.Combine(_folder, "gone")),
            StringComparison.Ordinal);
        var empty = Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName;
        Assert.Contains("tokenizer.json", Complaint<SlickException>(Options, model: empty), StringComparison.Ordinal);
        // Nothing half-written: what was begun may be resumed, nothing looks finished.
        Assert.DoesNotContain(RunStore.Open(Path.Combine(_folder, "store")).List(), s => s.State == "complete");
    }

    // ":" and a space are one token, as if the answer's space belonged to the prompt's last sign.
    private sealed class JoiningTokenizer : ITokenizer
    {
        public int VocabularySize => 200;
        public int? BosId => null;
        public int? EosId => null;
        public int[] Encode(string text, bool addSpecialTokens = true) =>
            [.. text.Replace(": ", "\u0080", StringComparison.Ordinal).Select(c => (int)c)];
        public string Decode(IReadOnlyList<int> ids) => string.Concat(ids.Select(i => i == 0x80 ? ": " : ((char)i).ToString()));
        public bool StartsWithLineFeed(int id) => id == '\n';
    }

    [Theory]
    [InlineData(EstimatorKind.Exact)]
    [InlineData(EstimatorKind.Sampled)]
    public void MovedBoundaries_AreMarked(EstimatorKind kind)
    {
        using var weights = new DecoderWeights(new PreTrainingOptions { HiddenSize = 32, Layers = 1, ContextTokens = 128 }.Shape(200), CPU,
            trainable: false);
        weights.Initialize(1);
        using var decoder = new Decoder(weights);
        Fact Ask(int id) => new() { Id = id, Relation = "P17", Split = Split.Train, Subject = $"s{id}", Question = $"Where is s{id}?",
            Answer = "here" };
        var options = new SamplingOptions { Samples = 2, MaxAnswerTokens = 3 };
        IEstimator estimator = kind == EstimatorKind.Exact ? new ExactEstimator(options, PromptFormat.QuestionAnswer)
            : new SampledEstimator(options, PromptFormat.QuestionAnswer);
        var estimates = estimator.Estimate(decoder, new JoiningTokenizer(), [], [Ask(1), Ask(2)], 1, CancellationToken.None);
        Assert.All(estimates, e => Assert.True(e.MovedBoundary));
        // What is scored begins where the two part; what is drawn follows the prompt as it is encoded alone.
        PromptedQuestion Asked(bool forDrawing)
        {
            using var batch = new PromptBatch(decoder, new JoiningTokenizer(), PromptFormat.QuestionAnswer, [], [Ask(1)], forDrawing);
            return batch.Questions[0];
        }
        Assert.Equal(("A", "\u0080here"), (Text(Asked(false).Own), Text(Asked(false).Gold)));
        Assert.Equal((":", ""), (Text(Asked(true).Own), Text(Asked(true).Gold)));
        static string Text(int[] ids) => string.Concat(ids.Select(i => (char)i));
    }

    // "." and the line feed are one token, as for Llama 3 and Qwen; it puts an EOS behind every text.
    private sealed class PointJoiningTokenizer : ITokenizer
    {
        public const int Point = 0x81, End = 0x82;
        public int VocabularySize => 200;
        public int? BosId => null;
        public int? EosId => End;
        public int[] Encode(string text, bool addSpecialTokens = true) => addSpecialTokens ? [.. EncodePrompt(text), End]
            : EncodePrompt(text);
        public int[] EncodePrompt(string text) => [.. text.Replace(".\n", "\u0081", StringComparison.Ordinal).Select(c => (int)c)];
        public string Decode(IReadOnlyList<int> ids) => string.Concat(ids.Select(i => i == Point ? ".\n" : ((char)i).ToString()));
        public bool StartsWithLineFeed(int id) => id == '\n';
    }

    [Fact]
    public void AnAnswerWhoseEndIsJoinedWithTheLines_CountsInBothForms()
    {
        using var scope = NewDisposeScope();
        using var weights = new DecoderWeights(new PreTrainingOptions { HiddenSize = 32, Layers = 1, ContextTokens = 128 }.Shape(200), CPU,
            trainable: false);
        weights.Initialize(1);
        using var decoder = new Decoder(weights);
        Fact Ask(int id, string answer) =>
            new() { Id = id, Relation = "P17", Split = Split.Train, Subject = $"s{id}", Question = $"Where is s{id}?", Answer = answer };
        var options = new SamplingOptions { TopK = 200, Temperature = 1 };
        Fact[] facts = [Ask(1, "I."), Ask(2, "here"), Ask(3, "N.")];
        var tokenizer = new PointJoiningTokenizer();
        var found = new ExactEstimator(options, PromptFormat.QuestionAnswer)
            .Estimate(decoder, tokenizer, [], facts, 1, CancellationToken.None);
        Assert.Equal([true, false, true], found.Select(e => e.MovedBoundary));
        double Path(Fact fact, int[] answer, bool andEnd)
        {
            var prompt = tokenizer.EncodePrompt($"Q: {fact.Question}\nA:");
            int[] all = [.. prompt, .. answer];
            var shares = decoder.Logits(decoder.Forward(tensor([.. all.Select(t => (long)t)], ScalarType.Int64).view(1, -1)).Hidden)[0]
                .softmax(-1);
            double At(int position, int token) => shares[position, token].item<float>();
            var p = answer.Select((token, i) => At(prompt.Length - 1 + i, token)).Aggregate(1.0, (a, b) => a * b);
            return andEnd ? p * (At(all.Length - 1, '\n') + At(all.Length - 1, PointJoiningTokenizer.End)
                + decoder.Config.EosIds.Sum(id => At(all.Length - 1, id))) : p;
        }
        double[] expected =
        [
            Path(facts[0], [' ', 'I', '.'], true) + Path(facts[0], [' ', 'I', PointJoiningTokenizer.Point], false),
            Path(facts[1], [' ', 'h', 'e', 'r', 'e'], true),
            Path(facts[2], [' ', 'N', '.'], true) + Path(facts[2], [' ', 'N', PointJoiningTokenizer.Point], false),
        ];
        Assert.All(found.Zip(expected), p => Assert.Equal(1, p.First.SampledCorrect / p.Second, 1e-4));
    }

    [Fact]
    public void EveryEndThatConfigOrTokenizerNames_EndsAnAnswer()
    {
        var shape = new PreTrainingOptions { HiddenSize = 32, Layers = 1, ContextTokens = 128 }.Shape(200) with { EosIds = [7, 9] };
        using var weights = new DecoderWeights(shape, CPU, trainable: false);
        using var decoder = new Decoder(weights);
        var ends = AnswerScorer.Ends(decoder, new JoiningTokenizer());
        Assert.Equal([7, 9, '\n'], Enumerable.Range(0, 200).Where(i => ends[i]));
    }

    [Fact]
    public void TheTable_CountsAndStandsBesideThePaper()
    {
        var result = Run(Options);
        var table = AnnotationTable.Make(result);
        table.Check();
        Assert.Equal(12 + 2, table.Rows.Count);
        var p17 = table.Rows.Single(r => r[0] == "P17");
        var labels = result.Labels.Where(l => l.Relation == "P17").ToList();
        var highly = labels.Count(l => l.Category == Category.HighlyKnown);
        Assert.Equal(FormattableString.Invariant($"{highly} ({100.0 * highly / labels.Count:F1})"), p17[2]);
        Assert.Equal("Which country is X located in?", p17[1]);
        Assert.Equal("14", p17[6]);
        Assert.Equal("55.6, 33.3, 6.5, 4.6", p17[8]);
        Assert.Equal("all", table.Rows[^2][0]);
        Assert.Equal("23.9, 25.3, 16.9, 33.9", table.Rows[^2][8]);
    }
}
