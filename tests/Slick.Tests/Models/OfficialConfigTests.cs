using Slick.Models;

namespace Slick.Tests.Models;

/// <summary>
/// The settings of published checkpoints, as their config.json has them, are read; the parameters are as many as the model is known to
/// have.
/// </summary>
public sealed class OfficialConfigTests
{
    [Theory]
    [InlineData("gpt2", 124_439_808, """{"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,"""
        + """ "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05,"""
        + """ "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "n_special": 0,"""
        + """ "output_past": true, "predict_special_tokens": true, "resid_pdrop": 0.1, "summary_activation": null,"""
        + """ "summary_first_dropout": 0.1, "summary_proj_to_labels": true, "summary_type": "cls_index", "summary_use_proj": true,"""
        + """ "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}}, "vocab_size": 50257}""")]
    [InlineData("Llama 2 7B", 6_738_415_616, """{"_name_or_path": "meta-llama/Llama-2-7b-hf", "architectures": ["LlamaForCausalLM"],"""
        + """ "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,"""
        + """ "intermediate_size": 11008, "max_position_embeddings": 4096, "model_type": "llama", "num_attention_heads": 32,"""
        + """ "num_hidden_layers": 32, "num_key_value_heads": 32, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,"""
        + """ "tie_word_embeddings": false, "torch_dtype": "float16", "transformers_version": "4.31.0.dev0", "use_cache": true,"""
        + """ "vocab_size": 32000}""")]
    [InlineData("Llama 3.2 1B", 1_235_814_400, """{"architectures": ["LlamaForCausalLM"], "attention_bias": false,"""
        + """ "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": 128001, "head_dim": 64, "hidden_act": "silu","""
        + """ "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072,"""
        + """ "mlp_bias": false, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,"""
        + """ "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0,"""
        + """ "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,"""
        + """ "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.45.0.dev0", "use_cache": true,"""
        + """ "vocab_size": 128256}""")]
    [InlineData("SmolLM2 135M Instruct", 134_515_008, """{"architectures": ["LlamaForCausalLM"], "attention_bias": false,"""
        + """ "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,"""
        + """ "initializer_range": 0.041666666666666664, "intermediate_size": 1536, "is_llama_config": true,"""
        + """ "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 9,"""
        + """ "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,"""
        + """ "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000, "tie_word_embeddings": true,"""
        + """ "torch_dtype": "bfloat16", "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},"""
        + """ "transformers_version": "4.42.3", "use_cache": true, "vocab_size": 49152}""")]
    [InlineData("Mistral 7B 0.1", 7_241_732_096, """{"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,"""
        + """ "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336,"""
        + """ "max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 32,"""
        + """ "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096,"""
        + """ "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.34.0.dev0", "use_cache": true,"""
        + """ "vocab_size": 32000}""")]
    [InlineData("Qwen2.5 0.5B", 494_032_768, """{"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,"""
        + """ "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02, "intermediate_size": 4864,"""
        + """ "max_position_embeddings": 32768, "max_window_layers": 24, "model_type": "qwen2", "num_attention_heads": 14,"""
        + """ "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,"""
        + """ "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.40.1", "use_cache": true,"""
        + """ "use_mrope": false, "use_sliding_window": false, "vocab_size": 151936}""")]
    [InlineData("Qwen3 0.6B", 596_049_920, """{"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,"""
        + """ "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024,"""
        + """ "initializer_range": 0.02, "intermediate_size": 3072, "max_position_embeddings": 40960, "max_window_layers": 28,"""
        + """ "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,"""
        + """ "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": true,"""
        + """ "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true, "use_sliding_window": false,"""
        + """ "vocab_size": 151936}""")]
    [InlineData("Gemma 2 9B", 9_241_705_984, """{"architectures": ["Gemma2ForCausalLM"], "attention_bias": false,"""
        + """ "attention_dropout": 0.0, "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid","""
        + """ "eos_token_id": 1, "final_logit_softcapping": 30.0, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh","""
        + """ "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 3584, "initializer_range": 0.02, "intermediate_size": 14336,"""
        + """ "max_position_embeddings": 8192, "model_type": "gemma2", "num_attention_heads": 16, "num_hidden_layers": 42,"""
        + """ "num_key_value_heads": 8, "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_theta": 10000.0,"""
        + """ "sliding_window": 4096, "sliding_window_size": 4096, "torch_dtype": "float32", "transformers_version": "4.42.0.dev0","""
        + """ "use_cache": true, "vocab_size": 256000}""")]
    [InlineData("Gemma 3 270M", 268_098_176, """{"_sliding_window_pattern": 6, "architectures": ["Gemma3ForCausalLM"],"""
        + """ "attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": null, "bos_token_id": 2, "eos_token_id": 1,"""
        + """ "final_logit_softcapping": null, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 640,"""
        + """ "initializer_range": 0.02, "intermediate_size": 2048, "layer_types": ["sliding_attention", "sliding_attention","""
        + """ "sliding_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "sliding_attention","""
        + """ "sliding_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "sliding_attention","""
        + """ "sliding_attention", "sliding_attention", "sliding_attention", "full_attention"], "max_position_embeddings": 32768,"""
        + """ "model_type": "gemma3_text", "num_attention_heads": 4, "num_hidden_layers": 18, "num_key_value_heads": 1,"""
        + """ "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000.0,"""
        + """ "rope_scaling": null, "rope_theta": 1000000.0, "sliding_window": 512, "torch_dtype": "bfloat16","""
        + """ "transformers_version": "4.55.0.dev0", "use_bidirectional_attention": false, "use_cache": true, "vocab_size": 262144}""")]
    [InlineData("Phi-3 mini 4k", 3_821_079_552, """{"_name_or_path": "Phi-3-mini-4k-instruct", "architectures": ["Phi3ForCausalLM"],"""
        + """ "attention_bias": false, "attention_dropout": 0.0, "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"},"""
        + """ "bos_token_id": 1, "embd_pdrop": 0.0, "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 3072,"""
        + """ "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "phi3","""
        + """ "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "original_max_position_embeddings": 4096,"""
        + """ "pad_token_id": 32000, "resid_pdrop": 0.0, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0,"""
        + """ "sliding_window": 2047, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.40.2","""
        + """ "use_cache": true, "vocab_size": 32064}""")]
    [InlineData("OLMo 2 1B", 1_484_916_736, """{"architectures": ["Olmo2ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,"""
        + """ "eos_token_id": 100257, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192,"""
        + """ "max_position_embeddings": 4096, "model_type": "olmo2", "num_attention_heads": 16, "num_hidden_layers": 16,"""
        + """ "num_key_value_heads": 16, "pad_token_id": 100277, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 500000,"""
        + """ "tie_word_embeddings": false, "torch_dtype": "float32", "transformers_version": "4.47.0", "use_cache": true,"""
        + """ "vocab_size": 100352}""")]
    [InlineData("SmolLM3 3B", 3_075_098_624, """{"architectures": ["SmolLM3ForCausalLM"], "attention_bias": false,"""
        + """ "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": 128012, "hidden_act": "silu", "hidden_size": 2048,"""
        + """ "initializer_range": 0.02, "intermediate_size": 11008, "max_position_embeddings": 65536, "max_window_layers": 28,"""
        + """ "mlp_bias": false, "model_type": "smollm3", "no_rope_layer_interval": 4, "num_attention_heads": 16,"""
        + """ "num_hidden_layers": 36, "num_key_value_heads": 4, "pad_token_id": 128004, "pretraining_tp": 2, "rms_norm_eps": 1e-06,"""
        + """ "rope_scaling": null, "rope_theta": 5000000.0, "sliding_window": null, "torch_dtype": "bfloat16","""
        + """ "transformers_version": "4.54.0.dev0", "use_cache": false, "use_sliding_window": false, "vocab_size": 128256}""")]
    [InlineData("Pythia 70M", 70_426_624, """{"architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "classifier_dropout": 0.1,"""
        + """ "eos_token_id": 0, "hidden_act": "gelu", "hidden_size": 512, "initializer_range": 0.02, "intermediate_size": 2048,"""
        + """ "layer_norm_eps": 1e-05, "max_position_embeddings": 2048, "model_type": "gpt_neox", "num_attention_heads": 8,"""
        + """ "num_hidden_layers": 6, "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": false,"""
        + """ "torch_dtype": "float16", "transformers_version": "4.24.0", "use_cache": true, "use_parallel_residual": true,"""
        + """ "vocab_size": 50304}""")]
    public void OfAPublishedCheckpoint_IsRead(string name, long parameters, string json)
    {
        var path = Path.Combine(Scratch.Folder(), "config.json");
        File.WriteAllText(path, json);
        var config = DecoderConfig.Read(path);
        Assert.True(config.EosIds.Count > 0, name);
        Assert.Equal(parameters, DecoderWeights.LayoutOf(config).Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b)));
    }
}
