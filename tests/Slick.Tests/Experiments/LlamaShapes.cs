using System.Globalization;

namespace Slick.Tests.Experiments;

/// <summary>The shapes of Llama 3 models as config.json files, without weights.</summary>
internal static class LlamaShapes
{
    /// <summary>Name, number of weights, hidden size, inner width, layers, heads, whether the head is tied to the embeddings.</summary>
    public static TheoryData<string, long> Counts => new()
    {
        { "Llama-3.2-1B", 1_235_814_400 }, { "Llama-3.1-8B", 8_030_261_248 }, { "Llama-3.1-70B", 70_553_706_496 },
    };

    /// <summary>A folder whose only file is the model's config.json.</summary>
    public static string Folder(string name)
    {
        var (hidden, inner, layers, heads, tied) = name switch
        {
            "Llama-3.2-1B" => (2048, 8192, 16, 32, "true"),
            "Llama-3.1-8B" => (4096, 14336, 32, 32, "false"),
            _ => (8192, 28672, 80, 64, "false"),
        };
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder("llama"), name)).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), string.Create(CultureInfo.InvariantCulture,
            $$"""
            {"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000,
             "eos_token_id": 128001, "hidden_act": "silu", "hidden_size": {{hidden}}, "initializer_range": 0.02,
             "intermediate_size": {{inner}}, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
             "num_attention_heads": {{heads}}, "num_hidden_layers": {{layers}}, "num_key_value_heads": 8, "pretraining_tp": 1,
             "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": {{tied}}, "torch_dtype": "bfloat16",
             "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
              "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "use_cache": true, "vocab_size": 128256}
            """));
        return folder;
    }
}
