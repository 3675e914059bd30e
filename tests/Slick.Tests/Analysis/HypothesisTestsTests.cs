using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class HypothesisTestsTests
{
    [Fact]
    public void PairedT_ThreePairs_HasTheClosedForm()
    {
        // Differences 1, 2, 3: t = 2 sqrt 3 with 2 degrees of freedom, P(|T| >= t) = 1 - t / sqrt(t^2 + 2).
        var result = HypothesisTests.PairedT([2, 4, 6], [1, 2, 3]);
        Assert.Equal(2 * Math.Sqrt(3), result.T, 1e-12);
        Assert.Equal(1 - result.T / Math.Sqrt(result.T * result.T + 2), result.P, 1e-12);
        var swapped = HypothesisTests.PairedT([1, 2, 3], [2, 4, 6]);
        Assert.Equal((-result.T, result.P), (swapped.T, swapped.P));
    }

    [Fact]
    public void PairedT_WithoutSpread_IsNoErrorAndNoFalseAlarm()
    {
        Assert.Equal((0.0, 1.0), (HypothesisTests.PairedT([0.3, 0.7], [0.3, 0.7]).T, HypothesisTests.PairedT([0.3, 0.7], [0.3, 0.7]).P));
        Assert.Equal(0, HypothesisTests.PairedT([2, 3], [1, 2]).P);
        Assert.True(double.IsNaN(HypothesisTests.PairedT([1], [0]).P));
        Assert.True(double.IsNaN(HypothesisTests.PairedT([], []).P));
        Assert.Throws<ArgumentException>(() => HypothesisTests.PairedT([1, 2], [1]));
    }

    [Fact]
    public void Corrections_AreMonotoneNeverBelowTheRawValueAndKeepTheOrder()
    {
        var random = new Random(2);
        for (var run = 0; run < 200; run++)
        {
            var p = Enumerable.Range(0, 1 + random.Next(12)).Select(_ => Math.Round(random.NextDouble() * random.NextDouble(), 2))
                .ToArray();
            var (holm, hochberg) = (HypothesisTests.Holm(p), HypothesisTests.BenjaminiHochberg(p));
            for (var i = 0; i < p.Length; i++)
            {
                Assert.InRange(hochberg[i], p[i], 1);
                Assert.InRange(holm[i], hochberg[i] - 1e-15, Math.Min(1, p[i] * p.Length) + 1e-15);
                for (var j = 0; j < p.Length; j++)
                {
                    if (p[i] > p[j]) continue;
                    Assert.True(holm[i] <= holm[j] && (p[i] < p[j] || holm[i] == holm[j]));
                    Assert.True(hochberg[i] <= hochberg[j]);
                }
            }
        }
    }

    [Fact]
    public void Corrections_HandWorked()
    {
        Assert.Equal([0.03, 0.06, 0.06], HypothesisTests.Holm([0.01, 0.04, 0.03]), (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal([0.03, 0.04, 0.04], HypothesisTests.BenjaminiHochberg([0.01, 0.04, 0.03]), (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal([1, 1], HypothesisTests.Holm([0.6, 0.9]));
        Assert.Empty(HypothesisTests.Holm([]));
        Assert.Throws<ArgumentException>(() => HypothesisTests.Holm([0.1, double.NaN]));
        Assert.Throws<ArgumentOutOfRangeException>(() => HypothesisTests.BenjaminiHochberg([1.1]));
    }

    [Theory]
    [InlineData(0, 0, 1.0)]
    [InlineData(4, 4, 1.0)]
    [InlineData(0, 5, 2 / 32.0)]
    [InlineData(6, 1, 2 * 8 / 128.0)]
    [InlineData(3, 4, 1.0)]
    public void McNemarExact_SmallCounts(int b, int c, double expected) =>
        Assert.Equal(expected, HypothesisTests.McNemarExact(b, c), 1e-12);

    [Fact]
    public void Tost_AgreesWithTheNinetyPercentInterval()
    {
        var random = new Random(4);
        var equal = 0;
        for (var run = 0; run < 500; run++)
        {
            var centre = (random.NextDouble() - 0.5) * 0.08;
            var values = Enumerable.Range(0, 5).Select(_ => centre + (random.NextDouble() - 0.5) * 0.04).ToArray();
            var (p, interval) = HypothesisTests.EquivalenceTost(values, 0.02);
            Assert.Equal(interval.Low > -0.02 && interval.High < 0.02, p < 0.05);
            if (p < 0.05) equal++;
        }
        Assert.InRange(equal, 50, 450);
    }

    [Fact]
    public void Tost_HandWorkedAndItsEdges()
    {
        // Mean 0, standard error 1/sqrt 3, margin 2: t = 2 sqrt 3 with 2 degrees of freedom, one side.
        var t = 2 * Math.Sqrt(3);
        Assert.Equal((1 - t / Math.Sqrt(t * t + 2)) / 2, HypothesisTests.EquivalenceTost([-1, 0, 1], 2).P, 1e-12);
        Assert.Equal(0, HypothesisTests.EquivalenceTost([0, 0], 0.02).P);
        Assert.Equal(1, HypothesisTests.EquivalenceTost([0.02, 0.02], 0.02).P);
        Assert.True(double.IsNaN(HypothesisTests.EquivalenceTost([0.01], 0.02).P));
        Assert.Throws<ArgumentOutOfRangeException>(() => HypothesisTests.EquivalenceTost([0, 1], 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => HypothesisTests.EquivalenceTost([0, 1], double.NaN));
    }
}
