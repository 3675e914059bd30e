using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

// Attention: which tokens see which, rotations, masks.
public sealed partial class Decoder
{
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
}
