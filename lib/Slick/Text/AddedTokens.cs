using System.Buffers;
using System.Text;

namespace Slick.Text;

/// <summary>A token that is cut out of the text before anything else looks at it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="SingleWord">Only where no character of a word (<see cref="TextPattern.OfRust"/>) stands beside it.</param>
/// <param name="StripLeft">White space before it belongs to it.</param>
/// <param name="StripRight">White space after it belongs to it.</param>
/// <param name="Normalized">It is looked for in the normalised text.</param>
/// <param name="Special">It does not stand for text (BOS, EOS).</param>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool StripLeft, bool StripRight, bool Normalized, bool Special)
{
    public static AddedToken Read(JsonPlace place) => new(place["id"].Id(), place["content"].Text(), place["single_word"].Flag(false),
        place["lstrip"].Flag(false), place["rstrip"].Flag(false), place["normalized"].Flag(true), place["special"].Flag(false));
}

/// <summary>Finds added tokens: at each place the longest, from left to right, none over another.</summary>
internal sealed class AddedTokens
{
    private static readonly TextPattern WordCharacter = TextPattern.OfRust("[WORD]");

    private readonly Dictionary<char, (string Content, AddedToken Token)[]> byFirst; // the longest first
    private readonly SearchValues<char> firsts;
    private readonly bool splitsSpecial;

    /// <summary>A finder of tokens.</summary>
    /// <param name="tokens">What each token's content looks like in the text that is searched.</param>
    /// <param name="splitsSpecial">Special tokens are text like any other.</param>
    public AddedTokens(IEnumerable<(string Content, AddedToken Token)> tokens, bool splitsSpecial)
    {
        this.splitsSpecial = splitsSpecial;
        byFirst = tokens.Where(t => t.Content.Length > 0).GroupBy(t => t.Content[0])
            .ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Content.Length).ToArray());
        firsts = SearchValues.Create([.. byFirst.Keys]);
    }

    /// <summary>
    /// The tokens of a list, of two with one content the later. Hugging Face tokenizers numbers them itself, by the
    /// vocabulary or else from its size on; a file that says otherwise is refused.
    /// </summary>
    public static IReadOnlyCollection<AddedToken> Read(JsonPlace place, IReadOnlyDictionary<string, int> vocabulary)
    {
        var tokens = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        if (place.IsNothing) return tokens.Values;
        var taken = vocabulary.Values.ToHashSet();
        var next = vocabulary.Count;
        foreach (var item in place.Items())
        {
            var token = AddedToken.Read(item);
            if (token.Content.Length == 0) continue;
            var id = vocabulary.TryGetValue(token.Content, out var known) ? known : tokens.TryGetValue(token.Content, out var before)
                ? before.Id : next++;
            if (token.Id != id) throw item["id"]
                .Wrong(FormattableString.Invariant($"Hugging Face tokenizers gives '{token.Content}' the id {id}"));
            if (!vocabulary.ContainsKey(token.Content) && taken.Contains(id)) throw item["id"]
                .Wrong("the id belongs to a token of the vocabulary");
            tokens[token.Content] = token;
        }
        return tokens.Values;
    }

    /// <summary>
    /// The parts of a text in order: between tokens (null) and tokens. As in Hugging Face tokenizers the search goes on
    /// behind a token's content, in the white space that it strips too, and a token found there stands once more.
    /// </summary>
    public IEnumerable<(string Part, AddedToken? Token)> Split(string text)
    {
        var done = 0;
        for (var at = 0; at < text.Length;)
        {
            var skip = text.AsSpan(at).IndexOfAny(firsts);
            if (skip < 0) break;
            at += skip;
            var (content, token) = Match(text, at);
            if (token is null)
            {
                at++;
                continue;
            }
            int begin = at, end = at + content.Length;
            at = end;
            if (splitsSpecial && token.Special) continue;
            if (token.SingleWord && (EndsWithWord(text.AsSpan(0, begin)) || BeginsWithWord(text.AsSpan(end)))) continue;
            if (token.StripLeft)
            {
                while (begin > 0 && char.IsWhiteSpace(text[begin - 1])) begin--;
                begin = Math.Max(begin, done);
            }
            if (token.StripRight)
                while (end < text.Length && char.IsWhiteSpace(text[end])) end++;
            if (begin > done) yield return (text[done..begin], null);
            if (end > begin) yield return (text[begin..end], token);
            done = end;
        }
        if (done < text.Length) yield return (done == 0 ? text : text[done..], null);
    }

    private (string Content, AddedToken? Token) Match(string text, int at)
    {
        foreach (var candidate in byFirst[text[at]])
            if (text.AsSpan(at).StartsWith(candidate.Content, StringComparison.Ordinal)) return candidate;
        return ("", null);
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) => text.Length > 0
        && Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && WordCharacter.IsIn(rune.ToString());

    private static bool BeginsWithWord(ReadOnlySpan<char> text) => text.Length > 0
        && Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && WordCharacter.IsIn(rune.ToString());
}
