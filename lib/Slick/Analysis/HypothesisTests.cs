using MathNet.Numerics.Distributions;

namespace Slick.Analysis;

/// <summary>The result of a paired t-test.</summary>
/// <param name="T">The statistic: mean difference divided by its standard error.</param>
/// <param name="DegreesOfFreedom">Number of pairs - 1.</param>
/// <param name="P">Two-sided p-value.</param>
/// <param name="MeanDifference">Mean of a - b with its 95% interval.</param>
public readonly record struct PairedTResult(double T, double DegreesOfFreedom, double P, Interval MeanDifference);

/// <summary>Tests of differences and of equality, and corrections for testing several claims.</summary>
public static class HypothesisTests
{
    /// <summary>
    /// Student's paired t-test of a - b, two-sided. The paper's Table 2 marks its results with * (p &lt; 0.05) and ** (p &lt; 0.01). Fewer
    /// than two pairs give NaN. Differences that are all 0 give t = 0 and p = 1. Differences that are all equal and not 0 give an infinite
    /// t. Taught in <c>notebooks/04-categories.ipynb</c>.
    /// </summary>
    /// <param name="a">Values, [n].</param>
    /// <param name="b">Values of the same units in the same order, [n].</param>
    /// <exception cref="ArgumentException">Lengths differ or a value is not finite.</exception>
    public static PairedTResult PairedT(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        Check.Pairs(a, b, nameof(a), nameof(b));
        var difference = a.Zip(b, (x, y) => x - y).ToArray();
        var interval = Intervals.MeanT(difference);
        var freedom = Math.Max(0, difference.Length - 1);
        if (freedom == 0) return new(double.NaN, 0, double.NaN, interval);
        var (mean, error) = Intervals.MeanAndError(difference);
        var t = mean == 0 ? 0 : mean / error;
        return new(t, freedom, Quantiles.TwoSidedP(t, freedom), interval);
    }

    /// <summary>
    /// Holm's step-down correction (1979): the i-th smallest of m p-values times m - i + 1, at least the adjusted value before it, and at
    /// most 1. Rejecting what is at or below alpha keeps the probability of any false rejection at alpha or below.
    /// </summary>
    /// <param name="p">p-values, [m].</param>
    /// <returns>Adjusted p-values in the given order, [m].</returns>
    /// <exception cref="ArgumentException">A value is NaN or outside [0, 1].</exception>
    public static double[] Holm(IReadOnlyList<double> p)
    {
        Check.Probabilities(p);
        var adjusted = new double[p.Count];
        var (rank, before) = (0, 0.0);
        foreach (var i in Enumerable.Range(0, p.Count).OrderBy(i => p[i]))
            adjusted[i] = before = Math.Max(before, Math.Min(1, (p.Count - rank++) * p[i]));
        return adjusted;
    }

    /// <summary>
    /// Benjamini and Hochberg's step-up correction (1995): the i-th smallest of m p-values times m / i, at most the adjusted value after
    /// it. Rejecting what is at or below alpha keeps the expected share of false rejections at alpha or below.
    /// </summary>
    /// <param name="p">p-values, [m].</param>
    /// <returns>Adjusted p-values in the given order, [m].</returns>
    /// <exception cref="ArgumentException">A value is NaN or outside [0, 1].</exception>
    public static double[] BenjaminiHochberg(IReadOnlyList<double> p)
    {
        Check.Probabilities(p);
        var adjusted = new double[p.Count];
        var (rank, after) = (p.Count, 1.0);
        foreach (var i in Enumerable.Range(0, p.Count).OrderByDescending(i => p[i]))
            adjusted[i] = after = Math.Min(after, p[i] * ((double)p.Count / rank--));
        return adjusted;
    }

    /// <summary>
    /// McNemar's exact test (1947) of two models on the same questions. It looks at the b + c questions that only one model answers
    /// rightly. The two-sided p-value is twice the smaller tail of binomial(b + c, 1/2), at most 1. Without such questions p is 1.
    /// Taught in <c>notebooks/04-categories.ipynb</c>.
    /// </summary>
    /// <param name="b">Number of questions that only the first model answers rightly.</param>
    /// <param name="c">Number of questions that only the second model answers rightly.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative.</exception>
    public static double McNemarExact(int b, int c)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(b);
        ArgumentOutOfRangeException.ThrowIfNegative(c);
        if (b == c) return 1;
        return Math.Min(1, 2 * Binomial.CDF(0.5, checked(b + c), Math.Min(b, c)));
    }

    /// <summary>
    /// Two one-sided t-tests (Schuirmann 1987) that a mean lies within +-margin, with n - 1 degrees of freedom. The larger p is at most
    /// 0.05 exactly when the 90% interval lies within the margin. Fewer than two values give NaN.
    /// </summary>
    /// <param name="values">One value per independent unit (a difference per seed), [n].</param>
    /// <param name="margin">The largest difference that still counts as equal, above 0, in the unit of the values.</param>
    /// <returns>P: the larger of the two one-sided p-values. Interval90: the mean with its 90% interval.</returns>
    /// <exception cref="ArgumentException">A value is not finite or the margin is not above 0.</exception>
    public static (double P, Interval Interval90) EquivalenceTost(IReadOnlyList<double> values, double margin)
    {
        if (!(margin > 0 && double.IsFinite(margin)))
            throw new ArgumentOutOfRangeException(nameof(margin), margin, "A margin of equality is a finite number above 0.");
        var interval = Intervals.MeanT(values, 0.90);
        if (values.Count < 2) return (double.NaN, interval);
        var (mean, error) = Intervals.MeanAndError(values);
        if (error == 0) return (Math.Abs(mean) < margin ? 0 : 1, interval);
        return (Quantiles.LowerTail((Math.Abs(mean) - margin) / error, values.Count - 1), interval);
    }
}
