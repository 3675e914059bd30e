using Slick.Runtime;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace Slick.Analysis;

/// <summary>What one test question says of a number that is a mean over questions.</summary>
/// <param name="Stratum">The question's relation: a bootstrap draws within it.</param>
/// <param name="Value">The question's part of the number.</param>
/// <param name="Weight">How many questions this one stands for.</param>
public readonly record struct QuestionValue(string Stratum, double Value, double Weight = 1);

/// <summary>A number with its uncertainty, and how that was found.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="StandardError">Standard error of the estimate.</param>
/// <param name="DegreesOfFreedom">Degrees of freedom of its t distribution.</param>
/// <param name="Method">What the interval is over, such as <c>5 seeds</c> or <c>480 questions, one run</c>.</param>
/// <param name="At">The interval of a coverage in (0, 1).</param>
public sealed record Estimate(double Value, double StandardError, double DegreesOfFreedom, string Method, Func<double, Interval> At)
{
    private const int BootstrapSeed = 20_240_505;
    private const int BootstrapDraws = 10_000;

    /// <summary>The estimate with its 95% interval.</summary>
    public Interval Value95 { get; } = At(0.95);

    /// <summary>The estimate with its 90% interval (two one-sided tests).</summary>
    public Interval Value90 { get; } = At(0.90);

    /// <summary>t over clusters; without bounds for fewer than two.</summary>
    public static Estimate OverClusters(IReadOnlyList<double> values, string unit)
    {
        var n = values.Count;
        var mean = n > 0 ? values.Average() : double.NaN;
        var error = n > 1 ? Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (n - 1) / n) : double.NaN;
        return new(mean, error, n - 1, n == 1 ? $"one of the {unit}" : $"{n} {unit}", level => Intervals.MeanT(values, level));
    }

    /// <summary>A share of questions in one run: Wilson's interval, which has a width where all are answered alike.</summary>
    /// <param name="right">Questions that count.</param>
    /// <param name="questions">Questions.</param>
    public static Estimate OfShare(int right, int questions) =>
        new(right / (double)questions, double.NaN, double.PositiveInfinity, $"{questions} questions, one run",
            level => Intervals.Wilson(right, questions, level)) { Questions = questions };

    /// <summary>
    /// The difference of two independent shares, such as of the Known and the Unknown examples of one run: Newcombe's (1998) interval
    /// from Wilson's two. Without bounds where a share has no trials.
    /// </summary>
    /// <param name="right">Successes of the first share.</param>
    /// <param name="of">Its trials.</param>
    /// <param name="otherRight">Successes of the second.</param>
    /// <param name="otherOf">Its trials.</param>
    /// <param name="method">What the interval is over.</param>
    public static Estimate OfShares(int right, int of, int otherRight, int otherOf, string method) =>
        Between(level => Intervals.Wilson(right, of, level), level => Intervals.Wilson(otherRight, otherOf, level), method);

    /// <summary>
    /// The difference of two independent numbers from their intervals (Zou and Donner 2008; for shares Newcombe 1998): the squared
    /// distances from each estimate to its bounds add up.
    /// </summary>
    /// <param name="first">The first number's interval by coverage.</param>
    /// <param name="second">The second's.</param>
    /// <param name="method">What the interval is over.</param>
    public static Estimate Between(Func<double, Interval> first, Func<double, Interval> second, string method)
    {
        Interval At(double level)
        {
            var (a, b) = (first(level), second(level));
            var d = a.Estimate - b.Estimate;
            return new(d, d - Math.Sqrt(Square(a.Estimate - a.Low) + Square(b.High - b.Estimate)),
                d + Math.Sqrt(Square(a.High - a.Estimate) + Square(b.Estimate - b.Low)));
        }
        var at68 = At(Normal.CDF(0, 1, 1) - Normal.CDF(0, 1, -1)); // one standard error to each side
        return new(at68.Estimate, (at68.High - at68.Low) / 2, double.PositiveInfinity, method, At);
    }

    private static double Square(double value) => value * value;

    /// <summary>
    /// A bootstrap over the questions of one run, within relations: as many of each relation as were asked are drawn with replacement.
    /// The bounds are the quantiles of the drawn weighted means, the error is their standard deviation.
    /// </summary>
    /// <param name="questions">What each question says.</param>
    /// <param name="runs">What was averaged for each question, such as <c>one run</c> or <c>3 draws</c>.</param>
    public static Estimate OverQuestions(IReadOnlyList<QuestionValue> questions, string runs = "one run")
    {
        var n = questions.Count;
        var mean = questions.Sum(q => q.Weight * q.Value) / questions.Sum(q => q.Weight);
        var method = $"{n} questions, {runs}";
        if (n < 2) return new(mean, double.NaN, n - 1, method, _ => Interval.Unbounded(mean));
        var strata = questions.GroupBy(q => q.Stratum, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => g.ToArray()).ToArray();
        var random = new RandomStream(BootstrapSeed);
        var means = new double[BootstrapDraws];
        for (var draw = 0; draw < BootstrapDraws; draw++)
        {
            var (sum, weight) = (0.0, 0.0);
            foreach (var stratum in strata)
                for (var i = 0; i < stratum.Length; i++)
                {
                    ref readonly var q = ref stratum[random.Next(stratum.Length)];
                    sum += q.Weight * q.Value;
                    weight += q.Weight;
                }
            means[draw] = sum / weight;
        }
        Array.Sort(means);
        return new(mean, ArrayStatistics.StandardDeviation(means), n - 1, method, level => new(mean,
            SortedArrayStatistics.QuantileCustom(means, (1 - level) / 2, QuantileDefinition.R7),
            SortedArrayStatistics.QuantileCustom(means, 1 - (1 - level) / 2, QuantileDefinition.R7)));
    }

    /// <summary>
    /// Of two estimates of one number, such as over questions and over draws, the one whose 95% interval is wider; one without bounds
    /// never decides.
    /// </summary>
    public static Estimate Wider(Estimate first, Estimate second)
    {
        static double Width(Estimate e) => e.Value95.HasBounds ? e.Value95.High - e.Value95.Low : -1;
        return Width(second) > Width(first) ? second : first;
    }

    // Of a share: its p-value is that of the score test, of which Wilson's interval is the inverse.
    private int Questions { get; init; }

    /// <summary>
    /// One-sided p-value against the hypothesis that the number is at most (sign +1) or at least (sign -1) <paramref name="bound"/>.
    /// </summary>
    public double P(double bound, int sign)
    {
        if (Questions > 0) return Normal.CDF(0, 1, -sign * (Value - bound) / Math.Sqrt(bound * (1 - bound) / Questions));
        if (double.IsNaN(StandardError) || DegreesOfFreedom < 1) return 1;
        var distance = sign * (Value - bound);
        if (StandardError == 0) return distance > 0 ? 0 : 1;
        return double.IsInfinity(DegreesOfFreedom) ? Normal.CDF(0, 1, -distance / StandardError)
            : StudentT.CDF(0, 1, DegreesOfFreedom, -distance / StandardError);
    }
}
