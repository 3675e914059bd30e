using Slick.Runtime;

namespace Slick.Tests.Runtime;

public sealed class SeedsTests
{
    // The first two numbers from this state in the reference program of SplitMix64, as Rosetta Code prints them.
    [Fact]
    public void Numbers_AreSplitMix64s() =>
        Assert.Equal((6457827717110365317UL, 3203168211198807973UL), (Seeds.Next(1234567), Seeds.At(1234567, 1)));

    // Computed from the published formulas in Python: the seed's own number is the first state.
    [Fact]
    public void Stream_IsSplitMix64AndItsOrderIsFixed()
    {
        var stream = new RandomStream(1);
        Assert.Equal(Seeds.Next(Seeds.Next(1)), stream.NextBits());
        Assert.Equal(Seeds.At(Seeds.Next(1), 1), stream.NextBits());
        int[] order = [.. Enumerable.Range(0, 10)];
        new RandomStream(7).Shuffle<int>(order);
        Assert.Equal([6, 1, 8, 3, 0, 2, 9, 4, 5, 7], order);
    }

    [Fact]
    public void Stream_IsEven()
    {
        var stream = new RandomStream(3);
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++) counts[stream.Next(7)]++;
        // Five standard deviations of a share of a seventh.
        Assert.All(counts, c => Assert.InRange(c, 10_000 - 5 * 93, 10_000 + 5 * 93));
        Assert.All(Enumerable.Range(0, 1000).Select(_ => stream.NextDouble()), v => Assert.InRange(v, 0, 1 - 1e-16));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Next(0));
    }

    // Computed from the formulas in Python, in its own floating-point numbers.
    [Fact]
    public void Normal_IsBoxMullersPair()
    {
        double[] expected = [-0.4761291157271789, -0.6527818855959315, -0.8680472231770234, -0.6666667061231908];
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], Seeds.Normal(Seeds.Next(7), i), 14);
    }

    [Fact]
    public void Normal_HasMean0AndDeviation1()
    {
        const int Count = 200_000;
        var values = Enumerable.Range(0, Count).Select(i => Seeds.Normal(1, i)).ToArray();
        // Four standard errors of the mean, of the variance, and of the mean fourth power, which is 3.
        Assert.InRange(values.Average(), -4 / Math.Sqrt(Count), 4 / Math.Sqrt(Count));
        Assert.InRange(values.Average(v => v * v), 1 - 4 * Math.Sqrt(2.0 / Count), 1 + 4 * Math.Sqrt(2.0 / Count));
        Assert.InRange(values.Average(v => v * v * v * v), 3 - 4 * Math.Sqrt(96.0 / Count), 3 + 4 * Math.Sqrt(96.0 / Count));
        // Two neighbours share two numbers and are independent all the same.
        Assert.InRange(Enumerable.Range(0, Count - 1).Average(i => values[i] * values[i + 1]), -4 / Math.Sqrt(Count), 4 / Math.Sqrt(Count));
    }
}
