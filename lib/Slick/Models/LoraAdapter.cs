using System.Text.Json;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// A LoRA adapter (Hu et al. 2021, arXiv 2106.09685) in PEFT's layout: the files <c>adapter_config.json</c> and
/// <c>adapter_model.safetensors</c>. For each linear map NAME the latter holds the tensors <c>base_model.model.NAME.lora_A.weight</c>
/// [rank, inputs] and <c>base_model.model.NAME.lora_B.weight</c> [outputs, rank]. All these factors lie in one flat tensor, in the base
/// model's number format. The base model's weights stay as they are, so one model can have any number of adapters.
/// </summary>
public sealed class LoraAdapter : IDisposable
{
    /// <summary>The adapter of one linear map: its factors, and its rows in the matrix that it may share with other maps.</summary>
    internal sealed record Factors(string Module, long First, long Outputs, Tensor A, Tensor B);

    /// <summary>The adapters of one matrix, ordered by their first row.</summary>
    internal sealed record Site(long Outputs, IReadOnlyList<Factors> Parts);

    // A linear map that can have an adapter. Matrix: the name of the first map of its matrix. First: the map's first row there.
    private readonly record struct Map(string Module, string Matrix, long First, long Outputs, long Inputs, long MatrixOutputs);

    private const string Weights = "adapter_model.safetensors", Prefix = "base_model.model.";

    private readonly List<Tensor> owned = [];
    private readonly List<(string Name, long Offset, long[] Shape)> layout;
    private readonly Dictionary<string, Site> sites = new(StringComparer.Ordinal); // by Map.Matrix
    private readonly DecoderConfig model;

    /// <summary>The adapter's settings.</summary>
    public LoraConfig Config { get; }
    /// <summary>All factors, one after the other: [parameters].</summary>
    public Tensor Flat { get; }
    /// <summary>The factors with their gradient; null for an adapter that was made for inference.</summary>
    public ParameterSet? Parameters { get; }
    /// <summary>
    /// PEFT's name, the first element in <see cref="Flat"/> and the shape of each factor, in the order of <see cref="Flat"/>.
    /// </summary>
    public IReadOnlyList<(string Name, long Offset, long[] Shape)> Layout => layout;

    /// <summary>
    /// Makes a fresh adapter. A is drawn and B is 0, so the model with the adapter computes what the base model computes.
    /// </summary>
    /// <param name="weights">The base model.</param>
    /// <param name="config">The adapter's settings.</param>
    /// <param name="seed">Seed of A.</param>
    /// <param name="trainable">True to make a gradient beside the factors.</param>
    /// <exception cref="SlickException">The settings name a module that cannot have an adapter, or no module.</exception>
    /// <exception cref="UsageException">A setting is out of its range.</exception>
    public LoraAdapter(DecoderWeights weights, LoraConfig config, int seed, bool trainable = true) : this(weights, config, trainable) =>
        Initialize(seed);

    private LoraAdapter(DecoderWeights weights, LoraConfig config, bool trainable)
    {
        (Config, model) = (OptionRanges.Check(config, "lora"), weights.Config);
        var maps = Chosen(model, config);
        layout = Plan(maps, config.Rank);
        var size = layout[^1].Offset + DecoderWeights.Product(layout[^1].Shape);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (dtype, device) = (weights.Flat.dtype, weights.Flat.device);
        Flat = zeros(size, dtype, device);
        var gradient = trainable ? zeros(size, dtype, device) : null;
        Tensor Leaf(int at)
        {
            var (_, offset, shape) = layout[at];
            var leaf = Flat.narrow(0, offset, DecoderWeights.Product(shape)).view(shape).detach();
            if (gradient is not null)
            {
                leaf.requires_grad_(true);
                leaf.grad = gradient.narrow(0, offset, DecoderWeights.Product(shape)).view(shape);
            }
            owned.Add(leaf);
            return leaf;
        }
        foreach (var group in maps.Index().GroupBy(m => m.Item.Matrix))
            sites[group.Key] = new(group.First().Item.MatrixOutputs, [.. group.OrderBy(m => m.Item.First).Select(m =>
                new Factors(m.Item.Module, m.Item.First, m.Item.Outputs, Leaf(2 * m.Index), Leaf(2 * m.Index + 1)))]);
        owned.Add(Flat);
        if (gradient is not null)
        {
            owned.Add(gradient);
            Parameters = new([(Flat, gradient)], gradient);
        }
        scope.Detach(owned);
    }

    private static List<(string Name, long Offset, long[] Shape)> Plan(List<Map> maps, int rank)
    {
        var layout = new List<(string Name, long Offset, long[] Shape)>();
        var size = 0L;
        foreach (var map in maps)
            foreach (var (name, shape) in (ReadOnlySpan<(string, long[])>)[("A", [rank, map.Inputs]), ("B", [map.Outputs, rank])])
            {
                layout.Add(($"{Prefix}{map.Module}.lora_{name}.weight", size, shape));
                size += DecoderWeights.Product(shape);
            }
        return layout;
    }

    // PEFT's first values: A is uniform in +-1/sqrt(inputs) (Kaiming with a = sqrt(5)), and B is 0. A value is a function of the seed and
    // of its place in Flat, computed on the host. So it is the same on every device.
    private void Initialize(int seed)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var stream = Seeds.Next((uint)Seeds.Mix(seed, "lora"));
        foreach (var (name, offset, shape) in layout)
        {
            if (name.EndsWith("lora_B.weight", StringComparison.Ordinal)) continue;
            var values = new float[DecoderWeights.Product(shape)];
            var bound = 1 / Math.Sqrt(shape[1]);
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)(bound * (2 * ((Seeds.At(stream, offset + i) >> 11) * (1.0 / (1L << 53))) - 1));
            Flat.narrow(0, offset, values.Length).copy_(tensor(values));
        }
    }

    // The linear maps of the blocks, and the output layer where it has weights of its own.
    private static IEnumerable<Map> Maps(DecoderConfig config)
    {
        var family = config.Architecture;
        var layout = DecoderWeights.LayoutOf(config).ToDictionary(p => p.Name, p => p.Shape, StringComparer.Ordinal);
        for (var i = 0; i < config.Layers; i++)
            foreach (var names in (string[][])[family.Qkv, [family.Output], family.Inner, [family.Down]])
            {
                string[] modules = [.. names.Select(n => DecoderWeights.BlockPrefix(config, i) + n)];
                long[][] shapes = [.. modules.Select(m => layout[m + ".weight"])];
                var outputs = Array.ConvertAll(shapes, s => s[family.InputsFirst ? 1 : 0]);
                var first = 0L;
                for (var m = 0; m < modules.Length; first += outputs[m++])
                    yield return new(DecoderWeights.FullName(config, modules[m] + ".weight")[..^".weight".Length], modules[0], first,
                        outputs[m], shapes[m][family.InputsFirst ? 0 : 1], outputs.Sum());
            }
        if (!config.TiedEmbeddings)
            yield return new(family.Head, family.Head, 0, config.VocabularySize, config.HiddenSize, config.VocabularySize);
    }

    // The maps that target_modules names, chosen as PEFT chooses them (tuners_utils.check_target_module_exists).
    private static List<Map> Chosen(DecoderConfig model, LoraConfig config)
    {
        var family = model.Architecture;
        var where = config.Source is { } file ? $"{file}: target_modules" : "lora.targetModules";
        SlickException Wrong(string why) => new($"{where}: {why}.");
        List<Map> all = [.. Maps(model)];
        if (config.TargetModules is not { } names)
        {
            // all-linear leaves the output layer out.
            if (config.TargetPattern == LoraConfig.AllLinear) return [.. all.Where(m => m.Module != family.Head)];
            var belongs = NamePattern.Whole(config.TargetPattern, why => Wrong($"{config.TargetPattern}: {why}"));
            foreach (var table in Tables(model))
                if (belongs(table)) throw Wrong($"'{table}' is no linear map of its own; only those can have an adapter");
            return all.FindAll(m => belongs(m.Module)) is { Count: > 0 } some ? some
                : throw Wrong($"'{config.TargetPattern}' is the name of none of the model's linear maps, such as {all[0].Module}");
        }
        bool Names(string name, string module) => module == name || module.EndsWith("." + name, StringComparison.Ordinal);
        foreach (var name in names)
        {
            if (Tables(model).FirstOrDefault(t => Names(name, t)) is { } table)
                throw Wrong($"'{name}' ({table}) is no linear map of its own; only those can have an adapter");
            // A file may also name modules of other models: PEFT writes the list that its user gave.
            if (config.Source is null && !all.Exists(m => Names(name, m.Module)))
                throw Wrong($"'{name}' is the name of none of the model's linear maps, such as {all[0].Module}");
        }
        return all.FindAll(m => names.Any(n => Names(n, m.Module))) is { Count: > 0 } chosen ? chosen
            : throw Wrong($"[{string.Join(", ", names)}] names none of the model's linear maps, such as {all[0].Module}");
    }

    private static IEnumerable<string> Tables(DecoderConfig model)
    {
        var family = model.Architecture;
        yield return family.Embedding;
        if (family.Positions is { } positions) yield return positions;
        if (model.TiedEmbeddings) yield return family.Head;
    }

    /// <summary>The number of parameters of an adapter that is not made yet, and the sum of the ranks of its maps.</summary>
    /// <param name="model">The base model's shape.</param>
    /// <param name="config">The adapter's settings.</param>
    /// <exception cref="SlickException">The settings name a module that cannot have an adapter, or no module.</exception>
    internal static (long Parameters, long Ranks) Size(DecoderConfig model, LoraConfig config)
    {
        var maps = Chosen(model, config);
        return (maps.Sum(m => (m.Inputs + m.Outputs) * config.Rank), (long)maps.Count * config.Rank);
    }

    /// <summary>The adapters of a matrix of a block; null where the matrix has none.</summary>
    /// <param name="layer">The block's number.</param>
    /// <param name="map">The name of the matrix's first map, as of <see cref="Architecture.Qkv"/>.</param>
    internal Site? Of(int layer, string map) => sites.GetValueOrDefault(DecoderWeights.BlockPrefix(model, layer) + map);

    /// <summary>True where the adapter of a matrix of a block is trained.</summary>
    /// <param name="layer">The block's number.</param>
    internal bool Trains(int layer) => Parameters is not null
        && sites.Keys.Any(matrix => matrix.StartsWith(DecoderWeights.BlockPrefix(model, layer), StringComparison.Ordinal));

    /// <summary>The adapter of the output layer; null where it has none.</summary>
    internal Site? OfHead => sites.GetValueOrDefault(model.Architecture.Head);

    /// <summary>The matrix's output with what its adapters add to it.</summary>
    /// <param name="site">The adapters of the matrix.</param>
    /// <param name="x">Inputs [..., inputs].</param>
    /// <param name="to">The matrix's own output [..., outputs]. It is left as it is.</param>
    internal Tensor Add(Site site, Tensor x, Tensor to)
    {
        var (pieces, next) = (new List<Tensor>(), 0L);
        void Gap(long end)
        {
            if (end > next) pieces.Add(zeros([.. to.shape[..^1], end - next], to.dtype, to.device));
        }
        foreach (var part in site.Parts)
        {
            Gap(part.First);
            pieces.Add(nn.functional.linear(nn.functional.linear(x, part.A), part.B));
            next = part.First + part.Outputs;
        }
        Gap(site.Outputs);
        return to.add(pieces.Count == 1 ? pieces[0] : cat(pieces, -1), Scalars.Of(Config.Factor));
    }

    /// <summary>
    /// Merges the adapter into the model: a new model with W + factor B A in place of each W. The sum is computed in fp32 and rounded to
    /// the model's number format.
    /// </summary>
    /// <param name="weights">The base model. It is left as it is.</param>
    public DecoderWeights Merge(DecoderWeights weights)
    {
        var merged = new DecoderWeights(weights.Config, weights.Flat.device, trainable: false, weights.Flat.dtype);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        merged.Flat.copy_(weights.Flat);
        foreach (var part in sites.Values.SelectMany(s => s.Parts))
        {
            // The sum is computed in fp32 and then rounded.
            var product = matmul(part.B.to(ScalarType.Float32), part.A.to(ScalarType.Float32));
            var target = merged[part.Module + ".weight"];
            if (model.Architecture.InputsFirst && part.Module != model.Architecture.Head) product = product.t();
            target.copy_(target.to(ScalarType.Float32).add(product, Scalars.Of(Config.Factor)));
        }
        return merged;
    }

    /// <summary>True for a folder that holds an adapter's settings.</summary>
    internal static bool IsFolder(string folder) => File.Exists(Path.Combine(folder, LoraConfig.FileName));

    /// <summary>Reads an adapter from a folder.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="weights">The base model. The factors are made on its device and in its number format.</param>
    /// <param name="trainable">True to make a gradient beside the factors.</param>
    /// <exception cref="SlickException">A file is missing or damaged, a setting is not supported, or a tensor is missing, unknown, or has
    /// another shape than the settings and the base model say. Or the file has an output layer or embeddings beside the factors, and these
    /// differ from the base model's.</exception>
    public static LoraAdapter Load(string folder, DecoderWeights weights, bool trainable = false)
    {
        var config = LoraConfig.Read(folder);
        var path = Path.Combine(folder, Weights);
        if (!File.Exists(path) && File.Exists(Path.Combine(folder, "adapter_model.bin")))
            throw new SlickException($"{Path.Combine(folder, "adapter_model.bin")}: a pickle can run code when it is read and is refused; "
                + "save the adapter again in PEFT with safe_serialization=True.");
        var file = Safetensors.Open(path);
        // All names and shapes are checked first. So a wrong rank gives an error and does not fill the memory.
        var layout = Plan(Chosen(weights.Config, config), config.Rank);
        foreach (var (name, _, shape) in layout)
        {
            if (!file.Names.Contains(name))
                throw new SlickException($"{path}: the tensor '{name}', which target_modules in {LoraConfig.FileName} asks for, is "
                    + "missing; the adapter is of another model, or its file is not whole.");
            if (!file.Shape(name).SequenceEqual(shape))
                throw new SlickException($"{path}: the tensor '{name}' has the shape [{string.Join(", ", file.Shape(name))}]; r in "
                    + $"{LoraConfig.FileName} and the base model ask for [{string.Join(", ", shape)}].");
        }
        var known = layout.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var name in file.Names.Where(n => !known.Contains(n)))
        {
            if (BaseEmbedding(name, weights) is not { } parameter)
                throw new SlickException($"{path}: the tensor '{name}' belongs to no module that target_modules in {LoraConfig.FileName} "
                    + "names in this base model.");
            using var own = weights[parameter];
            if (!file.Holds(name, own))
                throw new SlickException($"{path}: the tensor '{name}' differs from the base model's {parameter}, and an adapter beside "
                    + "changed embeddings or a changed output layer is not supported; merge it into its base model in PEFT "
                    + "(merge_and_unload), and name the merged model's folder.");
        }
        var adapter = new LoraAdapter(weights, config, trainable);
        try
        {
            foreach (var (name, offset, shape) in layout)
            {
                using var target = adapter.Flat.narrow(0, offset, DecoderWeights.Product(shape));
                file.CopyTo(name, target);
            }
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    // PEFT also writes the embeddings and the output layer of the base model: where target_modules names one of the two, or where the
    // vocabulary was changed (save_embedding_layers = "auto"). Gives the name of that parameter; null for any other tensor.
    private static string? BaseEmbedding(string tensor, DecoderWeights weights)
    {
        if (!tensor.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var name = tensor[Prefix.Length..].Replace(".base_layer.weight", ".weight", StringComparison.Ordinal);
        var family = weights.Config.Architecture;
        var head = family.Head + ".weight";
        if (name == head && weights.Config.TiedEmbeddings) name = family.Embedding + ".weight";
        return name == head || name == family.Embedding + ".weight" ? weights.Find(name)?.Name : null;
    }

    /// <summary>Writes the adapter into a folder so that PEFT loads it.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <exception cref="SlickException">The folder cannot be written to.</exception>
    public void Save(string folder) => Save(folder, Flat);

    /// <summary>Writes the adapter with other values of its factors, such as the fp32 copy that an optimiser steps.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="values">All factors in the order of <see cref="Flat"/>: [parameters]. They are written in their own format.</param>
    internal void Save(string folder, Tensor values)
    {
        using var scope = NewDisposeScope();
        AtomicFile.WriteText(Path.Combine(folder, LoraConfig.FileName),
            Config.ToJson().ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        Safetensors.Write(Path.Combine(folder, Weights),
            layout.OrderBy(p => p.Name, StringComparer.Ordinal)
                .Select(p => (p.Name, values.narrow(0, p.Offset, DecoderWeights.Product(p.Shape)).view(p.Shape))));
    }

    /// <summary>A factor by PEFT's name, as a view without gradient.</summary>
    /// <param name="name">The factor's name.</param>
    /// <exception cref="SlickException">The adapter has no factor of that name.</exception>
    public Tensor this[string name]
    {
        get
        {
            foreach (var (found, offset, shape) in layout)
                if (found == name) return Flat.narrow(0, offset, DecoderWeights.Product(shape)).view(shape);
            throw new SlickException($"The adapter has no tensor '{name}'.");
        }
    }

    /// <summary>Frees the factors and their gradient.</summary>
    public void Dispose()
    {
        foreach (var tensor in owned) tensor.Dispose();
    }
}
