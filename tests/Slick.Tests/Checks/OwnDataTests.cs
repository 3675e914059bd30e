using Slick.Checks;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Checks;

/// <summary>
/// The checks on the small checkpoints and tokenizers of <c>tests/data</c>, whose golden files <c>make_golden.py</c> there made
/// (README.md there says how): in every clone.
/// </summary>
public sealed class OwnDataTests
{
    private static readonly Compute Cpu = Compute.Choose("cpu");

    private static string Data(params string[] path) => Path.Combine([Shared.Repository, "tests", "data", .. path]);

    public static TheoryData<string, int> Models() => new()
    {
        // With the number of comparisons: a golden file that is passed over in silence shows here.
        { "llama-tied", 29 }, { "llama-untied", 30 }, { "mistral", 30 }, { "qwen2", 35 }, { "gemma3", 37 }, { "gpt2", 37 },
        { "gpt-neox", 37 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Checkpoint_MeetsItsGoldenFiles(string name, int comparisons)
    {
        var results = ModelCheck.Run(Data("models", name), Cpu, int.MaxValue - 1, Progress.None, TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(comparisons, results.Count);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Checkpoint_InBf16_MeetsItsGoldenFiles(string name, int comparisons)
    {
        var results = ModelCheck.Run(Data("models", name), Cpu with { DType = ScalarType.BFloat16 }, int.MaxValue - 1, Progress.None,
            TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(comparisons, results.Count);
    }

    // The adapter's settings name its base model. Its factor is that of rank-stabilised LoRA, and the output layer has an adapter too.
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Adapter_MeetsItsGoldenFiles(ScalarType dtype)
    {
        var results = ModelCheck.Run(Data("adapters", "llama-untied"), Cpu with { DType = dtype }, int.MaxValue - 1, Progress.None,
            TestContext.Current.CancellationToken);
        Assert.All(results, r => Assert.True(r.Ok, $"{r.What}: {r.Difference} (limit {r.Limit}) {r.Detail}"));
        Assert.Equal(28, results.Count);
    }

    [Theory]
    [InlineData("\"use_rslora\": true", "\"use_rslora\": false")]
    [InlineData("\"lora_alpha\": 5", "\"lora_alpha\": 6")]
    public void AdapterWithAnotherFactor_Differs(string good, string bad)
    {
        var folder = Scratch.Folder();
        foreach (var file in Directory.GetFiles(Data("adapters", "llama-untied")))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        var path = Path.Combine(folder, "adapter_config.json");
        var text = File.ReadAllText(path);
        Assert.Contains(good, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(good, bad, StringComparison.Ordinal));
        Assert.Contains(ModelCheck.Run(folder, Cpu, 0, Progress.None, TestContext.Current.CancellationToken,
            Data("models", "llama-untied")), r => !r.Ok);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(null, "BASE")]
    [InlineData("models/llama-untied", "models/llama-untied")]
    public void AdapterWithoutGoldenFiles_SaysHowToMakeThem(string? model, string named)
    {
        var folder = Scratch.Folder();
        File.Copy(Data("adapters", "llama-untied", "adapter_config.json"), Path.Combine(folder, "adapter_config.json"));
        var error = Assert.Throws<SlickException>(() => ModelCheck.Run(folder, Cpu, 0, Progress.None,
            TestContext.Current.CancellationToken, model));
        Assert.Contains($"make_golden.py adapter {folder} {named}'", error.Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void OtherWeights_Differ(string name, int comparisons)
    {
        Assert.True(comparisons > 0);
        var folder = Scratch.Folder();
        foreach (var file in Directory.GetFiles(Data("models", name))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        using (var weights = Checkpoint.Load(folder, CPU, trainable: false))
        using (no_grad())
        {
            using var view = weights[weights.Layout.Last(p => p.Shape.Length == 2).Name];
            view.narrow(0, 0, view.size(0) / 2).mul_(1.001);
            Checkpoint.Save(folder, weights);
        }
        Assert.Contains(ModelCheck.Run(folder, Cpu, 0, Progress.None, TestContext.Current.CancellationToken), r => !r.Ok);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("byte-level")]
    [InlineData("byte-fallback")]
    [InlineData("word-level")]
    public void Tokenizer_MeetsItsGoldenLines(string name) =>
        Assert.All(TokenizerCheck.Run(Data("tokenizers", name)), c =>
        {
            Assert.True(c.Ok, $"{c.What}: {c.Detail}");
            Assert.Contains("of 68 lines", c.Detail, StringComparison.Ordinal);
        });

    [Fact]
    public void Annotation_IsMet()
    {
        var report = AnnotationCheck.Run(Data("annotation", "slick.json"), Data("annotation"), Cpu, null, Progress.None,
            TestContext.Current.CancellationToken);
        Assert.Equal(16, report.Questions);
        Assert.Equal(6, report.Comparisons.Count);
        Assert.All(report.Comparisons, c =>
            Assert.True(c.Ok, $"{c.What}: {c.Difference} (limit {c.Limit}) {c.Detail}\n{string.Join('\n', report.Remarks)}"));
    }

    [Fact]
    public void AnnotationOfAnotherModel_Differs()
    {
        var folder = Scratch.Folder();
        foreach (var file in Directory.GetFiles(Data("annotation"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        using (var weights = Checkpoint.Load(folder, CPU, trainable: false))
        using (no_grad())
        {
            using var view = weights["model.layers.1.mlp.down_proj.weight"];
            view.mul_(0.5);
            Checkpoint.Save(folder, weights);
        }
        var report = AnnotationCheck.Run(Path.Combine(folder, "slick.json"), folder, Cpu, null, Progress.None,
            TestContext.Current.CancellationToken);
        Assert.Contains(report.Comparisons, c => !c.Ok);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void UnknownRelation_IsNamed()
    {
        var error = Assert.Throws<SlickException>(() => AnnotationCheck.Read(Data("annotation", "slick.json"), ["country", "P9999"]));
        Assert.Contains("P9999", error.Message, StringComparison.Ordinal);
        Assert.Contains("country, river", error.Message, StringComparison.Ordinal);
    }
}
