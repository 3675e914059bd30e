namespace Slick.Experiments;

/// <summary>One epoch of one fine-tuning run. Accuracies and shares are in [0, 1]; NaN where there is nothing to count.</summary>
public sealed record EpochRow
{
    /// <summary>How the fine-tuning set was made.</summary>
    public required ArmKind Kind { get; init; }
    /// <summary>X of D with X% Unknown; -1 for kinds that have none.</summary>
    public required int UnknownPercent { get; init; }
    /// <summary>Seed of world and base model: the cluster of every interval in <c>lab</c>.</summary>
    public required int BaseSeed { get; init; }
    /// <summary>Seed of D and of the order of its examples.</summary>
    public required int Seed { get; init; }
    /// <summary>0 is the base model before any update; 1 is the first epoch.</summary>
    public required int Epoch { get; init; }
    /// <summary>Optimiser steps so far.</summary>
    public required int Updates { get; init; }
    /// <summary>Known examples in the set.</summary>
    public required int KnownExamples { get; init; }
    /// <summary>Unknown examples in the set.</summary>
    public required int UnknownExamples { get; init; }
    /// <summary>Mean loss of the epoch's answers, nats a token; NaN at epoch 0.</summary>
    public required double TrainLoss { get; init; }
    /// <summary>Exact match on the dev questions.</summary>
    public required double DevAccuracy { get; init; }
    /// <summary>Exact match on all test questions.</summary>
    public required double TestAccuracy { get; init; }
    /// <summary>Exact match on the HighlyKnown test questions.</summary>
    public required double TestHighlyKnown { get; init; }
    /// <summary>Exact match on the MaybeKnown test questions.</summary>
    public required double TestMaybeKnown { get; init; }
    /// <summary>Exact match on the WeaklyKnown test questions.</summary>
    public required double TestWeaklyKnown { get; init; }
    /// <summary>Exact match on the Unknown test questions.</summary>
    public required double TestUnknown { get; init; }
    /// <summary>Exact match on the test questions of the out-of-distribution relations.</summary>
    public required double OodAccuracy { get; init; }
    /// <summary>Share of the set's HighlyKnown examples whose greedy answer is the gold answer.</summary>
    public required double FittedHighlyKnown { get; init; }
    /// <summary>The same of its MaybeKnown examples.</summary>
    public required double FittedMaybeKnown { get; init; }
    /// <summary>The same of its WeaklyKnown examples.</summary>
    public required double FittedWeaklyKnown { get; init; }
    /// <summary>The same of its Known examples (the three above pooled).</summary>
    public required double FittedKnown { get; init; }
    /// <summary>The same of its Unknown examples.</summary>
    public required double FittedUnknown { get; init; }
    /// <summary>The same of the whole set.</summary>
    public required double Fitted { get; init; }
    /// <summary>True in the one row of a run that is EARLY_STOP: the first of epochs 1.. with the highest dev accuracy.</summary>
    public required bool EarlyStop { get; init; }
}
