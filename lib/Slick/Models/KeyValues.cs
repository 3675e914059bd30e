using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// The keys and values of tokens that later tokens attend to (a key-value cache), one pair of tensors for each layer. A cache that all rows
/// of a batch share is [kvHeads, tokens, headDim]. A cache of each row's own is [kvHeads, rows, tokens, headDim].
/// </summary>
public sealed class KeyValues : IDisposable
{
    internal Tensor[] Keys { get; }
    internal Tensor[] Values { get; }

    private readonly Tensor? rows; // of a view of another cache's rows, int64 [rows]; else null

    /// <summary>Number of tokens whose keys and values are held; of rows' own caches, tokens of each row.</summary>
    public int Tokens { get; }

    internal KeyValues(Tensor[] keys, Tensor[] values)
    {
        (Keys, Values) = (keys, values);
        Tokens = (int)keys[0].size(-2);
        foreach (var t in keys) t.DetachFromDisposeScope();
        foreach (var t in values) t.DetachFromDisposeScope();
    }

    private KeyValues(KeyValues of, Tensor rows) => (Keys, Values, Tokens, this.rows) = (of.Keys, of.Values, of.Tokens, rows);

    /// <summary>
    /// A view of the rows at <paramref name="indices"/> (int64 [newRows]), in that order. A layer's rows are copied when the layer asks for
    /// them, so the copies of all layers are never held at one time. This cache must live longer than the view.
    /// </summary>
    internal KeyValues Rows(Tensor indices) => new(this, indices);

    /// <summary>The keys and values of a layer: [kvHeads, rows, tokens, headDim] each, or without rows where the cache is shared.</summary>
    internal (Tensor Keys, Tensor Values) Of(int layer) => rows is null ? (Keys[layer], Values[layer])
        : (Keys[layer].Take(1, rows), Values[layer].Take(1, rows));

    /// <summary>A cache that all rows share, made from one row of a private cache. This cache is left as it is.</summary>
    /// <param name="row">The row.</param>
    /// <param name="tokens">How many tokens of the row, the first ones; null for all of them.</param>
    public KeyValues AsShared(int row = 0, int? tokens = null)
    {
        if (rows is not null) throw new InvalidOperationException("A view of another cache's rows is not shared; share that cache.");
        Tensor[] Of(Tensor[] all) => [.. all.Select(t => t.select(1, row).narrow(1, 0, tokens ?? Tokens).clone())];
        using var scope = NewDisposeScope();
        return new(Of(Keys), Of(Values));
    }

    /// <summary>Frees the tensors. A view has none of its own.</summary>
    public void Dispose()
    {
        if (rows is not null) return;
        foreach (var t in Keys) t.Dispose();
        foreach (var t in Values) t.Dispose();
    }
}
