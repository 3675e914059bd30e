using Slick.Analysis;
using Slick.Knowledge;
using Slick.Studies;

namespace Slick.Tests.Analysis;

/// <summary>Verdicts on made-up studies in which the truth is known.</summary>
public sealed class ClaimsTests
{
    private const int Questions = 400;
    private const int Epochs = 50;

    // A study whose accuracy falls by `harm` points for each % Unknown at the last epoch.
    private static (List<EpochRow>, List<AnswerRow>) Make(double harm, double earlyHarm = 0, double unknownLag = 20, int seeds = 5, double converged = 1, double unknownAccuracy = 0.02)
    {
        var (epochs, answers) = (new List<EpochRow>(), new List<AnswerRow>());
        for (var seed = 1; seed <= seeds; seed++)
            foreach (var (arm, _) in StudyOptions.Lab.Arms())
            {
                var random = new Random(10_007 * seed + 101 * (int)arm.Kind + arm.UnknownPercent);
                var unknown = arm.Kind is ArmKind.Ratio ? arm.UnknownPercent : arm.Kind == ArmKind.Natural ? 36 : arm.Kind == ArmKind.WeaklyKnown ? 60 : 0;
                double At(int epoch) => 0.40 + (arm.Kind == ArmKind.MaybeKnown ? 0.04 : 0) - (epoch >= Epochs ? harm : earlyHarm) * unknown / 100 + 0.002 * (random.NextDouble() - 0.5);
                for (var e = 0; e <= Epochs; e++)
                    epochs.Add(new EpochRow
                    {
                        Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = seed, Seed = 1, Epoch = e, Updates = e * 10,
                        KnownExamples = 100 - Math.Max(0, arm.UnknownPercent), UnknownExamples = Math.Max(0, arm.UnknownPercent), TrainLoss = 1, DevAccuracy = 0.4, OodAccuracy = 0.3,
                        TestAccuracy = 0.40 + 0.07 * Math.Min(1, e / 5.0) * (100 - unknown) / 100 - harm * unknown / 100 * Math.Min(1, e / (5 + unknownLag)) + 0.002 * random.NextDouble(),
                        TestHighlyKnown = 1, TestMaybeKnown = 0.6, TestWeaklyKnown = 0.1, TestUnknown = 0,
                        FittedHighlyKnown = 1, FittedMaybeKnown = 1, FittedWeaklyKnown = 1,
                        FittedKnown = Math.Min(1, e / 5.0) + 0.001 * random.NextDouble(), FittedUnknown = Math.Min(1, e / (5 + unknownLag)) + 0.001 * random.NextDouble(),
                        Fitted = e == Epochs ? converged : 0.5, EarlyStop = e == 5,
                    });
                for (var q = 0; q < Questions; q++)
                {
                    var category = (Category)(q % 4);
                    bool Right(double mean) => random.NextDouble() < (category == Category.Unknown ? unknownAccuracy : Math.Clamp(mean, 0, 1));
                    answers.Add(new AnswerRow { Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = seed, Seed = 1, FactId = q, Relation = "r", Category = category, Base = Right(0.4), EarlyStop = Right(At(5)), Convergence = Right(At(Epochs)) });
                }
            }
        return (epochs, answers);
    }

    private static IReadOnlyList<ClaimResult> Evaluate((List<EpochRow>, List<AnswerRow>) study) => Claims.Evaluate(study.Item1, study.Item2);

    [Fact]
    public void StudyAsInThePaper_ItsClaimsHold()
    {
        var results = Evaluate(Make(harm: 0.4, seeds: 10));
        Assert.All(new[] { 1, 2, 4, 6 }, n => Assert.Equal(Verdict.Holds, results[n - 1].Verdict));
        Assert.Equal(Verdict.Holds, results[2].Parts[1].Verdict);
    }

    [Fact]
    public void UnknownThatHelps_ContradictsClaims2And3() =>
        Assert.All(new[] { 2, 3 }, n => Assert.Equal(Verdict.Contradicted, Evaluate(Make(harm: -0.4, seeds: 10))[n - 1].Verdict));

    [Fact]
    public void UnknownThatDoesNothing_DecidesNeither() =>
        Assert.Equal(Verdict.Undecided, Evaluate(Make(harm: 0, seeds: 10))[1].Verdict);

    [Fact]
    public void UnknownFittedFirst_ContradictsClaim1() =>
        Assert.Equal(Verdict.Contradicted, Evaluate(Make(harm: 0.4, unknownLag: -4))[0].Verdict);

    [Fact]
    public void HarmAtEarlyStop_ContradictsItsEquality() =>
        Assert.Equal(Verdict.Contradicted, Evaluate(Make(harm: 0.4, earlyHarm: 0.4, seeds: 10))[2].Parts[0].Verdict);

    [Fact]
    public void LearnedUnknownTestQuestions_ContradictClaim6() =>
        Assert.Equal(Verdict.Contradicted, Evaluate(Make(harm: 0.4, unknownAccuracy: 0.3))[5].Verdict);

    [Fact]
    public void RunsThatDidNotConverge_EnterNoVerdictAboutConvergence()
    {
        var results = Evaluate(Make(harm: 0.4, converged: 0.98));
        Assert.Equal(Verdict.Undecided, results[1].Verdict);
        Assert.True(double.IsNaN(results[1].Parts[0].Value.Estimate));
    }

    [Fact]
    public void OneSeed_TakesABootstrapOverQuestionsAndSaysSo()
    {
        var part = Evaluate(Make(harm: 0.4, seeds: 1))[1].Parts[0];
        Assert.Contains("one run", part.Method, StringComparison.Ordinal);
        Assert.True(part.Value.High < 0);
    }

    [Fact]
    public void SlopeIsPerHundredPercent() // accuracy falls by 40 points on three quarters of the questions
        => Assert.InRange(Evaluate(Make(harm: 0.4, seeds: 10))[1].Parts[0].Value.Estimate, -33, -27);

    [Fact]
    public void HolmsP_IsNeverBelowTheClaimsOwn()
    {
        foreach (var result in Evaluate(Make(harm: 0.1)))
            Assert.True(result.HolmP >= result.Parts.Max(p => p.P) - 1e-12);
    }
}
