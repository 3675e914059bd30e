namespace Slick.Runtime;

/// <summary>
/// Random numbers drawn in turn: SplitMix64 (Steele, Lea and Flood 2014). All that promises bytes draws from it, so that a
/// result does not depend on the version of .NET, whose generator may change.
/// </summary>
/// <param name="seed">The seed.</param>
internal sealed class RandomStream(int seed)
{
    private ulong state = Seeds.Next((uint)seed);

    /// <summary>64 random bits.</summary>
    public ulong NextBits()
    {
        var bits = Seeds.Next(state);
        state = unchecked(state + Seeds.Step);
        return bits;
    }

    /// <summary>A number in [0, 1): 53 bits.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1L << 53));

    /// <summary>A whole number from 0 to <paramref name="count"/> - 1, each as likely as the others (Lemire 2019).</summary>
    /// <param name="count">At least 1.</param>
    public int Next(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var high = Math.BigMul(NextBits(), (ulong)count, out var low);
        if (low < (ulong)count)
            for (var least = unchecked(0UL - (ulong)count) % (ulong)count; low < least;)
                high = Math.BigMul(NextBits(), (ulong)count, out low);
        return (int)high;
    }

    /// <summary>Brings the items into a random order, each as likely as the others (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
