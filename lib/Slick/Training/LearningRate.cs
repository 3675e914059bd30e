namespace Slick.Training;

/// <summary>How the learning rate changes in the course of a run.</summary>
public enum LearningRateShape
{
    /// <summary>The same at every step (paper, section 4).</summary>
    Constant,
    /// <summary>From the rate at the first step in a straight line to zero, which the step after the last one would have.</summary>
    LinearDecay,
    /// <summary>A rise in a straight line over the first steps, then a fall as a cosine to a tenth of the rate.</summary>
    WarmupCosine,
}

/// <summary>The learning rate of each step of a run.</summary>
/// <param name="Shape">How the rate changes.</param>
/// <param name="Rate">The highest rate.</param>
/// <param name="WarmupShare">Share of the steps in which the rate of <see cref="LearningRateShape.WarmupCosine"/> rises.</param>
internal readonly record struct LearningRate(LearningRateShape Shape, double Rate, double WarmupShare)
{
    /// <summary>The rate of a step.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="steps">Steps of the whole run.</param>
    public double At(int step, int steps)
    {
        if (Shape == LearningRateShape.Constant) return Rate;
        if (Shape == LearningRateShape.LinearDecay) return Rate * (steps - step) / steps;
        var warmup = Math.Max(1, WarmupShare * steps);
        if (step < warmup) return Rate * (step + 1) / warmup;
        var done = (step - warmup) / Math.Max(1, steps - warmup);
        return Rate * (0.1 + 0.45 * (1 + Math.Cos(Math.PI * done)));
    }
}
