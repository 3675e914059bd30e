using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// The optimiser AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over a <see cref="ParameterSet"/>. Weight decay is decoupled and acts
/// on every parameter. Cost of a step: about 12 passes over the parameters, whatever their number of matrices. Everything is computed in
/// fp32. Weights in a shorter number format have a copy in fp32: a step changes the copy, and the copy is rounded into the weights. A step
/// is mostly smaller than half of the last digit of a shorter format, and would be lost without the copy (Micikevicius et al. 2018, arXiv
/// 1710.03740, section 3.1). Taught in <c>notebooks/03-training-dynamics.ipynb</c>.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly ParameterSet set;
    private readonly Tensor? copy; // fp32 [parameters], for weights in a shorter format; else null
    private readonly (Tensor Master, Tensor Mean, Tensor Variance)[] ranges; // fp32, for each range of the set
    private readonly List<Tensor> views = [];
    private Tensor? sum; // fp32 [parameters], made by AddUp
    private bool isSummed; // true where the next step follows the sum

    /// <summary>
    /// The parameters that the optimiser steps, fp32: [parameters]. Weights in a shorter format: the copy in fp32. Weights in fp32: the
    /// parameters themselves, or, where the set has more than one range, a new copy, which the caller frees.
    /// </summary>
    public Tensor Master => copy ?? (ranges.Length == 1 ? ranges[0].Master : set.Copy());
    /// <summary>First moment, fp32: [parameters].</summary>
    public Tensor Mean { get; }
    /// <summary>Second moment, fp32: [parameters].</summary>
    public Tensor Variance { get; }
    /// <summary>Number of steps taken.</summary>
    public int Steps { get; private set; }
    /// <summary>Decay of the first moment in one step.</summary>
    public double Beta1 { get; init; } = 0.9;
    /// <summary>Decay of the second moment in one step.</summary>
    public double Beta2 { get; init; } = 0.999;
    /// <summary>Added to the square root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;
    /// <summary>Weight decay: the share of a weight that one step at learning rate 1 takes away.</summary>
    public double WeightDecay { get; init; }
    /// <summary>
    /// Largest norm of the gradient: a longer gradient is scaled down to this norm. Infinite where the gradient is not clipped.
    /// </summary>
    public double ClipNorm { get; init; } = double.PositiveInfinity;

    /// <summary>An optimiser for all trainable parameters of a model. Their values must be set before.</summary>
    /// <param name="weights">The model.</param>
    /// <exception cref="ArgumentException">The weights were made for inference.</exception>
    public AdamW(DecoderWeights weights) : this(weights.Parameters
        ?? throw new ArgumentException("These weights were made for inference and have no gradient.", nameof(weights))) { }

    /// <summary>An optimiser for a set of parameters. Their values must be set before.</summary>
    /// <param name="set">The parameters.</param>
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

    /// <summary>The optimiser's state as tensors of a checkpoint, without the number of steps. Nothing is copied.</summary>
    internal IEnumerable<(string Name, Tensor Values)> State() =>
        [.. copy is not null ? [("weights", copy)] : set.Named("weights"), ("mean", Mean), ("variance", Variance)];

    /// <summary>Takes the state of another optimiser, such as that of an interrupted run, from a checkpoint. The tensors are read window by
    /// window, so they are not held beside the optimiser's own.</summary>
    /// <param name="file">The checkpoint, with the tensors of <see cref="State"/>.</param>
    /// <param name="steps">Number of steps taken.</param>
    /// <exception cref="SlickException">The file lacks a tensor, or has become shorter.</exception>
    internal void Restore(Safetensors file, int steps)
    {
        if (copy is null) set.Read(file, "weights");
        else
        {
            file.CopyTo("weights", copy);
            set.Set(copy);
        }
        file.CopyTo("mean", Mean);
        file.CopyTo("variance", Variance);
        Steps = steps;
    }

    /// <summary>
    /// Adds the set's gradient to a sum in fp32, which the next step follows instead of the gradient, and sets the gradient to zero. So the
    /// gradients of several pieces of a batch can be added up although the weights have a shorter format. The sum takes 4 bytes for each
    /// parameter, from the first call on.
    /// </summary>
    internal void AddUp()
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        sum ??= zeros([set.Count], ScalarType.Float32, set.Device).DetachFromDisposeScope();
        // Torch makes a copy of the gradient in fp32 for the sum: it is made part by part.
        foreach (var (all, (_, gradient)) in Sums().Zip(set.Ranges))
            foreach (var (part, own) in all.split(1 << 22).Zip(gradient.split(1 << 22))) part.add_(own, Scalars.One);
        set.ZeroGradient();
        isSummed = true;
    }

    // The sum's part for each range of the set.
    private IEnumerable<Tensor> Sums()
    {
        var first = 0L;
        foreach (var (values, _) in set.Ranges)
        {
            yield return sum!.narrow(0, first, values.numel());
            first += values.numel();
        }
    }

    /// <summary>
    /// Takes one optimiser step with the set's gradient, or with the sum of <see cref="AddUp"/>, and sets the gradient to zero. Nothing is
    /// read back to the host.
    /// </summary>
    /// <param name="learningRate">The learning rate of this step.</param>
    public void Step(double learningRate)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Steps++;
        Tensor[]? sums = isSummed ? [.. Sums()] : null;
        var factor = double.IsPositiveInfinity(ClipNorm) ? null
            : (sums is null ? set.GradientNorm() : Norm(sums)).add_(Scalars.Of(1e-6), Scalars.One).reciprocal_()
                .mul_(Scalars.Of(ClipNorm)).clamp_max_(Scalars.One);
        using Scalar kept = 1 - learningRate * WeightDecay, correction = Math.Sqrt(1 - Math.Pow(Beta2, Steps)),
            rate = -learningRate / (1 - Math.Pow(Beta1, Steps));
        for (var i = 0; i < ranges.Length; i++)
        {
            using var within = NewDisposeScope();
            var (master, mean, variance) = ranges[i];
            var (values, gradient) = set.Ranges[i];
            var slope = sums?[i] ?? (copy is null ? gradient : gradient.to(ScalarType.Float32));
            if (factor is not null) slope.mul_(factor);
            if (WeightDecay != 0) master.mul_(kept);
            mean.mul_(Scalars.Of(Beta1)).add_(slope, Scalars.Of(1 - Beta1));
            variance.mul_(Scalars.Of(Beta2)).addcmul_(slope, slope, Scalars.Of(1 - Beta2));
            var root = variance.sqrt().div_(correction).add_(Scalars.Of(Epsilon), Scalars.One);
            master.addcdiv_(mean, root, rate);
            if (copy is not null) values.copy_(master);
        }
        set.ZeroGradient();
        if (isSummed) sum!.zero_();
        isSummed = false;
    }

    /// <summary>
    /// The norm of all numbers of some long vectors, fp32 []. Each part of a vector is summed up in double precision. On the CPU, torch's
    /// <c>norm()</c> adds up in fp32 from first to last and is 1% off at 10^8 numbers, and its <c>sum()</c> depends on the number of
    /// threads.
    /// </summary>
    internal static Tensor Norm(IEnumerable<Tensor> vectors) =>
        stack([.. vectors.SelectMany(v => v.split(1 << 22)).Select(part => part.to(ScalarType.Float64).norm())]).norm()
            .to(ScalarType.Float32);

    /// <summary>Frees the moments, and the copy and the sum in fp32 where there are such.</summary>
    public void Dispose()
    {
        foreach (var view in views) view.Dispose();
        copy?.Dispose();
        sum?.Dispose();
        Mean.Dispose();
        Variance.Dispose();
    }
}
