using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using TorchSharp;

namespace Slick.Studies;

/// <summary>What a base model knows.</summary>
/// <param name="Seed">Seed of world and model.</param>
/// <param name="Folder">The model's folder in the store.</param>
/// <param name="Facts">The world's facts.</param>
/// <param name="Labels">SliCK's labels of its train and test facts.</param>
public sealed record LabelledBase(int Seed, string Folder, IReadOnlyList<Fact> Facts, IReadOnlyList<LabelRow> Labels);

/// <summary>Everything that a study found; figures, tables and claims are made from it.</summary>
/// <param name="Preset">Name of the preset, with the settings that differ from it.</param>
/// <param name="Options">All choices.</param>
/// <param name="Bases">The base models.</param>
/// <param name="Epochs">Every epoch of every run.</param>
/// <param name="Answers">Every test question's answers, for every run.</param>
public sealed record StudyResult(string Preset, StudyOptions Options, IReadOnlyList<LabelledBase> Bases, IReadOnlyList<EpochRow> Epochs, IReadOnlyList<AnswerRow> Answers)
{
    /// <summary>The labels of all base models.</summary>
    public IReadOnlyList<LabelRow> Labels => [.. Bases.SelectMany(b => b.Labels)];

    /// <summary>Where the numbers come from, for the note under a figure.</summary>
    public string Source => Preset.StartsWith("smoke", StringComparison.Ordinal)
        ? $"Preset {Preset}: numbers without meaning, only that it works."
        : Options.Bases > 1 ? $"Preset {Preset}: {Options.Bases} seeds, each with its own world, model, labels and sets."
        : $"Preset {Preset}: one base model, intervals over D and its order only.";
}

/// <summary>The whole study on synthetic worlds: base models, labels, fine-tuning; each stage read from the store where it is there.</summary>
public static class Study
{
    /// <summary>Runs what the store lacks and returns everything.</summary>
    /// <param name="preset">Name of the preset, for titles and notes.</param>
    /// <param name="options">All choices.</param>
    /// <param name="seed">Seed of the first base model; the others follow: seed + 1, ...</param>
    /// <param name="store">Where results are kept.</param>
    /// <param name="compute">Where models are.</param>
    /// <param name="progress">Told how far each stage is.</param>
    /// <param name="cancellation">Stops between steps.</param>
    public static StudyResult Run(string preset, StudyOptions options, int seed, RunStore store, Compute compute, IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        progress ??= Progress.None;
        options.Check();
        var runs = options.Arms().SelectMany(a => Enumerable.Range(1, a.Draws).Select(d => new Run(a.Arm, d))).ToList();
        var (bases, epochs, answers) = (new List<LabelledBase>(), new List<EpochRow>(), new List<AnswerRow>());
        for (var b = 0; b < options.Bases; b++)
        {
            using var model = BaseModel.Ensure(options, seed + b, store, compute.Device, progress, cancellation);
            var (key, labels) = Labels.Ensure(model, options, store, progress, cancellation);
            var (e, a) = FineTuningRuns.Ensure(model, key, labels, options, runs, store, progress, cancellation);
            bases.Add(new(model.Seed, model.Folder, model.Dataset.Facts, labels));
            epochs.AddRange(e);
            answers.AddRange(a);
        }
        return new StudyResult(preset, options, bases, epochs, answers);
    }

    /// <summary>Makes or reads the first base model of a study and its labels, without fine-tuning.</summary>
    public static (BaseModel Model, IReadOnlyList<LabelRow> Labels) Label(StudyOptions options, int seed, RunStore store, Compute compute, IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        progress ??= Progress.None;
        options.Check();
        var model = BaseModel.Ensure(options, seed, store, compute.Device, progress, cancellation);
        return (model, Labels.Ensure(model, options, store, progress, cancellation).Rows);
    }
}
