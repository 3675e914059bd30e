using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// What stands before the own tokens of a pass's rows: prompts, of which each row has one. The rows of a prompt lie together, and the
/// prompts' rows lie in the order of the prompts. A prompt's keys and values are read by all its rows and never copied.
/// </summary>
public sealed class Prefix
{
    private readonly IReadOnlyList<(KeyValues? Cache, int Rows)> parts;

    /// <summary>Tokens of the longest prompt.</summary>
    public int Tokens { get; }

    /// <summary>Tokens of each row's prompt, int64 [B]; null where all rows have the same prompt.</summary>
    internal Tensor? Lengths { get; }

    /// <summary>One prompt before all rows.</summary>
    /// <param name="prompt">The prompt's keys and values, shared by every row (<see cref="KeyValues.AsShared"/>).</param>
    public Prefix(KeyValues prompt) => (parts, Tokens) = ([(prompt, -1)], prompt.Tokens);

    /// <summary>Several prompts.</summary>
    /// <param name="parts">Keys and values of each prompt, null for a prompt without tokens; and how many rows it has.</param>
    /// <param name="lengths">Tokens of each row's prompt, int64 [B], on the model's device.</param>
    internal Prefix(IReadOnlyList<(KeyValues? Cache, int Rows)> parts, Tensor lengths) =>
        (this.parts, Lengths, Tokens) = (parts, lengths, parts.Max(p => p.Cache?.Tokens ?? 0));

    /// <summary>Products of queries with the keys of each row's prompt: [K, B, T G, h] to [K, B, T G, P]. After the end of a
    /// shorter prompt stand any numbers (<see cref="After"/>).</summary>
    internal Tensor Products(Tensor query, int layer)
    {
        long heads = query.size(0), rows = query.size(1), inner = query.size(2), width = query.size(3);
        Tensor Of(Tensor part, KeyValues prompt) => bmm(part.reshape(heads, -1, width), prompt.Keys[layer].transpose(-2, -1))
            .view(heads, -1, inner, prompt.Tokens);
        if (Lengths is null) return Of(query, parts[0].Cache!);
        var products = query.new_empty(heads, rows, inner, Tokens);
        var first = 0L;
        foreach (var (prompt, count) in parts)
        {
            if (prompt is not null && count > 0)
                products.narrow(1, first, count).narrow(3, 0, prompt.Tokens).copy_(Of(query.narrow(1, first, count), prompt));
            first += count;
        }
        return products;
    }

    /// <summary>Sums of the values of each row's prompt by their weights: [K, B, T G, P] to [K, B, T G, h].</summary>
    internal Tensor Mixed(Tensor weights, int layer)
    {
        long heads = weights.size(0), inner = weights.size(2);
        Tensor Of(Tensor part, KeyValues prompt) => bmm(part.reshape(heads, -1, prompt.Tokens), prompt.Values[layer])
            .view(heads, -1, inner, prompt.Values[layer].size(-1));
        if (Lengths is null) return Of(weights, parts[0].Cache!);
        var (sums, first) = (new List<Tensor>(), 0L);
        foreach (var (prompt, count) in parts)
        {
            if (count > 0) sums.Add(prompt is null ? weights.new_zeros(heads, count, inner, parts.First(p => p.Cache is not null).Cache!
                .Values[layer].size(-1)) : Of(weights.narrow(1, first, count).narrow(3, 0, prompt.Tokens), prompt));
            first += count;
        }
        return sums.Count == 1 ? sums[0] : cat(sums, 1);
    }

    /// <summary>True after the end of each row's prompt: bool [1, B, 1, P]; null where all rows have the same prompt.</summary>
    internal Tensor? After() => Lengths is null ? null
        : arange(Tokens, ScalarType.Int64, Lengths.device).view(1, 1, 1, -1).ge(Lengths.view(1, -1, 1, 1));
}
