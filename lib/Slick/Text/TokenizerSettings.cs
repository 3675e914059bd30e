using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>
/// The settings in the files beside a tokenizer.json (tokenizer_config.json, special_tokens_map.json, added_tokens.json), read as the
/// fast classes of transformers 4.45 to 5 read them. A setting that agrees with tokenizer.json changes nothing. A setting that would change
/// ids is carried out as transformers does, or refused.
/// <para><c>add_bos_token</c> and <c>add_eos_token</c>: as in transformers 5 (<c>update_post_processor</c>), either one replaces everything
/// that the post-processor adds, and where only one of the two is there, the other counts as false. In some classes (Llama, Gemma)
/// transformers 4 takes a missing <c>add_bos_token</c> for true: with <c>add_eos_token</c> alone the two versions differ.</para>
/// <para><c>add_prefix_space</c> changes a pre-tokenizer ByteLevel that is not part of a sequence. Where the key is missing, tokenizer.json
/// counts (transformers 4.45 to 4.57 takes the key for false).</para>
/// <para>Some keys are read elsewhere or have no influence on ids: <c>clean_up_tokenization_spaces</c> (transformers 5 ignores it for BPE),
/// <c>legacy</c>, <c>do_lower_case</c> (no fast class of BPE reads either), truncation and padding (set anew at each call).</para>
/// </summary>
internal sealed partial class TokenizerSettings
{
    // The keys of special tokens, in the order in which transformers adds the tokens.
    private static readonly string[] Named =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token", "additional_special_tokens",
        "extra_special_tokens"];

    // Classes that use tokenizer.json as it is. Other classes may build parts of the tokenizer themselves. Where no class is named,
    // config.json chooses one.
    private static readonly string[] GenericClasses = ["PreTrainedTokenizerFast", "TokenizersBackend"];

    private readonly JsonPlace top;
    private readonly JsonPlace map;    // special_tokens_map.json
    private readonly JsonPlace legacy; // added_tokens.json

    private TokenizerSettings(JsonPlace top, JsonPlace map, JsonPlace legacy)
    {
        (this.top, this.map, this.legacy) = (top, map, legacy);
        (Bos, Eos) = (Tokens("bos_token").Select(t => t.Content).FirstOrDefault(),
            Tokens("eos_token").Select(t => t.Content).FirstOrDefault());
        (AddBos, AddEos) = (IsThere("add_bos_token"), IsThere("add_eos_token"));
        SplitsSpecial = Flag("split_special_tokens") ?? false;
    }

    /// <summary>The path of tokenizer_config.json.</summary>
    public string File => top.File;
    /// <summary>The path of the file that a key is read from. special_tokens_map.json counts before tokenizer_config.json.</summary>
    /// <param name="key">The key.</param>
    public string FileOf(string key) => Place(key).File;
    /// <summary>The token that begins a text (BOS); null where none is named.</summary>
    public string? Bos { get; }
    /// <summary>The token that ends a text (EOS); null where none is named.</summary>
    public string? Eos { get; }
    /// <summary>True where every text begins with <see cref="Bos"/>; null where the key is missing.</summary>
    public bool? AddBos { get; }
    /// <summary>True where every text ends with <see cref="Eos"/>; null where the key is missing.</summary>
    public bool? AddEos { get; }
    /// <summary>True where special tokens in a text are treated as any other text.</summary>
    public bool SplitsSpecial { get; }

    /// <summary>Reads the files in the folder of a tokenizer.json. A file that is missing has no settings.</summary>
    /// <param name="tokenizer">The path of tokenizer.json.</param>
    /// <exception cref="SlickException">A file is no JSON, or a key has a value of the wrong kind.</exception>
    public static TokenizerSettings Beside(string tokenizer)
    {
        JsonPlace Read(string name)
        {
            var path = Path.Combine(Path.GetDirectoryName(tokenizer) ?? "", name);
            if (!System.IO.File.Exists(path)) return new(path, "", default);
            using var json = JsonPlace.Open(path, name);
            return new(path, "", json.RootElement.Clone());
        }
        var config = Read("tokenizer_config.json");
        // The two older files count only where the newer key is missing.
        var both = config["added_tokens_decoder"].IsNothing;
        var none = new JsonPlace("", "", default);
        return new(config, both ? Read("special_tokens_map.json") : none, both ? Read("added_tokens.json") : none);
    }

    // Here null is a value: the key is there, and means false.
    private bool? IsThere(string key) => top[key].Value.ValueKind == JsonValueKind.Undefined ? null : top[key].Flag(false);

    private bool? Flag(string key) => top[key].IsNothing ? null : top[key].Flag(false);

    /// <summary>The added tokens of a tokenizer.json, with those that the files beside it add or change.</summary>
    /// <param name="own">The added tokens of tokenizer.json.</param>
    /// <param name="vocabulary">The model's vocabulary.</param>
    /// <exception cref="SlickException">A token would get another id than its file says, or BOS or EOS is not in
    /// tokenizer.json.</exception>
    public IReadOnlyCollection<AddedToken> AddedTokens(IReadOnlyCollection<AddedToken> own, IReadOnlyDictionary<string, int> vocabulary)
    {
        var tokens = own.ToDictionary(t => t.Content, StringComparer.Ordinal);
        var named = Named.SelectMany(key => Tokens(key).Select(token => (Key: key, Token: token))).ToList();
        var special = named.Select(n => n.Token.Content).ToHashSet(StringComparer.Ordinal);

        // As add_tokens of Hugging Face tokenizers: a known token keeps its id and takes the new flags.
        int Add(AddedToken token)
        {
            var id = tokens.TryGetValue(token.Content, out var known) ? known.Id
                : vocabulary.TryGetValue(token.Content, out var listed) ? listed
                : Math.Max(vocabulary.Count, 1 + tokens.Values.Select(t => t.Id).DefaultIfEmpty(-1).Max());
            tokens[token.Content] = token with { Id = id };
            return id;
        }

        foreach (var (place, claimed) in Claims(own, special).OrderBy(c => c.Token.Id))
        {
            if (claimed.Content.Length == 0
                || (tokens.TryGetValue(claimed.Content, out var known) && known == claimed with { Id = known.Id })) continue;
            var id = Add(claimed with { Special = claimed.Special || special.Contains(claimed.Content) });
            if (id != claimed.Id) throw place.Wrong(
                string.Create(CultureInfo.InvariantCulture, 
                $"'{claimed.Content}' has the id {claimed.Id} here and gets {id} beside tokenizer.json; save the tokenizer anew with "
                + $"transformers' save_pretrained"));
        }
        foreach (var (key, token) in named)
        {
            if (token.Content.Length == 0 || tokens.ContainsKey(token.Content)) continue;
            if (key is "bos_token" or "eos_token" && !vocabulary.ContainsKey(token.Content))
                throw Place(key).Wrong($"the token '{token.Content}' is not in tokenizer.json; name one that is there");
            Add(token with { Special = true });
        }
        return tokens.Values;
    }

    // The tokens of the files beside tokenizer.json, with the ids that the files give them.
    private IEnumerable<(JsonPlace Place, AddedToken Token)> Claims(IReadOnlyCollection<AddedToken> own, HashSet<string> special)
    {
        foreach (var (id, place) in top["added_tokens_decoder"].IsNothing ? [] : top["added_tokens_decoder"].Properties())
        {
            if (!int.TryParse(id, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture,
                out var number)) throw place.Wrong("expected is an id as key");
            yield return (place, TokenOf(place) with { Id = number });
        }
        var ids = own.Select(t => t.Id).ToHashSet();
        foreach (var (content, place) in legacy.IsNothing ? [] : legacy.Properties())
            if (!ids.Contains(place.Id())) // tokenizer.json counts
                yield return (place, new(place.Id(), content, SingleWord: false, StripLeft: false, StripRight: false,
                    Normalized: !special.Contains(content), special.Contains(content)));
    }

    private JsonPlace Place(string key) => map[key].IsNothing ? top[key] : map[key];

    // The tokens that a key names: none, one, a list of them, or an object of names and tokens.
    private IEnumerable<AddedToken> Tokens(string key)
    {
        var place = Place(key);
        if (place.IsNothing) return [];
        return place.Value.ValueKind switch
        {
            JsonValueKind.Array => place.Items().Select(TokenOf),
            JsonValueKind.Object when place["content"].IsNothing => place.Properties().Select(p => TokenOf(p.Place)),
            _ => [TokenOf(place)],
        };
    }

    // A text, or an added token as an object with transformers' defaults.
    private static AddedToken TokenOf(JsonPlace place)
    {
        if (place.Value.ValueKind != JsonValueKind.Object) return new(-1, place.Text(), false, false, false, Normalized: false,
            Special: true);
        var special = place["special"].Flag(false);
        return new(-1, place["content"].Text(), place["single_word"].Flag(false), place["lstrip"].Flag(false), place["rstrip"].Flag(false),
            place["normalized"].Flag(!special), special);
    }

    /// <summary>The pre-tokenizer of a tokenizer.json, with what tokenizer_config.json changes in it.</summary>
    /// <param name="json">The whole tokenizer.json.</param>
    /// <exception cref="SlickException">The two files contradict each other.</exception>
    public JsonPlace PreTokenizer(JsonPlace json)
    {
        var place = json["pre_tokenizer"];
        if (Flag("add_prefix_space") is { } space) place = WithPrefixSpace(place, json["normalizer"], space);
        return Flag("fix_mistral_regex") == true && !place.IsNothing && IsOldMistral(json) ? WithMistralsPattern(place) : place;
    }

    private JsonPlace WithPrefixSpace(JsonPlace place, JsonPlace normalizer, bool space)
    {
        if (!place.IsNothing && place["type"].Text() == "ByteLevel")
        {
            var changed = JsonObject.Create(place.Value)!;
            changed["add_prefix_space"] = space;
            return place with { Value = JsonSerializer.SerializeToElement(changed) };
        }
        var name = top["tokenizer_class"].Text("");
        if (!GenericClasses.Contains(name) && space != (PreTokenizers.PrependsSpace(place) || Normalizers.Prepends(normalizer)))
            throw top["add_prefix_space"].Wrong(
                $"tokenizer.json puts {(space ? "no space" : "a space")} before a text, and transformers may make another tokenizer of "
                + $"the two{(name.Length > 0 ? $" ({name})" : "")}; "
                + $"write {(space ? "false" : "true")} if tokenizer.json is what the model was trained with, else save the tokenizer anew "
                    + $"with transformers' save_pretrained");
        return place;
    }

    // The conditions under which transformers 5 repairs an expression that was wrongly converted to tokenizer.json (_patch_mistral_regex).
    private static readonly string[] MistralTypes = ["mistral", "mistral3", "voxtral", "ministral", "pixtral"];
    private const int FewTokens = 100_000;

    private static bool IsOldMistral(JsonPlace json)
    {
        var vocabulary = json["model"]["vocab"];
        var tokens = vocabulary.Properties().Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        if (!json["added_tokens"].IsNothing) tokens.UnionWith(json["added_tokens"].Items().Select(t => t["content"].Text()));
        var path = Path.Combine(Path.GetDirectoryName(json.File) ?? "", "config.json");
        if (tokens.Count <= FewTokens || !System.IO.File.Exists(path)) return false;
        using var document = JsonPlace.Open(path, "config.json");
        var config = new JsonPlace(path, "", document.RootElement);
        var version = config["transformers_version"].Text("");
        if (version.Length == 0) return true;
        return OlderThanFive().IsMatch(version) && (config["model_type"].IsNothing || MistralTypes.Contains(config["model_type"].Text()));
    }

    [GeneratedRegex(@"^([0-4]\.|5\.0\.0\.?(dev|a|b|rc))")]
    private static partial Regex OlderThanFive();

    private static JsonPlace WithMistralsPattern(JsonPlace place)
    {
        var split = new JsonObject
        {
            ["type"] = "Split",
            ["pattern"] = new JsonObject { ["Regex"] = MistralsPattern },
            ["behavior"] = "Isolated",
            ["invert"] = false,
        };
        var kind = place["type"].Text();
        JsonNode?[] rest = kind == "Sequence" ? [.. place["pretokenizers"].Items().Skip(1).Select(p => JsonObject.Create(p.Value))]
            : kind == "Metaspace" ? [new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false }]
            : [JsonObject.Create(place.Value)];
        var changed = new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray([split, .. rest]) };
        return place with { Value = JsonSerializer.SerializeToElement(changed) };
    }

    // The expression of Tekken (Mistral's tokenizer of 2024).
    private const string MistralsPattern =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
            + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        + @"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
}
