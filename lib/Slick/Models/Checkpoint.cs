using System.Text.Json;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>A model as Hugging Face stores it: a folder with <c>config.json</c> and <c>model.safetensors</c>.</summary>
public static class Checkpoint
{
    /// <summary>Loads a folder's decoder.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="device">Where the parameters shall be.</param>
    /// <param name="trainable">True for a gradient beside them.</param>
    /// <param name="dtype">Number format that the stored values are converted to.</param>
    /// <exception cref="SlickException">A file is missing or damaged, or a tensor is missing or has another shape than the config says.</exception>
    public static DecoderWeights Load(string folder, Device device, bool trainable, ScalarType dtype = ScalarType.Float32)
    {
        var config = DecoderConfig.Read(Path.Combine(folder, "config.json"));
        var path = Path.Combine(folder, "model.safetensors");
        var file = Safetensors.Open(path);
        var weights = new DecoderWeights(config, device, trainable, dtype);
        using var noGrad = no_grad();
        foreach (var (name, _, shape) in weights.Layout)
        {
            if (!file.Shape(name).SequenceEqual(shape))
                throw new SlickException($"{path}: the tensor '{name}' has the shape [{string.Join(", ", file.Shape(name))}], config.json asks for [{string.Join(", ", shape)}].");
            using var scope = NewDisposeScope();
            weights[name].copy_(file.Read(name));
        }
        return weights;
    }

    /// <summary>Writes a decoder so that transformers loads it as a <c>LlamaForCausalLM</c>; the tokenizer is saved beside it by its owner.</summary>
    public static void Save(string folder, DecoderWeights weights)
    {
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), weights.Config.ToJson().ToJsonString(Indented) + "\n");
        Safetensors.Write(Path.Combine(folder, "model.safetensors"), weights.Layout.Select(p => (p.Name, weights[p.Name])).OrderBy(p => p.Name, StringComparer.Ordinal));
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
}
