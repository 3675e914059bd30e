namespace Slick.Sampling;

/// <summary>
/// Random numbers that are looked up rather than drawn in turn: each is a function of the seed, the question, the
/// sample and the token's position, so what a question draws depends neither on its batch nor on its neighbours.
/// </summary>
internal static class Uniform
{
    /// <summary>Bits of a number: as many as a float in [0, 1) holds exactly.</summary>
    public const int Bits = 24;

    /// <summary>The stream of one question.</summary>
    public static ulong Stream(int seed, int question) => Mix(Mix((uint)seed) + (uint)question);

    /// <summary>The number of a sample's token, from 0 to 2^<see cref="Bits"/> - 1.</summary>
    public static long At(ulong stream, int sample, int position) =>
        (long)(Mix(unchecked(stream + ((ulong)(uint)sample << 32 | (uint)position))) >> (64 - Bits));

    // SplitMix64 (Steele et al. 2014): the state's step and its finaliser.
    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z += 0x9E3779B97F4A7C15UL;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return z ^ (z >> 31);
        }
    }
}
