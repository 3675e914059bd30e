using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>
/// Translates a regular expression of Oniguruma (Ruby's syntax), which Hugging Face tokenizers uses, into an expression of .NET that
/// matches the same texts of characters up to U+FFFF. Where the expression names characters beyond U+FFFF, the caller says which characters
/// up to U+FFFF stand for them. Where the two syntaxes differ, the expression is rewritten if that is exact. Everything else is refused.
/// </summary>
internal sealed class OnigurumaExpression
{
    /// <summary>Oniguruma's <c>\w</c> inside a class. Outside a class <c>\w</c> has six more numbers.</summary>
    internal const string Word = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";
    private const string NumbersOfWordAlone = @"\u00B2\u00B3\u00B9\u00BC-\u00BE";
    /// <summary>Letters in circles and squares beyond U+FFFF: symbols that <c>\w</c> matches in Oniguruma and in Rust.</summary>
    internal static readonly IReadOnlyList<(int First, int Last)> WordBeyond = [(0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)];

    private static readonly string[] Categories =
        "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn".Split(' ');
    private const int MostNested = 250; // far more than any tokenizer has, far less than a thread's stack holds
    private static readonly string[] Groups = ["(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"];
    // With (?i: Oniguruma also matches one character with two (U+FB06 with st).
    private static readonly string[] Ligatures = ["ff", "fi", "fl", "ss", "st"];
    private static readonly Regex Interval =
        new(@"\G\{(?:(?<low>[0-9]+)(?<comma>,?)(?<high>[0-9]*)|(?<comma>,)(?<high>[0-9]+))\}", RegexOptions.CultureInvariant);

    private readonly string pattern;
    private readonly StringBuilder result = new();
    private readonly Stack<(int Begin, bool Folds, bool Behind, bool Atomic, string Kind, bool Takes, bool AllTake)> groups = new();
    private readonly List<(int First, int Last)> named = [];
    private readonly Func<int, int, string> beyond;
    private bool folds;  // true inside (?i:
    private bool behind; // true inside (?<=, which .NET reads from right to left
    private bool atomic; // true where something in this group gives back nothing that it matched
    private bool takes;  // true where this alternative matches a character, or looks behind at one
    private bool allTake = true; // true where all earlier alternatives of this group do so too
    private char letter; // the last atom, where it is one character
    private int at;

    private OnigurumaExpression(string pattern, Func<int, int, string> beyond) => (this.pattern, this.beyond) = (pattern, beyond);

    /// <summary>Translates an expression.</summary>
    /// <param name="pattern">Oniguruma's expression.</param>
    /// <param name="beyond">Gives the characters that stand in a class for a range beyond U+FFFF.</param>
    /// <returns>The expression for <see cref="RegexOptions.Multiline"/>; the characters that the pattern names itself, as ranges; and true
    /// where the pattern may match nothing at the beginning of a text.</returns>
    /// <exception cref="ArgumentException">The expression is damaged, or something in it is not supported.</exception>
    public static (string Expression, IReadOnlyList<(int First, int Last)> Named, bool MayTakeNothing) Translate(string pattern, Func<int,
        int, string> beyond)
    {
        var expression = new OnigurumaExpression(pattern, beyond);
        expression.Read();
        return (expression.result.ToString(), expression.named, !(expression.takes && expression.allTake));
    }

    private static ArgumentException Refused(string what) => new($"{what} is not supported");

    private bool Follows(string text) => string.CompareOrdinal(pattern, at, text, 0, text.Length) == 0;

    private void Read()
    {
        while (at < pattern.Length)
        {
            var begin = result.Length;
            var (before, keeps, taken) = (letter, false, true);
            letter = default;
            switch (pattern[at])
            {
                case '(':
                    Open();
                    continue;
                case ')':
                    if (groups.Count == 0) throw Refused("a ')' without its '('");
                    keeps = atomic;
                    var inside = takes && allTake;
                    (begin, folds, behind, atomic, var kind, takes, allTake) = groups.Pop();
                    taken = inside && kind is not ("(?=" or "(?!" or "(?<!");
                    atomic |= keeps;
                    result.Append(pattern[at++]);
                    break;
                case '|':
                    result.Append(pattern[at++]);
                    (takes, allTake) = (false, allTake && takes);
                    continue;
                case '[':
                    Class();
                    break;
                case '^': // matches at the beginning of a line, but not after a line feed that ends the text
                    result.Append(@"(?:\A|^(?!\z))");
                    at++;
                    taken = false;
                    break;
                case '.' or '$':
                    taken = pattern[at] == '.';
                    result.Append(pattern[at++]);
                    break;
                case '?' or '*' or '+':
                    throw Refused($"a '{pattern[at]}' that follows nothing or another quantifier");
                case '\\' when Follows(@"\A") || Follows(@"\z") || Follows(@"\Z"):
                    result.Append(pattern, at, 2);
                    at += 2;
                    taken = false;
                    break;
                case '\\' when Follows(@"\w") || Follows(@"\W"):
                    result.Append(Follows(@"\w") ? "[" : "[^").Append(NumbersOfWordAlone).Append(OfWord()).Append(']');
                    at += 2;
                    break;
                default:
                    if (Interval.IsMatch(pattern, at)) throw Refused("a '{' that follows nothing or another quantifier");
                    var (character, set) = Next();
                    if (set is null && character > 0xFFFF)
                    {
                        result.Append('[');
                        Member(character, character);
                        result.Append(']');
                    }
                    else if (set is null) Literal((char)character, before);
                    else result.Append('[').Append(set).Append(']');
                    break;
            }
            var written = result.Length;
            takes |= Quantifier(begin) && taken;
            // .NET does not find every match of (?:a?+)*a.
            if (keeps && result.Length > written) throw Refused("a quantifier of a group with something possessive or atomic in it");
        }
        if (groups.Count > 0) throw Refused("a '(' without its ')'");
    }

    private void Open()
    {
        var outside = (Begin: result.Length, folds, behind, atomic, Kind: "", takes, allTake);
        if (result.Length == 0 && Follows("(?i)")) // elsewhere (?i) reaches over '|' in Oniguruma only
        {
            result.Append("(?i)");
            folds = true;
            at += 4;
            return;
        }
        var group = Follows("(?i:") ? "(?i:" : Follows("(?-i:") ? "(?-i:" : Array.Find(Groups, Follows);
        if (group is null && Follows("(?")) throw Refused($"'{pattern.AsSpan(at, Math.Min(4, pattern.Length - at))}'");
        if (group == "(?>" && behind) throw Refused("an atomic group behind '(?<'");
        behind |= group is "(?<=" or "(?<!";
        if (group is "(?i:" or "(?-i:") folds = group == "(?i:";
        result.Append(group ?? "(?:"); // groups have no number: nothing refers to a group
        at += group?.Length ?? 1;
        if (groups.Count == MostNested) throw Refused($"a '(' inside {MostNested} others");
        groups.Push(outside with { Kind = group ?? "(" });
        (takes, allTake) = (false, true);
        atomic = group == "(?>";
    }

    // X?+ becomes (?>X?). For intervals there is no such form: X{1,3}+ becomes (?:X{1,3})+, and X{2}? becomes (?:X{2})?.
    // The result is true where the atom before the quantifier must match at least once.
    private bool Quantifier(int begin)
    {
        bool Takes(char character)
        {
            if (at == pattern.Length || pattern[at] != character) return false;
            at++;
            return true;
        }
        if (at == pattern.Length) return true;
        var once = true;
        if (pattern[at] is '?' or '*' or '+')
        {
            once = pattern[at] == '+';
            result.Append(pattern[at++]);
            if (Takes('?')) result.Append('?');
            else if (Takes('+'))
            {
                if (behind) throw Refused("a possessive quantifier behind '(?<'");
                result.Insert(begin, "(?>").Append(')');
                atomic = true;
            }
        }
        else if (Interval.Match(pattern, at) is { Success: true } interval)
        {
            var (low, comma, high) = (interval.Groups["low"].Value, interval.Groups["comma"].Value, interval.Groups["high"].Value);
            result.Append('{').Append(low.Length > 0 ? low : "0").Append(comma).Append(high).Append('}');
            at += interval.Length;
            once = low.Any(digit => digit != '0') && !(comma.Length == 0 && Follows("?"));
            if (Takes('+')) result.Insert(begin, "(?:").Append(")+");
            else if (Takes('?')) _ = comma.Length > 0 ? result.Append('?') : result.Insert(begin, "(?:").Append(")?");
        }
        else return true;
        if (Interval.IsMatch(pattern, at)) throw Refused("a '{' that follows nothing or another quantifier");
        return once;
    }

    private void Literal(char character, char before)
    {
        Name(character, character);
        if (folds && Ligatures.Contains($"{before}{character}".ToLowerInvariant()))
            throw Refused($"'{before}{character}' without regard to case");
        letter = character;
        result.Append(folds && character is 's' or 'S' ? @"[s\u017F]" : Written(character)); // .NET does not match the long s here
    }

    private void Class()
    {
        at++;
        result.Append('[');
        if (Follows("^")) result.Append(pattern[at++]);
        Members(0);
        result.Append(']');
    }

    // Reads the members of a class and the bracket that ends it. The members of a class inside the class are members of the outer one too.
    private void Members(int outer)
    {
        if (outer == MostNested) throw Refused($"a '[' inside {MostNested} others");
        for (var begin = at; ; )
        {
            if (at >= pattern.Length) throw Refused("a '[' without its ']'");
            if (pattern[at] == ']' && at > begin) break;
            if (pattern[at] == '[' && !Follows("[:") && !Follows("[^"))
            {
                at++;
                Members(outer + 1);
                continue;
            }
            if (pattern[at] is '[' or ']') throw Refused($"'{pattern.AsSpan(at, Math.Min(2, pattern.Length - at))}' inside a class");
            if (Follows("&&")) throw Refused("'&&' inside a class");
            if (pattern[at] == '-' && at > begin && !Follows("-]")) throw Refused("a '-' without a backslash in the midst of a class");
            var plain = pattern[at] == '-';
            var (first, set) = Next();
            if (set is not null)
            {
                result.Append(set);
                continue;
            }
            var last = first;
            if (Follows("-") && !Follows("-]"))
            {
                at++;
                if (plain || at == pattern.Length || pattern[at] is '[' or '-') throw Refused("such a range");
                (last, set) = Next();
                if (set is not null || last < first) throw Refused("such a range");
            }
            Member(first, last);
        }
        at++;
    }

    private void Member(int first, int last)
    {
        Name(first, last);
        if (first <= 0xFFFF) result.Append(Written((char)first)).Append('-').Append(Written((char)Math.Min(last, 0xFFFF)));
        if (last > 0xFFFF) result.Append(beyond(Math.Max(first, 0x10000), last));
        if (folds && (first <= 's' && last >= 's' || first <= 'S' && last >= 'S')) result.Append(@"\u017F");
    }

    // The next character, or a set that may be written inside a class.
    private (int Character, string? Set) Next()
    {
        if (!Rune.TryGetRuneAt(pattern, at, out var rune)) throw Refused("half of a surrogate pair");
        at += rune.Utf16SequenceLength;
        if (rune.Value != '\\') return (rune.Value, null);
        if (at == pattern.Length) throw Refused("a '\\' at the end");
        var character = pattern[at++];
        switch (character)
        {
            case 'n': return ('\n', null);
            case 'r': return ('\r', null);
            case 't': return ('\t', null);
            case 'f': return ('\f', null);
            case 'v': return ('\v', null);
            case 'a': return ('\a', null);
            case 'e': return ('\e', null);
            case 'x' or 'u':
                var digits = pattern.AsSpan(at, Math.Min(character == 'x' ? 2 : 4, pattern.Length - at));
                // Beyond \x7F this is a byte and not a character.
                if (!ushort.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
                    || digits.Length < (character == 'x' ? 2 : 4)
                        || (character == 'x' && code > 0x7F)) throw Refused($"'\\{character}{digits}'");
                if (char.IsSurrogate((char)code)) throw Refused("half of a surrogate pair");
                at += digits.Length;
                return (code, null);
            case 's' or 'S' or 'd' or 'D':
                return (default, $"\\{character}");
            case 'w':
                return (default, OfWord());
            case 'p' or 'P':
                var end = pattern.IndexOf('}', at);
                var name = end > at && pattern[at] == '{' ? pattern[(at + 1)..end] : "";
                if (!Categories.Contains(name)
                    || (folds && name is "Lu" or "Ll" or "Lt")) throw Refused($"the property '\\{character}{{{name}}}' here");
                at = end + 1;
                return (default, $"\\{character}{{{name}}}");
            default:
                return char.IsAscii(character) && !char.IsAsciiLetterOrDigit(character) ? (character, null)
                    : throw Refused($"'\\{character}' here");
        }
    }

    private string OfWord()
    {
        named.AddRange(WordBeyond);
        return Word + string.Concat(WordBeyond.Select(range => beyond(range.First, range.Last)));
    }

    private void Name(int first, int last)
    {
        for (var c = Math.Max(first, 0x80); folds && c <= last; c++)
            if (Rune.IsValid(c) && new Rune(c) is var rune
                && (Rune.IsLetter(rune) || Rune.IsSymbol(rune)
                || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.LetterNumber))
                throw Refused($"U+{c:X4} without regard to case");
        named.Add((first, last));
    }

    private static string Written(char character) => char.IsAsciiLetterOrDigit(character) ? character.ToString()
        : $"\\u{(int)character:X4}";
}
