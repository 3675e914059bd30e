using System.Text.Json;
using System.Text.Json.Nodes;

namespace Slick.Models;

/// <summary>
/// The shape of a Llama-like decoder (Touvron et al. 2023, arXiv 2302.13971): pre-norm, rotary positions, SwiGLU,
/// grouped-query attention. Its native form is Hugging Face's <c>config.json</c> of a <c>LlamaForCausalLM</c>.
/// </summary>
public sealed record DecoderConfig
{
    /// <summary>Entries of the vocabulary.</summary>
    public required int VocabularySize { get; init; }
    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }
    /// <summary>Number of blocks.</summary>
    public required int Layers { get; init; }
    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }
    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyValueHeads { get; init; }
    /// <summary>Width of one head.</summary>
    public required int HeadDim { get; init; }
    /// <summary>Inner width of the SwiGLU block.</summary>
    public required int IntermediateSize { get; init; }
    /// <summary>Longest sequence, in tokens.</summary>
    public required int MaxPositions { get; init; }
    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;
    /// <summary>Added to the mean square before its root is taken.</summary>
    public double NormEpsilon { get; init; } = 1e-6;
    /// <summary>True where the output layer is the embedding matrix.</summary>
    public bool TiedEmbeddings { get; init; } = true;
    /// <summary>Standard deviation of fresh weights.</summary>
    public double InitializerRange { get; init; } = 0.02;
    /// <summary>Id of the padding token.</summary>
    public int PadId { get; init; }
    /// <summary>Id of the token that begins a text.</summary>
    public int BosId { get; init; } = 1;
    /// <summary>Id of the token that ends a text.</summary>
    public int EosId { get; init; } = 2;

    /// <summary>Floating-point operations of one token's forward pass, without attention over the context: 2 a weight.</summary>
    public long FlopsPerToken =>
        2L * Layers * (HiddenSize * HeadDim * (2L * Heads + 2L * KeyValueHeads) + 3L * HiddenSize * IntermediateSize);

    /// <summary>Reads <c>config.json</c> as transformers 4 and 5 write it.</summary>
    /// <exception cref="SlickException">The file is missing, no JSON, or holds a setting that this decoder does not have.</exception>
    public static DecoderConfig Read(string path)
    {
        JsonObject json;
        try
        {
            json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or UnauthorizedAccessException)
        {
            throw new SlickException($"{path}: not a readable config.json ({e.Message}); give a folder that holds a Hugging Face checkpoint.", e);
        }
        T Get<T>(string key) => json[key] is { } node ? Convert<T>(node, key) : throw new SlickException($"{path}: the key '{key}' is missing.");
        T GetOr<T>(string key, T fallback) => json[key] is { } node ? Convert<T>(node, key) : fallback;
        T Convert<T>(JsonNode node, string key)
        {
            try { return node.GetValue<T>(); }
            catch (Exception e) when (e is InvalidOperationException or FormatException)
            {
                throw new SlickException($"{path}: the key '{key}' has the value {node.ToJsonString()}, which is no {typeof(T).Name}.", e);
            }
        }
        void Refuse(string key, bool wrong)
        {
            if (wrong) throw new SlickException($"{path}: {key} = {json[key]?.ToJsonString()} is not supported.");
        }

        Refuse("model_type", GetOr("model_type", "llama") != "llama");
        Refuse("hidden_act", GetOr("hidden_act", "silu") != "silu");
        Refuse("attention_bias", GetOr("attention_bias", false));
        Refuse("mlp_bias", GetOr("mlp_bias", false));
        var rope = json["rope_parameters"] as JsonObject ?? json["rope_scaling"] as JsonObject;
        var ropeType = (rope?["rope_type"] ?? rope?["type"])?.GetValue<string>() ?? "default";
        if (ropeType != "default") throw new SlickException($"{path}: rope_type = '{ropeType}' is not supported.");
        var heads = Get<int>("num_attention_heads");
        var keyValueHeads = GetOr("num_key_value_heads", heads);
        if (keyValueHeads < 1 || heads % keyValueHeads != 0)
            throw new SlickException($"{path}: num_key_value_heads = {keyValueHeads} does not divide num_attention_heads = {heads}.");
        return new DecoderConfig
        {
            VocabularySize = Get<int>("vocab_size"),
            HiddenSize = Get<int>("hidden_size"),
            Layers = Get<int>("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadDim = GetOr("head_dim", Get<int>("hidden_size") / heads),
            IntermediateSize = Get<int>("intermediate_size"),
            MaxPositions = Get<int>("max_position_embeddings"),
            RopeTheta = rope?["rope_theta"]?.GetValue<double>() ?? GetOr("rope_theta", 10_000.0),
            NormEpsilon = GetOr("rms_norm_eps", 1e-6),
            TiedEmbeddings = GetOr("tie_word_embeddings", false),
            InitializerRange = GetOr("initializer_range", 0.02),
            PadId = GetOr("pad_token_id", 0),
            BosId = GetOr("bos_token_id", 1),
            EosId = GetOr("eos_token_id", 2),
        };
    }

    /// <summary>The settings as Hugging Face's <c>config.json</c>, in the form of transformers 5.</summary>
    public JsonObject ToJson() => new()
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
        ["attention_bias"] = false,
        ["attention_dropout"] = 0.0,
        ["bos_token_id"] = BosId,
        ["dtype"] = "float32",
        ["eos_token_id"] = EosId,
        ["head_dim"] = HeadDim,
        ["hidden_act"] = "silu",
        ["hidden_size"] = HiddenSize,
        ["initializer_range"] = InitializerRange,
        ["intermediate_size"] = IntermediateSize,
        ["max_position_embeddings"] = MaxPositions,
        ["mlp_bias"] = false,
        ["model_type"] = "llama",
        ["num_attention_heads"] = Heads,
        ["num_hidden_layers"] = Layers,
        ["num_key_value_heads"] = KeyValueHeads,
        ["pad_token_id"] = PadId,
        ["rms_norm_eps"] = NormEpsilon,
        ["rope_parameters"] = new JsonObject { ["rope_theta"] = RopeTheta, ["rope_type"] = "default" },
        ["rope_theta"] = RopeTheta,
        ["tie_word_embeddings"] = TiedEmbeddings,
        ["vocab_size"] = VocabularySize,
    };
}
