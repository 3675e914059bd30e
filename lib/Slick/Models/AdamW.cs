using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over one flat tensor: about 12 passes over the parameters,
/// whatever their number of matrices. Weight decay is decoupled and acts on every parameter. Everything is computed in fp32: of weights
/// in a shorter format a copy in fp32 is stepped and then rounded into them, for a step is mostly smaller than half of such a
/// format's last digit and would be lost (Micikevicius et al. 2018, arXiv 1710.03740, section 3.1).
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly Tensor rounded; // the weights in their own format
    private readonly Tensor gradient;

    /// <summary>The parameters that are stepped, fp32: [parameters]. Of fp32 weights they are <see cref="DecoderWeights.Flat"/>
    /// itself, else a copy that begins with their values.</summary>
    public Tensor Master { get; }
    /// <summary>First moment, fp32: [parameters].</summary>
    public Tensor Mean { get; }
    /// <summary>Second moment, fp32: [parameters].</summary>
    public Tensor Variance { get; }
    /// <summary>Steps taken.</summary>
    public int Steps { get; private set; }
    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;
    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;
    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;
    /// <summary>Share of a weight that a step at learning rate 1 takes away.</summary>
    public double WeightDecay { get; init; }
    /// <summary>Largest norm of the gradient; infinite where it is not clipped.</summary>
    public double ClipNorm { get; init; } = double.PositiveInfinity;

    /// <summary>An optimiser for trainable weights, which have their values already.</summary>
    public AdamW(DecoderWeights weights)
    {
        rounded = weights.Flat;
        gradient = weights.FlatGradient
            ?? throw new ArgumentException("These weights were made for inference and have no gradient.", nameof(weights));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Master = rounded.dtype == ScalarType.Float32 ? rounded : rounded.to(ScalarType.Float32);
        (Mean, Variance) = (zeros_like(Master), zeros_like(Master));
        if (HasCopy) Master.DetachFromDisposeScope();
        Mean.DetachFromDisposeScope();
        Variance.DetachFromDisposeScope();
    }

    private bool HasCopy => !ReferenceEquals(Master, rounded);

    /// <summary>Takes up where another optimiser stood: its three tensors, which are copied, and its steps.</summary>
    public void Restore(Tensor master, Tensor mean, Tensor variance, int steps)
    {
        using var noGrad = no_grad();
        Master.copy_(master);
        Mean.copy_(mean);
        Variance.copy_(variance);
        if (HasCopy) rounded.copy_(Master);
        Steps = steps;
    }

    /// <summary>One step along the gradient, which is zeroed afterwards. Nothing is read back to the host.</summary>
    public void Step(double learningRate)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Steps++;
        var slope = HasCopy ? gradient.to(ScalarType.Float32) : gradient;
        if (!double.IsPositiveInfinity(ClipNorm))
            slope.mul_(Norm(slope).add_(Scalars.Of(1e-6), Scalars.One).reciprocal_().mul_(Scalars.Of(ClipNorm)).clamp_max_(Scalars.One));
        using Scalar kept = 1 - learningRate * WeightDecay, correction = Math.Sqrt(1 - Math.Pow(Beta2, Steps)),
            rate = -learningRate / (1 - Math.Pow(Beta1, Steps));
        if (WeightDecay != 0) Master.mul_(kept);
        Mean.mul_(Scalars.Of(Beta1)).add_(slope, Scalars.Of(1 - Beta1));
        Variance.mul_(Scalars.Of(Beta2)).addcmul_(slope, slope, Scalars.Of(1 - Beta2));
        var root = Variance.sqrt().div_(correction).add_(Scalars.Of(Epsilon), Scalars.One);
        Master.addcdiv_(Mean, root, rate);
        if (HasCopy) rounded.copy_(Master);
        gradient.zero_();
    }

    /// <summary>
    /// The norm of a long vector, in double precision part by part: torch's <c>norm()</c> adds up in fp32 from first to last
    /// on the CPU and is 1% off at 10^8 numbers, and its <c>sum()</c> depends on the number of threads.
    /// </summary>
    internal static Tensor Norm(Tensor vector) =>
        stack([.. vector.split(1 << 22).Select(part => part.to(ScalarType.Float64).norm())]).norm().to(vector.dtype);

    /// <summary>Frees the moments, and the copy in fp32 where there is one.</summary>
    public void Dispose()
    {
        if (HasCopy) Master.Dispose();
        Mean.Dispose();
        Variance.Dispose();
    }
}
