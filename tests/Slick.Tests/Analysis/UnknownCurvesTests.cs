using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class UnknownCurvesTests
{
    private static UnknownQuestion Question(double right, bool[] greedy, double[] probabilities, double pTrue = double.NaN,
        int statements = -1, double weight = 1) => new("r", weight, right, greedy, probabilities, pTrue, statements);

    [Fact]
    public void Slick_CallsFewerUnknownTheMorePromptsItAsks()
    {
        // Two prompts. One answers the first question, none the second, both the third; the fourth may be drawn.
        UnknownQuestion[] questions =
        [
            Question(1, [true, false], [0, 0]), Question(0, [false, false], [0, 0]), Question(1, [true, true], [0, 0]),
            Question(0.5, [false, false], [0.5, 0]),
        ];
        var points = UnknownCurves.BySlick(questions, 16);
        // One prompt: the second one calls the first, the second and the fourth question Unknown, the first one the second alone.
        Assert.Equal([(1, 0.5), (2, 0.25)], points.Select(p => ((int)p.Threshold, p.Labelled)));
        Assert.Equal([1.5 / 4, 0], points.Select(p => p.Accuracy.Estimate));
        // 16 draws of 4% are right at least once with a probability of 0.48, of 5% with 0.56.
        Assert.True(UnknownCurves.IsUnknown(Question(0, [false], [0.04]), [0], 16));
        Assert.False(UnknownCurves.IsUnknown(Question(0, [false], [0.05]), [0], 16));
        Assert.Empty(UnknownCurves.BySlick([], 16));
    }

    [Fact]
    public void PTrueAndTruth_AreCutByTheirThresholds()
    {
        // P(True) knows nothing: the five lowest of 20 have one right of five, where SliCK's five have none.
        UnknownQuestion[] questions = [.. Enumerable.Range(0, 20).Select(i =>
            Question(i >= 5 || i == 4 ? 1 : 0, [i >= 5], [0], pTrue: i == 3 ? 0.9 : 0.01 * i, statements: i))];
        var points = UnknownCurves.ByPTrue(questions);
        Assert.Equal(20, points.Count);
        Assert.Equal(0.05, points[0].Labelled, 9);
        Assert.Equal((1, 0.9), (points[^1].Labelled, points[^1].Threshold));
        Assert.Equal(16 / 20.0, points[^1].Accuracy.Estimate, 9);
        // 0, 1, 2, 4, 5: two of five are right.
        Assert.Equal((0.25, 0.4), (points[4].Labelled, points[4].Accuracy.Estimate));
        var truth = UnknownCurves.ByTruth(questions);
        Assert.Equal([0, 1, 3, 7, 15, 31, 63, 127, 255], truth.Select(p => p.Threshold));
        Assert.Equal([0.05, 0.1, 0.2, 0.4], truth.Take(4).Select(p => p.Labelled));
        Assert.Equal(0, truth[2].Accuracy.Estimate);
        // SliCK's five, 0 to 4, have one right.
        var difference = UnknownCurves.PTrueMinusSlick(questions, 16)!;
        Assert.Equal(0.2, difference.Value, 9);
        Assert.True(difference.Value95.Low <= 0.2 && difference.Value95.High >= 0.2);
        Assert.Empty(UnknownCurves.ByPTrue([.. questions, Question(0, [false], [0])]));
        Assert.Null(UnknownCurves.PTrueMinusSlick([Question(0, [false], [0])], 16));
        Assert.Empty(UnknownCurves.ByTruth([Question(0, [false], [0])]));
    }

    [Fact]
    public void Weights_CountQuestionsThatStandForSeveral()
    {
        UnknownQuestion[] questions = [Question(1, [true], [0]), Question(0, [false], [0], weight: 3)];
        Assert.Equal(0.75, UnknownCurves.BySlick(questions, 16)[0].Labelled, 9);
        // Four questions of one weight are four questions, whatever the others weigh.
        UnknownQuestion[] heavy = [.. Enumerable.Repeat(Question(1, [true], [0]), 20), .. Enumerable.Repeat(
            Question(0, [false], [0], pTrue: 0.5, weight: 5), 4)];
        Assert.Equal(Intervals.Wilson(0, 4), UnknownCurves.BySlick(heavy, 16)[0].Accuracy);
    }
}
