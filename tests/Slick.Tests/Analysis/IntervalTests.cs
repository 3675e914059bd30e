using MathNet.Numerics.Distributions;
using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class IntervalTests
{
    [Theory]
    [InlineData(0.5)]
    [InlineData(0.95)]
    [InlineData(0.9999)]
    public void MeanT_FewValues_HasTheClosedFormBounds(double level)
    {
        // One degree of freedom: t = tan(pi level / 2). Two: t = level sqrt(2 / (1 - level^2)).
        var two = Intervals.MeanT([0, 2], level);
        Assert.Equal(1, two.Estimate, 1e-15);
        Assert.Equal(1.0, (two.High - 1) / Math.Tan(Math.PI * level / 2), 1e-9);
        Assert.Equal(two.High - 1, 1 - two.Low, 1e-9 * two.High);
        var three = Intervals.MeanT([1, 2, 3], level);
        Assert.Equal(1.0, (three.High - 2) / (level * Math.Sqrt(2 / (1 - level * level)) / Math.Sqrt(3)), 1e-9);
    }

    [Fact]
    public void HalfWidth_IsThatOfMeanT()
    {
        double[] values = [1, 4, 2, 8, 5];
        var interval = Intervals.MeanT(values, 0.9);
        var spread = Math.Sqrt(values.Sum(v => (v - 4) * (v - 4)) / 4);
        Assert.Equal(interval.High - 4, Intervals.HalfWidth(spread, 5, 0.9), 1e-12);
        Assert.Equal(double.PositiveInfinity, Intervals.HalfWidth(spread, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Intervals.HalfWidth(double.NaN, 5));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 0.5)]
    [InlineData(3, 0.01)]
    [InlineData(0.1, 5)]
    [InlineData(0, 1)]
    public void ValuesNeeded_IsTheFirstNumberThatIsEnough(double spread, double halfWidth)
    {
        var needed = Intervals.ValuesNeeded(spread, halfWidth);
        Assert.True(Intervals.HalfWidth(spread, needed) <= halfWidth);
        Assert.True(needed == 2 || Intervals.HalfWidth(spread, needed - 1) > halfWidth);
    }

    [Fact]
    public void ValuesNeeded_RefusesWhatNoStudyHas()
    {
        // The normal quantile squared, 3.84, is the limit of n (half-width / spread)^2.
        Assert.InRange(Intervals.ValuesNeeded(1, 0.001), 3_841_000, 3_842_000);
        Assert.Throws<ArgumentOutOfRangeException>(() => Intervals.ValuesNeeded(1, 1e-6));
        Assert.Throws<ArgumentOutOfRangeException>(() => Intervals.ValuesNeeded(1, 0));
    }

    [Fact]
    public void MeanT_ManyValues_NearsTheNormal()
    {
        var values = Enumerable.Range(0, 400_000).Select(i => i % 2 * 2.0 - 1).ToArray();
        Assert.Equal(1.9599639845, Intervals.MeanT(values).High * Math.Sqrt(values.Length), 1e-4);
    }

    [Fact]
    public void MeanT_FiveNormalValues_CoversAsOftenAsItSays()
    {
        // Binomial standard deviation of 8000 trials at 0.95 is 0.0024; 1.96 in place of t would cover 0.88.
        var normal = new Normal(0.3, 0.02, new Random(71));
        var covered = 0;
        for (var i = 0; i < 8000; i++)
        {
            var interval = Intervals.MeanT([.. normal.Samples().Take(5)]);
            if (interval.Low <= 0.3 && 0.3 <= interval.High) covered++;
        }
        Assert.InRange(covered / 8000.0, 0.94, 0.96);
    }

    [Fact]
    public void TooFewObservations_GiveNaNBoundsAndNeverADecision()
    {
        var one = Intervals.MeanT([0.4]);
        Assert.Equal(0.4, one.Estimate, 1e-15);
        Assert.False(one.HasBounds);
        Assert.False(one.Low > 0 || one.High < 0);
        foreach (var interval in new[] { Intervals.MeanT([]), Intervals.Wilson(0, 0), Intervals.Jeffreys(0, 0) })
            Assert.True(double.IsNaN(interval.Estimate) && !interval.HasBounds);
    }

    [Fact]
    public void MeanT_EqualValues_HaveNoWidth() => Assert.Equal(new Interval(0.1, 0.1, 0.1), Intervals.MeanT([0.1, 0.1, 0.1]));

    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 10)]
    [InlineData(499, 500)]
    [InlineData(2, 100_000)]
    public void Wilson_BoundsAreWhereTheScoreTestTurns(int successes, int trials)
    {
        var interval = Intervals.Wilson(successes, trials, 0.9);
        foreach (var bound in new[] { interval.Low, interval.High }.Where(b => b is > 0 and < 1))
            Assert.Equal(1.6448536269514722, Math.Abs(interval.Estimate - bound) / Math.Sqrt(bound * (1 - bound) / trials), 1e-9);
        Assert.InRange(interval.Estimate, interval.Low, interval.High);
        var mirrored = Intervals.Wilson(trials - successes, trials, 0.9);
        Assert.Equal(interval.Low, 1 - mirrored.High, 1e-12);
    }

    [Fact]
    public void Jeffreys_OneTrial_HasTheClosedFormBounds()
    {
        // Beta(1/2, 3/2) has the distribution function 2/pi (asin sqrt x + sqrt(x (1 - x))).
        static double Below(double x) => 2 / Math.PI * (Math.Asin(Math.Sqrt(x)) + Math.Sqrt(x * (1 - x)));
        var interval = Intervals.Jeffreys(0, 1);
        Assert.Equal(1.0, Below(interval.Low) / 0.025, 1e-10);
        Assert.Equal(0.975, Below(interval.High), 1e-10);
    }

    [Theory]
    [InlineData(0, 1_000_000)]
    [InlineData(7, 1_000_000)]
    [InlineData(500_000, 1_000_000)]
    public void Jeffreys_ManyTrials_LeavesTheTailsItSays(int successes, int trials)
    {
        var interval = Intervals.Jeffreys(successes, trials);
        double a = successes + 0.5, b = trials - successes + 0.5;
        Assert.Equal(1.0, Beta.CDF(a, b, interval.Low) / 0.025, 1e-7);
        Assert.Equal(0.975, Beta.CDF(a, b, interval.High), 1e-7);
    }

    [Fact]
    public void BadArguments_AreNamed()
    {
        Assert.Equal("values", Assert.Throws<ArgumentException>(() => Intervals.MeanT([1, double.NaN])).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => Intervals.MeanT([1, 2], 95));
        Assert.Throws<ArgumentOutOfRangeException>(() => Intervals.MeanT([1, 2], double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Intervals.Wilson(3, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Intervals.Jeffreys(-1, 2));
    }
}
