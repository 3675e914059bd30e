using Slick.Runtime;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace Slick.Analysis;

/// <summary>One test question's contribution to a number that is a weighted mean over questions.</summary>
/// <param name="Stratum">The question's relation. A bootstrap draws within each relation.</param>
/// <param name="Value">The question's value.</param>
/// <param name="Weight">How many questions this question stands for.</param>
public readonly record struct QuestionValue(string Stratum, double Value, double Weight = 1);

/// <summary>A number with its uncertainty, and the method that found the uncertainty.</summary>
/// <param name="Value">The number.</param>
/// <param name="StandardError">Standard error of the number; NaN where it is not known.</param>
/// <param name="DegreesOfFreedom">Degrees of freedom of the number's t distribution; infinite for a normal distribution.</param>
/// <param name="Method">What the interval is over, such as <c>5 seeds</c> or <c>480 questions, one run</c>.</param>
/// <param name="At">Gives the interval of a coverage in (0, 1).</param>
public sealed record Estimate(double Value, double StandardError, double DegreesOfFreedom, string Method, Func<double, Interval> At)
{
    private const int BootstrapSeed = 20_240_505;
    private const int BootstrapDraws = 10_000;

    /// <summary>The estimate with its 95% interval.</summary>
    public Interval Value95 { get; } = At(0.95);

    /// <summary>The estimate with its 90% interval, as two one-sided tests at 5% use it.</summary>
    public Interval Value90 { get; } = At(0.90);

    /// <summary>The mean of one value for each cluster, with the t interval over clusters. Fewer than two clusters give no
    /// bounds.</summary>
    /// <param name="values">One value for each cluster, [n].</param>
    /// <param name="unit">What the clusters are, such as <c>seeds</c>.</param>
    public static Estimate OverClusters(IReadOnlyList<double> values, string unit)
    {
        var n = values.Count;
        var (mean, error) = n > 0 ? Intervals.MeanAndError(values) : (double.NaN, double.NaN);
        return new(mean, error, n - 1, n == 1 ? $"one of the {unit}" : $"{n} {unit}", level => Intervals.MeanT(values, level));
    }

    /// <summary>A share of questions in one run, with Wilson's interval. This interval has a width also where all questions are answered
    /// alike.</summary>
    /// <param name="right">Number of questions that are answered rightly.</param>
    /// <param name="questions">Number of questions.</param>
    public static Estimate OfShare(int right, int questions) =>
        new(right / (double)questions, double.NaN, double.PositiveInfinity, $"{questions} questions, one run",
            level => Intervals.Wilson(right, questions, level)) { Questions = questions };

    /// <summary>
    /// The difference of two independent shares, such as those of the Known and the Unknown examples of one run. The interval is Newcombe's
    /// (1998), from the two Wilson intervals. No bounds where a share has no trials.
    /// </summary>
    /// <param name="right">Successes of the first share.</param>
    /// <param name="of">Trials of the first share.</param>
    /// <param name="otherRight">Successes of the second share.</param>
    /// <param name="otherOf">Trials of the second share.</param>
    /// <param name="method">What the interval is over.</param>
    public static Estimate OfShares(int right, int of, int otherRight, int otherOf, string method) =>
        Between(level => Intervals.Wilson(right, of, level), level => Intervals.Wilson(otherRight, otherOf, level), method);

    /// <summary>
    /// The difference of two independent numbers, from their intervals. The squared distances from each number to its bounds add up (Zou
    /// and Donner 2008; for shares Newcombe 1998).
    /// </summary>
    /// <param name="first">Gives the first number's interval of a coverage.</param>
    /// <param name="second">Gives the second number's interval of a coverage.</param>
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
        var at68 = At(Normal.CDF(0, 1, 1) - Normal.CDF(0, 1, -1)); // the coverage of one standard error to each side
        return new(at68.Estimate, (at68.High - at68.Low) / 2, double.PositiveInfinity, method, At);
    }

    private static double Square(double value) => value * value;

    /// <summary>
    /// The weighted mean over the questions of one run, with a bootstrap interval. Each draw takes, with replacement, as many questions of
    /// each relation as were asked. The bounds are quantiles of the drawn means. The standard error is their standard deviation.
    /// Taught in <c>notebooks/08-how-sure.ipynb</c>.
    /// </summary>
    /// <param name="questions">The value of each question.</param>
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
    /// Of two estimates of one number, such as over questions and over draws, the one whose 95% interval is wider. An estimate without
    /// bounds is chosen only where the other has none either.
    /// </summary>
    public static Estimate Wider(Estimate first, Estimate second)
    {
        static double Width(Estimate e) => e.Value95.HasBounds ? e.Value95.High - e.Value95.Low : -1;
        return Width(second) > Width(first) ? second : first;
    }

    // Above 0 for a share. The p-value of a share is that of the score test, whose inverse is Wilson's interval.
    private int Questions { get; init; }

    /// <summary>
    /// One-sided p-value against the hypothesis that the number is at most (<paramref name="sign"/> +1) or at least
    /// (<paramref name="sign"/> -1)
    /// <paramref name="bound"/>. 1 where the uncertainty is not known.
    /// </summary>
    /// <param name="bound">The bound, in the unit of the number.</param>
    /// <param name="sign">+1 or -1.</param>
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
