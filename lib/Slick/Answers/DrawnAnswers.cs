namespace Slick.Answers;

/// <summary>What a model answers to one question behind one prompt. An answer is its text up to the line's end, trimmed.</summary>
/// <param name="Greedy">The answer whose every token is the most probable one.</param>
/// <param name="Sampled">The different sampled answers and how many samples gave each, the most frequent first.</param>
public sealed record DrawnAnswers(string Greedy, IReadOnlyList<(string Answer, int Count)> Sampled)
{
    /// <summary>Counts equal samples together.</summary>
    /// <param name="greedy">The greedy answer.</param>
    /// <param name="sampled">Samples, each with how often it was drawn; the same answer may stand there several times.</param>
    internal static DrawnAnswers Of(string greedy, IEnumerable<(string Answer, int Count)> sampled)
    {
        var sums = sampled.GroupBy(a => a.Answer, StringComparer.Ordinal).Select(g => (g.Key, g.Sum(a => a.Count)));
        return new(greedy, [.. sums.OrderByDescending(a => a.Item2).ThenBy(a => a.Key, StringComparer.Ordinal)]);
    }

    /// <summary>The answer in the text that a model continues a prompt with: its first line, trimmed.</summary>
    internal static string FirstLine(string text)
    {
        var line = text.IndexOf('\n');
        return (line < 0 ? text : text[..line]).Trim();
    }
}
