using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// All parameters of a decoder in one flat tensor. So an optimiser step, the gradient's norm and a copy are one operation each. Matrices
/// that are always multiplied together (q, k, v; gate, up) lie next to each other and are used as one. Each parameter is reached by its
/// Hugging Face name, as a view.
/// </summary>
public sealed class DecoderWeights : IDisposable
{
    /// <summary>A linear map's parameters. Bias is null where the map has none.</summary>
    internal readonly record struct Linear(Tensor Weight, Tensor? Bias);

    /// <summary>A norm's parameters. Only a layer norm has a bias.</summary>
    internal readonly record struct NormWeights(Tensor Weight, Tensor? Bias);

    internal sealed record Block(NormWeights? InputNorm, Linear Qkv, Tensor? QueryNorm, Tensor? KeyNorm, Linear Output,
        NormWeights? AttentionOutNorm,
        NormWeights? MlpNorm, Linear Inner, Linear Down, NormWeights? MlpOutNorm)
    {
        /// <summary>True where a parameter of the block is trained.</summary>
        public bool IsTrained => new[]
        {
            InputNorm?.Weight, InputNorm?.Bias, Qkv.Weight, Qkv.Bias, QueryNorm, KeyNorm, Output.Weight, Output.Bias,
            AttentionOutNorm?.Weight, AttentionOutNorm?.Bias, MlpNorm?.Weight, MlpNorm?.Bias, Inner.Weight, Inner.Bias, Down.Weight,
            Down.Bias, MlpOutNorm?.Weight, MlpOutNorm?.Bias,
        }.Any(parameter => parameter is { requires_grad: true });
    }

    /// <summary>The weights of all norms.</summary>
    internal IEnumerable<Tensor> Norms => Blocks.SelectMany(b => new[]
    {
        b.InputNorm?.Weight, b.QueryNorm, b.KeyNorm, b.AttentionOutNorm?.Weight, b.MlpNorm?.Weight, b.MlpOutNorm?.Weight,
    }).Append(FinalNorm.Weight).OfType<Tensor>();

    private readonly List<(string Name, long Offset, long[] Shape)> layout = [];
    private readonly List<Tensor> owned = [];

    /// <summary>The decoder's shape.</summary>
    public DecoderConfig Config { get; }
    /// <summary>All parameters, one after the other: [parameters].</summary>
    public Tensor Flat { get; }
    /// <summary>
    /// The gradient of <see cref="Flat"/>, which a backward pass fills: [parameters]. Where only a part of the parameters is trained, it
    /// covers the matrices of that part. Null for weights that were made for inference.
    /// </summary>
    public Tensor? FlatGradient { get; }
    /// <summary>
    /// The Hugging Face name, the first element in <see cref="Flat"/> and the shape of each parameter, in the order of <see cref="Flat"/>.
    /// </summary>
    public IReadOnlyList<(string Name, long Offset, long[] Shape)> Layout => layout;
    /// <summary>The parameters that are trained; null for weights that were made for inference.</summary>
    public ParameterSet? Parameters { get; }

    private readonly Dictionary<string, long> gradients = new(StringComparer.Ordinal); // by name: its first element in FlatGradient

    internal Tensor Embedding { get; }
    internal Tensor? Positions { get; }
    internal NormWeights FinalNorm { get; }
    internal Tensor Head { get; }
    internal IReadOnlyList<Block> Blocks { get; }

    /// <summary>Makes weights that are all 0. Their values are set by <see cref="Initialize"/> or from a checkpoint.</summary>
    /// <param name="config">The decoder's shape.</param>
    /// <param name="device">The device of the parameters.</param>
    /// <param name="trainable">True to make a gradient beside the parameters.</param>
    /// <param name="dtype">Number format of parameters and gradient.</param>
    /// <exception cref="UsageException">A value of the config is out of its range.</exception>
    public DecoderWeights(DecoderConfig config, Device device, bool trainable, ScalarType dtype = ScalarType.Float32)
        : this(config, null, device, trainable ? ParameterPart.All : null, dtype) { }

    private DecoderWeights(DecoderConfig config, Tensor? shared, Device device, ParameterPart? part, ScalarType dtype)
    {
        Slick.Runtime.NativeLibraries.Load();
        Config = Slick.Runtime.OptionRanges.Check(config, "config");
        var family = config.Architecture;
        var (parts, fused, size) = Plan(config);
        layout.AddRange(parts);

        using var noGrad = no_grad();
        using var scope = NewDisposeScope(); // frees what was made, where the memory does not suffice for the rest
        Flat = shared ?? zeros(size, dtype, device);
        var trained = part is null || part.IsAll ? null : part.Of(config);
        // Where the gradient of each trained leaf begins. Where all parameters are trained, these are all leaves.
        var slopes = part is null ? [] : PlanGradient(fused, trained);
        if (part is not null) FlatGradient = zeros(slopes.Count == fused.Count ? size
            : slopes.Sum(s => Product(fused[s.Key].Shape)), dtype, device);
        Tensor? LeafOrNull(string name)
        {
            if (!fused.TryGetValue(name, out var place)) return null;
            var (offset, shape) = place;
            using var view = Flat.narrow(0, offset, Product(shape)).view(shape);
            var leaf = view.detach();
            if (slopes.TryGetValue(name, out var first))
            {
                leaf.requires_grad_(true);
                leaf.grad = FlatGradient!.narrow(0, first, Product(shape)).view(shape);
            }
            owned.Add(leaf);
            return leaf;
        }
        Tensor Leaf(string name) => LeafOrNull(name + ".weight")!;
        Linear LinearOf(string name) => new(Leaf(name), LeafOrNull(name + ".bias"));
        NormWeights? NormOf(string prefix, string? name) => name is null ? null
            : new(Leaf(prefix + name), LeafOrNull(prefix + name + ".bias"));
        Embedding = Leaf(Named(config, family.Embedding));
        if (family.Positions is not null) Positions = Leaf(Named(config, family.Positions));
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockPrefix(config, i)).Select(p => new Block(
            NormOf(p, family.InputNorm), LinearOf(p + family.Qkv[0]), LeafOrNull(p + family.QueryNorm + ".weight"),
                LeafOrNull(p + family.KeyNorm + ".weight"),
            LinearOf(p + family.Output), NormOf(p, family.AttentionOutNorm), NormOf(p, family.MlpNorm), LinearOf(p + family.Inner[0]),
            LinearOf(p + family.Down), NormOf(p, family.MlpOutNorm)))];
        FinalNorm = NormOf("", Named(config, family.FinalNorm))!.Value;
        Head = config.TiedEmbeddings ? Embedding : Leaf(family.Head);
        if (shared is null) owned.Add(Flat);
        if (FlatGradient is not null)
        {
            owned.Add(FlatGradient);
            Parameters = new(trained is null ? [(Flat, FlatGradient)] : Ranges(trained), FlatGradient);
        }
        scope.Detach(owned);
    }

    // The matrices of which at least one parameter is trained, in the order of Flat, and where their gradients begin.
    private Dictionary<string, long> PlanGradient(Dictionary<string, (long Offset, long[] Shape)> fused, IReadOnlySet<string>? trained)
    {
        var slopes = new Dictionary<string, long>(StringComparer.Ordinal);
        var (size, next) = (0L, 0);
        foreach (var (name, (offset, shape)) in fused.OrderBy(f => f.Value.Offset))
        {
            var end = offset + Product(shape);
            var first = next;
            while (next < layout.Count && layout[next].Offset < end) next++;
            var parts = layout.GetRange(first, next - first);
            if (trained is not null && !parts.Exists(p => trained.Contains(p.Name))) continue;
            slopes[name] = size;
            foreach (var parameter in parts) gradients[parameter.Name] = size + parameter.Offset - offset;
            size += end - offset;
        }
        return slopes;
    }

    // The trained parameters. Parameters that are neighbours in both flat tensors make one range.
    private List<(Tensor Values, Tensor Gradient)> Ranges(IReadOnlySet<string> trained)
    {
        var runs = new List<(long Offset, long Gradient, long Count)>();
        foreach (var (name, offset, shape) in layout)
        {
            if (!trained.Contains(name)) continue;
            var (slope, count) = (gradients[name], Product(shape));
            if (runs.Count > 0 && runs[^1] is var last && last.Offset + last.Count == offset && last.Gradient + last.Count == slope)
                runs[^1] = last with { Count = last.Count + count };
            else runs.Add((offset, slope, count));
        }
        List<(Tensor Values, Tensor Gradient)> ranges =
            [.. runs.Select(r => (Flat.narrow(0, r.Offset, r.Count), FlatGradient!.narrow(0, r.Gradient, r.Count)))];
        foreach (var (values, gradient) in ranges) owned.AddRange([values, gradient]);
        return ranges;
    }

    /// <summary>
    /// The parameters that a decoder of this shape has, without making them: name, first element in one flat tensor, shape.
    /// </summary>
    internal static IReadOnlyList<(string Name, long Offset, long[] Shape)> LayoutOf(DecoderConfig config) => Plan(config).Layout;

    /// <summary>The number of weights of a decoder of this shape; a head that is tied to the embedding counts once.</summary>
    internal static long ParametersOf(DecoderConfig config) => LayoutOf(config).Sum(l => l.Shape.Aggregate(1L, (n, d) => n * d));

    // Layout: the parameters. Fused: the leaves, by the name of their first parameter. Matrices that are multiplied together are one leaf.
    private static (List<(string Name, long Offset, long[] Shape)> Layout, Dictionary<string, (long Offset, long[] Shape)> Fused,
        long Size) Plan(DecoderConfig config)
    {
        var family = config.Architecture;
        var d = (long)config.HiddenSize;
        var q = (long)config.Heads * config.HeadDim;
        var kv = (long)config.KeyValueHeads * config.HeadDim;
        var inner = (long)config.IntermediateSize;
        var layout = new List<(string Name, long Offset, long[] Shape)>();
        var fused = new Dictionary<string, (long Offset, long[] Shape)>(StringComparer.Ordinal); // by the first part's name
        long size = 0;
        void Add(string kind, string prefix, string[] names, long[] rows, long? columns)
        {
            fused[prefix + names[0] + kind] = (size, Shape(rows.Sum(), columns));
            for (var i = 0; i < names.Length; i++)
            {
                layout.Add((prefix + names[i] + kind, size, Shape(rows[i], columns)));
                size += rows[i] * (columns ?? 1);
            }
        }
        long[] Shape(long rows, long? columns) => columns is not { } n ? [rows] : family.InputsFirst ? [n, rows] : [rows, n];
        void AddTable(string name, long rows)
        {
            fused[name + ".weight"] = (size, [rows, d]);
            layout.Add((name + ".weight", size, [rows, d]));
            size += rows * d;
        }
        void AddNorm(string prefix, string? name, long width)
        {
            if (name is null) return;
            Add(".weight", prefix, [name], [width], null);
            if (family.Norm == Norm.Layer) Add(".bias", prefix, [name], [width], null);
        }
        void AddLinear(string prefix, string[] names, long[] outputs, long inputs, bool bias)
        {
            long[] rows = names.Length == outputs.Length ? outputs : [outputs.Sum()];
            Add(".weight", prefix, names, rows, inputs);
            if (bias) Add(".bias", prefix, names, rows, null);
        }
        AddTable(Named(config, family.Embedding), config.VocabularySize);
        if (family.Positions is not null) AddTable(Named(config, family.Positions), config.MaxPositions);
        for (var i = 0; i < config.Layers; i++)
        {
            var p = BlockPrefix(config, i);
            AddNorm(p, family.InputNorm, d);
            AddLinear(p, family.Qkv, [q, kv, kv], d, config.QkvBias);
            if (family.QueryKeyNorm != QueryKeyNorm.None)
            {
                AddNorm(p, family.QueryNorm, family.QueryKeyNorm == QueryKeyNorm.Head ? config.HeadDim : q);
                AddNorm(p, family.KeyNorm, family.QueryKeyNorm == QueryKeyNorm.Head ? config.HeadDim : kv);
            }
            AddLinear(p, [family.Output], [d], q, config.OutputBias);
            AddNorm(p, family.AttentionOutNorm, d);
            AddNorm(p, family.MlpNorm, d);
            AddLinear(p, family.Inner, family.Gated ? [inner, inner] : [inner], d, config.MlpBias);
            AddLinear(p, [family.Down], [d], inner, config.MlpBias);
            AddNorm(p, family.MlpOutNorm, d);
        }
        AddNorm("", Named(config, family.FinalNorm), d);
        if (!config.TiedEmbeddings) AddTable(family.Head, config.VocabularySize);
        return (layout, fused, size);
    }

    internal static string BlockPrefix(DecoderConfig config, int layer) =>
        Named(config, FormattableString.Invariant($"{config.Architecture.Blocks}{layer}."));

    /// <summary>
    /// The name that transformers gives a parameter in memory. The files of some models leave the architecture's prefix out.
    /// </summary>
    internal static string FullName(DecoderConfig config, string name) =>
        config.OmitsPrefix && name != config.Architecture.Head + ".weight" ? config.Architecture.OptionalPrefix + name : name;

    private static string Named(DecoderConfig config, string name) =>
        config.OmitsPrefix && name.StartsWith(config.Architecture.OptionalPrefix, StringComparison.Ordinal)
            ? name[config.Architecture.OptionalPrefix.Length..] : name;

    /// <summary>
    /// Weights that share these parameters and have a gradient of their own, for a second thread that works on another part of the batch.
    /// </summary>
    public DecoderWeights ShareParameters() => new(Config, Flat, Flat.device, ParameterPart.All, Flat.dtype);

    /// <summary>A copy of the parameters, with a gradient of its own.</summary>
    /// <param name="part">The parameters that are trained; null for all.</param>
    /// <exception cref="UsageException">The model has no parameter of that part.</exception>
    public DecoderWeights CopyTrainable(ParameterPart? part = null)
    {
        var copy = new DecoderWeights(Config, null, Flat.device, part ?? ParameterPart.All, Flat.dtype);
        using (no_grad()) copy.Flat.copy_(Flat);
        return copy;
    }

    /// <summary>
    /// Sets the first values before training, as Hugging Face's Llama does: norms 1, all other parameters normal with the config's
    /// <see cref="DecoderConfig.InitializerRange"/>. A value is a function of the seed and of its place in <see cref="Flat"/>, computed on
    /// the host in double precision (<see cref="Seeds.Normal"/>). So it is the same on every device.
    /// </summary>
    /// <param name="seed">Seed of the values.</param>
    public void Initialize(int seed)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var stream = Seeds.Next((uint)seed);
        foreach (var (name, offset, shape) in layout)
        {
            var view = this[name];
            if (name.EndsWith("norm.weight", StringComparison.Ordinal))
            {
                view.fill_(Scalars.One);
                continue;
            }
            var values = new float[Product(shape)];
            for (var i = 0; i < values.Length; i++) values[i] = (float)(Config.InitializerRange * Seeds.Normal(stream, offset + i));
            view.copy_(tensor(values, shape));
        }
    }

    /// <summary>A parameter by its Hugging Face name, as a view without gradient.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <exception cref="KeyNotFoundException">There is no parameter of that name.</exception>
    public Tensor this[string name] => View(Flat, name);

    /// <summary>The gradient of a parameter by its Hugging Face name, as a view.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <exception cref="KeyNotFoundException">There is no parameter of that name.</exception>
    /// <exception cref="InvalidOperationException">The parameter is not trained.</exception>
    public Tensor Gradient(string name)
    {
        var (found, _, shape) = Find(name) ?? throw new KeyNotFoundException(name);
        return gradients.TryGetValue(found, out var first) ? FlatGradient!.narrow(0, first, Product(shape)).view(shape)
            : throw new InvalidOperationException($"The parameter {name} is not trained and has no gradient.");
    }

    private Tensor View(Tensor flat, string name)
    {
        var (_, offset, shape) = Find(name) ?? throw new KeyNotFoundException(name);
        return flat.narrow(0, offset, Product(shape)).view(shape);
    }

    /// <summary>The parameter with the name that transformers gives it; null where there is none.</summary>
    internal (string Name, long Offset, long[] Shape)? Find(string name)
    {
        // In memory transformers 5 calls the output layer of every family lm_head. In files it has the family's own name.
        if (name == "lm_head.weight") name = (Config.TiedEmbeddings ? Config.Architecture.Embedding : Config.Architecture.Head) + ".weight";
        // In memory a name always has the prefix. Some files leave it out.
        name = Named(Config, name);
        foreach (var parameter in layout)
            if (parameter.Name == name) return parameter;
        return null;
    }

    internal static long Product(long[] shape) => shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>Frees the tensors that these weights own.</summary>
    public void Dispose()
    {
        foreach (var tensor in owned) tensor.Dispose();
    }
}
