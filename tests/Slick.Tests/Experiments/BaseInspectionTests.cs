using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Tests.Experiments;

/// <summary>What <c>slick inspect</c> says of a base model, beside what a study of the same model says.</summary>
public sealed class BaseInspectionTests
{
    private static readonly Lazy<BaseInspectionRow> Row = new(() => BaseInspection.Run("smoke", StudyOptions.Smoke, 1,
        RunStore.Open(SmokeStudy.Store), Compute.Choose("cpu"), Progress.None, CancellationToken.None).Single());

    [Fact]
    public void QuestionsAlone_AreAnsweredAsBeforeTheFirstEpoch()
    {
        var run = SmokeStudy.Result.Runs[0].Run;
        var before = SmokeStudy.Result.Scores.Where(s => s.Run == run && s.Set == QuestionSet.Test && s.Epoch == 0).ToList();
        Assert.Equal(before.Sum(s => s.Of), Row.Value.Questions);
        Assert.Equal(before.Sum(s => s.Right) / (double)before.Sum(s => s.Of), Row.Value.ZeroShotQuestionAnswer, 12);
        // The model never read a word of the instruction.
        Assert.InRange(Row.Value.ZeroShotInstruction, 0, Row.Value.ZeroShotQuestionAnswer);
    }

    [Fact]
    public void FewShotAndCategories_AreThoseOfTheLabels()
    {
        var of = SmokeStudy.Result.Bases[0];
        var trained = of.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
        var labels = of.Labels.Where(l => trained.Contains(l.Relation)).ToList();
        Assert.Equal(labels.Where(l => l.Split == Split.Test).Average(l => l.GreedyCorrect), Row.Value.FewShot, 12);
        var train = labels.Where(l => l.Split == Split.Train).ToList();
        Assert.Equal(train.Count(l => l.Category == Category.Unknown) / (double)train.Count, Row.Value.Categories[3], 12);
        Assert.Equal(1, Row.Value.Categories.Sum(), 12);
        var told = of.Exposures.ToDictionary(e => e.FactId, e => e.Told);
        var known = train.Where(l => l.Category != Category.Unknown).ToList();
        Assert.Equal(known.Count(l => told[l.FactId] == Told.NeverSeen) / (double)known.Count, Row.Value.NeverStatedAmongKnown, 12);
    }

    [Fact]
    public void LittleNoise_KeepsMostAnswers_AndTheTableSaysSo()
    {
        Assert.InRange(Row.Value.KeptUnderNoise, 0.5, 1);
        var table = BaseInspectionTable.Make([Row.Value, Row.Value with { NeverStatedAmongKnown = double.NaN }]);
        Assert.Equal("smoke, seed 1", table.Rows[0][0]);
        Assert.Equal("-", table.Rows[1][^1]);
        table.Check();
    }
}
