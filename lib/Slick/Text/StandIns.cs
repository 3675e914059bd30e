using System.Buffers;
using System.Globalization;
using System.Text;

namespace Slick.Text;

/// <summary>
/// Chooses characters up to U+FFFF that stand for characters beyond U+FFFF while an expression is matched. A stand-in has the same category
/// as the character that it stands for, and the expression does not name it. Where the expression names a range beyond U+FFFF, the
/// characters of this range have stand-ins of their own. These stand for the range in the expression, and for nothing else in a text.
/// </summary>
internal sealed class StandIns
{
    private static readonly char[] Preferred = [.. Enum.GetValues<UnicodeCategory>().Select(Rare)];

    private static readonly HashSet<UnicodeCategory> Beyond =
        [.. Enumerable.Range(0x10000, 0x100000).Select(c => Rune.GetUnicodeCategory(new Rune(c)))];

    /// <summary>The stand-ins for an expression that names no characters.</summary>
    public static StandIns Usual { get; } = new([]);

    private readonly char[] usual; // by category, for categories with characters beyond U+FFFF
    // The named ranges in order. They do not overlap.
    private readonly List<(int First, int Last, Dictionary<UnicodeCategory, char> Stands)> ranges = [];
    private readonly SearchValues<char> reserved; // the stand-ins of the named ranges

    /// <summary>Chooses the stand-ins.</summary>
    /// <param name="named">The characters that the expression names, as ranges.</param>
    /// <exception cref="ArgumentException">The expression names every character of a category.</exception>
    public StandIns(IReadOnlyList<(int First, int Last)> named)
    {
        var taken = new HashSet<char>();
        char Free(UnicodeCategory category)
        {
            bool IsFree(char c) => !taken.Contains(c) && !named.Any(n => n.First <= c && n.Last >= c);
            if (IsFree(Preferred[(int)category])) return Preferred[(int)category];
            // The symbols that Oniguruma's \w matches are left out.
            for (var c = '\u00C0'; c < '\uFFFF'; c++)
                if (char.GetUnicodeCategory(c) == category && c is not (>= '\u24B6' and <= '\u24E9') && IsFree(c)) return c;
            throw new ArgumentException($"an expression that names every character of the category {category} is not supported");
        }
        usual = [.. Enum.GetValues<UnicodeCategory>().Select(category => Beyond.Contains(category) ? Free(category) : default)];
        taken.UnionWith(usual);
        var beyond = named.Where(n => n.Last > 0xFFFF).Select(n => (First: Math.Max(n.First, 0x10000), n.Last)).ToList();
        int[] borders = [.. beyond.SelectMany(n => new[] { n.First, n.Last + 1 }).Distinct().Order()];
        for (var i = 0; i + 1 < borders.Length; i++)
        {
            var (first, last) = (borders[i], borders[i + 1] - 1);
            if (!beyond.Any(n => n.First <= first && n.Last >= last)) continue;
            var stands = new Dictionary<UnicodeCategory, char>();
            for (var c = first; c <= last; c++)
            {
                var category = Rune.GetUnicodeCategory(new Rune(c));
                if (stands.ContainsKey(category)) continue;
                stands.Add(category, Free(category));
                taken.Add(stands[category]);
            }
            ranges.Add((first, last, stands));
        }
        reserved = SearchValues.Create([.. ranges.SelectMany(r => r.Stands.Values)]);
    }

    /// <summary>True where the expression names characters beyond U+FFFF.</summary>
    public bool HasNamed => ranges.Count > 0;

    /// <summary>The stand-ins of a range beyond U+FFFF that the expression names, as text for a class of the expression.</summary>
    public string Of(int first, int last) =>
        string.Concat(ranges.Where(r => r.First >= first && r.Last <= last).SelectMany(r => r.Stands.Values)
            .Select(c => $"\\u{(int)c:X4}"));

    /// <summary>True where some characters of a text must be replaced by stand-ins.</summary>
    public bool IsIn(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
        || (HasNamed && text.AsSpan().ContainsAny(reserved));

    /// <summary>The stand-in of a character, or the character itself where it needs none.</summary>
    public char Of(Rune character)
    {
        if (character.IsBmp && !reserved.Contains((char)character.Value)) return (char)character.Value;
        var category = Rune.GetUnicodeCategory(character);
        if (!character.IsBmp)
            foreach (var (first, last, stands) in ranges)
                if (first <= character.Value && last >= character.Value) return stands[category];
        return usual[(int)category];
    }

    // A rare character of the category.
    private static char Rare(UnicodeCategory category) => category switch
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
