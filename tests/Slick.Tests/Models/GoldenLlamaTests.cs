using System.Text.Json.Nodes;
using Slick.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>The decoder against vectors that Hugging Face transformers computed.</summary>
public sealed class GoldenLlamaTests
{
    private static string Folder => Shared.Require("reference/models/llama-tied");

    private static void Near(Tensor expected, Tensor actual, string what)
    {
        var largest = expected.abs().max().item<float>();
        var difference = (expected - actual).abs().max().item<float>();
        Assert.True(difference <= 1e-4 * largest, $"{what}: differs by {difference} of {largest}");
    }

    [Fact]
    public void LlamaTied_Logits_AreTransformers()
    {
        using var scope = NewDisposeScope();
        using var weights = Checkpoint.Load(Folder, CPU, trainable: false);
        using var decoder = new Decoder(weights);
        var golden = Safetensors.Open(Path.Combine(Folder, "golden.safetensors"));
        var (hidden, _) = decoder.Forward(golden.Read("input_ids"));
        Near(golden.Read("logits"), decoder.Logits(hidden), "logits");
    }

    [Fact]
    public void LlamaTied_SharedPrefixAndCache_GiveTheSameLogits()
    {
        using var scope = NewDisposeScope();
        using var weights = Checkpoint.Load(Folder, CPU, trainable: false);
        using var decoder = new Decoder(weights);
        var golden = Safetensors.Open(Path.Combine(Folder, "golden.safetensors"));
        var ids = golden.Read("input_ids").narrow(0, 0, 1);
        var (_, first) = decoder.Forward(ids.narrow(1, 0, 9), keep: true);
        var shared = first!.AsShared();
        var (middle, past) = decoder.Forward(ids.narrow(1, 9, 7), shared, keep: true);
        var (last, _) = decoder.Forward(ids.narrow(1, 16, 8), shared, past);
        var expected = golden.Read("logits").narrow(0, 0, 1);
        Near(expected.narrow(1, 9, 7), decoder.Logits(middle), "after the shared prefix");
        Near(expected.narrow(1, 16, 8), decoder.Logits(last), "after prefix and cache");
    }

    [Fact]
    public void LlamaTied_GradientsAndThreeSteps_AreTransformers()
    {
        using var scope = NewDisposeScope();
        using var weights = Checkpoint.Load(Folder, CPU, trainable: true);
        using var decoder = new Decoder(weights);
        var golden = Safetensors.Open(Path.Combine(Folder, "golden.safetensors"));
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "golden.json")))!;
        var settings = json["adamw"]!;
        using var optimizer = new AdamW(weights)
        {
            Beta1 = settings["betas"]![0]!.GetValue<double>(),
            Beta2 = settings["betas"]![1]!.GetValue<double>(),
            Epsilon = settings["eps"]!.GetValue<double>(),
            WeightDecay = settings["weight_decay"]!.GetValue<double>(),
        };
        var ids = golden.Read("input_ids");
        var labels = golden.Read("labels").narrow(1, 1, ids.size(1) - 1).reshape(-1);
        var losses = new List<float>();
        for (var step = 0; step <= 3; step++)
        {
            var (hidden, _) = decoder.Forward(ids);
            var logits = decoder.Logits(hidden).narrow(1, 0, ids.size(1) - 1).reshape(-1, weights.Config.VocabularySize);
            var loss = nn.functional.cross_entropy(logits, labels, ignore_index: -100);
            losses.Add(loss.item<float>());
            if (step == 3) break;
            loss.backward();
            if (step == 0)
                foreach (var name in golden.Names.Where(n => n.StartsWith("grad.", StringComparison.Ordinal)))
                    Near(golden.Read(name), weights.Gradient(name["grad.".Length..]), name);
            optimizer.Step(settings["lr"]!.GetValue<double>());
        }
        foreach (var name in golden.Names.Where(n => n.StartsWith("after3.", StringComparison.Ordinal)))
            Near(golden.Read(name), weights[name["after3.".Length..]], name);
        var expected = json["losses_before_steps_1_2_3_and_after_3"]!.AsArray().Select(n => n!.GetValue<double>()).ToList();
        for (var i = 0; i < losses.Count; i++) Assert.Equal(expected[i], losses[i], 1e-4);
    }

    [Fact]
    public void Saved_ThenLoaded_IsTheSameModelUnderTheSameNames()
    {
        using var scope = NewDisposeScope();
        using var weights = Checkpoint.Load(Folder, CPU, trainable: false);
        var folder = Directory.CreateTempSubdirectory("slick").FullName;
        Checkpoint.Save(folder, weights);
        var (theirs, ours) = (Safetensors.Open(Path.Combine(Folder, "model.safetensors")), Safetensors.Open(Path.Combine(folder, "model.safetensors")));
        Assert.Equal(theirs.Names.Order(), ours.Names.Order());
        foreach (var name in ours.Names)
        {
            Assert.Equal(theirs.Shape(name), ours.Shape(name));
            Assert.True(theirs.Read(name).equal(ours.Read(name)).all().item<bool>(), name);
        }
        Directory.Delete(folder, recursive: true);
    }
}
