using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class HarmByDistanceTests
{
    // Questions whose loss follows from their regressors: certain where the sum of effects is 1.
    private static IReadOnlyList<DistanceRow> Rows(int seeds, Func<int, double> perPart) => [.. from seed in Enumerable.Range(1, seeds)
        from shared in Enumerable.Range(0, 3) from elsewhere in Enumerable.Range(0, 2) from statements in new[] { 0, 1, 3 }
        from taught in new[] { 0, 1 }
        let loss = 0.2 + perPart(seed) * shared + 0.01 * elsewhere + 0.05 * Math.Log2(1 + statements) - 0.1 * taught
        from i in Enumerable.Range(0, 100)
        select new DistanceRow(seed, $"r{31 * i % 7}", i < Math.Round(100 * loss), shared, elsewhere, statements, taught)];

    [Fact]
    public void Model_FindsTheEffectsItWasMadeWith()
    {
        var one = HarmByDistance.Model(Rows(1, _ => 0.1), false)!;
        Assert.Equal([0.1, 0.01, 0.05, -0.1], one.Select(c => Math.Round(c.Estimate, 3)));
        Assert.All(one, c => Assert.True(c.HasBounds && c.Low <= c.Estimate && c.Estimate <= c.High));
        // Three base models with 0.09, 0.10, 0.11: t with two degrees of freedom, 4.303 x 0.01 / sqrt 3.
        var three = HarmByDistance.Model(Rows(3, seed => 0.08 + 0.01 * seed), true)!;
        Assert.Equal(0.1, three[0].Estimate, 1e-3);
        Assert.Equal((0.0752, 0.1248), (Math.Round(three[0].Low, 4), Math.Round(three[0].High, 4)));
        Assert.Equal(HarmByDistance.Regressors.Count, three.Count);
    }

    [Fact]
    public void Lost_OfOneBaseIsClusteredByRelation()
    {
        // In each relation all or none: four clusters of two questions tell as much as four questions.
        DistanceRow[] rows = [.. Enumerable.Range(0, 8).Select(i => new DistanceRow(1, $"r{i / 2}", i < 4, 0, 0, 0, 0))];
        var lost = HarmByDistance.Lost(rows, false);
        Assert.Equal(0.5, lost.Estimate);
        Assert.Equal(3.182 * 0.2887, lost.High - 0.5, 1e-3);
        // A part of the questions of several base models, all of one of them: one value has no interval over base models.
        Assert.False(HarmByDistance.Lost(rows, true).HasBounds);
        Assert.True(double.IsNaN(HarmByDistance.Lost([], false).Estimate));
        Assert.Null(HarmByDistance.Model(rows, false)); // nothing varies
        Assert.Null(HarmByDistance.Model([], false));
    }
}
