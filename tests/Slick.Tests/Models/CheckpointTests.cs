using System.Text.Json.Nodes;
using Slick.Checks;
using Slick.Experiments;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Models.StraightLine;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>A checkpoint is data: what does not fit is refused by name, and loading holds little beside the weights.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly List<string> folders = [];

    public CheckpointTests() => NativeLibraries.Load();

    public void Dispose() => folders.ForEach(f => Directory.Delete(f, recursive: true));

    private string Llama(Action<TinyModel>? change = null)
    {
        var model = new TinyModel("llama", []);
        change?.Invoke(model);
        folders.Add(model.Write());
        return folders[^1];
    }

    private static string Refused(string folder)
    {
        var error = Assert.Throws<SlickException>(() => Checkpoint.Load(folder, CPU, trainable: false));
        Assert.DoesNotContain('\n', error.Message);
        Assert.Contains(folder, error.Message, StringComparison.Ordinal);
        return error.Message;
    }

    [Fact]
    public void MissingTensor_IsNamed() =>
        Assert.Contains("'model.layers.2.mlp.up_proj.weight'", Refused(Llama(m => m.Tensors.Remove("model.layers.2.mlp.up_proj.weight"))),
            StringComparison.Ordinal);

    [Fact]
    public void MisshapenTensor_IsNamedWithBothShapes()
    {
        var message = Refused(Llama(m => m.Tensors["model.norm.weight"] = ([16, 2], m.Tensors["model.norm.weight"].Values)));
        Assert.Contains("'model.norm.weight' has the shape [16, 2], config.json asks for [32]", message, StringComparison.Ordinal);
    }

    [Fact]
    public void TensorWithoutAPlace_IsNamed() =>
        Assert.Contains("'model.layers.0.self_attn.q_proj.bias'",
            Refused(Llama(m => m.Tensors["model.layers.0.self_attn.q_proj.bias"] = ([32], new float[32]))), StringComparison.Ordinal);

    [Fact]
    public void KnownBuffersAndACopyOfATiedHead_AreNotInTheWay()
    {
        var folder = Llama(m =>
        {
            m.Config["tie_word_embeddings"] = true;
            m.Tensors["lm_head.weight"] = m.Tensors["model.embed_tokens.weight"];
            m.Tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = ([4], new float[4]);
        });
        Checkpoint.Load(folder, CPU, trainable: false).Dispose();
    }

    [Fact]
    public void TiedHeadThatDiffersFromTheEmbedding_IsRefused() =>
        Assert.Contains("'lm_head.weight' differs from the embeddings", Refused(Llama(m => m.Config["tie_word_embeddings"] = true)),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("consolidated.00.pth")]
    [InlineData("model.pt")]
    public void Pickle_IsRefusedWithTheCure(string name)
    {
        var folder = Llama();
        File.Move(Path.Combine(folder, "model.safetensors"), Path.Combine(folder, name));
        var message = Refused(folder);
        Assert.Contains("pickle", message, StringComparison.Ordinal);
        Assert.Contains("safe_serialization=True", message, StringComparison.Ordinal);
    }

    [Fact]
    public void FolderThatIsNotThere_IsNamed() => Refused(Path.Combine(Path.GetTempPath(), "slick-no-such-model"));

    // Two shards of a model, and what their index says.
    private string Sharded(Action<JsonObject>? change = null, Action<TinyModel>? model = null)
    {
        var folder = Llama(model);
        using var scope = NewDisposeScope();
        var whole = Safetensors.Open(Path.Combine(folder, "model.safetensors"));
        var map = new JsonObject();
        foreach (var (part, names) in whole.Names.Order(StringComparer.Ordinal).Chunk(whole.Names.Count / 2 + 1).Index())
        {
            var file = FormattableString.Invariant($"model-{part + 1:D5}-of-00002.safetensors");
            Safetensors.Write(Path.Combine(folder, file), names.Select(n => (n, whole.Read(n))));
            foreach (var name in names) map[name] = file;
        }
        File.Delete(Path.Combine(folder, "model.safetensors"));
        change?.Invoke(map);
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"),
            new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
        return folder;
    }

    private static string Prefix(string type) => type switch { "gpt2" => "transformer.", "gpt_neox" => "gpt_neox.", _ => "model." };

    // As a model that was saved without its head: no name has the prefix.
    private static void LeaveOut(TinyModel model, string prefix)
    {
        foreach (var name in model.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToList())
        {
            model.Tensors[name[prefix.Length..]] = model.Tensors[name];
            model.Tensors.Remove(name);
        }
    }

    [Theory]
    [MemberData(nameof(ArchitectureTests.Models), MemberType = typeof(ArchitectureTests))]
    public void NamesWithoutTheModelsPrefix_AreTheSameModel(string type, string settings)
    {
        TinyModel Make() => new(type, JsonNode.Parse(type == "gpt2" ? """{"_prefix": "transformer."}""" : settings)!.AsObject());
        var (full, bare) = (Make(), Make());
        LeaveOut(bare, Prefix(type));
        // A table of older files.
        if (type != "gpt2") bare.Tensors["rotary_emb.inv_freq"] = ([4], new float[4]);
        folders.AddRange([full.Write(), bare.Write()]);
        using var expected = Checkpoint.Load(folders[^2], CPU, trainable: true);
        using var found = Checkpoint.Load(folders[^1], CPU, trainable: true);
        Assert.True(expected.Flat.equal(found.Flat).all().item<bool>());
        // In memory a parameter is found under its full name.
        using var scope = NewDisposeScope();
        Assert.All(full.Tensors, t => Assert.Equal(t.Value.Shape, found.Gradient(t.Key).shape));
        folders.Add(Scratch.Folder());
        Checkpoint.Save(folders[^1], found);
        Assert.Equal(bare.Tensors.Keys.Where(n => n != "rotary_emb.inv_freq").Order(StringComparer.Ordinal),
            TinyModel.Read(Path.Combine(folders[^1], "model.safetensors")).Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ShardsWithoutTheModelsPrefix_AreTheSameModel()
    {
        using var whole = Checkpoint.Load(Llama(), CPU, trainable: false);
        using var parts = Checkpoint.Load(Sharded(model: m => LeaveOut(m, "model.")), CPU, trainable: false);
        Assert.True(whole.Flat.equal(parts.Flat).all().item<bool>());
    }

    [Theory]
    [InlineData("model.layers.1.")]
    [InlineData("model.norm.")]
    [InlineData("model.embed_tokens.")]
    public void NamesOfTwoForms_AreRefused(string some)
    {
        var message = Refused(Llama(m =>
        {
            foreach (var name in m.Tensors.Keys.Where(n => n.StartsWith(some, StringComparison.Ordinal)).ToList())
            {
                m.Tensors[name["model.".Length..]] = m.Tensors[name];
                m.Tensors.Remove(name);
            }
        }));
        Assert.Contains("some of its names begin with 'model.' and some do not", message, StringComparison.Ordinal);
    }

    [Fact]
    public void ModelWithoutItsHead_IsNamed()
    {
        var message = Refused(Llama(m =>
        {
            LeaveOut(m, "model.");
            m.Tensors.Remove("lm_head.weight");
        }));
        Assert.Contains("'lm_head.weight'", message, StringComparison.Ordinal);
        Assert.Contains("saved without its output layer: save it as LlamaForCausalLM", message, StringComparison.Ordinal);
    }

    [Fact]
    public void NamesWithoutTheModelsPrefix_MeetTheirGoldenFiles()
    {
        var results = ModelCheck.Run(Shared.Require("cases/names-without-model-prefix/base-model-names"), Compute.Choose("cpu"), 3,
            Progress.None, TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(29, results.Count);
    }

    private const string Pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize "
        + "12345\n";

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    [InlineData("generation_config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("model-00002-of-00002.safetensors")]
    [InlineData("golden.json")]
    [InlineData("golden.safetensors")]
    public void WhatLiesInAFilesPlace_IsNamed(string file)
    {
        foreach (var (content, what, todo) in ((string, string, string)[])[(Pointer, "a pointer of Git LFS", "git lfs pull"),
            ("<!DOCTYPE html>\n<html>", "a web page", "download"),
            ("\uFEFF\n <HTML><body>", "a web page", "download"), ("Entry not found", "a server's error message", "download"),
                ("", "the file is empty", "copy or make it again")])
        {
            var folder = file.Contains("index", StringComparison.Ordinal) || file.Contains("-of-", StringComparison.Ordinal) ? Sharded()
                : Llama();
            WordLevelTokenizer.Train(["a b"]).Save(folder);
            File.WriteAllText(Path.Combine(folder, file), content);
            void Names(Action read)
            {
                var message = Assert.Throws<SlickException>(read).Message;
                Assert.StartsWith(Path.Combine(folder, file), message, StringComparison.Ordinal);
                Assert.Contains(what, message, StringComparison.Ordinal);
                Assert.Contains(todo, message, StringComparison.Ordinal);
                Assert.DoesNotContain("delete", message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', message);
            }
            Names(() => ModelCheck.Run(folder, Compute.Choose("cpu"), 0, Progress.None, CancellationToken.None));
            if (file.StartsWith("golden", StringComparison.Ordinal)) continue;
            Names(() => Slick.Experiments.ModelFiles.Hash(folder));
            if (file.StartsWith("tokenizer", StringComparison.Ordinal)) Names(() => Checkpoint.OpenTokenizer(folder));
            else Names(() => Checkpoint.Load(folder, CPU, trainable: false));
        }
    }

    [Theory]
    [InlineData("5", """{"eos_token_id": 7}""", "7")]
    [InlineData("5", """{"eos_token_id": [7, 9]}""", "7,9")]
    [InlineData("[5, 6]", """{"eos_token_id": [9, 5]}""", "9,5")]
    [InlineData("5", """{"eos_token_id": []}""", "")]
    [InlineData("5", """{"bos_token_id": 7}""", "5")]
    [InlineData("5", """{"eos_token_id": null}""", "5")]
    [InlineData("null", """{"eos_token_id": 7}""", "7")]
    [InlineData("[5, 6]", null, "5,6")]
    public void EndsOfAnswers_AreThoseOfGenerationConfig_WhereItNamesSome(string config, string? generation, string expected)
    {
        var folder = Llama(m => m.Config["eos_token_id"] = JsonNode.Parse(config));
        var before = Slick.Experiments.ModelFiles.Hash(folder);
        if (generation is not null) File.WriteAllText(Path.Combine(folder, "generation_config.json"), generation);
        Assert.Equal(generation is null, before == Slick.Experiments.ModelFiles.Hash(folder));
        using var weights = Checkpoint.Load(folder, CPU, trainable: false);
        Assert.Equal(expected, string.Join(',', weights.Config.EosIds));
        // What is saved has the same ends.
        folders.Add(Scratch.Folder());
        Checkpoint.Save(folders[^1], weights);
        Assert.Equal(expected, string.Join(',', DecoderConfig.Read(Path.Combine(folders[^1], "config.json")).EosIds));
    }

    [Theory]
    [InlineData("""{"eos_token_id": "</s>"}""", "eos_token_id")]
    [InlineData("""{"eos_token_id": [1, "2"]}""", "eos_token_id[1]")]
    [InlineData("""{"eos_token_id": -1}""", "eos_token_id = -1")]
    [InlineData("""{"eos_token_id": 1.5}""", "eos_token_id = 1.5")]
    [InlineData("""{"eos_token_id": {"id": 1}}""", "eos_token_id")]
    [InlineData("[1, 2]", "expected is an object")]
    [InlineData("""{"eos_token_id": 1""", "generation_config.json")]
    public void BadGenerationConfig_IsNamed(string generation, string key)
    {
        var folder = Llama();
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), generation);
        var message = Refused(folder);
        Assert.StartsWith(Path.Combine(folder, "generation_config.json"), message, StringComparison.Ordinal);
        Assert.Contains(key, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"repetition_penalty": 1.1, "top_p": 0.9}""", "repetition_penalty = 1.1, top_p = 0.9")]
    [InlineData("""{"suppress_tokens": [1, 2], "forced_eos_token_id": 0, "bad_words_ids": [[3]]}""",
        "bad_words_ids = [1 entry], suppress_tokens = [2 entries], forced_eos_token_id = 0")]
    [InlineData("""{"no_repeat_ngram_size": 3, "min_length": 2}""", "no_repeat_ngram_size = 3, min_length = 2")]
    [InlineData("""{"repetition_penalty": 1.0, "top_p": 1, "no_repeat_ngram_size": 0, "suppress_tokens": [], "forced_bos_token_id": null,"""
        + """ "num_beams": 1, "do_sample": true, "temperature": 0.6, "top_k": 20, "max_length": 9}""", null)]
    public void SettingsOfGenerate_ThatTheProtocolDoesNotUse_AreNamed(string generation, string? named)
    {
        var folder = Llama();
        void Says(string file)
        {
            var said = DecoderConfig.Read(Path.Combine(folder, "config.json")).UnusedGeneration;
            if (named is null) Assert.Empty(said);
            else Assert.StartsWith($"{Path.Combine(folder, file)} sets {named}. ", said, StringComparison.Ordinal);
        }
        // Without the file, generate goes by config.json.
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(generation)!.AsObject()) config[key] = value?.DeepClone();
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        Says("config.json");
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), generation);
        Says("generation_config.json");
    }

    [Fact]
    public void Shards_AreTheSameModel()
    {
        using var whole = Checkpoint.Load(Llama(), CPU, trainable: false);
        using var parts = Checkpoint.Load(Sharded(), CPU, trainable: false);
        Assert.True(whole.Flat.equal(parts.Flat).all().item<bool>());
    }

    [Theory]
    [InlineData("../other.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\other.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    public void IndexThatPointsElsewhere_IsRefused(string place) =>
        Assert.Contains("model.norm.weight", Refused(Sharded(map => map["model.norm.weight"] = place)), StringComparison.Ordinal);

    [Fact]
    public void IndexWithAShardThatIsNotThere_IsNamed() =>
        Assert.Contains("model-00003-of-00003.safetensors",
            Refused(Sharded(map => map["model.norm.weight"] = "model-00003-of-00003.safetensors")), StringComparison.Ordinal);

    [Fact]
    public void IndexWithATensorThatTheShardLacks_IsNamed() =>
        Assert.Contains("model.norm.weight", Refused(Sharded(map => map["model.norm.weight"] = "model-00001-of-00002.safetensors")),
            StringComparison.Ordinal);

    [Fact]
    public void ShardWithATensorThatTheIndexLacks_IsNamed() =>
        Assert.Contains("'model.norm.weight'", Refused(Sharded(map => map.Remove("model.norm.weight"))), StringComparison.Ordinal);

    [Fact]
    public void TokenizerWithMoreIdsThanEmbeddings_IsRefused()
    {
        var tokenizer = WordLevelTokenizer.Train(["a b c d e f g h"]);
        var config = new DecoderConfig { VocabularySize = 5, HiddenSize = 8, Layers = 1, Heads = 1, KeyValueHeads = 1, HeadDim = 8,
            IntermediateSize = 8, MaxPositions = 8 };
        var error = Assert.Throws<SlickException>(() => Checkpoint.CheckVocabulary("folder", config, tokenizer));
        Assert.Contains("vocab_size", error.Message, StringComparison.Ordinal);
        Checkpoint.CheckVocabulary("folder", config with { VocabularySize = 500 }, tokenizer);
        // Padding is some hundred embeddings, not some thousand.
        Assert.Contains("vocab_size", Assert.Throws<SlickException>(() =>
            Checkpoint.CheckVocabulary("folder", config with { VocabularySize = 5000 }, tokenizer)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}""", "rope_scaling.rope_type")]
    [InlineData("""{"rope_scaling": {"type": "dynamic", "factor": 4.0}}""", "rope_scaling.rope_type")]
    [InlineData("""{"rope_parameters": {"rope_type": "linear"}}""", "rope_parameters.factor")]
    [InlineData("""{"rope_parameters": {"rope_type": "default", "beta_fast": 32}}""", "rope_parameters.beta_fast")]
    [InlineData("""{"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}""", "partial_rotary_factor")]
    [InlineData("""{"rope_parameters": {"rope_type": "default"}, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}""",
        "rope_scaling")]
    [InlineData("""{"rope_scaling": {"factor": 4.0}}""", "rope_scaling.factor")]
    [InlineData("""{"rope_scaling": {"type": "linear", "factor": 4.0, "low_freq_factor": 1.0}}""", "rope_scaling.low_freq_factor")]
    [InlineData("""{"rope_theta": 0}""", "rope_theta")]
    [InlineData("""{"rms_norm_eps": -1e-6}""", "rms_norm_eps")]
    [InlineData("""{"rms_norm_eps": null}""", "rms_norm_eps")]
    [InlineData("""{"eos_token_id": "</s>"}""", "eos_token_id")]
    [InlineData("""{"model_type": null}""", "model_type")]
    [InlineData("""{"num_hidden_layers": 2000000000}""", "num_hidden_layers")]
    [InlineData("""{"vocab_size": 2000000000}""", "model.embed_tokens.weight")]
    [InlineData("""{"model_type": "gemma2", "head_dim": 8, "final_logit_softcapping": 0.0}""", "final_logit_softcapping")]
    [InlineData("""{"model_type": "gemma2", "head_dim": 8, "sliding_window": 8, "sliding_window_size": 16}""", "sliding_window_size")]
    [InlineData("""{"model_type": "qwen2", "use_mrope": true}""", "use_mrope")]
    [InlineData("""{"model_type": "phi3", "attention_bias": true}""", "attention_bias")]
    [InlineData("""{"hidden_act": "quick_gelu"}""", "hidden_act")]
    [InlineData("""{"model_type": "mamba"}""", "model_type")]
    [InlineData("""{"num_key_value_heads": 3}""", "num_key_value_heads")]
    [InlineData("""{"hidden_size": -1}""", "hidden_size")]
    [InlineData("""{"hidden_size": "wide"}""", "hidden_size")]
    [InlineData("""{"vocab_size": null}""", "vocab_size")]
    [InlineData("""{"tie_word_embeddings": 1}""", "tie_word_embeddings")]
    [InlineData("""{"logit_scale": 0.25}""", "logit_scale")]
    [InlineData("""{"sliding_window": 64}""", "sliding_window")]
    [InlineData("""{"quantization_config": {"quant_method": "gptq"}}""", "quantization_config")]
    [InlineData("""{"model_type": "gpt_neox", "hidden_act": "gelu_10"}""", "hidden_act")]
    [InlineData("""{"model_type": "gpt_neox", "rotary_emb_base": 10000, "rope_theta": 25000.0}""", "rope_theta")]
    [InlineData("""{"model_type": "gpt_neox", "rope_theta": 25000.0}""", "rope_theta")]
    [InlineData("""{"model_type": "gpt_neox", "rotary_pct": 0.25, "partial_rotary_factor": 0.5}""", "partial_rotary_factor")]
    [InlineData("""{"model_type": "gemma3_text", "head_dim": 8, "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}}""",
        "rope_parameters")]
    [InlineData("""{"model_type": "gemma3_text", "head_dim": 8, "rope_parameters": {"full_attention": {}, "chunked_attention": {}}}""",
        "rope_parameters.chunked_attention")]
    [InlineData("""{"original_max_position_embeddings": 32, "rope_parameters": {"rope_type": "llama3", "factor": 8.0,"""
        + """ "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}}""",
        "original_max_position_embeddings")]
    [InlineData("""{"model_type": "mistral", "mlp_bias": true}""", "mlp_bias")]
    [InlineData("""{"model_type": "gemma3_text", "head_dim": 8, "layer_types": ["full_attention", "chunked_attention", "full_attention","""
        + """ "full_attention"]}""", "layer_types")]
    [InlineData("""{"model_type": "gemma3_text", "head_dim": 8, "layer_types": ["full_attention"]}""", "layer_types")]
    [InlineData("""{"model_type": "gemma3_text", "head_dim": 8, "use_bidirectional_attention": true}""", "use_bidirectional_attention")]
    [InlineData("""{"model_type": "qwen2", "use_sliding_window": false, "layer_types": ["full_attention", "sliding_attention","""
        + """ "full_attention", "full_attention"]}""", "layer_types")]
    [InlineData("""{"model_type": "smollm3", "no_rope_layers": [1, 0]}""", "no_rope_layers")]
    [InlineData("""{"model_type": "phi3", "rope_scaling": {"type": "longrope", "short_factor": [1.0]}}""", "rope_scaling")]
    public void SettingThatIsNotSupported_IsNamed(string settings, string key)
    {
        var folder = Llama(m =>
        {
            foreach (var (name, value) in JsonNode.Parse(settings)!.AsObject()) m.Config[name] = value?.DeepClone();
        });
        Assert.Contains(key, Refused(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void TensorsAreTheSame_WhateverTheWindowAndTheFormat()
    {
        using var scope = NewDisposeScope();
        var path = Path.Combine(Llama(), "model.safetensors");
        var whole = Safetensors.Open(path);
        foreach (var window in (int[])[1, 4, 100, 4096])
        {
            var small = Safetensors.Open(path, window);
            // A window smaller than an element, one that ends within one, and one within a page.
            Assert.True(small.Read("model.layers.0.mlp.up_proj.weight").equal(whole.Read("model.layers.0.mlp.up_proj.weight")).all()
                .item<bool>());
        }
        foreach (var dtype in (ScalarType[])[ScalarType.Float16, ScalarType.BFloat16])
        {
            var copy = Path.Combine(Path.GetDirectoryName(path)!, dtype + ".safetensors");
            var original = whole.Read("model.norm.weight").to(dtype);
            Safetensors.Write(copy, [("a", original)]);
            var file = Safetensors.Open(copy);
            Assert.Equal(dtype, file.Type("a"));
            Assert.True(file.Read("a").equal(original).all().item<bool>());
            var wide = empty(original.shape, ScalarType.Float32);
            file.CopyTo("a", wide);
            Assert.True(wide.equal(original.to(ScalarType.Float32)).all().item<bool>());
        }
    }
}
