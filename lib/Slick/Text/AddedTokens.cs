using System.Buffers;
using System.Text;

namespace Slick.Text;

/// <summary>A token that is cut out of a text before the text is split into pieces.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Content">The token's text.</param>
/// <param name="SingleWord">True where the token is found only without a character of a word (<see cref="TextPattern.OfRust"/>) beside
/// it.</param>
/// <param name="StripLeft">True where white space before the token belongs to it.</param>
/// <param name="StripRight">True where white space after the token belongs to it.</param>
/// <param name="Normalized">True where the token is searched for in the normalised text.</param>
/// <param name="Special">True where the token does not stand for text, as BOS and EOS do not.</param>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool StripLeft, bool StripRight, bool Normalized, bool Special)
{
    public static AddedToken Read(JsonPlace place) => new(place["id"].Id(), place["content"].Text(), place["single_word"].Flag(false),
        place["lstrip"].Flag(false), place["rstrip"].Flag(false), place["normalized"].Flag(true), place["special"].Flag(false));
}

/// <summary>Finds added tokens in a text, from left to right: at each place the longest one. Tokens do not overlap.</summary>
internal sealed class AddedTokens
{
    private static readonly TextPattern WordCharacter = TextPattern.OfRust("[WORD]");

    private readonly Dictionary<char, (string Content, AddedToken Token)[]> byFirst; // by first character, the longest first
    private readonly SearchValues<char> firsts;
    private readonly bool splitsSpecial;

    /// <summary>Makes a finder of tokens.</summary>
    /// <param name="tokens">The tokens, each with its content as it looks in the searched text.</param>
    /// <param name="splitsSpecial">True where special tokens are treated as any other text.</param>
    public AddedTokens(IEnumerable<(string Content, AddedToken Token)> tokens, bool splitsSpecial)
    {
        this.splitsSpecial = splitsSpecial;
        byFirst = tokens.Where(t => t.Content.Length > 0).GroupBy(t => t.Content[0])
            .ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Content.Length).ToArray());
        firsts = SearchValues.Create([.. byFirst.Keys]);
    }

    /// <summary>
    /// Reads a list of added tokens. Where two have the same content, the later one counts. Hugging Face tokenizers numbers added tokens
    /// itself: by the vocabulary, or from the vocabulary's size on. A file with other ids is refused.
    /// </summary>
    /// <param name="place">The list in tokenizer.json.</param>
    /// <param name="vocabulary">The model's vocabulary.</param>
    /// <exception cref="SlickException">A token has another id than Hugging Face tokenizers gives it.</exception>
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
    /// The parts of a text in order: text between tokens (with null), and tokens. As in Hugging Face tokenizers, the search goes on right
    /// after a token's content, also in white space that the token strips. A token that is found there is given once more.
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
