namespace Slick.Experiments;

/// <summary>A fine-tuning run: copies of a base model trained on one draw of a set. Table <c>runs</c>.</summary>
public sealed record RunRow
{
    /// <summary>The run's key: its stage's, 16 hexadecimal digits. The tables epochs, scores and answers name it.</summary>
    public required string Run { get; init; }
    /// <summary>How the fine-tuning set was made.</summary>
    public required ArmKind Kind { get; init; }
    /// <summary>X of D with X% Unknown; -1 for kinds that have none.</summary>
    public required int UnknownPercent { get; init; }
    /// <summary>Seed of the base model (in the lab, of its world too).</summary>
    public required int BaseSeed { get; init; }
    /// <summary>Number of the draw of the set and of the order of its examples, from 1. The draw's seed follows from it and from
    /// <see cref="BaseSeed"/>.</summary>
    public required int Draw { get; init; }
    /// <summary>Known examples in the set.</summary>
    public required int KnownExamples { get; init; }
    /// <summary>Unknown examples in the set.</summary>
    public required int UnknownExamples { get; init; }
    /// <summary>Why a finished run has no epochs, such as a set that no fact belongs to; empty for a run that has epochs.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The kind of set.</summary>
    internal Arm Arm => new(Kind, UnknownPercent);
}
