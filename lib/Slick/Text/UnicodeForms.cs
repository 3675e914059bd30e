using System.Globalization;
using System.Text;
using Slick.Storage;

namespace Slick.Text;

/// <summary>
/// Unicode's normalization forms (Unicode Standard Annex 15) as Hugging Face tokenizers has them. They are those of Unicode 9.0, in which a
/// later character has neither a decomposition nor a combining class. .NET's own forms are newer and need ICU, which not every Linux has.
/// The table is the file UnicodeForms.txt; its first lines say how it was made.
/// </summary>
internal static class UnicodeForms
{
    // Hangul syllables are computed and not in the table (The Unicode Standard, section 3.12).
    private const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7, Vowels = 21, Tails = 28,
        Syllables = 19 * Vowels * Tails;

    private static readonly Lazy<Tables> Data = new(Load);

    private sealed record Tables(Dictionary<int, byte> Classes, Dictionary<int, int[]> Canonical, Dictionary<int, int[]> Compatible,
        Dictionary<(int, int), int> Pairs, HashSet<int> Marks);

    /// <summary>The text in one of the four normalization forms. Unpaired surrogates become U+FFFD.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="compatible">True for NFKC and NFKD.</param>
    /// <param name="compose">True for NFC and NFKC.</param>
    public static string Normalize(string text, bool compatible, bool compose)
    {
        if (Ascii.IsValid(text)) return text;
        var data = Data.Value;
        var characters = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes()) Decompose(rune.Value, compatible, data, characters);
        Sort(characters, data);
        if (compose) Compose(characters, data);
        var result = new StringBuilder(characters.Count);
        foreach (var character in characters) result.Append(new Rune(character));
        return result.ToString();
    }

    /// <summary>The text without the characters that are marks in Unicode 9.0 (general category M).</summary>
    /// <param name="text">Any text. Unpaired surrogates become U+FFFD.</param>
    public static string WithoutMarks(string text)
    {
        if (Ascii.IsValid(text)) return text;
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            if (!Data.Value.Marks.Contains(rune.Value)) result.Append(rune);
        return result.ToString();
    }

    private static void Decompose(int character, bool compatible, Tables data, List<int> into)
    {
        var syllable = character - SyllableBase;
        if (syllable is >= 0 and < Syllables)
        {
            into.Add(LeadBase + syllable / (Vowels * Tails));
            into.Add(VowelBase + syllable % (Vowels * Tails) / Tails);
            if (syllable % Tails > 0) into.Add(TailBase + syllable % Tails);
        }
        else if (data.Canonical.TryGetValue(character, out var parts) || (compatible && data.Compatible.TryGetValue(character, out parts)))
            foreach (var part in parts) Decompose(part, compatible, data, into);
        else into.Add(character);
    }

    // Marks that follow each other are ordered by their combining class. Marks of the same class keep their order.
    private static void Sort(List<int> characters, Tables data)
    {
        for (var i = 0; i < characters.Count; i++)
        {
            var begin = i;
            while (i < characters.Count && Class(characters[i], data) != 0) i++;
            if (i - begin < 2) continue;
            var at = begin;
            foreach (var mark in characters[begin..i].OrderBy(c => Class(c, data)).ToList()) characters[at++] = mark; // OrderBy is stable
        }
    }

    private static void Compose(List<int> characters, Tables data)
    {
        int starter = -1, kept = 0, last = -1; // last: the class of what was kept after the starter; -1 for nothing
        for (var i = 0; i < characters.Count; i++)
        {
            var character = characters[i];
            var own = Class(character, data);
            // The two may be joined where nothing lies between them, or only marks of lower classes.
            if (starter >= 0 && last < own | last < 0 && Pair(characters[starter], character, data) is { } joined)
            {
                characters[starter] = joined;
                continue;
            }
            if (own == 0) (starter, last) = (kept, -1);
            else last = own;
            characters[kept++] = character;
        }
        characters.RemoveRange(kept, characters.Count - kept);
    }

    private static int? Pair(int first, int second, Tables data)
    {
        if (first - LeadBase is >= 0 and < 19 && second - VowelBase is >= 0 and < Vowels)
            return SyllableBase + ((first - LeadBase) * Vowels + second - VowelBase) * Tails;
        if (first - SyllableBase is >= 0 and < Syllables && (first - SyllableBase) % Tails == 0 && second - TailBase is > 0 and < Tails)
            return first + second - TailBase;
        return data.Pairs.TryGetValue((first, second), out var joined) ? joined : null;
    }

    private static byte Class(int character, Tables data) => character < 0x300 ? (byte)0 : data.Classes.GetValueOrDefault(character);

    private static Tables Load()
    {
        var tables = new Tables([], [], [], [], []);
        using var reader = new StreamReader(typeof(UnicodeForms).Assembly.GetManifestResourceStream("UnicodeForms.txt")!);
        static int Hex(ReadOnlySpan<char> text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            if (line.Split(':') is [var mark, var ranges])
            {
                foreach (var range in ranges.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    var ends = range.Split('-');
                    for (var c = Hex(ends[0]); c <= Hex(ends[^1]); c++)
                        if (mark == "marks") tables.Marks.Add(c);
                        else tables.Classes[c] = byte.Parse(mark, CultureInfo.InvariantCulture);
                }
                continue;
            }
            var sides = line.Split('=');
            var character = Hex(sides[0].TrimStart('!', '~'));
            int[] parts = [.. sides[1].Split(' ').Select(p => Hex(p))];
            (line[0] == '~' ? tables.Compatible : tables.Canonical)[character] = parts;
            if (line[0] is not ('!' or '~')) tables.Pairs[(parts[0], parts[1])] = character;
        }
        return tables;
    }
}
