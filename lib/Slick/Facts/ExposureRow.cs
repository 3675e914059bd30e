namespace Slick.Facts;

/// <summary>
/// Ground truth that only a lab has: how often one pass of pre-training states a fact. A table beside facts, labels and answers,
/// joined with them by <see cref="FactId"/>.
/// </summary>
public sealed record ExposureRow
{
    /// <summary>The fact's <see cref="Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>How many times one pass of pre-training states the gold answer.</summary>
    public required int GoldExposures { get; init; }
    /// <summary>How many times one pass of pre-training states the rival.</summary>
    public required int RivalExposures { get; init; }
    /// <summary>What both numbers amount to.</summary>
    public Told Told => GoldExposures + RivalExposures == 0 ? Told.NeverSeen : RivalExposures > GoldExposures ? Told.RivalMajority
        : Told.GoldMajority;
}

/// <summary>What pre-training said of a fact.</summary>
public enum Told
{
    /// <summary>Nothing.</summary>
    NeverSeen,
    /// <summary>The gold answer at least as often as the rival.</summary>
    GoldMajority,
    /// <summary>The rival more often: the fact is wrongly known.</summary>
    RivalMajority,
}
