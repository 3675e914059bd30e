namespace Slick.Training;

/// <summary>The course of the learning rate over a run.</summary>
public enum LearningRateShape
{
    /// <summary>The rate is the same at every step (paper, section 4).</summary>
    Constant,
    /// <summary>The rate falls in a straight line from its full value at the first step. It would reach zero at the step after the last
    /// one.</summary>
    LinearDecay,
    /// <summary>The rate rises in a straight line over the first steps. Then it falls along a cosine to a share of its highest
    /// value.</summary>
    WarmupCosine,
}

/// <summary>The learning rate of each step of a run.</summary>
/// <param name="Shape">How the rate changes.</param>
/// <param name="Rate">The highest rate of the run.</param>
/// <param name="WarmupShare">Share of the steps in which the rate rises; used by <see cref="LearningRateShape.WarmupCosine"/>.</param>
/// <param name="FinalShare">The last rate as a share of the highest one; used by <see cref="LearningRateShape.WarmupCosine"/>.</param>
internal readonly record struct LearningRate(LearningRateShape Shape, double Rate, double WarmupShare, double FinalShare = 0.1)
{
    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">Number of the step, from 0.</param>
    /// <param name="steps">Steps of the whole run.</param>
    public double At(int step, int steps)
    {
        if (Shape == LearningRateShape.Constant) return Rate;
        if (Shape == LearningRateShape.LinearDecay) return Rate * (steps - step) / steps;
        var warmup = Math.Max(1, WarmupShare * steps);
        if (step < warmup) return Rate * (step + 1) / warmup;
        var done = (step - warmup) / Math.Max(1, steps - warmup);
        return Rate * (FinalShare + (1 - FinalShare) / 2 * (1 + Math.Cos(Math.PI * done)));
    }
}
