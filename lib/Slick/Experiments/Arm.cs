namespace Slick.Experiments;

/// <summary>Kinds of fine-tuning sets (paper, sections 4 and 5). <see cref="KnownOnlySameUpdates"/>, <see cref="RatioDecayingRate"/>
/// and those after it are ours.</summary>
public enum ArmKind
{
    /// <summary>D: X% Unknown and (100 - X)% Known examples of each relation.</summary>
    Ratio,
    /// <summary>D_Known: D without its Unknown examples.</summary>
    KnownOnly,
    /// <summary>D_Known, trained for as many optimiser steps as D. Ours.</summary>
    KnownOnlySameUpdates,
    /// <summary>D_HighlyKnown: |D| HighlyKnown examples.</summary>
    HighlyKnown,
    /// <summary>D_MaybeKnown: |D| MaybeKnown examples.</summary>
    MaybeKnown,
    /// <summary>D_WeaklyKnown: |D| WeaklyKnown examples.</summary>
    WeaklyKnown,
    /// <summary>D_Natural: |D| examples, with the categories in their natural shares.</summary>
    Natural,
    /// <summary>D, fine-tuned with a learning rate that decays to zero (claim 8). Ours.</summary>
    RatioDecayingRate,
    /// <summary>D_IDK: D, with "I don't know" as the answer of its Unknown examples (paper, Table 8).</summary>
    DontKnow,
    /// <summary>Unknown facts that pre-training never stated (<see cref="UnknownKinds"/>). Lab only, ours.</summary>
    NeverStated,
    /// <summary>Unknown facts that pre-training stated and the base model did not keep (<see cref="UnknownKinds"/>). Lab only,
    /// ours.</summary>
    StatedNotKept,
    /// <summary>Unknown facts whose rival pre-training stated more often than the gold answer (<see cref="UnknownKinds"/>). Lab only,
    /// ours.</summary>
    RivalStated,
    /// <summary>X% of the relations with Unknown examples alone, the others with Known examples alone. Ours.</summary>
    Concentrated,
    /// <summary>As many Unknown examples as <see cref="Concentrated"/> has, spread over all relations. Ours.</summary>
    Spread,
    /// <summary>The facts of a ladder that pre-training never stated (<see cref="Facts.Ladder"/>). Lab only, ours.</summary>
    Stated0,
    /// <summary>The facts of a ladder that one pass of pre-training stated twice. Lab only, ours.</summary>
    Stated2,
    /// <summary>The facts of a ladder that one pass of pre-training stated 8 times. Lab only, ours.</summary>
    Stated8,
    /// <summary>The facts of a ladder that one pass of pre-training stated 32 times. Lab only, ours.</summary>
    Stated32,
    /// <summary>The facts of a ladder that one pass of pre-training stated 128 times. Lab only, ours.</summary>
    Stated128,
    /// <summary>The facts of a ladder that one pass of pre-training stated 32 times, and their rivals 96 times. Lab only, ours.</summary>
    StatedWithRival,
}

/// <summary>A kind of fine-tuning set with its percentage. D with 100% Unknown is also the single-category set D_Unknown.</summary>
/// <param name="Kind">The kind of set.</param>
/// <param name="UnknownPercent">X of X% Unknown, 0 to 100; -1 for kinds that have no X.</param>
public sealed record Arm(ArmKind Kind, int UnknownPercent = -1)
{
    /// <summary>D with 100% Unknown, which is also the single-category set D_Unknown.</summary>
    public static Arm Unknown { get; } = new(ArmKind.Ratio, 100);

    /// <summary>A name of the arm that never changes, such as <c>ratio-50</c>. Seeds follow from this name, not from the name that is
    /// shown.</summary>
    public string Id => Kind switch
    {
        ArmKind.Ratio => $"ratio-{UnknownPercent}",
        ArmKind.KnownOnly => $"known-only-{UnknownPercent}",
        ArmKind.RatioDecayingRate => $"ratio-decaying-rate-{UnknownPercent}",
        ArmKind.KnownOnlySameUpdates => $"known-only-same-updates-{UnknownPercent}",
        ArmKind.DontKnow => $"idk-{UnknownPercent}",
        ArmKind.HighlyKnown => "single-highly-known",
        ArmKind.MaybeKnown => "single-maybe-known",
        ArmKind.WeaklyKnown => "single-weakly-known",
        ArmKind.Natural => "natural",
        ArmKind.NeverStated => "unknown-never-stated",
        ArmKind.StatedNotKept => "unknown-stated-not-kept",
        ArmKind.RivalStated => "unknown-rival-stated",
        ArmKind.Concentrated => $"concentrated-{UnknownPercent}",
        ArmKind.Spread => $"spread-{UnknownPercent}",
        ArmKind.Stated0 => "stated-0",
        ArmKind.Stated2 => "stated-2",
        ArmKind.Stated8 => "stated-8",
        ArmKind.Stated32 => "stated-32",
        ArmKind.Stated128 => "stated-128",
        ArmKind.StatedWithRival => "stated-with-rival",
        _ => throw new ArgumentOutOfRangeException(nameof(Kind)),
    };

    /// <summary>The name used in tables and figures, such as <c>D 50%</c> or <c>D_Known 50%</c>.</summary>
    public override string ToString() => Kind switch
    {
        ArmKind.Ratio => $"D {UnknownPercent}%",
        ArmKind.KnownOnly => $"D_Known {UnknownPercent}%",
        ArmKind.RatioDecayingRate => $"D {UnknownPercent}%, decaying rate",
        ArmKind.KnownOnlySameUpdates => $"D_Known {UnknownPercent}%, D's updates",
        ArmKind.DontKnow => $"D_IDK {UnknownPercent}%",
        ArmKind.NeverStated => "Unknown, never stated",
        ArmKind.StatedNotKept => "Unknown, stated and not kept",
        ArmKind.RivalStated => "Unknown, rival stated",
        ArmKind.Concentrated => $"{UnknownPercent}% of the relations Unknown",
        ArmKind.Spread => $"as many Unknown ({UnknownPercent}%), spread",
        ArmKind.Stated0 => "never stated",
        ArmKind.Stated2 => "stated 2 times",
        ArmKind.Stated8 => "stated 8 times",
        ArmKind.Stated32 => "stated 32 times",
        ArmKind.Stated128 => "stated 128 times",
        ArmKind.StatedWithRival => "stated 32 times, the rival 96 times",
        _ => $"D_{Kind}",
    };
}
