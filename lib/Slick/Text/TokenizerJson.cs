using System.Text.Json;
using System.Text.Json.Nodes;

namespace Slick.Text;

/// <summary>The reader of Hugging Face's <c>tokenizer.json</c>. Models known: <c>WordLevel</c> with the lab's splits.</summary>
public static class TokenizerJson
{
    /// <summary>Reads a tokenizer.</summary>
    /// <exception cref="SlickException">The file is missing, damaged, or of a kind that is not supported; the message names the key.</exception>
    public static ITokenizer Read(string path)
    {
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            var model = json["model"]?.AsObject() ?? throw new SlickException($"{path}: the key 'model' is missing.");
            var type = model["type"]?.GetValue<string>();
            if (type != "WordLevel") throw new SlickException($"{path}: model.type = '{type}' is not supported; WordLevel is.");
            if (json["normalizer"] is not null) throw new SlickException($"{path}: normalizer is not supported with WordLevel.");
            var splits = json["pre_tokenizer"]?["pretokenizers"]?.AsArray().Select(p => p!["pattern"]?["String"]?.GetValue<string>() + "/" + p["behavior"]?.GetValue<string>());
            if (splits is null || !splits.SequenceEqual(["\n/Isolated", " /Removed"]))
                throw new SlickException($"{path}: pre_tokenizer is not supported; expected are splits on line feeds (isolated) and spaces (removed).");
            var vocabulary = model["vocab"]!.AsObject().ToDictionary(p => p.Key, p => p.Value!.GetValue<int>(), StringComparer.Ordinal);
            return new WordLevelTokenizer(vocabulary, model["unk_token"]!.GetValue<string>());
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or NullReferenceException or UnauthorizedAccessException or KeyNotFoundException)
        {
            throw new SlickException($"{path}: not a readable tokenizer.json ({e.Message}); copy or make it again.", e);
        }
    }
}
