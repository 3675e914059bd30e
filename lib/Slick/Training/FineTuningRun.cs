using Slick.Answers;
using Slick.Models;
using Slick.Text;

namespace Slick.Training;

/// <summary>A run of fine-tuning: everything that its result depends on, and the folder of its checkpoint.</summary>
public sealed record FineTuningRun
{
    /// <summary>The base model's weights; they are not changed.</summary>
    public required DecoderWeights Start { get; init; }
    /// <summary>The base model's tokenizer.</summary>
    public required ITokenizer Tokenizer { get; init; }
    /// <summary>Epochs, batches, learning rate and the other settings.</summary>
    public FineTuningOptions Options { get; init; } = new();
    /// <summary>The fine-tuning set.</summary>
    public required IReadOnlyList<Example> Examples { get; init; }
    /// <summary>The other examples that <see cref="FineTuningOptions.ReplayShare"/> mixes in.</summary>
    public IReadOnlyList<Example> Replay { get; init; } = [];
    /// <summary>The sets of questions that an epoch can ask (<see cref="TrainingEpoch.Ask"/>), by name.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<Example>> Questions { get; init; } =
        new Dictionary<string, IReadOnlyList<Example>>();
    /// <summary>Texts as tokens, at least two tokens each, that <see cref="FineTuningOptions.ReplayShare"/> mixes in beside
    /// <see cref="Replay"/>. The loss of a text is on all of its tokens but the first, as in pre-training.</summary>
    public IReadOnlyList<IReadOnlyList<int>> ReplayTexts { get; init; } = [];
    /// <summary>The examples of the last epochs (<see cref="FineTuningOptions.EndShare"/>).</summary>
    public IReadOnlyList<Example> EndExamples { get; init; } = [];
    /// <summary>Seed of the order of the examples, of dropout, of a fresh LoRA adapter and of the replayed examples.</summary>
    public required int Seed { get; init; }
    /// <summary>Optimiser steps that count as one epoch; 0 for the steps of one pass over the set. Where the number is above those of one
    /// pass, the set is passed over several times: a small set then gets as many updates as a large one.</summary>
    public int EpochUpdates { get; init; }
    /// <summary>Folder for the checkpoint and for kept parameters, of this run alone. A later call with the same run resumes from the
    /// checkpoint. Null for no checkpoint; kept parameters then stay in memory.</summary>
    public string? Scratch { get; init; }
    /// <summary>Number of names under which the callback keeps parameters (<see cref="TrainingEpoch.Keep"/>); 0 where nothing is kept. It
    /// changes no result: the forecast of memory (<see cref="TrainingForecast"/>) counts what they need.</summary>
    public int KeptNames { get; init; }

    /// <summary>Looks whether <see cref="Scratch"/> is still this run's. A run that has lost the folder to another process ends, and
    /// neither replaces nor deletes a file there.</summary>
    internal Func<bool> OwnsScratch { get; init; } = () => true;

    /// <summary>Bounds on the passes that ask questions.</summary>
    internal PassBounds Asking { get; init; } = PassBounds.InTraining();

    /// <summary>Free memory in bytes, set by tests; null for the free memory that the machine reports.</summary>
    internal long? FreeBytes { get; init; }
}
