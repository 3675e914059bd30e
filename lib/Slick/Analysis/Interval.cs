using System.Globalization;

namespace Slick.Analysis;

/// <summary>
/// An estimate with its interval. Both bounds are NaN where the data give none (fewer than two observations, no trials). Every comparison
/// with a NaN bound is false, so a verdict built on such a bound stays undecided.
/// </summary>
/// <param name="Estimate">The point estimate.</param>
/// <param name="Low">The lower bound.</param>
/// <param name="High">The upper bound.</param>
public readonly record struct Interval(double Estimate, double Low, double High)
{
    /// <summary>True where the interval has bounds.</summary>
    public bool HasBounds => !double.IsNaN(Low) && !double.IsNaN(High);

    /// <summary>The text <c>estimate [low, high]</c> with four decimals.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Estimate:0.0000} [{Low:0.0000}, {High:0.0000}]");

    /// <summary>An estimate without bounds.</summary>
    internal static Interval Unbounded(double estimate) => new(estimate, double.NaN, double.NaN);
}
