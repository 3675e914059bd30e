using Slick.Runtime;

namespace Slick.Tests.Runtime;

public sealed class SeedsTests
{
    // The first two numbers from this state in the reference program of SplitMix64, as Rosetta Code prints them.
    [Fact]
    public void Numbers_AreSplitMix64s() =>
        Assert.Equal((6457827717110365317UL, 3203168211198807973UL), (Seeds.Next(1234567), Seeds.At(1234567, 1)));

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
