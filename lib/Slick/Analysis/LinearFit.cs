namespace Slick.Analysis;

/// <summary>
/// A linear model fitted by ordinary least squares. Every list is ordered intercept, then the predictors as given, [K].
/// With as many observations as coefficients nothing is left to estimate errors from: they and what follows are NaN.
/// </summary>
public sealed record LinearFit
{
    /// <summary>The coefficients b = (X'X)^-1 X'y.</summary>
    public required IReadOnlyList<double> Coefficients { get; init; }
    /// <summary>Classical standard errors: the roots of the diagonal of e'e / (N - K) (X'X)^-1.</summary>
    public required IReadOnlyList<double> StandardErrors { get; init; }
    /// <summary>Coefficients over classical standard errors.</summary>
    public required IReadOnlyList<double> T { get; init; }
    /// <summary>Two-sided p-values of <see cref="T"/> with N - K degrees of freedom.</summary>
    public required IReadOnlyList<double> P { get; init; }
    /// <summary>Lower bounds of the classical 95% intervals.</summary>
    public required IReadOnlyList<double> Low95 { get; init; }
    /// <summary>Upper bounds of the classical 95% intervals.</summary>
    public required IReadOnlyList<double> High95 { get; init; }
    /// <summary>Share of the outcome's variance explained; NaN for a constant outcome.</summary>
    public required double R2 { get; init; }
    /// <summary>1 - (1 - R2) (N - 1) / (N - K).</summary>
    public required double AdjustedR2 { get; init; }
    /// <summary>
    /// Standard errors that hold under unequal variances, HC3: each residual is divided by 1 - its leverage (MacKinnon and
    /// White 1985). NaN where one observation alone decides a coefficient (leverage 1).
    /// </summary>
    public required IReadOnlyList<double> StandardErrorsHc3 { get; init; }
    /// <summary>
    /// Standard errors that hold under any dependence within clusters (Liang and Zeger 1986) with the correction
    /// G/(G-1) * (N-1)/(N-K); empty without clusters or with one only.
    /// </summary>
    public required IReadOnlyList<double> StandardErrorsClustered { get; init; }
    /// <summary>Observations, N.</summary>
    public required int Observations { get; init; }
    /// <summary>Distinct clusters, G; 0 where none were given.</summary>
    public required int Clusters { get; init; }
    /// <summary>N - K, of the classical errors.</summary>
    public int DegreesOfFreedom => Observations - Coefficients.Count;
}
