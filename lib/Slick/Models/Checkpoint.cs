using System.Text.Json;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// A model as Hugging Face stores it: a folder with <c>config.json</c> and <c>model.safetensors</c>, or shards with
/// <c>model.safetensors.index.json</c>. A checkpoint is data: nothing in it is executed.
/// </summary>
public static class Checkpoint
{
    /// <summary>Loads a folder's decoder. Beside the weights no more than a window of a file is in memory.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="device">Where the parameters shall be.</param>
    /// <param name="trainable">True for a gradient beside them.</param>
    /// <param name="dtype">Number format that the stored values are converted to.</param>
    /// <exception cref="SlickException">A file is missing or damaged, a setting is not supported, or a tensor is missing, unknown, or has another shape than the config says.</exception>
    public static DecoderWeights Load(string folder, Device device, bool trainable, ScalarType dtype = ScalarType.Float32) =>
        Load(folder, device, trainable, dtype, "config.json");

    internal static DecoderWeights Load(string folder, Device device, bool trainable, ScalarType dtype, string configFile)
    {
        var path = Path.Combine(folder, configFile);
        var config = DecoderConfig.Read(path);
        var tensors = Files(folder);
        var family = config.Architecture;
        if (family.OptionalPrefix.Length > 0 && !tensors.ContainsKey(family.Embedding + ".weight"))
            config = config with { OmitsPrefix = tensors.ContainsKey(family.Embedding[family.OptionalPrefix.Length..] + ".weight") };
        var weights = new DecoderWeights(config, device, trainable, dtype);
        try
        {
            foreach (var (name, _, shape) in weights.Layout)
            {
                if (!tensors.TryGetValue(name, out var file)) throw new SlickException($"{folder}: the tensor '{name}', which {configFile} asks for, is in none of its safetensors files.");
                if (!file.Shape(name).SequenceEqual(shape))
                    throw new SlickException($"{folder}: the tensor '{name}' has the shape [{string.Join(", ", file.Shape(name))}], {configFile} asks for [{string.Join(", ", shape)}].");
                using var target = weights[name];
                file.CopyTo(name, target);
            }
            RefuseUnknown(folder, weights, tensors);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a tokenizer with ids for which the model has no embedding. (More embeddings than ids are padding.)</summary>
    /// <exception cref="SlickException">The tokenizer's vocabulary is larger than the model's.</exception>
    public static void CheckVocabulary(string folder, DecoderConfig config, Text.ITokenizer tokenizer)
    {
        if (tokenizer.VocabularySize > config.VocabularySize)
            throw new SlickException($"{folder}: tokenizer.json has {tokenizer.VocabularySize} tokens, vocab_size in config.json is {config.VocabularySize}; the two are not of one model.");
    }

    /// <summary>Writes a decoder so that transformers loads it, with the names that it was loaded with; the tokenizer is saved beside it by its owner.</summary>
    /// <exception cref="SlickException">The folder cannot be written to.</exception>
    public static void Save(string folder, DecoderWeights weights)
    {
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        var dtype = weights.Flat.dtype switch { ScalarType.BFloat16 => "bfloat16", ScalarType.Float16 => "float16", _ => "float32" };
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), weights.Config.ToJson(dtype).ToJsonString(Indented) + "\n");
        Safetensors.Write(Path.Combine(folder, "model.safetensors"), weights.Layout.Select(p => (p.Name, weights[p.Name])).OrderBy(p => p.Name, StringComparer.Ordinal));
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    // Where each tensor is.
    private static Dictionary<string, Safetensors> Files(string folder)
    {
        var (whole, index) = (Path.Combine(folder, "model.safetensors"), Path.Combine(folder, "model.safetensors.index.json"));
        if (File.Exists(whole) || !File.Exists(index))
        {
            if (!File.Exists(whole)) RefusePickles(folder);
            var file = Safetensors.Open(whole);
            return file.Names.ToDictionary(n => n, _ => file, StringComparer.Ordinal);
        }
        using var json = Text.JsonPlace.Open(index, "index of shards");
        var shards = new Dictionary<string, Safetensors>(StringComparer.Ordinal);
        var tensors = new Dictionary<string, Safetensors>(StringComparer.Ordinal);
        foreach (var (name, place) in new Text.JsonPlace(index, "", json.RootElement)["weight_map"].Properties())
        {
            var shard = place.Text();
            if (shard.Length == 0 || shard != Path.GetFileName(shard) || shard.Contains('\\', StringComparison.Ordinal) || shard is "." or "..")
                throw place.Wrong("a shard is a file of the same folder; a path to another place is refused");
            if (!shards.TryGetValue(shard, out var file)) shards[shard] = file = Safetensors.Open(Path.Combine(folder, shard));
            if (!file.Names.Contains(name)) throw place.Wrong($"the shard has no tensor '{name}'");
            if (!tensors.TryAdd(name, file)) throw place.Wrong("the tensor stands twice");
        }
        foreach (var (shard, file) in shards)
            if (file.Names.FirstOrDefault(n => !tensors.TryGetValue(n, out var owner) || owner != file) is { } stray)
                throw new SlickException($"{index}: the tensor '{stray}' of {shard} is not in the index.");
        return tensors;
    }

    private static void RefusePickles(string folder)
    {
        if (!Directory.Exists(folder)) throw new SlickException($"{folder}: there is no such folder; name one that holds a Hugging Face checkpoint.");
        var pickle = Directory.EnumerateFiles(folder).Select(Path.GetFileName)
            .FirstOrDefault(f => Path.GetExtension(f)?.ToLowerInvariant() is ".bin" or ".pt" or ".pth" or ".ckpt" or ".pkl");
        if (pickle is not null)
            throw new SlickException($"{Path.Combine(folder, pickle)}: a pickle can run code when it is read and is refused; convert it once in Python: AutoModelForCausalLM.from_pretrained('{folder}').save_pretrained('NEW', safe_serialization=True).");
    }

    // Tables that older files keep beside the weights, and a tied head that was saved all the same.
    private static void RefuseUnknown(string folder, DecoderWeights weights, Dictionary<string, Safetensors> tensors)
    {
        var known = weights.Layout.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, file) in tensors)
        {
            if (known.Contains(name) || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal)) continue;
            if (weights.Config.Architecture.Norm == Norm.Layer && (name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal)
                || name.EndsWith(".attention.bias", StringComparison.Ordinal) || name.EndsWith(".attention.masked_bias", StringComparison.Ordinal))) continue;
            if (weights.Config.TiedEmbeddings && name == weights.Config.Architecture.Head + ".weight" && SameAsEmbedding(weights, file, name)) continue;
            throw new SlickException($"{folder}: the tensor '{name}' [{string.Join(", ", file.Shape(name))}] has no place in a {weights.Config.Architecture.ModelType} model of this config.json.");
        }
    }

    private static bool SameAsEmbedding(DecoderWeights weights, Safetensors file, string name)
    {
        if (!file.Shape(name).SequenceEqual(weights.Embedding.shape)) return false;
        using var scope = NewDisposeScope();
        var head = empty_like(weights.Embedding);
        file.CopyTo(name, head);
        return HostTransfer.Read<bool>(head.eq(weights.Embedding).all())[0];
    }
}
