using Slick.Analysis;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Tests.Figures;

/// <summary>D_IDK and the paper's Table 8.</summary>
public sealed class AbstentionTableTests
{
    private static readonly Arm Half = new(ArmKind.Ratio, 50), Idk = new(ArmKind.DontKnow, 50);

    // Ten test questions, of which the first six are Known; and two train facts, of which the second is Unknown.
    private static StudyResult Study(Dictionary<Arm, string[]> answersOf, bool isLab = true)
    {
        Fact[] facts = [.. Enumerable.Range(0, 12).Select(i => new Fact { Id = i, Relation = "r", Split = i < 10 ? Split.Test : Split.Train,
            Subject = "x", Question = $"q{i}", Answer = "gold" })];
        LabelRow[] labels = [.. facts.Select(f => new LabelRow { FactId = f.Id, Relation = "r", Split = f.Split, Question = f.Question,
            Answer = f.Answer, GreedyCorrect = 0, SampledCorrect = 0, CategoryProbability = 1,
            Category = f.Id is < 6 or 10 ? Category.WeaklyKnown : Category.Unknown })];
        var (runs, epochs, scores, answers) = (new List<RunRow>(), new List<EpochRow>(), new List<ScoreRow>(), new List<AnswerRow>());
        foreach (var (arm, texts) in answersOf)
        {
            var key = arm.Id;
            runs.Add(new() { Run = key, Kind = arm.Kind, UnknownPercent = 50, BaseSeed = 1, Draw = 1, KnownExamples = 1,
                UnknownExamples = 1 });
            for (var e = 0; e <= 1; e++)
            {
                epochs.Add(new() { Run = key, Epoch = e, Updates = e, TrainLoss = 1 });
                scores.Add(new() { Run = key, Epoch = e, Set = QuestionSet.Dev, Category = "", Right = e, Of = 1 });
                scores.Add(new() { Run = key, Epoch = e, Set = QuestionSet.Train, Category = "Unknown", Right = e, Of = 1 });
                foreach (var asked in texts.Index().GroupBy(t => labels[t.Index].Category))
                    scores.Add(new() { Run = key, Epoch = e, Set = QuestionSet.Test, Category = asked.Key.ToString(),
                        Right = asked.Count(t => t.Item == "gold"), Of = asked.Count() });
                answers.AddRange(texts.Select((t, i) => new AnswerRow { Run = key, Epoch = e, FactId = i, Right = t == "gold",
                    Text = t == "gold" ? "" : t, Probability = t == "sure" ? 0.9 : t == "gold" ? double.NaN : 0.2 }));
            }
        }
        return new("lab", StudyOptions.Lab with { Bases = 1 }, [new(1, "", new([new("r", "", true)], facts), labels,
            isLab ? [.. facts.Select(f => new ExposureRow { FactId = f.Id, GoldExposures = 1, RivalExposures = 0 })] : [])], runs, epochs,
            scores, answers, []);
    }

    [Fact]
    public void Table8_OfAModelOfWhichAPartIsAsked_CountsWhatAQuestionStandsFor()
    {
        // Of four Unknown questions one is asked, so it stands for four: 6 of 10 are answered, where of the seven asked ones 6 are.
        var study = Study(new() { [Half] = ["gold", "gold", "gold", "gold", "gold", "gold", Fact.DontKnow] }, isLab: false);
        var row = AbstentionTable.Table8(study).Rows[0];
        Assert.StartsWith("60.0 [", row[2], StringComparison.Ordinal);
        Assert.StartsWith("100.0 [", row[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Table8_CountsWhatIsAnswered_AndHowManyOfThoseRightly()
    {
        const string No = Fact.DontKnow;
        var study = Study(new()
        {
            [Half] = ["gold", "gold", "gold", "sure", "wrong", "wrong", "sure", "wrong", "wrong", "wrong"],
            [Idk] = ["gold", "gold", "gold", "wrong", No, No, No, No, No, "sure"],
        });
        var rows = AbstentionTable.Table8(study).Rows;
        Assert.Equal(["EARLY_STOP", "D 50%", "100.0", "30.0", "100.0", "100.0", "20.0", "100.0, 43.0"], rows[0]);
        Assert.Equal(["CONVERGENCE", "D_IDK 50%", "50.0", "60.0", "66.7", "25.0", "10.0", "55.6, 61.8"], rows[3]);
        Assert.Equal(4, rows.Count);
        Assert.Contains(StudyReport.PublishedTables(study), t => t.Id == "table-8");
        Assert.DoesNotContain(StudyReport.PublishedTables(Study(new() { [Half] = ["gold", "wrong"] })), t => t.Id == "table-8");
    }

    [Fact]
    public void Idk_HasTheFactsOfD_AndTeachesThatItDoesNotKnowTheUnknownOnes()
    {
        var study = Study([]);
        var (facts, labels) = (study.Bases[0].Facts, study.Bases[0].Labels);
        var set = FineTuningSets.Make(Idk, facts, labels, SizeRule.SmallerOfKnownAndUnknown, 1);
        Assert.Equal(FineTuningSets.Make(Half, facts, labels, SizeRule.SmallerOfKnownAndUnknown, 1), set);
        IReadOnlyList<Fact> both = [facts[10], facts[11]];
        string[] Targets(Arm arm) => [.. FineTuningSets.Examples(arm, both, labels, PromptFormat.QuestionAnswer).Select(e => e.Target)];
        Assert.Equal(["gold", Fact.DontKnow], Targets(Idk));
        Assert.Equal(["gold", "gold"], Targets(Half));
    }

    [Fact]
    public void WorldWithoutTheWords_IsRefused()
    {
        var options = StudyOptions.Smoke with { Sets = "ratio-50,idk-50" };
        var e = Assert.Throws<UsageException>(() => StudyPlan.Of("smoke", options, 1, Compute.Choose("cpu").Platform));
        Assert.Contains("world.nobodyKnowsShare", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(StudyOptions.Smoke.Arms(), a => a.Arm.Kind == ArmKind.DontKnow);
    }

    [Fact]
    public void TrainedOnIdk_AModelOfTheLabSaysSo()
    {
        var options = StudyOptions.Smoke with
        {
            Sets = "ratio-50,idk-50", World = StudyOptions.Smoke.World with { NobodyKnowsShare = 0.5 },
        };
        var study = Slick.Experiments.Study.Run("smoke", options, 1, RunStore.Open(Scratch.Folder("idk")), Compute.Choose("cpu"),
            null, TestContext.Current.CancellationToken);
        var (half, idk) = (study.Runs.Single(r => r.Kind == ArmKind.Ratio), study.Runs.Single(r => r.Kind == ArmKind.DontKnow));
        Assert.Equal((half.KnownExamples, half.UnknownExamples), (idk.KnownExamples, idk.UnknownExamples));
        int Silent(RunRow run) => study.Answers.Count(a => a.Run == run.Run && a.Epoch == options.FineTuning.Epochs
            && a.Text == Fact.DontKnow);
        Assert.True(Silent(idk) > Silent(half), $"{Silent(idk)} after D_IDK, {Silent(half)} after D");
        Assert.Equal(4, AbstentionTable.Table8(study).Rows.Count);
    }
}
