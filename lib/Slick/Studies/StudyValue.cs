namespace Slick.Studies;

/// <summary>One number of one fine-tuning run of a lab's study. A row of the table <c>values</c>, from which the study's claims, table
/// and figure follow.</summary>
public sealed record StudyValue
{
    /// <summary>The variant: <see cref="StudyVariant.Name"/>.</summary>
    public required string Variant { get; init; }
    /// <summary>The fine-tuning set: <see cref="Experiments.Arm.Id"/>.</summary>
    public required string Set { get; init; }
    /// <summary>Seed of the base model and its world.</summary>
    public required int BaseSeed { get; init; }
    /// <summary>Number of the draw of the set, from 1.</summary>
    public required int Draw { get; init; }
    /// <summary>What the number is (<see cref="Measures"/>).</summary>
    public required string Measure { get; init; }
    /// <summary>The stop at which it was taken (<see cref="Measures"/>); empty for a number of the whole run, and for one of an epoch that
    /// is no stop.</summary>
    public string Stop { get; init; } = "";
    /// <summary>The epoch at which it was taken; -1 for a number of the whole run.</summary>
    public int Epoch { get; init; } = -1;
    /// <summary>The number.</summary>
    public required double Value { get; init; }
    /// <summary>Standard error of the number over the run's test questions; NaN where it is not known.</summary>
    public double StandardError { get; init; } = double.NaN;
}
