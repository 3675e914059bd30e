using Slick.Checks;

namespace Slick.Tests.Checks;

public sealed class LessonTests
{
    private static string Fails(Action check) => Assert.Throws<SlickException>(check).Message;

    [Fact]
    public void EqualNumbers_GiveASentenceWithTheLargestDifference()
    {
        Assert.Equal("P: the same as the library's, 2 numbers, largest difference 1E-06.", Lesson.Same("P", [0.5, 0.25], [0.5, 0.250001]));
        Assert.Equal("P: the same as the library's, 1 number, largest difference 0.", Lesson.Same("P", [double.NaN], [double.NaN]));
    }

    [Fact]
    public void NumbersBeyondTheLimit_AndMissingOnes_EndTheCell()
    {
        Assert.Contains("number 2 of 2 is 0.3 here and 0.25", Fails(() => Lesson.Same("P", [0.5, 0.3], [0.5, 0.25])),
            StringComparison.Ordinal);
        Assert.Contains("number 1 of 1 is NaN here", Fails(() => Lesson.Same("P", [double.NaN], [1])), StringComparison.Ordinal);
        Assert.Contains("1 numbers here and 2", Fails(() => Lesson.Same("P", [1], [1, 2])), StringComparison.Ordinal);
        Assert.Contains("0 numbers here and 0", Fails(() => Lesson.Same("P", [], [])), StringComparison.Ordinal);
    }

    [Fact]
    public void Items_AreComparedInTheirOrder()
    {
        Assert.Equal("D: the same as the library's, 2 in the same order.", Lesson.SameItems("D", [1, 2], [1, 2]));
        Assert.Contains("number 1 of 2 is 2 here and 1", Fails(() => Lesson.SameItems("D", [2, 1], [1, 2])), StringComparison.Ordinal);
        Assert.Contains("1 here and 2", Fails(() => Lesson.SameItems("D", [1], [1, 2])), StringComparison.Ordinal);
    }

    [Fact]
    public void AnswerThatTheNumbersContradict_EndsTheCell()
    {
        Assert.Equal("Known first.", Lesson.Answer("Known first.", true));
        Assert.Contains("Known first.", Fails(() => Lesson.Answer("Known first.", false)), StringComparison.Ordinal);
    }
}
