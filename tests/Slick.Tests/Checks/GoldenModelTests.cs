using System.Text.Json.Nodes;
using Slick.Checks;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Models.StraightLine;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Checks;

/// <summary>Checkpoints against vectors that Hugging Face transformers computed, by the check that users run.</summary>
public sealed class GoldenModelTests
{
    private static readonly Compute Cpu = Compute.Choose("cpu");

    public static TheoryData<string, int> Models() => new()
    {
        // With the number of comparisons: a golden file that is passed over in silence shows here.
        { "llama-tied", 58 }, { "llama3-rope", 60 }, { "mistral-window", 60 }, { "qwen2", 70 }, { "qwen2-sharded-bf16", 1 },
            { "gemma3", 126 }, { "gpt2", 74 }, { "pythia", 74 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Checkpoint_MeetsItsGoldenFiles(string name, int comparisons)
    {
        var results = ModelCheck.Run(Shared.Require("reference/models/" + name), Cpu, int.MaxValue - 1, Progress.None,
            TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(comparisons, results.Count);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Checkpoint_InBf16_MeetsItsGoldenFiles(string name, int comparisons)
    {
        var results = ModelCheck.Run(Shared.Require("reference/models/" + name), Cpu with { DType = ScalarType.BFloat16 },
            int.MaxValue - 1, Progress.None, TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(comparisons, results.Count);
    }

    // A tiny model with the logits and greedy tokens that the straight line computes from its weights.
    private static string Golden(string type, string settings, Action<TinyModel>? change = null)
    {
        var model = new TinyModel(type, JsonNode.Parse(settings)!.AsObject());
        var decoder = new StraightLineDecoder(model.Config, model.Tensors.ToDictionary());
        var random = new Random(5);
        int[] ids = [.. Enumerable.Range(0, 24).Select(_ => random.Next(2, 101))];
        var logits = decoder.Logits(ids);
        var greedy = new List<int>();
        for (var i = 0; i < 4; i++)
        {
            var next = decoder.Logits([.. ids, .. greedy])[^1];
            greedy.Add(Array.IndexOf(next, next.Max()));
        }
        change?.Invoke(model);
        var folder = model.Write();
        using var scope = NewDisposeScope();
        Safetensors.Write(Path.Combine(folder, "golden.safetensors"), [("input_ids", tensor(ids, ScalarType.Int64).view(1, -1)),
            ("logits", tensor(logits.SelectMany(r => r).Select(v => (float)v).ToArray()).view(1, 24, 101)),
                ("greedy", tensor(greedy.ToArray(), ScalarType.Int64).view(1, -1))]);
        File.WriteAllText(Path.Combine(folder, "golden.json"), "{}");
        return folder;
    }

    public static TheoryData<string, string> Families() => Tests.Models.ArchitectureTests.Models();

    [Theory]
    [MemberData(nameof(Families))]
    public void RightModel_PassesInBothFormats(string type, string settings)
    {
        var folder = Golden(type, settings);
        foreach (var format in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            var results = ModelCheck.Run(folder, Cpu with { DType = format }, 0, Progress.None, TestContext.Current.CancellationToken);
            Assert.Equal(2, results.Count);
            Assert.All(results, r => Assert.True(r.Ok, $"{format}: {r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        }
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("model.layers.3.mlp.down_proj.weight", 1.25f)]
    [InlineData("model.layers.0.self_attn.o_proj.weight", 0.75f)]
    [InlineData("model.layers.1.self_attn.q_proj.weight", 1.5f)]
    [InlineData("model.layers.2.input_layernorm.weight", 1.25f)]
    [InlineData("lm_head.weight", 1.1f)]
    public void PerturbedWeight_DiffersInBf16(string name, float factor)
    {
        var folder = Golden("llama", "{}", m =>
            m.Tensors[name] = (m.Tensors[name].Shape, [.. m.Tensors[name].Values.Select(v => v * factor)]));
        Assert.Contains(ModelCheck.Run(folder, Cpu with { DType = ScalarType.BFloat16 }, 0, Progress.None,
            TestContext.Current.CancellationToken), r => !r.Ok);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("rope_theta", "1000.0")]
    [InlineData("num_key_value_heads", "4")]
    [InlineData("hidden_act", "\"gelu\"")]
    public void WrongSetting_DiffersInBf16(string key, string value)
    {
        var folder = Golden("llama", "{}", m =>
        {
            m.Config[key] = JsonNode.Parse(value);
            if (key != "num_key_value_heads") return;
            // Each head its own, where two share one.
            foreach (var name in m.Tensors.Keys.Where(n => n.Contains("k_proj", StringComparison.Ordinal)
                || n.Contains("v_proj", StringComparison.Ordinal)).ToList())
                m.Tensors[name] = ([32, 32], [.. m.Tensors[name].Values, .. m.Tensors[name].Values]);
        });
        Assert.Contains(ModelCheck.Run(folder, Cpu with { DType = ScalarType.BFloat16 }, 0, Progress.None,
            TestContext.Current.CancellationToken), r => !r.Ok);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Check_OfOtherWeights_Differs()
    {
        var folder = Shared.Require("reference/models/llama-tied");
        var copy = Scratch.Folder();
        foreach (var file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        using (var weights = Checkpoint.Load(folder, CPU, trainable: false))
        using (no_grad())
        {
            using var view = weights["model.layers.1.mlp.down_proj.weight"];
            view.mul_(1.001);
            Checkpoint.Save(copy, weights);
        }
        var results = ModelCheck.Run(copy, Cpu, 0, Progress.None, TestContext.Current.CancellationToken);
        Assert.Contains(results, r => !r.Ok);
        Directory.Delete(copy, recursive: true);
    }

    [Fact]
    public void RealCheckpoint_MeetsItsGoldenFiles_TwoSteps()
    {
        var results = ModelCheck.Run(Shared.Require("reference/gemma3-270m-entityquestions"), Cpu, 2, Progress.None,
            TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(10, results.Count);
    }

    [Theory]
    [InlineData("llama-tied")]
    [InlineData("mistral-window")]
    [InlineData("qwen2")]
    [InlineData("gemma3")]
    [InlineData("gpt2")]
    [InlineData("pythia")]
    [InlineData("qwen2-sharded-bf16")]
    public void Saved_ThenLoaded_IsTheSameModelUnderTheSameNames(string name)
    {
        using var scope = NewDisposeScope();
        var folder = Shared.Require("reference/models/" + name);
        var dtype = name.EndsWith("bf16", StringComparison.Ordinal) ? ScalarType.BFloat16 : ScalarType.Float32;
        using var weights = Checkpoint.Load(folder, CPU, trainable: false, dtype);
        var copy = Scratch.Folder();
        Checkpoint.Save(copy, weights);
        var ours = Safetensors.Open(Path.Combine(copy, "model.safetensors"));
        var theirs = Directory.GetFiles(folder, "model*.safetensors").Select(f => Safetensors.Open(f))
            .SelectMany(f => f.Names.Select(n => (Name: n, File: f))).ToDictionary(p => p.Name, p => p.File);
        Assert.Equal(theirs.Keys.Order(StringComparer.Ordinal), ours.Names.Order(StringComparer.Ordinal));
        foreach (var tensor in ours.Names)
        {
            Assert.Equal(theirs[tensor].Shape(tensor), ours.Shape(tensor));
            Assert.Equal(theirs[tensor].Type(tensor), ours.Type(tensor));
            Assert.True(theirs[tensor].Read(tensor).equal(ours.Read(tensor)).all().item<bool>(), tensor);
        }
        using var again = Checkpoint.Load(copy, CPU, trainable: false, dtype);
        Assert.True(again.Flat.equal(weights.Flat).all().item<bool>());
        Directory.Delete(copy, recursive: true);
    }
}
