using Slick.Runtime;

namespace Slick.Answers;

/// <summary>
/// Random numbers that are looked up rather than drawn in turn: each is a function of the seed, the question, the
/// sample and the token's position, so what a question draws depends neither on its batch nor on its neighbours.
/// </summary>
internal static class Uniform
{
    /// <summary>Bits of a number: as many as a float in [0, 1) holds exactly.</summary>
    public const int Bits = 24;

    /// <summary>The stream of one question.</summary>
    public static ulong Stream(int seed, int question) => Seeds.Next(Seeds.Next((uint)seed) + (uint)question);

    /// <summary>The number of a sample's token, from 0 to 2^<see cref="Bits"/> - 1.</summary>
    public static long At(ulong stream, int sample, int position) =>
        (long)(Seeds.Next(unchecked(stream + ((ulong)(uint)sample << 32 | (uint)position))) >> (64 - Bits));
}
