using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class PairedComparisonTests
{
    // Answers to the first questions are right.
    private static PairedAnswers First(int right, int of, params double[] ofBase) =>
        new(new(right, of, of), [.. Enumerable.Range(0, of).Select(i => i < right)], ofBase);

    [Fact]
    public void FiveMoreOfTwenty_CountByEqualPartsAndNotByMcNemar()
    {
        var tests = PairedComparison.Of(First(15, 20), First(10, 20));
        Assert.Equal((0.25, 5, 0), (tests.Difference, tests.OnlyFirst, tests.OnlySecond));
        // 20 parts of one question: t = 0.25 / (0.4443 / sqrt 20) = 2.517 with 19 degrees of freedom.
        Assert.Equal(0.0210, tests.PartsP, 1e-4);
        Assert.Equal(2 / 32.0, tests.QuestionsP, 12);
        Assert.True(double.IsNaN(tests.BasesP));
        Assert.True(tests.Disagree);
        var other = PairedComparison.Of(First(10, 20), First(15, 20));
        Assert.Equal((-0.25, 0, 5, tests.PartsP), (other.Difference, other.OnlyFirst, other.OnlySecond, other.PartsP));
    }

    [Fact]
    public void Bases_MayDisagreeWithQuestions()
    {
        // 120 questions of three base models; the first set gains 30 points in one and loses nothing in the others.
        var tests = PairedComparison.Of(First(100, 120, 0.9, 0.5, 0.5), First(80, 120, 0.6, 0.5, 0.5));
        Assert.True(tests is { PartsP: < 0.001, QuestionsP: < 0.001 });
        Assert.Equal(0.4226, tests.BasesP, 1e-4); // t = 1 with two degrees of freedom
        Assert.True(tests.Disagree);
        Assert.False(PairedComparison.Of(First(100, 120, 0.9, 0.8, 0.8), First(80, 120, 0.6, 0.5, 0.51)).Disagree);
        Assert.True(double.IsNaN(PairedComparison.Of(First(3, 9, 0.5, 0.5), First(3, 9, 0.6, 0.5)).BasesP));
    }

    [Fact]
    public void EqualAnswers_AreNoDifference()
    {
        var tests = PairedComparison.Of(First(7, 20), First(7, 20));
        Assert.Equal((0, 1, 1, false), (tests.Difference, tests.PartsP, tests.QuestionsP, tests.Disagree));
        Assert.True(double.IsNaN(PairedComparison.Of(First(1, 3), First(2, 3)).PartsP));
        Assert.Throws<ArgumentException>(() => PairedComparison.Of(First(1, 3), First(1, 4)));
    }
}
