using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>
/// A pattern of tokenizer.json: a literal, or a regular expression as Oniguruma reads it. .NET's expressions look at
/// UTF-16 units: a character beyond U+FFFF is first replaced by a single unit of its own category, one that the
/// expression does not name, and the places found are translated back.
/// </summary>
internal sealed class TextPattern
{
    // The circled letters beyond U+FFFF are symbols that Oniguruma and Rust count among the characters of words.
    private const char CircledLetter = '\u24B6';

    private static readonly char[] UsualStands = [.. Enum.GetValues<UnicodeCategory>().Select(Stand)];

    private readonly string? literal;
    private readonly Regex? regex;
    private readonly char[] stands = UsualStands; // by category

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
            (regex, stands) = Expression(text);
        }
        catch (ArgumentException e)
        {
            throw place["Regex"].Wrong($"the expression cannot be read ({e.Message})");
        }
    }

    public TextPattern(string expression) => (regex, stands) = Expression(expression);

    private TextPattern(Regex regex) => this.regex = regex;

    /// <summary>
    /// A pattern with Rust's <c>\w</c> (Unicode Technical Standard 18, annex C) written as <c>WORD</c>, to stand in a class.
    /// </summary>
    public static TextPattern OfRust(string expression) =>
        new(Compile(expression.Replace("WORD", OnigurumaExpression.Word + @"\u200C\u200D", StringComparison.Ordinal)));

    private static (Regex Regex, char[] Stands) Expression(string text)
    {
        var (expression, named) = OnigurumaExpression.Translate(text);
        bool Named(char character) => named.Any(n => n.First <= character && n.Last >= character);
        if (Named(CircledLetter)) throw new ArgumentException($"U+{(int)CircledLetter:X4} is not supported");
        return (Compile(expression), Array.Exists(UsualStands, Named) ? [.. UsualStands.Select(s => Named(s) ? Another(s, Named) : s)] : UsualStands);
    }

    private static Regex Compile(string expression) => new(expression, RegexOptions.Compiled | RegexOptions.CultureInvariant | RegexOptions.Multiline);

    /// <summary>True where the pattern matches somewhere.</summary>
    public bool IsIn(string text) => Matches(text).Any();

    /// <summary>
    /// Where the pattern matches, in order; matches do not overlap. One of no length is among them unless it stands where
    /// the match before it ends.
    /// </summary>
    public IEnumerable<(int Begin, int End)> Matches(string text)
    {
        if (literal is not null)
        {
            if (literal.Length == 0)
            {
                for (var at = 0; at <= text.Length; at++)
                    if (at == text.Length || !char.IsLowSurrogate(text[at])) yield return (at, at);
                yield break;
            }
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
            if (match.Length > 0 || found.Count == 0 || found[^1].Item2 != match.Index) found.Add((match.Index, match.Index + match.Length));
        return found;
    }

    /// <summary>The text with its matches replaced.</summary>
    public string Replace(string text, string content)
    {
        StringBuilder? result = null;
        var done = 0;
        foreach (var (begin, end) in Matches(text))
        {
            (result ??= new()).Append(text, done, begin - done).Append(content);
            done = end;
        }
        return result is null ? text : result.Append(text, done, text.Length - done).ToString();
    }

    // One UTF-16 unit a character, and where each character begins in the original; no list where nothing changed.
    private (string Text, int[]? Starts) SingleUnits(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return (text, null);
        var single = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length + 1);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(at);
            single.Append(rune.IsBmp ? (char)rune.Value : IsCircledLetter(rune.Value) ? CircledLetter : stands[(int)Rune.GetUnicodeCategory(rune)]);
            at += rune.Utf16SequenceLength;
        }
        starts.Add(at);
        return (single.ToString(), [.. starts]);
    }

    private static bool IsCircledLetter(int character) => character is >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189;

    // Another character of its category; the numbers and symbols that Oniguruma's \w has are left out.
    private static char Another(char stand, Func<char, bool> named)
    {
        var category = char.GetUnicodeCategory(stand);
        for (var c = '\u00C0'; c < '\uFFFF'; c++)
            if (char.GetUnicodeCategory(c) == category && c is not (>= '\u24B6' and <= '\u24E9') && !named(c)) return c;
        throw new ArgumentException($"an expression that names every character of the category {category} is not supported");
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
        UnicodeCategory.OtherNumber => '\u2460',
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
}
