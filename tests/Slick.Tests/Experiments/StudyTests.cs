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
    [Fact]
    public void Smoke_HasEveryArmAndEveryEpoch()
    {
        var study = SmokeStudy.Result;
        var runs = study.Epochs.GroupBy(e => (e.Kind, e.UnknownPercent, e.Seed)).ToList();
        Assert.Equal(StudyOptions.Smoke.Arms().Sum(a => a.Draws), runs.Count);
        Assert.All(runs, r => Assert.Equal(Enumerable.Range(0, StudyOptions.Smoke.FineTuning.Epochs + 1), r.Select(e => e.Epoch)));
        Assert.All(runs, r => Assert.Single(r, e => e.EarlyStop));
    }

    [Fact]
    public void EarlyStop_IsTheFirstBestEpochAfterTheBaseModel() =>
        Assert.All(SmokeStudy.Result.Epochs.GroupBy(e => (e.Kind, e.UnknownPercent, e.Seed)), run =>
    {
        var stop = run.Single(e => e.EarlyStop);
        Assert.True(stop.Epoch >= 1);
        Assert.All(run.Where(e => e.Epoch >= 1), e =>
            Assert.True(e.DevAccuracy < stop.DevAccuracy || e.DevAccuracy == stop.DevAccuracy && e.Epoch >= stop.Epoch));
    });

    [Fact]
    public void EveryRunStartsFromTheSameBase() =>
        Assert.Single(SmokeStudy.Result.Epochs.Where(e => e.Epoch == 0).Select(e => (e.TestAccuracy, e.DevAccuracy)).Distinct());

    [Fact]
    public void Answers_AddUpToTheEpochsAccuracies()
    {
        var study = SmokeStudy.Result;
        foreach (var run in study.Answers.GroupBy(a => (a.Kind, a.UnknownPercent, a.Seed)))
        {
            var epochs = study.Epochs.Where(e => (e.Kind, e.UnknownPercent, e.Seed) == run.Key).ToList();
            Assert.Equal(epochs[0].TestAccuracy, run.Average(a => a.Base ? 1.0 : 0), 12);
            Assert.Equal(epochs.Single(e => e.EarlyStop).TestAccuracy, run.Average(a => a.EarlyStop ? 1.0 : 0), 12);
            Assert.Equal(epochs[^1].TestAccuracy, run.Average(a => a.Convergence ? 1.0 : 0), 12);
            Assert.Equal(epochs[^1].TestUnknown, run.Where(a => a.Category == Category.Unknown).Average(a => a.Convergence ? 1.0 : 0), 12);
        }
    }

    [Fact]
    public void KnownOnlyWithSameUpdates_TakesAsManyAsD()
    {
        var last = SmokeStudy.Result.Epochs.Where(e => e.Epoch == StudyOptions.Smoke.FineTuning.Epochs)
            .ToDictionary(e => new Arm(e.Kind, e.UnknownPercent), e => e.Updates);
        foreach (var x in new[] { 25, 50, 75 })
        {
            Assert.Equal(last[new(ArmKind.Ratio, x)], last[new(ArmKind.KnownOnlySameUpdates, x)]);
            Assert.True(last[new(ArmKind.KnownOnly, x)] <= last[new(ArmKind.Ratio, x)]);
        }
    }

    [Fact]
    public void LabelsKeepTheirFactsExposures()
    {
        var facts = SmokeStudy.Result.Bases[0].Facts;
        Assert.All(SmokeStudy.Result.Labels, l =>
            Assert.Equal((facts[l.FactId].GoldExposures, facts[l.FactId].RivalExposures, facts[l.FactId].Question),
            (l.GoldExposures, l.RivalExposures, l.Question)));
    }

    [Fact]
    public void FinishedStudy_IsReadNotComputed()
    {
        var before = Directory.GetFiles(SmokeStudy.Store, "timing.json", SearchOption.AllDirectories)
            .ToDictionary(f => f, File.GetLastWriteTimeUtc);
        var again = Study.Open("smoke", 1, "cpu", SmokeStudy.Store);
        Assert.Equal(SmokeStudy.Result.Epochs, again.Epochs);
        Assert.Equal(before, Directory.GetFiles(SmokeStudy.Store, "timing.json", SearchOption.AllDirectories)
            .ToDictionary(f => f, File.GetLastWriteTimeUtc));
    }

    [Fact]
    public void PresetThatTheStoreLacks_BecomesSmokeAndEveryFigureSaysSo()
    {
        var study = Study.Open("quick", 1, "cpu", SmokeStudy.Store);
        Assert.Equal("smoke", study.Preset);
        Assert.All(StudyReport.PaperFigures(study), f => Assert.Contains("smoke", f.Note, StringComparison.Ordinal));
    }

    [Fact]
    public void StudyWithoutOneOfItsRuns_IsNotComplete()
    {
        var (options, folder) = (StudyOptions.Smoke, Directory.CreateTempSubdirectory("slick-incomplete-").FullName);
        try
        {
            Copy(SmokeStudy.Store, folder);
            var store = RunStore.Open(folder);
            Assert.True(Study.IsComplete(options, 1, store, Compute.Choose("cpu")));
            // A set of one category has a run where it has facts; which have, the study's rows say.
            var kinds = SmokeStudy.Result.Epochs.Select(e => e.Kind).Distinct().ToList();
            Assert.Contains(ArmKind.WeaklyKnown, kinds);
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

        static void Copy(string from, string to)
        {
            foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            {
                var target = Path.Combine(to, Path.GetRelativePath(from, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
            }
        }
    }

    [Fact]
    public void Report_HoldsEveryFigureAndTableAndOnePlotly()
    {
        var html = StudyReport.Html(SmokeStudy.Result, 1);
        foreach (var id in new[] { "figure-1", "figure-3a", "figure-3b", "figure-4", "figure-6", "table-1", "table-2", "table-3",
            "claims" })
            Assert.Contains($"\"{id}", html, StringComparison.Ordinal);
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(html, "plotly.js v2"));
        Assert.DoesNotMatch("<(script|link)[^>]+(src|href)=.http", html);
    }

    [Fact]
    public void DivergingRun_IsMarkedFailedAndTheOthersAreKept()
    {
        var folder = Directory.CreateTempSubdirectory("slick-diverge-").FullName;
        try
        {
            Copy(SmokeStudy.Store, folder, "world-");
            Copy(SmokeStudy.Store, folder, "pretrain-");
            Copy(SmokeStudy.Store, folder, "label-");
            Copy(SmokeStudy.Store, folder, "labels-");
            var options = StudyOptions.Smoke with { FineTuning = StudyOptions.Smoke.FineTuning with { LearningRate = 1, Epochs = 2 } };
            var study = Study.Run("smoke", options, 1, RunStore.Open(folder), Compute.Choose("cpu"),
                cancellation: TestContext.Current.CancellationToken);
            Assert.NotEmpty(study.Failures);
            Assert.All(study.Failures, f => Assert.Contains("diverged", f, StringComparison.Ordinal));
            Assert.Equal(options.Arms().Sum(a => a.Draws), study.Failures.Count + study.Epochs.Count(e => e.Epoch == 0));
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
        var folder = Directory.CreateTempSubdirectory("slick-bases-").FullName;
        try
        {
            Copy(SmokeStudy.Store, folder, "");
            var study = Study.Run("smoke", StudyOptions.Smoke with { Bases = 2 }, 1, RunStore.Open(folder), Compute.Choose("cpu"),
                cancellation: TestContext.Current.CancellationToken);
            Assert.Equal([1, 2], study.Bases.Select(b => b.Seed));
            Assert.Equal(SmokeStudy.Result.Epochs, study.Epochs.Where(e => e.BaseSeed == 1));
            Assert.True(new Slick.Analysis.StudyData(study.Epochs, study.Answers).SeveralBases);
            Assert.Contains("2 seeds", StudyReport.Html(study, 1), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Copy(string from, string to, string stages)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetRelativePath(from, f).StartsWith(stages, StringComparison.Ordinal)))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

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
    public void Exposures_StayWithTheAnswers()
    {
        var facts = SmokeStudy.Result.Bases[0].Facts;
        Assert.All(SmokeStudy.Result.Answers, a =>
            Assert.Equal((facts[a.FactId].Relation, facts[a.FactId].GoldExposures, facts[a.FactId].RivalExposures),
            (a.Relation, a.GoldExposures, a.RivalExposures)));
        Assert.Contains(SmokeStudy.Result.Answers, a => a.RivalExposures > 0);
    }

    [Fact]
    public void StudyWhoseRunsDivergedButOne_HasClaimsAndAReportThatSaysSo()
    {
        var whole = SmokeStudy.Result;
        var left = whole with
        {
            Epochs = [.. whole.Epochs.Where(e => e.Kind != ArmKind.Ratio || e.UnknownPercent == 0)],
            Answers = [.. whole.Answers.Where(a => a.Kind != ArmKind.Ratio || a.UnknownPercent == 0)],
            Failures = ["D 50%, draw 1, base seed 1: <lost>"],
        };
        Assert.Equal("undecided", Slick.Figures.StudyReport.ClaimRows(left).Single(c => c.Number == 4).Verdict);
        Assert.Equal(["figure-3a", "figure-3b", "figure-4"], Slick.Figures.StudyReport.PaperFigures(left).Select(f => f.Id));
        Assert.Contains("Left out:</strong> D 50%, draw 1, base seed 1: &lt;lost&gt;", Slick.Figures.StudyReport.Html(left, 1),
            StringComparison.Ordinal);
    }
}
