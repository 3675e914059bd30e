using MathNet.Numerics.Distributions;
using Slick.Analysis;

namespace Slick.Studies;

/// <summary>One term of a sum of values.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="Set">The fine-tuning set: <see cref="Experiments.Arm.Id"/>.</param>
/// <param name="Measure">What is summed (<see cref="Measures"/>).</param>
/// <param name="Stop">The stop; empty for a number of the whole run.</param>
/// <param name="Weight">The factor.</param>
public sealed record ValueTerm(string Variant, string Set, string Measure, string Stop = "", double Weight = 1);

/// <summary>Why a set of a variant has no run.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="Set">The fine-tuning set.</param>
/// <param name="BaseSeed">Seed of the base model.</param>
/// <param name="Reason">The reason, such as that no fact belongs to the set, or that the run diverged.</param>
/// <param name="HasFailed">True for a run that failed, false for a set that cannot be made.</param>
public sealed record LackingRun(string Variant, string Set, int BaseSeed, string Reason, bool HasFailed);

/// <summary>
/// The values of a lab's study, with sums over them and their intervals. With several base models an interval is t over base models, with
/// one base model t over draws of the sets. With one draw it is over the test questions of one run of each set. Runs of one base model are
/// asked the same questions, and what they lose mostly goes together. The interval over questions takes runs as independent, so it is
/// wider than need be.
/// </summary>
/// <param name="rows">The values.</param>
/// <param name="lacking">Sets that have no run.</param>
public sealed class StudyValues(IReadOnlyList<StudyValue> rows, IReadOnlyList<LackingRun> lacking)
{
    private readonly ILookup<(string Variant, string Set, string Measure, string Stop), StudyValue> values =
        rows.ToLookup(r => (r.Variant, r.Set, r.Measure, r.Stop));
    private readonly bool severalBases = rows.Select(r => r.BaseSeed).Distinct().Count() > 1;

    /// <summary>The values.</summary>
    public IReadOnlyList<StudyValue> Rows => rows;

    /// <summary>Sets that have no run.</summary>
    public IReadOnlyList<LackingRun> Lacking => lacking;

    /// <summary>What vary independently of each other: seeds of base models; or, with one base model, draws.</summary>
    public IReadOnlyList<int> Clusters => [.. rows.Select(Cluster).Distinct().Order()];

    /// <summary>What the clusters are: <c>seeds</c> or <c>draws</c>.</summary>
    public string Unit => severalBases ? "seeds" : "draws";

    private int Cluster(StudyValue row) => severalBases ? row.BaseSeed : row.Draw;

    /// <summary>The same values without the base models whose seed is below <paramref name="firstSeed"/>.</summary>
    /// <param name="firstSeed">The first seed that counts.</param>
    public StudyValues From(int firstSeed) => rows.All(r => r.BaseSeed >= firstSeed) ? this
        : new([.. rows.Where(r => r.BaseSeed >= firstSeed)], [.. lacking.Where(l => l.BaseSeed >= firstSeed)]);

    /// <summary>A value of a cluster, the mean over its draws; NaN where there is none.</summary>
    /// <param name="term">The value; its weight plays no part.</param>
    /// <param name="cluster">The cluster.</param>
    public double Of(ValueTerm term, int cluster) => values[(term.Variant, term.Set, term.Measure, term.Stop)]
        .Where(r => Cluster(r) == cluster).Select(r => r.Value).DefaultIfEmpty(double.NaN).Average();

    /// <summary>The mean over clusters of a number.</summary>
    /// <param name="number">Gives the number of a cluster; NaN leaves the cluster out.</param>
    public Estimate OverClusters(Func<int, double> number) =>
        Estimate.OverClusters([.. Clusters.Select(number).Where(double.IsFinite)], Unit);

    /// <summary>The mean over clusters of a weighted sum. A cluster that lacks a term is left out.</summary>
    /// <param name="terms">The terms.</param>
    public Estimate Sum(params IReadOnlyList<ValueTerm> terms)
    {
        var of = Clusters.Select(c => (Cluster: c, Value: terms.Sum(t => t.Weight * Of(t, c)))).Where(c => double.IsFinite(c.Value))
            .ToList();
        var over = Estimate.OverClusters([.. of.Select(c => c.Value)], Unit);
        if (of.Count != 1) return over;
        var error = Math.Sqrt(terms.Sum(t => t.Weight * t.Weight * Variance(t, of[0].Cluster)));
        return double.IsNaN(error) ? over : new(over.Value, error, double.PositiveInfinity, "questions, one run of each set",
            level => new(over.Value, over.Value - Z(level) * error, over.Value + Z(level) * error));
    }

    private double Variance(ValueTerm term, int cluster)
    {
        double[] errors = [.. values[(term.Variant, term.Set, term.Measure, term.Stop)].Where(r => Cluster(r) == cluster)
            .Select(r => r.StandardError)];
        return errors.Sum(e => e * e) / errors.Length / errors.Length;
    }

    private static double Z(double level) => Normal.InvCDF(0, 1, 0.5 + level / 2);

    /// <summary>A part of a claim: a sum shall lie above or below 0.</summary>
    /// <param name="statistic">The sum in words.</param>
    /// <param name="sign">+1 or -1.</param>
    /// <param name="terms">The terms.</param>
    internal ClaimPart Difference(string statistic, int sign, params IReadOnlyList<ValueTerm> terms) =>
        Sum(terms) is var sum && double.IsNaN(sum.Value) ? Missing(statistic, terms) : ClaimParts.Difference(statistic, sum, sign);

    /// <summary>A part of a claim: a sum minus a number shall lie above 0.</summary>
    /// <param name="statistic">The sum minus the number, in words.</param>
    /// <param name="number">The number.</param>
    /// <param name="terms">The terms.</param>
    internal ClaimPart Above(string statistic, double number, params IReadOnlyList<ValueTerm> terms)
    {
        var sum = Sum(terms);
        Interval Minus(Interval of) => new(of.Estimate - number, of.Low - number, of.High - number);
        return double.IsNaN(sum.Value) ? Missing(statistic, terms) : ClaimParts.Difference(statistic,
            new(sum.Value - number, sum.StandardError, sum.DegreesOfFreedom, sum.Method, level => Minus(sum.At(level))), 1);
    }

    /// <summary>A part of a claim: a sum shall be as good as 0.</summary>
    /// <param name="statistic">The sum in words.</param>
    /// <param name="margin">The largest number that counts as 0.</param>
    /// <param name="terms">The terms.</param>
    internal ClaimPart Equality(string statistic, double margin, params IReadOnlyList<ValueTerm> terms) =>
        Sum(terms) is var sum && double.IsNaN(sum.Value) ? Missing(statistic, terms) : ClaimParts.Equality(statistic, sum, margin);

    /// <summary>A part without a number, and the reason. A set that cannot be made or was not run is no test. A run that failed or never
    /// came to a stop leaves the claim undecided.</summary>
    /// <param name="statistic">The number in words.</param>
    /// <param name="terms">The values that it needs.</param>
    internal ClaimPart Missing(string statistic, IReadOnlyList<ValueTerm> terms)
    {
        foreach (var term in terms)
        {
            if (values[(term.Variant, term.Set, term.Measure, term.Stop)].Any()) continue;
            if (lacking.FirstOrDefault(l => l.Variant == term.Variant && l.Set == term.Set) is { } reason)
                return ClaimParts.Without(statistic, reason.HasFailed ? Verdict.Undecided : Verdict.NotTested, reason.Reason);
            return rows.Any(r => r.Variant == term.Variant && r.Set == term.Set)
                ? ClaimParts.Without(statistic, Verdict.Undecided, $"{term.Variant}, {term.Set}: no run comes to {term.Stop}")
                : ClaimParts.Without(statistic, Verdict.NotTested, $"{term.Variant}, {term.Set} was not run");
        }
        return ClaimParts.Without(statistic, Verdict.Undecided, $"{statistic}: no {Unit.TrimEnd('s')} has all runs that it needs");
    }
}
