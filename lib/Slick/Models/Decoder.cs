using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// A decoder-only transformer with the parameters <see cref="DecoderWeights"/>, built as its config.json says. Letters: B rows, T tokens of
/// a row, P shared tokens before them, S earlier tokens of a row, D hidden size, V vocabulary, K key/value heads, G query heads of each, h
/// head width. Cost of a forward pass: B T (<see cref="DecoderConfig.FlopsPerToken"/> + 4 K G h (P + S + T) a layer) FLOP; of ragged rows N
/// FlopsPerToken and the same attention. With weights in bf16, norms and softmax are computed in fp32, as transformers computes them.
/// </summary>
public sealed partial class Decoder : IDisposable
{
    private readonly IReadOnlyList<LayerAttention> layers;
    private readonly Dictionary<Rope, (Tensor Cos, Tensor Sin)> rotations = []; // [positions, rope.Width / 2] each; on a GPU, Width
    private readonly Dictionary<(int Tokens, int Earlier, int Shared, int? Window), Tensor> masks = [];
    private readonly double embeddingScale;

    /// <summary>The parameters.</summary>
    public DecoderWeights Weights { get; }
    /// <summary>The decoder's shape.</summary>
    public DecoderConfig Config => Weights.Config;
    /// <summary>Where the parameters are.</summary>
    public Device Device => Weights.Flat.device;

    private Architecture Family => Config.Architecture;
    private readonly bool reduced; // true for a number format with fewer digits than fp32
    private readonly LoraAdapter? adapter;
    private readonly bool embeds; // true where an embedding is trained
    // True on a GPU. There, passes of a few thousand rows wait for launches, so operations are taken that launch less.
    private readonly bool onGpu;

    /// <summary>
    /// Where a backward pass may stop: the number of the lowest block that has a trained parameter, 0 where an embedding is trained, the
    /// number of blocks where only the last norm or the output layer is trained.
    /// </summary>
    internal int LowestTrained { get; }

    /// <summary>A decoder over these weights. The decoder does not own them. Two threads must not use one decoder at once.</summary>
    /// <param name="weights">The parameters.</param>
    /// <param name="adapter">A LoRA adapter for these weights, which the decoder does not own either; null for none.</param>
    public Decoder(DecoderWeights weights, LoraAdapter? adapter = null)
        : this(weights, adapter, weights.Flat.device.type == DeviceType.CUDA) { }

    /// <summary>A decoder that takes a GPU's operations or a CPU's, wherever it is. A test compares the two.</summary>
    /// <param name="weights">The parameters.</param>
    /// <param name="adapter">A LoRA adapter, or null.</param>
    /// <param name="onGpu">True for the operations that launch less.</param>
    internal Decoder(DecoderWeights weights, LoraAdapter? adapter, bool onGpu)
    {
        (Weights, this.adapter, this.onGpu) = (weights, adapter, onGpu);
        layers = Config.LayerAttentions;
        embeds = weights.Embedding.requires_grad || weights.Positions is { requires_grad: true };
        while (!embeds && LowestTrained < Config.Layers && !weights.Blocks[LowestTrained].IsTrained
            && adapter?.Trains(LowestTrained) != true) LowestTrained++;
        reduced = weights.Flat.dtype != ScalarType.Float32;
        // transformers rounds this factor to the weights' number format.
        using var scale = tensor((float)Math.Sqrt(Config.HiddenSize));
        using var rounded = scale.to(weights.Flat.dtype);
        using var wide = rounded.to(ScalarType.Float32);
        embeddingScale = HostTransfer.Read<float>(wide)[0];
        EnsureRotations(Math.Min(Config.MaxPositions, 1024));
    }

    /// <summary>
    /// The forward pass: computes the hidden states after the last norm, from which <see cref="Logits"/> computes the logits.
    /// </summary>
    /// <param name="ids">Token ids, int64 [B, T]. Rows may be padded on the right: with causal attention no real token sees this
    /// padding.</param>
    /// <param name="prefix">The prompts that come before the rows' own tokens, or null.</param>
    /// <param name="past">Keys and values of each row's S earlier tokens, or null.</param>
    /// <param name="keep">True to return the rows' own keys and values, those of <paramref name="past"/> included.</param>
    /// <param name="dropout">Dropout of a training step, or null.</param>
    /// <param name="padding">For rows that are padded on the left: int64 [B], the number of padding tokens at the beginning of each row's S
    /// + T own tokens. Positions count real tokens only.</param>
    /// <param name="ragged">For rows of different lengths without padding: how <paramref name="ids"/>, then int64 [N], lie in rows. Give
    /// <paramref name="padding"/> as well where the layout pads on the left. Not allowed together with <paramref name="past"/>.</param>
    /// <returns>The hidden states [B, T, D], of ragged rows [W, D]; and the rows' own keys and values, null unless asked for.</returns>
    /// <exception cref="ArgumentOutOfRangeException">More tokens than the model has positions.</exception>
    /// <exception cref="ArgumentException">Ragged rows with a past.</exception>
    public (Tensor Hidden, KeyValues? Present) Forward(Tensor ids, Prefix? prefix = null, KeyValues? past = null, bool keep = false,
        Dropout? dropout = null, Tensor? padding = null, RaggedRows? ragged = null)
    {
        using var scope = NewDisposeScope();
        var pass = Begin(ids, prefix, past, dropout, padding, ragged) with { PlusOne = PlusOne() };
        var keys = keep ? new Tensor[Config.Layers] : null;
        var values = keep ? new Tensor[Config.Layers] : null;
        var x = Embedded(pass, ids);
        for (var layer = 0; layer < Config.Layers; layer++)
        {
            // One layer's intermediates at a time; what training needs of them is held by autograd.
            using var within = NewDisposeScope();
            var before = x;
            x = Block(pass, layer, x, out var key, out var value).MoveToOuterDisposeScope();
            if (keep) (keys![layer], values![layer]) =
                (key.contiguous().MoveToOuterDisposeScope(), value.contiguous().MoveToOuterDisposeScope());
            before.Dispose();
        }
        var hidden = Normed(x, Weights.FinalNorm, pass);
        var present = keep ? new KeyValues(keys!, values!) : null;
        return (hidden.MoveToOuterDisposeScope(), present);
    }

    /// <summary>A forward and a backward pass: adds the gradient of a loss to the gradient of the trained parameters.</summary>
    /// <param name="ids">Token ids, int64 [B, T], of ragged rows [N].</param>
    /// <param name="dropout">Dropout of the training step, or null.</param>
    /// <param name="ragged">How the ids lie in rows, as of <see cref="Forward"/>; null where they are a matrix.</param>
    /// <param name="recompute">True to keep only each block's input [B, T, D], and to compute the rest of the block again in the backward
    /// pass (Chen et al. 2016, arXiv 1604.06174). This is a third more work, and the activations of one block are held instead of
    /// all.</param>
    /// <param name="loss">Computes the loss [] from the hidden states that <see cref="Forward"/> gives.</param>
    internal void Backward(Tensor ids, Dropout? dropout, RaggedRows? ragged, bool recompute, Func<Tensor, Tensor> loss)
    {
        using var scope = NewDisposeScope();
        using var strict = Repeatable.InBackward(Device);
        if (!recompute)
        {
            loss(Forward(ids, dropout: dropout, ragged: ragged).Hidden).backward();
            return;
        }
        var pass = Begin(ids, null, null, dropout, null, ragged);
        var inputs = new Tensor[Config.Layers + 1]; // the input of each block, and of the last norm
        using (no_grad())
        {
            inputs[0] = Embedded(pass, ids);
            for (var layer = 0; layer < Config.Layers; layer++)
            {
                using var within = NewDisposeScope();
                inputs[layer + 1] = Block(pass, layer, inputs[layer], out _, out _).MoveToOuterDisposeScope();
                if (layer < LowestTrained) inputs[layer].Dispose();
            }
        }
        Tensor? slope; // the gradient of the loss with respect to the block's output
        using (var within = NewDisposeScope())
        {
            using var top = inputs[^1].detach().requires_grad_(LowestTrained < Config.Layers);
            loss(Normed(top, Weights.FinalNorm, pass)).backward();
            slope = top.grad?.MoveToOuterDisposeScope();
        }
        // Below the lowest trained parameter no gradient is needed.
        for (var layer = Config.Layers - 1; layer >= LowestTrained && slope is not null; layer--)
        {
            using var within = NewDisposeScope();
            using var after = slope;
            inputs[layer + 1].Dispose();
            using var input = inputs[layer].detach().requires_grad_(layer > LowestTrained || embeds);
            Tensor output;
            using (NewDisposeScope()) // what autograd does not hold is freed before the block's backward pass
                output = Block(pass, layer, input, out _, out _).MoveToOuterDisposeScope();
            if (output.requires_grad) output.backward([after]);
            slope = input.grad?.MoveToOuterDisposeScope();
        }
        if (!embeds || slope is null) return;
        Embedded(pass, ids).backward([slope]);
    }

    // What one pass is given, beside the hidden states that go from block to block.
    private sealed record Pass(long Rows, long Tokens, int First, long Outer, long Inner, Dictionary<Rope, (Tensor Cos, Tensor Sin)> Turns,
        Tensor? Positions, Padded? Padded, RaggedRows? Ragged, Prefix? Prefix, Tensor? After, KeyValues? Past, Tensor[]? Kept,
        Scalar? Scale)
    {
        // The factors 1 + weight of norms, by their weights; null where each norm computes its own.
        public IReadOnlyDictionary<Tensor, Tensor>? PlusOne { get; init; }
    }

    private Pass Begin(Tensor ids, Prefix? prefix, KeyValues? past, Dropout? dropout, Tensor? padding, RaggedRows? ragged)
    {
        long rows = ragged?.Rows ?? ids.size(0), tokens = ragged?.Tokens ?? ids.size(1);
        var first = (prefix?.Tokens ?? 0) + (past?.Tokens ?? 0);
        if (first + tokens > Config.MaxPositions)
            throw new ArgumentOutOfRangeException(nameof(ids),
                $"{first + tokens} tokens, but the model has {Config.MaxPositions} positions.");
        if (ragged is not null && past is not null) throw new ArgumentException("Ragged rows have no past.", nameof(past));
        EnsureRotations(first + (int)tokens);
        var padded = padding is null && prefix?.Lengths is null ? null
            : Rowwise(padding, prefix, (int)rows, past?.Tokens ?? 0, (int)tokens);
        var positions = padded?.Positions; // [B T]
        if (ragged is not null)
            // [N]
            positions = positions?.Take(0, ragged.Real)
                ?? ragged.Real.remainder(Scalars.Of(tokens)).add_(Scalars.Of((long)first), Scalars.One);
        var (outer, inner) = ragged is null ? (rows, tokens) : (1, ids.size(0)); // tokens as they lie: [B, T] or [1, N]
        var turns = rotations.ToDictionary(r => r.Key, r => positions is null
            ? (r.Value.Cos.narrow(0, first, tokens).unsqueeze(1), r.Value.Sin.narrow(0, first, tokens).unsqueeze(1)) // [T, 1, w]
            : (r.Value.Cos.Take(0, positions).view(outer, inner, 1, -1), r.Value.Sin.Take(0, positions).view(outer, inner, 1, -1)));
        // One mask for each layer's attention and one for its MLP.
        var kept = dropout?.Masks(2 * Config.Layers, [outer, inner, Config.HiddenSize], Weights.Flat.dtype, Device);
        return new(rows, tokens, first, outer, inner, turns, positions, padded, ragged, prefix, prefix?.After(), past, kept,
            dropout?.Scale);
    }

    private Tensor Embedded(Pass pass, Tensor ids)
    {
        var x = Weights.Embedding.Take(0, ids.reshape(-1)).view(pass.Outer, pass.Inner, Config.HiddenSize);
        if (Config.PadId is { } pad && x.requires_grad)
            x = where(ids.eq(Scalars.Of((long)pad)).view(pass.Outer, pass.Inner, 1), x.detach(), x);
        if (Family.ScaledEmbedding) x = x * Scalars.Of(embeddingScale);
        if (Weights.Positions is { } table)
            x = x.add(pass.Positions is null ? table.narrow(0, pass.First, pass.Tokens) : table.Take(0, pass.Positions).view_as(x),
                Scalars.One);
        return x;
    }

    // Where rows are ragged, the last block's output has the wanted tokens only: [W, D].
    private Tensor Block(Pass pass, int layer, Tensor x, out Tensor key, out Tensor value)
    {
        var block = Weights.Blocks[layer];
        var last = layer == Config.Layers - 1 ? pass.Ragged?.Wanted : null;
        Tensor Added(Tensor to, Tensor output, int site)
        {
            if (pass.Kept is not { } kept) return to.add(output, Scalars.One);
            var mask = last is null ? kept[site] : kept[site].view(-1, Config.HiddenSize).Take(0, last);
            return to.add(output * mask, pass.Scale!);
        }
        var attended = Attention(layer, block, layers[layer], Normed(x, block.InputNorm, pass), pass, last, out key, out value);
        if (last is not null) x = x.view(-1, Config.HiddenSize).Take(0, last);
        attended = Normed(attended, block.AttentionOutNorm, pass);
        var joined = Added(x, attended, 2 * layer);
        var inner = Normed(Config.Residual == Residual.Parallel ? x : joined, block.MlpNorm, pass);
        var down = Normed(Mlp(layer, block, inner), block.MlpOutNorm, pass);
        return Added(joined, down, 2 * layer + 1);
    }

    /// <summary>The logits of the next token: the output layer applied to hidden states.</summary>
    /// <param name="hidden">Hidden states [..., D], as <see cref="Forward"/> gives them.</param>
    /// <returns>[..., V], after the soft cap where the model has one.</returns>
    public Tensor Logits(Tensor hidden)
    {
        var logits = nn.functional.linear(hidden, Weights.Head);
        return Capped(adapter?.OfHead is { } site ? adapter.Add(site, hidden, logits) : logits, Config.FinalSoftCap);
    }

    /// <summary>
    /// The logits of the token that follows a text, on the host: one forward pass over the text's tokens. Where there are many texts,
    /// <see cref="Forward"/> with a row for each is faster. Taught in <c>notebooks/01-what-does-a-model-know.ipynb</c>.
    /// </summary>
    /// <param name="tokens">The text's token ids, [T], at least one.</param>
    /// <returns>[V], in fp32.</returns>
    /// <exception cref="ArgumentException">There is no token.</exception>
    /// <exception cref="ArgumentOutOfRangeException">More tokens than the model has positions.</exception>
    public float[] NextTokenLogits(IReadOnlyList<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.Count == 0) throw new ArgumentException("A text of no tokens has no next token; give at least one.", nameof(tokens));
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        long[] row = [.. tokens.Select(t => (long)t)];
        var (hidden, _) = Forward(tensor(row, ScalarType.Int64).to(Device).view(1, -1)); // [1, T, D]
        return HostTransfer.Read<float>(Logits(hidden.select(1, row.Length - 1)).to(ScalarType.Float32)); // [1, V]
    }

    /// <summary>
    /// The greedy tokens: the token with the largest logit, and of several with the same logit the one with the lowest id, as torch
    /// documents argmax. torch's topk leaves the order of equal values open. So every greedy answer is found by this method.
    /// </summary>
    /// <param name="logits">[rows, V].</param>
    /// <returns>Token ids, int64 [rows].</returns>
    public static Tensor Greedy(Tensor logits) => logits.argmax(-1);

    private static Tensor Capped(Tensor scores, double? cap) =>
        cap is { } c ? scores.div(Scalars.Of(c)).tanh_().mul(Scalars.Of(c)) : scores;

    // Name: the name of the matrix's first map. A LoRA adapter finds its factors by this name.
    private Tensor Linear(Tensor x, DecoderWeights.Linear map, int layer, string name)
    {
        var output = nn.functional.linear(x, Family.InputsFirst ? map.Weight.t() : map.Weight, map.Bias);
        return adapter?.Of(layer, name) is { } site ? adapter.Add(site, x, output) : output;
    }

    private Tensor Mlp(int layer, DecoderWeights.Block block, Tensor x)
    {
        var inner = Linear(x, block.Inner, layer, Family.Inner[0]); // [B, T, 2 I] where gated, else [B, T, I]
        if (!Family.Gated) return Linear(Activated(inner), block.Down, layer, Family.Down);
        var parts = inner.chunk(2, -1);
        return Linear(Times(Activated(parts[0]), parts[1]), block.Down, layer, Family.Down);
    }

    private Tensor Activated(Tensor x) => Config.Activation switch
    {
        Activation.Silu => nn.functional.silu(x),
        Activation.Gelu => x.gelu(),
        Activation.GeluTanh => x.gelu(TorchSharp.Modules.GELU.Approximate.tanh),
        _ => x.relu(),
    };

    private Tensor Normed(Tensor x, DecoderWeights.NormWeights? norm, Pass pass)
    {
        if (norm is not { } weights) return x;
        if (Family.Norm == Norm.Layer) return nn.functional.layer_norm(x, [x.size(-1)], weights.Weight, weights.Bias, Config.NormEpsilon);
        return RmsNorm(x, weights.Weight, FactorOf(pass, weights.Weight));
    }

    // 1 + weight in fp32, by which the norms of some families multiply; null for the other families.
    private Tensor? FactorOf(Pass pass, Tensor weight) => Family.Norm != Norm.RmsOnePlus ? null : pass.PlusOne?[weight]
        ?? (reduced ? weight.to(ScalarType.Float32) : weight).add(Scalars.One, Scalars.One);

    // The factors of all norms, in a few launches.
    private Dictionary<Tensor, Tensor>? PlusOne()
    {
        if (!onGpu || Family.Norm != Norm.RmsOnePlus) return null;
        var found = new Dictionary<Tensor, Tensor>(ReferenceEqualityComparer.Instance);
        // Those of trained norms apart: else the factors of frozen norms would lead a backward pass into frozen blocks.
        foreach (var group in Weights.Norms.GroupBy(w => w.requires_grad))
        {
            Tensor[] weights = [.. group];
            var factors = cat(weights, 0).to(ScalarType.Float32).add(Scalars.One, Scalars.One);
            foreach (var (weight, factor) in weights.Zip(factors.split([.. weights.Select(w => w.numel())]))) found[weight] = factor;
        }
        return found;
    }

    // Weight [n] or, for heads of their own, [heads, n]. PlusOne: what FactorOf gives, of the same shape.
    private Tensor RmsNorm(Tensor x, Tensor weight, Tensor? plusOne)
    {
        var wide = reduced ? x.to(ScalarType.Float32) : x;
        if (onGpu)
        {
            var factor = plusOne ?? (reduced ? null : weight);
            var isVector = weight.dim() == 1;
            var whole = TorchScript.RmsNorm(wide, isVector ? factor : null, Config.NormEpsilon);
            if (!isVector && factor is not null) whole = Times(whole, factor);
            if (!reduced) return whole;
            whole = whole.to(weight.dtype);
            return plusOne is null ? Times(whole, weight) : whole;
        }
        var scale = wide.pow(Scalars.Of(2L)).mean([-1L], keepdim: true).add_(Scalars.Of(Config.NormEpsilon), Scalars.One).rsqrt_();
        var unit = reduced ? Times(wide, scale) : wide * scale;
        if (plusOne is not null) unit = Times(unit, plusOne);
        if (reduced) unit = unit.to(weight.dtype);
        return plusOne is null ? Times(unit, weight) : unit;
    }

    // Products and sums that overwrite their first operand where no gradient is computed. Nobody else reads that operand, and fresh memory
    // costs more than the arithmetic.
    private static Tensor Times(Tensor own, Tensor by) => is_grad_enabled() ? own * by : own.mul_(by);

    private static Tensor Plus(Tensor own, Tensor other, Scalar? times = null) => is_grad_enabled() ? own.add(other, times ?? Scalars.One)
        : own.add_(other, times ?? Scalars.One);

    /// <summary>Frees the tables of rotations and masks. The weights stay.</summary>
    public void Dispose()
    {
        foreach (var (cos, sin) in rotations.Values)
        {
            cos.Dispose();
            sin.Dispose();
        }
        foreach (var mask in masks.Values) mask.Dispose();
    }
}
