using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// The parameters that training changes, with their gradient: all parameters of a model, a named part of them
/// (<see cref="ParameterPart"/>), or a LoRA adapter. The optimiser <see cref="AdamW"/> treats all three alike.
/// </summary>
public sealed class ParameterSet
{
    private readonly Tensor gradient; // all that a backward pass fills; parts of it may belong to no parameter of the set

    /// <summary>Views of the parameters and of their gradients, [n] each, in the model's number format.</summary>
    internal IReadOnlyList<(Tensor Values, Tensor Gradient)> Ranges { get; }

    /// <summary>Number of parameters.</summary>
    public long Count { get; }

    internal ParameterSet(IReadOnlyList<(Tensor Values, Tensor Gradient)> ranges, Tensor gradient)
    {
        (Ranges, this.gradient) = (ranges, gradient);
        Count = ranges.Sum(r => r.Values.numel());
    }

    /// <summary>Number format of the parameters.</summary>
    internal ScalarType DType => gradient.dtype;

    internal Device Device => gradient.device;

    /// <summary>The norm of the gradient, fp32 [], computed by <see cref="AdamW.Norm(IEnumerable{Tensor})"/>.</summary>
    internal Tensor GradientNorm() => AdamW.Norm(Ranges.Select(r => r.Gradient));

    internal void ZeroGradient() => gradient.zero_();

    /// <summary>A copy of the parameters' values, one after the other: [<see cref="Count"/>].</summary>
    internal Tensor Copy()
    {
        using var noGrad = no_grad();
        return Ranges.Count == 1 ? Ranges[0].Values.clone() : cat([.. Ranges.Select(r => r.Values)]);
    }

    /// <summary>The parameters' values as tensors of a file. They are views, so nothing is copied.</summary>
    /// <param name="name">The name of the tensor. Where the set has several ranges, each is a tensor and its number ends the name.</param>
    internal IEnumerable<(string Name, Tensor Values)> Named(string name) => Ranges.Count == 1 ? [(name, Ranges[0].Values)]
        : Ranges.Select((range, i) => (FormattableString.Invariant($"{name}.{i}"), range.Values));

    /// <summary>Reads the values that <see cref="Named"/> wrote to a file, without holding them beside the parameters.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">The name that was given to <see cref="Named"/>.</param>
    internal void Read(Safetensors file, string name)
    {
        foreach (var (part, values) in Named(name)) file.CopyTo(part, values);
    }

    /// <summary>Sets the parameters' values.</summary>
    /// <param name="values">[<see cref="Count"/>], of any number format, on any device.</param>
    internal void Set(Tensor values)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var first = 0L;
        foreach (var (own, _) in Ranges)
        {
            own.copy_(values.narrow(0, first, own.numel()));
            first += own.numel();
        }
    }
}
