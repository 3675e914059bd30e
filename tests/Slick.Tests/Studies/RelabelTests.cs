using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Studies;
using Slick.Tests.Experiments;

namespace Slick.Tests.Studies;

/// <summary>The stage that asks what is left of the test facts after a fine-tuning run, and the numbers of the study
/// <c>relabel</c>.</summary>
public sealed class RelabelTests
{
    private static readonly Compute Cpu = Compute.Choose("cpu");

    private static BaseStages Stages(StudyOptions options) => StudyPlan.Bases(options, 1, Cpu.Platform).Single();

    private static IReadOnlyList<RelabelRow> Done(Stage relabel, RunStore store)
    {
        Workers.Run(new("", [relabel], false), store, Cpu, cancellation: TestContext.Current.CancellationToken);
        return RelabelStage.Read(store.Of(relabel));
    }

    // The run is repeated with the same weights: it gives the same answers at each stop, to the last bit of the table.
    [Theory]
    [InlineData("testAtStops=false")]
    [InlineData("testAtStops=true")]
    public void RepeatedRun_HasTheAnswersOfTheRun(string setting)
    {
        _ = SmokeStudy.Result;
        var store = RunStore.Open(SmokeStudy.StudiesStore);
        var options = NamedOptions.Set(NamedOptions.Set(StudyOptions.Smoke, "sets=ratio-100,ratio-0"), setting);
        var stages = Stages(options);
        Workers.Run(new("", stages.All, false), store, Cpu, cancellation: TestContext.Current.CancellationToken);
        var dataset = WorldStage.Read(store.Of(stages.World!));
        var changed = 0;
        foreach (var (_, stage) in stages.Runs)
        {
            var tables = RunTables.Read(store.Of(stage).Folder);
            var stops = RunStops.Of(tables.Scores)!;
            var rows = Done(RelabelStage.Of(stage), store);
            int[] epochs = [.. new[] { stops.Fit ?? stops.Last, stops.Last }.Distinct()];
            Assert.Equal(epochs, rows.Select(r => r.Epoch).Distinct());
            foreach (var epoch in epochs)
            {
                var at = rows.Where(r => r.Epoch == epoch).ToList();
                var ids = at.Select(r => r.FactId).ToHashSet();
                AnswerRow[] Of(int answered) => [.. tables.Answers.Where(a => a.Epoch == answered && ids.Contains(a.FactId))];
                Assert.Equal(dataset.Relations.Where(r => r.InDistribution).Sum(r => dataset.Of(r.Id, Split.Test).Count), at.Count);
                Assert.Equal(Of(epoch).Select(a => (a.FactId, a.Right)), at.Select(r => (r.FactId, r.Right)));
                Assert.Equal(Of(0).Select(a => (a.FactId, a.Right)), at.Select(r => (r.FactId, r.RightBefore)));
                changed += at.Count(r => r.Right != r.RightBefore);
                // The category follows from the answers behind the prompts of the protocol.
                Assert.All(at, r => Assert.Equal(r.GreedyCorrect == 1 ? Category.HighlyKnown : r.GreedyCorrect > 0
                    ? Category.MaybeKnown : r.Category, r.Category));
                Assert.All(at, r => Assert.Equal(r.GreedyCorrect == 0, r.Category is Category.WeaklyKnown or Category.Unknown));
            }
        }
        Assert.True(changed > 0);
    }

    // The labels of the base model itself come out again: the same prompts, the same estimator.
    [Fact]
    public void LabelsOfTheSameModel_AreTheSame()
    {
        var labels = SmokeStudy.Result.Labels;
        var (store, stages) = (RunStore.Open(SmokeStudy.StudiesStore), Stages(StudyOptions.Smoke));
        using var context = new WorkContext(store, Cpu, new());
        var model = context.Model(stages.Model!.Name);
        using var decoder = new Decoder(model.Weights);
        Fact[] facts = [.. labels.Where(l => l.Split == Split.Test).Select(l => SmokeStudy.Result.Bases[0].Facts[l.FactId])];
        var again = LabelTable.Repeat(stages.Table.Name, Split.Test, facts, new LocalModel(decoder, model.Tokenizer), context,
            TestContext.Current.CancellationToken);
        Assert.Equal(labels.Where(l => l.Split == Split.Test).Select(l => (l.FactId, l.Category, l.GreedyCorrect)),
            again.Select(l => (l.FactId, l.Category, l.GreedyCorrect)));
    }

    [Fact]
    public void Healing_TakesHighlyKnownTrainFactsOutsideTheSet()
    {
        var result = SmokeStudy.Result;
        var (store, stages) = (RunStore.Open(SmokeStudy.StudiesStore), Stages(StudyOptions.Smoke));
        using var context = new WorkContext(store, Cpu, new());
        var labels = result.Labels.ToDictionary(l => l.FactId);
        foreach (var arm in new[] { new Arm(ArmKind.HighlyKnown), Arm.Unknown })
        {
            var run = FineTuneStage.Prepare(new(stages.Runs.First(r => r.Run.Arm == arm).Stage, Scratch.Folder("healing"), context, 1,
                Progress.None, TestContext.Current.CancellationToken, () => true))!;
            var known = RelabelStage.Healing(run).Select(f => f.Id).ToList();
            Assert.All(known, id => Assert.Equal((Split.Train, Category.HighlyKnown), (labels[id].Split, labels[id].Category)));
            Assert.Empty(known.Intersect(run.Set.Select(f => f.Id)));
            Assert.Equal(result.Labels.Count(l => l.Split == Split.Train && l.Category == Category.HighlyKnown)
                - run.Set.Count(f => labels[f.Id].Category == Category.HighlyKnown), known.Distinct().Count());
            // D_HighlyKnown of this world has them all. Those of another set are drawn, and are not those of the first relation.
            if (arm == Arm.Unknown) Assert.NotEqual(known.Order(), known);
            else Assert.Empty(known);
        }
    }

    private sealed class StopAt(double share, CancellationTokenSource stop) : IProgressReport
    {
        public void Stage(string name) { }
        public void Report(string name, double done, double total, string detail = "")
        {
            if (done / total >= share) stop.Cancel();
        }
        public void Say(string line) { }
    }

    // Stopped after FIT and before the last epoch, the stage goes on and ends with the same bytes.
    [Fact]
    public void StoppedStage_GoesOn()
    {
        _ = SmokeStudy.Result;
        var store = RunStore.Open(SmokeStudy.StudiesStore);
        var run = Stages(StudyOptions.Smoke).Runs.First(r => RunStops.Of(RunTables.Read(store.Of(r.Stage).Folder).Scores) is { } s
            && s.Fit < s.Last - 1).Stage;
        var relabel = RelabelStage.Of(run);
        Done(relabel, store);
        var folder = Scratch.Folder("stopped");
        Scratch.Copy(SmokeStudy.StudiesStore, folder, path => !path.StartsWith("relabel-", StringComparison.Ordinal));
        var other = RunStore.Open(folder);
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Workers.Run(new("", [relabel], false), other, Cpu, new StopAt(0.99, stop),
            stop.Token));
        Assert.False(other.Of(relabel).IsComplete);
        Done(relabel, other);
        Assert.Equal(File.ReadAllBytes(store.Of(relabel).File("relabel.parquet")),
            File.ReadAllBytes(other.Of(relabel).File("relabel.parquet")));
    }

    [Fact]
    public void AdapterOfARun_IsRefused()
    {
        var options = NamedOptions.Set(StudyOptions.Smoke, "fineTuning.lora.rank=2");
        Assert.Equal("fineTuning.lora.rank is above 0, and healing trains the whole model; set fineTuning.lora.rank=0.",
            Assert.Throws<UsageException>(() => LabStudyRuns.Plan(LabStudies.Of("relabel"), options, 1, Cpu.Platform)).Message);
    }

    // Fact, category before and after, P_Correct(T=0) before and after, right alone before and after, right after each healing.
    private static readonly (Category Before, Category After, double PBefore, double PAfter, int Right, int After0, int H10, int H50,
        int H200)[] MadeUp =
    [
        (Category.HighlyKnown, Category.HighlyKnown, 1, 1, 1, 0, 1, 1, 1),
        (Category.HighlyKnown, Category.MaybeKnown, 1, 0.5, 1, 0, 0, 1, 1),
        (Category.MaybeKnown, Category.Unknown, 0.5, 0, 1, 0, 0, 0, 1),
        (Category.Unknown, Category.MaybeKnown, 0, 0.25, 1, 0, 0, 0, 0),
        (Category.WeaklyKnown, Category.WeaklyKnown, 0, 0, 1, 1, 0, 1, 1), // kept, and lost by healing on 10
        (Category.Unknown, Category.Unknown, 0, 0, 0, 0, 1, 1, 1),         // never right: it plays no part in what was lost
    ];

    [Fact]
    public void Numbers_OfMadeUpRows()
    {
        var rows = MadeUp.Select((r, i) => new RelabelRow
        {
            Epoch = 3, FactId = 10 + i, Category = r.After, GreedyCorrect = r.PAfter, RightBefore = r.Right == 1, Right = r.After0 == 1,
            RightHealed10 = r.H10 == 1, RightHealed50 = r.H50 == 1, RightHealed200 = r.H200 == 1, HealingFacts = 77,
        }).ToList();
        var labels = MadeUp.Select((r, i) => new LabelRow { FactId = 10 + i, Relation = "P1", Split = Split.Test, Question = "",
            Answer = "", GreedyCorrect = r.PBefore, SampledCorrect = 0, Category = r.Before, CategoryProbability = 1 })
            .ToDictionary(l => l.FactId);
        var found = RelabelStudy.At(rows, labels).ToDictionary(v => v.Measure, v => (v.Value, v.Error));
        void Is(string measure, double value) => Assert.Equal(value, found[measure].Value, 1e-9);
        Is("questions lost", 4);
        Is("facts left to heal on", 77);
        Is("of the lost, right behind exemplars", 75);
        Assert.Equal(100 * Math.Sqrt(0.75 * 0.25 / 4), found["of the lost, right behind exemplars"].Error, 1e-9);
        foreach (var before in Enum.GetValues<Category>())
            foreach (var after in Enum.GetValues<Category>())
                Is($"of the lost, {before} before and {after} after",
                    25 * MadeUp.Take(4).Count(r => (r.Before, r.After) == (before, after)));
        Is("of the lost, HighlyKnown after", 25);
        Is("of the lost, MaybeKnown after", 50);
        Is("of the lost, WeaklyKnown after", 0);
        Is("of the lost, Unknown after", 25);
        foreach (var (facts, healed) in new[] { (10, 25), (50, 50), (200, 75) }) Is($"of the lost, healed by {facts}", healed);
        // Of the four Known questions one is right before healing: after it 1, 3 and 4.
        foreach (var (facts, gained) in new[] { (10, 0), (50, 50), (200, 75) }) Is($"known gained by healing on {facts}", gained);
        Is("known lost behind exemplars", 100 * (0 + 0.5 + 0.5 + 0) / 4);
        // Where nothing is lost there are no shares of it.
        var kept = RelabelStudy.At([.. rows.Where(r => r.Right || !r.RightBefore)], labels).ToDictionary(v => v.Measure, v => v.Value);
        Assert.Equal((0.0, double.NaN), (kept["questions lost"], kept["of the lost, right behind exemplars"]));
    }
}
