namespace Slick.Runtime;

/// <summary>Seeds of parts, derived so that drawing more in one part leaves the others as they are.</summary>
public static class Seeds
{
    /// <summary>A seed for a numbered part (SplitMix64's finaliser, Steele et al. 2014).</summary>
    public static int Mix(int seed, int part)
    {
        var z = unchecked((ulong)(uint)seed << 32 | (uint)part) + 0x9E3779B97F4A7C15UL;
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EBUL);
        return (int)((z ^ (z >> 31)) & 0x7FFFFFFF);
    }

    /// <summary>A seed for a named part (FNV-1a of the name, then as above).</summary>
    public static int Mix(int seed, string part)
    {
        var hash = 2166136261u;
        foreach (var c in part) hash = unchecked((hash ^ c) * 16777619u);
        return Mix(seed, (int)hash);
    }
}
