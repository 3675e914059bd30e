using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>Checkpoints against vectors that Hugging Face transformers computed, by the check that users run.</summary>
public sealed class GoldenModelTests
{
    private static readonly Compute Cpu = Compute.Choose("cpu");

    public static TheoryData<string, int> Models() => new()
    {
        // With the number of comparisons: a golden file that is passed over in silence shows here.
        { "llama-tied", 58 }, { "llama3-rope", 60 }, { "mistral-window", 60 }, { "qwen2", 70 }, { "qwen2-sharded-bf16", 1 }, { "gemma3", 126 }, { "gpt2", 74 }, { "pythia", 74 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Checkpoint_MeetsItsGoldenFiles(string name, int comparisons)
    {
        var results = ModelCheck.Run(Shared.Require("reference/models/" + name), Cpu, int.MaxValue - 1, Progress.None, TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(comparisons, results.Count);
    }

    [Fact]
    public void Check_OfOtherWeights_Differs()
    {
        var folder = Shared.Require("reference/models/llama-tied");
        var copy = Directory.CreateTempSubdirectory("slick").FullName;
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
        var results = ModelCheck.Run(Shared.Require("reference/gemma3-270m-entityquestions"), Cpu, 2, Progress.None, TestContext.Current.CancellationToken);
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
        var copy = Directory.CreateTempSubdirectory("slick").FullName;
        Checkpoint.Save(copy, weights);
        var ours = Safetensors.Open(Path.Combine(copy, "model.safetensors"));
        var theirs = Directory.GetFiles(folder, "model*.safetensors").Select(f => Safetensors.Open(f)).SelectMany(f => f.Names.Select(n => (Name: n, File: f))).ToDictionary(p => p.Name, p => p.File);
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
