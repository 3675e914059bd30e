using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over one flat tensor: about 12 passes over the parameters,
/// whatever their number of matrices. Weight decay is decoupled and acts on every parameter.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly Tensor parameters;
    private readonly Tensor gradient;

    /// <summary>First moment: [parameters].</summary>
    public Tensor Mean { get; }
    /// <summary>Second moment: [parameters].</summary>
    public Tensor Variance { get; }
    /// <summary>Steps taken.</summary>
    public int Steps { get; set; }
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

    /// <summary>An optimiser for trainable weights.</summary>
    public AdamW(DecoderWeights weights)
    {
        parameters = weights.Flat;
        gradient = weights.FlatGradient ?? throw new ArgumentException("These weights were made for inference and have no gradient.", nameof(weights));
        using var noGrad = no_grad();
        Mean = zeros_like(parameters).DetachFromDisposeScope();
        Variance = zeros_like(parameters).DetachFromDisposeScope();
    }

    /// <summary>One step along the gradient, which is zeroed afterwards. Nothing is read back to the host.</summary>
    public void Step(double learningRate)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Steps++;
        if (!double.IsPositiveInfinity(ClipNorm))
            gradient.mul_(Norm(gradient).add_(Scalars.Of(1e-6), Scalars.One).reciprocal_().mul_(Scalars.Of(ClipNorm)).clamp_max_(Scalars.One));
        using Scalar kept = 1 - learningRate * WeightDecay, correction = Math.Sqrt(1 - Math.Pow(Beta2, Steps)), rate = -learningRate / (1 - Math.Pow(Beta1, Steps));
        if (WeightDecay != 0) parameters.mul_(kept);
        Mean.mul_(Scalars.Of(Beta1)).add_(gradient, Scalars.Of(1 - Beta1));
        Variance.mul_(Scalars.Of(Beta2)).addcmul_(gradient, gradient, Scalars.Of(1 - Beta2));
        var root = Variance.sqrt().div_(correction).add_(Scalars.Of(Epsilon), Scalars.One);
        parameters.addcdiv_(Mean, root, rate);
        gradient.zero_();
    }

    /// <summary>
    /// The norm of a long vector, in double precision part by part: torch's <c>norm()</c> adds up in fp32 from first to last
    /// on the CPU and is 1% off at 10^8 numbers, and its <c>sum()</c> depends on the number of threads.
    /// </summary>
    internal static Tensor Norm(Tensor vector) => stack([.. vector.split(1 << 22).Select(part => part.to(ScalarType.Float64).norm())]).norm().to(vector.dtype);

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        Mean.Dispose();
        Variance.Dispose();
    }
}
