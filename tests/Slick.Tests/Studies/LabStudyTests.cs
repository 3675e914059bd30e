using Slick.Analysis;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Studies;

namespace Slick.Tests.Studies;

/// <summary>The statistic of each study on values whose answer is known.</summary>
public sealed class LabStudyTests
{
    private const string Fit = Measures.Fit, Lost = Measures.Lost;

    // A value for each of the seeds. The noise is the row's own, has mean 0 over five seeds, and its standard deviation is about 0.16.
    private static IEnumerable<StudyValue> Value(string variant, string set, string measure, string stop, double value, int firstSeed = 6,
        int seeds = 5, double noise = 0.1) =>
        Enumerable.Range(0, seeds).Select(i => new StudyValue
        {
            Variant = variant, Set = set, BaseSeed = firstSeed + i, Draw = 1, Measure = measure, Stop = stop, Epoch = 10,
            Value = value + noise * (((i + set.Length + variant.Length) % 5) - 2),
        });

    private static LabStudyResult Result(string study, params IEnumerable<StudyValue>[] values) => new(LabStudies.Of(study), "lab",
        StudyOptions.Lab with { Bases = 5 }, 6, [.. values.SelectMany(v => v)], []);

    private static Verdict[] Verdicts(LabStudyResult result) => [.. result.Claims().Select(c => c.Verdict)];

    private static IEnumerable<StudyValue> Unknowns(double never, double stated, double rival, int firstSeed = 6, int seeds = 5) =>
        new[] { ("unknown-never-stated", never), ("unknown-stated-not-kept", stated), ("unknown-rival-stated", rival) }
            .SelectMany(s => Value("all", s.Item1, Lost, Fit, s.Item2, firstSeed, seeds));

    [Theory]
    [InlineData(10, 8, 4, Verdict.Holds, Verdict.Holds)]
    [InlineData(10, 10, 12, Verdict.Contradicted, Verdict.Undecided)]
    public void Unknowns_ComparesNeverStatedWithTheOthersAtFit(double never, double stated, double rival, Verdict first, Verdict second)
    {
        var result = Result("unknowns", Unknowns(never, stated, rival));
        Assert.Equal([first, second], Verdicts(result));
        var parts = result.Claims().Select(c => c.Parts.Single()).ToList();
        Assert.Equal([never - rival, never - stated], parts.Select(p => Math.Round(p.Value.Estimate, 9)));
        // t over the five seeds, worked out from the same differences.
        var differences = Enumerable.Range(6, 5).Select(s => result.Rows.Single(r => r.BaseSeed == s && r.Set.EndsWith("never-stated",
            StringComparison.Ordinal)).Value - result.Rows.Single(r => r.BaseSeed == s && r.Set.EndsWith("rival-stated",
            StringComparison.Ordinal)).Value).ToList();
        Assert.Equal(Intervals.MeanT(differences), parts[0].Value);
        Assert.Equal("5 seeds", parts[0].Method);
        // Holm over the study's two claims.
        Assert.Equal(HypothesisTests.Holm([.. parts.Select(p => p.P)]), result.Claims().Select(c => c.HolmP));
    }

    private static readonly string[] LadderSteps = ["stated-0", "stated-2", "stated-8", "stated-32", "stated-128", "stated-with-rival"];

    [Theory]
    [InlineData(-0.5, 6, Verdict.Holds, Verdict.Holds, Verdict.Holds)]
    [InlineData(0.5, 14, Verdict.Contradicted, Verdict.Contradicted, Verdict.Contradicted)]
    [InlineData(0, 10, Verdict.Undecided, Verdict.Undecided, Verdict.Undecided)]
    public void Ladder_ComparesStepsOverAllWorlds(double slope, double rival, params Verdict[] expected)
    {
        // Each world loses more than the one before, whatever is trained on: that plays no part.
        var result = Result("ladder", [.. Enumerable.Range(0, 6).SelectMany(world => LadderSteps.Select((set, step) =>
            Value($"world-{world}", set, Lost, Fit, 10 * world + (step < 5 ? 10 + slope * step : rival))))]);
        Assert.Equal(expected, Verdicts(result));
        var parts = result.Claims().Select(c => c.Parts.Single().Value.Estimate).ToList();
        Assert.Equal([-4 * slope, slope, rival - 10], parts.Select(v => Math.Round(v, 9) + 0.0));
    }

    [Theory]
    [InlineData(62, 3, Verdict.Holds, Verdict.Holds)]
    [InlineData(50, 0, Verdict.Undecided, Verdict.Undecided)]
    [InlineData(41, -2, Verdict.Contradicted, Verdict.Contradicted)]
    public void Relabel_ComparesTheShareWithHalf_AndHealingWithNothing(double share, double gained, params Verdict[] expected)
    {
        var result = Result("relabel", Value("all", "ratio-100", "of the lost, right behind exemplars", Fit, share),
            Value("all", "ratio-100", "known gained by healing on 50", Fit, gained),
            // Other sets, stops and numbers of facts decide nothing.
            Value("all", "ratio-0", "of the lost, right behind exemplars", Fit, 100 - share),
            Value("all", "ratio-100", "of the lost, right behind exemplars", Measures.Last, 100 - share),
            Value("all", "ratio-100", "known gained by healing on 200", Fit, -gained),
            Value("all", "ratio-100", "of the lost, MaybeKnown before and Unknown after", Fit, 12.3, noise: 0));
        Assert.Equal(expected, Verdicts(result));
        var parts = result.Claims().Select(c => c.Parts.Single()).ToList();
        Assert.Equal([share - 50, gained], parts.Select(p => Math.Round(p.Value.Estimate, 9) + 0.0));
        // The interval is that of the share, moved by 50.
        var shares = result.Rows.Where(r => (r.Set, r.Measure, r.Stop) == ("ratio-100", "of the lost, right behind exemplars", Fit))
            .Select(r => r.Value - 50).ToList();
        Assert.Equal(Intervals.MeanT(shares).Low, parts[0].Value.Low, 1e-9);
        Assert.Equal(Intervals.MeanT(shares).High, parts[0].Value.High, 1e-9);
        // The cell of the transition matrix.
        var row = result.Table().Rows.Single(r => r.Take(3).SequenceEqual(["D 100%", "FIT", "MaybeKnown"]));
        Assert.StartsWith("12.3", row[result.Table().Columns.ToList().IndexOf("Unknown after")], StringComparison.Ordinal);
    }

    [Fact]
    public void SeedsThatWereLookedAt_AreShownAndDecideNothing()
    {
        var claims = Result("unknowns", Unknowns(10, 8, 4, firstSeed: 1)).Claims();
        Assert.All(claims, c => Assert.Equal((Verdict.NotTested, "registered 2026-11-27 for seeds 6 and up", 1.0),
            (c.Verdict, c.Reason, c.HolmP)));
        Assert.Equal(6, claims[0].Parts.Single().Value.Estimate, 9);
        // Seeds 4 to 8: the last three count.
        var mixed = Result("unknowns", Unknowns(10, 8, 4, firstSeed: 4)).Claims();
        Assert.All(mixed, c => Assert.Equal((Verdict.Holds, "3 seeds"), (c.Verdict, c.Parts.Single().Method)));
    }

    [Fact]
    public void OneBase_TakesDrawsElseQuestions()
    {
        StudyValue[] Rows(int draws) => [.. Enumerable.Range(1, draws).SelectMany(d => Unknowns(10, 9, 4, 6, 1)
            .Select(r => r with { Draw = d, Value = r.Value + 0.01 * d, StandardError = 3 }))];
        Assert.Equal("3 draws", Result("unknowns", Rows(3)).Claims()[0].Parts.Single().Method);
        var one = Result("unknowns", Rows(1)).Claims()[1].Parts.Single();
        Assert.Equal("questions, one run of each set", one.Method);
        // Two runs with a standard error of 3 each.
        var half = 1.959964 * Math.Sqrt(18);
        Assert.Equal(one.Value.Estimate - half, one.Value.Low, 1e-4);
        Assert.Equal(one.Value.Estimate + half, one.Value.High, 1e-4);
        Assert.Equal(Verdict.Undecided, one.Verdict);
        // Without an error there is no interval, and no verdict.
        var none = Result("unknowns", Unknowns(10, 9, 4, 6, 1)).Claims();
        Assert.All(none, c => Assert.Equal((Verdict.Undecided, true), (c.Verdict, c.Reason.Contains("no interval",
            StringComparison.Ordinal))));
    }

    [Fact]
    public void WhatIsMissing_IsNamed()
    {
        var rows = Unknowns(10, 8, 4).ToList();
        var noRival = Result("unknowns", rows.Where(r => r.Set != "unknown-rival-stated")).Claims();
        Assert.Equal((Verdict.NotTested, "all, unknown-rival-stated was not run"), (noRival[0].Verdict, noRival[0].Reason));
        Assert.Equal(Verdict.Holds, noRival[1].Verdict);
        var noFit = Result("unknowns", rows.Select(r => r.Set == "unknown-rival-stated" ? r with { Stop = Measures.Last } : r)).Claims();
        Assert.Equal((Verdict.Undecided, "all, unknown-rival-stated: no run comes to FIT"), (noFit[0].Verdict, noFit[0].Reason));
        LackingRun Lacking(bool failed) => new("all", "unknown-rival-stated", 6, "the reason", failed);
        foreach (var (failed, verdict) in new[] { (true, Verdict.Undecided), (false, Verdict.NotTested) })
        {
            var result = Result("unknowns", rows.Where(r => r.Set != "unknown-rival-stated")) with { Lacking = [Lacking(failed)] };
            Assert.Equal((verdict, "the reason"), (result.Claims()[0].Verdict, result.Claims()[0].Reason));
            Assert.Contains("the reason", result.Source, StringComparison.Ordinal);
        }
    }

    private static IEnumerable<StudyValue> TwoHarms(Func<string, double> rate, double constant, double decay, double epsilon,
        double unknown)
    {
        foreach (var set in new[] { "single-highly-known", "single-maybe-known", "ratio-0", "known-only-50", "ratio-50", "ratio-100" })
            foreach (var row in Value("constant", set, Measures.LossRate, Measures.Convergence, rate(set))) yield return row;
        foreach (var (variant, lost) in new[] { ("constant", constant), ("linear-decay", decay), ("large-epsilon", epsilon) })
            foreach (var row in Value(variant, "ratio-0", Measures.LostAfterFit, Measures.Convergence, lost)) yield return row;
        foreach (var row in Value("constant", "ratio-0", Lost, Fit, 1).Concat(Value("constant", "ratio-100", Lost, Fit, unknown)))
            yield return row;
    }

    [Fact]
    public void TwoHarms_ComparesRatesSchedulesAndEpsilon()
    {
        Assert.Equal([Verdict.Holds, Verdict.Holds, Verdict.Holds, Verdict.Holds],
            Verdicts(Result("two-harms", TwoHarms(_ => 4, 4, 2, 4, 15))));
        // One set loses faster, decay does nothing, epsilon does, and Unknown facts harm less.
        Assert.Equal([Verdict.Contradicted, Verdict.Undecided, Verdict.Contradicted, Verdict.Contradicted],
            Verdicts(Result("two-harms", TwoHarms(s => s == "ratio-100" ? 9 : 4, 4, 4, 1, -3))));
        var parts = Result("two-harms", TwoHarms(s => s == "ratio-100" ? 10 : 4, 4, 4, 1, -3)).Claims()[0].Parts;
        Assert.Equal([-1.0, -1, -1, -1, -1, 5], parts.Select(p => Math.Round(p.Value.Estimate, 6)));
    }

    [Theory]
    [InlineData(9, 5, 6, 4, Verdict.Holds, Verdict.Holds)]
    [InlineData(5, 9, 5, 5, Verdict.Contradicted, Verdict.Undecided)]
    public void Concentrated_ComparesTheSameRelations(double whole, double spreadWhole, double others, double spreadOthers, Verdict first,
        Verdict second)
    {
        const string Whole = "known lost in wholly Unknown relations", Others = "known lost in the other relations";
        Assert.Equal([first, second], Verdicts(Result("concentrated", Value("all", "concentrated-25", Whole, Fit, whole),
            Value("all", "spread-25", Whole, Fit, spreadWhole), Value("all", "concentrated-25", Others, Fit, others),
            Value("all", "spread-25", Others, Fit, spreadOthers))));
    }

    // Five sizes of D, of 12 relations each, at 0, 50 and 100%.
    private static IEnumerable<StudyValue> NumberOrShare(Func<double, double, double> lost) =>
        from size in new[] { ("5", 60), ("10", 120), ("20", 240), ("40", 480), ("all", 780) }
        from percent in new[] { 0, 50, 100 }
        let set = $"ratio-{percent}"
        let unknown = size.Item2 * percent / 100.0
        from row in Value(size.Item1, set, Lost, Fit, lost(unknown, percent / 100.0))
            .Concat(Value(size.Item1, set, Measures.Examples, "", size.Item2, noise: 0))
            .Concat(Value(size.Item1, set, Measures.UnknownExamples, "", unknown, noise: 0))
        select row;

    [Fact]
    public void NumberOrShare_TellsTheTwoApart()
    {
        var number = Result("number-or-share", NumberOrShare((unknown, _) => 0.02 * unknown));
        Assert.Equal([Verdict.Holds, Verdict.Undecided, Verdict.Undecided], Verdicts(number));
        Assert.Equal(0, number.Claims()[2].Parts.Single().Value.Estimate, 0.2);
        var share = Result("number-or-share", NumberOrShare((_, share) => 15 * share));
        Assert.Equal([Verdict.Undecided, Verdict.Holds, Verdict.Holds], Verdicts(share));
        Assert.Equal(7.5, share.Claims()[1].Parts.Single().Value.Estimate, 0.2);
        Assert.Equal(15, share.Claims()[2].Parts.Single().Value.Estimate, 0.2);
        var both = Result("number-or-share", NumberOrShare((unknown, share) => 0.02 * unknown + 5 * share));
        Assert.Equal(5, both.Claims()[2].Parts.Single().Value.Estimate, 0.2);
        Assert.Contains("2.0 [", both.Table().Note, StringComparison.Ordinal); // for 100 Unknown examples
        // Where every D has the same size, number and share are one, and nothing can be said of them.
        var same = Result("number-or-share", NumberOrShare((unknown, share) => 5 * share).Select(r => r with
        {
            Value = r.Measure == Measures.Examples ? 60 : r.Measure == Measures.UnknownExamples ? 0.6 * int.Parse(r.Set.Split('-')[1],
                System.Globalization.CultureInfo.InvariantCulture) : r.Value,
        }));
        Assert.NotEqual(Verdict.Holds, same.Claims()[2].Verdict);
        Assert.NotEmpty(same.Table().Rows);
    }

    [Fact]
    public void Mitigations_AreComparedWhereAsMuchIsFitted()
    {
        IEnumerable<StudyValue> At95(string variant, double lost) => Value(variant, "ratio-50", Lost, Measures.UnknownFitted95, lost);
        var claims = Result("mitigations", At95("plain", 8), At95("linear-decay", 5), At95("replay-0.1", 11),
            Value("kl-1", "ratio-50", Lost, Measures.Last, 1)).Claims();
        Verdict Of(string variant) => claims.Single(c => c.Registered.Test.Contains($"minus {variant};", StringComparison.Ordinal)).Verdict;
        Assert.Equal((Verdict.Holds, Verdict.Contradicted), (Of("linear-decay"), Of("replay-0.1")));
        // It never fits 95%; and one that was not run.
        Assert.Equal((Verdict.Undecided, Verdict.NotTested), (Of("kl-1"), Of("lora-4")));
    }

    [Fact]
    public void Frontier_IsWhatNothingBeatsInBoth() => Assert.Equal([true, false, true, false, false], MitigationsStudy.Frontier(
        [(100, 8), (100, 9), (0, 1), (0, 2), (double.NaN, 0)]));

    [Fact]
    public void Width_TakesSlopesOverDoublings()
    {
        IEnumerable<StudyValue> Of(Func<int, double> drift, Func<int, double> unknown) =>
            from width in new[] { 64, 128, 256, 384 }
            from row in Value($"width-{width}", "ratio-0", Lost, Measures.Convergence, drift(width))
                .Concat(Value($"width-{width}", "ratio-0", Lost, Fit, 1))
                .Concat(Value($"width-{width}", "ratio-100", Lost, Fit, 1 + unknown(width)))
            select row;
        var shrinks = Result("width", Of(w => 20 - 2 * Math.Log2(w), _ => 14));
        Assert.Equal([Verdict.Holds, Verdict.Holds], Verdicts(shrinks));
        Assert.Equal(-2, shrinks.Claims()[0].Parts.Single().Value.Estimate, 0.1);
        Assert.Equal([Verdict.Contradicted, Verdict.Contradicted],
            Verdicts(Result("width", Of(w => 2 * Math.Log2(w), w => 40 - 4 * Math.Log2(w)))));
    }

    public static TheoryData<string> Names => [.. LabStudies.All.Select(s => s.Name)];

    // Results of nothing: the table and the figure of a study without runs say so.
    [Theory]
    [MemberData(nameof(Names))]
    public void StudyWithoutRuns_HasATableAndAFigure(string name)
    {
        var result = Result(name);
        Assert.All(result.Claims(), c => Assert.Equal(Verdict.NotTested, c.Verdict));
        result.Table().Check();
        result.Figure().Check();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Plan_HasEachStageOnce_AndTheVariantsShareTheModel(string name)
    {
        var study = LabStudies.Of(name);
        var stages = LabStudyRuns.Plan(study, StudyOptions.Smoke, 6, new("cpu", "fp32")).Stages;
        Assert.Equal(stages.Count, stages.DistinctBy(s => s.Name).Count());
        // The ladder has twin worlds.
        Assert.Equal(name == "ladder" ? 6 : 1, stages.Count(s => s.Kind == WorldStage.Kind.Name));
        Assert.Equal(name switch { "width" => 4, "ladder" => 6, _ => 1 }, stages.Count(s => s.Kind == PreTrainStage.Kind.Name));
    }

    // What the paper's study has computed is not computed again.
    [Fact]
    public void ConstantRate_IsTheLabsOwnStudy()
    {
        var own = StudyPlan.Of("lab", StudyOptions.Lab, 6, new("cpu", "fp32")).Stages.Select(s => s.Name).ToHashSet();
        var two = LabStudyRuns.Plan(LabStudies.Of("two-harms"), StudyOptions.Lab, 6, new("cpu", "fp32")).Stages
            .Where(s => s.Kind == FineTuneStage.Kind.Name).ToList();
        Assert.Equal(3 * 6 * 5, two.Count);
        Assert.Equal(6 * 5, two.Count(s => own.Contains(s.Name)));
    }

    [Fact]
    public void Relabel_RepeatsTheRunsOfTheLabsOwnStudy()
    {
        var own = StudyPlan.Of("lab", StudyOptions.Lab, 6, new("cpu", "fp32")).Stages.Select(s => s.Name).ToHashSet();
        var stages = LabStudyRuns.Plan(LabStudies.Of("relabel"), StudyOptions.Lab, 6, new("cpu", "fp32")).Stages;
        var further = stages.Where(s => !own.Contains(s.Name)).ToList();
        Assert.Equal(4 * 5, further.Count);
        Assert.All(further, s => Assert.Equal(RelabelStage.Kind.Name, s.Kind));
        Assert.All(further, s => Assert.True(stages.Index().First(r => r.Item.Name == s.Inputs.Single()).Index
            < stages.Index().First(r => r.Item == s).Index));
    }

    [Fact]
    public void StudyOfNoName_IsRefusedWithTheNames() => Assert.Equal(
        "There is no study 'unknown'; there are unknowns, two-harms, ladder, relabel, concentrated, number-or-share, mitigations, width.",
        Assert.Throws<UsageException>(() => LabStudies.Of("unknown")).Message);
}
