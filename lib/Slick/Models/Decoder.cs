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
public sealed class Decoder : IDisposable
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

    private Tensor Attention(int number, DecoderWeights.Block block, LayerAttention layer, Tensor x, Pass pass, Tensor? wanted,
        out Tensor key, out Tensor value)
    {
        var (rows, tokens, turns, padded, ragged) = (pass.Rows, pass.Tokens, pass.Turns, pass.Padded, pass.Ragged);
        long heads = Config.Heads, kvHeads = Config.KeyValueHeads, width = Config.HeadDim, group = heads / kvHeads;
        var qkv = Linear(x, block.Qkv, number, Family.Qkv[0]);
        var (outer, inner) = (qkv.size(0), qkv.size(1));
        qkv = Family.QkvByHead
            ? qkv.view(outer, inner, heads, 3, width).transpose(2, 3).reshape(outer, inner, 3 * heads, width)
            : qkv.view(outer, inner, heads + 2 * kvHeads, width);
        // The gradient of a split is one operation, those of two slices are five.
        var parts = qkv.split([heads + kvHeads, kvHeads], 2);
        var (queriesAndKeys, values) = (parts[0], parts[1]);
        if (block.QueryNorm is not null) queriesAndKeys = HeadNorms(queriesAndKeys, block, pass);
        var rotated = layer.Rope is { } rope ? Rotate(queriesAndKeys, turns[rope].Cos, turns[rope].Sin, rope.Width) : queriesAndKeys;
        if (ragged is not null)
        {
            Tensor AsMatrix(Tensor t) => t.reshape(inner, -1).Take(0, ragged.Places).view(rows, tokens, -1, width);
            (rotated, values) = (AsMatrix(rotated), AsMatrix(values));
        }
        key = rotated.narrow(2, heads, kvHeads).permute(2, 0, 1, 3);                   // [K, B, T, h]
        value = values.permute(2, 0, 1, 3);                                             // [K, B, T, h]
        if (IsPlain(layer, pass))
            return Joined(Causal(rotated, values).transpose(1, 2).reshape(rows, tokens, heads * width));
        // Heads first, so that the product with shared keys is one matrix product a head for all rows: [K, B, T, G, h].
        var query = rotated.narrow(2, 0, heads).view(rows, tokens, kvHeads, group, width).permute(2, 0, 1, 3, 4)
            .reshape(kvHeads, rows, tokens * group, width);
        if (pass.Past is { } past)
        {
            using var joining = NewDisposeScope(); // the copies of the past's rows are freed before the scores are computed
            var (pastKey, pastValue) = past.Of(number);
            (key, value) = (cat([pastKey, key], 2).MoveToOuterDisposeScope(), cat([pastValue, value], 2).MoveToOuterDisposeScope());
        }
        int earlier = pass.Past?.Tokens ?? 0, before = pass.Prefix?.Tokens ?? 0;
        query = query * Scalars.Of(Config.AttentionScale);
        var scores = Scores(matmul(query, key.transpose(-2, -1)));                      // [K, B, T G, S + T]
        if (tokens > 1 || earlier + tokens > layer.Window) scores = Plus(scores, Mask((int)tokens, earlier, layer.Window));
        if (padded?.Own is { } padding) scores = Plus(scores, padding);
        Tensor mixed;
        if (before == 0)
        {
            mixed = matmul(Weighted(scores), value);                                    // [K, B, T G, h]
        }
        else
        {
            // for rows of one token, the query lies in the order of the projection
            var prior = Scores(pass.Prefix!.Products(query, number));                   // [K, B, T G, P]
            if (pass.After is not null) prior = prior.masked_fill_(pass.After, Scalars.Of(double.NegativeInfinity));
            if (before + earlier + tokens > layer.Window) prior =
                Plus(prior, padded?.Shared(layer.Window!.Value) ?? SharedMask((int)tokens, earlier, before, layer.Window!.Value));
            var weights = Weighted(cat([prior, scores], -1));                           // one softmax over both parts
            mixed = Plus(matmul(weights.narrow(-1, before, weights.size(-1) - before), value),
                pass.Prefix.Mixed(weights.narrow(-1, 0, before), number));
        }
        return Joined(mixed.view(kvHeads, rows, tokens, group, width).permute(1, 2, 0, 3, 4).reshape(rows, tokens, heads * width));

        Tensor Joined(Tensor joined)
        {
            if (ragged is not null)
                joined = joined.view(-1, heads * width).Take(0, wanted is null ? ragged.Real : ragged.Real.Take(0, wanted));
            if (ragged is not null && wanted is null) joined = joined.unsqueeze(0);
            return Linear(joined, block.Output, number, Family.Output);
        }
    }

    // True where each token attends to itself and to all tokens before it in its row, and to nothing else. On the meta device, which
    // computes shapes alone, torch's operation fails.
    private bool IsPlain(LayerAttention layer, Pass pass) => pass.Prefix is null && pass.Past is null && pass.Padded is null
        && Config.AttentionSoftCap is null && !(pass.Tokens > layer.Window) && Device.type != DeviceType.META;

    // Attention of plain rows in torch's own operation, which keeps no scores (Dao et al. 2022, arXiv 2205.14135): from queries and keys
    // [B, T, heads + K, h] and values [B, T, K, h] to [B, heads, T, h].
    private Tensor Causal(Tensor queriesAndKeys, Tensor values)
    {
        long heads = Config.Heads, kvHeads = Config.KeyValueHeads, rows = values.size(0), tokens = values.size(1), width = Config.HeadDim;
        var parts = queriesAndKeys.split([heads, kvHeads], 2);
        var query = parts[0].transpose(1, 2);
        // torch divides the products by the root of the head's width.
        var scale = Config.AttentionScale * Math.Sqrt(width);
        if (Math.Abs(scale - 1) > 1e-9) query = query * Scalars.Of(scale);
        // Without copies of the keys only flash attention keeps no scores. It is not for fp32, nor for wide heads, nor in Windows builds.
        if (onGpu && reduced && kvHeads != heads && width <= 256 && !OperatingSystem.IsWindows())
            return TorchScript.CausalAttention(query, parts[1].transpose(1, 2), values.transpose(1, 2));
        Tensor ForAllHeads(Tensor t) => kvHeads == heads ? t.transpose(1, 2)
            : t.transpose(1, 2).unsqueeze(2).expand(rows, kvHeads, heads / kvHeads, tokens, width).reshape(rows, heads, tokens, width);
        return nn.functional.scaled_dot_product_attention(query, ForAllHeads(parts[1]),
            ForAllHeads(values), is_casual: true);
    }

    private Tensor Scores(Tensor products) => Capped(reduced ? products.to(ScalarType.Float32) : products, Config.AttentionSoftCap);

    private Tensor Weighted(Tensor scores)
    {
        var weights = scores.softmax(-1);
        return reduced ? weights.to(Weights.Flat.dtype) : weights;
    }

    // Norms of queries and keys [B, T, heads + K, h]: each head apart; or all heads of the queries as one vector, and those of the keys.
    private Tensor HeadNorms(Tensor x, DecoderWeights.Block block, Pass pass)
    {
        long heads = Config.Heads, kvHeads = Config.KeyValueHeads;
        var (query, key) = (block.QueryNorm!, block.KeyNorm!);
        var (ofQuery, ofKey) = (FactorOf(pass, query), FactorOf(pass, key));
        if (Family.QueryKeyNorm == QueryKeyNorm.Head)
        {
            Tensor ForHeads(Tensor q, Tensor k) => cat([q.expand(heads, -1), k.expand(kvHeads, -1)], 0);
            return RmsNorm(x, ForHeads(query, key), ofQuery is null ? null : ForHeads(ofQuery, ofKey!));
        }
        var parts = x.split([heads, kvHeads], 2);
        Tensor Whole(Tensor part, Tensor weight, Tensor? factor) =>
            RmsNorm(part.reshape(part.size(0), part.size(1), -1), weight, factor).view_as(part);
        return cat([Whole(parts[0], query, ofQuery), Whole(parts[1], key, ofKey)], 2);
    }

    private Tensor Rotate(Tensor x, Tensor cosT, Tensor sinT, int width)
    {
        if (width == x.size(-1)) return Rotate(x, cosT, sinT);
        var parts = x.split([width, x.size(-1) - width], -1);
        return cat([Rotate(parts[0], cosT, sinT), parts[1]], -1);
    }

    private Tensor Rotate(Tensor x, Tensor cosT, Tensor sinT)
    {
        if (onGpu) return (x * cosT).addcmul(x.roll([x.size(-1) / 2], [-1L]), sinT, Scalars.One);
        var halves = x.chunk(2, -1);
        return cat([Plus(halves[0] * cosT, halves[1] * sinT, Scalars.Of(-1L)), Plus(halves[1] * cosT, halves[0] * sinT)], -1);
    }

    // The angles are computed in double precision on the host, once: late positions of a small base lose digits in fp32.
    private void EnsureRotations(int positions)
    {
        foreach (var rope in layers.Select(l => l.Rope).OfType<Rope>().Distinct())
        {
            if (rotations.TryGetValue(rope, out var table) && table.Cos.size(0) >= positions) continue;
            var size = (int)Math.Min(Config.MaxPositions, 2L * positions);
            var frequencies = rope.Frequencies();
            var angles = new double[size * frequencies.Length];
            for (var p = 0; p < size; p++)
                for (var i = 0; i < frequencies.Length; i++)
                    angles[p * frequencies.Length + i] = p * frequencies[i];
            using var training = inference_mode(false); // a table made in inference could never be trained with
            Tensor Table(Func<double, double> of, double? firstHalf = null)
            {
                using var scope = NewDisposeScope();
                var host = tensor(angles.Select(a => (float)of(a)).ToArray(), [size, frequencies.Length]);
                if (firstHalf is { } sign) host = cat([host * sign, host], 1);
                return host.to(Weights.Flat.dtype, Device, copy: true).DetachFromDisposeScope();
            }
            table.Cos?.Dispose();
            table.Sin?.Dispose();
            // On a GPU for whole heads: the sine of the first half has the other sign.
            rotations[rope] = onGpu ? (Table(Math.Cos, 1), Table(Math.Sin, -1)) : (Table(Math.Cos), Table(Math.Sin));
        }
    }

    // [T G, S + T]. Row t G + g may look at columns up to S + t, and only at the latest `window` of them.
    private Tensor Mask(int tokens, int earlier, int? window)
    {
        if (earlier + tokens <= window) window = null;
        if (masks.TryGetValue((tokens, earlier, 0, window), out var mask)) return mask;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        mask = full([tokens, earlier + tokens], Scalars.Of(double.NegativeInfinity), device: Device).triu_(earlier + 1);
        if (window is { } w)
            mask = mask.add(full([tokens, earlier + tokens], Scalars.Of(double.NegativeInfinity), device: Device).tril_(earlier - w),
                Scalars.One);
        return masks[(tokens, earlier, 0, window)] = Grouped(mask);
    }

    // [T G, P]. Row t G + g may look at those shared tokens that are among its latest `window` tokens.
    private Tensor SharedMask(int tokens, int earlier, int shared, int window)
    {
        if (masks.TryGetValue((tokens, earlier, shared, window), out var mask)) return mask;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        mask = full([tokens, shared], Scalars.Of(double.NegativeInfinity), device: Device).tril_(shared + earlier - window);
        return masks[(tokens, earlier, shared, window)] = Grouped(mask);
    }

    private Tensor Grouped(Tensor mask) => mask.repeat_interleave(Config.Heads / Config.KeyValueHeads, 0).DetachFromDisposeScope();

    // Rows whose positions differ: they begin with padding, or have prompts of different lengths. Positions: [B T]. Own [1, B, T G, S + T]
    // hides the padding with a number far below every score; null where there is no padding. It is not minus infinity, for a padding
    // token's own row must not become NaN. Shared(window) [1, B, T G, P] hides what has left a row's window.
    private sealed record Padded(Tensor Positions, Tensor? Own, Func<int, Tensor> Shared);

    private Padded Rowwise(Tensor? padding, Prefix? prefix, int rows, int earlier, int tokens)
    {
        var (shared, group) = (prefix?.Tokens ?? 0, Config.Heads / Config.KeyValueHeads);
        var first = padding?.view(-1, 1);
        var columns = arange(earlier + tokens, ScalarType.Int64, Device).view(1, -1);
        var own = first is null ? null : columns.lt(first).to(ScalarType.Float32).mul_(Scalars.Of(-1e30)).view(1, rows, 1, -1)
            .expand(1, rows, (long)tokens * group, -1);
        // A padding token has the position of the first real token.
        var places = columns.narrow(1, earlier, tokens);
        if (first is not null) places = places.sub(first).clamp_min_(Scalars.Of(0L));
        // [B, T]
        var positions = prefix?.Lengths is { } lengths ? places.add(lengths.view(-1, 1), Scalars.One)
            : places.add(Scalars.Of((long)shared), Scalars.One);
        var windows = new Dictionary<int, Tensor>();
        Tensor Shared(int window)
        {
            if (windows.TryGetValue(window, out var mask)) return mask;
            // the first position whose query no longer sees the shared token
            var latest = arange(shared, ScalarType.Int64, Device).add_(Scalars.Of((long)window), Scalars.One).view(1, 1, -1);
            mask = zeros([rows, tokens, shared], ScalarType.Float32, Device)
                .masked_fill_(positions.unsqueeze(-1).ge(latest), Scalars.Of(double.NegativeInfinity))
                .repeat_interleave(group, 1).unsqueeze(0).MoveToOuterDisposeScope();
            return windows[window] = mask;
        }
        return new(positions.reshape(-1), own, Shared);
    }

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
