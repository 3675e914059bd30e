using System.Text.Json.Nodes;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Text;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

/// <summary>Models of some thousand weights, tokenizers of each kind and a few facts for them.</summary>
internal static class TinyTraining
{
    public static Fact Fact(int id, string subject, string answer) =>
        new() { Id = id, Relation = "P0", Split = Split.Train, Subject = subject, Question = $"Where is {subject}?", Answer = answer };

    /// <summary>Fresh weights for a tokenizer; token 2 ends a text.</summary>
    public static DecoderWeights Weights(ITokenizer tokenizer, int width = 32, ScalarType dtype = ScalarType.Float32)
    {
        var shape = new PreTrainingOptions { HiddenSize = width, Layers = 2, Heads = 4, KeyValueHeads = 2, IntermediateSize = 2 * width,
            ContextTokens = 48 }.Shape(tokenizer.VocabularySize);
        using var fresh = new DecoderWeights(shape, CPU, trainable: false);
        fresh.Initialize(1);
        var weights = new DecoderWeights(shape, CPU, trainable: false, dtype);
        using (no_grad()) weights.Flat.copy_(fresh.Flat);
        return weights;
    }

    /// <summary>Fine-tunes all of a model, and asks all evaluation questions before the first and after every epoch.</summary>
    public static void FineTune(DecoderWeights start, ITokenizer tokenizer, FineTuningOptions options, IReadOnlyList<Fact> examples,
        IReadOnlyList<Fact> evaluation, int seed, int epochUpdates, string? scratch, Action<EpochResult> done, CancellationToken stop) =>
        FineTuning.Run(new()
        {
            Start = start,
            Tokenizer = tokenizer,
            Options = options,
            Examples = Example.Of(examples, PromptFormat.QuestionAnswer),
            Questions = new Dictionary<string, IReadOnlyList<Example>> { ["all"] = Example.Of(evaluation, PromptFormat.QuestionAnswer) },
            Seed = seed,
            EpochUpdates = epochUpdates,
            Scratch = scratch,
        }, epoch => done(new(epoch.Epoch, epoch.Updates, epoch.Loss, epoch.Ask("all"))), stop);

    public static List<EpochResult> Run(DecoderWeights start, ITokenizer tokenizer, FineTuningOptions options, IReadOnlyList<Fact> facts,
        string? scratch = null, Action<EpochResult>? seen = null, CancellationToken? stop = null)
    {
        var results = new List<EpochResult>();
        FineTune(start, tokenizer, options, facts, facts, 3, 0, scratch, r =>
        {
            results.Add(r);
            seen?.Invoke(r);
        }, stop ?? TestContext.Current.CancellationToken);
        return results;
    }

    private const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789?:,";
    private static readonly string[] Special = ["<unk>", "<s>", "</s>"];

    /// <summary>One token a word.</summary>
    public static WordLevelTokenizer Words(IEnumerable<Fact> facts) =>
        WordLevelTokenizer.Train(facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, f.Answer)));

    /// <summary>As of Llama 3 and Qwen: bytes, and a pattern that leaves a full stop and the line feed behind it together: ".\n" is
    /// one token.</summary>
    public static ITokenizer ByteLevel() => Read(
        [.. Special, .. Letters.Select(c => $"{c}"), ".", "Ġ", "Ċ", ".Ċ"], [". Ċ"], """
        {
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "behavior": "Isolated", "invert": false,
                    "pattern": {"Regex": "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+"}},
                {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
            "decoder": {"type": "ByteLevel"}
        }
        """);

    /// <summary>As of Llama 2: a meta symbol before the text and for spaces, bytes for what has no token, the line feed among
    /// them.</summary>
    public static ITokenizer SentencePiece() => Read(
        [.. Special, .. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"), .. Letters.Select(c => $"{c}"), ".", "▁", "▁A"],
        ["▁ A"], """
        {
            "normalizer": {"type": "Sequence",
                "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
        }
        """, """{"unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true}""");

    /// <summary>Bytes, and a normaliser that takes a line feed at the end of a text away.</summary>
    public static ITokenizer Stripping(string? eos = "</s>") => Read([.. Special, .. Letters.Select(c => $"{c}"), ".", " ", "\n"], [], """
        { "normalizer": {"type": "Strip", "strip_left": false, "strip_right": true} }
        """, "{}", eos);

    private static ITokenizer Read(string[] vocabulary, string[] merges, string parts, string model = "{}", string? eos = "</s>")
    {
        var json = JsonNode.Parse(parts)!.AsObject();
        json["model"] = JsonNode.Parse(model)!;
        json["model"]!["type"] = "BPE";
        json["model"]!["vocab"] = new JsonObject(vocabulary.Select((v, i) => KeyValuePair.Create<string, JsonNode?>(v, i)));
        json["model"]!["merges"] = new JsonArray([.. merges.Select(m => JsonValue.Create(m))]);
        json["post_processor"] = JsonNode.Parse("""
            {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
            }
            """);
        json["added_tokens"] = new JsonArray([.. Special.Select((content, id) =>
            new JsonObject { ["id"] = id, ["content"] = content, ["normalized"] = false, ["special"] = true })]);
        var folder = Scratch.Folder("tokenizer");
        try
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString());
            if (eos is not null) File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"),
                new JsonObject { ["eos_token"] = eos }.ToJsonString());
            return TokenizerJson.Read(Path.Combine(folder, "tokenizer.json"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
