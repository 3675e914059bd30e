using System.Globalization;

namespace Slick.Analysis;

/// <summary>Makes the parts of claims from estimates: the one place that turns an interval into a verdict.</summary>
internal static class ClaimParts
{
    /// <summary>A part that counts when the 95% interval of a difference lies beyond zero on the right side.</summary>
    /// <param name="statistic">What is estimated, with its unit.</param>
    /// <param name="estimate">The estimate; its value is a number.</param>
    /// <param name="sign">+1 where the difference shall be above 0, -1 where it shall be below.</param>
    /// <param name="scale">Factor of the numbers shown, such as 100 for shares shown in points.</param>
    public static ClaimPart Difference(string statistic, Estimate estimate, int sign, double scale = 1)
    {
        var value = Scale(estimate.Value95, scale);
        return Part(statistic, sign > 0 ? "95% interval above 0" : "95% interval below 0", value, estimate.Method, Side(value, sign),
            Math.Min(1, 2 * estimate.P(0, sign)), parts => Side(estimate.At(1 - 0.05 / parts), sign) == Verdict.Contradicted);
    }

    /// <summary>A part that counts when the 90% interval of a number lies within a margin: two one-sided tests (Schuirmann 1987).</summary>
    /// <param name="statistic">What is estimated, with its unit.</param>
    /// <param name="estimate">The estimate; its value is a number.</param>
    /// <param name="margin">The largest number that counts as zero, in the unit that is shown.</param>
    /// <param name="scale">Factor of the numbers shown.</param>
    public static ClaimPart Equality(string statistic, Estimate estimate, double margin, double scale = 1)
    {
        var value = Scale(estimate.Value90, scale);
        return Part(statistic, string.Create(CultureInfo.InvariantCulture, $"90% interval within +-{margin}"), value, estimate.Method,
            Within(value, margin), PWithin(estimate, margin, scale),
            parts => Within(Scale(estimate.At(1 - 0.10 / parts), scale), margin) == Verdict.Contradicted);
    }

    /// <summary>The larger p-value of the two one-sided tests that a number lies within a margin.</summary>
    /// <param name="estimate">The estimate.</param>
    /// <param name="margin">The margin, in the unit that is shown.</param>
    /// <param name="scale">Factor of the numbers shown.</param>
    public static double PWithin(Estimate estimate, double margin, double scale = 1) =>
        Math.Max(estimate.P(-margin / scale, 1), estimate.P(margin / scale, -1));

    /// <summary>A part with its verdict, and the reason where it does not hold.</summary>
    public static ClaimPart Part(string statistic, string test, Interval value, string method, Verdict verdict, double p,
        Func<int, bool> contradicted) => new(statistic, test, value, method, verdict, p)
        {
            IsContradicted = contradicted,
            Reason = verdict == Verdict.Holds ? "" : !value.HasBounds ? $"{statistic}: one run gives no interval"
                : verdict == Verdict.Contradicted ? $"{statistic}: the opposite of \"{test}\"" : $"{statistic}: not {test}",
        };

    /// <summary>A part without a number.</summary>
    /// <param name="statistic">What would be estimated.</param>
    /// <param name="verdict">Not tested, or undecided.</param>
    /// <param name="reason">Why there is no number.</param>
    public static ClaimPart Without(string statistic, Verdict verdict, string reason) =>
        new(statistic, "not run", new(double.NaN, double.NaN, double.NaN), "no run", verdict, 1) { Reason = reason };

    /// <summary>An interval times a factor.</summary>
    public static Interval Scale(Interval value, double by) => new(value.Estimate * by, value.Low * by, value.High * by);

    private static Verdict Side(Interval value, int sign) =>
        sign > 0 ? value.Low > 0 ? Verdict.Holds : value.High < 0 ? Verdict.Contradicted : Verdict.Undecided
        : value.High < 0 ? Verdict.Holds : value.Low > 0 ? Verdict.Contradicted : Verdict.Undecided;

    private static Verdict Within(Interval value, double margin) =>
        value.Low >= -margin && value.High <= margin ? Verdict.Holds : value.Low > margin || value.High < -margin ? Verdict.Contradicted
            : Verdict.Undecided;
}
