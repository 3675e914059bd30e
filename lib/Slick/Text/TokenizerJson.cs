namespace Slick.Text;

/// <summary>
/// The reader of Hugging Face's <c>tokenizer.json</c>. Models known: <c>BPE</c> (GPT-2, Pythia, Llama, Mistral, Qwen, Gemma
/// and their like) and <c>WordLevel</c> with the lab's splits. BOS and EOS come from <c>tokenizer_config.json</c> beside it.
/// </summary>
public static class TokenizerJson
{
    /// <summary>Reads a tokenizer.</summary>
    /// <exception cref="SlickException">The file is missing, damaged, or of a kind that is not supported; the message names the key.</exception>
    public static ITokenizer Read(string path)
    {
        using var json = JsonPlace.Open(path, "tokenizer.json");
        var top = new JsonPlace(path, "", json.RootElement);
        return top["model"]["type"].Text(top["model"]["merges"].IsNothing ? "" : "BPE") switch
        {
            "BPE" => new BpeTokenizer(top, TokenizerSettings.Beside(path)),
            "WordLevel" => WordLevel(top),
            _ => throw top["model"]["type"].Wrong("the model is not supported; BPE and WordLevel are"),
        };
    }

    private static WordLevelTokenizer WordLevel(JsonPlace top)
    {
        if (!top["normalizer"].IsNothing) throw top["normalizer"].Wrong("it is not supported with WordLevel");
        var splits = top["pre_tokenizer"]["pretokenizers"].IsNothing ? []
            : top["pre_tokenizer"]["pretokenizers"].Items().Select(p => p["pattern"]["String"].Text("") + "/" + p["behavior"].Text(""));
        if (!splits.SequenceEqual(["\n/Isolated", " /Removed"]))
            throw top["pre_tokenizer"].Wrong("with WordLevel expected are splits on line feeds (isolated) and spaces (removed)");
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (word, id) in top["model"]["vocab"].Properties())
            if (!vocabulary.TryAdd(word, id.Number())) throw id.Wrong("the word stands twice");
        var unknown = top["model"]["unk_token"];
        return vocabulary.ContainsKey(unknown.Text()) ? new(vocabulary, unknown.Text()) : throw unknown.Wrong("the token is not in the vocabulary");
    }
}
