using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>A fine-tuning run of a study: one draw of a set and of its order.</summary>
/// <param name="Arm">The kind of set.</param>
/// <param name="Draw">Number of the draw, from 1.</param>
public sealed record Run(Arm Arm, int Draw);

/// <summary>Fine-tuning on the sets of a study: its third stage.</summary>
public static class FineTuningRuns
{
    /// <summary>Raised whenever a result would change.</summary>
    public const int Version = 4;

    /// <summary>Does the runs that the store does not have, side by side, and reads all of them.</summary>
    /// <param name="model">The base model.</param>
    /// <param name="labelsKey">Key of the labels' stage.</param>
    /// <param name="labels">SliCK's labels of the model's facts.</param>
    /// <param name="options">The study's choices; fine-tuning and the size of D matter here.</param>
    /// <param name="runs">What to run.</param>
    /// <param name="store">Where the tables are kept.</param>
    /// <param name="progress">Told how far the runs are.</param>
    /// <param name="cancellation">Stops between steps; at most about ten seconds of each run are lost.</param>
    /// <returns>The tables of every run, and a sentence for each run that diverged.</returns>
    /// <exception cref="SlickException">D is empty.</exception>
    public static (IReadOnlyList<RunTables> Runs, IReadOnlyList<string> Failures) Ensure(BaseModel model, string labelsKey, IReadOnlyList<LabelRow> labels,
        StudyOptions options, IReadOnlyList<Run> runs, RunStore store, IProgressReport progress, CancellationToken cancellation)
    {
        var name = $"fine-tuning (seed {model.Seed})";
        IReadOnlyList<Fact> Set(Run run, ArmKind? kind = null) =>
            SetOf(run with { Arm = run.Arm with { Kind = kind ?? run.Arm.Kind } }, model.Dataset.Facts, labels, options, model.Seed);
        var sets = runs.Select(r => Set(r)).ToList();
        var empty = runs.Where((_, i) => sets[i].Count == 0).Select(r => r.Arm).Distinct().ToList();
        if (empty.Any(a => a.Kind == ArmKind.Ratio))
            throw new SlickException(
                $"|D| is 0 by size={options.Size}: a category is missing in every relation; take another "
                + $"seed{(options.Size == SizeRule.SmallestCategory ? ", a larger world, or size=smallerOfKnownAndUnknown" : " or a larger world")}.");
        if (empty.Count > 0) progress.Say($"Without a set, for want of facts of that category: {string.Join("; ", empty)}.");
        var stages = runs.Select(r => StageOf(r, model.Key, labelsKey, model.Seed, options, store)).ToList();
        var missing = Enumerable.Range(0, runs.Count).Where(i => !stages[i].IsComplete).ToList();
        var diverged = new List<string>();
        if (missing.Count > 0)
        {
            progress.Stage(name);
            if (missing.Count < runs.Count) progress.Say(
                $"{runs.Count - missing.Count} of {runs.Count} runs (seed {model.Seed}) are in the store already.");
            var trained = model.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
            (QuestionSet, IReadOnlyList<Fact>) Asked(QuestionSet set, Split split, bool inDistribution) => (set,
                [.. model.Dataset.Facts.Where(f => f.Split == split && trained.Contains(f.Relation) == inDistribution)]);
            (QuestionSet, IReadOnlyList<Fact>)[] asked = [Asked(QuestionSet.Dev, Split.Dev, true),
                Asked(QuestionSet.Test, Split.Test, true), Asked(QuestionSet.Ood, Split.Test, false)];
            var weights = model.Weights;
            var epochs = 0;
            SideBySide.For(missing.Count, i =>
            {
                try { stages[missing[i]].Ensure(scratch => Fit(scratch, missing[i])); }
                catch (DivergedException e)
                {
                    lock (diverged) diverged.Add(
                        $"{runs[missing[i]].Arm}, draw {runs[missing[i]].Draw}, base seed {model.Seed}: {e.Message}");
                }
            }, cancellation, weights.Flat.is_cuda ? 1 : null); // a GPU works on one run after the other

            Action<string> Fit(string scratch, int number)
            {
                var (run, set, key) = (runs[number], sets[number], stages[number].Key);
                if (set.Count == 0)
                    return RunTables.Empty(RunRecorder.RowOf(key, run.Arm, model.Seed, run.Draw, set, new Dictionary<int, Category>(),
                        $"no train fact belongs to {run.Arm}")).Write;
                var updates = run.Arm.Kind == ArmKind.KnownOnlySameUpdates
                    ? FineTuning.Updates(Set(run, ArmKind.Ratio).Count, options.FineTuning.BatchExamples) : 0;
                var record = new RunRecorder(key, run.Arm, model.Seed, run.Draw, set, asked, labels);
                FineTuning.Run(weights, model.Tokenizer, PromptFormat.QuestionAnswer, options.FineTuning, set, record.Questions,
                    Seeds.Mix(Seeds.Mix(model.Seed, run.Draw), run.Arm.ToString()), updates, scratch, result =>
                    {
                        record.Add(result);
                        progress.Report(name, Interlocked.Increment(ref epochs), missing.Count * (options.FineTuning.Epochs + 1.0),
                            run.Arm.ToString());
                    }, cancellation);
                return record.Tables().Write;
            }
        }
        stages = [.. stages.Where(s => s.IsComplete)];
        return ([.. stages.Select(s => RunTables.Read(s.Folder))], [.. diverged.Order(StringComparer.Ordinal)]);
    }

    private static IReadOnlyList<Fact> SetOf(Run run, IReadOnlyList<Fact> facts, IReadOnlyList<LabelRow> labels, StudyOptions options,
        int baseSeed) =>
        FineTuningSets.Make(run.Arm, facts, labels, options.Size, Seeds.Mix(baseSeed, run.Draw));

    internal static Stage StageOf(Run run, string modelKey, string labelsKey, int baseSeed, StudyOptions options, RunStore store) =>
        store.Stage("run", Version, $"{run.Arm}, draw {run.Draw}, base seed {baseSeed}",
            new { run.Arm.Kind, run.Arm.UnknownPercent, options.Size, options.FineTuning }, run.Draw, modelKey, labelsKey);
}
