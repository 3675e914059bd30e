using Slick.Text;

namespace Slick.Tests.Text;

/// <summary>Exact match, and the rule of SQuAD's official evaluation as Python carries it out.</summary>
public sealed class ExactMatchTests
{
    [Theory]
    [InlineData("C++", "C", true)]
    [InlineData("AT&T", "ATT", true)]
    [InlineData("$100", "100", true)]
    [InlineData("a < b", "a b", true)]
    [InlineData("x^2", "x2", true)]
    [InlineData("M+M", "MM", true)]
    [InlineData("1=`|~", "1", true)]
    [InlineData("1939\u20131945", "19391945", false)] // punctuation of ASCII alone is left out
    [InlineData("O\u2019Neil", "ONeil", false)]
    [InlineData("\u00ABLe Monde\u00BB", "Le Monde", false)]
    [InlineData("\u00BFQu\u00E9?", "Qu\u00E9", false)]
    [InlineData("St. John's", "st johns", true)]
    [InlineData("The Who", "who", true)]
    [InlineData("A", "The The", true)]
    [InlineData("Athens", "thens", false)]
    [InlineData("x_the_y", "xthey", true)] // "_" is left out before words are looked for
    [InlineData("co-the-op", "cotheop", true)]
    [InlineData("\u00ABthe\u00BB", "\u00AB \u00BB", true)]
    [InlineData("a\u0301b", "\u0301b", true)] // an accent by itself is no letter to Python
    [InlineData("\U0001D400the", "\U0001D400", false)] // a letter beyond U+FFFF is
    [InlineData("\u00BDa", "\u00BD", false)] // and so is a number
    [InlineData("\u0130zmir", "i\u0307zmir", true)]
    [InlineData("\u039F\u0394\u039F\u03A3 A\u03A3.", "\u03BF\u03B4\u03BF\u03C2 a\u03C2", true)] // the small sigma that ends a word
    [InlineData("\u03A3\u0391\u03A3\u0391", "\u03C3\u03B1\u03C3\u03B1", true)]
    [InlineData("Stra\u00DFe", "strasse", false)]
    [InlineData("Paris\u00A0", "Paris", true)]
    [InlineData("the\u001Cend  of", "end of", true)]
    public void Squad_IsTheOfficialRule(string answer, string gold, bool equal)
    {
        Assert.Equal(equal, ExactMatch.IsCorrect(answer, gold, AnswerNormaliser.Squad));
        Assert.Equal(equal, ExactMatch.IsCorrect(gold, answer, AnswerNormaliser.Squad));
    }

    [Theory]
    [InlineData(" Paris\r\nQ: x", "Paris", true)]
    [InlineData("Paris", " Paris\u00A0", true)] // the gold answer is treated as the answer is
    [InlineData("paris", "Paris", false)]
    [InlineData("Male\u0301", "Mal\u00E9", false)]
    public void None_LooksAtTheFirstLineWithoutOuterWhiteSpace(string answer, string gold, bool equal) =>
        Assert.Equal(equal, ExactMatch.IsCorrect(answer, gold));
}
