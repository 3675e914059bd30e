namespace Slick.Runtime;

/// <summary>
/// Random numbers drawn in turn by SplitMix64 (Steele, Lea and Flood 2014). Everything whose bytes must be repeatable draws from it: the
/// generator of .NET may change with the version of .NET. The order of a set's facts is drawn by it in
/// <c>notebooks/02-make-a-fine-tuning-set.ipynb</c>, the order of an epoch in <c>notebooks/03-training-dynamics.ipynb</c>.
/// </summary>
/// <param name="seed">The seed.</param>
public sealed class RandomStream(int seed)
{
    private ulong state = Seeds.Next((uint)seed);

    /// <summary>Draws 64 random bits.</summary>
    public ulong NextBits()
    {
        var bits = Seeds.Next(state);
        state = unchecked(state + Seeds.Step);
        return bits;
    }

    /// <summary>Draws a number in [0, 1), of 53 random bits.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1L << 53));

    /// <summary>Draws a whole number from 0 to <paramref name="count"/> - 1, each with the same probability (Lemire 2019).</summary>
    /// <param name="count">How many numbers there are to choose from, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is below 1.</exception>
    public int Next(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var high = Math.BigMul(NextBits(), (ulong)count, out var low);
        if (low < (ulong)count)
            for (var least = unchecked(0UL - (ulong)count) % (ulong)count; low < least;)
                high = Math.BigMul(NextBits(), (ulong)count, out low);
        return (int)high;
    }

    /// <summary>Brings the items into a random order, each order with the same probability (Fisher and Yates).</summary>
    /// <typeparam name="T">The items' type.</typeparam>
    /// <param name="items">The items, changed in place.</param>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
