namespace Slick.Runtime;

/// <summary>
/// Seeds of parts, derived so that drawing more in one part leaves the others as they are; and random numbers that are looked up
/// by their place, so that they do not depend on who asks first, on which device or with how many threads.
/// </summary>
public static class Seeds
{
    /// <summary>A seed for a numbered part (SplitMix64's finaliser, Steele et al. 2014).</summary>
    public static int Mix(int seed, int part) => (int)(Next((ulong)(uint)seed << 32 | (uint)part) & 0x7FFFFFFF);

    /// <summary>A seed for a named part (FNV-1a of the name, then as above).</summary>
    public static int Mix(int seed, string part)
    {
        var hash = 2166136261u;
        foreach (var c in part) hash = unchecked((hash ^ c) * 16777619u);
        return Mix(seed, (int)hash);
    }

    /// <summary>What SplitMix64 adds to its state before each number.</summary>
    internal const ulong Step = 0x9E3779B97F4A7C15UL;

    /// <summary>The two factors of SplitMix64's finaliser.</summary>
    internal const ulong Factor1 = 0xBF58476D1CE4E5B9UL, Factor2 = 0x94D049BB133111EBUL;

    /// <summary>The number that SplitMix64 (Steele et al. 2014) gives from this state: its step and its finaliser.</summary>
    internal static ulong Next(ulong state)
    {
        var z = unchecked(state + Step);
        z = unchecked((z ^ (z >> 30)) * Factor1);
        z = unchecked((z ^ (z >> 27)) * Factor2);
        return z ^ (z >> 31);
    }

    /// <summary>The number at a place of SplitMix64's sequence, from 0, without those before it: numbers are looked up, not drawn
    /// in turn.</summary>
    internal static ulong At(ulong state, long place) => Next(unchecked(state + (ulong)place * Step));

    /// <summary>The standard normal number at a place of a stream (Box and Muller 1958): two neighbours share two numbers of
    /// <see cref="At"/>.</summary>
    internal static double Normal(ulong stream, long place)
    {
        const double Unit = 1.0 / (1L << 53);
        var radius = Math.Sqrt(-2 * Math.Log(((At(stream, place & ~1L) >> 11) + 1) * Unit));
        var angle = 2 * Math.PI * ((At(stream, place | 1L) >> 11) * Unit);
        return radius * ((place & 1) == 0 ? Math.Cos(angle) : Math.Sin(angle));
    }
}
