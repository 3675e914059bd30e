using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class LinearModelTests
{
    [Fact]
    public void InterceptOnly_HasTheClosedForms()
    {
        double[] y = [1, 2, 4, 9];
        var squares = 9.0 + 4 + 0 + 25;
        var fit = LinearModel.Fit([], y, [0, 1, 2, 3]);
        Assert.Equal(4, fit.Coefficients[0], 1e-12);
        Assert.Equal(Math.Sqrt(squares / 3 / 4), fit.StandardErrors[0], 1e-12);
        Assert.Equal(Math.Sqrt(squares) / 3, fit.StandardErrorsHc3[0], 1e-12);
        Assert.Equal(Math.Sqrt(4.0 / 3 * squares) / 4, fit.StandardErrorsClustered[0], 1e-12);
        Assert.Equal(0, fit.R2, 1e-12);
        var mean = Intervals.MeanT(y);
        Assert.Equal([mean.Low, mean.High], [fit.Low95[0], fit.High95[0]], (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void ExactPlane_IsRecovered()
    {
        double[] u = [0, 1, 2, 3, 5], v = [1, 0, 4, 2, 2];
        var fit = LinearModel.Fit([u, v], [.. u.Zip(v, (a, b) => 0.5 + 2 * a - 3 * b)]);
        Assert.Equal([0.5, 2, -3], fit.Coefficients, (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal(1, fit.R2, 1e-12);
        Assert.Empty(fit.StandardErrorsClustered);
        Assert.Equal(0, fit.Clusters);
    }

    [Fact]
    public void RowsRepeatedWithinClusters_DoNotLookLikeMoreEvidence()
    {
        double[] x = [0, 1, 2, 3, 4, 5], y = [1, 3, 2, 5, 4, 8];
        int[] seed = [0, 0, 1, 1, 2, 2];
        var once = LinearModel.Fit([x], y, seed);
        var tenfold = LinearModel.Fit([Repeat(x)], Repeat(y), Repeat(seed));
        Assert.True(tenfold.StandardErrors[1] < once.StandardErrors[1] / 3);
        // Without the small-sample factor, (N - 1) / (N - K), nothing is gained by repeating.
        Assert.Equal(once.StandardErrorsClustered[1] / Math.Sqrt(5 / 4.0), tenfold.StandardErrorsClustered[1] / Math.Sqrt(59 / 58.0),
            1e-12);

        static T[] Repeat<T>(T[] values) => [.. Enumerable.Repeat(values, 10).SelectMany(v => v)];
    }

    [Fact]
    public void CoefficientInterval_UsesClustersMinusOne_ElseClassical()
    {
        double[] x = [0, 1, 2, 3, 4, 5], y = [1, 3, 2, 5, 4, 8];
        var classical = LinearModel.Fit([x], y);
        var interval = LinearModel.CoefficientInterval(classical, 1);
        Assert.Equal((classical.Low95[1], classical.High95[1]), (interval.Low, interval.High));
        // Three clusters leave two degrees of freedom, where t at 95% is 0.95 sqrt(2 / (1 - 0.95^2)).
        var clustered = LinearModel.Fit([x], y, [7, 7, -1, -1, 2, 2]);
        interval = LinearModel.CoefficientInterval(clustered, 1);
        Assert.Equal(0.95 * Math.Sqrt(2 / 0.0975) * clustered.StandardErrorsClustered[1], interval.High - interval.Estimate, 1e-12);
        var one = LinearModel.Fit([x], y, [3, 3, 3, 3, 3, 3]);
        Assert.Equal(1, one.Clusters);
        Assert.Empty(one.StandardErrorsClustered);
        Assert.Equal(LinearModel.CoefficientInterval(classical, 1), LinearModel.CoefficientInterval(one, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LinearModel.CoefficientInterval(one, 2));
    }

    [Fact]
    public void ClusteredInterval_CoversWhereTheClassicalIsFarTooShort()
    {
        // Twelve seeds of ten rows; each seed has its own slope, spread 1 around 0.5. The bound 0.92 is honest: clustered
        // errors with few clusters cover a little less than they say.
        var normal = new MathNet.Numerics.Distributions.Normal(0, 1, new Random(9));
        var (clustered, classical) = (0, 0);
        for (var run = 0; run < 1000; run++)
        {
            var (x, y, seeds) = (new double[120], new double[120], new int[120]);
            for (var i = 0; i < 120; i++)
            {
                seeds[i] = i / 10;
                x[i] = i % 10 / 10.0;
            }
            var slopes = normal.Samples().Take(12).ToArray();
            for (var i = 0; i < 120; i++) y[i] = (0.5 + slopes[seeds[i]]) * x[i] + 0.1 * normal.Sample();
            var fit = LinearModel.Fit([x], y, seeds);
            var interval = LinearModel.CoefficientInterval(fit, 1);
            if (interval.Low <= 0.5 && 0.5 <= interval.High) clustered++;
            if (fit.Low95[1] <= 0.5 && 0.5 <= fit.High95[1]) classical++;
        }
        Assert.InRange(clustered / 1000.0, 0.92, 0.98);
        Assert.True(classical < 800, $"the classical interval covers {classical} of 1000");
    }

    [Fact]
    public void SingularDesign_IsRefusedByName()
    {
        double[] x = [0.1, 0.2, 0.7, 0.9], y = [1, 2, 3, 5];
        double[] rest = [.. x.Select(v => 1 - v)];
        Assert.Contains("Predictor 2", Assert.Throws<SlickException>(() => LinearModel.Fit([x, rest], y)).Message,
            StringComparison.Ordinal);
        Assert.Contains("Predictor 1", Assert.Throws<SlickException>(() => LinearModel.Fit([[0.3, 0.3, 0.3, 0.3], x], y)).Message,
            StringComparison.Ordinal);
        Assert.Throws<SlickException>(() => LinearModel.Fit([[0, 0, 0, 0]], y));
        Assert.Throws<SlickException>(() => LinearModel.Fit([[1.0]], [1.0]));
        Assert.Throws<SlickException>(() => LinearModel.Slope([2, 2], [1, 3]));
    }

    [Fact]
    public void NoRowToSpare_HasCoefficientsButNoErrors()
    {
        var fit = LinearModel.Fit([[0, 1]], [1, 3], [0, 1]);
        Assert.Equal(2, fit.Coefficients[1], 1e-12);
        Assert.All([.. fit.StandardErrors, .. fit.P, .. fit.StandardErrorsHc3, .. fit.StandardErrorsClustered, fit.AdjustedR2], v =>
            Assert.True(double.IsNaN(v)));
        Assert.False(LinearModel.CoefficientInterval(fit, 1).HasBounds);
    }

    [Fact]
    public void LeverageOne_HasNoHc3Error()
    {
        // The last row alone decides the second coefficient.
        var fit = LinearModel.Fit([[0, 0, 0, 1]], [1, 2, 3, 9]);
        Assert.True(double.IsNaN(fit.StandardErrorsHc3[1]));
        Assert.Equal(7, fit.Coefficients[1], 1e-12);
    }

    [Fact]
    public void ConstantOutcome_HasNoR2() => Assert.True(double.IsNaN(LinearModel.Fit([[0, 1, 2]], [0.4, 0.4, 0.4]).R2));

    [Fact]
    public void Slope_IsTheFitsCoefficient()
    {
        double[] x = [0, 25, 50, 75, 100], y = [0.43, 0.41, 0.42, 0.38, 0.33];
        Assert.Equal(LinearModel.Fit([x], y).Coefficients[1], LinearModel.Slope(x, y), 1e-14);
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => LinearModel.Slope(x, [1])).ParamName);
    }

    [Fact]
    public void BadArguments_AreNamed()
    {
        Assert.Equal("outcome", Assert.Throws<ArgumentException>(() => LinearModel.Fit([[1, 2]], [1, double.NaN])).ParamName);
        Assert.Equal("predictors", Assert.Throws<ArgumentException>(() => LinearModel.Fit([[1, 2, 3]], [1, 2])).ParamName);
        Assert.Equal("clusters", Assert.Throws<ArgumentException>(() => LinearModel.Fit([[1, 2]], [1, 2], [0])).ParamName);
    }
}
