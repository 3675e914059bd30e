using System.Buffers;
using System.Globalization;
using System.Text;

namespace Slick.Text;

/// <summary>
/// Characters up to U+FFFF that stand for those beyond it where an expression is matched: each is of the same category,
/// and the expression does not name it. The characters of a range beyond U+FFFF that the expression names have stand-ins
/// of their own, which then stand in the expression for the range, and for nothing else in a text.
/// </summary>
internal sealed class StandIns
{
    private static readonly char[] Preferred = [.. Enum.GetValues<UnicodeCategory>().Select(Rare)];

    private static readonly HashSet<UnicodeCategory> Beyond =
        [.. Enumerable.Range(0x10000, 0x100000).Select(c => Rune.GetUnicodeCategory(new Rune(c)))];

    /// <summary>Those of an expression that names nothing.</summary>
    public static StandIns Usual { get; } = new([]);

    private readonly char[] usual; // by category, as far as one has characters beyond U+FFFF
    // named, in order, none over another
    private readonly List<(int First, int Last, Dictionary<UnicodeCategory, char> Stands)> ranges = [];
    private readonly SearchValues<char> reserved; // stand-ins of named ranges

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
            // The numbers and symbols that \w has in Oniguruma are left out.
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

    /// <summary>What stands in a class of the expression for a range beyond U+FFFF that it names.</summary>
    public string Of(int first, int last) =>
        string.Concat(ranges.Where(r => r.First >= first && r.Last <= last).SelectMany(r => r.Stands.Values)
            .Select(c => $"\\u{(int)c:X4}"));

    /// <summary>True where a text has characters that others stand for.</summary>
    public bool IsIn(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
        || (HasNamed && text.AsSpan().ContainsAny(reserved));

    /// <summary>What stands for a character of a text: itself, where nothing does.</summary>
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
