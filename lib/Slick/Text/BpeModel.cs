using System.Collections.Concurrent;
using System.Text;

namespace Slick.Text;

/// <summary>
/// Byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909). A piece of text begins as one symbol for each character. Of all pairs of
/// neighbours the one that comes first in the list of merges is joined, again and again, until no pair is in the list. Cost: n log n for n
/// characters; pieces that were seen before are looked up. Many threads may use one model at once.
/// </summary>
internal sealed class BpeModel
{
    private const int CachedPieces = 1 << 17;
    private const int LongestCachedPiece = 64;
    // A longer piece is cut where no merge can reach across: words come again, whole texts do not.
    private const int LongestUncutPiece = 16;

    private readonly Dictionary<string, int> vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup;
    private readonly Dictionary<long, (int Rank, int Id)> merges = [];
    private readonly int[] bytes = new int[256]; // ids of <0x00> to <0xFF>, -1 where one is missing
    private readonly HashSet<int> neighbours = []; // pairs of UTF-16 units that are neighbours in some merge
    private readonly bool byteFallback, fuseUnknown, wholePieces, mergesBytes;
    private readonly bool unknownWaits; // an unknown token waits after another unknown or after bytes
    // True where a piece must not be cut at a character that the vocabulary lacks. Either the character is left out and its neighbours
    // meet, or the unknown token takes part in merges.
    private readonly bool opens;
    private readonly int unknown = -1;
    private readonly ConcurrentDictionary<string, int[]> cache = new(StringComparer.Ordinal);
    private int cached;

    /// <summary>The ids of the tokens.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary => vocabulary;

    /// <summary>Reads the model.</summary>
    /// <param name="model">The model's place in tokenizer.json.</param>
    /// <param name="readsBytes">True where every piece consists of the characters of <see cref="ByteAlphabet"/>.</param>
    public BpeModel(JsonPlace model, bool readsBytes)
    {
        foreach (var name in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
            if (!model[name].IsNothing && model[name].Text().Length > 0) throw model[name].Wrong("it is not supported");
        if (!model["dropout"].IsNothing && model["dropout"].Value.GetRawText() is not ("0" or "0.0")) throw model["dropout"]
            .Wrong("merges that are left out by chance are not supported");
        byteFallback = model["byte_fallback"].Flag(false);
        fuseUnknown = model["fuse_unk"].Flag(false);
        wholePieces = model["ignore_merges"].Flag(false);
        vocabulary = new(StringComparer.Ordinal);
        var ids = new HashSet<int>();
        foreach (var (name, place) in model["vocab"].Properties())
        {
            if (!vocabulary.TryAdd(name, place.Id())) throw place.Wrong("the token stands twice");
            if (!ids.Add(place.Id())) throw place.Wrong("the id stands twice");
        }
        lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!model["unk_token"].IsNothing) unknown = vocabulary.GetValueOrDefault(model["unk_token"].Text(), -1);
        for (var b = 0; b < 256; b++) bytes[b] = vocabulary.TryGetValue(FormattableString.Invariant($"<0x{b:X2}>"), out var id) ? id : -1;
        int[] inTexts = [.. Enumerable.Range(0, 256).Where(b => b is not (0xC0 or 0xC1 or >= 0xF5))]; // the bytes of UTF-8
        var wholeAlphabet = (byteFallback && inTexts.All(b => bytes[b] >= 0))
            || (readsBytes && inTexts.All(b => vocabulary.ContainsKey(ByteAlphabet.Of((byte)b).ToString())));
        if (!model["unk_token"].IsNothing && unknown < 0 && !wholeAlphabet)
            throw model["unk_token"].Wrong("the token is not in the vocabulary, and a text with a character that is not there needs it");
        opens = unknown < 0 && !wholeAlphabet;
        unknownWaits = unknown >= 0 && (byteFallback ? Array.IndexOf(bytes, -1) >= 0 : fuseUnknown);
        var rank = 0;
        foreach (var merge in model["merges"].Items())
        {
            if (merge.Value.ValueKind == System.Text.Json.JsonValueKind.String
                && merge.Text().StartsWith("#version", StringComparison.Ordinal)) continue;
            var (left, right) = Pair(merge);
            if (!vocabulary.TryGetValue(left, out var a) || !vocabulary.TryGetValue(right, out var b)
                || !vocabulary.TryGetValue(left + right, out var joined))
                throw merge.Wrong($"'{left}', '{right}' or what they make is not in the vocabulary");
            merges[Key(a, b)] = (rank++, joined); // where two merges are equal, the later one counts
            neighbours.Add(left[^1] << 16 | right[0]);
            opens |= unknown >= 0 && (a == unknown || b == unknown);
            mergesBytes |= Array.IndexOf(bytes, a) >= 0 || Array.IndexOf(bytes, b) >= 0;
        }
    }

    private static (string Left, string Right) Pair(JsonPlace merge)
    {
        if (merge.Value.ValueKind == System.Text.Json.JsonValueKind.String)
        {
            var parts = merge.Text().Split(' ');
            return parts.Length == 2 ? (parts[0], parts[1]) : throw merge.Wrong("expected are two tokens with a space between them");
        }
        var pair = merge.Items().Select(p => p.Text()).ToArray();
        return pair.Length == 2 ? (pair[0], pair[1]) : throw merge.Wrong("expected are two tokens");
    }

    private static long Key(int a, int b) => (long)a << 32 | (uint)b;

    /// <summary>Appends the ids of one piece.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="into">The list that the ids are appended to.</param>
    public void Encode(ReadOnlySpan<char> piece, List<int> into)
    {
        if (piece.Length <= LongestUncutPiece || wholePieces || mergesBytes)
        {
            EncodeUncut(piece, into);
            return;
        }
        var begin = 0;
        for (var i = 1; i < piece.Length; i++)
        {
            if (neighbours.Contains(piece[i - 1] << 16 | piece[i]) || char.IsLowSurrogate(piece[i])) continue;
            if (unknownWaits && !lookup.ContainsKey(piece[(i - 1)..i]) && !lookup.ContainsKey(piece[i..(i + 1)])) continue;
            if (opens && (!lookup.ContainsKey(piece[(i - 1)..i]) || !lookup.ContainsKey(piece[i..(i + 1)]))) continue;
            EncodeUncut(piece[begin..i], into);
            begin = i;
        }
        EncodeUncut(piece[begin..], into);
    }

    private void EncodeUncut(ReadOnlySpan<char> piece, List<int> into)
    {
        if (piece.Length > LongestCachedPiece)
        {
            Merge(piece, into);
            return;
        }
        if (cache.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(piece, out var known))
        {
            into.AddRange(known);
            return;
        }
        var begin = into.Count;
        Merge(piece, into);
        if (Volatile.Read(ref cached) < CachedPieces
            && cache.TryAdd(piece.ToString(), [.. into[begin..]])) Interlocked.Increment(ref cached);
    }

    private void Merge(ReadOnlySpan<char> piece, List<int> into)
    {
        if (wholePieces && lookup.TryGetValue(piece, out var whole))
        {
            into.Add(whole);
            return;
        }
        var symbols = Symbols(piece);
        if (symbols.Count < 2)
        {
            into.AddRange(symbols);
            return;
        }
        // The symbols are a list that is linked both ways. A pair in the queue may have changed since it was put there, which its ids show.
        int[] id = [.. symbols], next = new int[id.Length], previous = new int[id.Length];
        var queue = new PriorityQueue<(int Left, long Pair, int Id), (int Rank, int Left)>();
        void Offer(int left)
        {
            if (next[left] < 0) return;
            var pair = Key(id[left], id[next[left]]);
            if (merges.TryGetValue(pair, out var merge)) queue.Enqueue((left, pair, merge.Id), (merge.Rank, left));
        }
        for (var i = 0; i < id.Length; i++) (next[i], previous[i]) = (i + 1 < id.Length ? i + 1 : -1, i - 1);
        for (var i = 0; i < id.Length; i++) Offer(i);
        while (queue.TryDequeue(out var best, out _))
        {
            var (left, pair, joined) = best;
            if (id[left] < 0 || next[left] < 0 || Key(id[left], id[next[left]]) != pair) continue;
            var gone = next[left];
            (id[left], id[gone]) = (joined, -1);
            next[left] = next[gone];
            if (next[left] >= 0) previous[next[left]] = left;
            Offer(left);
            if (previous[left] >= 0) Offer(previous[left]);
        }
        for (var i = 0; i >= 0; i = next[i]) into.Add(id[i]);
    }

    // One symbol for each character. A character that the vocabulary lacks becomes its bytes or the unknown token. As in Hugging Face
    // tokenizers, the unknown token waits for the next character that does not become bytes.
    private List<int> Symbols(ReadOnlySpan<char> piece)
    {
        var symbols = new List<int>(piece.Length);
        var waits = false;
        Span<byte> utf8 = stackalloc byte[4];
        while (piece.Length > 0)
        {
            Rune.DecodeFromUtf16(piece, out var rune, out var length);
            var character = piece[..length];
            piece = piece[length..];
            if (lookup.TryGetValue(character, out var known))
            {
                if (waits) symbols.Add(unknown);
                waits = false;
                symbols.Add(known);
                continue;
            }
            if (byteFallback)
            {
                var encoded = utf8[..rune.EncodeToUtf8(utf8)];
                var all = true;
                foreach (var b in encoded) all &= bytes[b] >= 0;
                if (all)
                {
                    foreach (var b in encoded) symbols.Add(bytes[b]);
                    continue;
                }
            }
            if (unknown < 0) continue; // the character is left out
            if (waits && !fuseUnknown) symbols.Add(unknown);
            waits = true;
        }
        if (waits) symbols.Add(unknown);
        return symbols;
    }
}
