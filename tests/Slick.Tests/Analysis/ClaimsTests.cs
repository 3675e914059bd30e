using System.Globalization;
using System.Text.Json.Nodes;
using Slick.Analysis;
using Slick.Knowledge;
using Slick.Experiments;

namespace Slick.Tests.Analysis;

/// <summary>Verdicts on made-up studies in which the truth is known.</summary>
public sealed class ClaimsTests
{
    private const int Questions = 400;
    private const int Epochs = 50;

    // A study whose accuracy falls by `harm` points for each % Unknown at the last epoch.
    private static (List<EpochRow>, List<AnswerRow>) Make(double harm, double earlyHarm = 0, double unknownLag = 20, int seeds = 5,
        double converged = 1, double unknownAccuracy = 0.02, double maybeBonus = 0.04, Func<Arm, int, bool>? ran = null)
    {
        var (epochs, answers) = (new List<EpochRow>(), new List<AnswerRow>());
        for (var seed = 1; seed <= seeds; seed++)
            foreach (var (arm, _) in StudyOptions.Lab.Arms())
            {
                if (ran?.Invoke(arm, seed) == false) continue;
                var random = new Random(10_007 * seed + 101 * (int)arm.Kind + arm.UnknownPercent);
                var unknown = arm.Kind is ArmKind.Ratio ? arm.UnknownPercent : arm.Kind == ArmKind.Natural ? 36
                    : arm.Kind == ArmKind.WeaklyKnown ? 60 : 0;
                double At(int epoch) => 0.40 + (arm.Kind == ArmKind.MaybeKnown ? maybeBonus : 0) - (epoch >= Epochs ? harm
                    : earlyHarm) * unknown / 100 + 0.002 * (random.NextDouble() - 0.5);
                for (var e = 0; e <= Epochs; e++)
                    epochs.Add(new EpochRow
                    {
                        Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = seed, Seed = 1, Epoch = e, Updates = e * 10,
                        KnownExamples = 100 - Math.Max(0, arm.UnknownPercent), UnknownExamples = Math.Max(0, arm.UnknownPercent),
                            TrainLoss = 1, DevAccuracy = 0.4, OodAccuracy = 0.3,
                        TestAccuracy = 0.40 + 0.07 * Math.Min(1, e / 5.0) * (100 - unknown) / 100 - harm * unknown / 100 * Math.Min(1,
                            e / (5 + unknownLag)) + 0.002 * random.NextDouble(),
                        TestHighlyKnown = 1, TestMaybeKnown = 0.6, TestWeaklyKnown = 0.1, TestUnknown = 0,
                        FittedHighlyKnown = 1, FittedMaybeKnown = 1, FittedWeaklyKnown = 1,
                        FittedKnown = Math.Min(1, e / 5.0) + 0.001 * random.NextDouble(),
                            FittedUnknown = Math.Min(1, e / (5 + unknownLag)) + 0.001 * random.NextDouble(),
                        Fitted = e == Epochs ? converged : 0.5, EarlyStop = e == 5,
                    });
                for (var q = 0; q < Questions; q++)
                {
                    var category = (Category)(q % 4);
                    bool Right(double mean) => random.NextDouble() < (category == Category.Unknown ? unknownAccuracy
                        : Math.Clamp(mean, 0, 1));
                    answers.Add(new AnswerRow { Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = seed, Seed = 1,
                        FactId = q, Relation = "r", Category = category, Base = Right(0.4), EarlyStop = Right(At(5)),
                        Convergence = Right(At(Epochs)) });
                }
            }
        return (epochs, answers);
    }

    private static IReadOnlyList<ClaimResult> Evaluate((List<EpochRow>, List<AnswerRow>) study) =>
        Claims.Evaluate(study.Item1, study.Item2);

    [Fact]
    public void StudyAsInThePaper_ItsClaimsHold()
    {
        var results = Evaluate(Make(harm: 0.4, seeds: 10));
        Assert.All(new[] { 1, 2, 4, 6 }, n => Assert.Equal(Verdict.Holds, results[n - 1].Verdict));
        Assert.Equal(Verdict.Holds, results[2].Parts[1].Verdict);
    }

    [Fact]
    public void MaybeKnownAsBestSet_DecidesClaim5()
    {
        Assert.Equal(Verdict.Holds, Evaluate(Make(harm: 0.4, seeds: 10, maybeBonus: 0.2))[4].Verdict);
        var worst = Evaluate(Make(harm: 0.4, seeds: 10, maybeBonus: -0.2))[4];
        Assert.Equal(Verdict.Contradicted, worst.Verdict);
        Assert.All(worst.Parts.Take(3), p => Assert.InRange(p.Value.Estimate, -18, -12)); // 20 points on three quarters of the questions
        Assert.All(worst.Parts.Skip(3), p => Assert.Equal(Verdict.Holds, p.Verdict));
    }

    [Fact]
    public void SetsThatAreEqualAtEarlyStop_AreFoundEqual()
    {
        var part = Evaluate(Make(harm: 0.4, seeds: 20))[2].Parts[0];
        Assert.Equal(Verdict.Holds, part.Verdict);
        Assert.InRange(part.P, 0, 0.05);
    }

    [Fact]
    public void PercentagesThatAreMissing_AreNamedAndLeftOutEverywhere()
    {
        // D 100% of seed 2 diverged, and D_Known 25% of seed 1.
        var results = Evaluate(Make(harm: 0.4, seeds: 10, ran: (arm, seed) =>
            (arm, seed) is not (({ Kind: ArmKind.Ratio, UnknownPercent: 100 }, 2) or ({ Kind: ArmKind.KnownOnly, UnknownPercent: 25 },
            1))));
        Assert.Equal("slope at CONVERGENCE (over 0, 25, 50, 75% Unknown)", results[1].Parts[0].Statistic);
        Assert.InRange(results[1].Parts[0].Value.Estimate, -33, -27);
        Assert.Equal("D - D_Known at EARLY_STOP (over 50, 75% Unknown), 90%", results[2].Parts[0].Statistic);
        Assert.InRange(results[2].Parts[1].Value.Estimate, -21, -16.5); // 40 points x 62.5% on three quarters
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
    public void SetThatDidNotConverge_LeavesClaim6Open()
    {
        var (epochs, answers) = Make(harm: 0.4, seeds: 5);
        epochs = [.. epochs.Select(e => e.Kind == ArmKind.Natural && e.Epoch == Epochs ? e with { Fitted = 0.98 } : e)];
        var result = Evaluate((epochs, answers))[5];
        Assert.Equal((Verdict.Undecided, 1.0), (result.Verdict, result.Parts[0].P));
        Assert.StartsWith("highest of 29 of 30 (", result.Parts[0].Statistic, StringComparison.Ordinal);
        Assert.StartsWith("highest of 30 (", Evaluate(Make(harm: 0.4, seeds: 5))[5].Parts[0].Statistic, StringComparison.Ordinal);
    }

    [Fact]
    public void OneSeed_TakesABootstrapOverQuestionsAndSaysSo()
    {
        var part = Evaluate(Make(harm: 0.4, seeds: 1))[1].Parts[0];
        Assert.Contains("one run", part.Method, StringComparison.Ordinal);
        Assert.True(part.Value.High < 0);
    }

    [Fact]
    public void NothingRightInOneRun_IsNoProofOfZero()
    {
        var part = Evaluate(Make(harm: 0.4, seeds: 1, unknownAccuracy: 0))[5].Parts[0];
        Assert.Equal(0, part.Value.Estimate);
        Assert.Equal(3.7, part.Value.High, 1); // Wilson: z^2 / (n + z^2) of 100 questions
        // The score test of 0 of 100 against 10%: z = 10 / 3; and 0 of 20 decides nothing.
        Assert.Equal(2 * 0.000429, part.P, 5);
        Assert.InRange(Estimate.OfShare(0, 20).P(0.1, -1), 0.068, 0.069);
        Assert.InRange(Estimate.OfShare(0, 20).Value95.High, 0.16, 0.17);
    }

    [Fact]
    public void DifferenceOfOneRun_IsNoShare()
    {
        // Alike at both stops: nothing lost, and nothing like a share's interval.
        var (epochs, answers) = Make(harm: 0.4, seeds: 1);
        var same = answers.Select(a => a with { EarlyStop = a.FactId % 2 == 0, Convergence = a.FactId % 2 == 0 }).ToList();
        Interval Loss(IReadOnlyList<AnswerRow> of, double sign) =>
            new StudyData(epochs, of).Contrast(_ =>
            [new(new(ArmKind.Natural), Stop.EarlyStop, sign), new(new(ArmKind.Natural), Stop.Convergence, -sign)]).Value95;
        Assert.Equal(new Interval(0, 0, 0), Loss(same, 1));
        var gained = answers.Select(a => a with { EarlyStop = a.FactId % 10 == 0, Convergence = false }).ToList();
        var (loss, gain) = (Loss(gained, 1), Loss(gained, -1));
        Assert.Equal((-loss.High, -loss.Low), (gain.Low, gain.High));
    }

    [Fact]
    public void PapersNumbers_AreThoseOfItsTables()
    {
        var paper = JsonNode.Parse(File.ReadAllText(Shared.Require("paper/tables.json")))!;
        static string Text(JsonNode? value) => value!.GetValue<double>().ToString("F1", CultureInfo.InvariantCulture);
        var (linear, early, late) = (paper["table1_linear_model"]!["in_distribution"]!, paper["table2_single_category"]!["early_stop"]!,
            paper["table2_single_category"]!["convergence"]!);
        Assert.Equal($"b_kn +{Text(linear["beta_kn"])}, b_unk {Text(linear["beta_unk"])}, R2 {linear["r2"]}", Claims.All[3].Paper);
        double Fall(string set, int column) => early[set]![column]!.GetValue<double>() - late[set]![column]!.GetValue<double>();
        Assert.Equal(string.Create(CultureInfo.InvariantCulture,
            $"{Text(early["MaybeKnown"]![0])} against {Text(early["HighlyKnown"]![0])}, {Text(early["WeaklyKnown"]![0])}, "
            + $"{Text(early["Unknown"]![0])}; HighlyKnown questions fall by {Fall("Unknown", 1):F1} (Unknown), "
            + $"{Fall("WeaklyKnown", 1):F1} (WeaklyKnown), {Fall("MaybeKnown", 1):F1}, {Fall("HighlyKnown", 1):F1}; Natural falls by "
            + $"{Fall("Natural", 0):F1}"), Claims.All[4].Paper);
        var unknown = new[] { early, late }.SelectMany(t => t.AsObject().Select(set => set.Value![4]!.GetValue<double>())).ToList();
        Assert.Equal($"{unknown.Min():F1} to {unknown.Max():F1}", Claims.All[5].Paper);
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
