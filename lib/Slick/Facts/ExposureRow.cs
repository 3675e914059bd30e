namespace Slick.Facts;

/// <summary>
/// How often one pass of pre-training states a fact. Only a lab has this ground truth. The rows are a table beside facts, labels and
/// answers, joined with them by <see cref="FactId"/>.
/// </summary>
public sealed record ExposureRow
{
    /// <summary>The fact's <see cref="Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>How many times one pass of pre-training states the gold answer.</summary>
    public required int GoldExposures { get; init; }
    /// <summary>How many times one pass of pre-training states the rival, a wrong answer (<see cref="Fact.Rival"/>).</summary>
    public required int RivalExposures { get; init; }
    /// <summary>Which of the two answers pre-training states more often.</summary>
    public Told Told => GoldExposures + RivalExposures == 0 ? Told.NeverSeen : RivalExposures > GoldExposures ? Told.RivalMajority
        : Told.GoldMajority;
}

/// <summary>What pre-training stated about a fact.</summary>
public enum Told
{
    /// <summary>Pre-training states neither the gold answer nor the rival.</summary>
    NeverSeen,
    /// <summary>Pre-training states the gold answer at least as often as the rival.</summary>
    GoldMajority,
    /// <summary>Pre-training states the rival more often than the gold answer.</summary>
    RivalMajority,
}
