using System.Globalization;
using Slick.Experiments;
using Slick.Knowledge;
using Slick.Paper;

namespace Slick.Analysis;

/// <summary>The result of testing a claim on a study.</summary>
public enum Verdict
{
    /// <summary>The interval of every part lies on the right side.</summary>
    Holds,
    /// <summary>The interval of one part or more lies wholly on the wrong side, at a coverage corrected for the number of parts
    /// (Bonferroni).</summary>
    Contradicted,
    /// <summary>The claim neither holds nor is contradicted.</summary>
    Undecided,
    /// <summary>The study has no runs that could decide: a set lacks facts, has fewer examples than D, or was not run; or the claim does
    /// not count for these seeds.</summary>
    NotTested,
}

/// <summary>One statistic of a claim, with its interval and its verdict.</summary>
/// <param name="Statistic">What is estimated, with its unit.</param>
/// <param name="Test">The condition under which the part holds.</param>
/// <param name="Value">The estimate with the interval that decides: 95% for a difference, 90% for an equality.</param>
/// <param name="Method">What the interval is over, such as <c>5 seeds</c>.</param>
/// <param name="Verdict">This part's verdict, without correction for the number of parts.</param>
/// <param name="P">p-value against the part: two-sided for a difference, the larger of two one-sided tests for an equality.</param>
public sealed record ClaimPart(string Statistic, string Test, Interval Value, string Method, Verdict Verdict, double P)
{
    /// <summary>Why the part does not hold; empty where it does.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Whether the part's interval lies wholly on the wrong side, for a claim with the given number of parts.</summary>
    internal Func<int, bool> IsContradicted { get; init; } = _ => false;

    /// <summary>Statistic, estimate, interval and method as one line of text.</summary>
    public string Numbers => $"{Short} ({Method})";

    /// <summary>Statistic, estimate and interval as one line of text.</summary>
    public string Short => $"{Statistic} {Number(Value.Estimate)} [{Number(Value.Low)}, {Number(Value.High)}]";

    private static string Number(double value) => double.IsNaN(value) ? "?" : value.ToString("F1", CultureInfo.InvariantCulture);
}

/// <summary>A registered claim and its computation.</summary>
/// <param name="Registered">Number, sentence, the paper's numbers, threshold and date (notebooks/REGISTRATION.md).</param>
/// <param name="Parts">Computes the statistics that decide.</param>
public sealed record Claim(RegisteredClaim Registered, Func<StudyData, IReadOnlyList<ClaimPart>> Parts)
{
    /// <summary>Computes a statistic that is shown beside the claim and decides nothing; null where there is none.</summary>
    public Func<StudyData, ClaimPart>? Beside { get; init; }
}

/// <summary>A claim with its result on one study.</summary>
/// <param name="Claim">The claim.</param>
/// <param name="Parts">The statistics that decide.</param>
/// <param name="Beside">A statistic that is shown beside the parts and decides nothing; null where there is none.</param>
/// <param name="Verdict">Holds where all parts hold. Not tested where a part is not tested. Contradicted where a part is contradicted. Else
/// undecided.</param>
/// <param name="Reason">Why the claim does not hold; empty where it does.</param>
/// <param name="HolmP">The claim's p-value (the largest of its parts) with Holm's correction over the claims that were tested, where the
/// paper's claims and ours are two families. 1 for a claim that was not tested.</param>
public sealed record ClaimResult(Claim Claim, IReadOnlyList<ClaimPart> Parts, ClaimPart? Beside, Verdict Verdict, string Reason,
    double HolmP)
{
    /// <summary>The numbers of all parts on one line.</summary>
    public string Numbers => string.Join("; ", Parts.Select(p => p.Numbers))
        + (Beside is null ? "" : $"; beside it, deciding nothing: {Beside.Numbers}");
}

/// <summary>Computes the registered claims. Accuracies are in points (0 to 100).</summary>
public static class Claims
{
    private static readonly Arm Half = new(ArmKind.Ratio, 50), Full = new(ArmKind.Ratio, 100), Natural = new(ArmKind.Natural);
    private static readonly Arm[] Single = [new(ArmKind.HighlyKnown), new(ArmKind.MaybeKnown), new(ArmKind.WeaklyKnown), Full];

    /// <summary>All registered claims, in the order of <see cref="RegisteredClaims.All"/>.</summary>
    public static IReadOnlyList<Claim> All { get; } =
    [
        Claim("1", FittedLater),
        Claim("1b", WeaklyKnownBeforeUnknown),
        Claim("2", data => UnknownHarms(data, Stop.Convergence, QuestionSet.Test)),
        Claim("2b", data => UnknownHarms(data, Stop.Fit, QuestionSet.Test)),
        Claim("3", HarmIsUnknowns) with { Beside = SameUpdates },
        Claim("3b", data => [BelowKnownOnly(data, ArmKind.KnownOnly, Stop.Fit, "D - D_Known at FIT")]),
        Claim("3c", EarlyStopLosesNothing),
        Claim("4", data => Linear(data, ModelForm.AllEpochs)),
        Claim("4b", data => Linear(data, ModelForm.UntilFit)),
        Claim("4c", data => Linear(data, ModelForm.WithEpoch)),
        Claim("5", data => SingleCategories(data, Stop.EarlyStop, Stop.Convergence)),
        Claim("5b", data => SingleCategories(data, Stop.Fit, Stop.Fit)),
        Claim("6", UnknownStaysLow),
        Claim("7", data => UnknownHarms(data, Stop.Convergence, QuestionSet.Ood)),
        Claim("8", SameRateAfterFit),
    ];

    private static Claim Claim(string number, Func<StudyData, IReadOnlyList<ClaimPart>> parts) => new(RegisteredClaims.Of(number), parts);

    /// <summary>Tests every claim on a study. In the lab's studies, a claim that was registered after runs had been looked at is tested on
    /// later seeds only (<see cref="RegisteredClaim.FirstSeed"/>).</summary>
    /// <param name="study">The study.</param>
    /// <returns>The results, in the order of <see cref="All"/>.</returns>
    public static IReadOnlyList<ClaimResult> Evaluate(StudyResult study)
    {
        var data = new StudyData(study);
        var later = All.Select(c => c.Registered.FirstSeed).Distinct().ToDictionary(s => s, s => data.IsLab ? data.From(s) : data);
        var found = All.Select(claim =>
        {
            var counted = later[claim.Registered.FirstSeed];
            // The numbers of seeds that do not count are shown, but the verdict is "not tested".
            var counts = counted.Runs.Count > 0 || data.Runs.Count == 0;
            var parts = claim.Parts(counts ? counted : data);
            var (verdict, reason) = counts ? Decide(parts) : (Verdict.NotTested, string.Create(CultureInfo.InvariantCulture,
                $"registered {claim.Registered.Registered:yyyy-MM-dd} for seeds {claim.Registered.FirstSeed} and up"));
            return (Claim: claim, Parts: parts, Beside: claim.Beside?.Invoke(counts ? counted : data), Verdict: verdict, Reason: reason);
        }).ToList();
        var p = found.Select(_ => 1.0).ToArray();
        foreach (var family in found.Select((f, i) => (f, i)).Where(x => x.f.Verdict != Verdict.NotTested)
            .GroupBy(x => x.f.Claim.Registered.IsOurs))
            foreach (var (x, adjusted) in family.Zip(
                HypothesisTests.Holm([.. family.Select(x => Math.Min(1, x.f.Parts.Max(part => part.P)))])))
                p[x.i] = adjusted;
        return [.. found.Select((f, i) => new ClaimResult(f.Claim, f.Parts, f.Beside, f.Verdict, f.Reason, p[i]))];
    }

    internal static (Verdict Verdict, string Reason) Decide(IReadOnlyList<ClaimPart> parts)
    {
        static string Reasons(IEnumerable<ClaimPart> of) => string.Join("; ", of.Select(p => p.Reason).Distinct());
        if (parts.Where(p => p.Verdict == Verdict.NotTested).ToList() is { Count: > 0 } lacking)
            return (Verdict.NotTested, Reasons(lacking));
        if (parts.All(p => p.Verdict == Verdict.Holds)) return (Verdict.Holds, "");
        if (parts.Where(p => p.IsContradicted(parts.Count)).ToList() is { Count: > 0 } wrong)
            return (Verdict.Contradicted, Reasons(wrong));
        return (Verdict.Undecided, Reasons(parts.Where(p => p.Verdict != Verdict.Holds)));
    }

    private static IReadOnlyList<ClaimPart> FittedLater(StudyData data) =>
    [
        HalfFitted(data, "Known", c => c != Category.Unknown),
        Difference(data, "fitted at EARLY_STOP, Known above Unknown", [Half], Stop.EarlyStop, data.OverRuns(Half, run =>
            run.Fitted(run.Stops!.EarlyStop, c => c != Category.Unknown).Value
            - run.Fitted(run.Stops.EarlyStop, c => c == Category.Unknown).Value,
            run =>
            {
                var (known, unknown) = (run.Fitted(run.Stops!.EarlyStop, c => c != Category.Unknown),
                    run.Fitted(run.Stops.EarlyStop, c => c == Category.Unknown));
                return Estimate.OfShares((int)known.Right, (int)known.Of, (int)unknown.Right, (int)unknown.Of, Examples(run));
            }), 1, 100),
    ];

    private static IReadOnlyList<ClaimPart> WeaklyKnownBeforeUnknown(StudyData data) =>
        [HalfFitted(data, "WeaklyKnown", c => c == Category.WeaklyKnown)];

    private static ClaimPart HalfFitted(StudyData data, string earlier, Func<Category, bool> category) =>
        Difference(data, $"epoch of half fitted, Unknown after {earlier}", [Half], Stop.EarlyStop, data.OverRuns(Half,
            run => HalfFitted(run, c => c == Category.Unknown, 0.5).Estimate - HalfFitted(run, category, 0.5).Estimate,
            run => Estimate.Between(level => HalfFitted(run, c => c == Category.Unknown, level), level => HalfFitted(run, category, level),
                Examples(run))), 1);

    private static string Examples(StudyRun run) =>
        $"{(run.Row.KnownExamples + run.Row.UnknownExamples).ToString(CultureInfo.InvariantCulture)} examples, one run";

    // The first epoch at which half of the examples are fitted; one past the last epoch where that never happens. Its bounds are the epochs
    // at which the bounds of Wilson's intervals reach a half.
    private static Interval HalfFitted(StudyRun run, Func<Category, bool> category, double level)
    {
        var fitted = run.Epochs.Select(e => (e.Epoch, Share: run.Fitted(e.Epoch, category))).ToList();
        if (fitted[0].Share.Of == 0) return new(double.NaN, double.NaN, double.NaN);
        var bounds = fitted.Select(e => (e.Epoch, At: Intervals.Wilson(e.Share.Value, e.Share.EffectiveQuestions, level))).ToList();
        double First(Func<Interval, double> value) => bounds.Where(b => value(b.At) >= 0.5).Select(b => (double?)b.Epoch).FirstOrDefault()
            ?? fitted[^1].Epoch + 1;
        return new(First(b => b.Estimate), First(b => b.High), First(b => b.Low));
    }

    // Claims 2, 2b and 7: the least-squares slope over the percentages, per 100% Unknown.
    private static IReadOnlyList<ClaimPart> UnknownHarms(StudyData data, Stop stop, QuestionSet set)
    {
        ClaimPart Slope(string statistic, int sign, params (Stop Stop, double Weight)[] of)
        {
            bool All(int cluster, int percent) => of.All(s => data.Has(new(ArmKind.Ratio, percent), s.Stop, cluster, set));
            var x = data.Shared(All);
            if (x.Count < 2) return Missing(data, statistic, Percents(data, ArmKind.Ratio, 2), stop, set);
            List<Term> Terms(int cluster)
            {
                if (!x.All(p => All(cluster, p))) return [];
                var mean = x.Average();
                var square = x.Sum(v => (v - mean) * (v - mean));
                return [.. x.SelectMany(p => of.Select(s =>
                    new Term(new(ArmKind.Ratio, p), s.Stop, s.Weight * 100 * (p - mean) / square)))];
            }
            return Difference(data, statistic + Over(x, StudyData.Percents), [], stop, data.Contrast(Terms, null, set), sign, 100);
        }
        var (name, until) = stop == Stop.Fit ? ("FIT", " until FIT") : ("CONVERGENCE", "");
        var where = set == QuestionSet.Ood ? ", out of distribution" : "";
        return [Slope($"slope at {name}{where}", -1, (stop, 1)),
            Slope($"slope of the fall{until}{where}", 1, (Stop.EarlyStop, 1), (stop, -1))];
    }

    // The arms of a kind that a statistic needs. Where enough of them were run: these. Else: those that were not run.
    private static IReadOnlyList<Arm> Percents(StudyData data, ArmKind kind, int needed)
    {
        var arms = StudyData.Percents.Select(p => new Arm(kind, p)).ToList();
        return arms.Count(a => data.Of(a).Count > 0) >= needed ? [.. arms.Where(a => data.Of(a).Count > 0)]
            : [.. arms.Where(a => data.Of(a).Count == 0)];
    }

    private static IReadOnlyList<ClaimPart> HarmIsUnknowns(StudyData data)
    {
        var (equal, early) = AgainstKnownOnly(data, ArmKind.KnownOnly, Stop.EarlyStop);
        var statistic = $"D - D_Known at EARLY_STOP{early}, 90%";
        return
        [
            double.IsNaN(equal.Value) ? Missing(data, statistic, KnownOnly(data, ArmKind.KnownOnly), Stop.EarlyStop)
                : ClaimParts.Equality(statistic, equal, RegisteredClaims.EqualityMargin, 100),
            BelowKnownOnly(data, ArmKind.KnownOnly, Stop.Convergence, "D - D_Known at CONVERGENCE"),
        ];
    }

    private static ClaimPart BelowKnownOnly(StudyData data, ArmKind other, Stop stop, string statistic)
    {
        var (difference, over) = AgainstKnownOnly(data, other, stop);
        return Difference(data, statistic + over, KnownOnly(data, other), stop, difference, -1, 100);
    }

    // The arms that a comparison of D with D_Known needs.
    private static IReadOnlyList<Arm> KnownOnly(StudyData data, ArmKind other)
    {
        var pairs = new[] { 25, 50, 75 }.Select(p => new[] { new Arm(ArmKind.Ratio, p), new Arm(other, p) })
            .Where(pair => pair.All(a => data.Of(a).Count > 0)).ToList();
        return pairs.Count > 0 ? [.. pairs.SelectMany(p => p)] : [Half, new Arm(other, 50)];
    }

    // Shown beside claim 3: D against D_Known trained for as many updates as D. (D_Known in claim 3 has fewer updates, which favours it.)
    private static ClaimPart SameUpdates(StudyData data) => BelowKnownOnly(data, ArmKind.KnownOnlySameUpdates, Stop.Convergence,
        "D - D_Known with D's updates, at CONVERGENCE");

    // The mean over % Unknown of D's accuracy minus D_Known's; and, where some percentages are missing, which ones were used.
    private static (Estimate Difference, string Over) AgainstKnownOnly(StudyData data, ArmKind other, Stop stop)
    {
        bool Both(int c, int p) => data.Has(new(ArmKind.Ratio, p), stop, c) && data.Has(new(other, p), stop, c);
        var x = data.Shared(Both);
        return (data.Contrast(c => x.All(p => Both(c, p))
            ? [.. x.SelectMany(p => new Term[] { new(new(ArmKind.Ratio, p), stop, 1.0 / x.Count),
            new(new(other, p), stop, -1.0 / x.Count) })] : []),
            Over(x, [25, 50, 75]));
    }

    // Where runs diverged or did not converge, the number is a mean over fewer percentages. The text then names them.
    private static string Over(IReadOnlyList<int> found, IReadOnlyList<int> all) => found.Count == 0 || found.Count == all.Count ? ""
        : $" (over {string.Join(", ", found)}% Unknown)";

    private static IReadOnlyList<ClaimPart> EarlyStopLosesNothing(StudyData data)
    {
        const string Statistic = "D 100% at EARLY_STOP - base model, 90%";
        var change = data.Contrast(c => data.Has(Full, Stop.EarlyStop, c) && data.Has(Full, Stop.Base, c)
            ? [new(Full, Stop.EarlyStop, 1), new(Full, Stop.Base, -1)] : []);
        if (double.IsNaN(change.Value)) return [Missing(data, Statistic, [Full], Stop.EarlyStop)];
        var (value, margin) = (ClaimParts.Scale(change.Value90, 100), RegisteredClaims.EarlyStopMargin);
        return [ClaimParts.Part(Statistic, string.Create(CultureInfo.InvariantCulture, $"90% interval above "
            + $"-{margin}"), value, change.Method,
            value.Low > -margin ? Verdict.Holds : value.High < -margin ? Verdict.Contradicted : Verdict.Undecided,
            change.P(-margin / 100, 1), parts => 100 * change.At(1 - 0.10 / parts).High < -margin)];
    }

    private static IReadOnlyList<ClaimPart> Linear(StudyData data, ModelForm form)
    {
        var fit = FittedModel.Fit(data, QuestionSet.Test, form);
        if (fit is null) return [.. new[] { "b_kn", "b_unk" }.Select(b =>
            Missing(data, b, Percents(data, ArmKind.Ratio, 2), form == ModelForm.UntilFit ? Stop.Fit : Stop.EarlyStop))];
        return
        [
            Difference(data, "b_kn" + Over(fit.Percents, StudyData.Percents), [], Stop.EarlyStop, fit.Coefficients[1], 1, 100),
            Difference(data, double.IsNaN(fit.R2.Value) ? "b_unk"
                : string.Create(CultureInfo.InvariantCulture, $"b_unk (R2 {fit.R2.Value:F2})"), [], Stop.EarlyStop, fit.Coefficients[2], -1,
                100),
        ];
    }

    private static IReadOnlyList<ClaimPart> SingleCategories(StudyData data, Stop best, Stop late)
    {
        static bool Known(Category c) => c is Category.HighlyKnown or Category.MaybeKnown;
        // A set that is too small is no set, as an empty one.
        bool Has(Arm a, Stop stop, int cluster) => data.Has(a, stop, cluster)
            && !data.Of(a).Any(r => data.Cluster(r) == cluster && data.IsTooSmall(r));
        List<Term> Above(Arm a, Arm b, int cluster) => Has(a, best, cluster) && Has(b, best, cluster)
            ? [new(a, best, 1), new(b, best, -1)] : [];
        List<Term> Fall(Arm a, double weight, int cluster) => Has(a, late, cluster)
            ? [new(a, Stop.EarlyStop, weight), new(a, late, -weight)] : [];
        List<Term> LosesMore(Arm a, Arm b, int cluster) => Fall(a, 1, cluster) is { Count: > 0 } more
            && Fall(b, -1, cluster) is { Count: > 0 } less ? [.. more, .. less] : [];
        var (name, until) = (best == Stop.Fit ? "FIT" : "EARLY_STOP", late == Stop.Fit ? " until FIT" : "");
        var parts = new List<ClaimPart>();
        foreach (var other in Single.Where(a => a.Kind != ArmKind.MaybeKnown))
            parts.Add(Difference(data, $"{name} MaybeKnown - {Name(other)}", [Single[1], other], best,
                data.Contrast(c => Above(Single[1], other, c)), 1, 100));
        foreach (var harmful in Single[2..].Reverse())
            foreach (var harmless in Single[..2])
                parts.Add(Difference(data, $"loss on known{until}, {Name(harmful)} - {Name(harmless)}", [harmful, harmless], late,
                    data.Contrast(c => LosesMore(harmful, harmless, c), Known), 1, 100));
        parts.Add(Difference(data, $"fall of D_Natural{until}", [Natural], late, data.Contrast(c => Fall(Natural, 1, c)), 1, 100));
        return parts;
    }

    private static IReadOnlyList<ClaimPart> UnknownStaysLow(StudyData data)
    {
        const double Low = RegisteredClaims.LowAccuracy;
        var all = data.Arms.SelectMany(arm => new[] { Stop.EarlyStop, Stop.Convergence }.Select(stop =>
            (Name: $"{Name(arm)}, {(stop == Stop.EarlyStop ? "EARLY_STOP" : "CONVERGENCE")}",
             Estimate: data.Contrast(c => data.Has(arm, stop, c) ? [new(arm, stop, 1)] : [], k => k == Category.Unknown)))).ToList();
        var known = all.Where(p => p.Estimate.Value95.HasBounds).OrderByDescending(p => p.Estimate.Value95.High).ToList();
        if (known.Count == 0)
            return [Missing(data, "highest accuracy on Unknown", [.. data.Arms.DefaultIfEmpty(Half)], Stop.EarlyStop)];
        // An arm whose interval lies wholly above the limit contradicts the claim, even if another arm's interval is wider.
        var above = known.Where(p => 100 * p.Estimate.Value95.Low > Low).ToList();
        var (name, estimate) = above.Count > 0 ? above[0] : known[0];
        var value = ClaimParts.Scale(estimate.Value95, 100);
        var verdict = above.Count > 0 ? Verdict.Contradicted : value.High <= Low && known.Count == all.Count ? Verdict.Holds
            : Verdict.Undecided;
        // A missing run may be the highest of all. So the claim cannot hold while a run is missing.
        var (counted, p) = known.Count == all.Count ? ($"{all.Count}", Math.Min(1, 2 * known.Max(k => k.Estimate.P(Low / 100, -1))))
            : ($"{known.Count} of {all.Count}", 1);
        var part = ClaimParts.Part($"highest of {counted} ({name})", "upper bound at most 10", value, estimate.Method, verdict, p,
            _ => above.Count > 0);
        return [verdict == Verdict.Undecided && known.Count < all.Count
            ? part with { Reason = $"{all.Count - known.Count} of {all.Count} have no interval (not converged, diverged or run once)" }
                : part];
    }

    private static IReadOnlyList<ClaimPart> SameRateAfterFit(StudyData data)
    {
        const string Same = "loss per 1,000 updates after FIT minus the mean of all sets, 90%";
        const string Decaying = "half the loss after FIT of D - loss with the decaying rate";
        bool Has(Arm arm, int cluster) => data.Has(arm, Stop.Fit, cluster) && data.Has(arm, Stop.Convergence, cluster)
            && Thousands(data, arm, cluster) > 0;
        // The loss of accuracy from FIT to CONVERGENCE, per 1,000 optimiser steps.
        Term[] Rate(Arm arm, int cluster, double weight)
        {
            var per = weight / Thousands(data, arm, cluster);
            return [new(arm, Stop.Fit, per), new(arm, Stop.Convergence, -per)];
        }
        var constant = data.Arms.Where(a => a.Kind != ArmKind.RatioDecayingRate && data.Clusters.Any(c => Has(a, c))).ToList();
        // Every cluster compares the same sets: the mean of a cluster with more sets would be another number.
        var clusters = data.Clusters.Where(c => constant.Any(a => Has(a, c))).ToList();
        constant = [.. constant.Where(a => clusters.All(c => Has(a, c)))];
        var parts = new List<ClaimPart>();
        if (constant.Count < 2)
            parts.Add(Missing(data, Same, Percents(data, ArmKind.Ratio, 2), Stop.Fit));
        else
        {
            var farthest = constant.Select(arm => (Arm: arm, Rate: data.Contrast(c => !clusters.Contains(c) ? []
                    : [.. Rate(arm, c, 1), .. constant.SelectMany(a => Rate(a, c, -1.0 / constant.Count))])))
                .OrderByDescending(x => x.Rate.Value90.HasBounds ? Math.Max(Math.Abs(x.Rate.Value90.Low), Math.Abs(x.Rate.Value90.High))
                    : double.PositiveInfinity).ToList();
            // Each set is a part. One of them is shown: a set that contradicts the claim, even if another set's interval reaches farther.
            var sets = farthest.Select(x => ClaimParts.Equality($"{Same} ({Name(x.Arm)} of {farthest.Count})", x.Rate,
                RegisteredClaims.LossRateMargin, 100)).ToList();
            var shown = sets.FirstOrDefault(s => s.IsContradicted(sets.Count + 1)) ?? sets[0];
            parts.Add(shown with
            {
                P = sets.Max(s => s.P),
                IsContradicted = others => sets.Any(s => s.IsContradicted(sets.Count - 1 + others)),
            });
        }
        var decaying = StudyData.Percents.Select(p => new Arm(ArmKind.RatioDecayingRate, p))
            .Where(a => data.Clusters.Any(c => Has(a, c) && Has(a with { Kind = ArmKind.Ratio }, c))).ToList();
        var decayed = Difference(data, Decaying, decaying.Count > 0 ? [] : [Half with { Kind = ArmKind.RatioDecayingRate }], Stop.Fit,
            data.Contrast(c => decaying.Count > 0 && decaying.All(a => Has(a, c) && Has(a with { Kind = ArmKind.Ratio }, c))
                ? [.. decaying.SelectMany(a => Rate(a with { Kind = ArmKind.Ratio }, c, 0.5 / decaying.Count)
                    .Concat(Rate(a, c, -1.0 / decaying.Count)))] : []), 1, 100);
        // Here, too, each set of the first part counts as one.
        parts.Add(decayed with { IsContradicted = others => decayed.IsContradicted(others - 1 + Math.Max(1, constant.Count)) });
        return parts;
    }

    // Thousands of optimiser steps from FIT to the last epoch: the mean over the draws that have both.
    private static double Thousands(StudyData data, Arm arm, int cluster) => data.Of(arm)
        .Where(r => data.Cluster(r) == cluster && r.EpochOf(Stop.Fit) is not null && r.EpochOf(Stop.Convergence) is not null)
        .Select(r => (r.Updates(r.Stops!.Last) - r.Updates(r.Stops.Fit!.Value)) / 1000.0).DefaultIfEmpty(0).Average();

    private static string Name(Arm arm) => arm == Full ? "Unknown"
        : arm.Kind is ArmKind.HighlyKnown or ArmKind.MaybeKnown or ArmKind.WeaklyKnown ? arm.Kind.ToString() : arm.ToString();

    // A part without a number, and the reason. A set that lacks facts or was not run is no test. A run that failed leaves the claim
    // undecided.
    private static ClaimPart Missing(StudyData data, string statistic, IReadOnlyList<Arm> needed, Stop stop,
        QuestionSet set = QuestionSet.Test)
    {
        ClaimPart With(Verdict verdict, string reason) => ClaimParts.Without(statistic, verdict, reason);
        var absent = needed.Where(a => data.Of(a).All(data.IsTooSmall)).ToList();
        if (data.Lacking.Concat(data.TooSmall).FirstOrDefault(l => absent.Contains(l.Arm)) is { } lacking)
            return With(Verdict.NotTested, lacking.Reason);
        if (absent.Count > 0)
            return data.HasFailures ? With(Verdict.Undecided, $"{absent[0]} has no finished run") : With(Verdict.NotTested,
                $"{absent[0]} was not run");
        if (set == QuestionSet.Ood && !data.Runs.Any(r => r.Right(0, set).Of > 0))
            return With(Verdict.NotTested, "no question out of distribution was asked");
        var short_ = needed.Where(a => data.Of(a).All(r => r.EpochOf(stop) is null)).ToList();
        return With(Verdict.Undecided, short_.Count == 0 ? $"{statistic} cannot be computed from the runs that are there"
            : stop == Stop.Convergence ? $"{short_[0]} did not converge" : $"{short_[0]} was never fitted to 99%");
    }

    private static ClaimPart Difference(StudyData data, string statistic, IReadOnlyList<Arm> needed, Stop stop, Estimate estimate, int sign,
        double scale = 1) => double.IsNaN(estimate.Value) ? Missing(data, statistic, needed, stop)
        : ClaimParts.Difference(statistic, estimate, sign, scale);
}
