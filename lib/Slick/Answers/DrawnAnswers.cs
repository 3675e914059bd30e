namespace Slick.Answers;

/// <summary>
/// The answers that a model gives to one question after one prompt. An answer is the text up to the line's end, without outer white space.
/// </summary>
/// <param name="Greedy">The greedy answer: every token is the most probable one.</param>
/// <param name="Sampled">The different sampled answers with the number of samples that gave each, the most frequent answer first.</param>
public sealed record DrawnAnswers(string Greedy, IReadOnlyList<(string Answer, int Count)> Sampled)
{
    /// <summary>Counts equal samples together.</summary>
    /// <param name="greedy">The greedy answer.</param>
    /// <param name="sampled">Samples with the number of times each was drawn. The same answer may be listed several times.</param>
    internal static DrawnAnswers Of(string greedy, IEnumerable<(string Answer, int Count)> sampled)
    {
        var sums = sampled.GroupBy(a => a.Answer, StringComparer.Ordinal).Select(g => (g.Key, g.Sum(a => a.Count)));
        return new(greedy, [.. sums.OrderByDescending(a => a.Item2).ThenBy(a => a.Key, StringComparer.Ordinal)]);
    }

    /// <summary>The answer in a text with which a model continues a prompt: the text's first line, without outer white space.</summary>
    internal static string FirstLine(string text)
    {
        var line = text.IndexOf('\n');
        return (line < 0 ? text : text[..line]).Trim();
    }
}
