using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over a <see cref="ParameterSet"/>: about 12 passes over the parameters,
/// whatever their number of matrices. Weight decay is decoupled and acts on every parameter. Everything is computed in fp32: of weights
/// in a shorter format a copy in fp32 is stepped and then rounded into them, for a step is mostly smaller than half of such a
/// format's last digit and would be lost (Micikevicius et al. 2018, arXiv 1710.03740, section 3.1).
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly ParameterSet set;
    private readonly Tensor? copy; // fp32 [parameters], of weights in a shorter format
    private readonly (Tensor Master, Tensor Mean, Tensor Variance)[] ranges; // of each range of the set, fp32
    private readonly List<Tensor> views = [];

    /// <summary>The parameters that are stepped, fp32: [parameters]. Of fp32 weights they are the parameters themselves (a copy, which
    /// the caller frees, where the set has more than one range), else a copy that begins with their values.</summary>
    public Tensor Master => copy ?? (ranges.Length == 1 ? ranges[0].Master : set.Copy());
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

    /// <summary>An optimiser for all trainable parameters of some weights, which have their values already.</summary>
    /// <exception cref="ArgumentException">The weights were made for inference.</exception>
    public AdamW(DecoderWeights weights) : this(weights.Parameters
        ?? throw new ArgumentException("These weights were made for inference and have no gradient.", nameof(weights))) { }

    /// <summary>An optimiser for a set of parameters, which have their values already.</summary>
    public AdamW(ParameterSet set)
    {
        this.set = set;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        (Mean, Variance) = (zeros([set.Count], ScalarType.Float32, set.Device), zeros([set.Count], ScalarType.Float32, set.Device));
        var isWide = set.DType == ScalarType.Float32;
        if (!isWide) copy = set.Copy().to(ScalarType.Float32);
        ranges = new (Tensor, Tensor, Tensor)[set.Ranges.Count];
        Tensor Part(Tensor all, long first, long count)
        {
            if (ranges.Length == 1) return all;
            views.Add(all.narrow(0, first, count));
            return views[^1];
        }
        var first = 0L;
        for (var i = 0; i < ranges.Length; i++)
        {
            var values = set.Ranges[i].Values;
            ranges[i] = (copy is null ? values : Part(copy, first, values.numel()), Part(Mean, first, values.numel()),
                Part(Variance, first, values.numel()));
            first += values.numel();
        }
        Mean.DetachFromDisposeScope();
        Variance.DetachFromDisposeScope();
        copy?.DetachFromDisposeScope();
        foreach (var view in views) view.DetachFromDisposeScope();
    }

    /// <summary>Takes up where another optimiser stood: its three tensors, which are copied, and its steps.</summary>
    public void Restore(Tensor master, Tensor mean, Tensor variance, int steps)
    {
        using var noGrad = no_grad();
        copy?.copy_(master);
        set.Set(master);
        Mean.copy_(mean);
        Variance.copy_(variance);
        Steps = steps;
    }

    /// <summary>One step along the gradient, which is zeroed afterwards. Nothing is read back to the host.</summary>
    public void Step(double learningRate)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Steps++;
        var factor = double.IsPositiveInfinity(ClipNorm) ? null
            : set.GradientNorm().add_(Scalars.Of(1e-6), Scalars.One).reciprocal_().mul_(Scalars.Of(ClipNorm)).clamp_max_(Scalars.One);
        using Scalar kept = 1 - learningRate * WeightDecay, correction = Math.Sqrt(1 - Math.Pow(Beta2, Steps)),
            rate = -learningRate / (1 - Math.Pow(Beta1, Steps));
        for (var i = 0; i < ranges.Length; i++)
        {
            using var within = NewDisposeScope();
            var (master, mean, variance) = ranges[i];
            var (values, gradient) = set.Ranges[i];
            var slope = copy is null ? gradient : gradient.to(ScalarType.Float32);
            if (factor is not null) slope.mul_(factor);
            if (WeightDecay != 0) master.mul_(kept);
            mean.mul_(Scalars.Of(Beta1)).add_(slope, Scalars.Of(1 - Beta1));
            variance.mul_(Scalars.Of(Beta2)).addcmul_(slope, slope, Scalars.Of(1 - Beta2));
            var root = variance.sqrt().div_(correction).add_(Scalars.Of(Epsilon), Scalars.One);
            master.addcdiv_(mean, root, rate);
            if (copy is not null) values.copy_(master);
        }
        set.ZeroGradient();
    }

    /// <summary>
    /// The norm of all numbers of some long vectors, fp32 [], in double precision part by part: torch's <c>norm()</c> adds up in fp32
    /// from first to last on the CPU and is 1% off at 10^8 numbers, and its <c>sum()</c> depends on the number of threads.
    /// </summary>
    internal static Tensor Norm(IEnumerable<Tensor> vectors) =>
        stack([.. vectors.SelectMany(v => v.split(1 << 22)).Select(part => part.to(ScalarType.Float64).norm())]).norm()
            .to(ScalarType.Float32);

    /// <summary>Frees the moments, and the copy in fp32 where there is one.</summary>
    public void Dispose()
    {
        foreach (var view in views) view.Dispose();
        copy?.Dispose();
        Mean.Dispose();
        Variance.Dispose();
    }
}
