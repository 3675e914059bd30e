using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;

namespace Slick.Models;

/// <summary>
/// The shape of a decoder. Its native form is Hugging Face's <c>config.json</c>; what is not set is as in Llama (Touvron
/// et al. 2023, arXiv 2302.13971): pre-norm, rotary positions, SwiGLU, grouped-query attention.
/// </summary>
public sealed record DecoderConfig
{
    /// <summary>Entries of the vocabulary.</summary>
    [Range(1, int.MaxValue)]
    public required int VocabularySize { get; init; }
    /// <summary>Width of the residual stream.</summary>
    [Range(1, int.MaxValue)]
    public required int HiddenSize { get; init; }
    /// <summary>Number of blocks.</summary>
    [Range(1, int.MaxValue)]
    public required int Layers { get; init; }
    /// <summary>Query heads.</summary>
    [Range(1, int.MaxValue)]
    public required int Heads { get; init; }
    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
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
    /// <summary>What each layer's attention sees, by layer.</summary>
    public IReadOnlyList<LayerAttention> LayerAttentions
    {
        get => field ?? [.. Enumerable.Repeat(new LayerAttention(null, new Rope(10_000, HeadDim)), Layers)];
        init;
    }
    /// <summary>Factor of the scores of queries with keys.</summary>
    public double AttentionScale { get => field == 0 ? 1 / Math.Sqrt(HeadDim) : field; init; }
    /// <summary>c in c tanh(score / c), for attention (Gemma 2); null for none.</summary>
    public double? AttentionSoftCap { get; init; }
    /// <summary>The same for the logits.</summary>
    public double? FinalSoftCap { get; init; }
    /// <summary>Added to the mean square (or variance) before its root is taken.</summary>
    [Range(0.0, 1.0)]
    public double NormEpsilon { get; init; } = 1e-6;
    /// <summary>True where the output layer is the embedding matrix.</summary>
    public bool TiedEmbeddings { get; init; } = true;
    /// <summary>Standard deviation of fresh weights.</summary>
    [Range(0.0, 100.0)]
    public double InitializerRange { get; init; } = 0.02;
    /// <summary>
    /// Ids of the tokens that end an answer: those of generation_config.json where that file names some, else of config.json; empty where
    /// neither does.
    /// </summary>
    public IReadOnlyList<int> EosIds { get; init; } = [2];

    /// <summary>
    /// The token that fills rows up: where it stands in an input, its embedding gets no gradient (transformers' padding_idx); null for
    /// none.
    /// </summary>
    public int? PadId { get; init; }

    internal Architecture Architecture { get; init; } = Architecture.Find("llama")!;
    internal Activation Activation { get; init; }
    internal Residual Residual { get; init; }
    internal bool QkvBias { get; init; }
    internal bool OutputBias { get; init; }
    internal bool MlpBias { get; init; }
    /// <summary>The file's names lack the architecture's optional prefix.</summary>
    internal bool OmitsPrefix { get; init; }
    /// <summary>The settings as they were read; null for a model that was made here.</summary>
    internal JsonObject? Source { get; init; }
    /// <summary>generation_config.json as it was read; null where it names no end.</summary>
    internal string? GenerationSource { get; init; }
    /// <summary>A sentence for the user on settings of generate that SliCK's protocol does not use; empty where there are none.</summary>
    internal string UnusedGeneration { get; init; } = "";

    /// <summary>Floating-point operations of one token's forward pass, without attention over the context: 2 a weight.</summary>
    public long FlopsPerToken =>
        2L * Layers * (HiddenSize * HeadDim * (2L * Heads + 2L * KeyValueHeads)
            + (Architecture.Gated ? 3L : 2L) * HiddenSize * IntermediateSize);

    /// <summary>
    /// Reads <c>config.json</c> as transformers 4 and 5 write it, and the ends of answers from <c>generation_config.json</c> beside it.
    /// </summary>
    /// <exception cref="SlickException">The file is missing, no JSON, or holds a setting that this decoder does not have; the message names
    /// the key.</exception>
    public static DecoderConfig Read(string path) => GenerationFile.Apply(ConfigFile.Read(path), path);

    /// <summary>The settings as Hugging Face's <c>config.json</c>: as they were read, or in the form of transformers 5.</summary>
    /// <param name="dtype">The number format that the weights are stored in, as PyTorch names it.</param>
    public JsonObject ToJson(string dtype = "float32")
    {
        if (Source is not null)
        {
            var read = (JsonObject)Source.DeepClone();
            read[read.ContainsKey("torch_dtype") && !read.ContainsKey("dtype") ? "torch_dtype" : "dtype"] = dtype;
            return read;
        }
        var theta = LayerAttentions[0].Rope!.Theta;
        return new() // ids: those of WordLevelTokenizer
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
