using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Experiments;

/// <summary>Whether one test question is answered right by the base model, at EARLY_STOP and at CONVERGENCE of one run.</summary>
public sealed record AnswerRow
{
    /// <summary>How the fine-tuning set was made.</summary>
    public required ArmKind Kind { get; init; }
    /// <summary>X of D with X% Unknown; -1 for kinds that have none.</summary>
    public required int UnknownPercent { get; init; }
    /// <summary>Seed of world and base model.</summary>
    public required int BaseSeed { get; init; }
    /// <summary>Seed of D and of the order of its examples.</summary>
    public required int Seed { get; init; }
    /// <summary>The test question's <see cref="Facts.Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>The relation's id.</summary>
    public required string Relation { get; init; }
    /// <summary>The test question's category for the base model.</summary>
    public required Category Category { get; init; }
    /// <summary>Lab only: times that one pass of pre-training states the gold answer; -1 where unknown.</summary>
    public int GoldExposures { get; init; } = -1;
    /// <summary>Lab only: times that one pass of pre-training states the rival; -1 where unknown.</summary>
    public int RivalExposures { get; init; } = -1;
    /// <summary>Lab only: what pre-training said of the fact.</summary>
    public Told Told => LabelRow.ToldBy(GoldExposures, RivalExposures);
    /// <summary>Exact match before fine-tuning.</summary>
    public required bool Base { get; init; }
    /// <summary>Exact match at EARLY_STOP.</summary>
    public required bool EarlyStop { get; init; }
    /// <summary>Exact match at the last epoch.</summary>
    public required bool Convergence { get; init; }
}
