using System.Text;

namespace Slick.Text;

/// <summary>Splits a piece of text into smaller pieces, or rewrites it.</summary>
/// <param name="piece">The piece.</param>
/// <param name="first">True for the piece at the beginning of the text.</param>
/// <param name="into">The list that the new pieces are appended to.</param>
/// <returns>True where the first new piece begins where the piece begins.</returns>
internal delegate bool PreTokenizer(string piece, bool first, List<string> into);

/// <summary>Reads the pre-tokenizers of tokenizer.json.</summary>
internal static class PreTokenizers
{
    // GPT-2's expression (Radford et al. 2019). ByteLevel uses it unless use_regex is false.
    private const string ByteLevelWords = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The pre-tokenizer that a place in tokenizer.json describes; null where it describes none.</summary>
    public static PreTokenizer? Read(JsonPlace place)
    {
        if (place.IsNothing) return null;
        switch (place["type"].Text())
        {
            case "Sequence":
                return Sequence([.. place["pretokenizers"].Items().Select(Read).OfType<PreTokenizer>()]);
            case "ByteLevel":
                return ByteLevel(place["add_prefix_space"].Flag(true), place["use_regex"].Flag(true) ? new TextPattern(ByteLevelWords)
                    : null);
            case "Split":
                return Split(new TextPattern(place["pattern"]), ReadBehavior(place["behavior"]), place["invert"].Flag(false));
            case "Metaspace":
                return Metaspace(place);
            case "Digits":
                return Split(new TextPattern(@"\p{N}"), place["individual_digits"].Flag(false) ? Behavior.Isolated : Behavior.Contiguous,
                    invert: false);
            case "Punctuation":
                return Split(new TextPattern(@"[!-/:-@\[-`{-~\p{P}]"), place["behavior"].IsNothing ? Behavior.Isolated
                    : ReadBehavior(place["behavior"]), invert: false);
            case "Whitespace":
                return Split(TextPattern.OfRust(@"[WORD]+|[^WORD\s]+"), Behavior.Removed, invert: true);
            case "WhitespaceSplit":
                return Split(new TextPattern(@"\s"), Behavior.Removed, invert: false);
            case var other:
                throw place["type"].Wrong($"the pre-tokenizer '{other}' is not supported");
        }
    }

    /// <summary>True where a pre-tokenizer marks the piece at the beginning of the text and no other piece.</summary>
    public static bool MarksBeginning(JsonPlace place) => !place.IsNothing && place["type"].Text() switch
    {
        "Sequence" => place["pretokenizers"].Items().Any(MarksBeginning),
        "Metaspace" => place["prepend_scheme"].Text("always") == "first",
        _ => false,
    };

    /// <summary>True where another pre-tokenizer splits the text before the one that marks the piece at its beginning.</summary>
    public static bool CutsBeforeItMarks(JsonPlace place) => Flat(place).FindIndex(MarksBeginning) > 0;

    /// <summary>True where every piece is at last written as bytes in the characters of <see cref="ByteAlphabet"/>.</summary>
    public static bool EndsInBytes(JsonPlace place) => Flat(place) is [.., var last] && last["type"].Text() == "ByteLevel";

    /// <summary>True where a pre-tokenizer puts a space, or a sign for one, before a text.</summary>
    public static bool PrependsSpace(JsonPlace place) => Flat(place).Any(p => p["type"].Text() switch
    {
        "ByteLevel" => p["add_prefix_space"].Flag(true),
        "Metaspace" => p["prepend_scheme"].Text(p["add_prefix_space"].Flag(true) ? "always" : "never") != "never",
        _ => false,
    });

    private static List<JsonPlace> Flat(JsonPlace place) =>
        place.IsNothing ? [] : place["type"].Text() == "Sequence" ? [.. place["pretokenizers"].Items().SelectMany(Flat)] : [place];

    private static PreTokenizer Sequence(PreTokenizer[] all) => (piece, first, into) =>
    {
        List<string> pieces = [piece];
        var begins = true;
        foreach (var next in all)
        {
            var smaller = new List<string>();
            for (var i = 0; i < pieces.Count; i++) begins &= next(pieces[i], first && begins && i == 0, smaller) || i > 0;
            pieces = smaller;
        }
        into.AddRange(pieces);
        return begins;
    };

    private static PreTokenizer ByteLevel(bool prefixSpace, TextPattern? words) => (piece, first, into) =>
    {
        if (prefixSpace && !piece.StartsWith(' ')) piece = " " + piece;
        if (words is null)
        {
            into.Add(ByteAlphabet.FromText(piece));
            return true;
        }
        var begin = into.Count;
        Cut(piece, words.Matches(piece), Behavior.Isolated, invert: false, into);
        for (var i = begin; i < into.Count; i++) into[i] = ByteAlphabet.FromText(into[i]);
        return true;
    };

    private static PreTokenizer Metaspace(JsonPlace place)
    {
        var replacement = place["replacement"].Character("\u2581");
        var legacy = place["add_prefix_space"].Flag(true) ? "always" : "never";
        var scheme = place["prepend_scheme"].Text(legacy);
        if (scheme is not ("always" or "first" or "never")) throw place["prepend_scheme"].Wrong("expected is always, first or never");
        var pieces = place["split"].Flag(true) ? new TextPattern(System.Text.RegularExpressions.Regex.Escape(replacement)) : null;
        return (piece, first, into) =>
        {
            var text = piece.Replace(" ", replacement, StringComparison.Ordinal);
            if ((scheme == "always" || (scheme == "first" && first)) && !text.StartsWith(replacement, StringComparison.Ordinal)) text =
                replacement + text;
            if (pieces is null) into.Add(text);
            else Cut(text, pieces.Matches(text), Behavior.MergedWithNext, invert: false, into);
            return true;
        };
    }

    private static PreTokenizer Split(TextPattern pattern, Behavior behavior, bool invert) =>
        (piece, first, into) => Cut(piece, pattern.Matches(piece), behavior, invert, into);

    /// <summary>How a text is split at its matches.</summary>
    private enum Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous }

    private static Behavior ReadBehavior(JsonPlace place) =>
        Enum.TryParse<Behavior>(place.Text(), out var behavior) && Enum.IsDefined(behavior) && !char.IsAsciiDigit(place.Text()[0])
            ? behavior
            : throw place.Wrong($"expected is one of {string.Join(", ", Enum.GetNames<Behavior>())}");

    // Splits a text at the matches. True where the first piece begins where the text begins.
    private static bool Cut(string text, IEnumerable<(int Begin, int End)> matches, Behavior behavior, bool invert, List<string> into)
    {
        // The whole text as spans. Marked: the spans of the pattern, or with invert those between them.
        var spans = new List<(int Begin, int End, bool Marked)>();
        var done = 0;
        foreach (var (begin, end) in matches)
        {
            if (begin > done) spans.Add((done, begin, invert));
            spans.Add((begin, end, !invert));
            done = end;
        }
        if (done < text.Length) spans.Add((done, text.Length, invert));
        var kept = new List<(int Begin, int End)>(spans.Count);
        var before = false;
        switch (behavior)
        {
            case Behavior.Removed:
                foreach (var span in spans)
                    if (!span.Marked) kept.Add((span.Begin, span.End));
                break;
            case Behavior.Isolated:
                foreach (var span in spans) kept.Add((span.Begin, span.End));
                break;
            case Behavior.MergedWithPrevious or Behavior.Contiguous:
                foreach (var span in spans)
                {
                    var join = behavior == Behavior.Contiguous ? span.Marked == before : span.Marked && !before;
                    if (join && kept.Count > 0) kept[^1] = (kept[^1].Begin, span.End);
                    else kept.Add((span.Begin, span.End));
                    before = span.Marked;
                }
                break;
            case Behavior.MergedWithNext:
                foreach (var span in Enumerable.Reverse(spans))
                {
                    if (span.Marked && !before && kept.Count > 0) kept[^1] = (span.Begin, kept[^1].End);
                    else kept.Add((span.Begin, span.End));
                    before = span.Marked;
                }
                kept.Reverse();
                break;
        }
        kept.RemoveAll(k => k.End == k.Begin);
        foreach (var (begin, end) in kept) into.Add(end - begin == text.Length ? text : text[begin..end]);
        return kept.Count > 0 && kept[0].Begin == 0;
    }
}
