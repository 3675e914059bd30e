namespace Slick.Experiments;

/// <summary>How a fine-tuning set is made (paper, section 4 and 5; equal updates and the decaying rate are ours).</summary>
public enum ArmKind
{
    /// <summary>D: X% Unknown and (100 - X)% Known examples of each relation.</summary>
    Ratio,
    /// <summary>D_Known: D without its Unknown examples.</summary>
    KnownOnly,
    /// <summary>D_Known trained for as many updates as D.</summary>
    KnownOnlySameUpdates,
    /// <summary>D_HighlyKnown: |D| examples of that category.</summary>
    HighlyKnown,
    /// <summary>D_MaybeKnown.</summary>
    MaybeKnown,
    /// <summary>D_WeaklyKnown.</summary>
    WeaklyKnown,
    /// <summary>D_Natural: categories in their natural shares.</summary>
    Natural,
    /// <summary>D, fine-tuned with a learning rate that decays to zero (claim 8).</summary>
    RatioDecayingRate,
}

/// <summary>One kind of fine-tuning set; D at 100% Unknown is also the single-category set D_Unknown.</summary>
/// <param name="Kind">How the set is made.</param>
/// <param name="UnknownPercent">X, 0 to 100; -1 for the kinds that have no X.</param>
public sealed record Arm(ArmKind Kind, int UnknownPercent = -1)
{
    /// <summary>D with 100% Unknown, which is also the single-category set of Unknown.</summary>
    public static Arm Unknown { get; } = new(ArmKind.Ratio, 100);

    /// <summary>A name that never changes: seeds follow from it, and not from how the set is shown.</summary>
    public string Id => Kind switch
    {
        ArmKind.Ratio => $"ratio-{UnknownPercent}",
        ArmKind.KnownOnly => $"known-only-{UnknownPercent}",
        ArmKind.RatioDecayingRate => $"ratio-decaying-rate-{UnknownPercent}",
        ArmKind.KnownOnlySameUpdates => $"known-only-same-updates-{UnknownPercent}",
        ArmKind.HighlyKnown => "single-highly-known",
        ArmKind.MaybeKnown => "single-maybe-known",
        ArmKind.WeaklyKnown => "single-weakly-known",
        ArmKind.Natural => "natural",
        _ => throw new ArgumentOutOfRangeException(nameof(Kind)),
    };

    /// <summary>The name used in tables and figures, such as <c>D 50%</c> or <c>D_Known 50%</c>.</summary>
    public override string ToString() => Kind switch
    {
        ArmKind.Ratio => $"D {UnknownPercent}%",
        ArmKind.KnownOnly => $"D_Known {UnknownPercent}%",
        ArmKind.RatioDecayingRate => $"D {UnknownPercent}%, decaying rate",
        ArmKind.KnownOnlySameUpdates => $"D_Known {UnknownPercent}%, D's updates",
        _ => $"D_{Kind}",
    };
}
