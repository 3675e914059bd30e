using System.Globalization;
using System.Text.Json.Nodes;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Paper;

namespace Slick.Tests.Analysis;

/// <summary>Verdicts on made-up studies in which the truth is known.</summary>
public sealed class ClaimsTests
{
    private static Dictionary<string, ClaimResult> Evaluate(MadeUpStudy study) =>
        Claims.Evaluate(study.Make()).ToDictionary(c => c.Claim.Registered.Number);

    [Fact]
    public void EveryRegisteredClaim_IsComputed() =>
        Assert.Equal(RegisteredClaims.All.Select(c => c.Number), Claims.All.Select(c => c.Registered.Number));

    [Fact]
    public void StudyAsInThePaper_ItsClaimsHold()
    {
        var results = Evaluate(new() { Seeds = 10, FirstSeed = 6, WeaklyKnownFitted = 8, MaybeBonus = 0.2 });
        Assert.All(new[] { "1", "1b", "2", "2b", "3", "3b", "3c", "4", "4b", "4c", "5", "5b", "6", "7" },
            n => Assert.Equal((n, Verdict.Holds, ""), (n, results[n].Verdict, results[n].Reason)));
    }

    [Fact]
    public void MaybeKnownAsBestSet_DecidesClaim5()
    {
        Assert.Equal(Verdict.Holds, Evaluate(new() { Seeds = 10, MaybeBonus = 0.2 })["5"].Verdict);
        var worst = Evaluate(new() { Seeds = 10, MaybeBonus = -0.2 })["5"];
        Assert.Equal(Verdict.Contradicted, worst.Verdict);
        Assert.StartsWith("EARLY_STOP MaybeKnown - HighlyKnown: the opposite of \"95% interval above 0\"", worst.Reason,
            StringComparison.Ordinal);
        Assert.All(worst.Parts.Take(3), p => Assert.InRange(p.Value.Estimate, -18, -12)); // 20 points on three quarters of the questions
        Assert.All(worst.Parts.Skip(3), p => Assert.Equal(Verdict.Holds, p.Verdict));
    }

    [Fact]
    public void SingleCategoryWithFewerExamplesThanD_IsAReasonForNotTested()
    {
        MadeUpStudy Study(Func<Arm, int, int> examples) =>
            new() { Seeds = 10, FirstSeed = 6, MaybeBonus = 0.2, SingleCategoryExamples = examples };
        var results = Evaluate(Study((arm, _) => arm.Kind == ArmKind.WeaklyKnown ? 400 : 1000));
        Assert.All(new[] { "5", "5b" }, n => Assert.Equal((n, Verdict.NotTested, "D_WeaklyKnown has 400 examples, |D| is 1000"),
            (n, results[n].Verdict, results[n].Reason)));
        Assert.Equal(Verdict.Holds, results["2"].Verdict);
        // As in the seed of an empty set: the others decide. What rounding takes is no lack.
        var one = Study((arm, seed) => arm.Kind == ArmKind.WeaklyKnown && seed == 7 ? 400 : 995);
        Assert.Equal((Verdict.Holds, 9), (Evaluate(one)["5"].Verdict, int.Parse(Evaluate(one)["5"].Parts[1].Method.Split(' ')[0],
            CultureInfo.InvariantCulture)));
        Assert.Equal([("D_WeaklyKnown", 7)], new StudyData(one.Make()).TooSmall.Select(s => (s.Arm.ToString(), s.BaseSeed)));
    }

    [Fact]
    public void SetsThatAreEqualAtEarlyStop_AreFoundEqual()
    {
        var part = Evaluate(new() { Seeds = 20 })["3"].Parts[0];
        Assert.Equal(Verdict.Holds, part.Verdict);
        Assert.InRange(part.P, 0, 0.05);
    }

    [Fact]
    public void PercentagesThatAreMissing_AreNamedAndLeftOutEverywhere()
    {
        // D 100% of seed 2 diverged, and D_Known 25% of seed 1.
        var results = Evaluate(new() { Seeds = 10, Failures = ["two"], Ran = (arm, seed) =>
            (arm, seed) is not (({ Kind: ArmKind.Ratio, UnknownPercent: 100 }, 2) or ({ Kind: ArmKind.KnownOnly, UnknownPercent: 25 },
            1)) });
        Assert.Equal("slope at CONVERGENCE (over 0, 25, 50, 75% Unknown)", results["2"].Parts[0].Statistic);
        Assert.InRange(results["2"].Parts[0].Value.Estimate, -34, -28);
        Assert.Equal("D - D_Known at EARLY_STOP (over 50, 75% Unknown), 90%", results["3"].Parts[0].Statistic);
        Assert.InRange(results["3"].Parts[1].Value.Estimate, -21, -16.5); // 40 points x 62.5% on three quarters
    }

    [Fact]
    public void UnknownThatHelps_ContradictsClaims2And3And7()
    {
        var results = Evaluate(new() { Harm = -0.4, OodHarm = -0.4, Seeds = 10, FirstSeed = 6 });
        Assert.All(new[] { "2", "2b", "3", "3b", "7" }, n => Assert.Equal(Verdict.Contradicted, results[n].Verdict));
    }

    [Fact]
    public void FallThatStopsAtTheTrainedRelations_DoesNotDecideClaim7()
    {
        var results = Evaluate(new() { OodHarm = 0, Gain = 0, Seeds = 10, FirstSeed = 6 });
        Assert.Equal((Verdict.Holds, Verdict.Undecided), (results["2"].Verdict, results["7"].Verdict));
        Assert.Equal("slope at CONVERGENCE, out of distribution", results["7"].Parts[0].Statistic);
        Assert.Contains("slope at CONVERGENCE, out of distribution: not 95% interval below 0", results["7"].Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownThatDoesNothing_DecidesNeither() =>
        Assert.Equal(Verdict.Undecided, Evaluate(new() { Harm = 0, Gain = 0, Seeds = 10 })["2"].Verdict);

    [Fact]
    public void UnknownFittedFirst_ContradictsClaim1() =>
        Assert.Equal(Verdict.Contradicted, Evaluate(new() { UnknownFitted = (0, 1) })["1"].Verdict);

    [Fact]
    public void WeaklyKnownFittedLast_ContradictsClaim1bOnly()
    {
        var results = Evaluate(new() { FirstSeed = 6, WeaklyKnownFitted = 40 });
        Assert.Equal((Verdict.Holds, Verdict.Contradicted), (results["1"].Verdict, results["1b"].Verdict));
    }

    [Fact]
    public void HarmAtEarlyStop_ContradictsItsEqualityAndClaim3c()
    {
        var results = Evaluate(new() { EarlyHarm = 0.4, Seeds = 10, FirstSeed = 6 });
        Assert.Equal(Verdict.Contradicted, results["3"].Parts[0].Verdict);
        Assert.Equal(Verdict.Contradicted, results["3c"].Verdict);
    }

    [Fact]
    public void WhatEpochsCost_IsTakenFromTheFittedExamplesByClaim4c()
    {
        // Every epoch after the fifth costs half a point: all of D's late epochs are fitted and low.
        var results = Evaluate(new() { Harm = 0, Drift = 0.005, FirstSeed = 6, Seeds = 10 });
        Assert.True(results["4"].Parts[1].Value.High < -5); // 22 points lost meanwhile
        Assert.InRange(results["4c"].Parts[1].Value.Estimate, -1, 1);
    }

    [Fact]
    public void LearnedUnknownTestQuestions_ContradictClaim6() =>
        Assert.Equal(Verdict.Contradicted, Evaluate(new() { UnknownAccuracy = 0.3 })["6"].Verdict);

    [Fact]
    public void LossAfterFit_IsTheSameForEverySetOrNot()
    {
        // 0.2 points an epoch of 40 updates are 5 per 1,000 updates, on three quarters of the questions.
        var same = Evaluate(new() { Harm = 0, Drift = 0.002, Seeds = 10, FirstSeed = 6 })["8"];
        Assert.Equal(Verdict.Holds, same.Verdict);
        Assert.Equal("half the loss after FIT of D - loss with the decaying rate", same.Parts[1].Statistic);
        Assert.InRange(same.Parts[1].Value.Estimate, 0.8, 2.2); // (1/2 - 1/10) of them
        // D_WeaklyKnown is fitted at epoch 5 here, and the harm that comes between 5 and 25 falls behind its FIT, not behind that of D.
        Assert.Equal(Verdict.Contradicted, Evaluate(new() { Seeds = 10, FirstSeed = 6, Harm = 1 })["8"].Verdict);
        // One set loses more in every seed. Another one loses much more or much less by seed, so its interval is wider and holds zero.
        var two = Evaluate(new() { Harm = 0, Drift = 0.002, Seeds = 10, FirstSeed = 6, OwnDrift = (arm, seed) => arm.Kind switch
        {
            ArmKind.Natural => 0.002,
            ArmKind.HighlyKnown => seed % 2 == 0 ? 0.006 : -0.006,
            _ => 0,
        } })["8"];
        Assert.Equal(Verdict.Contradicted, two.Verdict);
        Assert.Contains("(D_Natural of", two.Parts[0].Statistic, StringComparison.Ordinal);
        IReadOnlyList<Arm> others = [.. StudyOptions.Lab.Arms().Select(a => a.Arm).Where(a => a.Kind != ArmKind.RatioDecayingRate)];
        var without = Evaluate(new() { Drift = 0.002, Seeds = 10, FirstSeed = 6, Arms = others })["8"];
        Assert.Equal((Verdict.NotTested, "D 50%, decaying rate was not run"), (without.Verdict, without.Reason));
    }

    [Fact]
    public void ClaimsOfLaterSeeds_AreNotTestedOnThoseThatWereLookedAt()
    {
        var early = Evaluate(new() { Seeds = 5 });
        Assert.All(RegisteredClaims.All.Where(c => c.FirstSeed > 1), c =>
            Assert.Equal((Verdict.NotTested, "registered 2026-11-26 for seeds 6 and up", 1.0),
                (early[c.Number].Verdict, early[c.Number].Reason, early[c.Number].HolmP)));
        Assert.InRange(early["2b"].Parts[0].Value.Estimate, -34, -28); // the numbers are shown
        // Seeds 4 and 5 do not count where 6 to 9 are there.
        var late = Evaluate(new() { FirstSeed = 4, Seeds = 6 });
        Assert.Equal(("6 seeds", "4 seeds"), (late["2"].Parts[0].Method, late["2b"].Parts[0].Method));
        // A model that we did not make has no seeds that were looked at.
        Assert.Equal(Verdict.Holds, Evaluate(new() { Seeds = 1, Lab = false })["2b"].Verdict);
    }

    [Fact]
    public void SetsWithoutFacts_AreNotTestedAndSayWhy()
    {
        var results = Evaluate(new() { Seeds = 2, FirstSeed = 6,
            Lacks = arm => arm.Kind == ArmKind.HighlyKnown ? "no train fact belongs to D_HighlyKnown" : "" });
        Assert.Equal((Verdict.NotTested, "no train fact belongs to D_HighlyKnown", 1.0),
            (results["5"].Verdict, results["5"].Reason, results["5"].HolmP));
        Assert.NotEqual(Verdict.NotTested, results["2"].Verdict);
        // A set that was not planned is not tested; one that diverged leaves the claim open.
        bool WithoutNatural(Arm arm, int seed) => arm.Kind != ArmKind.Natural;
        var unplanned = Evaluate(new() { Seeds = 2, Ran = WithoutNatural })["5"];
        Assert.Equal((Verdict.NotTested, "D_Natural was not run"), (unplanned.Verdict, unplanned.Reason));
        var diverged = Evaluate(new() { Seeds = 2, Ran = WithoutNatural, Failures = ["D_Natural diverged"], MaybeBonus = 0.2 })["5"];
        Assert.Equal((Verdict.Undecided, "D_Natural has no finished run"), (diverged.Verdict, diverged.Reason));
    }

    [Fact]
    public void RunsThatDidNotConverge_EnterNoVerdictAboutConvergence()
    {
        var results = Evaluate(new() { Converged = _ => 0.98, FirstSeed = 6 });
        Assert.Equal((Verdict.Undecided, "D 0% did not converge"), (results["2"].Verdict, results["2"].Reason));
        Assert.True(double.IsNaN(results["2"].Parts[0].Value.Estimate));
        Assert.Equal((Verdict.Undecided, "D 0% was never fitted to 99%"), (results["2b"].Verdict, results["2b"].Reason));
    }

    [Fact]
    public void SetThatDidNotConverge_LeavesClaim6Open()
    {
        var result = Evaluate(new() { Converged = arm => arm.Kind == ArmKind.Natural ? 0.98 : 1 })["6"];
        Assert.Equal((Verdict.Undecided, 1.0), (result.Verdict, result.Parts[0].P));
        Assert.StartsWith("highest of 31 of 32 (", result.Parts[0].Statistic, StringComparison.Ordinal);
        Assert.StartsWith("1 of 32 have no interval", result.Reason, StringComparison.Ordinal);
        Assert.StartsWith("highest of 32 (", Evaluate(new())["6"].Parts[0].Statistic, StringComparison.Ordinal);
    }

    [Fact]
    public void OneWrongPartOfMany_ContradictsOnlyBeyondBonferroni()
    {
        // Two draws, a t of one degree of freedom: one part of nine lies beyond 95% on the wrong side, not beyond 99.4%.
        ClaimPart Part(Verdict verdict, int upTo) => new("x", "above 0", new(0, 0, 0), "2 seeds", verdict, 1)
            { IsContradicted = parts => parts <= upTo };
        Assert.Equal(Verdict.Contradicted, Claims.Decide([Part(Verdict.Contradicted, 2), Part(Verdict.Holds, 0)]).Verdict);
        Assert.Equal(Verdict.Undecided,
            Claims.Decide([Part(Verdict.Contradicted, 2), Part(Verdict.Holds, 0), Part(Verdict.Holds, 0)]).Verdict);
        // A real part: -3 with standard error 1 over 4 clusters; t(3) is 3.18 at 95%, 4.86 at 98.75%.
        var estimate = Estimate.OverClusters([-1, -3, -3, -5], "seeds");
        Assert.True(estimate.At(0.95).High < 0 && estimate.At(0.9875).High > 0);
    }

    [Fact]
    public void OneSeed_TakesABootstrapOverQuestionsAndSaysSo()
    {
        var part = Evaluate(new() { Seeds = 1 })["2"].Parts[0];
        Assert.Contains("one run", part.Method, StringComparison.Ordinal);
        Assert.True(part.Value.High < 0);
    }

    [Fact]
    public void NothingRightInOneRun_IsNoProofOfZero()
    {
        var part = Evaluate(new() { Seeds = 1, UnknownAccuracy = 0 })["6"].Parts[0];
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
        var study = new MadeUpStudy { Seeds = 1, Arms = [new(ArmKind.Natural)] }.Make();
        StudyResult With(Func<AnswerRow, bool> right) => study with
        {
            Answers = [.. study.Answers.Select(a => a with { Right = right(a) })],
        };
        Interval Loss(StudyResult of, double sign) => new StudyData(of).Contrast(_ =>
            [new(new(ArmKind.Natural), Stop.EarlyStop, sign), new(new(ArmKind.Natural), Stop.Convergence, -sign)]).Value95;
        Assert.Equal(new Interval(0, 0, 0), Loss(With(a => a.FactId % 2 == 0), 1));
        var gained = With(a => a.Epoch == 5 && a.FactId % 10 == 0);
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
        Assert.Equal($"b_kn +{Text(linear["beta_kn"])}, b_unk {Text(linear["beta_unk"])}, R2 {linear["r2"]}",
            RegisteredClaims.Of("4").Paper);
        double Fall(string set, int column) => early[set]![column]!.GetValue<double>() - late[set]![column]!.GetValue<double>();
        Assert.Equal(string.Create(CultureInfo.InvariantCulture,
            $"{Text(early["MaybeKnown"]![0])} against {Text(early["HighlyKnown"]![0])}, {Text(early["WeaklyKnown"]![0])}, "
            + $"{Text(early["Unknown"]![0])}; HighlyKnown questions fall by {Fall("Unknown", 1):F1} (Unknown), "
            + $"{Fall("WeaklyKnown", 1):F1} (WeaklyKnown), {Fall("MaybeKnown", 1):F1}, {Fall("HighlyKnown", 1):F1}; Natural falls by "
            + $"{Fall("Natural", 0):F1}"), RegisteredClaims.Of("5").Paper);
        var unknown = new[] { early, late }.SelectMany(t => t.AsObject().Select(set => set.Value![4]!.GetValue<double>())).ToList();
        Assert.Equal($"{unknown.Min():F1} to {unknown.Max():F1}", RegisteredClaims.Of("6").Paper);
        Assert.Equal($"up to {paper["figure3"]!["max_drop_in_distribution_points"]} points lost", RegisteredClaims.Of("2").Paper);
        Assert.Equal($"up to {paper["figure3"]!["max_drop_out_of_distribution_points"]} points lost", RegisteredClaims.Of("7").Paper);
    }

    [Fact]
    public void SlopeIsPerHundredPercent() // accuracy falls by 40 points and gains 3 less, on three quarters of the questions
        => Assert.InRange(Evaluate(new() { Seeds = 10 })["2"].Parts[0].Value.Estimate, -34, -30);

    [Fact]
    public void HolmsP_IsNeverBelowTheClaimsOwn()
    {
        var results = Evaluate(new() { Harm = 0.1, FirstSeed = 6 });
        foreach (var result in results.Values.Where(r => r.Verdict != Verdict.NotTested))
            Assert.True(result.HolmP >= result.Parts.Max(p => p.P) - 1e-12);
        // The paper's and ours are two families. Two seeds leave p-values that are not all next to 0.
        var tested = Evaluate(new() { Harm = 0.1, FirstSeed = 6, Seeds = 2 }).Values.Where(r => r.Verdict != Verdict.NotTested).ToList();
        static double[] Adjusted(IEnumerable<ClaimResult> of) => HypothesisTests.Holm([.. of.Select(r => r.Parts.Max(p => p.P))]);
        foreach (var family in tested.GroupBy(r => r.Claim.Registered.IsOurs))
            Assert.Equal(Adjusted(family), family.Select(r => r.HolmP));
        Assert.NotEqual(Adjusted(tested), tested.Select(r => r.HolmP));
    }
}
