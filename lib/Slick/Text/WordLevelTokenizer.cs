using System.Text;
using System.Text.Json.Nodes;
using Slick.Storage;

namespace Slick.Text;

/// <summary>
/// The lab's tokenizer. Each word is one token, words are separated by one space, and a line feed is a token of its own. The tokenizer's
/// file is an ordinary <c>tokenizer.json</c> (model <c>WordLevel</c>), which Hugging Face tokenizers reads with the same ids.
/// </summary>
public sealed class WordLevelTokenizer : ITokenizer
{
    internal static readonly string[] Special = ["<pad>", "<s>", "</s>", "<unk>"];
    private readonly Dictionary<string, int> ids;
    private readonly string[] words;
    private readonly int unknown;
    private readonly AddedTokens special; // found in a text also inside a word

    internal WordLevelTokenizer(Dictionary<string, int> ids, string unknownToken)
    {
        this.ids = ids;
        words = new string[ids.Values.Max() + 1];
        foreach (var (word, id) in ids) words[id] = word;
        unknown = ids[unknownToken];
        special = new(Special.Where(ids.ContainsKey).Select(t => (t, AddedSpecial(t, ids[t]))), splitsSpecial: false);
        BosId = ids.TryGetValue("<s>", out var bos) ? bos : null;
        EosId = ids.TryGetValue("</s>", out var eos) ? eos : null;
    }

    /// <summary>A special token with the flags that <see cref="Save"/> writes.</summary>
    internal static AddedToken AddedSpecial(string content, int id) =>
        new(id, content, SingleWord: false, StripLeft: false, StripRight: false, Normalized: false, Special: true);

    /// <summary>
    /// Makes a tokenizer for the words of some documents. The words follow the special tokens, ordered by their UTF-16 units.
    /// </summary>
    /// <param name="documents">The documents.</param>
    public static WordLevelTokenizer Train(IEnumerable<string> documents)
    {
        var seen = new SortedSet<string>(StringComparer.Ordinal) { "\n" };
        foreach (var document in documents)
            foreach (var range in Split(document)) seen.Add(document[range]);
        return new(Special.Concat(seen).Select((w, i) => (w, i)).ToDictionary(p => p.w, p => p.i, StringComparer.Ordinal), "<unk>");
    }

    /// <inheritdoc />
    public int VocabularySize => words.Length;
    /// <inheritdoc />
    public int? BosId { get; }
    /// <inheritdoc />
    public int? EosId { get; }
    /// <inheritdoc />
    public int? UnknownId => unknown;

    /// <inheritdoc />
    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        var result = new List<int>(text.Length / 4);
        if (addSpecialTokens && BosId is { } bos) result.Add(bos);
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (part, token) in special.Split(text))
        {
            if (token is not null) result.Add(token.Id);
            else
                foreach (var range in Split(part)) result.Add(lookup.TryGetValue(part.AsSpan(range), out var id) ? id : unknown);
        }
        return [.. result];
    }

    /// <inheritdoc />
    public string Decode(IReadOnlyList<int> ids)
    {
        // Where a file names no decoder, Hugging Face tokenizers puts a space between every two tokens, also beside a line feed.
        var text = new StringBuilder();
        foreach (var id in ids) text.Append(text.Length > 0 ? " " : "").Append(words[id]);
        return text.ToString();
    }

    /// <inheritdoc />
    public bool StartsWithLineFeed(int id) => id >= 0 && id < words.Length && words[id].StartsWith('\n');

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> into a folder.</summary>
    /// <param name="folder">The folder. It is made where it is missing.</param>
    /// <exception cref="SlickException">A file cannot be written.</exception>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        var vocabulary = new JsonObject();
        for (var i = 0; i < words.Length; i++) vocabulary[words[i]] = i;
        JsonObject Added(string content) => new()
        {
            ["id"] = ids[content], ["content"] = content, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false,
            ["normalized"] = false, ["special"] = true,
        };
        JsonObject SplitOn(string pattern, string behavior) => new()
        {
            ["type"] = "Split", ["pattern"] = new JsonObject { ["String"] = pattern }, ["behavior"] = behavior, ["invert"] = false,
        };
        JsonObject Sequence(string type, string id) => new() { [type] = new JsonObject { ["id"] = id, ["type_id"] = 0 } };
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. Special.Select(Added)]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(SplitOn("\n", "Isolated"), SplitOn(" ", "Removed")),
            },
            ["post_processor"] = new JsonObject
            {
                ["type"] = "TemplateProcessing",
                ["single"] = new JsonArray(Sequence("SpecialToken", "<s>"), Sequence("Sequence", "A")),
                ["pair"] = new JsonArray(Sequence("SpecialToken", "<s>"), Sequence("Sequence", "A"), Sequence("Sequence", "B")),
                ["special_tokens"] = new JsonObject
                {
                    ["<s>"] = new JsonObject { ["id"] = "<s>", ["ids"] = new JsonArray(BosId!.Value), ["tokens"] = new JsonArray("<s>") },
                },
            },
            ["decoder"] = null,
            ["model"] = new JsonObject { ["type"] = "WordLevel", ["vocab"] = vocabulary, ["unk_token"] = words[unknown] },
        };
        AtomicFile.WriteText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString() + "\n");
        var config = new JsonObject
        {
            ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["pad_token"] = "<pad>", ["unk_token"] = "<unk>",
            ["tokenizer_class"] = "PreTrainedTokenizerFast", ["clean_up_tokenization_spaces"] = false,
        };
        AtomicFile.WriteText(Path.Combine(folder, "tokenizer_config.json"), config.ToJsonString() + "\n");
    }

    private static IEnumerable<Range> Split(string text)
    {
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && text[i] != ' ' && text[i] != '\n') continue;
            if (i > start) yield return start..i;
            if (i < text.Length && text[i] == '\n') yield return i..(i + 1);
            start = i + 1;
        }
    }
}
