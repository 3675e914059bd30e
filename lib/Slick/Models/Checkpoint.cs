using System.Text.Json;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// A model as Hugging Face stores it: a folder with <c>config.json</c> and <c>model.safetensors</c>, or shards with
/// <c>model.safetensors.index.json</c>. A checkpoint is data: nothing in it is executed.
/// </summary>
public static class Checkpoint
{
    /// <summary>Loads the decoder of a folder. Beside the weights no more than a window of a file is in memory.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="device">The device of the parameters.</param>
    /// <param name="trainable">True to make a gradient beside the parameters.</param>
    /// <param name="dtype">Number format that the stored values are converted to.</param>
    /// <exception cref="SlickException">A file is missing or damaged, a setting is not supported, or a tensor is missing, unknown, or has
    /// another shape than the config says.</exception>
    public static DecoderWeights Load(string folder, Device device, bool trainable, ScalarType dtype = ScalarType.Float32) =>
        Load(folder, device, trainable, dtype, "config.json");

    internal static DecoderWeights Load(string folder, Device device, bool trainable, ScalarType dtype, string configFile)
    {
        var path = Path.Combine(folder, configFile);
        var config = DecoderConfig.Read(path);
        var tensors = Files(folder);
        var family = config.Architecture;
        if (!tensors.ContainsKey(family.Embedding + ".weight"))
            config = config with { OmitsPrefix = tensors.ContainsKey(family.Embedding[family.OptionalPrefix.Length..] + ".weight") };
        // All names and shapes are checked first. So a wrong number in config.json gives an error and does not fill the memory.
        if (config.Layers > tensors.Count)
            throw new SlickException(
                $"{path}: {family.LayersKey} = {config.Layers}, but the folder's safetensors files hold {tensors.Count} tensors in all.");
        var layout = DecoderWeights.LayoutOf(config);
        foreach (var (name, _, shape) in layout)
        {
            if (!tensors.TryGetValue(name, out var file)) throw Missing(folder, config, configFile, name, tensors.ContainsKey);
            if (!file.Shape(name).SequenceEqual(shape))
                throw new SlickException(
                    $"{folder}: the tensor '{name}' has the shape [{string.Join(", ", file.Shape(name))}], {configFile} asks for "
                    + $"[{string.Join(", ", shape)}].");
        }
        var head = family.Head + ".weight";
        var known = layout.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var name in tensors.Keys)
            if (!known.Contains(name) && !IsTable(family, name) && !(config.TiedEmbeddings && name == head)) throw Unknown(folder, family,
                tensors[name], name);
        var weights = new DecoderWeights(config, device, trainable, dtype);
        try
        {
            foreach (var (name, _, _) in layout)
            {
                using var target = weights[name];
                tensors[name].CopyTo(name, target);
            }
            // The file may hold the output layer although it is tied to the embeddings. The two must then agree.
            if (config.TiedEmbeddings && tensors.TryGetValue(head, out var tied) && !tied.Holds(head, weights.Embedding))
                throw new SlickException(
                    $"{folder}: the tensor '{head}' differs from the embeddings, but {configFile} ties the two; set tie_word_embeddings "
                    + $"to false there.");
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Loads the decoder and the tokenizer of a folder, and checks that the two belong to one model.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="compute">The device of the parameters and their number format.</param>
    /// <exception cref="SlickException">A file is missing, damaged or not supported, the vocabularies differ, or no file names a token that
    /// ends a text.</exception>
    public static (DecoderWeights Weights, ITokenizer Tokenizer) Open(string folder, Compute compute)
    {
        var tokenizer = OpenTokenizer(folder);
        return (Load(folder, compute.Device, trainable: false, compute.DType), tokenizer);
    }

    /// <summary>Loads the tokenizer of a folder alone, and checks that its vocabulary is that of the folder's config.json.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="SlickException">A file is missing, damaged or not supported, the vocabularies differ, or no file names a token that
    /// ends a text.</exception>
    public static ITokenizer OpenTokenizer(string folder)
    {
        foreach (var name in new[] { "config.json", "tokenizer.json" })
            if (!File.Exists(Path.Combine(folder, name)))
                throw new SlickException(Directory.Exists(folder)
                    ? $"{folder}: there is no {name}, so this is no checkpoint in Hugging Face's layout; give the folder that has "
                        + "config.json, tokenizer.json and safetensors."
                    : $"{folder}: there is no such folder.");
        var tokenizer = TokenizerJson.Read(Path.Combine(folder, "tokenizer.json"));
        CheckVocabulary(folder, DecoderConfig.Read(Path.Combine(folder, "config.json")), tokenizer);
        return tokenizer;
    }

    // A model may have more embeddings than its tokenizer has ids: they are padding, to a multiple of 64 or so. A tokenizer may have added
    // tokens beyond the embeddings (the image token of Gemma 3's text models): no question holds them.
    internal static void CheckVocabulary(string folder, DecoderConfig config, ITokenizer tokenizer)
    {
        if (tokenizer.TextVocabularySize > config.VocabularySize || config.VocabularySize - tokenizer.VocabularySize > MostPadding)
            throw new SlickException(
                $"{folder}: tokenizer.json has {tokenizer.VocabularySize} tokens, vocab_size in config.json is {config.VocabularySize}; "
                + $"the two are not of one model.");
        if (tokenizer.EosId is null && config.EosIds.Count == 0)
            throw new SlickException(
                $"{folder}: neither tokenizer_config.json (eos_token) nor generation_config.json or config.json (eos_token_id) names the "
                + $"token that ends a text.");
    }

    private const int MostPadding = 1024;

    /// <summary>
    /// Writes a decoder so that transformers loads it, with the tensor names that it was loaded with. The tokenizer is not written.
    /// </summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="weights">The decoder's parameters, written in their own number format.</param>
    /// <exception cref="SlickException">The folder cannot be written to.</exception>
    public static void Save(string folder, DecoderWeights weights)
    {
        using var scope = NewDisposeScope();
        var dtype = weights.Flat.dtype switch { ScalarType.BFloat16 => "bfloat16", ScalarType.Float16 => "float16", _ => "float32" };
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), weights.Config.ToJson(dtype).ToJsonString(Indented) + "\n");
        if (weights.Config.GenerationSource is { } generation) AtomicFile.WriteText(Path.Combine(folder, GenerationFile.Name),
            generation + "\n");
        Safetensors.Write(Path.Combine(folder, "model.safetensors"),
            weights.Layout.Select(p => (p.Name, weights[p.Name])).OrderBy(p => p.Name, StringComparer.Ordinal));
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    // The file in which each tensor is.
    private static Dictionary<string, Safetensors> Files(string folder)
    {
        var (whole, index) = (Path.Combine(folder, "model.safetensors"), Path.Combine(folder, "model.safetensors.index.json"));
        if (File.Exists(whole) || !File.Exists(index))
        {
            if (!File.Exists(whole)) RefuseOtherWeights(folder);
            var file = Safetensors.Open(whole);
            return file.Names.ToDictionary(n => n, _ => file, StringComparer.Ordinal);
        }
        using var json = JsonPlace.Open(index, "index of shards");
        var shards = new Dictionary<string, Safetensors>(StringComparer.Ordinal);
        var tensors = new Dictionary<string, Safetensors>(StringComparer.Ordinal);
        foreach (var (name, place) in new JsonPlace(index, "", json.RootElement)["weight_map"].Properties())
        {
            var shard = Shard(folder, place);
            if (!shards.TryGetValue(shard, out var file)) shards[shard] = file = Safetensors.Open(Path.Combine(folder, shard));
            if (!file.Names.Contains(name)) throw place.Wrong($"the shard has no tensor '{name}'");
            if (!tensors.TryAdd(name, file)) throw place.Wrong("the tensor stands twice");
        }
        foreach (var (shard, file) in shards)
            if (file.Names.FirstOrDefault(n => !tensors.TryGetValue(n, out var owner) || owner != file) is { } stray)
                throw new SlickException($"{index}: the tensor '{stray}' of {shard} is not in the index.");
        return tensors;
    }

    /// <summary>The shards that a folder's index names, in order; none where the folder has no index.</summary>
    internal static string[] Shards(string folder)
    {
        var index = Path.Combine(folder, "model.safetensors.index.json");
        if (!File.Exists(index)) return [];
        using var json = JsonPlace.Open(index, "index of shards");
        return [.. new JsonPlace(index, "", json.RootElement)["weight_map"].Properties().Select(p => Shard(folder, p.Place))
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private static string Shard(string folder, JsonPlace place)
    {
        var shard = place.Text();
        if (shard.Length == 0 || shard != Path.GetFileName(shard) || shard.Contains('\\', StringComparison.Ordinal) || shard is "." or "..")
            throw place.Wrong("a shard is a file of the same folder; a path to another place is refused");
        return File.Exists(Path.Combine(folder, shard)) ? shard : throw place.Wrong("this shard is not in the folder; download it too");
    }

    private static void RefuseOtherWeights(string folder)
    {
        if (!Directory.Exists(folder)) throw new SlickException(
            $"{folder}: there is no such folder; name one that holds a Hugging Face checkpoint.");
        foreach (var file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
            if (OtherWeights.Named(file) is { } error) throw error;
    }

    private static SlickException Missing(string folder, DecoderConfig config, string configFile, string name, Predicate<string> isThere)
    {
        var (family, prefix) = (config.Architecture, config.Architecture.OptionalPrefix);
        var other = name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : prefix + name;
        if (isThere(other))
            return new(
                $"{folder}: the tensor '{other}' is there instead of '{name}': some of its names begin with '{prefix}' and some do not; "
                + $"save the model again with transformers, which gives all of them one form.");
        var headless = name == family.Head + ".weight" && config.OmitsPrefix
            ? $" The names are those of a model that was saved without its output layer: save it as {family.ClassName}, or set "
                + $"tie_word_embeddings to true where the output layer is the embeddings." : "";
        return new($"{folder}: the tensor '{name}', which {configFile} asks for, is in none of its safetensors files.{headless}");
    }

    // Tables that older files hold beside the weights. They are not read.
    private static bool IsTable(Architecture family, string name) =>
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)
        || family.Norm == Norm.Layer && (name.EndsWith(".attn.bias", StringComparison.Ordinal)
            || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal)
            || name.EndsWith(".attention.bias", StringComparison.Ordinal)
                || name.EndsWith(".attention.masked_bias", StringComparison.Ordinal));

    private static SlickException Unknown(string folder, Architecture family, Safetensors file, string name) =>
        new($"{folder}: the tensor '{name}' [{string.Join(", ", file.Shape(name))}] has no place in a {family.ModelType} model of this "
            + $"config.json.");
}
