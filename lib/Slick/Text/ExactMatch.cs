using System.Globalization;
using System.Text;

namespace Slick.Text;

/// <summary>How answers are made comparable before exact match compares them.</summary>
public enum AnswerNormaliser
{
    /// <summary>Answers are compared as they are (the paper names no normaliser).</summary>
    None,
    /// <summary>
    /// The rule of SQuAD's official evaluation (Rajpurkar et al. 2016): lower case, without the 32 punctuation signs of ASCII, without the
    /// words a, an and the, with one space between words.
    /// </summary>
    Squad,
}

/// <summary>Exact match (EM) of an answer with the gold answer (paper, section 2 and appendix C).</summary>
public static class ExactMatch
{
    /// <summary>
    /// True where an answer equals the gold answer. The answer ends at its first line feed. Outer white space of both is left out.
    /// </summary>
    /// <param name="answer">The model's answer.</param>
    /// <param name="gold">The gold answer.</param>
    /// <param name="normaliser">How both are made comparable.</param>
    public static bool IsCorrect(string answer, string gold, AnswerNormaliser normaliser = AnswerNormaliser.None)
    {
        var end = answer.IndexOf('\n');
        var first = end < 0 ? answer : answer[..end];
        return string.Equals(Normalise(first, normaliser), Normalise(gold, normaliser), StringComparison.Ordinal);
    }

    /// <summary>The words of a text by the rule of <see cref="AnswerNormaliser.Squad"/>, without diacritics.</summary>
    /// <param name="text">The text.</param>
    public static IReadOnlyList<string> Words(string text) =>
        Squad(UnicodeForms.WithoutMarks(UnicodeForms.Normalize(text, compatible: false, compose: false)))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Normalise(string text, AnswerNormaliser normaliser) => normaliser == AnswerNormaliser.None ? text.Trim()
        : Squad(text);

    // The steps are in the official order. Words are those of Python's \b: letters, numbers and "_" (which is punctuation, and removed
    // before).
    private static string Squad(string text)
    {
        var words = new List<string>();
        var (word, kept) = (new StringBuilder(), new StringBuilder()); // word: characters of a word; kept: all between white space
        void EndWord()
        {
            if (word.ToString() is not ("a" or "an" or "the")) kept.Append(word);
            else EndKept(); // a space takes the place of the article
            word.Clear();
        }
        void EndKept()
        {
            if (kept.Length > 0) words.Add(kept.ToString());
            kept.Clear();
        }
        foreach (var rune in Lower(text))
        {
            if (rune.IsAscii && (Rune.IsPunctuation(rune) || Rune.IsSymbol(rune))) continue;
            if (Rune.IsLetter(rune) || Rune.IsNumber(rune))
            {
                word.Append(rune);
                continue;
            }
            EndWord();
            if (Rune.IsWhiteSpace(rune) || rune.Value is >= 0x1C and <= 0x1F) EndKept(); // white space in Python
            else kept.Append(rune);
        }
        EndWord();
        EndKept();
        return string.Join(' ', words);
    }

    // Lower case as Python's str.lower makes it: Unicode's full mapping, with the final form of a sigma that ends a word.
    private static IEnumerable<Rune> Lower(string text)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        for (var i = 0; i < runes.Length; i++)
        {
            if (runes[i].Value == 0x130) // I with a dot above
            {
                yield return new('i');
                yield return new(0x307);
            }
            else if (runes[i].Value == 0x3A3 && IsCased(Enumerable.Reverse(runes[..i]))
                && !IsCased(runes[(i + 1)..])) yield return new(0x3C2);
            else yield return Rune.ToLowerInvariant(runes[i]);
        }
    }

    // True where the first character that is not case-ignorable has case (The Unicode Standard, section 3.13).
    private static bool IsCased(IEnumerable<Rune> runes)
    {
        foreach (var rune in runes)
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
                or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
                || "'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A".Contains(rune.ToString(),
                    StringComparison.Ordinal)) continue;
            return category is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                || rune.Value is 0xAA or 0xBA or >= 0x2160 and <= 0x217F or >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149
                    or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189;
        }
        return false;
    }
}
