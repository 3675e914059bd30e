namespace Slick.Experiments;

/// <summary>One epoch of one fine-tuning run. Table <c>epochs</c>.</summary>
public sealed record EpochRow
{
    /// <summary>The run: <see cref="RunRow.Run"/>.</summary>
    public required string Run { get; init; }
    /// <summary>0 is the base model before any update; 1 is the first epoch.</summary>
    public required int Epoch { get; init; }
    /// <summary>Optimiser steps so far.</summary>
    public required int Updates { get; init; }
    /// <summary>Mean loss of the epoch's answers, nats a token; NaN at epoch 0.</summary>
    public required double TrainLoss { get; init; }
}
