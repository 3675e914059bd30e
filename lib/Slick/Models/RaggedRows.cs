using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// Rows of different lengths as one list of N tokens, row after row. Everything that is computed token by token sees no padding. Attention
/// alone sees the rows as a matrix [B, T], where T is the longest row's number of tokens, and shorter rows are padded on one side.
/// </summary>
/// <param name="Rows">B, the number of rows.</param>
/// <param name="Tokens">T, the number of tokens of the longest row.</param>
/// <param name="Places">int64 [B T]: for each place of the matrix the token in it, from 0 to N - 1; an arbitrary token where there is
/// padding.</param>
/// <param name="Real">int64 [N]: for each token its place in the matrix, from 0 to B T - 1.</param>
/// <param name="Wanted">int64 [W]: the tokens whose hidden states are asked for. For the other tokens the last layer computes keys and
/// values only.</param>
public sealed record RaggedRows(int Rows, int Tokens, Tensor Places, Tensor Real, Tensor Wanted)
{
    /// <summary><see cref="Places"/> and <see cref="Real"/> of rows, as arrays on the host.</summary>
    /// <param name="lengths">Number of tokens of each row.</param>
    /// <param name="left">True where shorter rows are padded on the left, false for the right.</param>
    internal static (long[] Places, long[] Real) Layout(IReadOnlyList<int> lengths, bool left)
    {
        var longest = lengths.Max();
        var (places, real) = (new long[lengths.Count * longest], new long[lengths.Sum()]);
        for (int r = 0, token = 0; r < lengths.Count; r++)
            for (var t = 0; t < lengths[r]; t++, token++)
            {
                var place = r * longest + (left ? longest - lengths[r] : 0) + t;
                (places[place], real[token]) = (token, place);
            }
        return (places, real);
    }
}
