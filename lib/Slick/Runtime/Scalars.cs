using System.Collections.Concurrent;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// Scalars that live as long as the process. TorchSharp passes a scalar's bare pointer to native code and keeps no reference to the scalar.
/// So a scalar that is made in a call (also the hidden factor 1 of <c>a + b</c>) may be finalised, and its memory used again, while the
/// operation still reads it. Therefore tensors are added with <see cref="One"/>, constants come from <see cref="Of(double)"/>, and a scalar
/// that changes is held in a <c>using</c> around the call.
/// </summary>
internal static class Scalars
{
    private static readonly ConcurrentDictionary<double, Scalar> Reals = new();
    private static readonly ConcurrentDictionary<long, Scalar> Integers = new();

    /// <summary>The factor of the second term of a sum: <c>a.add(b, Scalars.One)</c>.</summary>
    public static Scalar One { get; } = 1L;

    /// <summary>The scalar of a constant. It is never freed.</summary>
    /// <param name="constant">The constant.</param>
    public static Scalar Of(double constant) => Reals.GetOrAdd(constant, static value => value);

    /// <summary>The scalar of an integer constant. It is never freed.</summary>
    /// <param name="constant">The constant.</param>
    public static Scalar Of(long constant) => Integers.GetOrAdd(constant, static value => value);
}
