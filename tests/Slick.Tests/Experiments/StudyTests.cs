using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;

namespace Slick.Tests.Experiments;

public sealed class StudyTests
{
    private static readonly Lazy<StudyData> Smoke = new(() => new StudyData(SmokeStudy.Result));

    [Fact]
    public void Smoke_HasEveryArmAndEveryEpoch()
    {
        var study = SmokeStudy.Result;
        Assert.Equal(StudyOptions.Smoke.Arms().SelectMany(a => Enumerable.Range(1, a.Draws).Select(d => (a.Arm, d))),
            study.Runs.Select(r => (r.Arm, r.Draw)));
        Assert.Equal(study.Runs.Count, study.Runs.Select(r => r.Run).Distinct().Count());
        Assert.All(study.Runs, r => Assert.Matches("^[0-9a-f]{16}$", r.Run));
        // A set that no fact belongs to is a finished run with a reason and no rows.
        Assert.All(study.Runs, run => Assert.Equal(
            run.Reason.Length > 0 ? [] : Enumerable.Range(0, StudyOptions.Smoke.FineTuning.Epochs + 1),
            study.Epochs.Where(e => e.Run == run.Run).Select(e => e.Epoch)));
        Assert.All(study.Runs, run => Assert.Equal(run.Reason.Length > 0, run.KnownExamples + run.UnknownExamples == 0));
    }

    [Fact]
    public void EarlyStop_IsTheFirstBestEpochAfterTheBaseModel() => Assert.All(Smoke.Value.Runs, run =>
    {
        double Dev(int epoch) => run.Right(epoch, QuestionSet.Dev).Value;
        var stop = run.Stops!.EarlyStop;
        Assert.True(stop >= 1);
        Assert.All(run.Epochs.Where(e => e.Epoch >= 1), e =>
            Assert.True(Dev(e.Epoch) < Dev(stop) || Dev(e.Epoch) == Dev(stop) && e.Epoch >= stop));
    });

    [Fact]
    public void EveryRunStartsFromTheSameBase() => Assert.Single(Smoke.Value.Runs
        .Select(r => (r.Right(0, QuestionSet.Test), r.Right(0, QuestionSet.Dev), r.Right(0, QuestionSet.Ood))).Distinct());

    [Fact]
    public void Answers_AddUpToTheScores()
    {
        var ood = SmokeStudy.Result.Bases[0].Facts.Where(f => f.Split == Split.Test
            && !SyntheticWorld.Relations.Single(r => r.Id == f.Relation).InDistribution).Select(f => f.Id).ToHashSet();
        Assert.NotEmpty(ood);
        foreach (var run in Smoke.Value.Runs)
            foreach (var epoch in run.Stops!.Epochs)
            {
                var answers = run.Answers(epoch).ToLookup(a => ood.Contains(a.FactId));
                foreach (var (set, of) in new[] { (QuestionSet.Test, answers[false].ToList()), (QuestionSet.Ood, answers[true].ToList()) })
                    Assert.Equal((of.Count(a => a.Right), of.Count),
                        ((int)run.Right(epoch, set).Right, (int)run.Right(epoch, set).Of));
            }
        Assert.Equal(Smoke.Value.Runs.Sum(r => r.Stops!.Epochs.Count), SmokeStudy.Result.Answers.DistinctBy(a => (a.Run, a.Epoch)).Count());
    }

    [Fact]
    public void KnownOnlyWithSameUpdates_TakesAsManyAsD()
    {
        int Last(ArmKind kind, int x) => Smoke.Value.Of(new(kind, x))[0].Epochs[^1].Updates;
        foreach (var x in new[] { 25, 50, 75 })
        {
            Assert.Equal(Last(ArmKind.Ratio, x), Last(ArmKind.KnownOnlySameUpdates, x));
            Assert.True(Last(ArmKind.KnownOnly, x) <= Last(ArmKind.Ratio, x));
        }
    }

    [Fact]
    public void Exposures_StandBesideTheFacts()
    {
        var of = SmokeStudy.Result.Bases[0];
        Assert.True(SmokeStudy.Result.IsLab);
        Assert.Equal(SyntheticWorld.Create(StudyOptions.Smoke.World, 1).Exposures, of.Exposures);
        Assert.All(of.Labels, l => Assert.Equal(of.Facts[l.FactId].Question, l.Question));
        Assert.Equal(of.Facts.Select(f => f.Id), of.Exposures.Select(e => e.FactId));
    }

    [Fact]
    public void FinishedStudy_IsReadNotComputed()
    {
        var before = Directory.GetFiles(SmokeStudy.Store, "timing.json", SearchOption.AllDirectories)
            .ToDictionary(f => f, File.GetLastWriteTimeUtc);
        var again = Study.Open("smoke", "cpu", SmokeStudy.Store);
        Assert.Equal(SmokeStudy.Result.Scores, again.Scores);
        Assert.Equal(before, Directory.GetFiles(SmokeStudy.Store, "timing.json", SearchOption.AllDirectories)
            .ToDictionary(f => f, File.GetLastWriteTimeUtc));
    }

    [Fact]
    public void FigureOfSmoke_SaysThatItsNumbersMeanNothing()
    {
        var study = Study.Open("smoke", "cpu", SmokeStudy.Store);
        Assert.All(StudyReport.PaperFigures(study), f => Assert.Contains("numbers without meaning", f.Note, StringComparison.Ordinal));
    }

    [Fact]
    public void PublishedStudy_IsReadByItsFolder_WithItsModel()
    {
        var folder = Scratch.Folder("published-lab");
        try
        {
            PublishedStudy.Write(SmokeStudy.Result, folder);
            var read = Study.Open(folder);
            Assert.True(read.IsPublished);
            Assert.Equal(SmokeStudy.Result.Scores, read.Scores);
            Assert.All(StudyReport.PaperFigures(read), f =>
                Assert.Contains("Published results of preset smoke", f.Note, StringComparison.Ordinal));
            // Nothing that the tables say is lost.
            Assert.Equal(StudyReport.PublishedTables(SmokeStudy.Result).Select(t => t.Markdown()),
                StudyReport.PublishedTables(PublishedStudy.Read(folder)).Select(t => t.Markdown()));
            var (published, here) = (Study.OpenModel(folder), Study.OpenModel("smoke", "cpu", SmokeStudy.Store));
            Assert.Equal(here.Labels, published.Labels);
            Assert.Equal(here.Model.Exposures, published.Model.Exposures);
            Assert.Equal(here.Model.Dataset.Facts, published.Model.Dataset.Facts);
            Assert.Equal((here.Model.Seed, here.Options), (published.Model.Seed, published.Options));
            Assert.Equal(Inspection.Answers(here, 0), Inspection.Answers(published, 0));
            // A study of another model, published over it, has no model there.
            PublishedStudy.Write(SmokeStudy.Result with { Bases = [.. SmokeStudy.Result.Bases.Select(b => b with { Exposures = [] })] },
                folder);
            Assert.Contains("there is no model", Assert.Throws<SlickException>(() => Study.OpenModel(folder)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("lab2", "published, smoke, quick or lab")]
    [InlineData("", "published, smoke, quick or lab")]
    [InlineData("real-quick", "needs a checkpoint")]
    [InlineData("quick seed=x", "no seed")]
    [InlineData("quick nothing=1", "nothing")]
    public void ResultsThatDoNotExist_AreNamed(string results, string said) =>
        Assert.Contains(said, Assert.Throws<UsageException>(() => ResultsChoice.Parse(results)).Message, StringComparison.Ordinal);

    [Fact]
    public void WordsOfResults_AreAPresetASeedAndOptions()
    {
        var choice = ResultsChoice.Parse(" quick  seed=3 bases=2 ");
        Assert.Equal((null, "quick, bases=2", 3, 2), (choice.Folder, choice.Name, choice.Seed, choice.Options.Bases));
    }

    [Fact]
    public void StudyWithoutOneOfItsRuns_IsNotComplete()
    {
        var (options, folder) = (StudyOptions.Smoke, Scratch.Folder("incomplete"));
        try
        {
            Scratch.Copy(SmokeStudy.Store, folder);
            var store = RunStore.Open(folder);
            Assert.True(Study.IsComplete(options, 1, store, Compute.Choose("cpu")));
            var kinds = SmokeStudy.Result.Runs.Select(e => e.Kind).Distinct().ToList();
            var stages = StudyPlan.Bases(options, 1, new("cpu", "fp32")).Single();
            foreach (var kind in kinds.Where(k => k is not (ArmKind.Ratio or ArmKind.KnownOnly or ArmKind.KnownOnlySameUpdates)))
            {
                var run = store.Of(stages.Runs.First(r => r.Run.Arm.Kind == kind).Stage).Folder;
                Directory.Move(run, folder + "-aside");
                Assert.False(Study.IsComplete(options, 1, store, Compute.Choose("cpu")), $"{kind}");
                Directory.Move(folder + "-aside", run);
            }
            Assert.True(Study.IsComplete(options, 1, store, Compute.Choose("cpu")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Report_HoldsEveryFigureAndTableAndOnePlotly()
    {
        var html = StudyReport.Html(SmokeStudy.Result, 1);
        foreach (var id in new[] { "figure-1", "figure-3a", "figure-3b", "figure-4", "figure-6", "figure-7a", "figure-7b",
            "table-1", "table-2", "table-2-tests", "table-2-tests-ood", "table-3", "table-4", "table-5", "table-6", "baselines",
            "harm-by-exposure", "harm-by-distance", "slick-and-truth", "slick-errors", "wrong-answers", "fitness", "claims" })
            Assert.Contains($"\"{id}", html, StringComparison.Ordinal);
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(html, "plotly.js v2"));
        Assert.DoesNotMatch("<(script|link)[^>]+(src|href)=.http", html);
    }

    [Fact]
    public void DivergingRun_IsMarkedFailedAndTheOthersAreKept()
    {
        var folder = Scratch.Folder("diverge");
        try
        {
            foreach (var kind in new[] { "world-", "pretrain-", "label-", "labels-" }) Copy(SmokeStudy.Store, folder, kind);
            var options = StudyOptions.Smoke with { FineTuning = StudyOptions.Smoke.FineTuning with { LearningRate = 1, Epochs = 2 } };
            var study = Study.Run("smoke", options, 1, RunStore.Open(folder), Compute.Choose("cpu"),
                cancellation: TestContext.Current.CancellationToken);
            Assert.NotEmpty(study.Failures);
            Assert.All(study.Failures, f => Assert.Contains("diverged", f, StringComparison.Ordinal));
            Assert.Equal(options.Arms().Sum(a => a.Draws), study.Failures.Count + study.Runs.Count);
            // Tried again it fails in the same words, without the work.
            Assert.Equal(study.Failures, Study.Run("smoke", options, 1, RunStore.Open(folder), Compute.Choose("cpu"),
                cancellation: TestContext.Current.CancellationToken).Failures);
            var states = RunStore.Open(folder).List().Where(s => s.Stage!.Kind == "finetune").Select(s => s.State).ToList();
            Assert.Contains("failed", states);
            Assert.DoesNotContain("partial", states);
            // Nothing is left to do: a notebook shows these results instead of computing others.
            Assert.True(Study.IsComplete(options, 1, RunStore.Open(folder), Compute.Choose("cpu")));
            var failure = Directory.GetFiles(folder, "failure.json", SearchOption.AllDirectories)[0];
            File.WriteAllText(failure, "{");
            var e = Assert.Throws<SlickException>(() =>
                Study.Run("smoke", options, 1, RunStore.Open(folder), Compute.Choose("cpu"),
                cancellation: TestContext.Current.CancellationToken));
            Assert.Contains(failure, e.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void SmallestCategory_DecidesEachRelationsPartOfD()
    {
        var (facts, labels) = (SmokeStudy.Result.Bases[0].Facts, SmokeStudy.Result.Labels);
        // Labels made up so that every category has some facts of every relation.
        var made = labels.GroupBy(l => (l.Relation, l.Split))
            .SelectMany(g => g.Select((l, i) => l with { Category = (Category)Math.Min(3, i % 7) })).ToList();
        var category = made.ToDictionary(l => l.FactId, l => l.Category);
        var expected = made.Where(l => l.Split == Split.Train).GroupBy(l => l.Relation)
            .ToDictionary(g => g.Key, g => Enum.GetValues<Category>().Min(c => g.Count(l => l.Category == c)));
        foreach (var kind in new[] { ArmKind.Ratio, ArmKind.HighlyKnown, ArmKind.MaybeKnown, ArmKind.WeaklyKnown, ArmKind.Natural })
        {
            var set = FineTuningSets.Make(new(kind, kind == ArmKind.Ratio ? 50 : -1), facts, made, SizeRule.SmallestCategory, 7);
            Assert.Equal(expected, set.CountBy(f => f.Relation).ToDictionary());
            if (Enum.TryParse<Category>(kind.ToString(), out var only)) Assert.All(set, f => Assert.Equal(only, category[f.Id]));
        }
    }

    [Fact]
    public void SeveralBases_AreTheClusters()
    {
        var folder = Scratch.Folder("bases");
        try
        {
            Scratch.Copy(SmokeStudy.Store, folder);
            var study = Study.Run("smoke", StudyOptions.Smoke with { Bases = 2 }, 1, RunStore.Open(folder), Compute.Choose("cpu"),
                cancellation: TestContext.Current.CancellationToken);
            Assert.Equal([1, 2], study.Bases.Select(b => b.Seed));
            var first = study.Runs.Where(r => r.BaseSeed == 1).Select(r => r.Run).ToHashSet();
            Assert.Equal(SmokeStudy.Result.Scores, study.Scores.Where(s => first.Contains(s.Run)));
            Assert.True(new StudyData(study).SeveralBases);
            Assert.Contains("2 seeds", StudyReport.Html(study, 1), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The stages of one kind.
    private static void Copy(string from, string to, string kind) =>
        Scratch.Copy(from, to, path => path.StartsWith(kind, StringComparison.Ordinal));

    [Fact]
    public void Sets_KeepTheirSizeAndEachRelationsShare()
    {
        var (facts, labels) = (SmokeStudy.Result.Bases[0].Facts, SmokeStudy.Result.Labels);
        var category = labels.ToDictionary(l => l.FactId, l => l.Category);
        IReadOnlyList<Fact> Set(ArmKind kind, int x) =>
            FineTuningSets.Make(new(kind, x), facts, labels, SizeRule.SmallerOfKnownAndUnknown, 7);
        var shares = Set(ArmKind.Ratio, 0).CountBy(f => f.Relation).ToDictionary();
        foreach (var x in new[] { 0, 25, 50, 75, 100 })
        {
            var set = Set(ArmKind.Ratio, x);
            Assert.Equal(shares, set.CountBy(f => f.Relation).ToDictionary());
            Assert.Equal(set.Count, set.DistinctBy(f => f.Id).Count());
            Assert.All(set, f => Assert.Equal(Split.Train, f.Split));
            // X% of the whole, and of each relation to within one example.
            Assert.Equal((int)Math.Round(set.Count * x / 100.0, MidpointRounding.AwayFromZero),
                set.Count(f => category[f.Id] == Category.Unknown));
            foreach (var relation in set.GroupBy(f => f.Relation))
                Assert.InRange(relation.Count(f => category[f.Id] == Category.Unknown), relation.Count() * x / 100,
                    (relation.Count() * x + 99) / 100);
            Assert.Equal(set, Set(ArmKind.RatioDecayingRate, x));
            // D_Known is D without its Unknown examples.
            Assert.Equal(set.Where(f => category[f.Id] != Category.Unknown).Select(f => f.Id).Order(),
                Set(ArmKind.KnownOnly, x).Select(f => f.Id).Order());
        }
        Assert.All(Set(ArmKind.WeaklyKnown, -1), f => Assert.Equal(Category.WeaklyKnown, category[f.Id]));
    }

    [Fact]
    public void LearningRate_IsTheBestOnDevOfThoseThatFit()
    {
        static LearningRateRow Row(double rate, double dev, bool fits, double test = 0) =>
            new(rate, dev, 1, 1, fits, test, test, test, test);
        Assert.Equal(3e-5, LearningRateSearch.Choose([Row(1e-5, 0.9, false), Row(2e-5, 0.4, true, test: 1), Row(3e-5, 0.5, true),
            Row(5e-5, 0.5, true), Row(7e-5, 0.3, true)]));
        Assert.Null(LearningRateSearch.Choose([Row(1e-5, 0.9, false), Row(1, double.NaN, false)]));
    }

    [Theory]
    [InlineData(50, new[] { 3, 3, 3, 3 }, new[] { 2, 2, 1, 1 })] // rounding each would give 8 of 12
    [InlineData(25, new[] { 3, 10, 7 }, new[] { 1, 2, 2 })]       // remainders 0.75, 0.5, 0.75
    [InlineData(75, new[] { 4, 0, 1 }, new[] { 3, 0, 1 })]
    [InlineData(100, new[] { 5, 6 }, new[] { 5, 6 })]
    [InlineData(0, new[] { 5, 6 }, new[] { 0, 0 })]
    public void UnknownExamples_AreXPercentOfTheWhole(int percent, int[] sizes, int[] expected) =>
        Assert.Equal(expected, FineTuningSets.UnknownExamples(sizes, percent));

    [Fact]
    public void SetWithoutFacts_IsAFinishedRunWithAReason()
    {
        var folder = Scratch.Folder("lacking");
        try
        {
            foreach (var kind in new[] { "world-", "pretrain-" }) Copy(SmokeStudy.Store, folder, kind);
            var (store, compute, arm) = (RunStore.Open(folder), Compute.Choose("cpu"), new Arm(ArmKind.HighlyKnown));
            var stages = StudyPlan.Base(StudyOptions.Smoke, 1, [], compute.Platform);
            IReadOnlyList<LabelRow> labels = [.. SmokeStudy.Result.Labels
                .Select(l => l.Category == Category.HighlyKnown ? l with { Category = Category.MaybeKnown } : l)];
            var table = LabelTable.Of([], 1, "made up");
            store.Of(table).TryWork("cpu", _ => to => Tables.Write(Path.Combine(to, "labels.parquet"), labels),
                TestContext.Current.CancellationToken);
            var run = FineTuneStage.Of(new(arm, 1), StudyOptions.Smoke, 1, stages.Model!.Name, stages.World!.Name, table, null,
                compute.Platform);
            Workers.Run(new("", [run], false), store, compute, cancellation: TestContext.Current.CancellationToken);
            var tables = RunTables.Read(store.Of(run).Folder);
            Assert.Equal((arm, "no train fact belongs to D_HighlyKnown", 0), (tables.Run.Arm, tables.Run.Reason, tables.Epochs.Count));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void StudyWhoseRunsDivergedButOne_HasClaimsAndAReportThatSaysSo()
    {
        var whole = SmokeStudy.Result;
        var left = whole with
        {
            Runs = [.. whole.Runs.Where(e => e.Kind != ArmKind.Ratio || e.UnknownPercent == 0)],
            Failures = ["D 50%, draw 1, base seed 1: <lost>"],
        };
        Assert.Equal("undecided", Slick.Figures.StudyReport.ClaimRows(left).Single(c => c.Number == "4").Verdict);
        Assert.Equal(["figure-3a", "figure-3b", "figure-4", "figure-7a", "figure-7b"],
            Slick.Figures.StudyReport.PaperFigures(left).Select(f => f.Id));
        Assert.Contains("Left out:</strong> D 50%, draw 1, base seed 1: &lt;lost&gt;", Slick.Figures.StudyReport.Html(left, 1),
            StringComparison.Ordinal);
    }
}
