using System.Globalization;
using Slick.Knowledge;
using Slick.Experiments;

namespace Slick.Analysis;

/// <summary>What a study says about a claim.</summary>
public enum Verdict
{
    /// <summary>Every part's interval lies on the right side.</summary>
    Holds,
    /// <summary>A part's interval lies wholly on the wrong side.</summary>
    Contradicted,
    /// <summary>Neither.</summary>
    Undecided,
}

/// <summary>One statistic of a claim.</summary>
/// <param name="Statistic">What is estimated, with its unit.</param>
/// <param name="Test">When it counts for the claim.</param>
/// <param name="Value">The estimate with the interval that decides: 95% for a difference, 90% for an equality.</param>
/// <param name="Method">What the interval is over.</param>
/// <param name="Verdict">This part's verdict.</param>
/// <param name="P">p-value of "does not hold": two-sided for a difference, of two one-sided tests for an equality.</param>
public sealed record ClaimPart(string Statistic, string Test, Interval Value, string Method, Verdict Verdict, double P)
{
    /// <summary>Statistic, estimate, interval and method.</summary>
    public string Numbers => $"{Statistic} {Number(Value.Estimate)} [{Number(Value.Low)}, {Number(Value.High)}] ({Method})";

    private static string Number(double value) => double.IsNaN(value) ? "?" : value.ToString("F1", CultureInfo.InvariantCulture);
}

/// <summary>A claim of the paper, and how it is tested.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Sentence">What is claimed.</param>
/// <param name="Source">Figure or table of the paper.</param>
/// <param name="Paper">The paper's numbers.</param>
/// <param name="Parts">The statistics that decide.</param>
public sealed record Claim(int Number, string Sentence, string Source, string Paper, Func<StudyData, IReadOnlyList<ClaimPart>> Parts)
{
    /// <summary>A statistic that is shown beside the claim and decides nothing; null where there is none.</summary>
    public Func<StudyData, ClaimPart>? Beside { get; init; }
}

/// <summary>A claim and this study's answer.</summary>
/// <param name="Claim">The claim.</param>
/// <param name="Parts">Its parts.</param>
/// <param name="Beside">What is shown beside them and decides nothing, or null.</param>
/// <param name="Verdict">Holds when all parts hold, contradicted when one is.</param>
/// <param name="HolmP">The claim's p-value (the largest of its parts) with Holm's correction over all claims.</param>
public sealed record ClaimResult(Claim Claim, IReadOnlyList<ClaimPart> Parts, ClaimPart? Beside, Verdict Verdict, double HolmP)
{
    /// <summary>The numbers on one line.</summary>
    public string Numbers => string.Join("; ", Parts.Select(p => p.Numbers))
        + (Beside is null ? "" : $"; beside it, deciding nothing: {Beside.Numbers}");
}

/// <summary>The registered claims. Accuracies are in points (0 to 100).</summary>
public static class Claims
{
    private const double Margin = 2;
    private const double Low = 10;
    private static readonly Arm[] Single =
        [new(ArmKind.HighlyKnown), new(ArmKind.MaybeKnown), new(ArmKind.WeaklyKnown), new(ArmKind.Ratio, 100)];

    /// <summary>Claims 1 to 6; what each one asks stands with it, and in the README.</summary>
    public static IReadOnlyList<Claim> All { get; } =
    [
        new(1, "Unknown facts are fitted later than Known facts.", "Fig. 1, 4", "at EARLY_STOP most Known and few Unknown are fitted",
            FittedLater),
        new(2, "Accuracy at CONVERGENCE falls as % Unknown rises, and the fall since EARLY_STOP grows with it.", "Fig. 3a",
            "up to 14 points lost", UnknownHarms),
        new(3, "D and D_Known are equal at EARLY_STOP; at CONVERGENCE D is below.", "Fig. 3b", "equal, then below",
            HarmIsUnknowns) { Beside = SameUpdates },
        new(4, "Fitting Known examples raises accuracy, fitting Unknown ones lowers it.", "Table 1", "b_kn +7.3, b_unk -8.3, R2 0.86",
            Linear),
        new(5, "MaybeKnown is the best single category at EARLY_STOP; Unknown and WeaklyKnown lose the most of what was known; D_Natural "
            + "falls.", "Table 2",
            "43.6 against 40.5, 39.2, 37.5; HighlyKnown questions fall by 39.8 (Unknown), 21.5 (WeaklyKnown), 0.9, 0.3; Natural falls by "
            + "1.7", SingleCategories),
        new(6, "Accuracy on Unknown test questions stays low whatever is trained.", "Table 2", "0.4 to 3.2", UnknownStaysLow),
    ];

    /// <summary>Tests every claim on a study.</summary>
    public static IReadOnlyList<ClaimResult> Evaluate(IReadOnlyList<EpochRow> epochs, IReadOnlyList<AnswerRow> answers)
    {
        var data = new StudyData(epochs, answers);
        var parts = All.Select(c => c.Parts(data)).ToList();
        var adjusted = HypothesisTests.Holm([.. parts.Select(p => Math.Min(1, p.Max(x => x.P)))]);
        return [.. All.Select((c, i) => new ClaimResult(c, parts[i], c.Beside?.Invoke(data),
            parts[i].All(p => p.Verdict == Verdict.Holds) ? Verdict.Holds : parts[i].Any(p => p.Verdict == Verdict.Contradicted)
                ? Verdict.Contradicted : Verdict.Undecided,
            adjusted[i]))];
    }

    private static IReadOnlyList<ClaimPart> FittedLater(StudyData data)
    {
        var half = new Arm(ArmKind.Ratio, 50);
        static double Reached(IReadOnlyList<EpochRow> epochs, Func<EpochRow, double> fitted) =>
            epochs.FirstOrDefault(e => fitted(e) >= 0.5)?.Epoch ?? epochs[^1].Epoch + 1;
        return
        [
            Difference("epoch of half fitted, Unknown after Known",
                data.OverRuns(half, e => Reached(e, r => r.FittedUnknown) - Reached(e, r => r.FittedKnown)), 1),
            Difference("fitted at EARLY_STOP, Known above Unknown",
                data.OverRuns(half, e => e.Where(r => r.EarlyStop).Select(r => r.FittedKnown - r.FittedUnknown).First()), 1, 100),
        ];
    }

    private static IReadOnlyList<ClaimPart> UnknownHarms(StudyData data)
    {
        ClaimPart Slope(string statistic, int sign, params (Stop Stop, double Weight)[] of)
        {
            bool All(int cluster, int percent) => of.All(s => data.Has(new(ArmKind.Ratio, percent), s.Stop, cluster));
            var x = data.Shared(All);
            if (x.Count < 2) return Missing(statistic);
            List<Term> Terms(int cluster)
            {
                if (!x.All(p => All(cluster, p))) return [];
                var mean = x.Average();
                var square = x.Sum(v => (v - mean) * (v - mean));
                // Least squares, per 100% Unknown.
                return [.. x.SelectMany(p => of.Select(s =>
                    new Term(new(ArmKind.Ratio, p), s.Stop, s.Weight * 100 * (p - mean) / square)))];
            }
            return Difference(statistic + Over(x, StudyData.Percents), data.Contrast(Terms), sign, 100);
        }
        return [Slope("slope at CONVERGENCE", -1, (Stop.Convergence, 1)),
            Slope("slope of the fall", 1, (Stop.EarlyStop, 1), (Stop.Convergence, -1))];
    }

    private static IReadOnlyList<ClaimPart> HarmIsUnknowns(StudyData data)
    {
        var (equal, early) = AgainstKnownOnly(data, ArmKind.KnownOnly, Stop.EarlyStop);
        var (below, late) = AgainstKnownOnly(data, ArmKind.KnownOnly, Stop.Convergence);
        return
        [
            new($"D - D_Known at EARLY_STOP{early}, 90%", "90% interval within +-2", Scale(equal.Value90, 100), equal.Method,
                WithinMargin(Scale(equal.Value90, 100)),
                Math.Max(equal.P(-Margin / 100, 1), equal.P(Margin / 100, -1))),
            Difference($"at CONVERGENCE{late}", below, -1, 100),
        ];
    }

    // Beside claim 3, since D_Known's fewer updates flatter it: D below D_Known trained for as many updates as D.
    private static ClaimPart SameUpdates(StudyData data)
    {
        var (difference, over) = AgainstKnownOnly(data, ArmKind.KnownOnlySameUpdates, Stop.Convergence);
        return Difference($"D - D_Known with D's updates, at CONVERGENCE{over}", difference, -1, 100);
    }

    // The mean over % Unknown of D's accuracy minus that of its Known examples alone; and which percentages, where some are missing.
    private static (Estimate Difference, string Over) AgainstKnownOnly(StudyData data, ArmKind other, Stop stop)
    {
        bool Both(int c, int p) => data.Has(new(ArmKind.Ratio, p), stop, c) && data.Has(new(other, p), stop, c);
        var x = data.Shared(Both);
        return (data.Contrast(c => x.All(p => Both(c, p))
            ? [.. x.SelectMany(p => new Term[] { new(new(ArmKind.Ratio, p), stop, 1.0 / x.Count),
            new(new(other, p), stop, -1.0 / x.Count) })] : []),
            Over(x, [25, 50, 75]));
    }

    // Runs that diverged or did not converge are missing: the number is then another one, and says so.
    private static string Over(IReadOnlyList<int> found, IReadOnlyList<int> all) => found.Count == 0 || found.Count == all.Count ? ""
        : $" (over {string.Join(", ", found)}% Unknown)";

    private static IReadOnlyList<ClaimPart> Linear(StudyData data)
    {
        var fit = FittedModel.Fit(data, outOfDistribution: false);
        if (fit is null) return [Missing("b_kn"), Missing("b_unk")];
        return
        [
            Difference("b_kn" + Over(fit.Percents, StudyData.Percents), fit.Coefficients[1], 1, 100),
            Difference(double.IsNaN(fit.R2.Value) ? "b_unk" : string.Create(CultureInfo.InvariantCulture, $"b_unk (R2 {fit.R2.Value:F2})"),
                fit.Coefficients[2], -1, 100),
        ];
    }

    private static IReadOnlyList<ClaimPart> SingleCategories(StudyData data)
    {
        static bool Known(Category c) => c is Category.HighlyKnown or Category.MaybeKnown;
        List<Term> Above(Arm a, Arm b, int cluster) => data.Has(a, Stop.EarlyStop, cluster) && data.Has(b, Stop.EarlyStop, cluster)
            ? [new(a, Stop.EarlyStop, 1), new(b, Stop.EarlyStop, -1)] : [];
        List<Term> Fall(Arm a, double weight, int cluster) => data.Has(a, Stop.Convergence, cluster)
            ? [new(a, Stop.EarlyStop, weight), new(a, Stop.Convergence, -weight)] : [];
        List<Term> LosesMore(Arm a, Arm b, int cluster) => Fall(a, 1, cluster) is { Count: > 0 } more
            && Fall(b, -1, cluster) is { Count: > 0 } less ? [.. more, .. less] : [];
        var parts = new List<ClaimPart>();
        foreach (var other in Single.Where(a => a.Kind != ArmKind.MaybeKnown))
            parts.Add(Difference($"EARLY_STOP MaybeKnown - {Name(other)}", data.Contrast(c => Above(Single[1], other, c)), 1, 100));
        foreach (var harmful in Single[2..].Reverse())
            foreach (var harmless in Single[..2])
                parts.Add(Difference($"loss on known, {Name(harmful)} - {Name(harmless)}",
                    data.Contrast(c => LosesMore(harmful, harmless, c), Known), 1, 100));
        parts.Add(Difference("fall of D_Natural", data.Contrast(c => Fall(new(ArmKind.Natural), 1, c)), 1, 100));
        return parts;
    }

    private static IReadOnlyList<ClaimPart> UnknownStaysLow(StudyData data)
    {
        var all = data.Arms.SelectMany(arm => new[] { Stop.EarlyStop, Stop.Convergence }.Select(stop =>
            (Name: $"{Name(arm)}, {(stop == Stop.EarlyStop ? "EARLY_STOP" : "CONVERGENCE")}",
             Estimate: data.Contrast(c => data.Has(arm, stop, c) ? [new(arm, stop, 1)] : [], k => k == Category.Unknown)))).ToList();
        var known = all.Where(p => p.Estimate.Value95.HasBounds).OrderByDescending(p => p.Estimate.Value95.High).ToList();
        if (known.Count == 0) return [Missing("highest accuracy on Unknown")];
        // One that lies wholly above contradicts the claim, however wide another is.
        var above = known.Where(p => 100 * p.Estimate.Value95.Low > Low).ToList();
        var (name, estimate) = above.Count > 0 ? above[0] : known[0];
        var value = Scale(estimate.Value95, 100);
        var verdict = above.Count > 0 ? Verdict.Contradicted : value.High <= Low && known.Count == all.Count ? Verdict.Holds
            : Verdict.Undecided;
        // Of a run that is missing nothing is known: it may be the highest.
        var (counted, p) = known.Count == all.Count ? ($"{all.Count}", Math.Min(1, 2 * known.Max(k => k.Estimate.P(Low / 100, -1))))
            : ($"{known.Count} of {all.Count}", 1);
        return [new($"highest of {counted} ({name})", "upper bound at most 10", value, estimate.Method, verdict, p)];
    }

    private static string Name(Arm arm) => arm == Single[3] ? "Unknown"
        : arm.Kind is ArmKind.HighlyKnown or ArmKind.MaybeKnown or ArmKind.WeaklyKnown ? arm.Kind.ToString() : arm.ToString();

    private static ClaimPart Missing(string statistic) =>
        new(statistic, "not run", new(double.NaN, double.NaN, double.NaN), "no run", Verdict.Undecided, 1);

    private static ClaimPart Difference(string statistic, Estimate estimate, int sign, double scale = 1)
    {
        var value = Scale(estimate.Value95, scale);
        return new(statistic, sign > 0 ? "95% interval above 0" : "95% interval below 0", value, estimate.Method, Side(value, sign),
            Math.Min(1, 2 * estimate.P(0, sign)));
    }

    private static Interval Scale(Interval value, double by) => new(value.Estimate * by, value.Low * by, value.High * by);

    private static Verdict Side(Interval value, int sign) =>
        sign > 0 ? value.Low > 0 ? Verdict.Holds : value.High < 0 ? Verdict.Contradicted : Verdict.Undecided
        : value.High < 0 ? Verdict.Holds : value.Low > 0 ? Verdict.Contradicted : Verdict.Undecided;

    private static Verdict WithinMargin(Interval value) =>
        value.Low >= -Margin && value.High <= Margin ? Verdict.Holds : value.Low > Margin || value.High < -Margin ? Verdict.Contradicted
            : Verdict.Undecided;
}
