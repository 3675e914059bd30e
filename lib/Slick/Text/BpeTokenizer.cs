namespace Slick.Text;

/// <summary>
/// A tokenizer that a tokenizer.json with byte-pair encoding describes. Added tokens are cut out of a text first. The rest is normalised,
/// split into pieces, and each piece is encoded by merges. BOS and EOS are added as the post-processor says. Many threads may use one
/// tokenizer at once.
/// </summary>
internal sealed class BpeTokenizer : ITokenizer
{
    private readonly BpeModel model;
    private readonly Normalizer? normalizer;
    private readonly PreTokenizer? preTokenizer;
    private readonly TokenDecoder decoder;
    private readonly AddedTokens? raw, normalized; // found before and after the normalizer
    private readonly int[] before, after;          // ids that are put before and after every text
    private readonly string?[] tokens, texts;      // by id: the token, and the text that it is decoded to
    private readonly Lazy<bool[]> lineFeeds;

    public BpeTokenizer(JsonPlace json, TokenizerSettings settings)
    {
        var cuts = settings.PreTokenizer(json);
        model = new BpeModel(json["model"], PreTokenizers.EndsInBytes(cuts));
        normalizer = Normalizers.Read(json["normalizer"]);
        preTokenizer = PreTokenizers.Read(cuts);
        decoder = TokenDecoders.Read(json["decoder"]);
        var found = settings.AddedTokens(AddedTokens.Read(json["added_tokens"], model.Vocabulary), model.Vocabulary);
        if (PreTokenizers.MarksBeginning(cuts))
        {
            // Hugging Face tokenizers searches for the beginning in the text before normalisation.
            if (Normalizers.RemovesBeginning(json["normalizer"]))
                throw json["normalizer"].Wrong(
                    "one that can take away what a text begins with is not supported with Metaspace and its prepend_scheme first");
            // There, everything that a normalizer makes of the first character, or puts before it, counts as the beginning.
            if (Normalizers.LengthensBeginning(json["normalizer"])
                && (PreTokenizers.CutsBeforeItMarks(cuts) || found.Any(t => t.Normalized)))
                throw json["normalizer"].Wrong(
                    "one that can lengthen what a text begins with is not supported where the text is cut before Metaspace with its "
                    + "prepend_scheme first");
        }
        tokens = new string?[1 + Math.Max(model.Vocabulary.Values.DefaultIfEmpty(-1).Max(),
            found.Select(t => t.Id).DefaultIfEmpty(-1).Max())];
        foreach (var (token, id) in model.Vocabulary) tokens[id] = token;
        foreach (var token in found) tokens[token.Id] = token.Content;
        if (found.Any(t => !t.Normalized)) raw = new(found.Where(t => !t.Normalized).Select(t => (t.Content, t)), settings.SplitsSpecial);
        if (found.Any(t => t.Normalized)) normalized =
            new(found.Where(t => t.Normalized).Select(t => (normalizer?.Invoke(t.Content) ?? t.Content, t)), settings.SplitsSpecial);
        texts = [.. tokens];
        foreach (var token in found.Where(t => t.Normalized)) texts[token.Id] = normalizer?.Invoke(token.Content) ?? token.Content;
        (before, after) = PostProcessor.Read(json["post_processor"]);
        BosId = settings.Bos is { } bos ? IdOf(bos, settings, "bos_token") : before.Length > 0 ? before[0] : null;
        EosId = settings.Eos is { } eos ? IdOf(eos, settings, "eos_token") : null;
        if (settings.AddBos is not null || settings.AddEos is not null)
            (before, after) = (settings.AddBos == true ? [IdOf(settings.Bos, settings, "bos_token")] : [], settings.AddEos == true
                ? [IdOf(settings.Eos, settings, "eos_token")] : []);
        lineFeeds = new(() => [.. tokens.Select((token, id) => token is not null && Decode([id]).StartsWith('\n'))]);
    }

    private int IdOf(string? token, TokenizerSettings settings, string key)
    {
        if (token is null) throw new SlickException($"{settings.File}: {key}: it is missing; add_{key} is true.");
        var id = Array.IndexOf(tokens, token);
        return id >= 0 ? id : throw new SlickException($"{settings.FileOf(key)}: {key} = '{token}': the token is not in tokenizer.json.");
    }

    /// <inheritdoc />
    public int VocabularySize => tokens.Length;
    /// <inheritdoc />
    public int TextVocabularySize => 1 + model.Vocabulary.Values.DefaultIfEmpty(-1).Max();
    /// <inheritdoc />
    public int? BosId { get; }
    /// <inheritdoc />
    public int? EosId { get; }

    /// <inheritdoc />
    public int[] Encode(string text, bool addSpecialTokens = true) => addSpecialTokens ? Encode(text, before, after) : Encode(text, [], []);

    /// <inheritdoc />
    public int[] EncodePrompt(string text) => Encode(text, before, []);

    private int[] Encode(string text, int[] before, int[] after)
    {
        text = WellFormed(text);
        var ids = new List<int>(text.Length / 3 + 4);
        var pieces = new List<string>();
        ids.AddRange(before);
        var first = true; // true for the part at the beginning of the text
        foreach (var (part, token) in raw?.Split(text) ?? (text.Length == 0 ? [] : [(text, null)]))
        {
            if (token is not null) ids.Add(token.Id);
            else EncodePart(normalizer?.Invoke(part) ?? part, first, ids, pieces);
            first = false;
        }
        ids.AddRange(after);
        return [.. ids];
    }

    // Unpaired surrogates have no UTF-8. They become U+FFFD before the text is read.
    private static string WellFormed(string text) =>
        text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? string.Concat(text.EnumerateRunes().Select(r => r.ToString())) : text;

    private void EncodePart(string text, bool first, List<int> ids, List<string> pieces)
    {
        if (text.Length == 0) return;
        if (normalized is null)
        {
            EncodePieces(text, first, ids, pieces);
            return;
        }
        foreach (var (part, token) in normalized.Split(text))
        {
            if (token is not null) ids.Add(token.Id);
            else EncodePieces(part, first, ids, pieces);
            first = false;
        }
    }

    private void EncodePieces(string text, bool first, List<int> ids, List<string> pieces)
    {
        if (preTokenizer is null)
        {
            model.Encode(text, ids);
            return;
        }
        pieces.Clear();
        preTokenizer(text, first, pieces);
        foreach (var piece in pieces) model.Encode(piece, ids);
    }

    /// <inheritdoc />
    public string Decode(IReadOnlyList<int> ids)
    {
        var known = new List<string>(ids.Count);
        foreach (var id in ids)
            if (id >= 0 && id < texts.Length && texts[id] is { } text) known.Add(text);
        return string.Concat(decoder(known));
    }

    /// <inheritdoc />
    public bool StartsWithLineFeed(int id) => id >= 0 && id < tokens.Length && lineFeeds.Value[id];
}
