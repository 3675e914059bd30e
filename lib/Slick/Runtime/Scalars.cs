using System.Collections.Concurrent;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// Scalars that live as long as the process. TorchSharp hands a scalar's bare pointer to native code and keeps no
/// reference to its owner: one that was made on the fly (also the hidden factor 1 of <c>a + b</c>) may be finalised, and
/// its memory used again, while the operation still reads it. So tensors are added with <see cref="One"/>, constants
/// come from <see cref="Of(double)"/>, and a scalar that changes is held in a <c>using</c> around the call.
/// </summary>
internal static class Scalars
{
    private static readonly ConcurrentDictionary<double, Scalar> Reals = new();
    private static readonly ConcurrentDictionary<long, Scalar> Integers = new();

    /// <summary>The factor of the second term of a sum: <c>a.add(b, Scalars.One)</c>.</summary>
    public static Scalar One { get; } = 1L;

    /// <summary>A constant; it is never freed.</summary>
    public static Scalar Of(double constant) => Reals.GetOrAdd(constant, static value => value);

    /// <summary>An integer constant; it is never freed.</summary>
    public static Scalar Of(long constant) => Integers.GetOrAdd(constant, static value => value);
}
