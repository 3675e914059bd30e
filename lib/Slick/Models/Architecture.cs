namespace Slick.Models;

/// <summary>How the outputs of a block's attention and MLP are added to the residual stream x.</summary>
internal enum Residual
{
    /// <summary>
    /// x + attention(norm(x)), then x + mlp(norm(x)). Each output has a norm of its own as well where the architecture names one.
    /// </summary>
    Serial,
    /// <summary>x + attention(norm(x)) + mlp(norm'(x)): both see the same x.</summary>
    Parallel,
}

/// <summary>The norm that an architecture uses everywhere.</summary>
internal enum Norm
{
    /// <summary>RMSNorm: x / rms(x) w (Zhang and Sennrich 2019, arXiv 1910.07467).</summary>
    Rms,
    /// <summary>RMSNorm as x / rms(x) (1 + w): Gemma's weights are stored around 0.</summary>
    RmsOnePlus,
    /// <summary>Layer norm: (x - mean) / deviation w + b (Ba et al. 2016, arXiv 1607.06450).</summary>
    Layer,
}

/// <summary>Over what the norms of queries and keys, before rotation, are taken.</summary>
internal enum QueryKeyNorm
{
    /// <summary>Queries and keys have no norm.</summary>
    None,
    /// <summary>Each head has a norm of its own.</summary>
    Head,
    /// <summary>One norm over all heads as one vector.</summary>
    AllHeads,
}

/// <summary>The MLP's activation function, which config.json names.</summary>
internal enum Activation
{
    /// <summary>x sigmoid(x).</summary>
    Silu,
    /// <summary>x Phi(x), Phi the normal distribution function.</summary>
    Gelu,
    /// <summary>The approximation of Gelu by tanh.</summary>
    GeluTanh,
    /// <summary>max(x, 0).</summary>
    Relu,
}

/// <summary>
/// One family of decoders: what distinguishes it from other families and is not a value in its config.json. This is the names that Hugging
/// Face gives its parameters and settings, the settings' defaults, and where norms and biases are. <see cref="All"/> has one entry for each
/// <c>model_type</c>. What an entry does not say is as in Llama.
/// </summary>
internal sealed record Architecture(string ModelType, string ClassName)
{
    // Names of parameters, without ".weight". Several names: matrices that are multiplied together and lie one after the other.
    public string Embedding { get; init; } = "model.embed_tokens";
    public string? Positions { get; init; }
    public string Blocks { get; init; } = "model.layers.";
    public string? InputNorm { get; init; } = "input_layernorm";
    public string? AttentionOutNorm { get; init; }
    public string? MlpNorm { get; init; } = "post_attention_layernorm";
    public string? MlpOutNorm { get; init; }
    public string[] Qkv { get; init; } = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
    public string QueryNorm { get; init; } = "self_attn.q_norm";
    public string KeyNorm { get; init; } = "self_attn.k_norm";
    public string Output { get; init; } = "self_attn.o_proj";
    public string[] Inner { get; init; } = ["mlp.gate_proj", "mlp.up_proj"];
    public string Down { get; init; } = "mlp.down_proj";
    public string FinalNorm { get; init; } = "model.norm";
    public string Head { get; init; } = "lm_head";
    /// <summary>
    /// A prefix of all parameter names but the output layer's (transformers' base_model_prefix). The files of a model that was saved
    /// without its output layer leave this prefix out.
    /// </summary>
    public string OptionalPrefix { get; init; } = "model.";

    // Structure.
    public Norm Norm { get; init; }
    public QueryKeyNorm QueryKeyNorm { get; init; }
    public Residual Residual { get; init; }
    public bool Gated { get; init; } = true;
    /// <summary>True where matrices are stored as [inputs, outputs] (transformers' Conv1D).</summary>
    public bool InputsFirst { get; init; }
    /// <summary>
    /// True where the rows of the fused projection are ordered by head and then q, k, v. False: by q, k, v and then head.
    /// </summary>
    public bool QkvByHead { get; init; }
    /// <summary>True where embeddings are multiplied by the square root of the hidden size.</summary>
    public bool ScaledEmbedding { get; init; }

    // Biases: fixed by the family, or by the key of config.json that is named.
    public bool QkvBias { get; init; }
    public bool OutputBias { get; init; }
    public bool MlpBias { get; init; }
    public string? AttentionBiasKey { get; init; }
    public string? MlpBiasKey { get; init; }
    public bool AttentionBiasDefault { get; init; }

    // Settings: the keys of config.json where they differ from Llama's, and the value that a missing key means.
    public string HiddenSizeKey { get; init; } = "hidden_size";
    public string LayersKey { get; init; } = "num_hidden_layers";
    public string HeadsKey { get; init; } = "num_attention_heads";
    public string? KeyValueHeadsKey { get; init; } = "num_key_value_heads";
    public int? KeyValueHeadsDefault { get; init; }
    public string? HeadDimKey { get; init; } = "head_dim";
    public int? HeadDimDefault { get; init; }
    public string IntermediateSizeKey { get; init; } = "intermediate_size";
    public string PositionsKey { get; init; } = "max_position_embeddings";
    public string NormEpsilonKey { get; init; } = "rms_norm_eps";
    public double NormEpsilonDefault { get; init; } = 1e-6;
    public string ActivationKey { get; init; } = "hidden_act";
    public string ActivationDefault { get; init; } = "silu";
    public bool TiedDefault { get; init; }
    public double RopeThetaDefault { get; init; } = 10_000;
    public string RopeThetaKey { get; init; } = "rope_theta";
    public string? RotaryShareKey { get; init; }
    public double RotaryShareDefault { get; init; } = 1;
    /// <summary>Rotary base of layers with a sliding window where it differs from that of the other layers; else null.</summary>
    public double? LocalRopeThetaDefault { get; init; }
    /// <summary>
    /// Default of query_pre_attn_scalar, where attention's scale is 1 / sqrt(query_pre_attn_scalar); null where the scale is 1 / sqrt(head
    /// width).
    /// </summary>
    public int? QueryScaleDefault { get; init; }
    public string? AttentionSoftCapKey { get; init; }
    public double? AttentionSoftCapDefault { get; init; }
    public string? FinalSoftCapKey { get; init; }
    public double? FinalSoftCapDefault { get; init; }
    /// <summary>True where the padding token's row of the embeddings gets no gradient from inputs (PyTorch's padding_idx).</summary>
    public bool PadIsFixed { get; init; } = true;
    public int? PadDefault { get; init; }
    /// <summary>Which layers have a sliding window where config.json has no layer_types.</summary>
    public Windows Windows { get; init; }
    public int? WindowDefault { get; init; }
    /// <summary>True where some layers have no rotary positions (no_rope_layers).</summary>
    public bool SomeLayersWithoutRope { get; init; }
    /// <summary>Keys of which only one value is supported. Another value would change the arithmetic.</summary>
    public (string Key, string Value)[] Fixed { get; init; } = [];
    /// <summary>Keys that repeat another key. The two must have the same value.</summary>
    public (string Key, string Of)[] Copies { get; init; } = [];
    /// <summary>Keys that other families read and that this family's code in transformers does not read.</summary>
    public string[] Unused { get; init; } = [];

    private static readonly Architecture Llama = new("llama", "LlamaForCausalLM")
    {
        AttentionBiasKey = "attention_bias",
        MlpBiasKey = "mlp_bias",
    };

    private static readonly Architecture Qwen2 = new("qwen2", "Qwen2ForCausalLM")
    {
        QkvBias = true,
        KeyValueHeadsDefault = 32,
        Windows = Windows.FromLayer,
        WindowDefault = 4096,
        Fixed = [("use_mrope", "false")],
    };

    private static readonly Architecture Gemma2 = new("gemma2", "Gemma2ForCausalLM")
    {
        AttentionOutNorm = "post_attention_layernorm",
        MlpNorm = "pre_feedforward_layernorm",
        MlpOutNorm = "post_feedforward_layernorm",
        Norm = Norm.RmsOnePlus,
        ScaledEmbedding = true,
        AttentionBiasKey = "attention_bias",
        KeyValueHeadsDefault = 4,
        HeadDimDefault = 256,
        ActivationKey = "hidden_activation",
        ActivationDefault = "gelu_pytorch_tanh",
        TiedDefault = true,
        QueryScaleDefault = 256,
        AttentionSoftCapKey = "attn_logit_softcapping",
        AttentionSoftCapDefault = 50,
        FinalSoftCapKey = "final_logit_softcapping",
        FinalSoftCapDefault = 30,
        PadDefault = 0,
        Windows = Windows.EveryOther,
        WindowDefault = 4096,
        Fixed = [("use_bidirectional_attention", "false")],
        Copies = [("sliding_window_size", "sliding_window")],
        Unused = ["hidden_act"],
    };

    /// <summary>The families that can be read, in the order of the list in lib/Slick.Workbook/README.md.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
    [
        Llama,
        new("mistral", "MistralForCausalLM")
        {
            KeyValueHeadsDefault = 8,
            Windows = Windows.Everywhere,
            WindowDefault = 4096,
        },
        Qwen2,
        Qwen2 with
        {
            ModelType = "qwen3",
            ClassName = "Qwen3ForCausalLM",
            QkvBias = false,
            AttentionBiasKey = "attention_bias",
            QueryKeyNorm = QueryKeyNorm.Head,
            HeadDimDefault = 128,
        },
        Gemma2,
        Gemma2 with
        {
            ModelType = "gemma3_text",
            ClassName = "Gemma3ForCausalLM",
            QueryKeyNorm = QueryKeyNorm.Head,
            RopeThetaDefault = 1_000_000,
            LocalRopeThetaDefault = 10_000,
            AttentionSoftCapKey = null,
            AttentionSoftCapDefault = null,
            FinalSoftCapDefault = null,
            Windows = Windows.Pattern,
            Unused = ["hidden_act", "attn_logit_softcapping"],
        },
        new("phi3", "Phi3ForCausalLM")
        {
            Qkv = ["self_attn.qkv_proj"],
            Inner = ["mlp.gate_up_proj"],
            NormEpsilonDefault = 1e-5,
            RotaryShareKey = "partial_rotary_factor",
            Windows = Windows.Everywhere,
            PadDefault = 32_000,
        },
        new("olmo2", "Olmo2ForCausalLM")
        {
            InputNorm = null,
            AttentionOutNorm = "post_attention_layernorm",
            MlpNorm = null,
            MlpOutNorm = "post_feedforward_layernorm",
            QueryKeyNorm = QueryKeyNorm.AllHeads,
            AttentionBiasKey = "attention_bias",
            NormEpsilonDefault = 1e-5,
            PadDefault = 1,
        },
        Llama with
        {
            ModelType = "smollm3",
            ClassName = "SmolLM3ForCausalLM",
            KeyValueHeadsDefault = 4,
            TiedDefault = true,
            RopeThetaDefault = 2_000_000,
            SomeLayersWithoutRope = true,
            Windows = Windows.WithoutRope,
            Unused = ["max_window_layers"],
            PadDefault = 128_004,
        },
        new("gpt2", "GPT2LMHeadModel")
        {
            Embedding = "transformer.wte",
            Positions = "transformer.wpe",
            Blocks = "transformer.h.",
            InputNorm = "ln_1",
            MlpNorm = "ln_2",
            Qkv = ["attn.c_attn"],
            Output = "attn.c_proj",
            Inner = ["mlp.c_fc"],
            Down = "mlp.c_proj",
            FinalNorm = "transformer.ln_f",
            OptionalPrefix = "transformer.",
            Norm = Norm.Layer,
            Gated = false,
            InputsFirst = true,
            QkvBias = true,
            OutputBias = true,
            MlpBias = true,
            HiddenSizeKey = "n_embd",
            LayersKey = "n_layer",
            HeadsKey = "n_head",
            KeyValueHeadsKey = null,
            HeadDimKey = null,
            IntermediateSizeKey = "n_inner",
            PositionsKey = "n_positions",
            NormEpsilonKey = "layer_norm_epsilon",
            NormEpsilonDefault = 1e-5,
            ActivationKey = "activation_function",
            ActivationDefault = "gelu_new",
            TiedDefault = true,
            PadIsFixed = false,
            Fixed = [("scale_attn_weights", "true"), ("scale_attn_by_inverse_layer_idx", "false")],
        },
        new("gpt_neox", "GPTNeoXForCausalLM")
        {
            Embedding = "gpt_neox.embed_in",
            Blocks = "gpt_neox.layers.",
            Qkv = ["attention.query_key_value"],
            Output = "attention.dense",
            Inner = ["mlp.dense_h_to_4h"],
            Down = "mlp.dense_4h_to_h",
            FinalNorm = "gpt_neox.final_layer_norm",
            OptionalPrefix = "gpt_neox.",
            Head = "embed_out",
            Norm = Norm.Layer,
            Gated = false,
            QkvByHead = true,
            Residual = Residual.Parallel,
            AttentionBiasKey = "attention_bias",
            AttentionBiasDefault = true,
            MlpBias = true,
            KeyValueHeadsKey = null,
            HeadDimKey = null,
            NormEpsilonKey = "layer_norm_eps",
            NormEpsilonDefault = 1e-5,
            ActivationDefault = "gelu",
            RopeThetaKey = "rotary_emb_base",
            RotaryShareKey = "rotary_pct",
            RotaryShareDefault = 0.25,
            PadIsFixed = false,
        },
    ];

    /// <summary>The entry with this <c>model_type</c>; null where there is none.</summary>
    public static Architecture? Find(string modelType) => All.FirstOrDefault(a => a.ModelType == modelType);
}

/// <summary>Which layers see only a sliding window, where config.json has no layer_types.</summary>
internal enum Windows
{
    /// <summary>No layer.</summary>
    None,
    /// <summary>Every layer, where sliding_window is a number.</summary>
    Everywhere,
    /// <summary>The layers from max_window_layers on, where use_sliding_window is true (Qwen).</summary>
    FromLayer,
    /// <summary>The first layer, the third, and so on (Gemma 2).</summary>
    EveryOther,
    /// <summary>All layers but each n-th, where n is sliding_window_pattern (Gemma 3).</summary>
    Pattern,
    /// <summary>The layers without rotary positions, where use_sliding_window is true (SmolLM3).</summary>
    WithoutRope,
}
