using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// All parameters of a decoder in one flat tensor, so that the optimiser's step, the gradient's norm and a copy are
/// one operation each. The matrices that are always multiplied together (q, k, v; gate, up) lie next to each other and
/// are used as one. Each parameter is reached under Hugging Face's name as a view.
/// </summary>
public sealed class DecoderWeights : IDisposable
{
    internal sealed record Block(Tensor InputNorm, Tensor Qkv, Tensor Output, Tensor PostNorm, Tensor GateUp, Tensor Down);

    private readonly List<(string Name, long Offset, long[] Shape)> layout = [];
    private readonly List<Tensor> owned = [];

    /// <summary>The decoder's shape.</summary>
    public DecoderConfig Config { get; }
    /// <summary>Every parameter, one after the other: [parameters].</summary>
    public Tensor Flat { get; }
    /// <summary>The gradient of <see cref="Flat"/>, filled by a backward pass: [parameters]; null where only inference is asked for.</summary>
    public Tensor? FlatGradient { get; }
    /// <summary>Hugging Face's names and shapes, in the order of <see cref="Flat"/>.</summary>
    public IReadOnlyList<(string Name, long Offset, long[] Shape)> Layout => layout;

    internal Tensor Embedding { get; }
    internal Tensor FinalNorm { get; }
    internal Tensor Head { get; }
    internal IReadOnlyList<Block> Blocks { get; }

    /// <summary>Weights whose values are still to be set (<see cref="Initialize"/> or a checkpoint).</summary>
    /// <param name="config">The decoder's shape.</param>
    /// <param name="device">Where the parameters are.</param>
    /// <param name="trainable">True for a gradient beside them.</param>
    /// <param name="dtype">Number format of parameters and gradient.</param>
    public DecoderWeights(DecoderConfig config, Device device, bool trainable, ScalarType dtype = ScalarType.Float32)
        : this(config, null, device, trainable, dtype) { }

    private DecoderWeights(DecoderConfig config, Tensor? shared, Device device, bool trainable, ScalarType dtype)
    {
        Slick.Runtime.NativeLibraries.Load();
        Config = config;
        var d = (long)config.HiddenSize;
        var q = (long)config.Heads * config.HeadDim;
        var kv = (long)config.KeyValueHeads * config.HeadDim;
        var inner = (long)config.IntermediateSize;
        var leaves = new List<(long Offset, long[] Shape)>();
        long size = 0;
        int Add(long[] fused, params (string Name, long[] Shape)[] parts)
        {
            leaves.Add((size, fused));
            foreach (var (name, shape) in parts)
            {
                layout.Add((name, size, shape));
                size += Product(shape);
            }
            return leaves.Count - 1;
        }
        Add([config.VocabularySize, d], ("model.embed_tokens.weight", [config.VocabularySize, d]));
        for (var i = 0; i < config.Layers; i++)
        {
            var p = $"model.layers.{i}.";
            Add([d], (p + "input_layernorm.weight", [d]));
            Add([q + 2 * kv, d], (p + "self_attn.q_proj.weight", [q, d]), (p + "self_attn.k_proj.weight", [kv, d]), (p + "self_attn.v_proj.weight", [kv, d]));
            Add([d, q], (p + "self_attn.o_proj.weight", [d, q]));
            Add([d], (p + "post_attention_layernorm.weight", [d]));
            Add([2 * inner, d], (p + "mlp.gate_proj.weight", [inner, d]), (p + "mlp.up_proj.weight", [inner, d]));
            Add([d, inner], (p + "mlp.down_proj.weight", [d, inner]));
        }
        Add([d], ("model.norm.weight", [d]));
        if (!config.TiedEmbeddings) Add([config.VocabularySize, d], ("lm_head.weight", [config.VocabularySize, d]));

        using var noGrad = no_grad();
        Flat = shared ?? zeros(size, dtype, device);
        if (trainable) FlatGradient = zeros(size, dtype, device);
        Tensor Leaf(int index)
        {
            var (offset, shape) = leaves[index];
            using var view = Flat.narrow(0, offset, Product(shape)).view(shape);
            var leaf = view.detach();
            if (FlatGradient is not null)
            {
                leaf.requires_grad_(true);
                leaf.grad = FlatGradient.narrow(0, offset, Product(shape)).view(shape);
            }
            leaf.DetachFromDisposeScope();
            owned.Add(leaf);
            return leaf;
        }
        Embedding = Leaf(0);
        var blocks = new Block[config.Layers];
        for (var i = 0; i < config.Layers; i++)
        {
            var f = 1 + 6 * i;
            blocks[i] = new Block(Leaf(f), Leaf(f + 1), Leaf(f + 2), Leaf(f + 3), Leaf(f + 4), Leaf(f + 5));
        }
        Blocks = blocks;
        FinalNorm = Leaf(1 + 6 * config.Layers);
        Head = config.TiedEmbeddings ? Embedding : Leaf(2 + 6 * config.Layers);
        if (shared is null)
        {
            Flat.DetachFromDisposeScope();
            owned.Add(Flat);
        }
        if (FlatGradient is not null)
        {
            FlatGradient.DetachFromDisposeScope();
            owned.Add(FlatGradient);
        }
    }

    /// <summary>The same parameters with a gradient of their own, for a second thread that works on another part of the batch.</summary>
    public DecoderWeights ShareParameters() => new(Config, Flat, Flat.device, trainable: true, Flat.dtype);

    /// <summary>A copy of the parameters' values, with a gradient of its own.</summary>
    public DecoderWeights CopyTrainable()
    {
        var copy = new DecoderWeights(Config, Flat.device, trainable: true, Flat.dtype);
        using (no_grad()) copy.Flat.copy_(Flat);
        return copy;
    }

    /// <summary>Hugging Face's initialisation: normal with the config's range, norms 1. The values depend on the seed alone, not on the device.</summary>
    public void Initialize(int seed)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var generator = new Generator((ulong)seed, CPU);
        foreach (var (name, _, shape) in layout)
        {
            var view = this[name];
            if (name.EndsWith("norm.weight", StringComparison.Ordinal)) view.fill_(Scalars.One);
            else view.copy_(randn(shape, dtype: ScalarType.Float32, generator: generator).mul_(Scalars.Of(Config.InitializerRange)));
        }
    }

    /// <summary>A parameter under Hugging Face's name, as a view without gradient.</summary>
    public Tensor this[string name] => View(Flat, name);

    /// <summary>A parameter's gradient under Hugging Face's name.</summary>
    public Tensor Gradient(string name) =>
        View(FlatGradient ?? throw new InvalidOperationException("These weights were made for inference and have no gradient."), name);

    private Tensor View(Tensor flat, string name)
    {
        foreach (var (key, offset, shape) in layout)
            if (key == name) return flat.narrow(0, offset, Product(shape)).view(shape);
        throw new KeyNotFoundException(name);
    }

    private static long Product(long[] shape) => shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>Frees the tensors that these weights own.</summary>
    public void Dispose()
    {
        foreach (var tensor in owned) tensor.Dispose();
    }
}
