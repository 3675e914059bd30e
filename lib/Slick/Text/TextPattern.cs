using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>
/// A pattern of tokenizer.json: a literal, or a regular expression as Oniguruma reads it. .NET's expressions look at
/// UTF-16 units: a character beyond U+FFFF is first replaced by a single unit of its own category, and the places found
/// are translated back. Possessive quantifiers become atomic groups.
/// </summary>
internal sealed class TextPattern
{
    private readonly string? literal;
    private readonly Regex? regex;

    public TextPattern(JsonPlace place)
    {
        if (!place["String"].IsNothing)
        {
            literal = place["String"].Text();
            return;
        }
        var text = place["Regex"].Text();
        try
        {
            regex = Expression(text);
        }
        catch (ArgumentException e)
        {
            throw place["Regex"].Wrong($"the expression cannot be read ({e.Message})");
        }
    }

    public TextPattern(string expression) => regex = Expression(expression);

    private static Regex Expression(string text) => new(Translate(text), RegexOptions.Compiled | RegexOptions.CultureInvariant);

    /// <summary>Where the pattern matches, in order; matches do not overlap.</summary>
    public IEnumerable<(int Begin, int End)> Matches(string text)
    {
        if (literal is not null)
        {
            if (literal.Length == 0) yield break;
            for (var at = text.IndexOf(literal, StringComparison.Ordinal); at >= 0; at = text.IndexOf(literal, at + literal.Length, StringComparison.Ordinal))
                yield return (at, at + literal.Length);
            yield break;
        }
        var (single, starts) = SingleUnits(text);
        foreach (var (begin, end) in Found(single))
            yield return starts is null ? (begin, end) : (starts[begin], starts[end]);
    }

    private List<(int Begin, int End)> Found(string text)
    {
        var found = new List<(int, int)>();
        foreach (var match in regex!.EnumerateMatches(text))
            if (match.Length > 0) found.Add((match.Index, match.Index + match.Length));
        return found;
    }

    /// <summary>The text with its matches replaced.</summary>
    public string Replace(string text, string content)
    {
        var result = new StringBuilder();
        var done = 0;
        foreach (var (begin, end) in Matches(text))
        {
            result.Append(text, done, begin - done).Append(content);
            done = end;
        }
        return done == 0 ? text : result.Append(text, done, text.Length - done).ToString();
    }

    // One UTF-16 unit a character, and where each character begins in the original; no list where nothing changed.
    private static (string Text, int[]? Starts) SingleUnits(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return (text, null);
        var single = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length + 1);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(at);
            single.Append(rune.IsBmp ? (char)rune.Value : Stand(Rune.GetUnicodeCategory(rune)));
            at += rune.Utf16SequenceLength;
        }
        starts.Add(at);
        return (single.ToString(), [.. starts]);
    }

    // A rare character of the category.
    private static char Stand(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\u0531',
        UnicodeCategory.LowercaseLetter => '\u0561',
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\u05D0',
        UnicodeCategory.NonSpacingMark => '\u0300',
        UnicodeCategory.SpacingCombiningMark => '\u0903',
        UnicodeCategory.EnclosingMark => '\u0488',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\u16EE',
        UnicodeCategory.OtherNumber => '\u00B2',
        UnicodeCategory.ConnectorPunctuation => '\u203F',
        UnicodeCategory.DashPunctuation => '\u058A',
        UnicodeCategory.OpenPunctuation => '\u0F3A',
        UnicodeCategory.ClosePunctuation => '\u0F3B',
        UnicodeCategory.InitialQuotePunctuation => '\u00AB',
        UnicodeCategory.FinalQuotePunctuation => '\u00BB',
        UnicodeCategory.OtherPunctuation => '\u00B7',
        UnicodeCategory.MathSymbol => '\u00B1',
        UnicodeCategory.CurrencySymbol => '\u00A2',
        UnicodeCategory.ModifierSymbol => '\u00A8',
        UnicodeCategory.OtherSymbol => '\u00A6',
        UnicodeCategory.Format => '\u00AD',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378', // not assigned
    };

    // X?+, X*+ and X++ for an X of one character, class or group: (?>X?) and so on.
    private static string Translate(string pattern)
    {
        var result = new StringBuilder();
        var (atom, groups) = (0, new Stack<int>()); // where the last atom begins in the result
        for (var i = 0; i < pattern.Length;)
        {
            if (pattern[i] is '?' or '*' or '+' && i + 1 < pattern.Length && pattern[i + 1] == '+')
            {
                result.Insert(atom, "(?>").Append(pattern[i]).Append(')');
                i += 2;
                continue;
            }
            var begin = result.Length;
            var length = pattern[i] switch
            {
                '\\' => pattern.AsSpan(i).StartsWith("\\p{", StringComparison.Ordinal) || pattern.AsSpan(i).StartsWith("\\P{", StringComparison.Ordinal) ? pattern.IndexOf('}', i) - i + 1 : 2,
                '[' => ClassLength(pattern, i),
                _ => 1,
            };
            length = Math.Clamp(length, 1, pattern.Length - i);
            if (pattern[i] == '(') groups.Push(begin);
            atom = pattern[i] switch
            {
                ')' when groups.Count > 0 => groups.Pop(),
                '?' or '*' or '+' => atom,
                _ => begin,
            };
            result.Append(pattern, i, length);
            i += length;
        }
        return result.ToString();
    }

    private static int ClassLength(string pattern, int begin)
    {
        for (var i = begin + 1; i < pattern.Length; i++)
        {
            if (pattern[i] == '\\') i++;
            else if (pattern[i] == ']' && i > begin + 1) return i - begin + 1;
        }
        return pattern.Length - begin;
    }
}
