using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Sampling;
using Slick.Text;
using Slick.Training;
using TorchSharp;

namespace Slick.Studies;

/// <summary>All choices of a study; a preset is one of these.</summary>
public sealed record StudyOptions
{
    /// <summary>The preset's name.</summary>
    public required string Name { get; init; }
    /// <summary>The synthetic world.</summary>
    public WorldOptions World { get; init; } = new();
    /// <summary>The model and its pre-training.</summary>
    public PreTrainingOptions PreTraining { get; init; } = new();
    /// <summary>SliCK's protocol.</summary>
    public SamplingOptions Sampling { get; init; } = new();
    /// <summary>Fine-tuning.</summary>
    public FineTuningOptions FineTuning { get; init; } = new();
    /// <summary>How large each relation's part of D is.</summary>
    public SizeRule Size { get; init; } = SizeRule.SmallerOfKnownAndUnknown;

    /// <summary>Well under a minute: that every part works; its numbers mean nothing.</summary>
    public static StudyOptions Smoke { get; } = new()
    {
        Name = "smoke",
        World = new() { TrainFacts = 20, TestFacts = 8, DevFacts = 8, OodTestFacts = 2, OodDevFacts = 6, MeanExposures = 20 },
        PreTraining = new() { HiddenSize = 64, Layers = 2, IntermediateSize = 128, ContextTokens = 64, BatchRows = 32, Epochs = 4 },
        Sampling = new() { Prompts = 4 },
        FineTuning = new() { Epochs = 10, LearningRate = 3e-4 },
    };

    /// <summary>Minutes on two cores.</summary>
    public static StudyOptions Quick { get; } = new()
    {
        Name = "quick",
        World = new() { TrainFacts = 100, TestFacts = 40, MeanExposures = 36 },
    };
}

/// <summary>The study step by step on a synthetic world: world, base model, labels, fine-tuning.</summary>
public sealed class Study : IDisposable
{
    private readonly StudyOptions options;
    private readonly int seed;

    /// <summary>The facts and documents.</summary>
    public SyntheticWorld World { get; }
    /// <summary>The words of the world.</summary>
    public WordLevelTokenizer Tokenizer { get; }
    /// <summary>The pre-trained model.</summary>
    public DecoderWeights Base { get; }
    /// <summary>SliCK's labels of the train and test facts of the in-distribution relations.</summary>
    public IReadOnlyList<LabelRow> Labels { get; }

    /// <summary>Makes the world, pre-trains the model and labels its facts.</summary>
    /// <param name="options">All choices.</param>
    /// <param name="seed">Seed of everything.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="scratch">A folder for the checkpoint of pre-training.</param>
    /// <param name="progress">Told how far each stage is.</param>
    /// <param name="cancellation">Stops between steps.</param>
    public Study(StudyOptions options, int seed, torch.Device device, string scratch, IProgressReport progress, CancellationToken cancellation)
    {
        (this.options, this.seed) = (options, seed);
        NativeLibraries.Load();
        World = SyntheticWorld.Create(options.World, seed);
        var questions = World.Dataset.Facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, $"{f.Answer} {f.Rival}"));
        Tokenizer = WordLevelTokenizer.Train(World.Documents.Concat(questions));
        var documents = World.Documents.Select(d => Tokenizer.Encode(d).Append(Tokenizer.EosId!.Value).ToArray()).ToArray();
        progress.Say($"World: {World.Dataset.Facts.Count} facts, {documents.Length} documents, {documents.Sum(d => (long)d.Length)} tokens a pass, {Tokenizer.VocabularySize} words.");
        progress.Stage("pre-training");
        Base = PreTraining.Run(options.PreTraining, Tokenizer.VocabularySize, epoch => [.. World.Order(epoch).SelectMany(i => documents[i])],
            seed, device, scratch, progress, cancellation);
        Labels = Annotate(progress, cancellation);
    }

    private List<LabelRow> Annotate(IProgressReport progress, CancellationToken cancellation)
    {
        progress.Stage("SliCK");
        var relations = World.Dataset.Relations.Where(r => r.InDistribution).ToList();
        var rows = new IReadOnlyList<LabelRow>[relations.Count];
        var done = 0;
        var estimator = new ExactEstimator(options.Sampling, PromptFormat.QuestionAnswer);
        SideBySide.For(relations.Count, i =>
        {
            using var decoder = new Decoder(Base);
            var id = relations[i].Id;
            rows[i] = Annotator.Label(decoder, Tokenizer, estimator, options.Sampling,
                [.. World.Dataset.Of(id, Split.Train), .. World.Dataset.Of(id, Split.Test)], World.Dataset.Of(id, Split.Dev), seed, cancellation);
            progress.Report("SliCK", Interlocked.Increment(ref done), relations.Count);
        }, cancellation);
        return [.. rows.SelectMany(r => r)];
    }

    /// <summary>Fine-tunes on each arm, side by side, and returns every epoch of every run.</summary>
    public IReadOnlyList<EpochRow> FineTune(IReadOnlyList<Arm> arms, IProgressReport progress, CancellationToken cancellation)
    {
        progress.Stage("fine-tuning");
        var category = Labels.ToDictionary(l => l.FactId, l => l.Category);
        var facts = World.Dataset.Facts;
        var inDistribution = World.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
        var dev = facts.Where(f => f.Split == Split.Dev && inDistribution.Contains(f.Relation)).ToList();
        var test = facts.Where(f => f.Split == Split.Test && inDistribution.Contains(f.Relation)).ToList();
        var runs = new List<EpochRow>[arms.Count];
        var epochs = 0;
        SideBySide.For(arms.Count, i =>
        {
            var set = FineTuningSets.Make(arms[i], facts, Labels, options.Size, seed);
            if (set.Count == 0) throw new SlickException($"{arms[i]} is empty: a category is missing in every relation; choose another seed or a larger world.");
            runs[i] = [];
            FineTuning.Run(Base, Tokenizer, PromptFormat.QuestionAnswer, options.FineTuning, set, [.. dev, .. test, .. set], Seeds.Mix(seed, arms[i].ToString()),
                result =>
                {
                    runs[i].Add(Row(arms[i], set, dev.Count, test, category, result));
                    progress.Report("fine-tuning", Interlocked.Increment(ref epochs), arms.Count * (options.FineTuning.Epochs + 1.0));
                }, cancellation);
            var best = runs[i].Skip(1).MaxBy(r => r.DevAccuracy)!.Epoch;
            runs[i] = [.. runs[i].Select(r => r with { EarlyStop = r.Epoch == best })];
        }, cancellation);
        return [.. runs.SelectMany(r => r)];
    }

    private EpochRow Row(Arm arm, IReadOnlyList<Fact> set, int dev, List<Fact> test, Dictionary<int, Category> category, EpochResult result)
    {
        static double Share(IEnumerable<bool> correct) => correct.Select(c => c ? 1.0 : 0).DefaultIfEmpty(double.NaN).Average();
        double Test(Category c) => Share(test.Select((f, i) => (f, i)).Where(p => category[p.f.Id] == c).Select(p => result.Correct[dev + p.i]));
        double Fitted(Func<Category, bool> of) => Share(set.Select((f, i) => (f, i)).Where(p => of(category[p.f.Id])).Select(p => result.Correct[dev + test.Count + p.i]));
        var unknown = set.Count(f => category[f.Id] == Category.Unknown);
        return new EpochRow
        {
            Kind = arm.Kind,
            UnknownPercent = arm.UnknownPercent,
            BaseSeed = seed,
            Seed = seed,
            Epoch = result.Epoch,
            Updates = result.Updates,
            KnownExamples = set.Count - unknown,
            UnknownExamples = unknown,
            TrainLoss = result.Loss,
            DevAccuracy = Share(result.Correct.Take(dev)),
            TestAccuracy = Share(result.Correct.Skip(dev).Take(test.Count)),
            TestHighlyKnown = Test(Category.HighlyKnown),
            TestMaybeKnown = Test(Category.MaybeKnown),
            TestWeaklyKnown = Test(Category.WeaklyKnown),
            TestUnknown = Test(Category.Unknown),
            FittedHighlyKnown = Fitted(c => c == Category.HighlyKnown),
            FittedMaybeKnown = Fitted(c => c == Category.MaybeKnown),
            FittedWeaklyKnown = Fitted(c => c == Category.WeaklyKnown),
            FittedKnown = Fitted(c => c != Category.Unknown),
            FittedUnknown = Fitted(c => c == Category.Unknown),
            Fitted = Fitted(_ => true),
            EarlyStop = false,
        };
    }

    /// <summary>Frees the base model.</summary>
    public void Dispose() => Base.Dispose();
}
