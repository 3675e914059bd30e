namespace Slick.Runtime;

/// <summary>
/// Derives the seeds of parts from one seed, so that drawing more numbers in one part leaves the other parts as they are. Also computes
/// random numbers from their place in a sequence. Such numbers do not depend on who asks first, on the device or on the number of threads.
/// </summary>
public static class Seeds
{
    /// <summary>The seed of a numbered part (SplitMix64's finaliser, Steele et al. 2014).</summary>
    /// <param name="seed">The seed of the whole.</param>
    /// <param name="part">The part's number.</param>
    /// <returns>A number from 0 to 2^31 - 1.</returns>
    public static int Mix(int seed, int part) => (int)(Next((ulong)(uint)seed << 32 | (uint)part) & 0x7FFFFFFF);

    /// <summary>The seed of a named part. The name is hashed by FNV-1a, and the hash is the part's number.</summary>
    /// <param name="seed">The seed of the whole.</param>
    /// <param name="part">The part's name.</param>
    /// <returns>A number from 0 to 2^31 - 1.</returns>
    public static int Mix(int seed, string part)
    {
        var hash = 2166136261u;
        foreach (var c in part) hash = unchecked((hash ^ c) * 16777619u);
        return Mix(seed, (int)hash);
    }

    /// <summary>The number that SplitMix64 adds to its state before each random number.</summary>
    internal const ulong Step = 0x9E3779B97F4A7C15UL;

    /// <summary>The two factors of SplitMix64's finaliser.</summary>
    internal const ulong Factor1 = 0xBF58476D1CE4E5B9UL, Factor2 = 0x94D049BB133111EBUL;

    /// <summary>The random number that SplitMix64 (Steele et al. 2014) gives from a state: its step, then its finaliser.</summary>
    internal static ulong Next(ulong state)
    {
        var z = unchecked(state + Step);
        z = unchecked((z ^ (z >> 30)) * Factor1);
        z = unchecked((z ^ (z >> 27)) * Factor2);
        return z ^ (z >> 31);
    }

    /// <summary>The random number at a place of SplitMix64's sequence, computed without the numbers before it.</summary>
    /// <param name="state">The state that the sequence begins with.</param>
    /// <param name="place">The place, from 0.</param>
    internal static ulong At(ulong state, long place) => Next(unchecked(state + (ulong)place * Step));

    /// <summary>
    /// The standard normal number at a place of a stream (Box and Muller 1958). The numbers at places 2 n and 2 n + 1 follow from the same
    /// two random numbers of <see cref="At"/>.
    /// </summary>
    /// <param name="stream">The state that the stream begins with.</param>
    /// <param name="place">The place, from 0.</param>
    internal static double Normal(ulong stream, long place)
    {
        const double Unit = 1.0 / (1L << 53);
        var radius = Math.Sqrt(-2 * Math.Log(((At(stream, place & ~1L) >> 11) + 1) * Unit));
        var angle = 2 * Math.PI * ((At(stream, place | 1L) >> 11) * Unit);
        return radius * ((place & 1) == 0 ? Math.Cos(angle) : Math.Sin(angle));
    }
}
