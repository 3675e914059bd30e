using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// Dropout in one training step: drops units of each block's two outputs, attention and MLP (Vaswani et al. 2017, section 5.4). The masks
/// are computed from their place and not drawn in turn. Whether a unit is kept is a function of the seed, the step, the layer, which of the
/// block's two outputs it is, and the unit's place in that output [B, T, D]. So a run that goes on after an interrupt drops what it would
/// have dropped. Every device drops the same units, with any number of threads. (In TorchSharp 0.107 a generator draws on the CPU,
/// whichever device it is made for.) Cost: some 30 operations a step, about 25 passes over a word of 8 bytes for every four units, and two
/// passes over each unit. Memory: 8 bytes a unit while the masks are made, then one number of the model's format a unit.
/// </summary>
/// <param name="Rate">Share of the units that are dropped, from 0 to 0.9. It is rounded to a multiple of 2^-16.</param>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Step">Number of the step in the run.</param>
public sealed record Dropout(double Rate, int Seed, long Step)
{
    private const int Bits = 16, Numbers = 1 << Bits, Lanes = 64 / Bits;

    // How many of the 2^16 possible numbers, the lowest ones, mean that a unit is dropped.
    private int Dropped => (int)Math.Round(Rate * Numbers);

    /// <summary>The factor that the kept units are multiplied by, so that the expectation stays as it is without dropout.</summary>
    internal Scalar Scale => Scalars.Of((double)Numbers / (Numbers - Dropped));

    /// <summary>
    /// The masks: 1 where a unit is kept, else 0. There is one tensor for each output ("site"), and null where nothing is dropped. Unit e
    /// of site s has the signed 16-bit number at bits 16 (s mod 4) of word (s div 4) n + e, where n is the number of units of a site, and
    /// the words are SplitMix64's sequence. Units with the lowest of these numbers, which go from -32768 to 32767, are dropped.
    /// </summary>
    /// <param name="sites">Number of outputs.</param>
    /// <param name="shape">Shape of each output.</param>
    /// <param name="dtype">Number format of the masks.</param>
    /// <param name="device">Device of the masks.</param>
    internal Tensor[]? Masks(int sites, long[] shape, ScalarType dtype, Device device)
    {
        if (Dropped == 0) return null;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var units = shape.Aggregate(1L, (a, b) => a * b);
        var words = Words((sites + Lanes - 1) / Lanes * units, device);
        var lowest = Scalars.Of((long)Dropped - Numbers / 2);
        Tensor Lane(int lane)
        {
            using var temporary = NewDisposeScope();
            var numbers = words.bitwise_right_shift(tensor((long)Bits * lane)).to(ScalarType.Int16);
            return numbers.ge(lowest).to(dtype).view([-1, .. shape]).MoveToOuterDisposeScope();
        }
        Tensor[] lanes = [.. Enumerable.Range(0, Math.Min(Lanes, sites)).Select(Lane)];
        return [.. Enumerable.Range(0, sites).Select(site => lanes[site % Lanes].select(0, site / Lanes).MoveToOuterDisposeScope())];
    }

    // The first numbers of the step's sequence (Seeds.At), computed on the device that needs them. Products of int64 wrap as those of
    // uint64 do.
    private Tensor Words(long count, Device device)
    {
        var stream = Seeds.Next(unchecked(Seeds.Next((uint)Seeds.Mix(Seed, "dropout")) + (ulong)Step));
        using Scalar first = unchecked((long)(stream + Seeds.Step));
        var z = arange(count, ScalarType.Int64, device).mul_(Scalars.Of(unchecked((long)Seeds.Step))).add_(first, Scalars.One);
        // A shift to the right copies a signed number's sign bit. The copies are cleared.
        void Fold(int by)
        {
            using var shifted = z.bitwise_right_shift(tensor((long)by));
            z.bitwise_xor_(shifted.bitwise_and_(tensor((1L << (64 - by)) - 1)));
        }
        Fold(30);
        z.mul_(Scalars.Of(unchecked((long)Seeds.Factor1)));
        Fold(27);
        z.mul_(Scalars.Of(unchecked((long)Seeds.Factor2)));
        Fold(31);
        return z;
    }
}
