namespace Slick.Models;

/// <summary>How a block's two parts are joined to the residual stream x.</summary>
internal enum Residual
{
    /// <summary>x + attention(norm(x)), then x + mlp(norm(x)); a norm of each part's output where the architecture names one.</summary>
    Serial,
    /// <summary>x + attention(norm(x)) + mlp(norm'(x)).</summary>
    Parallel,
}

/// <summary>Which norm an architecture uses everywhere.</summary>
internal enum Norm
{
    /// <summary>x / rms(x) w (Zhang and Sennrich 2019, arXiv 1910.07467).</summary>
    Rms,
    /// <summary>x / rms(x) (1 + w): Gemma's weights are stored around 0.</summary>
    RmsOnePlus,
    /// <summary>(x - mean) / deviation w + b (Ba et al. 2016, arXiv 1607.06450).</summary>
    Layer,
}

/// <summary>What the norms of queries and keys, before rotation, look at.</summary>
internal enum QueryKeyNorm
{
    /// <summary>There is none.</summary>
    None,
    /// <summary>Each head apart.</summary>
    Head,
    /// <summary>All heads as one vector.</summary>
    AllHeads,
}

/// <summary>What a name in config.json selects in the MLP.</summary>
internal enum Activation
{
    /// <summary>x sigmoid(x).</summary>
    Silu,
    /// <summary>x Phi(x).</summary>
    Gelu,
    /// <summary>Gelu's approximation by tanh.</summary>
    GeluTanh,
    /// <summary>max(x, 0).</summary>
    Relu,
}

/// <summary>
/// What tells one family of decoders from the next and is not a value in its config.json: the names that Hugging Face
/// gives its parameters and settings, the settings' defaults, and where norms and biases stand. One entry of
/// <see cref="All"/> a <c>model_type</c>; all that is not said is as in Llama.
/// </summary>
internal sealed record Architecture(string ModelType, string ClassName)
{
    // Parameters, without ".weight". Several names: matrices that are multiplied together and lie one after the other.
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
    /// A prefix of all names but the head's (transformers' base_model_prefix) that the files of a model saved without its head leave out.
    /// </summary>
    public string OptionalPrefix { get; init; } = "model.";

    // Structure.
    public Norm Norm { get; init; }
    public QueryKeyNorm QueryKeyNorm { get; init; }
    public Residual Residual { get; init; }
    public bool Gated { get; init; } = true;
    /// <summary>Matrices are stored as [in, out] (Conv1D).</summary>
    public bool InputsFirst { get; init; }
    /// <summary>The fused projection's rows are ordered by head, then q, k, v, instead of q, k, v, then head.</summary>
    public bool QkvByHead { get; init; }
    /// <summary>Embeddings are multiplied by the root of the width.</summary>
    public bool ScaledEmbedding { get; init; }

    // Biases: fixed by the family, or by the key that is named.
    public bool QkvBias { get; init; }
    public bool OutputBias { get; init; }
    public bool MlpBias { get; init; }
    public string? AttentionBiasKey { get; init; }
    public string? MlpBiasKey { get; init; }
    public bool AttentionBiasDefault { get; init; }

    // Settings: the keys of config.json where they are not Llama's, and what a missing key means.
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
    /// <summary>Rotary base of sliding layers, where it differs from that of full ones.</summary>
    public double? LocalRopeThetaDefault { get; init; }
    /// <summary>Attention's scale is the root of query_pre_attn_scalar, not of the head's width.</summary>
    public int? QueryScaleDefault { get; init; }
    public string? AttentionSoftCapKey { get; init; }
    public double? AttentionSoftCapDefault { get; init; }
    public string? FinalSoftCapKey { get; init; }
    public double? FinalSoftCapDefault { get; init; }
    /// <summary>The row of the padding token in the embeddings is no input's to train (PyTorch's padding_idx).</summary>
    public bool PadIsFixed { get; init; } = true;
    public int? PadDefault { get; init; }
    /// <summary>Which layers slide where layer_types does not say: by layer number, from the config's own keys.</summary>
    public Windows Windows { get; init; }
    public int? WindowDefault { get; init; }
    /// <summary>Some layers have no rotary positions (no_rope_layers).</summary>
    public bool SomeLayersWithoutRope { get; init; }
    /// <summary>Keys with the one value that is supported: another one would change the arithmetic.</summary>
    public (string Key, string Value)[] Fixed { get; init; } = [];
    /// <summary>Keys that repeat another one; the two must agree.</summary>
    public (string Key, string Of)[] Copies { get; init; } = [];
    /// <summary>Keys that other families read and this one's own code does not.</summary>
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

    /// <summary>The table, in the order of the README's list.</summary>
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

    /// <summary>The entry of a <c>model_type</c>, or null.</summary>
    public static Architecture? Find(string modelType) => All.FirstOrDefault(a => a.ModelType == modelType);
}

/// <summary>Which layers see a sliding window only, where config.json has no layer_types.</summary>
internal enum Windows
{
    /// <summary>None.</summary>
    None,
    /// <summary>All, where sliding_window is a number.</summary>
    Everywhere,
    /// <summary>Those from max_window_layers on, where use_sliding_window is true (Qwen).</summary>
    FromLayer,
    /// <summary>The first, the third, ... (Gemma 2).</summary>
    EveryOther,
    /// <summary>All but each n-th, n being sliding_window_pattern (Gemma 3).</summary>
    Pattern,
    /// <summary>Those without rotary positions, where use_sliding_window is true (SmolLM3).</summary>
    WithoutRope,
}
