using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>A fine-tuning run of a study: a set, drawn and ordered by a seed.</summary>
/// <param name="Arm">The kind of set.</param>
/// <param name="Seed">Number of the draw, from 1.</param>
public sealed record Run(Arm Arm, int Seed);

/// <summary>Fine-tuning on the sets of a study: its third stage.</summary>
public static class FineTuningRuns
{
    /// <summary>Raised whenever a result would change.</summary>
    public const int Version = 3;

    /// <summary>Does the runs that the store does not have, side by side, and reads all of them.</summary>
    /// <param name="model">The base model.</param>
    /// <param name="labelsKey">Key of the labels' stage.</param>
    /// <param name="labels">SliCK's labels of the model's facts.</param>
    /// <param name="options">The study's choices; fine-tuning and the size of D matter here.</param>
    /// <param name="runs">What to run.</param>
    /// <param name="store">Where the tables are kept.</param>
    /// <param name="progress">Told how far the runs are.</param>
    /// <param name="cancellation">Stops between steps; at most about ten seconds of each run are lost.</param>
    /// <returns>Every epoch of every run, every test question's answers, and a sentence for each run that diverged.</returns>
    /// <exception cref="SlickException">D is empty.</exception>
    public static (IReadOnlyList<EpochRow> Epochs, IReadOnlyList<AnswerRow> Answers,
        IReadOnlyList<string> Failures) Ensure(BaseModel model, string labelsKey, IReadOnlyList<LabelRow> labels,
        StudyOptions options, IReadOnlyList<Run> runs, RunStore store, IProgressReport progress, CancellationToken cancellation)
    {
        var name = $"fine-tuning (seed {model.Seed})";
        IReadOnlyList<Fact> Set(Run run, ArmKind? kind = null) =>
            SetOf(run with { Arm = run.Arm with { Kind = kind ?? run.Arm.Kind } }, model.Dataset.Facts, labels, options, model.Seed);
        (runs, var empty) = NotEmpty(runs, model.Dataset.Facts, labels, options, model.Seed);
        if (empty.Any(a => a.Kind == ArmKind.Ratio))
            throw new SlickException(
                $"|D| is 0 by size={options.Size}: a category is missing in every relation; take another "
                + (options.Size == SizeRule.SmallestCategory
                    ? "seed, a larger world, or size=smallerOfKnownAndUnknown." : "seed or a larger world."));
        if (empty.Count > 0) progress.Say($"Left out, for want of facts of that category: {string.Join(", ", empty)}.");
        var stages = runs.Select(r => StageOf(r, model.Key, labelsKey, model.Seed, options, store)).ToList();
        var missing = Enumerable.Range(0, runs.Count).Where(i => !stages[i].IsComplete).ToList();
        var diverged = new List<string>();
        if (missing.Count > 0)
        {
            progress.Stage(name);
            if (missing.Count < runs.Count) progress.Say(
                $"{runs.Count - missing.Count} of {runs.Count} runs (seed {model.Seed}) are in the store already.");
            var questions = Questions.Of(model.Dataset, labels);
            var weights = model.Weights;
            var epochs = 0;
            SideBySide.For(missing.Count, i =>
            {
                try { stages[missing[i]].Ensure(scratch => Fit(scratch, runs[missing[i]])); }
                catch (DivergedException e)
                {
                    lock (diverged) diverged.Add(
                        $"{runs[missing[i]].Arm}, draw {runs[missing[i]].Seed}, base seed {model.Seed}: {e.Message}");
                }
            }, cancellation, weights.Flat.is_cuda ? 1 : null); // a GPU works on one run after the other

            Action<string> Fit(string scratch, Run run)
            {
                var set = Set(run);
                var updates = run.Arm.Kind == ArmKind.KnownOnlySameUpdates
                    ? FineTuning.Updates(Set(run, ArmKind.Ratio).Count, options.FineTuning.BatchExamples) : 0;
                var results = new List<EpochResult>();
                FineTuning.Run(weights, model.Tokenizer, PromptFormat.QuestionAnswer, options.FineTuning, set, [.. questions.All, .. set],
                    Seeds.Mix(Seeds.Mix(model.Seed, run.Seed), run.Arm.ToString()), updates, scratch, result =>
                    {
                        results.Add(result);
                        progress.Report(name, Interlocked.Increment(ref epochs), missing.Count * (options.FineTuning.Epochs + 1.0),
                            run.Arm.ToString());
                    }, cancellation);
                var rows = questions.Rows(run, model.Seed, set, results);
                var answers = questions.Answers(run, model.Seed, results, rows.Single(r => r.EarlyStop).Epoch);
                return folder =>
                {
                    Tables.Write(Path.Combine(folder, "epochs.parquet"), rows);
                    Tables.Write(Path.Combine(folder, "answers.parquet"), answers);
                };
            }
        }
        stages = [.. stages.Where(s => s.IsComplete)];
        return ([.. stages.SelectMany(s => Tables.Read<EpochRow>(s.File("epochs.parquet")))],
            [.. stages.SelectMany(s => Tables.Read<AnswerRow>(s.File("answers.parquet")))],
            [.. diverged.Order(StringComparer.Ordinal)]);
    }

    // Both take the facts and the labels of a base model, and its seed.
    private static IReadOnlyList<Fact> SetOf(Run run, IReadOnlyList<Fact> facts, IReadOnlyList<LabelRow> labels, StudyOptions options,
        int baseSeed) =>
        FineTuningSets.Make(run.Arm, facts, labels, options.Size, Seeds.Mix(baseSeed, run.Seed));

    /// <summary>The runs whose sets have facts, and the kinds of set that have none.</summary>
    internal static (IReadOnlyList<Run> Runs, IReadOnlyList<Arm> Empty) NotEmpty(IReadOnlyList<Run> runs, IReadOnlyList<Fact> facts,
        IReadOnlyList<LabelRow> labels, StudyOptions options, int baseSeed)
    {
        List<Arm> empty = [.. runs.Where(r => SetOf(r, facts, labels, options, baseSeed).Count == 0).Select(r => r.Arm).Distinct()];
        return ([.. runs.Where(r => !empty.Contains(r.Arm))], empty);
    }

    internal static Stage StageOf(Run run, string modelKey, string labelsKey, int baseSeed, StudyOptions options, RunStore store) =>
        store.Stage("run", Version, $"{run.Arm}, draw {run.Seed}, base seed {baseSeed}",
            new { run.Arm.Kind, run.Arm.UnknownPercent, options.Size, options.FineTuning }, run.Seed, modelKey, labelsKey);

    /// <summary>The questions that every epoch asks, and how their answers are counted.</summary>
    private sealed record Questions(IReadOnlyList<Fact> Dev, IReadOnlyList<Fact> Test, IReadOnlyList<Fact> Ood, Dictionary<int,
        Category> Category)
    {
        public static Questions Of(Dataset dataset, IReadOnlyList<LabelRow> labels)
        {
            var trained = dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
            List<Fact> Split(Split split, bool inDistribution) =>
                [.. dataset.Facts.Where(f => f.Split == split && trained.Contains(f.Relation) == inDistribution)];
            return new(Split(Facts.Split.Dev, true), Split(Facts.Split.Test, true), Split(Facts.Split.Test, false),
                labels.ToDictionary(l => l.FactId, l => l.Category));
        }

        public IReadOnlyList<Fact> All => [.. Dev, .. Test, .. Ood];

        public List<EpochRow> Rows(Run run, int baseSeed, IReadOnlyList<Fact> set, List<EpochResult> results)
        {
            var best = results.Skip(1).MaxBy(r => Share(r.Correct.Take(Dev.Count)))!.Epoch;
            var unknown = set.Count(f => Category[f.Id] == Knowledge.Category.Unknown);
            var asked = All.Count;
            return [.. results.Select(result =>
            {
                double Tested(Category c) => Share(Test.Select((f, i) => (f, i)).Where(p => Category[p.f.Id] == c)
                    .Select(p => result.Correct[Dev.Count + p.i]));
                double Fitted(Func<Category, bool> of) =>
                    Share(set.Select((f, i) => (f, i)).Where(p => of(Category[p.f.Id])).Select(p => result.Correct[asked + p.i]));
                return new EpochRow
                {
                    Kind = run.Arm.Kind,
                    UnknownPercent = run.Arm.UnknownPercent,
                    BaseSeed = baseSeed,
                    Seed = run.Seed,
                    Epoch = result.Epoch,
                    Updates = result.Updates,
                    KnownExamples = set.Count - unknown,
                    UnknownExamples = unknown,
                    TrainLoss = result.Loss,
                    DevAccuracy = Share(result.Correct.Take(Dev.Count)),
                    TestAccuracy = Share(result.Correct.Skip(Dev.Count).Take(Test.Count)),
                    TestHighlyKnown = Tested(Knowledge.Category.HighlyKnown),
                    TestMaybeKnown = Tested(Knowledge.Category.MaybeKnown),
                    TestWeaklyKnown = Tested(Knowledge.Category.WeaklyKnown),
                    TestUnknown = Tested(Knowledge.Category.Unknown),
                    OodAccuracy = Share(result.Correct.Skip(Dev.Count + Test.Count).Take(Ood.Count)),
                    FittedHighlyKnown = Fitted(c => c == Knowledge.Category.HighlyKnown),
                    FittedMaybeKnown = Fitted(c => c == Knowledge.Category.MaybeKnown),
                    FittedWeaklyKnown = Fitted(c => c == Knowledge.Category.WeaklyKnown),
                    FittedKnown = Fitted(c => c != Knowledge.Category.Unknown),
                    FittedUnknown = Fitted(c => c == Knowledge.Category.Unknown),
                    Fitted = Fitted(_ => true),
                    EarlyStop = result.Epoch == best,
                };
            })];
        }

        public List<AnswerRow> Answers(Run run, int baseSeed, List<EpochResult> results, int earlyStop) =>
        [.. Test.Select((fact, i) => new AnswerRow
        {
            Kind = run.Arm.Kind,
            UnknownPercent = run.Arm.UnknownPercent,
            BaseSeed = baseSeed,
            Seed = run.Seed,
            FactId = fact.Id,
            Relation = fact.Relation,
            Category = Category[fact.Id],
            GoldExposures = fact.GoldExposures,
            RivalExposures = fact.RivalExposures,
            Base = results[0].Correct[Dev.Count + i],
            EarlyStop = results[earlyStop].Correct[Dev.Count + i],
            Convergence = results[^1].Correct[Dev.Count + i],
        })];

        private static double Share(IEnumerable<bool> correct)
        {
            var (right, all) = (0, 0);
            foreach (var c in correct) (right, all) = (right + (c ? 1 : 0), all + 1);
            return all == 0 ? double.NaN : (double)right / all;
        }
    }
}
