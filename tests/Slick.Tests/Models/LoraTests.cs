using System.Text.Json.Nodes;
using Slick.Checks;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Models.StraightLine;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>LoRA adapters beside models of several families, and PEFT's files.</summary>
public sealed class LoraTests : IDisposable
{
    private readonly string folder = Scratch.Folder("lora");

    public LoraTests() => NativeLibraries.Load();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static TheoryData<string, string, string?> Families => new()
    {
        { "llama", """{"tie_word_embeddings": true}""", "q_proj,v_proj" },
        { "llama", """{"tie_word_embeddings": false}""", "k_proj,up_proj,lm_head" },
        { "llama", """{"tie_word_embeddings": true}""", null },
        { "gpt2", """{"tie_word_embeddings": true}""", null },
        { "gpt_neox", "{}", null },
        { "qwen3", """{"head_dim": 12, "tie_word_embeddings": true}""", null },
    };

    private static DecoderWeights Base(string type, string settings, bool trainable = false)
    {
        var model = new TinyModel(type, JsonNode.Parse(settings)!.AsObject()).Write();
        try
        {
            return Checkpoint.Load(model, CPU, trainable);
        }
        finally
        {
            Directory.Delete(model, recursive: true);
        }
    }

    private static LoraConfig Config(string? targets) => new() { Rank = 3, Alpha = 5, TargetModules = targets?.Split(',') };

    // An adapter whose factors are all drawn.
    private static LoraAdapter Drawn(DecoderWeights weights, LoraConfig config, bool trainable = false)
    {
        var adapter = new LoraAdapter(weights, config, 1, trainable);
        float[] values = [.. Enumerable.Range(0, (int)adapter.Flat.numel()).Select(i => (float)(0.2 * Seeds.Normal(9, i)))];
        using (no_grad())
        using (NewDisposeScope()) adapter.Flat.copy_(tensor(values));
        return adapter;
    }

    private static Tensor Ids => tensor([.. Enumerable.Range(0, 24).Select(i => (long)(3 + i * 37 % 90))], [2, 12]);

    private static float[] Logits(DecoderWeights weights, LoraAdapter? adapter = null)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var decoder = new Decoder(weights, adapter);
        return HostTransfer.Read<float>(decoder.Logits(decoder.Forward(Ids).Hidden));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void FreshAdapter_ChangesNothing(string type, string settings, string? targets)
    {
        using var weights = Base(type, settings);
        using var fresh = new LoraAdapter(weights, Config(targets), 1);
        Assert.Equal(Logits(weights), Logits(weights, fresh));
        Assert.Contains(HostTransfer.Read<float>(fresh.Flat), v => v != 0);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void MergedModel_GivesTheLogitsOfTheUnmerged(string type, string settings, string? targets)
    {
        using var weights = Base(type, settings);
        using var adapter = Drawn(weights, Config(targets));
        using var merged = adapter.Merge(weights);
        var (apart, together) = (Logits(weights, adapter), Logits(merged));
        var largest = apart.Max(Math.Abs);
        Assert.All(apart.Zip(together), p => Assert.Equal(p.First, p.Second, 1e-5f * largest));
        Assert.True(apart.Zip(Logits(weights)).Max(p => Math.Abs(p.First - p.Second)) > 0.01 * largest);
    }

    // W' = W + s B A, so that dL/dB = s dL/dW' A^T and dL/dA = s B^T dL/dW': dL/dW' is the merged model's own gradient.
    [Theory]
    [MemberData(nameof(Families))]
    public void Gradient_FollowsFromThatOfTheMergedModel(string type, string settings, string? targets)
    {
        using var weights = Base(type, settings);
        var config = Config(targets);
        using var adapter = Drawn(weights, config, trainable: true);
        using var frozen = adapter.Merge(weights);
        using var merged = frozen.CopyTrainable();
        foreach (var (model, lora) in new[] { (weights, adapter), (merged, null) })
        {
            using var decoder = new Decoder(model, lora);
            decoder.Backward(Ids, null, null, false, hidden => decoder.Logits(hidden).pow(Scalars.Of(2L)).mean());
        }
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var gradient = adapter.Parameters!.Ranges[0].Gradient;
        Assert.Null(weights.FlatGradient);
        var largest = HostTransfer.Read<float>(gradient.abs().max())[0];
        Assert.NotEmpty(adapter.Layout);
        foreach (var (name, offset, shape) in adapter.Layout)
        {
            var module = name["base_model.model.".Length..^".lora_A.weight".Length];
            var slope = merged.Gradient(module + ".weight"); // [outputs, inputs], of GPT-2 [inputs, outputs]
            if (type == "gpt2") slope = slope.t();
            var (a, b) = (adapter[$"base_model.model.{module}.lora_A.weight"], adapter[$"base_model.model.{module}.lora_B.weight"]);
            var expected = (name.Contains("lora_A", StringComparison.Ordinal) ? matmul(b.t(), slope) : matmul(slope, a.t()))
                .mul(Scalars.Of(5.0 / 3));
            var actual = gradient.narrow(0, offset, shape[0] * shape[1]).view(shape);
            Assert.Equal(expected.shape, actual.shape);
            var apart = HostTransfer.Read<float>(expected.add(actual, Scalars.Of(-1L)).abs().max())[0];
            Assert.True(apart <= 1e-4f * largest, $"{name}: {apart} of {largest}");
        }
    }

    [Theory]
    [InlineData("q_proj,v_proj", 8)]
    [InlineData("self_attn.q_proj", 4)]
    [InlineData("model.layers.1.mlp.down_proj", 1)]
    [InlineData("all-linear", 28)]
    [InlineData(@"model\.layers\.[02]\..*_proj", 14)]
    [InlineData(".*q_proj|.*k_proj", 8)]
    public void TargetModules_AreChosenAsPeftDoes(string targets, int expected)
    {
        using var weights = Base("llama", """{"tie_word_embeddings": false}""");
        var config = targets.Contains('*', StringComparison.Ordinal) || targets == "all-linear"
            ? new LoraConfig { TargetPattern = targets } : Config(targets);
        using var adapter = new LoraAdapter(weights, config, 1);
        Assert.Equal(2 * expected, adapter.Layout.Count);
    }

    [Fact]
    public void Factor_IsAlphaOverTheRank_OrOverItsRoot()
    {
        Assert.Equal(2, new LoraConfig { Rank = 4, Alpha = 8 }.Factor);
        Assert.Equal(4, new LoraConfig { Rank = 4, Alpha = 8, UseRslora = true }.Factor);
    }

    [Theory]
    [InlineData(ScalarType.Float32, true)]
    [InlineData(ScalarType.BFloat16, false)]
    public void SavedAdapter_IsReadAgain(ScalarType dtype, bool rslora)
    {
        using var wide = Base("llama", """{"tie_word_embeddings": true}""");
        using var weights = new DecoderWeights(wide.Config, CPU, trainable: false, dtype);
        using (no_grad()) weights.Flat.copy_(wide.Flat);
        using var adapter = Drawn(weights, Config("q_proj,down_proj") with { UseRslora = rslora, BaseModel = "somewhere" });
        adapter.Save(folder);
        using var read = LoraAdapter.Load(folder, weights);
        Assert.Equal((adapter.Config.Rank, adapter.Config.Alpha, rslora, "somewhere"),
            (read.Config.Rank, read.Config.Alpha, read.Config.UseRslora, read.Config.BaseModel));
        Assert.Equal(adapter.Config.TargetModules, read.Config.TargetModules);
        Assert.Equal(HostTransfer.Read<float>(adapter.Flat.to(ScalarType.Float32)),
            HostTransfer.Read<float>(read.Flat.to(ScalarType.Float32)));
    }

    [Theory]
    [InlineData("r", "0", "r")]
    [InlineData("r", "null", "r")]
    [InlineData("r", "\"four\"", "r")]
    [InlineData("r", "5", "lora_A.weight")]
    [InlineData("r", "60000", "lora_A.weight")]
    [InlineData("lora_alpha", "null", "lora_alpha")]
    [InlineData("lora_alpha", "1e999", "lora_alpha")]
    [InlineData("use_rslora", "1", "use_rslora")]
    [InlineData("peft_type", "\"IA3\"", "peft_type")]
    [InlineData("peft_type", "null", "peft_type")]
    [InlineData("task_type", "\"SEQ_CLS\"", "task_type")]
    [InlineData("bias", "\"all\"", "bias")]
    [InlineData("bias", "\"lora_only\"", "bias")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "modules_to_save")]
    [InlineData("target_modules", "null", "target_modules")]
    [InlineData("target_modules", "[]", "target_modules")]
    [InlineData("target_modules", "[1]", "target_modules[0]")]
    [InlineData("target_modules", "{}", "target_modules")]
    [InlineData("target_modules", "\"(\"", "target_modules")]
    [InlineData("target_modules", "\"nothing\"", "target_modules")]
    [InlineData("target_modules", "[\"nothing\"]", "target_modules")]
    [InlineData("target_modules", "[\"embed_tokens\"]", "embed_tokens")]
    [InlineData("target_modules", "[\"q_proj\"]", "down_proj")]
    [InlineData("target_modules", "[\"q_proj\", \"o_proj\", \"down_proj\"]", "o_proj")]
    [InlineData("use_dora", "true", "use_dora")]
    [InlineData("rank_pattern", "{\"q_proj\": 2}", "rank_pattern")]
    [InlineData("alpha_pattern", "{\"q_proj\": 2}", "alpha_pattern")]
    [InlineData("layers_to_transform", "[0]", "layers_to_transform")]
    [InlineData("init_lora_weights", "\"pissa\"", "init_lora_weights")]
    [InlineData("lora_bias", "true", "lora_bias")]
    [InlineData("something_new", "7", "something_new")]
    [InlineData("lora_dropout", "2", "lora_dropout")]
    public void WrongSetting_IsNamedWithItsFile(string key, string value, string named)
    {
        using var weights = Base("llama", """{"tie_word_embeddings": true}""");
        using (var adapter = Drawn(weights, Config("q_proj,down_proj"))) adapter.Save(folder);
        var path = Path.Combine(folder, "adapter_config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json[key] = null;
        // Written as text: a number that no double holds is no JSON node.
        File.WriteAllText(path, json.ToJsonString().Replace($"\"{key}\":null", $"\"{key}\":{value}", StringComparison.Ordinal));
        var error = Assert.Throws<SlickException>(() => LoraAdapter.Load(folder, weights).Dispose());
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void HarmlessSettings_AreRead()
    {
        using var weights = Base("llama", """{"tie_word_embeddings": true}""");
        using (var adapter = Drawn(weights, Config("q_proj,down_proj"))) adapter.Save(folder);
        var path = Path.Combine(folder, "adapter_config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json["peft_version"] = "0.21.2";
        json["lora_dropout"] = 0.1;
        json["rank_pattern"] = new JsonObject();
        json["init_lora_weights"] = "eva";
        json["eva_config"] = new JsonObject { ["rho"] = 2.0, ["tau"] = 0.99, ["use_label_mask"] = true };
        json["use_something"] = false;
        File.WriteAllText(path, json.ToJsonString());
        LoraAdapter.Load(folder, weights).Dispose();
    }

    // What PEFT writes beside the factors with save_embedding_layers = "auto".
    [Theory]
    [InlineData(false, "lm_head.base_layer.weight", "lm_head.weight")]
    [InlineData(false, "lm_head.weight", "lm_head.weight")]
    [InlineData(false, "model.embed_tokens.weight", "model.embed_tokens.weight")]
    [InlineData(true, "lm_head.weight", "model.embed_tokens.weight")]
    [InlineData(false, "model.layers.0.mlp.gate_proj.base_layer.weight", "")]
    [InlineData(false, "model.layers.0.mlp.gate_proj.weight", "")]
    public void BaseLayersOfTheEmbeddings_AreRead_WhereTheyAreTheBases(bool tied, string tensor, string parameter)
    {
        using var weights = Base("llama", tied ? """{"tie_word_embeddings": true}""" : """{"tie_word_embeddings": false}""");
        using (var adapter = Drawn(weights, Config(tied ? "q_proj" : "q_proj,lm_head"))) adapter.Save(folder);
        var path = Path.Combine(folder, "adapter_model.safetensors");
        void Write(double factor)
        {
            using var scope = NewDisposeScope();
            var saved = Safetensors.Open(path);
            var added = "base_model.model." + tensor;
            Safetensors.Write(path, [.. saved.Names.Where(n => n != added).Select(n => (n, saved.Read(n))),
                (added, weights[parameter.Length > 0 ? parameter : "model.layers.0.mlp.gate_proj.weight"] * Scalars.Of(factor))]);
        }
        Write(1);
        if (parameter.Length > 0) LoraAdapter.Load(folder, weights).Dispose();
        else
        {
            Assert.Contains($"'base_model.model.{tensor}' belongs to no module",
                Assert.Throws<SlickException>(() => LoraAdapter.Load(folder, weights)).Message, StringComparison.Ordinal);
            return;
        }
        Write(1.001);
        var error = Assert.Throws<SlickException>(() => LoraAdapter.Load(folder, weights));
        Assert.StartsWith($"{path}: the tensor 'base_model.model.{tensor}' differs from the base model's {parameter}", error.Message,
            StringComparison.Ordinal);
        Assert.Contains("merge_and_unload", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingFiles_AreNamed()
    {
        using var weights = Base("llama", """{"tie_word_embeddings": true}""");
        Assert.Contains("adapter_config.json", Assert.Throws<SlickException>(() => LoraAdapter.Load(folder, weights)).Message,
            StringComparison.Ordinal);
        using (var adapter = Drawn(weights, Config("q_proj"))) adapter.Save(folder);
        File.Move(Path.Combine(folder, "adapter_model.safetensors"), Path.Combine(folder, "adapter_model.bin"));
        Assert.Contains("pickle", Assert.Throws<SlickException>(() => LoraAdapter.Load(folder, weights)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NameOfNoModule_IsRefusedForAFreshAdapter()
    {
        using var weights = Base("llama", """{"tie_word_embeddings": true}""");
        var error = Assert.Throws<SlickException>(() => new LoraAdapter(weights, Config("q_proj,v_prj"), 1));
        Assert.Contains("v_prj", error.Message, StringComparison.Ordinal);
        Assert.Contains("lm_head", Assert.Throws<SlickException>(() => new LoraAdapter(weights, Config("lm_head"), 1)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AdapterWithNothingToCompare_IsRefused()
    {
        using var weights = Base("llama", """{"tie_word_embeddings": true}""");
        var model = Path.Combine(folder, "model");
        Checkpoint.Save(model, weights);
        using (var adapter = Drawn(weights, Config("q_proj"))) adapter.Save(folder);
        File.WriteAllText(Path.Combine(folder, "golden.json"), "{}");
        using (NewDisposeScope()) Safetensors.Write(Path.Combine(folder, "golden.safetensors"), [("other", zeros(1))]);
        Assert.Contains("nothing that is known", Assert.Throws<SlickException>(() => ModelCheck.Run(folder,
            new Compute(CPU, ScalarType.Float32), 0, Progress.None, TestContext.Current.CancellationToken, model)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ReferenceAdapter_IsMet()
    {
        var adapter = Shared.Require("reference/adapters/llama-tied");
        var model = Shared.Require("reference/models/llama-tied");
        var found = ModelCheck.Run(adapter, new Compute(CPU, ScalarType.Float32), 3, Progress.None,
            TestContext.Current.CancellationToken, model);
        Assert.Equal(11, found.Count);
        Assert.All(found, c => Assert.True(c.Ok, c.ToString()));
        var error = Assert.Throws<SlickException>(() => ModelCheck.Run(adapter, new Compute(CPU, ScalarType.Float32), 3, Progress.None,
            TestContext.Current.CancellationToken));
        Assert.Contains("base_model_name_or_path", error.Message, StringComparison.Ordinal);
        Assert.Contains("--base", error.Message, StringComparison.Ordinal);
        Assert.Throws<UsageException>(() => ModelCheck.Run(model, new Compute(CPU, ScalarType.Float32), 0, Progress.None,
            TestContext.Current.CancellationToken, model));
    }
}
