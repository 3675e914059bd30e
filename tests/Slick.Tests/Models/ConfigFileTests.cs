using System.Text.Json.Nodes;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Models.StraightLine;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>Forms of config.json that versions of transformers write, and what its code makes of missing and stray keys.</summary>
public sealed class ConfigFileTests
{
    private static DecoderConfig Read(string type, string settings)
    {
        var path = Path.Combine(Scratch.Folder(), "config.json");
        File.WriteAllText(path, new TinyModel(type, JsonNode.Parse(settings)!.AsObject()).Config.ToJsonString());
        return DecoderConfig.Read(path);
    }

    [Theory]
    [InlineData("{\n  \"model_type\": \"llama\",\n  \"vocab_size\": 10", ":3: the text ends before it is complete")]
    [InlineData("{\n  \"model_type\": \"llama", ":2: the text ends before it is complete")]
    [InlineData("{\n  \"model_type\": \"llama\"\n  \"vocab_size\": 10\n}", ":3: no JSON from character 3 on, '\"vocab_size\": 10'")]
    [InlineData("{\n  \"näme\": nul, \"vocab_size\": 100000000\n}", ":2: no JSON from character 14 on, ', \"vocab_size\": 1000...'")]
    [InlineData("{\n  \"vocab_size\": 10,\n}", ":3: no JSON from character 1 on, '}'")]
    [InlineData("{\n  \"vocab_size\": 10,\n  \"a\": {\"vocab_size\": 1},\n  \"vocab_size\": 10\n}",
        ":4: the key 'vocab_size' stands here a second time")]
    [InlineData("{\n  \"\\ud800\": 10\n}", ":2: one of its keys is no valid text")]
    [InlineData("[1]", ": not a readable config.json, which has an object in braces; give a folder that holds a Hugging Face checkpoint.")]
    public void DamagedFile_SaysWhatIsWrongAndInWhichLine(string text, string expected)
    {
        var path = Path.Combine(Scratch.Folder(), "config.json");
        File.WriteAllText(path, text);
        var message = Assert.Throws<SlickException>(() => DecoderConfig.Read(path)).Message;
        Assert.Equal(path + expected + (expected.EndsWith('.') ? "" : ", so not a readable config.json; copy or make it again."), message);
    }

    [Fact]
    public void ByteOrderMark_IsReadOver()
    {
        var path = Path.Combine(Scratch.Folder(), "config.json");
        File.WriteAllText(path, new TinyModel("llama", []).Config.ToJsonString(), System.Text.Encoding.UTF8); // with the mark
        Assert.Equal(0xEF, File.ReadAllBytes(path)[0]);
        Assert.Equal("llama", DecoderConfig.Read(path).Architecture.ModelType);
    }

    private static object Meaning(DecoderConfig c) =>
        (string.Join(", ", c.LayerAttentions), c.AttentionScale, c.AttentionSoftCap, c.FinalSoftCap, c.NormEpsilon, c.TiedEmbeddings,
        c.Activation, c.Residual, (c.QkvBias, c.OutputBias, c.MlpBias), c.HeadDim, c.PadId);

    [Theory]
    // transformers 5 on a model that has layers of one kind only.
    [InlineData("gemma3_text", """{"head_dim": 8, "rope_parameters": {"full_attention": {"rope_type": "default","""
        + """ "rope_theta": 1000000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}, "rope_type": "default","""
        + """ "rope_theta": null}}""", """{"head_dim": 8}""")]
    [InlineData("gemma3_text", """{"head_dim": 8, "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0,"""
        + """ "rope_theta": 1000000.0}}}""", """{"head_dim": 8, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}""")]
    // Gemma's code reads hidden_activation alone; Gemma 3's has no cap on attention; neither reads the older file's own pattern.
    [InlineData("gemma2", """{"head_dim": 8, "hidden_act": "silu"}""", """{"head_dim": 8}""")]
    [InlineData("gemma3_text", """{"head_dim": 8, "attn_logit_softcapping": 50.0}""", """{"head_dim": 8}""")]
    [InlineData("gemma3_text", """{"head_dim": 8, "_sliding_window_pattern": 2}""", """{"head_dim": 8}""")]
    // transformers 4.45 to 4.57 write both names of a setting.
    [InlineData("gpt_neox", """{"rotary_pct": 0.5, "rotary_emb_base": 5000, "partial_rotary_factor": 0.5, "rope_theta": 5000.0}""",
        """{"rotary_pct": 0.5, "rotary_emb_base": 5000}""")]
    [InlineData("gpt_neox", """{"rope_theta": 10000.0, "partial_rotary_factor": 0.25}""", "{}")]
    [InlineData("gpt_neox", """{"hidden_act": "gelu_fast", "attention_probs_dropout_prob": 0, "hidden_dropout_prob": 0}""",
        """{"hidden_act": "gelu_new"}""")]
    [InlineData("llama", """{"original_max_position_embeddings": 16, "rope_parameters": {"rope_type": "llama3", "factor": 8.0,"""
        + """ "low_freq_factor": 1.0, "high_freq_factor": 4.0}}""", """{"rope_parameters": {"rope_type": "llama3", "factor": 8.0,"""
        + """ "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}""")]
    [InlineData("llama", """{"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}""",
        """{"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,"""
        + """ "original_max_position_embeddings": 64}}""")]
    [InlineData("mistral", """{"attention_bias": false, "mlp_bias": false, "add_cross_attention": false, "initializer_range": 0.0,"""
        + """ "unsloth_fixed": true}""", "{}")]
    [InlineData("llama", """{"pad_token_id": -1}""", """{"pad_token_id": 100}""")]
    public void TwoForms_MeanTheSame(string type, string one, string other) =>
        Assert.Equal(Meaning(Read(type, other)), Meaning(Read(type, one)));

    [Theory]
    [InlineData("gemma3_text", 0)]
    [InlineData("olmo2", 1)]
    [InlineData("phi3", 32_000)]
    [InlineData("smollm3", 128_004)]
    [InlineData("llama", null)]
    [InlineData("gpt2", null)]
    public void PaddingToken_IsTheFamilysWhereNoneIsNamed(string type, int? expected) => Assert.Equal(expected, Read(type, "{}").PadId);

    [Theory]
    [InlineData("llama", true)]
    [InlineData("gpt_neox", false)]
    public void PaddingTokenInAnInput_HasNoGradient_WhereTransformersGivesNone(string type, bool none)
    {
        using var scope = NewDisposeScope();
        Tensor Gradient(string settings)
        {
            using var weights = Checkpoint.Load(new TinyModel(type, JsonNode.Parse(settings)!.AsObject()).Write(), CPU, trainable: true);
            using var decoder = new Decoder(weights);
            var ids = tensor(new long[] { 7, 3, 5, 3, 9 }, ScalarType.Int64).view(1, 5);
            decoder.Logits(decoder.Forward(ids).Hidden).pow(2).sum().backward();
            return weights.Gradient(weights.Layout[0].Name).clone();
        }
        var (with, without) = (Gradient("""{"pad_token_id": 3}"""), Gradient("""{"pad_token_id": null}"""));
        Assert.True(without[3].abs().max().item<float>() > 0);
        Assert.Equal(none, with[3].abs().max().item<float>() == 0);
        if (none) without[3] = zeros(32);
        Assert.True(with.equal(without).all().item<bool>());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"_prefix": "transformer."}""")]
    public void ParametersOfGpt2_AreFoundUnderTheirFullNames(string settings)
    {
        using var weights = Checkpoint.Load(new TinyModel("gpt2", JsonNode.Parse(settings)!.AsObject()).Write(), CPU, trainable: true);
        using var scope = NewDisposeScope();
        Assert.Equal([32L, 96], weights["transformer.h.0.attn.c_attn.weight"].shape);
        Assert.Equal([101L, 32], weights.Gradient("lm_head.weight").shape);
    }
}
