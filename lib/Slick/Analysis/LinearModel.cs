using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Slick.Analysis;

/// <summary>
/// Ordinary least squares with three kinds of standard errors. It fits the paper's Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D| (Table
/// 1). Rows of one seed are not independent there: in one fit to the rows of all seeds, the clustered errors are the right ones. Taught in
/// <c>notebooks/03-training-dynamics.ipynb</c>.
/// </summary>
public static class LinearModel
{
    // A column counts as a linear combination of the columns before it where less than this share of its length is its own.
    private const double Dependent = 1e-12;

    /// <summary>Fits outcome = b0 + sum of b_j * predictor_j.</summary>
    /// <param name="predictors">The predictors, each [N]. An intercept is put before them. Without predictors the fit is the mean.</param>
    /// <param name="outcome">The outcome, [N].</param>
    /// <param name="clusters">A number for each row that is equal within a cluster (the seed), [N]; null for no clusters.</param>
    /// <exception cref="SlickException">There are fewer rows than coefficients, or a predictor is constant or a combination of
    /// others.</exception>
    /// <exception cref="ArgumentException">Lengths differ or a value is not finite.</exception>
    public static LinearFit Fit(IReadOnlyList<IReadOnlyList<double>> predictors, IReadOnlyList<double> outcome,
        IReadOnlyList<int>? clusters = null)
    {
        ArgumentNullException.ThrowIfNull(predictors);
        Check.Finite(outcome, nameof(outcome));
        foreach (var column in predictors)
        {
            Check.Finite(column, nameof(predictors));
            Check.SameLength(outcome.Count, column.Count, nameof(predictors));
        }
        if (clusters is not null) Check.SameLength(outcome.Count, clusters.Count, nameof(clusters));
        int rows = outcome.Count, terms = predictors.Count + 1;
        if (rows < terms)
            throw new SlickException($"A linear model with {terms} coefficients cannot be fitted to {rows} rows: give at least {terms}.");

        var design = Matrix<double>.Build.Dense(rows, terms, (i, j) => j == 0 ? 1 : predictors[j - 1][i]);
        var y = Vector<double>.Build.DenseOfEnumerable(outcome);
        var qr = design.QR(QRMethod.Thin);
        RefuseSingular(design, qr.R);
        var b = qr.R.Solve(qr.Q.TransposeThisAndMultiply(y));
        var residuals = y - design * b;
        var inverseR = qr.R.Inverse();
        var inverse = inverseR.TransposeAndMultiply(inverseR);

        var freedom = rows - terms;
        var squares = residuals * residuals;
        var errors = Roots(inverse * (freedom > 0 ? squares / freedom : double.NaN));
        var t = b.Select((value, j) => value / errors[j]).ToArray();
        var half = freedom > 0 ? Quantiles.CriticalT(0.95, freedom) : double.NaN;
        var constant = outcome.All(v => v == outcome[0]);
        var mean = outcome.Average();
        var r2 = constant ? double.NaN : 1 - squares / outcome.Sum(v => (v - mean) * (v - mean));
        var groups = clusters?.Distinct().Count() ?? 0;
        return new()
        {
            Coefficients = b.ToArray(),
            StandardErrors = errors,
            T = t,
            P = [.. t.Select(value => Quantiles.TwoSidedP(value, freedom))],
            Low95 = [.. b.Select((value, j) => value - half * errors[j])],
            High95 = [.. b.Select((value, j) => value + half * errors[j])],
            R2 = r2,
            AdjustedR2 = freedom > 0 ? 1 - (1 - r2) * (rows - 1) / freedom : double.NaN,
            StandardErrorsHc3 = freedom > 0 ? Hc3(design, qr.Q, residuals, inverse) : errors,
            StandardErrorsClustered = groups < 2 ? [] : freedom > 0 ? Clustered(design, residuals, inverse, clusters!, groups) : errors,
            Observations = rows,
            Clusters = groups,
        };
    }

    /// <summary>
    /// A coefficient with its interval. Where the fit has two or more clusters: clustered errors and t with G - 1 degrees of freedom. Else:
    /// classical errors and t with N - K degrees of freedom; with one cluster these say nothing about other seeds (see
    /// <see cref="LinearFit.Clusters"/>). With few clusters even the clustered intervals are somewhat too short.
    /// </summary>
    /// <param name="fit">The fitted model.</param>
    /// <param name="index">Index of the coefficient: 0 is the intercept, 1 the first predictor.</param>
    /// <param name="level">Coverage, in (0, 1).</param>
    /// <exception cref="ArgumentException">The model has no such coefficient, or the level is outside (0, 1).</exception>
    public static Interval CoefficientInterval(LinearFit fit, int index, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(fit);
        Check.Level(level);
        if (index < 0 || index >= fit.Coefficients.Count)
            throw new ArgumentOutOfRangeException(nameof(index), index, $"The model has coefficients 0 to {fit.Coefficients.Count - 1}.");
        var estimate = fit.Coefficients[index];
        var clustered = fit.StandardErrorsClustered.Count > 0;
        var freedom = clustered ? fit.Clusters - 1 : fit.DegreesOfFreedom;
        if (freedom < 1) return Interval.Unbounded(estimate);
        var half = Quantiles.CriticalT(level, freedom) * (clustered ? fit.StandardErrorsClustered : fit.StandardErrors)[index];
        return new(estimate, estimate - half, estimate + half);
    }

    /// <summary>
    /// The slope of the least-squares line of y on x. For a test of a trend, compute one slope for each seed and give them to
    /// <see cref="Intervals.MeanT"/>.
    /// </summary>
    /// <param name="x">The predictor, [N].</param>
    /// <param name="y">The outcome, [N].</param>
    /// <exception cref="SlickException">There are fewer than two points, or x is constant.</exception>
    /// <exception cref="ArgumentException">Lengths differ or a value is not finite.</exception>
    public static double Slope(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        Check.Pairs(x, y, nameof(x), nameof(y));
        if (x.All(v => v == x[0])) throw new SlickException($"A slope needs two different x values: {x.Count} point(s) have one or none.");
        var centre = x.Average();
        var level = y.Average();
        return x.Zip(y, (u, v) => (u - centre) * (v - level)).Sum() / x.Sum(u => (u - centre) * (u - centre));
    }

    private static void RefuseSingular(Matrix<double> design, Matrix<double> r)
    {
        for (var j = 0; j < r.ColumnCount; j++)
            if (!(Math.Abs(r[j, j]) > Dependent * design.Column(j).L2Norm()))
                throw new SlickException(
                    $"Predictor {j} of the linear model is constant or a combination of those before it: leave it out.");
    }

    private static double[] Roots(Matrix<double> covariance) => [.. covariance.Diagonal().Select(Math.Sqrt)];

    private static double[] Hc3(Matrix<double> design, Matrix<double> q, Vector<double> residuals, Matrix<double> inverse)
    {
        // Row i is weighted by e_i / (1 - h_i). The leverage h_i is the squared length of row i of Q.
        var weighted = design.Clone();
        for (var i = 0; i < design.RowCount; i++)
        {
            var row = q.Row(i);
            var free = 1 - row * row;
            weighted.SetRow(i, design.Row(i) * (free > 1e-10 ? residuals[i] / free : double.NaN));
        }
        return Roots(inverse * weighted.TransposeThisAndMultiply(weighted) * inverse);
    }

    private static double[] Clustered(Matrix<double> design, Vector<double> residuals, Matrix<double> inverse, IReadOnlyList<int> clusters,
        int groups)
    {
        int rows = design.RowCount, terms = design.ColumnCount;
        var scores = new Dictionary<int, Vector<double>>();
        for (var i = 0; i < rows; i++)
        {
            var score = design.Row(i) * residuals[i];
            scores[clusters[i]] = scores.TryGetValue(clusters[i], out var sum) ? sum + score : score;
        }
        var middle = scores.Values.Aggregate(Matrix<double>.Build.Dense(terms, terms), (sum, score) => sum + score.OuterProduct(score));
        var correction = groups / (groups - 1.0) * (rows - 1.0) / (rows - terms);
        return Roots(inverse * middle * inverse * correction);
    }
}
