using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class EqualPartsTests
{
    private static bool[] Answers(int count, double share, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() < share)];
    }

    [Fact]
    public void Parts_AreEqualAndTogetherTheWhole()
    {
        var correct = Answers(1050, 0.4, 1);
        var means = EqualParts.MeansOfRandomParts(correct, 100, 7);
        Assert.Equal(100, means.Count);
        // Parts of 10 or 11 questions: each mean is a whole number of tenths or elevenths, and the counts add up.
        Assert.All(means, m => Assert.True(Whole(m * 10) || Whole(m * 11), $"{m}"));
        Assert.Contains(means, m => !Whole(m * 10));
        Assert.Contains(means, m => !Whole(m * 11));
        var even = EqualParts.MeansOfRandomParts(correct[..1000], 100, 7);
        Assert.Equal(correct[..1000].Count(c => c) / 1000.0, even.Average(), 1e-12);

        static bool Whole(double value) => Math.Abs(value - Math.Round(value)) < 1e-9;
    }

    [Fact]
    public void FewerQuestionsThanParts_OneQuestionEach()
    {
        var means = EqualParts.MeansOfRandomParts([true, false, true], 100, 0);
        Assert.Equal([0.0, 1.0, 1.0], means.Order());
        Assert.Empty(EqualParts.MeansOfRandomParts([], 100, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => EqualParts.MeansOfRandomParts([true], 0, 0));
    }

    [Fact]
    public void SameSeed_SameSplit_ForOneListOrTwo()
    {
        var (a, b) = (Answers(500, 0.4, 1), Answers(500, 0.5, 2));
        var (first, second) = EqualParts.MeansOfRandomParts(a, b, 100, 7);
        Assert.Equal(EqualParts.MeansOfRandomParts(a, 100, 7), first);
        Assert.Equal(EqualParts.MeansOfRandomParts(b, 100, 7), second);
        Assert.NotEqual(EqualParts.MeansOfRandomParts(a, 100, 8), first);
        Assert.Throws<ArgumentException>(() => EqualParts.MeansOfRandomParts(a, b[1..], 100, 7));
    }

    [Fact]
    public void Parts_AreDrawnAtRandom_NotCutInOrder()
    {
        // Sorted answers cut in order would give 100 parts of 0 or 1; drawn at random one in 512 is such a part.
        bool[] sorted = [.. Enumerable.Range(0, 1000).Select(i => i < 500)];
        Assert.InRange(EqualParts.MeansOfRandomParts(sorted, 100, 3).Count(m => m is 0 or 1), 0, 3);
    }

    [Fact]
    public void PairedT_OverParts_FindsARealDifferenceAndNoFalseOne()
    {
        var a = Answers(2000, 0.45, 1);
        bool[] worse = [.. a.Select((c, i) => c && i % 5 != 0)];
        var (x, y) = EqualParts.MeansOfRandomParts(a, worse, 100, 7);
        var result = HypothesisTests.PairedT(x, y);
        Assert.True(result.T > 0 && result.P < 0.01);
        var alarms = 0;
        for (var run = 0; run < 400; run++)
        {
            var (u, v) = EqualParts.MeansOfRandomParts(Answers(500, 0.4, 1000 + run), Answers(500, 0.4, 5000 + run), 100, run);
            if (HypothesisTests.PairedT(u, v).P < 0.05) alarms++;
        }
        Assert.InRange(alarms, 6, 36);
    }
}
