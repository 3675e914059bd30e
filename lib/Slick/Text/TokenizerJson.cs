namespace Slick.Text;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c>. Two models are supported: <c>BPE</c> (GPT-2, Pythia, Llama, Mistral, Qwen, Gemma and similar
/// ones) and <c>WordLevel</c> as the lab writes it. The files beside tokenizer.json are read as transformers reads them (BOS, EOS, added
/// tokens, <c>add_prefix_space</c>).
/// </summary>
public static class TokenizerJson
{
    /// <summary>Reads a tokenizer.</summary>
    /// <param name="path">The path of tokenizer.json.</param>
    /// <exception cref="SlickException">The file is missing, damaged, or of a kind that is not supported. The message names the
    /// key.</exception>
    public static ITokenizer Read(string path)
    {
        using var json = JsonPlace.Open(path, "tokenizer.json");
        var top = new JsonPlace(path, "", json.RootElement);
        if (top["version"].Text("1.0") != "1.0") throw top["version"].Wrong("the version is not supported; 1.0 is");
        return top["model"]["type"].Text(top["model"]["merges"].IsNothing ? "" : "BPE") switch
        {
            "BPE" => new BpeTokenizer(top, TokenizerSettings.Beside(path)),
            "WordLevel" => WordLevel(top, TokenizerSettings.Beside(path)),
            _ => throw top["model"]["type"].Wrong("the model is not supported; BPE and WordLevel are"),
        };
    }

    // Accepts exactly what WordLevelTokenizer.Save writes.
    private static WordLevelTokenizer WordLevel(JsonPlace top, TokenizerSettings settings)
    {
        foreach (var part in (string[])["normalizer", "decoder"])
            if (!top[part].IsNothing) throw top[part].Wrong("it is not supported with WordLevel");
        var splits = top["pre_tokenizer"]["pretokenizers"].IsNothing ? []
            : top["pre_tokenizer"]["pretokenizers"].Items()
                .Select(p => p["pattern"]["String"].Text("") + "/" + p["behavior"].Text("") + (p["invert"].Flag(false) ? "/inverted" : ""));
        if (!splits.SequenceEqual(["\n/Isolated", " /Removed"]))
            throw top["pre_tokenizer"].Wrong("with WordLevel expected are splits on line feeds (isolated) and spaces (removed)");
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (word, id) in top["model"]["vocab"].Properties())
            if (!vocabulary.TryAdd(word, id.Number())) throw id.Wrong("the word stands twice");
        if (!vocabulary.Values.Order().SequenceEqual(Enumerable.Range(0, vocabulary.Count))) throw top["model"]["vocab"]
            .Wrong("with WordLevel expected are the ids from 0 on, each once");
        foreach (var item in top["added_tokens"].IsNothing ? [] : top["added_tokens"].Items())
            if (AddedToken.Read(item) is var token
                && (!WordLevelTokenizer.Special.Contains(token.Content)
                || token != WordLevelTokenizer.AddedSpecial(token.Content, vocabulary.GetValueOrDefault(token.Content, -1))))
                throw item.Wrong(
                    $"with WordLevel expected are {string.Join(", ", WordLevelTokenizer.Special)}, special and without other flags, with "
                    + $"the vocabulary's ids");
        var unknown = top["model"]["unk_token"];
        if (!vocabulary.ContainsKey(unknown.Text())) throw unknown.Wrong("the token is not in the vocabulary");
        var tokenizer = new WordLevelTokenizer(vocabulary, unknown.Text());
        var (before, after) = PostProcessor.Read(top["post_processor"]);
        if (!before.SequenceEqual(tokenizer.BosId is { } bos ? [bos] : []) || after.Length > 0) throw top["post_processor"]
            .Wrong("with WordLevel expected is <s> before the text and nothing behind it");
        AddedToken[] special = [.. WordLevelTokenizer.Special.Where(vocabulary.ContainsKey)
            .Select(t => WordLevelTokenizer.AddedSpecial(t, vocabulary[t]))];
        if (settings.AddedTokens(special, vocabulary).FirstOrDefault(t => !special.Contains(t)) is { } other)
            throw new SlickException(
                $"{settings.File}: '{other.Content}' with these flags: with WordLevel no added tokens are supported but those of "
                + $"tokenizer.json.");
        if (settings.SplitsSpecial) throw new SlickException($"{settings.File}: split_special_tokens: with WordLevel it is not supported.");
        if (settings.AddBos is not null
            || settings.AddEos is not null) throw new SlickException(
            $"{settings.File}: add_bos_token or add_eos_token: with WordLevel neither is supported.");
        return tokenizer;
    }
}
