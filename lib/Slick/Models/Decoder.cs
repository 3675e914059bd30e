using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// Keys and values of tokens that later tokens attend to, one pair a layer.
/// Shared by every row of a batch: [kvHeads, tokens, headDim]; private to each row: [kvHeads, rows, tokens, headDim].
/// </summary>
public sealed class KeyValues : IDisposable
{
    internal Tensor[] Keys { get; }
    internal Tensor[] Values { get; }

    /// <summary>Number of tokens held.</summary>
    public int Tokens { get; }

    internal KeyValues(Tensor[] keys, Tensor[] values)
    {
        (Keys, Values) = (keys, values);
        Tokens = (int)keys[0].size(-2);
        foreach (var t in keys) t.DetachFromDisposeScope();
        foreach (var t in values) t.DetachFromDisposeScope();
    }

    /// <summary>The rows at <paramref name="indices"/> ([newRows], int64), in that order; this object is left as it is.</summary>
    internal KeyValues Rows(Tensor indices) =>
        new([.. Keys.Select(k => k.Take(1, indices))], [.. Values.Select(v => v.Take(1, indices))]);

    /// <summary>The one row of a private cache as a cache that all rows share.</summary>
    public KeyValues AsShared() => new([.. Keys.Select(k => k.select(1, 0).contiguous())], [.. Values.Select(v => v.select(1, 0).contiguous())]);

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        foreach (var t in Keys) t.Dispose();
        foreach (var t in Values) t.Dispose();
    }
}

/// <summary>Drops units of each block's two outputs, as in Vaswani et al. 2017, with random numbers of the run's own generator.</summary>
/// <param name="Rate">Share of the units that are dropped.</param>
/// <param name="Generator">Where the masks come from.</param>
public sealed record Dropout(double Rate, Generator Generator)
{
    internal Tensor Apply(Tensor x)
    {
        if (Rate <= 0) return x;
        using var mask = empty_like(x).detach().bernoulli_(1 - Rate, Generator).div_(Scalars.Of(1 - Rate));
        return x * mask;
    }
}

/// <summary>
/// A Llama-like decoder over <see cref="DecoderWeights"/>. Letters: B rows, T tokens of a row, P shared tokens before
/// them, S earlier tokens of a row, D hidden size, V vocabulary, K key/value heads, G query heads of each, h head width.
/// Cost of a forward pass: B T (<see cref="DecoderConfig.FlopsPerToken"/> + 4 K G h (P + S + T) a layer) FLOP.
/// </summary>
public sealed class Decoder : IDisposable
{
    private readonly Tensor cos; // [positions, h / 2]
    private readonly Tensor sin;
    private readonly Dictionary<int, Tensor> masks = [];

    /// <summary>The parameters.</summary>
    public DecoderWeights Weights { get; }
    /// <summary>The decoder's shape.</summary>
    public DecoderConfig Config => Weights.Config;
    /// <summary>Where the parameters are.</summary>
    public Device Device => Weights.Flat.device;

    /// <summary>A decoder over these weights, which it does not own. Not for use by two threads at once.</summary>
    public Decoder(DecoderWeights weights)
    {
        Weights = weights;
        var half = Config.HeadDim / 2;
        // Angles in double precision on the host, once: late positions of a small base lose digits in fp32.
        var angles = new double[Config.MaxPositions * half];
        for (var p = 0; p < Config.MaxPositions; p++)
            for (var i = 0; i < half; i++)
                angles[p * half + i] = p * Math.Pow(Config.RopeTheta, -2.0 * i / Config.HeadDim);
        cos = tensor(angles.Select(a => (float)Math.Cos(a)).ToArray(), [Config.MaxPositions, half]).to(Device).DetachFromDisposeScope();
        sin = tensor(angles.Select(a => (float)Math.Sin(a)).ToArray(), [Config.MaxPositions, half]).to(Device).DetachFromDisposeScope();
    }

    /// <summary>The residual stream after the last norm.</summary>
    /// <param name="ids">Token ids, int64 [B, T]. Right padding is allowed: causal attention keeps it away from real tokens.</param>
    /// <param name="prefix">Keys and values that come before every row's own tokens, or null.</param>
    /// <param name="past">Keys and values of each row's earlier tokens, or null.</param>
    /// <param name="keep">True to return the rows' own keys and values, earlier ones included.</param>
    /// <param name="dropout">Dropout of training, or null.</param>
    /// <returns>Hidden states [B, T, D], and the private cache where asked for.</returns>
    /// <exception cref="ArgumentOutOfRangeException">More tokens than the model has positions.</exception>
    public (Tensor Hidden, KeyValues? Present) Forward(Tensor ids, KeyValues? prefix = null, KeyValues? past = null, bool keep = false, Dropout? dropout = null)
    {
        long rows = ids.size(0), tokens = ids.size(1);
        var first = (prefix?.Tokens ?? 0) + (past?.Tokens ?? 0);
        if (first + tokens > Config.MaxPositions)
            throw new ArgumentOutOfRangeException(nameof(ids), $"{first + tokens} tokens, but the model has {Config.MaxPositions} positions.");
        using var scope = NewDisposeScope();
        var cosT = cos.narrow(0, first, tokens).unsqueeze(1); // [T, 1, h / 2]
        var sinT = sin.narrow(0, first, tokens).unsqueeze(1);
        var keys = keep ? new Tensor[Config.Layers] : null;
        var values = keep ? new Tensor[Config.Layers] : null;
        var x = Weights.Embedding.Take(0, ids.reshape(-1)).view(rows, tokens, Config.HiddenSize);
        for (var layer = 0; layer < Config.Layers; layer++)
        {
            var block = Weights.Blocks[layer];
            var attended = Attention(block, RmsNorm(x, block.InputNorm), rows, tokens, cosT, sinT,
                prefix?.Keys[layer], prefix?.Values[layer], past?.Keys[layer], past?.Values[layer], out var key, out var value);
            if (keep) (keys![layer], values![layer]) = (key.contiguous(), value.contiguous());
            x = x.add(dropout?.Apply(attended) ?? attended, Scalars.One);
            var inner = nn.functional.linear(RmsNorm(x, block.PostNorm), block.GateUp); // [B, T, 2 I]
            var parts = inner.chunk(2, -1);
            var down = nn.functional.linear(nn.functional.silu(parts[0]) * parts[1], block.Down);
            x = x.add(dropout?.Apply(down) ?? down, Scalars.One);
        }
        var hidden = RmsNorm(x, Weights.FinalNorm);
        var present = keep ? new KeyValues(keys!, values!) : null;
        return (hidden.MoveToOuterDisposeScope(), present);
    }

    /// <summary>Scores of the next token: [..., D] to [..., V].</summary>
    public Tensor Logits(Tensor hidden) => nn.functional.linear(hidden, Weights.Head);

    private Tensor RmsNorm(Tensor x, Tensor weight)
    {
        var scale = x.pow(Scalars.Of(2L)).mean([-1L], keepdim: true).add_(Scalars.Of(Config.NormEpsilon), Scalars.One).rsqrt_();
        return x * scale * weight;
    }

    private Tensor Attention(DecoderWeights.Block block, Tensor x, long rows, long tokens, Tensor cosT, Tensor sinT,
        Tensor? prefixKey, Tensor? prefixValue, Tensor? pastKey, Tensor? pastValue, out Tensor key, out Tensor value)
    {
        long heads = Config.Heads, kvHeads = Config.KeyValueHeads, width = Config.HeadDim, group = heads / kvHeads;
        var qkv = nn.functional.linear(x, block.Qkv).view(rows, tokens, heads + 2 * kvHeads, width);
        var rotated = Rotate(qkv.narrow(2, 0, heads + kvHeads), cosT, sinT);
        // Heads first, so that the product with shared keys is one matrix product a head for all rows: [K, B, T, G, h].
        var query = rotated.narrow(2, 0, heads).view(rows, tokens, kvHeads, group, width).permute(2, 0, 1, 3, 4)
            .reshape(kvHeads, rows, tokens * group, width);
        key = rotated.narrow(2, heads, kvHeads).permute(2, 0, 1, 3);                   // [K, B, T, h]
        value = qkv.narrow(2, heads + kvHeads, kvHeads).permute(2, 0, 1, 3);            // [K, B, T, h]
        if (pastKey is not null) (key, value) = (cat([pastKey, key], 2), cat([pastValue!, value], 2));

        query = query * Scalars.Of(1 / Math.Sqrt(width));
        var scores = matmul(query, key.transpose(-2, -1));                              // [K, B, T G, S + T]
        if (tokens > 1) scores = scores.add(CausalMask((int)tokens, (int)group, (int)(pastKey?.size(2) ?? 0)), Scalars.One);
        Tensor mixed;
        if (prefixKey is null)
        {
            mixed = matmul(scores.softmax(-1), value);                                  // [K, B, T G, h]
        }
        else
        {
            var shared = prefixKey.size(1);
            var flat = query.view(kvHeads, rows * tokens * group, width);
            var before = bmm(flat, prefixKey.transpose(-2, -1)).view(kvHeads, rows, tokens * group, shared);
            var weights = cat([before, scores], -1).softmax(-1);                        // one softmax over both parts
            var fromShared = bmm(weights.narrow(-1, 0, shared).reshape(kvHeads, rows * tokens * group, shared), prefixValue!);
            mixed = matmul(weights.narrow(-1, shared, weights.size(-1) - shared), value)
                .add(fromShared.view(kvHeads, rows, tokens * group, width), Scalars.One);
        }
        var joined = mixed.view(kvHeads, rows, tokens, group, width).permute(1, 2, 0, 3, 4).reshape(rows, tokens, heads * width);
        return nn.functional.linear(joined, block.Output);
    }

    private static Tensor Rotate(Tensor x, Tensor cosT, Tensor sinT)
    {
        var halves = x.chunk(2, -1);
        return cat([halves[0] * cosT - halves[1] * sinT, (halves[1] * cosT).add(halves[0] * sinT, Scalars.One)], -1);
    }

    private Tensor CausalMask(int tokens, int group, int past)
    {
        // [T G, S + T]; row t G + g may look at columns up to S + t.
        var size = tokens * 1_000_000 + past;
        if (masks.TryGetValue(size, out var mask)) return mask;
        using var noGrad = no_grad();
        mask = full([tokens, past + tokens], Scalars.Of(double.NegativeInfinity), device: Device).triu_(past + 1)
            .repeat_interleave(group, 0).DetachFromDisposeScope();
        return masks[size] = mask;
    }

    /// <summary>Frees the tables; the weights stay.</summary>
    public void Dispose()
    {
        cos.Dispose();
        sin.Dispose();
        foreach (var mask in masks.Values) mask.Dispose();
    }
}
