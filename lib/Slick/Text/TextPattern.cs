using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>
/// A pattern of tokenizer.json: a literal, or a regular expression as Oniguruma reads it. .NET's expressions look at
/// UTF-16 units: a character beyond U+FFFF is first replaced by a single unit of its own category, and the places found
/// are translated back. What the two read differently is translated, or refused where that is not easy: nothing is read
/// in another sense in silence.
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
            if (literal.Length == 0) throw place["String"].Wrong("an empty text is not supported");
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

    /// <summary>A pattern whose matches are replaced.</summary>
    public static TextPattern ToReplace(JsonPlace place)
    {
        var pattern = new TextPattern(place);
        return pattern.regex?.IsMatch("") == true ? throw place["Regex"].Wrong("an expression that matches no text at all is not supported here") : pattern;
    }

    // ^ and $ are the ends of lines.
    private static Regex Expression(string text) => new(Translate(text), RegexOptions.Compiled | RegexOptions.CultureInvariant | RegexOptions.Multiline);

    /// <summary>The members of \w in Rust's expressions, for a class; see also <see cref="IsCircledLetter"/>.</summary>
    public const string RustWord = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u200C\u200D\u24B6-\u24E9";

    // The same in Oniguruma's: in a set, and alone, where a few numbers of Latin-1 are members as well.
    private const string WordInSet = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";
    private const string Word = WordInSet + @"\u00B2\u00B3\u00B9\u00BC-\u00BE";

    /// <summary>Symbols beyond U+FFFF that count as letters (Unicode's Other_Alphabetic).</summary>
    public static bool IsCircledLetter(Rune rune) => rune.Value is >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189;

    /// <summary>Where the pattern matches, in order; matches do not overlap.</summary>
    public IEnumerable<(int Begin, int End)> Matches(string text)
    {
        if (literal is not null)
        {
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
            // A match of nothing is a place to cut, but not where another has just ended.
            if (match.Length > 0 || found.Count == 0 || found[^1].Item2 != match.Index) found.Add((match.Index, match.Index + match.Length));
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
            single.Append(rune.IsBmp ? (char)rune.Value : IsCircledLetter(rune) ? '\u24B6' : Stand(Rune.GetUnicodeCategory(rune)));
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

    // X?+, X*+ and X++ for an X of one character, class or group: (?>X?) and so on; X{1,3}+ is (?:X{1,3})+.
    private static string Translate(string pattern)
    {
        if (pattern.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) throw new ArgumentException("characters beyond U+FFFF are not supported");
        var result = new StringBuilder();
        var (atom, groups) = (0, new Stack<(int Begin, bool Folds)>()); // where the last atom begins in the result
        var folds = false; // upper and lower case are the same
        for (var i = 0; i < pattern.Length;)
        {
            if (pattern[i] is '?' or '*' or '+' && i + 1 < pattern.Length && pattern[i + 1] == '+')
            {
                result.Insert(atom, "(?>").Append(pattern[i]).Append(')');
                i += 2;
                continue;
            }
            if (pattern[i] == '{' && Counted(pattern, i) is { Length: > 0 } counted)
            {
                i += counted.Length;
                if (counted[1] == ',') counted = "{0" + counted[1..];
                if (i < pattern.Length && pattern[i] == '+') result.Insert(atom, "(?:").Append(counted).Append(')');
                else result.Append(counted);
                continue;
            }
            var begin = result.Length;
            var length = pattern[i] switch
            {
                '\\' => pattern.AsSpan(i).StartsWith("\\p{", StringComparison.Ordinal) || pattern.AsSpan(i).StartsWith("\\P{", StringComparison.Ordinal) ? pattern.IndexOf('}', i) - i + 1 : 2,
                '[' => ClassLength(pattern, i),
                '(' when pattern.AsSpan(i).StartsWith("(?i)", StringComparison.Ordinal) => 4,
                _ => 1,
            };
            length = Math.Clamp(length, 1, pattern.Length - i);
            var part = pattern.Substring(i, length);
            if (part == "(?i)") folds = true;
            else if (part == "(")
            {
                groups.Push((begin, folds));
                if (i + 2 < pattern.Length && pattern[i + 1] == '?' && (char.IsAsciiLetter(pattern[i + 2]) || pattern[i + 2] == '-'))
                    folds = pattern.AsSpan(i).StartsWith("(?i:", StringComparison.Ordinal) ? true : throw new ArgumentException("of all settings in parentheses only (?i) is supported");
            }
            atom = pattern[i] switch
            {
                ')' when groups.Count > 0 => Closed(),
                '?' or '*' or '+' => atom,
                _ => begin,
            };
            result.Append(part switch
            {
                @"\w" => $"[{Word}]",
                @"\W" => $"[^{Word}]",
                @"\b" or @"\B" => throw new ArgumentException($"{part} is not supported"),
                "s" or "S" when folds => @"[s\u017F]",
                _ => part[0] == '[' ? Class(part, folds) : part,
            });
            i += length;
        }
        return result.ToString();

        int Closed()
        {
            (var begin, folds) = groups.Pop();
            return begin;
        }
    }

    // {2}, {2,}, {,2} or {2,3} at a place of the pattern, or nothing.
    private static string Counted(string pattern, int at) => Regex.Match(pattern[at..], @"^\{(\d+(,\d*)?|,\d+)\}", RegexOptions.CultureInvariant).Value;

    private static string Class(string part, bool folds)
    {
        for (var i = 1; i < part.Length; i++)
            if (part[i] == '\\') i++;
            else if (part[i] == '[' || part[i..].StartsWith("&&", StringComparison.Ordinal)) throw new ArgumentException($"a set within a set is not supported: {part}");
        if (Regex.IsMatch(part, @"(?<!\\)(\\\\)*\\[WbB]", RegexOptions.CultureInvariant)) throw new ArgumentException($"\\W, \\b and \\B are not supported in a set: {part}");
        part = Regex.Replace(part, @"(?<!\\)((?:\\\\)*)\\w", "$1" + WordInSet, RegexOptions.CultureInvariant);
        // Oniguruma knows that the long s is an s.
        if (!folds || Regex.IsMatch("s", part, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant) == part.StartsWith("[^", StringComparison.Ordinal)) return part;
        return part[..^1] + @"\u017F]";
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
