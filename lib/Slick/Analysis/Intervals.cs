using MathNet.Numerics.Distributions;

namespace Slick.Analysis;

/// <summary>Intervals for means and shares.</summary>
public static class Intervals
{
    /// <summary>
    /// Mean +- t(n-1) s / sqrt(n) (Student 1908). With one value for each seed this is the cluster interval over seeds: values within a
    /// seed are averaged before. Fewer than two values give NaN bounds. No values give a NaN estimate. Taught in
    /// <c>notebooks/08-how-sure.ipynb</c>.
    /// </summary>
    /// <param name="values">One value for each independent unit, [n].</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    /// <exception cref="ArgumentException">A value is not finite or the level is outside (0, 1).</exception>
    public static Interval MeanT(IReadOnlyList<double> values, double level = 0.95)
    {
        Check.Finite(values, nameof(values));
        Check.Level(level);
        if (values.Count == 0) return Interval.Unbounded(double.NaN);
        var (mean, error) = MeanAndError(values);
        if (values.Count < 2) return Interval.Unbounded(mean);
        var half = Quantiles.CriticalT(level, values.Count - 1) * error;
        return new(mean, mean - half, mean + half);
    }

    /// <summary>
    /// For planning: the half-width of <see cref="MeanT"/>'s interval of n values with a known spread, t(n-1) s / sqrt(n). Taught in
    /// <c>notebooks/08-how-sure.ipynb</c>.
    /// </summary>
    /// <param name="spread">Standard deviation s of the values, in their unit, such as that of a few seeds.</param>
    /// <param name="values">Number of values, n. Fewer than two give an infinite half-width.</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">The spread is negative or not finite, or the level is outside (0, 1).</exception>
    public static double HalfWidth(double spread, int values, double level = 0.95)
    {
        Check.Level(level);
        if (!(spread >= 0 && double.IsFinite(spread)))
            throw new ArgumentOutOfRangeException(nameof(spread), spread, "A standard deviation is a finite number, at least 0.");
        return values < 2 ? double.PositiveInfinity : Quantiles.CriticalT(level, values - 1) * spread / Math.Sqrt(values);
    }

    /// <summary>
    /// For planning: the smallest number of values whose <see cref="HalfWidth"/> is at most the wanted one; at least 2. Taught in
    /// <c>notebooks/08-how-sure.ipynb</c>.
    /// </summary>
    /// <param name="spread">Standard deviation of the values, in their unit.</param>
    /// <param name="halfWidth">The wanted half-width, above 0, in the same unit.</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">The spread is negative or not finite, the half-width is not above 0, the level is
    /// outside (0, 1), or more than 1,000,000,000 values would be needed.</exception>
    public static int ValuesNeeded(double spread, double halfWidth, double level = 0.95)
    {
        if (!(halfWidth > 0)) throw new ArgumentOutOfRangeException(nameof(halfWidth), halfWidth, "A half-width is above 0.");
        const int Most = 1_000_000_000;
        var (few, enough) = (1, 2);
        while (HalfWidth(spread, enough, level) > halfWidth)
        {
            if (enough > Most) throw new ArgumentOutOfRangeException(nameof(halfWidth), halfWidth,
                $"More than {Most:N0} values would be needed; take a larger half-width.");
            (few, enough) = (enough, 2 * enough);
        }
        // The half-width falls as the number grows. Few values are too few, enough are enough.
        while (enough - few > 1)
        {
            var middle = few + (enough - few) / 2;
            if (HalfWidth(spread, middle, level) > halfWidth) few = middle;
            else enough = middle;
        }
        return enough;
    }

    /// <summary>
    /// The score interval of a share (Wilson 1927): (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). The estimate is p =
    /// successes / trials. Trials count as independent: use <see cref="MeanT"/> over seeds for what varies by seed. Taught in
    /// <c>notebooks/06-a-real-model.ipynb</c>.
    /// </summary>
    /// <param name="successes">Successes, 0 to trials.</param>
    /// <param name="trials">Trials, n; 0 gives NaN throughout.</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative, successes are above trials, or the level is outside (0,
    /// 1).</exception>
    public static Interval Wilson(int successes, int trials, double level = 0.95)
    {
        Check.Counts(successes, trials);
        return Wilson(trials == 0 ? 0 : (double)successes / trials, (double)trials, level);
    }

    /// <summary>
    /// The score interval (Wilson 1927) of a share of weighted questions. The effective number of questions (sum w)^2 / sum w^2 (Kish 1965)
    /// takes the place of the number of trials and need not be whole.
    /// </summary>
    /// <param name="share">The share, in [0, 1].</param>
    /// <param name="trials">Effective number of trials; 0 gives NaN throughout.</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is outside [0, 1], trials are negative, or the level is outside (0,
    /// 1).</exception>
    public static Interval Wilson(double share, double trials, double level = 0.95)
    {
        Check.Level(level);
        ArgumentOutOfRangeException.ThrowIfNegative(trials);
        if (trials == 0) return Interval.Unbounded(double.NaN);
        if (share is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "A share lies in 0 to 1.");
        var z = Normal.InvCDF(0, 1, 1 - (1 - level) / 2);
        double n = trials, p = share, z2 = z * z;
        var centre = (p + z2 / (2 * n)) / (1 + z2 / n);
        var half = z * Math.Sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
        return new(p, p == 0 ? 0 : centre - half, p == 1 ? 1 : centre + half);
    }

    /// <summary>
    /// The equal-tailed interval of the posterior Beta(successes + 1/2, failures + 1/2) under Jeffreys' prior (Brown, Cai and DasGupta
    /// 2001). Their change at 0 and n successes is not made, so the bounds stay inside (0, 1).
    /// </summary>
    /// <param name="successes">Successes, 0 to trials.</param>
    /// <param name="trials">Trials; 0 gives NaN throughout.</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative, successes are above trials, or the level is outside (0,
    /// 1).</exception>
    public static Interval Jeffreys(int successes, int trials, double level = 0.95)
    {
        Check.Counts(successes, trials);
        Check.Level(level);
        if (trials == 0) return Interval.Unbounded(double.NaN);
        double tail = (1 - level) / 2, a = successes + 0.5, b = trials - successes + 0.5;
        return new((double)successes / trials, Quantiles.Beta(a, b, tail), 1 - Quantiles.Beta(b, a, tail));
    }

    /// <summary>The mean and its standard error s / sqrt(n), where s divides by n - 1. The error is NaN for one value.</summary>
    internal static (double Mean, double Error) MeanAndError(IReadOnlyList<double> values)
    {
        var mean = values.Average();
        // Equal values have no spread. The rounding of their mean must not give them one.
        if (values.All(v => v == values[0])) return (values[0], values.Count < 2 ? double.NaN : 0);
        return (mean, Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1) / values.Count));
    }
}
