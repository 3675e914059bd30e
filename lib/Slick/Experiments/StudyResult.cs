using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;

namespace Slick.Experiments;

/// <summary>What a base model knows.</summary>
/// <param name="Seed">Seed of world and model.</param>
/// <param name="Folder">The model's folder.</param>
/// <param name="Dataset">Relations and facts.</param>
/// <param name="Labels">SliCK's labels of train facts and test questions.</param>
/// <param name="Exposures">Lab only: how often pre-training stated each fact; empty for a model that we did not make.</param>
public sealed record LabelledBase(int Seed, string Folder, Dataset Dataset, IReadOnlyList<LabelRow> Labels,
    IReadOnlyList<ExposureRow> Exposures)
{
    /// <summary>The facts.</summary>
    public IReadOnlyList<Fact> Facts => Dataset.Facts;
}

/// <summary>A model that this project did not make, as a report names it.</summary>
/// <param name="Name">The name of the model's folder.</param>
/// <param name="Parameters">The number of weights; weights that two matrices share count once.</param>
/// <param name="Hash">The hash of the model's files: 32 hexadecimal digits.</param>
public sealed record StudiedModel(string Name, long Parameters, string Hash);

/// <summary>Everything that a study found; figures, tables and claims are made from it.</summary>
/// <param name="Preset">Name of the preset, with the settings that differ from it.</param>
/// <param name="Options">All choices.</param>
/// <param name="Bases">The base models.</param>
/// <param name="Runs">The fine-tuning runs; those of sets that no fact belongs to say so and have no rows in the other tables.</param>
/// <param name="Epochs">Every epoch of every run.</param>
/// <param name="Scores">How many questions of each set and category are answered rightly, for every epoch.</param>
/// <param name="Answers">Every test question's answers at the stops, for every run.</param>
/// <param name="Failures">A sentence for each run that diverged, or that was not run because its length follows from one that
/// diverged. Such a run is in no table.</param>
public sealed record StudyResult(string Preset, StudyOptions Options, IReadOnlyList<LabelledBase> Bases, IReadOnlyList<RunRow> Runs,
    IReadOnlyList<EpochRow> Epochs, IReadOnlyList<ScoreRow> Scores, IReadOnlyList<AnswerRow> Answers, IReadOnlyList<string> Failures)
{
    /// <summary>The base model of a study on a checkpoint; null for the lab, whose studies make their models.</summary>
    public StudiedModel? Model { get; init; }

    /// <summary>True for results that were read from a published folder, and not from a store.</summary>
    public bool IsPublished { get; init; }

    /// <summary>One study of the base models of several: of other seeds, with the same options but for the number of base models.</summary>
    /// <param name="parts">The studies, each with the name that an error calls it by.</param>
    /// <returns>The study, its base models in the order of their seeds.</returns>
    /// <exception cref="SlickException">An option differs, two studies have a seed in common, or one is no lab's.</exception>
    public static StudyResult Join(IReadOnlyList<(string Name, StudyResult Result)> parts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(parts?.Count ?? 0, 2, nameof(parts));
        foreach (var (name, result) in parts!)
            if (!result.IsLab) throw new SlickException(
                $"{name} is a study on {result.Model?.Name ?? "a checkpoint"}: only studies of the lab's models have seeds to join.");
        var seeds = SeedJoin.Seeds([.. parts.Select(p => (p.Name, p.Result.Options,
            (IReadOnlyList<int>)[.. p.Result.Bases.Select(b => b.Seed)]))]);
        var first = parts[0].Result;
        return first with
        {
            Preset = SeedJoin.Preset(first.Preset, seeds.Count),
            Options = first.Options with { Bases = seeds.Count },
            Bases = [.. parts.SelectMany(p => p.Result.Bases).OrderBy(b => b.Seed)],
            Runs = [.. parts.SelectMany(p => p.Result.Runs)],
            Epochs = [.. parts.SelectMany(p => p.Result.Epochs)],
            Scores = [.. parts.SelectMany(p => p.Result.Scores)],
            Answers = [.. parts.SelectMany(p => p.Result.Answers)],
            Failures = [.. parts.SelectMany(p => p.Result.Failures).Order(StringComparer.Ordinal)],
        };
    }

    /// <summary>The labels of all base models.</summary>
    public IReadOnlyList<LabelRow> Labels => [.. Bases.SelectMany(b => b.Labels)];

    /// <summary>The ground truth of all base models; empty where we did not make them.</summary>
    public IReadOnlyList<ExposureRow> Exposures => [.. Bases.SelectMany(b => b.Exposures)];

    /// <summary>True where we made the base models, so that it is known what they were told.</summary>
    public bool IsLab => Bases.Any(b => b.Exposures.Count > 0);

    /// <summary>Where the numbers come from, for the note under a figure.</summary>
    public string Source => Basis + Failures.Count switch
    {
        0 => "",
        1 => " 1 run diverged, or could not be run for one that did, and is left out.",
        var n => FormattableString.Invariant($" {n} runs diverged, or could not be run for one that did, and are left out."),
    };

    /// <summary>Which results these are: published or of this machine, and of which preset.</summary>
    public string Origin => $"{(IsPublished ? "Published results of preset" : "Preset")} {Preset}";

    private string Basis => $"{Origin}: " +
        (Preset.StartsWith("smoke", StringComparison.Ordinal) ? "numbers without meaning, only that it works."
        : !IsLab && Bases.Count == 1 ? "one base model, intervals over questions and over draws of D; the wider is shown."
        : Options.Bases > 1 ? $"seeds {SeedJoin.Words([.. Bases.Select(b => b.Seed)])}, each with its own world, model, labels and sets."
        : "one base model, intervals over D and its order only.");
}
