using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>
/// A pattern of tokenizer.json: a literal, or a regular expression in Oniguruma's syntax. .NET's regular expressions look at UTF-16 units.
/// So each character beyond U+FFFF is first replaced by one unit of the same category (<see cref="StandIns"/>), and the places of the
/// matches are then translated back.
/// </summary>
internal sealed class TextPattern
{
    // Ten times the longest that a tokenizer is known to have. A compiled expression takes up to 14 kB a character.
    private const int Longest = 4000;
    private readonly string? literal;
    private readonly Regex? regex;
    private readonly StandIns stands = StandIns.Usual;

    /// <summary>True where the pattern may match a text of no length at the beginning of a text.</summary>
    public bool MayTakeNothing { get; }

    public TextPattern(JsonPlace place)
    {
        if (!place["String"].IsNothing)
        {
            literal = place["String"].Text();
            MayTakeNothing = literal.Length == 0;
            return;
        }
        var text = place["Regex"].Text();
        if (text.Length > Longest) throw place["Regex"].Wrong(string.Create(CultureInfo.InvariantCulture,
            $"the expression has {text.Length} characters, more than {Longest}"));
        try
        {
            (regex, stands, MayTakeNothing) = Expression(text);
        }
        catch (ArgumentException e)
        {
            throw place["Regex"].Wrong($"the expression cannot be read ({e.Message})");
        }
    }

    public TextPattern(string expression) => (regex, stands, MayTakeNothing) = Expression(expression);

    private TextPattern(Regex regex, StandIns stands) => (this.regex, this.stands) = (regex, stands);

    /// <summary>
    /// A pattern that means Rust's <c>\w</c> (Unicode Technical Standard 18, annex C) by <c>WORD</c>, which is written inside a class.
    /// </summary>
    /// <param name="expression">The expression, in .NET's syntax apart from <c>WORD</c>.</param>
    public static TextPattern OfRust(string expression)
    {
        var stands = new StandIns(OnigurumaExpression.WordBeyond);
        var word = OnigurumaExpression.Word + @"\u200C\u200D"
            + string.Concat(OnigurumaExpression.WordBeyond.Select(range => stands.Of(range.First, range.Last)));
        return new(Compile(expression.Replace("WORD", word, StringComparison.Ordinal)), stands);
    }

    private static (Regex Regex, StandIns Stands, bool MayTakeNothing) Expression(string text)
    {
        var (plain, named, nothing) = OnigurumaExpression.Translate(text, (_, _) => "");
        var stands = new StandIns(named);
        return (Compile(stands.HasNamed ? OnigurumaExpression.Translate(text, stands.Of).Expression : plain), stands, nothing);
    }

    private static Regex Compile(string expression) =>
        new(expression, RegexOptions.Compiled | RegexOptions.CultureInvariant | RegexOptions.Multiline);

    /// <summary>True where the pattern matches somewhere in a text.</summary>
    public bool IsIn(string text) => Matches(text).Any();

    /// <summary>
    /// The places where the pattern matches, in order. Matches do not overlap. A match of no length is left out where the match before it
    /// ends at the same place.
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
            for (var at = text.IndexOf(literal, StringComparison.Ordinal); at >= 0;
                at = text.IndexOf(literal, at + literal.Length, StringComparison.Ordinal))
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
            if (match.Length > 0 || found.Count == 0
                || found[^1].Item2 != match.Index) found.Add((match.Index, match.Index + match.Length));
        return found;
    }

    /// <summary>The text with each match replaced by <paramref name="content"/>.</summary>
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

    // The text with one UTF-16 unit for each character, and the place in the original text where each character begins. The list is null
    // where nothing changed.
    private (string Text, int[]? Starts) SingleUnits(string text)
    {
        if (!stands.IsIn(text)) return (text, null);
        var single = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length + 1);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(at);
            single.Append(stands.Of(rune));
            at += rune.Utf16SequenceLength;
        }
        starts.Add(at);
        return (single.ToString(), [.. starts]);
    }
}
