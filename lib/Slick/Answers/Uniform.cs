using Slick.Runtime;

namespace Slick.Answers;

/// <summary>
/// Random numbers that are computed from their place and not drawn in turn. Each number is a function of the seed, the question, the sample
/// and the token's position. So the draws of a question depend neither on its batch nor on the other questions.
/// </summary>
internal static class Uniform
{
    /// <summary>Bits of a random number: as many as a float in [0, 1) holds exactly.</summary>
    public const int Bits = 24;

    /// <summary>The key from which all random numbers of one question follow.</summary>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="question">The fact's id.</param>
    public static ulong Stream(int seed, int question) => Seeds.Next(Seeds.Next((uint)seed) + (uint)question);

    /// <summary>The random number of one token of a sample, from 0 to 2^<see cref="Bits"/> - 1.</summary>
    /// <param name="stream">The question's key (<see cref="Stream"/>).</param>
    /// <param name="sample">The sample's number, from 0.</param>
    /// <param name="position">The token's position in the answer, from 0.</param>
    public static long At(ulong stream, int sample, int position) =>
        (long)(Seeds.Next(unchecked(stream + ((ulong)(uint)sample << 32 | (uint)position))) >> (64 - Bits));
}
