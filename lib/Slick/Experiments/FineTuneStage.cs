using System.Globalization;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>A fine-tuning run of a study: a kind of set, and which draw of it.</summary>
/// <param name="Arm">The arm: the kind of set.</param>
/// <param name="Draw">Number of the draw of D and of the order of its examples, from 1.</param>
public sealed record Run(Arm Arm, int Draw);

/// <summary>The options that a fine-tuning run's result follows from, besides model, questions and labels. Options with the name of one in
/// <see cref="StudyOptions"/> mean the same.</summary>
public sealed record RunOptions
{
    /// <summary>The kind of set.</summary>
    public ArmKind Kind { get; init; }
    /// <summary>X of D with X% Unknown; -1 for kinds that have no X.</summary>
    public int UnknownPercent { get; init; } = -1;
    /// <summary>Number of the draw of D and of the order of its examples, from 1.</summary>
    public int Draw { get; init; } = 1;
    /// <summary>The rule for the size of each relation's part of D.</summary>
    public SizeRule Size { get; init; }
    /// <summary>Which questions are trained on and asked.</summary>
    public QuestionOptions Questions { get; init; } = new();
    /// <summary>The form in which questions are trained and asked.</summary>
    public QuestionForm Form { get; init; }
    /// <summary>True to ask the test questions at the stops only; false to ask them after every epoch.</summary>
    public bool TestAtStops { get; init; }
    /// <summary>The least number of epochs where the run's length follows from the fit of D with 100% Unknown; 0 where it does
    /// not.</summary>
    public int LeastEpochs { get; init; }
    /// <summary>Number of SliCK's prompts and of their shots. Exemplars of these prompts are not asked as dev questions.</summary>
    public SamplingOptions Sampling { get; init; } = new();
    /// <summary>Which texts are mixed in.</summary>
    public ReplaySource Replay { get; init; }
    /// <summary>The settings of fine-tuning.</summary>
    public FineTuningOptions FineTuning { get; init; } = new();

    /// <summary>The run that the options describe.</summary>
    internal Run Run => new(new(Kind, UnknownPercent), Draw);
}

/// <summary>The stage of a fine-tuning run. A run on a set without facts is a finished stage that has a reason and no rows.</summary>
internal static class FineTuneStage
{
    public static StageKind Kind { get; } = new("finetune", 8, typeof(RunOptions), s => $"fine-tuning (seed {s.Seed})", Run);

    /// <summary>The stage of a run.</summary>
    /// <param name="run">The set and its draw.</param>
    /// <param name="options">The study's options.</param>
    /// <param name="seed">Seed of the base model.</param>
    /// <param name="model">The name that stages give the model.</param>
    /// <param name="questions">The name that stages give the facts.</param>
    /// <param name="labels">The stage of the table of labels.</param>
    /// <param name="length">The run that decides how many epochs this run has; null where the options decide, or where this run is that
    /// one.</param>
    /// <param name="platform">The kind of device and the number format.</param>
    public static Stage Of(Run run, StudyOptions options, int seed, string model, string questions, Stage labels, Stage? length,
        Platform platform) =>
        Kind.Stage(string.Create(CultureInfo.InvariantCulture, $"{run.Arm}, draw {run.Draw}, seed {seed}"), new RunOptions
        {
            Kind = run.Arm.Kind,
            UnknownPercent = run.Arm.UnknownPercent,
            Draw = run.Draw,
            Size = options.Size,
            Questions = options.Questions,
            Form = options.Form,
            TestAtStops = options.TestAtStops,
            LeastEpochs = options.LeastEpochs,
            // Where dev questions are not chosen, exemplars are not left out, so the protocol does not matter.
            Sampling = options.Questions.Dev > 0 ? options.Sampling : new(),
            // Where no text is mixed in, its source does not matter.
            Replay = options.FineTuning.ReplayShare > 0 ? options.Replay : default,
            FineTuning = run.Arm.Kind == ArmKind.RatioDecayingRate
                ? options.FineTuning with { Schedule = LearningRateShape.LinearDecay } : options.FineTuning,
        }, seed, platform, length is null ? [model, questions, labels.Name] : [model, questions, labels.Name, length.Name]);

    /// <summary>The prompts of a form.</summary>
    public static PromptFormat Format(QuestionForm form) =>
        form == QuestionForm.Instruction ? PromptFormat.Instruction : PromptFormat.QuestionAnswer;

    /// <summary>Prepares a run: its set, the questions that it asks, and how it is trained. A stage that repeats a run prepares it here
    /// too, so that it trains the same weights.</summary>
    /// <param name="work">The work. Its stage is that of the run.</param>
    /// <returns>The run; null for a set without facts.</returns>
    internal static PreparedRun? Prepare(StageWork work)
    {
        var options = work.Stage.OptionsAs<RunOptions>();
        var (run, seed, store) = (options.Run, work.Stage.Seed, work.Context.Store);
        var dataset = work.Context.Dataset(work.Stage.Inputs[1]);
        var labels = LabelTable.Read(store.Finished(work.Stage.Inputs[2]));
        var (exposures, ladder) = (work.Context.Exposures(work.Stage.Inputs[1]), work.Context.Ladder(work.Stage.Inputs[1]));
        var draw = Seeds.Mix(seed, run.Draw);
        IReadOnlyList<Fact> Set(ArmKind kind) =>
            FineTuningSets.Make(run.Arm with { Kind = kind }, dataset.Facts, labels, options.Size, draw, options.Questions, exposures,
                ladder);
        var set = Set(run.Arm.Kind);
        if (set.Count == 0) return null;
        // The run that decides how many epochs this run has. Its last epoch is unknown where its set has no facts.
        var other = work.Stage.Inputs.Count > 3 ? RunTables.Read(store.Finished(work.Stage.Inputs[3]).Folder) : null;
        var last = other is null ? options.FineTuning.Epochs : other.Epochs.Select(e => e.Epoch).DefaultIfEmpty(options.LeastEpochs).Max();
        var model = work.Context.Model(work.Stage.Inputs[0]);
        var asked = AskedSets.Of(dataset, labels, options, seed);
        var format = Format(options.Form);
        var examples = FineTuningSets.Examples(run.Arm, set, labels, format);
        var known = labels.Where(l => l.Category != Category.Unknown).Select(l => l.FactId).ToHashSet();
        IReadOnlyList<Fact> end = options.FineTuning.EndShare > 0 ? [.. set.Where(f => known.Contains(f.Id))] : [];
        (QuestionSet Set, IReadOnlyList<Fact> Questions)[] eachEpoch = options.TestAtStops ? [(QuestionSet.Dev, asked.Dev)]
            : [(QuestionSet.Dev, asked.Dev), (QuestionSet.Test, asked.Test), (QuestionSet.Ood, asked.Ood)];
        return new(options, model, dataset.Facts, labels, set, asked, eachEpoch, other is null, last, new()
        {
            Start = model.Weights,
            Tokenizer = model.Tokenizer,
            Options = options.FineTuning with { Epochs = last, EndShare = end.Count > 0 ? options.FineTuning.EndShare : 0 },
            Examples = examples,
            EndExamples = Example.Of(end, format),
            ReplayTexts = options.FineTuning.ReplayShare > 0 ? ReplayTexts.Of(work, options, model, set.Count) : [],
            Questions = new Dictionary<string, IReadOnlyList<Example>>
            {
                // The set's own examples come last, with the answers that are taught.
                [PreparedRun.Each] = [.. Example.Of(eachEpoch.SelectMany(a => a.Questions), format), .. examples],
                [PreparedRun.Test] = Example.Of(options.TestAtStops ? asked.Test : [], format),
                [PreparedRun.Ood] = Example.Of(options.TestAtStops ? asked.Ood : [], format),
            },
            Seed = Seeds.Mix(draw, run.Arm.Id),
            EpochUpdates = run.Arm.Kind == ArmKind.KnownOnlySameUpdates
                ? FineTuning.Updates(Set(ArmKind.Ratio).Count, options.FineTuning.BatchExamples) : 0,
            Scratch = work.Scratch,
            OwnsScratch = work.IsMine,
            Asking = PassBounds.InTraining(work.Context.Compute.Memory),
        });
    }

    private static Action<string> Run(StageWork work)
    {
        if (Prepare(work) is not { } prepared)
        {
            var (empty, of) = (work.Stage.OptionsAs<RunOptions>().Run, new Dictionary<int, Category>());
            return RunTables.Empty(RunRecorder.RowOf(work.Stage.Key, empty.Arm, work.Stage.Seed, empty.Draw, [], of,
                $"no train fact belongs to {empty.Arm}")).Write;
        }
        var (options, model, asked, last) = (prepared.Options, prepared.Model, prepared.Asked, prepared.Last);
        var (run, format) = (options.Run, Format(options.Form));
        var record = new RunRecorder(work.Stage.Key, run.Arm, work.Stage.Seed, run.Draw, prepared.Set, prepared.EachEpoch,
            prepared.Labels);
        const string Early = "early-stop", Fit = "fit";
        // What is answered to the questions that are answered wrongly. A resumed run reports the epochs before its checkpoint without a
        // model; their answers lie in files.
        void KeepWrongAnswers(int epoch, Action<Action<Decoder>> withModel)
        {
            var file = Path.Combine(work.Scratch, string.Create(CultureInfo.InvariantCulture, $"wrong-answers-{epoch}.parquet"));
            if (!File.Exists(file)) withModel(decoder => Tables.Write(file, WrongAnswers.Draw(decoder, model.Tokenizer,
                record.WrongAt(epoch), format, PassBounds.InTraining(work.Context.Compute.Memory), work.Cancellation)));
            record.Add(epoch, Tables.Read<WrongAnswer>(file));
        }
        FineTuning.Run(prepared.Training with { KeptNames = 2 }, epoch => // EARLY_STOP and FIT are kept
        {
            record.Add(new(epoch.Epoch, epoch.Updates, epoch.Loss, epoch.Ask(PreparedRun.Each)));
            var stops = record.Stops;
            var isLast = epoch.Epoch == last || (prepared.DecidesLength && options.LeastEpochs > 0 && epoch.Epoch >= options.LeastEpochs
                && stops?.Fit is { } fitted && epoch.Epoch >= 2 * fitted);
            work.Progress.Report(Kind.Group(work.Stage), epoch.Epoch + 1, last + 1.0, run.Arm.ToString());
            if (options.TestAtStops)
            {
                void TestNow(int at, Func<string, IReadOnlyList<bool>> ask)
                {
                    record.Add(at, QuestionSet.Test, asked.Test, ask(PreparedRun.Test));
                    record.Add(at, QuestionSet.Ood, asked.Ood, ask(PreparedRun.Ood));
                }
                if (epoch.Epoch == 0) TestNow(0, epoch.Ask);
                else if (isLast)
                {
                    // Each epoch is asked once, also where it is two stops.
                    if (stops!.EarlyStop != epoch.Epoch) TestNow(stops.EarlyStop, set => epoch.AskKept(Early, set));
                    if (stops.Fit is { } fit && fit != epoch.Epoch && fit != stops.EarlyStop) TestNow(fit, set => epoch.AskKept(Fit, set));
                    TestNow(epoch.Epoch, epoch.Ask);
                }
            }
            if (epoch.Epoch == 0) KeepWrongAnswers(0, ask => ask(epoch.Decoder));
            else if (isLast)
            {
                if (stops!.EarlyStop != epoch.Epoch) KeepWrongAnswers(stops.EarlyStop, ask => epoch.WithKept(Early, ask));
                if (stops.Fit is { } fit && fit != epoch.Epoch && fit != stops.EarlyStop)
                    KeepWrongAnswers(fit, ask => epoch.WithKept(Fit, ask));
                KeepWrongAnswers(epoch.Epoch, ask => ask(epoch.Decoder));
                epoch.Stop();
            }
            else
            {
                if (stops!.EarlyStop == epoch.Epoch) epoch.Keep(Early);
                if (stops.Fit == epoch.Epoch) epoch.Keep(Fit);
            }
        }, work.Cancellation);
        return record.Tables().Write;
    }
}

/// <summary>A fine-tuning run that is ready to begin.</summary>
/// <param name="Options">The run's options.</param>
/// <param name="Model">The base model.</param>
/// <param name="Facts">All facts; a fact's id is its index.</param>
/// <param name="Labels">SliCK's labels of the base model.</param>
/// <param name="Set">The facts of the fine-tuning set.</param>
/// <param name="Asked">The questions that the fine-tuned model is asked besides its own examples.</param>
/// <param name="EachEpoch">The sets of questions that every epoch asks, in this order; the set's own examples come after them.</param>
/// <param name="DecidesLength">True where no other run decides how many epochs this run has.</param>
/// <param name="Last">The largest number of epochs.</param>
/// <param name="Training">The run itself. Its questions have the names <see cref="Each"/>, <see cref="Test"/> and
/// <see cref="Ood"/>.</param>
internal sealed record PreparedRun(RunOptions Options, OpenedModel Model, IReadOnlyList<Fact> Facts, IReadOnlyList<LabelRow> Labels,
    IReadOnlyList<Fact> Set, AskedSets Asked, IReadOnlyList<(QuestionSet Set, IReadOnlyList<Fact> Questions)> EachEpoch,
    bool DecidesLength, int Last, FineTuningRun Training)
{
    /// <summary>What every epoch asks: <see cref="EachEpoch"/> and the set's own examples.</summary>
    public const string Each = "each";
    /// <summary>The test questions in distribution; empty where every epoch asks them.</summary>
    public const string Test = "test";
    /// <summary>The test questions out of distribution; empty where every epoch asks them.</summary>
    public const string Ood = "ood";

    /// <summary>Asks the test questions in distribution in the same passes as the run does, so that equal weights give equal
    /// answers.</summary>
    /// <param name="ask">Asks a set of questions by its name.</param>
    /// <returns>Whether each answer is the gold answer, in the order of the test questions.</returns>
    public IReadOnlyList<bool> AskTest(Func<string, IReadOnlyList<bool>> ask) =>
        Options.TestAtStops ? ask(Test) : [.. ask(Each).Skip(Asked.Dev.Count).Take(Asked.Test.Count)];
}

/// <summary>The questions that a fine-tuned model is asked besides its own examples.</summary>
/// <param name="Dev">Dev questions of the relations in distribution.</param>
/// <param name="Test">Test questions of the relations in distribution.</param>
/// <param name="Ood">Test questions of the relations out of distribution.</param>
internal sealed record AskedSets(IReadOnlyList<Fact> Dev, IReadOnlyList<Fact> Test, IReadOnlyList<Fact> Ood)
{
    /// <summary>The questions of a run. The test questions are those with a label.</summary>
    /// <param name="dataset">The facts.</param>
    /// <param name="labels">SliCK's labels.</param>
    /// <param name="options">The run's options, which say which questions are asked.</param>
    /// <param name="seed">Seed of the base model. All runs of a base model are asked the same questions.</param>
    /// <exception cref="SlickException">There are no dev questions left.</exception>
    public static AskedSets Of(Dataset dataset, IReadOnlyList<LabelRow> labels, RunOptions options, int seed)
    {
        var trained = dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
        List<LabelRow> tests = [.. labels.Where(l => l.Split == Split.Test)];
        IEnumerable<LabelRow> test = tests.Where(l => trained.Contains(l.Relation));
        var (share, most) = (options.Questions.LargestAnswerShare, options.Questions.UnknownTest);
        if (share < 1)
            test = test.GroupBy(l => l.Relation).SelectMany(of =>
            {
                var known = of.Where(l => l.Category != Category.Unknown).ToArray();
                new RandomStream(Seeds.Mix(Seeds.Mix(seed, "known test questions"), of.Key)).Shuffle<LabelRow>(known);
                return FineTuningSets.WithoutCommonAnswers(known, share).Concat(of.Where(l => l.Category == Category.Unknown));
            });
        if (most > 0)
        {
            var unknown = test.Where(l => l.Category == Category.Unknown).ToArray();
            new RandomStream(Seeds.Mix(seed, "unknown test questions")).Shuffle<LabelRow>(unknown);
            test = test.Where(l => l.Category != Category.Unknown).Concat(unknown.Take(most));
        }
        IReadOnlyList<Fact> FactsOf(IEnumerable<LabelRow> of) => [.. of.Select(l => l.FactId).Order().Select(id => dataset.Facts[id])];
        return new(DevOf(dataset, options.Questions, options.Sampling, seed), FactsOf(test),
            FactsOf(tests.Where(l => !trained.Contains(l.Relation))));
    }

    /// <summary>The dev questions of a run. They follow from the dataset alone, so a plan can check them.</summary>
    /// <param name="dataset">The facts.</param>
    /// <param name="questions">Says how many dev questions of a relation are asked, and whether exemplars are left out.</param>
    /// <param name="sampling">SliCK's protocol, which says how many exemplars there are.</param>
    /// <param name="seed">Seed of the base model.</param>
    /// <exception cref="SlickException">There are no dev questions left.</exception>
    public static IReadOnlyList<Fact> DevOf(Dataset dataset, QuestionOptions questions, SamplingOptions sampling, int seed)
    {
        var trained = dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
        IReadOnlyList<Fact> dev = questions.Dev == 0
            ? [.. dataset.Facts.Where(f => f.Split == Split.Dev && trained.Contains(f.Relation))]
            : [.. trained.Order(StringComparer.Ordinal).SelectMany(r =>
                CheckpointSource.Draw(dataset, r, Split.Dev, questions.Dev, seed, sampling).Questions)];
        // EARLY_STOP follows from the dev questions.
        return dev.Count > 0 ? dev : throw new SlickException($"{dataset.Name}: there are no dev questions that are not exemplars of "
            + "SliCK's prompts; add questions with the split dev, lower sampling.prompts, or set questions.dev=0 to ask exemplars too.");
    }
}
