namespace Slick.Experiments;

/// <summary>One epoch of one fine-tuning run. A row of the table <c>epochs</c>.</summary>
public sealed record EpochRow
{
    /// <summary>The run: <see cref="RunRow.Run"/>.</summary>
    public required string Run { get; init; }
    /// <summary>Number of the epoch; 0 is the base model before any optimiser step.</summary>
    public required int Epoch { get; init; }
    /// <summary>Optimiser steps until the end of the epoch.</summary>
    public required int Updates { get; init; }
    /// <summary>Mean loss of the epoch's answer tokens, in nats for each token; NaN at epoch 0.</summary>
    public required double TrainLoss { get; init; }
}
