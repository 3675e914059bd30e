using System.Text.Json.Nodes;
using Slick.Text;

namespace Slick.Tests.Text;

/// <summary>
/// The files beside tokenizer.json: what agrees with it changes nothing, what would change ids is carried out as the fast
/// classes of transformers 4.45 to 5 do it, or refused by file and key.
/// </summary>
public sealed class TokenizerSettingsTests : IDisposable
{
    private const string ByteLevel = """{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}""";
    private const string Sequence = """{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},"""
        + """ {"type": "ByteLevel", "add_prefix_space": false}]}""";
    private const string Metaspace = """{"type": "Metaspace", "replacement": "\u0120", "prepend_scheme": "always"}""";

    private readonly string folder = Scratch.Folder();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // A vocabulary "a", "b", "ab", a space, "<x>" (an added token), and the files beside it.
    private string Encode(string text, params (string Name, string Json)[] beside) => Encode(text, "{}", beside);

    private string Encode(string text, string parts, params (string Name, string Json)[] beside)
    {
        foreach (var file in Directory.GetFiles(folder)) File.Delete(file);
        var json = JsonNode.Parse("""
            {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, " ": 3, "\u0120": 4}, "merges": ["a b"]},
             "decoder": {"type": "Fuse"}, "added_tokens": [{"id": 5, "content": "<x>", "lstrip": false, "rstrip": false,
             "single_word": false, "normalized": false, "special": true}]}
            """)!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(parts)!.AsObject()) json[key] = value?.DeepClone();
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString());
        foreach (var (name, content) in beside) File.WriteAllText(Path.Combine(folder, name), content);
        return string.Join(' ', TokenizerJson.Read(Path.Combine(folder, "tokenizer.json")).Encode(text));
    }

    private static (string, string) Config(string json) => ("tokenizer_config.json", json);

    private void IsRefused(string file, string key, string parts, params (string Name, string Json)[] beside)
    {
        var message = Assert.Throws<SlickException>(() => Encode("a", parts, beside)).Message;
        Assert.StartsWith($"{Path.Combine(folder, file)}: {key}", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("false", """{"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": true}""", "4 0")]
    [InlineData("false", """{"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": true}""", "4 0")]
    [InlineData("true", """{"add_prefix_space": false}""", "0")]
    [InlineData("true", """{"add_prefix_space": true}""", "4 0")]
    [InlineData("true", """{"add_prefix_space": null}""", "4 0")]
    [InlineData("true", "{}", "4 0")]
    public void PrefixSpace_OfAByteLevelAlone_IsThatOfTheConfig(string own, string config, string expected) =>
        Assert.Equal(expected, Encode("a",
            $$"""{"pre_tokenizer": {{ByteLevel.Replace("false, \"use", own + ", \"use", StringComparison.Ordinal)}}}""", Config(config)));

    [Theory]
    [InlineData(Sequence, "PreTrainedTokenizerFast", "true", "0")] // no part of it says add_prefix_space: passed over there
    [InlineData(Sequence, "Qwen2Tokenizer", "false", "0")]
    [InlineData(Sequence, "", "true", null)]
    [InlineData(Sequence, "Qwen2Tokenizer", "true", null)]
    [InlineData(Metaspace, "LlamaTokenizer", "true", "4 0")]
    [InlineData(Metaspace, "LlamaTokenizer", "false", null)]
    [InlineData("null", "LlamaTokenizer", "true", null)]
    [InlineData("null", "LlamaTokenizer", "false", "0")]
    public void PrefixSpace_ThatContradictsOtherParts_IsRefused(string cuts, string name, string space, string? expected)
    {
        var parts = $$"""{"pre_tokenizer": {{cuts}}}""";
        var config = Config($$"""{"tokenizer_class": "{{name}}", "add_prefix_space": {{space}}}""");
        if (expected is not null) Assert.Equal(expected, Encode("a", parts, config));
        else IsRefused("tokenizer_config.json", "add_prefix_space", parts, config);
    }

    [Fact]
    public void AddedTokens_OfTheConfig_AreAddedOrTakeTheirFlags()
    {
        const string Token = "\"lstrip\": false, \"single_word\": false, \"normalized\": false, \"special\": true}";
        string Decoder(string entries) => $$$"""{"added_tokens_decoder": {{{{entries}}}}}""";
        const string Agrees = "\"5\": {\"content\": \"<x>\", \"rstrip\": false, " + Token;
        Assert.Equal("0 5 3 1", Encode("a<x> b", Config(Decoder(Agrees))));
        Assert.Equal("0 5 1", Encode("a<x> b",
            Config(Decoder(Agrees.Replace("\"rstrip\": false", "\"rstrip\": true", StringComparison.Ordinal)))));
        const string New = "\"6\": {\"content\": \"<y>\", \"rstrip\": false, " + Token;
        Assert.Equal("0 6 1", Encode("a<y>b", Config(Decoder(Agrees + ", " + New))));
        Assert.Equal("0 6 1", Encode("a<y>b", Config(Decoder(New))));
        // A token of the vocabulary is cut out from now on.
        Assert.Equal("0 1", Encode("ab", Config(Decoder("\"1\": {\"content\": \"b\", \"special\": true}"))));
        IsRefused("tokenizer_config.json", "added_tokens_decoder['9']", "{}",
            Config(Decoder(New.Replace("\"6\"", "\"9\"", StringComparison.Ordinal))));
        IsRefused("tokenizer_config.json", "added_tokens_decoder['six']", "{}",
            Config(Decoder(New.Replace("\"6\"", "\"six\"", StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("""{"pad_token": "[PAD]"}""", "a[PAD]b", "0 6 1")]
    [InlineData("""{"pad_token": {"__type": "AddedToken", "content": "[PAD]", "lstrip": false, "rstrip": true, "normalized": false,"""
        + """ "single_word": false}}""", "a[PAD] b", "0 6 1")]
    [InlineData("""{"additional_special_tokens": ["<y>", "<z>", "<x>"]}""", "<z><y><x>", "7 6 5")]
    [InlineData("""{"extra_special_tokens": ["<y>"]}""", "a<y>", "0 6")]
    [InlineData("""{"extra_special_tokens": {"image_token": "<y>"}}""", "a<y>", "0 6")]
    [InlineData("""{"unk_token": "b"}""", "ab", "0 1")] // of the vocabulary, and cut out from now on
    [InlineData("""{"unk_token": "b", "split_special_tokens": true}""", "ab", "2")]
    [InlineData("""{"split_special_tokens": true}""", "a<x>b", "2")] // its letters are not there, and are left out
    [InlineData("""{"pad_token": null, "sep_token": "", "additional_special_tokens": null, "extra_special_tokens": {}}""", "ab", "2")]
    [InlineData("""{"legacy": true, "do_lower_case": true, "clean_up_tokenization_spaces": true, "fix_mistral_regex": true}""", "ab Ab",
        "2 3 1")]
    public void SpecialTokens_OfTheConfig_AreAdded(string config, string text, string expected) =>
        Assert.Equal(expected, Encode(text, Config(config)));

    [Fact]
    public void OlderFiles_CountWhereTheNewerKeyIsMissing()
    {
        var map = ("special_tokens_map.json", """{"pad_token": {"content": "[PAD]", "lstrip": false, "rstrip": false,"""
            + """ "normalized": false, "single_word": false}, "eos_token": "<x>"}""");
        var added = ("added_tokens.json", """{"<y>": 6, "<x>": 5}""");
        Assert.Equal("0 6", Encode("a[PAD]", map));
        Assert.Equal("0 6 7", Encode("a<y>[PAD]", map, added));
        Assert.Equal(5, TokenizerJson.Read(Path.Combine(folder, "tokenizer.json")).EosId);
        Assert.Equal("0 5", Encode("a<y>[PAD]<x>", map, added, Config("""{"added_tokens_decoder": {"5": {"content": "<x>","""
            + """ "special": true}}}""")));
        Assert.Null(TokenizerJson.Read(Path.Combine(folder, "tokenizer.json")).EosId);
        IsRefused("added_tokens.json", "['<y>']", "{}", ("added_tokens.json", """{"<y>": 9}"""));
        IsRefused("special_tokens_map.json", "eos_token", "{}", ("special_tokens_map.json", """{"eos_token": "</s>"}"""));
    }

    // What transformers asks: many tokens, config.json beside, made before version 5, and by a model of Mistral's where that is said.
    [Theory]
    [InlineData("""{"model_type": "mistral", "transformers_version": "4.51.0"}""", true, 100_001, "2 1")]
    [InlineData("""{"model_type": "llama"}""", true, 100_001, "2 1")]
    [InlineData("""{"model_type": "llama", "transformers_version": "4.51.0"}""", true, 100_001, "3")]
    [InlineData("""{"model_type": "mistral", "transformers_version": "5.0.0"}""", true, 100_001, "3")]
    [InlineData("""{"model_type": "mistral", "transformers_version": "5.0.0.dev0"}""", true, 100_001, "2 1")]
    [InlineData("""{"model_type": "mistral", "transformers_version": "4.51.0"}""", false, 100_001, "3")]
    [InlineData("""{"model_type": "mistral", "transformers_version": "4.51.0"}""", true, 100_000, "3")]
    [InlineData(null, true, 100_001, "3")]
    public void MistralsExpression_IsMendedWhereTransformersMendsIt(string? config, bool fix, int tokens, string expected)
    {
        // "aB" is one word to the expression that was wrong, two to the other.
        var model = new JsonObject { ["type"] = "BPE", ["vocab"] = new JsonObject { ["a"] = 2, ["B"] = 1, ["aB"] = 3 },
            ["merges"] = new JsonArray("a B") };
        for (var i = 4; i <= tokens; i++) model["vocab"]![$"token{i}"] = i;
        const string Wrong = """{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{L}+"},"""
            + """ "behavior": "Isolated"}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}""";
        var parts = $$"""{"added_tokens": [], "pre_tokenizer": {{Wrong}}, "model": {{model.ToJsonString()}}}""";
        (string, string)[] beside = config is null ? [] : [("config.json", config)];
        Assert.Equal(expected, Encode("aB", parts, [.. beside, Config($$"""{"fix_mistral_regex": {{(fix ? "true" : "false")}}}""")]));
    }
}
