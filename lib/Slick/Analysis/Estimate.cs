using MathNet.Numerics.Distributions;

namespace Slick.Analysis;

/// <summary>A number with its uncertainty, and how that was found.</summary>
/// <param name="Value95">The estimate with its 95% interval.</param>
/// <param name="Value90">The same with its 90% interval (two one-sided tests).</param>
/// <param name="StandardError">Standard error of the estimate.</param>
/// <param name="DegreesOfFreedom">Degrees of freedom of its t distribution.</param>
/// <param name="Method">What the interval is over, such as <c>5 seeds</c> or <c>480 questions, one run</c>.</param>
public sealed record Estimate(Interval Value95, Interval Value90, double StandardError, double DegreesOfFreedom, string Method)
{
    private const int BootstrapSeed = 20_240_505;

    /// <summary>The estimate.</summary>
    public double Value => Value95.Estimate;

    /// <summary>t over clusters; without bounds for fewer than two.</summary>
    public static Estimate OverClusters(IReadOnlyList<double> values, string unit)
    {
        var (wide, narrow) = (Intervals.MeanT(values), Intervals.MeanT(values, 0.9));
        var n = values.Count;
        var mean = n > 0 ? values.Average() : double.NaN;
        var error = n > 1 ? Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (n - 1) / n) : double.NaN;
        return new(wide, narrow, error, n - 1, n == 1 ? $"one of the {unit}" : $"{n} {unit}");
    }

    /// <summary>A share of questions in one run: Wilson's interval, which has a width where all are answered alike.</summary>
    /// <param name="right">Questions that count.</param>
    /// <param name="questions">Questions.</param>
    public static Estimate OfShare(int right, int questions) =>
        new(Intervals.Wilson(right, questions), Intervals.Wilson(right, questions, 0.9), double.NaN, double.PositiveInfinity,
            $"{questions} questions, one run") { Questions = questions };

    /// <summary>A paired bootstrap over questions: what one run says of a difference.</summary>
    /// <param name="perQuestion">The sum that is estimated, question by question.</param>
    public static Estimate OverQuestions(IReadOnlyList<double> perQuestion)
    {
        var n = perQuestion.Count;
        var nothing = new double[n];
        var mean = perQuestion.Average();
        var error = n > 1 ? Math.Sqrt(perQuestion.Sum(v => (v - mean) * (v - mean)) / (n - 1) / n) : double.NaN;
        return new(Intervals.PairedBootstrap(perQuestion, nothing, BootstrapSeed),
            Intervals.PairedBootstrap(perQuestion, nothing, BootstrapSeed, level: 0.9), error, n - 1, $"{n} questions, one run");
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
        return StandardError == 0 ? (distance > 0 ? 0 : 1) : StudentT.CDF(0, 1, DegreesOfFreedom, -distance / StandardError);
    }
}
