namespace Slick.Analysis;

/// <summary>
/// A linear model fitted by ordinary least squares. Every list has K entries: the intercept, then the predictors in the given order. Where
/// there are as many observations as coefficients, errors cannot be estimated: the errors and what follows from them are NaN.
/// </summary>
public sealed record LinearFit
{
    /// <summary>The coefficients b = (X'X)^-1 X'y, [K].</summary>
    public required IReadOnlyList<double> Coefficients { get; init; }
    /// <summary>Classical standard errors, [K]: the square roots of the diagonal of e'e / (N - K) (X'X)^-1.</summary>
    public required IReadOnlyList<double> StandardErrors { get; init; }
    /// <summary>Coefficients divided by their classical standard errors, [K].</summary>
    public required IReadOnlyList<double> T { get; init; }
    /// <summary>Two-sided p-values of <see cref="T"/> with N - K degrees of freedom, [K].</summary>
    public required IReadOnlyList<double> P { get; init; }
    /// <summary>Lower bounds of the classical 95% intervals, [K].</summary>
    public required IReadOnlyList<double> Low95 { get; init; }
    /// <summary>Upper bounds of the classical 95% intervals, [K].</summary>
    public required IReadOnlyList<double> High95 { get; init; }
    /// <summary>Share of the outcome's variance that the model explains; NaN for a constant outcome.</summary>
    public required double R2 { get; init; }
    /// <summary>R2 adjusted for the number of coefficients: 1 - (1 - R2) (N - 1) / (N - K).</summary>
    public required double AdjustedR2 { get; init; }
    /// <summary>
    /// Standard errors that hold under unequal variances (HC3), [K]: each residual is divided by 1 - its leverage (MacKinnon and White
    /// 1985). NaN where one observation alone determines a coefficient (leverage 1).
    /// </summary>
    public required IReadOnlyList<double> StandardErrorsHc3 { get; init; }
    /// <summary>
    /// Standard errors that hold under any dependence within clusters (Liang and Zeger 1986), with the correction G/(G-1) (N-1)/(N-K), [K].
    /// Empty without clusters or with one cluster.
    /// </summary>
    public required IReadOnlyList<double> StandardErrorsClustered { get; init; }
    /// <summary>Number of observations, N.</summary>
    public required int Observations { get; init; }
    /// <summary>Number of distinct clusters, G; 0 where no clusters were given.</summary>
    public required int Clusters { get; init; }
    /// <summary>N - K: degrees of freedom of the classical standard errors.</summary>
    public int DegreesOfFreedom => Observations - Coefficients.Count;
}
