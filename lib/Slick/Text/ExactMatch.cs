using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>What is made equal before two answers are compared.</summary>
public enum AnswerNormaliser
{
    /// <summary>Nothing: the strings must be the same (the paper names no normaliser).</summary>
    None,
    /// <summary>Lower case, no punctuation, no articles, single spaces, as for SQuAD (Rajpurkar et al. 2016).</summary>
    Squad,
}

/// <summary>Exact match (EM) of an answer with the gold answer.</summary>
public static partial class ExactMatch
{
    /// <summary>True where they are equal; the answer ends at its first line end, and outer white space does not count.</summary>
    public static bool IsCorrect(string answer, string gold, AnswerNormaliser normaliser = AnswerNormaliser.None)
    {
        var end = answer.IndexOf('\n');
        var first = (end < 0 ? answer : answer[..end]).Trim();
        return normaliser == AnswerNormaliser.None
            ? string.Equals(first, gold, StringComparison.Ordinal)
            : string.Equals(Squad(first), Squad(gold), StringComparison.Ordinal);
    }

    private static string Squad(string text)
    {
        var letters = string.Concat(text.ToLowerInvariant().Where(c => !char.IsPunctuation(c)));
        return Spaces().Replace(Articles().Replace(letters, " "), " ").Trim();
    }

    [GeneratedRegex(@"\b(a|an|the)\b")]
    private static partial Regex Articles();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
