using Slick.Answers;
using Slick.Models;
using Slick.Text;

namespace Slick.Training;

/// <summary>A run of fine-tuning: everything that its result depends on, and where its checkpoint is.</summary>
public sealed record FineTuningRun
{
    /// <summary>The base model's weights; left as they are.</summary>
    public required DecoderWeights Start { get; init; }
    /// <summary>Its tokenizer.</summary>
    public required ITokenizer Tokenizer { get; init; }
    /// <summary>Schedule, batches, parameters, objective.</summary>
    public FineTuningOptions Options { get; init; } = new();
    /// <summary>The fine-tuning set.</summary>
    public required IReadOnlyList<Example> Examples { get; init; }
    /// <summary>The other examples that <see cref="FineTuningOptions.ReplayShare"/> mixes in.</summary>
    public IReadOnlyList<Example> Replay { get; init; } = [];
    /// <summary>The sets of questions that an epoch can ask (<see cref="TrainingEpoch.Ask"/>), by name.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<Example>> Questions { get; init; } =
        new Dictionary<string, IReadOnlyList<Example>>();
    /// <summary>Seed of the order, of dropout, of a fresh adapter and of what is mixed in.</summary>
    public required int Seed { get; init; }
    /// <summary>Optimiser steps that count as an epoch; 0 for one pass over the set. The set is passed over as often as that takes: so a
    /// small set gets the updates of a large one.</summary>
    public int EpochUpdates { get; init; }
    /// <summary>A folder for the checkpoint that a later call resumes from, and for kept parameters; null for no checkpoint, and kept
    /// parameters in memory.</summary>
    public string? Scratch { get; init; }

    /// <summary>For a test: the memory that is free, in bytes; null for what the machine says.</summary>
    internal long? FreeBytes { get; init; }
}
