using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Tests.Analysis;

/// <summary>What a study's tables say of one base model that we did not make, of weighted questions and of stops.</summary>
public sealed class StudyDataTests
{
    private static readonly Arm Full = new(ArmKind.Ratio, 100);

    private static readonly MadeUpStudy Real = new() { Lab = false, Seeds = 1, FirstSeed = 1 };

    private static Estimate Accuracy(StudyData data, Func<Category, bool>? category = null, QuestionSet set = QuestionSet.Test) =>
        data.Contrast(c => data.Has(Full, Stop.Convergence, c) ? [new(Full, Stop.Convergence, 1)] : [], category, set);

    private static Estimate Loss(StudyData data) => data.Contrast(c => data.Has(Full, Stop.Convergence, c)
        ? [new(Full, Stop.EarlyStop, 1), new(Full, Stop.Convergence, -1)] : []);

    [Fact]
    public void OneRealModelDrawnOnce_HasIntervalsOverQuestions()
    {
        var loss = Loss(new(Real.Make()));
        Assert.Equal("400 questions, one run", loss.Method);
        Assert.True(loss.Value95.Low > 0.2 && loss.Value95.High < 0.4);
        Assert.Equal("400 questions, one run", Accuracy(new(Real.Make())).Method);
        Assert.Equal("160 questions, one run", Accuracy(new(Real.Make()), set: QuestionSet.Ood).Method);
    }

    [Fact]
    public void OneRealModelDrawnThreeTimes_TakesTheWiderInterval()
    {
        // The draws hardly differ, the questions do.
        var study = (Real with { Draws = 3 }).Make();
        var loss = Loss(new(study));
        Assert.Equal("400 questions, 3 draws", loss.Method);
        // One draw that learns everything makes the draws differ more than the questions.
        var odd = study.Runs.Single(r => r.Kind == Full.Kind && r.UnknownPercent == 100 && r.Draw == 3).Run;
        var torn = study with
        {
            Scores = [.. study.Scores.Select(s => s.Run == odd && s.Epoch == MadeUpStudy.Epochs && s.Set == QuestionSet.Test
                ? s with { Right = s.Of } : s)],
            Answers = [.. study.Answers.Select(a => a.Run == odd && a.Epoch == MadeUpStudy.Epochs ? a with { Right = true } : a)],
        };
        var wide = Loss(new(torn));
        Assert.Equal("3 draws", wide.Method);
        Assert.True(wide.Value95.High - wide.Value95.Low > 2 * (loss.Value95.High - loss.Value95.Low));
        // Both estimate the same number: the mean over draws.
        Assert.Equal(Estimate.OverClusters([.. new StudyData(torn).Of(Full).Select(r =>
            r.Right(5, QuestionSet.Test).Value - r.Right(50, QuestionSet.Test).Value)], "").Value, wide.Value, 12);
    }

    [Fact]
    public void OneBaseModelOfTheLab_HasIntervalsOverItsDrawsAlone() =>
        Assert.Equal("3 draws", Loss(new((Real with { Lab = true, Draws = 3 }).Make())).Method);

    [Fact]
    public void Bootstrap_DrawsWithinRelations()
    {
        // All of one relation right, none of the other: nothing varies within, so nothing is unsure; as one stratum, everything is.
        QuestionValue[] Questions(Func<int, string> stratum) =>
            [.. Enumerable.Range(0, 100).Select(i => new QuestionValue(stratum(i), i < 50 ? 1 : 0))];
        Assert.Equal(new Interval(0.5, 0.5, 0.5), Estimate.OverQuestions(Questions(i => i < 50 ? "r" : "s")).Value95);
        var one = Estimate.OverQuestions(Questions(_ => "r"));
        Assert.InRange(one.Value95.High - one.Value95.Low, 0.17, 0.22); // 2 x 1.96 x 0.05
        Assert.InRange(one.StandardError, 0.048, 0.052);
        Assert.Equal(one.Value95, Estimate.OverQuestions(Questions(_ => "r")).Value95);
    }

    [Fact]
    public void UnknownQuestionsThatWereSampled_AreWeighted()
    {
        // 25 of 100 Unknown questions are asked: each stands for four.
        var sampled = (Real with { UnknownAsked = 25, UnknownAccuracy = 0.1 }).Make();
        var data = new StudyData(sampled);
        var run = data.Of(Full)[0];
        double Right(Category c) => run.Right(MadeUpStudy.Epochs, QuestionSet.Test, x => x == c).Value;
        var all = run.Right(MadeUpStudy.Epochs, QuestionSet.Test);
        Assert.Equal(400, all.Of);
        Assert.Equal(Enum.GetValues<Category>().Average(Right), all.Value, 12);
        Assert.Equal(400.0 * 400 / (300 + 25 * 16), all.EffectiveQuestions, 9);
        // The bootstrap's estimate is that share, and surer than its 325 questions would be unweighted.
        var estimate = Accuracy(data);
        Assert.Equal("325 questions, one run", estimate.Method);
        Assert.Equal(all.Value, estimate.Value, 12);
        Assert.Equal(25, run.Right(MadeUpStudy.Epochs, QuestionSet.Test, c => c == Category.Unknown).EffectiveQuestions, 9);
        // Questions that all stand for four are a share of their own: Wilson's interval, which has a width also where none is right.
        var none = Claims.Evaluate((Real with { UnknownAsked = 25, UnknownAccuracy = 0 }).Make())
            .Single(c => c.Claim.Registered.Number == "6").Parts.Single();
        Assert.Equal(100 * Intervals.Wilson(0, 25).High, none.Value.High, 9);
        Assert.Equal(Verdict.Undecided, none.Verdict); // 13.3 is above 10
        // A mean of the asked questions alone would be another number.
        var asked = sampled.Scores.Where(s => s.Run == run.Row.Run && s.Epoch == MadeUpStudy.Epochs && s.Set == QuestionSet.Test).ToList();
        Assert.NotEqual(asked.Sum(s => s.Right) / (double)asked.Sum(s => s.Of), all.Value, 3);
    }

    [Fact]
    public void OneRun_TellsHowUnsureItsFittedExamplesAre()
    {
        var parts = Claims.Evaluate(Real.Make())[0].Parts;
        // Of 1000 examples, 500 Known ones are fitted at epoch 5 and no Unknown one: Newcombe's interval of 1 - 0.
        Assert.Equal((100, "1000 examples, one run"), (parts[1].Value.Estimate, parts[1].Method));
        Assert.InRange(parts[1].Value.Low, 98.5, 99.5);
        // Half of Known at epoch 3, where Wilson's interval lies above a half; of Unknown at 15, whose interval does so at 16.
        Assert.Equal(new Interval(12, 12, 13), parts[0].Value);
        Assert.Equal(Verdict.Holds, parts[0].Verdict);
    }

    [Fact]
    public void DifferenceOfShares_HasNewcombesInterval()
    {
        // Newcombe (1998), method 10, example (a): 56/70 - 48/80 = 0.2 [0.0524, 0.3339].
        var value = Estimate.OfShares(56, 70, 48, 80, "").Value95;
        Assert.Equal((0.2, 0.0524, 0.3339), (Math.Round(value.Estimate, 9), Math.Round(value.Low, 4), Math.Round(value.High, 4)));
        Assert.True(double.IsNaN(Estimate.OfShares(1, 2, 0, 0, "").Value));
    }

    [Fact]
    public void Stops_AreThoseOfTheScores()
    {
        var data = new StudyData((Real with { Converged = arm => arm == Full ? 0.98 : 1 }).Make());
        int? At(Arm arm, Stop stop) => data.Of(arm)[0].EpochOf(stop);
        var half = new Arm(ArmKind.Ratio, 50);
        Assert.Equal((0, 5, 25, 50), (At(half, Stop.Base), At(half, Stop.EarlyStop), At(half, Stop.Fit), At(half, Stop.Convergence)));
        Assert.Equal((null, null), (At(Full, Stop.Fit), At(Full, Stop.Convergence)));
        Assert.Equal([Full], data.NotConverged.Select(r => r.Arm));
    }

    [Fact]
    public void PointsOfAFigure_HaveTheWiderInterval()
    {
        var data = new StudyData((Real with { Draws = 2 }).Make());
        Interval Mean(StudyData of) => of.Mean([.. of.Of(Full).Select(r => (r, r.Right(50, QuestionSet.Test)))]);
        var over = Intervals.MeanT([.. data.Of(Full).Select(r => r.Right(50, QuestionSet.Test).Value)]);
        var questions = Intervals.Wilson(over.Estimate, 400);
        var expected = over.High - over.Low > questions.High - questions.Low ? over : questions;
        Assert.Equal(expected, Mean(data));
        Assert.Equal(over, Mean(new((Real with { Draws = 2, Lab = true }).Make())));
        Assert.False(Mean(new((Real with { Lab = true }).Make())).HasBounds);
    }

    [Fact]
    public void CommonestAnswer_IsWhatGuessingScores()
    {
        Assert.Equal(0.5, CommonestAnswer.Of([("r", "x"), ("r", "x"), ("r", "y"), ("s", "x"), ("s", "y"), ("s", "z")]));
        Assert.True(double.IsNaN(CommonestAnswer.Of([])));
    }
}
