using Slick.Analysis;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>
/// The whole study on synthetic worlds: base models, labels, fine-tuning; each stage read from the store where it is there.
/// </summary>
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
    public static StudyResult Run(string preset, StudyOptions options, int seed, RunStore store, Compute compute,
        IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        progress ??= Progress.None;
        options.Check();
        var runs = Runs(options);
        var (bases, tables, failures) = (new List<LabelledBase>(), new List<RunTables>(), new List<string>());
        for (var b = 0; b < options.Bases; b++)
        {
            using var model = BaseModel.Ensure(options, seed + b, store, compute.Device, progress, cancellation);
            var (key, labels) = Labels.Ensure(model, options, store, progress, cancellation);
            var (done, diverged) = FineTuningRuns.Ensure(model, key, labels, options, runs, store, progress, cancellation);
            bases.Add(new(model.Seed, model.Folder, model.Dataset, labels, model.Exposures));
            tables.AddRange(done);
            failures.AddRange(diverged);
        }
        return new StudyResult(preset, options, bases, [.. tables.Select(t => t.Run)], [.. tables.SelectMany(t => t.Epochs)],
            [.. tables.SelectMany(t => t.Scores)], [.. tables.SelectMany(t => t.Answers)], failures);
    }

    /// <summary>
    /// A study for a notebook: the preset's results where the store has them, else <c>smoke</c>, computed now. Reports to
    /// <see cref="Host.Progress"/>.
    /// </summary>
    /// <param name="preset">smoke, quick or lab.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    /// <param name="store">The store's folder; empty for the default (<see cref="RunStore.Locate"/>).</param>
    /// <param name="set">Options by name, separated by spaces, such as <c>fineTuning.learningRate=1e-4 bases=2</c>; empty for the preset as
    /// it is.</param>
    /// <exception cref="UsageException">There is no such preset or option.</exception>
    public static StudyResult Open(string preset, int seed = 1, string device = "auto", string store = "", string set = "")
    {
        var (name, options, opened) = Choose(preset, seed, store, set, IsComplete);
        return Host.Run((progress, cancellation) => Run(name, options, seed, opened, Compute.Choose(device), progress, cancellation));
    }

    /// <summary>The first base model of a study and its labels, chosen as by <see cref="Open"/>.</summary>
    /// <param name="preset">smoke, quick or lab.</param>
    /// <param name="seed">Seed of the base model.</param>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    /// <param name="store">The store's folder; empty for the default.</param>
    /// <param name="set">Options by name, separated by spaces; empty for the preset as it is.</param>
    /// <exception cref="UsageException">There is no such preset or option.</exception>
    public static LabelledModel OpenModel(string preset, int seed = 1, string device = "auto", string store = "", string set = "")
    {
        var (name, options, opened) = Choose(preset, seed, store, set, (o, s, opened) =>
            Labels.StageOf(BaseModel.StageOf(o, s, opened).Key, s, o, opened).IsComplete);
        return Host.Run((progress, cancellation) =>
        {
            var model = BaseModel.Ensure(options, seed, opened, Compute.Choose(device).Device, progress, cancellation);
            return new LabelledModel(name, options, model, Labels.Ensure(model, options, opened, progress, cancellation).Rows);
        });
    }

    private static (string Name, StudyOptions Options, RunStore Store) Choose(string preset, int seed, string folder, string set,
        Func<StudyOptions, int, RunStore, bool> isThere)
    {
        var settings = set.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var options = settings.Aggregate(StudyOptions.Preset(preset), NamedOptions.Set);
        options.Check();
        var store = RunStore.Open(folder);
        if (preset == "smoke" || isThere(options, seed, store)) return (string.Join(", ", settings.Prepend(preset)), options, store);
        Console.WriteLine(
            $"{store.Folder} holds no finished '{preset}' with seed {seed} (slick reproduce --preset {preset} --seed "
            + $"{seed}{string.Concat(settings.Select(s => " --set " + s))} makes it); computing "
            + $"smoke{(settings.Length > 0 ? $", without {set.Trim()}" : "")}.");
        return ("smoke", StudyOptions.Smoke, store);
    }

    /// <summary>
    /// True where the store has the labels and every run of a study, those that diverged included: nothing is left to do.
    /// </summary>
    public static bool IsComplete(StudyOptions options, int seed, RunStore store)
    {
        options.Check();
        return Enumerable.Range(seed, options.Bases).All(s =>
        {
            var model = BaseModel.StageOf(options, s, store);
            var labels = Labels.StageOf(model.Key, s, options, store);
            return model.IsComplete && labels.IsComplete
                && Runs(options).All(r => FineTuningRuns.StageOf(r, model.Key, labels.Key, s, options, store).IsSettled);
        });
    }

    private static List<Run> Runs(StudyOptions options) =>
        [.. options.Arms().SelectMany(a => Enumerable.Range(1, a.Draws).Select(d => new Run(a.Arm, d)))];
}

/// <summary>A base model and what it knows.</summary>
/// <param name="Preset">Name of the preset.</param>
/// <param name="Options">All choices.</param>
/// <param name="Model">World, tokenizer and model.</param>
/// <param name="Labels">SliCK's labels of its train and test facts.</param>
public sealed record LabelledModel(string Preset, StudyOptions Options, BaseModel Model, IReadOnlyList<LabelRow> Labels);
