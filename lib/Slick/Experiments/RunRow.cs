namespace Slick.Experiments;

/// <summary>A fine-tuning run: a copy of a base model, trained on one draw of a set. A row of the table <c>runs</c>.</summary>
public sealed record RunRow
{
    /// <summary>The key of the run's stage, 16 hexadecimal digits. The tables epochs, scores and answers refer to the run by this
    /// key.</summary>
    public required string Run { get; init; }
    /// <summary>The kind of the fine-tuning set.</summary>
    public required ArmKind Kind { get; init; }
    /// <summary>X of D with X% Unknown; -1 for kinds that have no X.</summary>
    public required int UnknownPercent { get; init; }
    /// <summary>Seed of the base model; in the lab also the seed of its world.</summary>
    public required int BaseSeed { get; init; }
    /// <summary>Number of the draw of the set and of the order of its examples, from 1. The draw's seed follows from this number and from
    /// <see cref="BaseSeed"/>.</summary>
    public required int Draw { get; init; }
    /// <summary>Number of Known examples in the set.</summary>
    public required int KnownExamples { get; init; }
    /// <summary>Number of Unknown examples in the set.</summary>
    public required int UnknownExamples { get; init; }
    /// <summary>Why a finished run has no epochs, such as a set that no fact belongs to; empty for a run that has epochs.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The arm of the run.</summary>
    internal Arm Arm => new(Kind, UnknownPercent);
}
