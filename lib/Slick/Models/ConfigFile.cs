using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Models;

/// <summary>
/// Reads config.json by the table of architectures. A key that is neither read nor known to leave the arithmetic alone is refused. If such
/// a setting were ignored, the model would compute wrong numbers that look right.
/// </summary>
internal sealed class ConfigFile
{
    // Settings that do not change what a forward pass computes: training, generation, bookkeeping.
    private static readonly HashSet<string> Harmless = new(StringComparer.Ordinal)
    {
        "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version", "name_or_path", "tokenizer_class", "use_cache",
        "cache_implementation", "attn_implementation", "gradient_checkpointing", "unk_token_id", "sep_token_id", "cls_token_id",
            "mask_token_id",
        "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id", "attention_dropout", "attn_pdrop", "embd_pdrop",
            "resid_pdrop",
        "hidden_dropout", "embedding_dropout", "classifier_dropout", "summary_activation", "summary_first_dropout",
            "summary_proj_to_labels",
        "summary_type", "summary_use_proj", "reorder_and_upcast_attn", "pretraining_tp", "n_ctx", "original_max_position_embeddings",
        "is_decoder", "is_encoder_decoder", "is_llama_config", "return_dict", "return_dict_in_generate", "output_attentions",
        "output_hidden_states", "output_scores", "id2label", "label2id", "num_labels", "problem_type", "finetuning_task",
            "task_specific_params",
        "prefix", "torchscript", "use_bfloat16", "tf_legacy_loss", "pruned_heads", "chunk_size_feed_forward", "tie_encoder_decoder",
        "cross_attention_hidden_size", "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
        "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
        "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "remove_invalid_values",
            "exponential_decay_length_penalty",
        "suppress_tokens", "begin_suppress_tokens", "bos_token_id", "n_special", "predict_special_tokens", "output_past",
        "transformers.js_config", "max_sequence_length", "attention_probs_dropout_prob", "hidden_dropout_prob", "unsloth_fixed",
            "unsloth_version",
    };

    // Parts of a model that a family without such a key does not have. The value false agrees with that.
    private static readonly string[] Absent = ["attention_bias", "mlp_bias", "add_cross_attention", "rope_interleaved"];

    // Far more layers than any model has. A damaged number must not be made into lists.
    private const int MostLayers = 10_000;

    // Longest value that a message shows, in characters.
    private const int LongestShown = 200;

    private readonly string path;
    private readonly JsonObject json;
    private readonly HashSet<string> read = new(StringComparer.Ordinal);

    private ConfigFile(string path, JsonObject json) => (this.path, this.json) = (path, json);

    public static DecoderConfig Read(string path)
    {
        const string Cure = "give a folder that holds a Hugging Face checkpoint";
        if (!File.Exists(path)) throw new SlickException($"{path}: there is no such file; {Cure}.");
        JsonObject json;
        using (var document = JsonPlace.Open(path, "config.json", Reading))
            json = document.RootElement.ValueKind == JsonValueKind.Object ? JsonObject.Create(document.RootElement.Clone())!
                : throw new SlickException($"{path}: not a readable config.json, which has an object in braces; {Cure}.");
        try
        {
            CheckTexts(json, "");
        }
        catch (FormatException e)
        {
            throw new SlickException($"{path}: not a readable config.json ({e.Message}); {Cure}.", e);
        }
        var config = new ConfigFile(path, json).Read();
        try
        {
            return OptionRanges.Check(config, "config");
        }
        catch (SlickException e)
        {
            throw new SlickException($"{path}: {e.Message}", e);
        }
    }

    private static readonly JsonDocumentOptions Reading = new() { AllowDuplicateProperties = false };

    // Half of a surrogate pair is valid JSON and not a valid text. It is found here, and not later where the text is read.
    private static void CheckTexts(JsonNode? node, string key)
    {
        try
        {
            if (node is JsonValue value && value.GetValueKind() == JsonValueKind.String) _ = value.GetValue<string>();
            if (node is JsonObject of)
                foreach (var (name, inner) in of) CheckTexts(inner, key.Length == 0 ? name : $"{key}.{name}");
            if (node is JsonArray list)
                foreach (var inner in list) CheckTexts(inner, key);
        }
        catch (InvalidOperationException)
        {
            throw new FormatException($"half of a character, one of a surrogate pair, stands in {(key.Length == 0 ? "a key" : key)}");
        }
    }

    private DecoderConfig Read()
    {
        if (json["quantization_config"] is not null)
            throw Wrong("quantization_config", "quantised weights are not supported; load the model in Python and save it in bf16");
        if (!Has("model_type")) throw new SlickException($"{path}: the key 'model_type' is missing.");
        var modelType = Text("model_type", "");
        var family = Architecture.Find(modelType) ?? throw Wrong("model_type",
            $"the architecture '{modelType}' is not supported; supported are "
                + $"{string.Join(", ", Architecture.All.Select(a => a.ModelType))}");
        foreach (var (key, value) in family.Fixed)
            if (read.Add(key) && Has(key) && json[key]!.ToJsonString() != value) throw Wrong(key, $"only {value} is supported");
        read.UnionWith(family.Unused);
        foreach (var (key, of) in family.Copies)
            if (read.Add(key) && Has(key) && json[key]!.ToJsonString() != json[of]?.ToJsonString()) throw Wrong(key,
                $"it differs from {of}");

        var hidden = Positive(family.HiddenSizeKey);
        var layers = Positive(family.LayersKey);
        if (layers > MostLayers) throw Wrong(family.LayersKey, $"no model has more than {MostLayers} layers");
        var heads = Positive(family.HeadsKey);
        var keyValueHeads = family.KeyValueHeadsKey is { } kvKey
            ? Positive(kvKey, json.ContainsKey(kvKey) ? heads : family.KeyValueHeadsDefault ?? heads) : heads;
        if (heads % keyValueHeads != 0) throw Wrong(family.KeyValueHeadsKey!, $"it does not divide {family.HeadsKey} = {heads}");
        var headDim = family.HeadDimKey is { } widthKey && (Has(widthKey) || family.HeadDimDefault is not null)
            ? Positive(widthKey, family.HeadDimDefault)
            : hidden % heads == 0 ? hidden / heads : throw Wrong(family.HiddenSizeKey, $"it is no multiple of {family.HeadsKey} = {heads}");
        var attentionBias = family.AttentionBiasKey is { } biasKey && Flag(biasKey, family.AttentionBiasDefault);
        var residual = family.Residual;
        if (residual == Residual.Parallel && !Flag("use_parallel_residual", true)) residual = Residual.Serial;
        var config = new DecoderConfig
        {
            Architecture = family,
            Source = json,
            VocabularySize = Positive("vocab_size"),
            HiddenSize = hidden,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            IntermediateSize = family.IntermediateSizeKey == "n_inner" ? Positive("n_inner", (int)Math.Min(int.MaxValue, 4L * hidden))
                : Positive(family.IntermediateSizeKey),
            MaxPositions = Positive(family.PositionsKey),
            LayerAttentions = LayerAttentions(family, layers, headDim),
            AttentionScale = 1 / Math.Sqrt(family.QueryScaleDefault is { } scale ? Number("query_pre_attn_scalar", scale) : headDim),
            AttentionSoftCap = family.AttentionSoftCapKey is { } attentionCap ? NumberOrNull(attentionCap, family.AttentionSoftCapDefault)
                : null,
            FinalSoftCap = family.FinalSoftCapKey is { } finalCap ? NumberOrNull(finalCap, family.FinalSoftCapDefault) : null,
            NormEpsilon = Number(family.NormEpsilonKey, family.NormEpsilonDefault),
            TiedEmbeddings = Flag("tie_word_embeddings", family.TiedDefault),
            Activation = ReadActivation(family),
            Residual = residual,
            QkvBias = family.QkvBias || attentionBias,
            OutputBias = family.OutputBias || attentionBias,
            MlpBias = family.MlpBias || (family.MlpBiasKey is { } mlpKey && Flag(mlpKey, false)),
            InitializerRange = Number("initializer_range", 0.02, orZero: true),
            EosIds = Ids("eos_token_id"),
            PadId = PadId(family),
        };
        foreach (var key in Absent)
            if (!read.Contains(key) && Flag(key, false)) throw Wrong(key, "only false is supported");
        foreach (var (key, value) in json)
            if (value is not null && !read.Contains(key) && !Harmless.Contains(key) && !key.StartsWith('_'))
                throw Wrong(key, "this decoder does not know the setting; if it changes nothing in the arithmetic, take it out");
        return config;
    }

    private Activation ReadActivation(Architecture family)
    {
        var key = family.ActivationKey;
        var name = Text(key, family.ActivationDefault);
        return name switch
        {
            "silu" or "swish" => Activation.Silu,
            "gelu" or "gelu_python" => Activation.Gelu,
            // One function under several names. The variants differ in rounding only.
            "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" or "gelu_accurate" or "gelu_python_tanh" => Activation.GeluTanh,
            "relu" => Activation.Relu,
            _ => throw Wrong(key, "the activation is not supported; supported are silu, gelu, gelu_new, gelu_pytorch_tanh, relu"),
        };
    }

    private LayerAttention[] LayerAttentions(Architecture family, int layers, int headDim)
    {
        var turning = family.SomeLayersWithoutRope ? RopeLayers(layers) : null;
        var sliding = Sliding(family, layers, turning, out var window);
        if (family.Positions is not null) return [.. sliding.Select(_ => new LayerAttention(null, null))];
        var (full, local) = Ropes(family, headDim);
        return [.. sliding.Select((s, i) =>
            new LayerAttention(s ? window : null, turning is not null && !turning[i] ? null : s ? local : full))];
    }

    // SmolLM3: 1 where a layer has rotary positions.
    private bool[] RopeLayers(int layers)
    {
        var interval = Positive("no_rope_layer_interval", 4);
        if (!Has("no_rope_layers")) return [.. Enumerable.Range(1, layers).Select(i => i % interval != 0)];
        var list = Values<int>("no_rope_layers", layers, orMore: true);
        return [.. list.Take(layers).Select(v => v is 0 or 1 ? v == 1 : throw Wrong("no_rope_layers", "its entries are 0 and 1"))];
    }

    private bool[] Sliding(Architecture family, int layers, bool[]? turning, out int? window)
    {
        window = null;
        var used = family.Windows switch
        {
            Windows.None => false,
            Windows.FromLayer or Windows.WithoutRope => Flag("use_sliding_window", false),
            _ => true,
        };
        var size = family.Windows == Windows.None ? null
            : json.ContainsKey("sliding_window") || family.WindowDefault is null
                ? (Has("sliding_window") ? Positive("sliding_window") : null) : family.WindowDefault;
        if (used) window = size;
        var interval = family.Windows == Windows.Pattern ? Positive("sliding_window_pattern", 6) : 0;
        var from = family.Windows != Windows.FromLayer ? 0 : Positive("max_window_layers", 28, least: 0);
        if (family.Windows != Windows.None) read.Add("sliding_window");
        if (Has("layer_types"))
        {
            var types = Values<string>("layer_types", layers);
            foreach (var type in types)
                if (type is not ("full_attention" or "sliding_attention")) throw Wrong("layer_types",
                    $"'{type}' is not supported; full_attention and sliding_attention are");
            if (window is null && types.Contains("sliding_attention")) throw Wrong("layer_types",
                "a layer slides, but sliding_window is not set or not in use");
            return [.. types.Select(t => t == "sliding_attention")];
        }
        var slides = window is not null;
        return [.. Enumerable.Range(0, layers).Select(i => slides && family.Windows switch
        {
            Windows.Everywhere => true,
            Windows.FromLayer => i >= from,
            Windows.EveryOther => i % 2 == 0,
            Windows.Pattern => (i + 1) % interval != 0,
            _ => !turning![i],
        })];
    }

    // Rotary positions of layers without and with a sliding window: from rope_parameters of transformers 5, flat or by kind of layer, or
    // from the keys of transformers 4.
    private (Rope Full, Rope Local) Ropes(Architecture family, int headDim)
    {
        var share = family.RotaryShareKey is { } shareKey ? Number(shareKey, family.RotaryShareDefault) : 1;
        var theta = Number(family.RopeThetaKey, family.RopeThetaDefault);
        double? localTheta = family.LocalRopeThetaDefault is { } fallback ? Number("rope_local_base_freq", fallback) : null;
        read.Add("rope_parameters");
        read.Add("rope_scaling");
        var key = json["rope_parameters"] is JsonObject ? "rope_parameters" : "rope_scaling";
        if (key == "rope_parameters" && Has("rope_scaling")) throw Wrong("rope_scaling",
            "rope_parameters stands beside it; take one of them out");
        if (json[key] is not null and not JsonObject) throw Wrong(key, "it must be an object");
        var settings = json[key] as JsonObject;
        Rope Of(string name, JsonObject? own, double standard) =>
            Rope(name, own, standard, share, headDim, family.RotaryShareKey is not null);
        if (settings?.Any(p => p.Value is JsonObject) != true)
        {
            if (key == "rope_parameters" && localTheta is not null) throw Wrong(key, "expected are full_attention and sliding_attention");
            var full = Of(key, settings, theta);
            // Some versions of transformers write these keys beside a family's own keys.
            if (family.RopeThetaKey != "rope_theta" && Has("rope_theta")
                && Number("rope_theta", 0) != full.Theta) throw Wrong("rope_theta", $"it differs from {family.RopeThetaKey}");
            if (family.RotaryShareKey is { } of && Has("partial_rotary_factor")
                && (int)(headDim * Number("partial_rotary_factor", 0)) != full.Width) throw Wrong("partial_rotary_factor",
                $"it differs from {of}");
            return (full, localTheta is { } local ? new Rope(local, full.Width) : full);
        }
        // Where not every kind of layer occurs, transformers 5 writes the keys of the flat form beside the kinds of layer.
        foreach (var (name, value) in settings)
            if (name is not ("full_attention" or "sliding_attention") && value is JsonObject) throw Wrong($"{key}.{name}",
                "expected are full_attention and sliding_attention");
        return (Of($"{key}.full_attention", settings["full_attention"] as JsonObject, theta),
            Of($"{key}.sliding_attention", settings["sliding_attention"] as JsonObject, localTheta ?? theta));
    }

    private Rope Rope(string key, JsonObject? settings, double theta, double share, int headDim, bool partial)
    {
        double? Setting(string name)
        {
            if (settings?[name] is not { } node) return null;
            return node is JsonValue value && value.TryGetValue<double>(out var number) && number > 0 ? number
                : throw Wrong($"{key}.{name}", "it must be a positive number");
        }
        double Needed(string name) => Setting(name) ?? throw Wrong($"{key}.{name}", "it is missing");
        // transformers 5 also reads this key beside the rope's settings, and else takes the model's own number of positions.
        int OriginalPositions()
        {
            var inside = Setting("original_max_position_embeddings");
            var beside = Has("original_max_position_embeddings") ? Positive("original_max_position_embeddings") : (int?)null;
            if (inside is { } i && beside is { } b && i != b) throw Wrong("original_max_position_embeddings",
                $"it differs from {key}.original_max_position_embeddings");
            return (int?)inside ?? beside ?? Positive("max_position_embeddings");
        }

        var type = settings?["rope_type"] ?? settings?["type"];
        var kind = type is null ? "default" : type.GetValueKind() == JsonValueKind.String ? type.GetValue<string>() : type.ToJsonString();
        string[] own = kind switch { "linear" => ["factor"], "llama3" =>
            ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"], _ => [] };
        foreach (var (name, value) in settings ?? [])
        {
            if (value is null || name is "rope_type" or "type" or "rope_theta" or "partial_rotary_factor" || own.Contains(name)) continue;
            if (kind is "default" or "linear" or "llama3") throw Wrong($"{key}.{name}", $"it has no meaning with the rope_type {kind}");
        }
        share = Setting("partial_rotary_factor") ?? share;
        if (share is <= 0 or > 1 || (share != 1 && !partial)) throw Wrong($"{key}.partial_rotary_factor", $"{share} is not supported here");
        var width = (int)(headDim * share);
        if (width % 2 != 0) throw Wrong(key, $"{width} rotated dimensions of a head of {headDim} are an odd number");
        var rope = new Rope(Setting("rope_theta") ?? theta, width);
        return kind switch
        {
            "default" => rope,
            "linear" => rope with { Factor = Needed("factor") },
            "llama3" => rope with
            {
                Factor = Needed("factor"),
                Ramp = (Needed("low_freq_factor"), Needed("high_freq_factor"), OriginalPositions()),
            },
            _ => throw Wrong($"{key}.rope_type", $"'{kind}' is not supported; default, linear and llama3 are"),
        };
    }

    private bool Has(string key) => json[key] is not null;

    private T Value<T>(string key, Func<JsonNode, bool> fits, string expected)
    {
        read.Add(key);
        var node = json[key]!;
        if (!fits(node)) throw Wrong(key, $"expected is {expected}");
        try
        {
            return node.GetValue<T>();
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or OverflowException)
        {
            throw Wrong(key, $"expected is {expected}");
        }
    }

    private int Positive(string key, int? fallback = null, int least = 1)
    {
        read.Add(key);
        if (!Has(key)) return fallback ?? throw new SlickException($"{path}: the key '{key}' is missing.");
        var value = Value<int>(key, n => n.GetValueKind() == JsonValueKind.Number, "a whole number");
        return value >= least ? value : throw Wrong(key, $"expected is a number of at least {least}");
    }

    // Nearly every number of a config.json is above 0. orZero allows 0 as well.
    private double Number(string key, double fallback, bool orZero = false)
    {
        if (json.ContainsKey(key) && !Has(key)) throw Wrong(key, "expected is a number");
        return NumberOrNull(key, fallback, orZero)!.Value;
    }

    private double? NumberOrNull(string key, double? fallback, bool orZero = false)
    {
        read.Add(key);
        if (!json.ContainsKey(key)) return fallback;
        if (!Has(key)) return null;
        var value = Value<double>(key, n => n.GetValueKind() == JsonValueKind.Number, "a number");
        return (value > 0 || orZero && value == 0) && double.IsFinite(value) ? value : throw Wrong(key, "expected is a number above 0");
    }

    private bool Flag(string key, bool fallback)
    {
        read.Add(key);
        return Has(key) ? Value<bool>(key, n => n.GetValueKind() is JsonValueKind.True or JsonValueKind.False, "true or false") : fallback;
    }

    private string Text(string key, string fallback)
    {
        read.Add(key);
        return Has(key) ? Value<string>(key, n => n.GetValueKind() == JsonValueKind.String, "a text") : fallback;
    }

    // The id of the padding token. PyTorch counts a negative id from the end of the vocabulary.
    private int? PadId(Architecture family)
    {
        read.Add("pad_token_id");
        if (!family.PadIsFixed) return null;
        if (!json.ContainsKey("pad_token_id")) return family.PadDefault;
        if (!Has("pad_token_id")) return null;
        var id = Positive("pad_token_id", least: int.MinValue);
        return id < 0 ? id + Positive("vocab_size") : id;
    }

    // The id of one token, or of several.
    private int[] Ids(string key)
    {
        read.Add(key);
        var nodes = json[key] switch { null => [], JsonArray list => list.ToArray(), var one => [one] };
        return [.. nodes.Select(n => n is JsonValue value && value.TryGetValue<int>(out var id) && id >= 0 ? id
            : throw Wrong(key, "expected is a token's id, or a list of them"))];
    }

    private T[] Values<T>(string key, int count, bool orMore = false)
    {
        read.Add(key);
        if (json[key] is not JsonArray array || (orMore ? array.Count < count : array.Count != count)) throw Wrong(key,
            $"expected is a list of {count} entries, one a layer");
        return [.. array.Select(n => n is JsonValue value && value.TryGetValue<T>(out var item) ? item
            : throw Wrong(key, $"the entry {n?.ToJsonString() ?? "null"} is of the wrong kind"))];
    }

    private SlickException Wrong(string key, string why)
    {
        JsonNode? node = json;
        foreach (var part in key.Split('.')) node = (node as JsonObject)?[part];
        var shown = node is JsonValue ? node.ToJsonString() : "";
        if (shown.Length > LongestShown) shown = shown[..LongestShown] + "...";
        return new SlickException($"{path}: {key}{(shown.Length > 0 ? $" = {shown}" : "")}: {why}.");
    }
}
