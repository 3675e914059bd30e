using System.Globalization;
using System.Text;

namespace Slick.Text;

/// <summary>What is made equal before two answers are compared.</summary>
public enum AnswerNormaliser
{
    /// <summary>Nothing: the strings must be the same (the paper names no normaliser).</summary>
    None,
    /// <summary>
    /// The rule of SQuAD's official evaluation (Rajpurkar et al. 2016): lower case, the 32 punctuation signs of ASCII
    /// left out, the words a, an and the left out, one space between words.
    /// </summary>
    Squad,
}

/// <summary>Exact match (EM) of an answer with the gold answer.</summary>
public static class ExactMatch
{
    /// <summary>True where they are equal; the answer ends at its first line feed, and outer white space of both does not count.</summary>
    public static bool IsCorrect(string answer, string gold, AnswerNormaliser normaliser = AnswerNormaliser.None)
    {
        var end = answer.IndexOf('\n');
        var first = end < 0 ? answer : answer[..end];
        return string.Equals(Normalise(first, normaliser), Normalise(gold, normaliser), StringComparison.Ordinal);
    }

    private static string Normalise(string text, AnswerNormaliser normaliser) => normaliser == AnswerNormaliser.None ? text.Trim()
        : Squad(text);

    // In the official order. Words are those of Python's \b: letters, numbers and "_" (which is punctuation, and gone by then).
    private static string Squad(string text)
    {
        var words = new List<string>();
        var (word, kept) = (new StringBuilder(), new StringBuilder()); // of word characters; of all between white space
        void EndWord()
        {
            if (word.ToString() is not ("a" or "an" or "the")) kept.Append(word);
            else EndKept(); // a space takes its place
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
            if (Rune.IsWhiteSpace(rune) || rune.Value is >= 0x1C and <= 0x1F) EndKept(); // Python's white space
            else kept.Append(rune);
        }
        EndWord();
        EndKept();
        return string.Join(' ', words);
    }

    // Python's str.lower: Unicode's full mapping, with the small sigma that ends a word.
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

    // The first that is not case-ignorable has case (The Unicode Standard, section 3.13).
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
