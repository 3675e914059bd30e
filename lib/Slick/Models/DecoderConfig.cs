using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;

namespace Slick.Models;

/// <summary>
/// The shape of a decoder. Its native form is Hugging Face's <c>config.json</c>. The defaults are those of Llama (Touvron et al. 2023,
/// arXiv 2302.13971): pre-norm, rotary positions, SwiGLU, grouped-query attention.
/// </summary>
public sealed record DecoderConfig
{
    /// <summary>Number of entries of the vocabulary, and of rows of the embedding matrix.</summary>
    [Range(1, int.MaxValue)]
    public required int VocabularySize { get; init; }
    /// <summary>Width of the residual stream.</summary>
    [Range(1, int.MaxValue)]
    public required int HiddenSize { get; init; }
    /// <summary>Number of blocks.</summary>
    [Range(1, int.MaxValue)]
    public required int Layers { get; init; }
    /// <summary>Number of query heads.</summary>
    [Range(1, int.MaxValue)]
    public required int Heads { get; init; }
    /// <summary>Number of key and value heads. It divides <see cref="Heads"/>.</summary>
    [Range(1, int.MaxValue)]
    public required int KeyValueHeads { get; init; }
    /// <summary>Width of one head.</summary>
    [Range(1, int.MaxValue)]
    public required int HeadDim { get; init; }
    /// <summary>Inner width of the MLP.</summary>
    [Range(1, int.MaxValue)]
    public required int IntermediateSize { get; init; }
    /// <summary>Longest sequence, in tokens.</summary>
    [Range(1, int.MaxValue)]
    public required int MaxPositions { get; init; }
    /// <summary>What the attention of each layer sees, by layer.</summary>
    public IReadOnlyList<LayerAttention> LayerAttentions
    {
        get => field ?? [.. Enumerable.Repeat(new LayerAttention(null, new Rope(10_000, HeadDim)), Layers)];
        init;
    }
    /// <summary>Number that multiplies the products of queries and keys; by default 1 / sqrt(<see cref="HeadDim"/>).</summary>
    public double AttentionScale { get => field == 0 ? 1 / Math.Sqrt(HeadDim) : field; init; }
    /// <summary>The soft cap c of the attention's scores, which become c tanh(score / c) (Gemma 2); null for none.</summary>
    public double? AttentionSoftCap { get; init; }
    /// <summary>The soft cap c of the logits, which become c tanh(logit / c) (Gemma 2); null for none.</summary>
    public double? FinalSoftCap { get; init; }
    /// <summary>Added to the mean square (or the variance) of a norm's input before its root is taken.</summary>
    [Range(0.0, 1.0)]
    public double NormEpsilon { get; init; } = 1e-6;
    /// <summary>True where the output layer uses the embedding matrix.</summary>
    public bool TiedEmbeddings { get; init; } = true;
    /// <summary>Standard deviation of the first weights before training.</summary>
    [Range(0.0, 100.0)]
    public double InitializerRange { get; init; } = 0.02;
    /// <summary>
    /// Ids of the tokens that end an answer: those of generation_config.json where that file names some, else those of config.json. Empty
    /// where neither file names any.
    /// </summary>
    public IReadOnlyList<int> EosIds { get; init; } = [2];

    /// <summary>
    /// The id of the padding token: where it is in an input, its embedding gets no gradient (transformers' padding_idx). Null for none.
    /// </summary>
    public int? PadId { get; init; }

    internal Architecture Architecture { get; init; } = Architecture.Find("llama")!;
    internal Activation Activation { get; init; }
    internal Residual Residual { get; init; }
    internal bool QkvBias { get; init; }
    internal bool OutputBias { get; init; }
    internal bool MlpBias { get; init; }
    /// <summary>True where the files' tensor names lack the architecture's optional prefix.</summary>
    internal bool OmitsPrefix { get; init; }
    /// <summary>The settings as they were read from config.json; null for a model that was made here.</summary>
    internal JsonObject? Source { get; init; }
    /// <summary>The text of generation_config.json; null where the file is absent or names no end of an answer.</summary>
    internal string? GenerationSource { get; init; }
    /// <summary>
    /// A sentence to the user about the settings of generate that SliCK's protocol does not use; empty where there are none.
    /// </summary>
    internal string UnusedGeneration { get; init; } = "";

    /// <summary>
    /// Floating-point operations of one token's forward pass through all blocks: 2 for each weight of a linear map. Attention over the
    /// context and the output layer are not counted.
    /// </summary>
    public long FlopsPerToken =>
        2L * Layers * (HiddenSize * HeadDim * (2L * Heads + 2L * KeyValueHeads)
            + (Architecture.Gated ? 3L : 2L) * HiddenSize * IntermediateSize);

    /// <summary>
    /// Reads <c>config.json</c> as transformers 4 and 5 write it, and the ends of answers from <c>generation_config.json</c> beside it.
    /// </summary>
    /// <param name="path">The path of config.json.</param>
    /// <exception cref="SlickException">The file is missing, is no JSON, or holds a setting that this decoder does not have. The message
    /// names the key.</exception>
    public static DecoderConfig Read(string path) => GenerationFile.Apply(ConfigFile.Read(path), path);

    /// <summary>
    /// The settings as Hugging Face's <c>config.json</c>: as they were read, or for a model that was made here in the form of transformers
    /// 5.
    /// </summary>
    /// <param name="dtype">The number format that the weights are stored in, by PyTorch's name, such as float32.</param>
    public JsonObject ToJson(string dtype = "float32")
    {
        if (Source is not null)
        {
            var read = (JsonObject)Source.DeepClone();
            read[read.ContainsKey("torch_dtype") && !read.ContainsKey("dtype") ? "torch_dtype" : "dtype"] = dtype;
            return read;
        }
        var theta = LayerAttentions[0].Rope!.Theta;
        return new() // the ids of special tokens are those of WordLevelTokenizer
        {
            ["architectures"] = new JsonArray(Architecture.ClassName),
            ["attention_bias"] = false,
            ["attention_dropout"] = 0.0,
            ["bos_token_id"] = 1,
            ["dtype"] = dtype,
            ["eos_token_id"] = EosIds[0],
            ["head_dim"] = HeadDim,
            ["hidden_act"] = "silu",
            ["hidden_size"] = HiddenSize,
            ["initializer_range"] = InitializerRange,
            ["intermediate_size"] = IntermediateSize,
            ["max_position_embeddings"] = MaxPositions,
            ["mlp_bias"] = false,
            ["model_type"] = Architecture.ModelType,
            ["num_attention_heads"] = Heads,
            ["num_hidden_layers"] = Layers,
            ["num_key_value_heads"] = KeyValueHeads,
            ["pad_token_id"] = 0,
            ["rms_norm_eps"] = NormEpsilon,
            ["rope_parameters"] = new JsonObject { ["rope_theta"] = theta, ["rope_type"] = "default" },
            ["rope_theta"] = theta,
            ["tie_word_embeddings"] = TiedEmbeddings,
            ["vocab_size"] = VocabularySize,
        };
    }
}
