using Slick.Analysis;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>
/// The whole study, on the lab's synthetic worlds or on a checkpoint: base models, labels, fine-tuning. Stages that the store has are read,
/// not computed.
/// </summary>
public static class Study
{
    /// <summary>Computes the stages that the store lacks, and returns the whole study.</summary>
    /// <param name="preset">Name of the preset, for titles and notes.</param>
    /// <param name="options">The study's options.</param>
    /// <param name="seed">Seed of the first base model. The others have seed + 1, seed + 2, ...</param>
    /// <param name="store">The store that keeps the results.</param>
    /// <param name="compute">Device and number format of the models.</param>
    /// <param name="progress">Told how far the stages are.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="SlickException">D is empty, or a stage cannot be worked on.</exception>
    /// <exception cref="DivergedException">Pre-training of a base model diverged.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static StudyResult Run(string preset, StudyOptions options, int seed, RunStore store, Compute compute,
        IProgressReport? progress = null, CancellationToken cancellation = default, CheckpointSource? source = null)
    {
        Workers.Run(StudyPlan.Of(preset, options, seed, compute.Platform, source), store, compute, progress, cancellation);
        return Read(preset, options, seed, store, compute, source);
    }

    /// <summary>Reads a study of which every stage has finished or failed.</summary>
    /// <param name="preset">Name of the preset, for titles and notes.</param>
    /// <param name="options">The study's options.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="store">The store that keeps the results.</param>
    /// <param name="compute">Device and number format of the models.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <exception cref="SlickException">D is empty.</exception>
    /// <exception cref="DivergedException">Pre-training of a base model diverged.</exception>
    public static StudyResult Read(string preset, StudyOptions options, int seed, RunStore store, Compute compute,
        CheckpointSource? source = null)
    {
        var (bases, tables, failures) = (new List<LabelledBase>(), new List<RunTables>(), new List<string>());
        foreach (var stages in StudyPlan.Bases(options, seed, compute.Platform, source))
        {
            stages.ThrowIfFailed(store);
            bases.Add(Base(stages, store, source));
            foreach (var (run, stage) in stages.Runs)
                if (stages.FailureOf(stage, store) is { } failure)
                    failures.Add($"{run.Arm}, draw {run.Draw}, base seed {stages.Seed}: {failure}");
                else tables.Add(RunTables.Read(store.Of(stage).Folder));
        }
        if (tables.Any(t => t.Run.Kind == ArmKind.Ratio && t.Run.Reason.Length > 0))
            throw new SlickException(source is not null ? FineTuningSets.WhyEmpty(bases[0].Labels, options.Size, options.Questions)
                : $"|D| is 0 by size={options.Size}: a category is missing in every relation; take another seed"
                + (options.Size == SizeRule.SmallestCategory ? ", a larger world, or size=smallerOfKnownAndUnknown."
                    : " or a larger world."));
        return new StudyResult(preset, options, bases, [.. tables.Select(t => t.Run)], [.. tables.SelectMany(t => t.Epochs)],
            [.. tables.SelectMany(t => t.Scores)], [.. tables.SelectMany(t => t.Answers)], [.. failures.Order(StringComparer.Ordinal)])
        {
            Model = source?.Model,
        };
    }

    /// <summary>A base model with its labels, from finished stages.</summary>
    internal static LabelledBase Base(BaseStages stages, RunStore store, CheckpointSource? source)
    {
        var labels = LabelTable.Read(store.Of(stages.Table));
        return source is null
            ? new(stages.Seed, store.Of(stages.Model!).Folder, WorldStage.Read(store.Of(stages.World!)), labels,
                WorldStage.ReadExposures(store.Of(stages.World!)))
            : new(stages.Seed, source.Folder, source.Dataset, labels, []);
    }

    /// <summary>
    /// A study for a notebook. Where the store has the whole study of the preset, its results are read. Else the preset <c>smoke</c> is
    /// computed. Progress goes to <see cref="Host.Progress"/>.
    /// </summary>
    /// <param name="preset">Name of the preset: smoke, quick or lab.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="device">auto (<see cref="LabDevice"/>), cpu, cuda or cuda:n.</param>
    /// <param name="store">The store's folder; empty for the default (<see cref="RunStore.Locate"/>).</param>
    /// <param name="set">Options by name, separated by spaces, such as <c>fineTuning.learningRate=1e-4 bases=2</c>. Empty for the unchanged
    /// preset.</param>
    /// <exception cref="UsageException">There is no such preset or option, or an option does not take its value.</exception>
    public static StudyResult Open(string preset, int seed = 1, string device = "auto", string store = "", string set = "")
    {
        Plan PlanOf(string name, StudyOptions options, Platform platform) => StudyPlan.Of(name, options, seed, platform);
        var (name, options, opened, compute) = Choose(preset, seed, device, store, set, PlanOf);
        return Host.Run((progress, cancellation) => Run(name, options, seed, opened, compute, progress, cancellation));
    }

    /// <summary>
    /// A study on a checkpoint for a notebook. What the store lacks is computed now: the first line printed is a forecast of how long
    /// that takes. A call that is interrupted goes on where it was the next time. Reports to <see cref="Host.Progress"/>.
    /// </summary>
    /// <param name="model">The checkpoint's folder: <c>config.json</c>, safetensors, <c>tokenizer.json</c>.</param>
    /// <param name="data">EntityQuestions in its official layout, or a file of questions (<see cref="OwnQuestions"/>).</param>
    /// <param name="preset">real-quick or real-gpu.</param>
    /// <param name="seed">Seed of the questions, the exemplars and the draws.</param>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    /// <param name="dtype">fp32 or bf16.</param>
    /// <param name="store">The store's folder; empty for the default (<see cref="RunStore.Locate"/>).</param>
    /// <param name="set">Options by name, separated by spaces; empty for the preset as it is.</param>
    /// <exception cref="UsageException">There is no such preset or option, or the preset makes models of its own.</exception>
    /// <exception cref="SlickException">The model or the questions cannot be read.</exception>
    public static StudyResult OpenCheckpoint(string model, string data, string preset = "real-quick", int seed = 1, string device = "auto",
        string dtype = "fp32", string store = "", string set = "")
    {
        var settings = set.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var options = settings.Aggregate(StudyOptions.Preset(preset), NamedOptions.Set);
        if (!preset.StartsWith("real-", StringComparison.Ordinal)) throw new UsageException(
            $"The preset {preset} makes models of its own; for a checkpoint take real-quick or real-gpu.");
        options.Check();
        var (compute, opened) = (Compute.Choose(device, dtype), RunStore.Open(store));
        var source = new CheckpointSource(Path.GetFullPath(model), QuestionSource.Read(Path.GetFullPath(data), new(), seed,
            options.Sampling.Shots, options.Sampling.Prompts));
        var name = $"{string.Join(", ", settings.Prepend(preset))} of {source.Model.Name}";
        var plan = StudyPlan.Of(name, options, seed, compute.Platform, source);
        if (Forecast.Of(options, seed, compute, source).Sentence(plan, opened) is { } forecast) Console.WriteLine(forecast);
        return Host.Run((progress, cancellation) => Run(name, options, seed, opened, compute, progress, cancellation, source));
    }

    /// <summary>A base model and its labels, for a notebook. Where the store has them for the preset, they are read. Else those of the
    /// preset <c>smoke</c> are computed.</summary>
    /// <param name="preset">Name of the preset: smoke, quick or lab.</param>
    /// <param name="seed">Seed of the base model.</param>
    /// <param name="device">auto (<see cref="LabDevice"/>), cpu, cuda or cuda:n.</param>
    /// <param name="store">The store's folder; empty for the default.</param>
    /// <param name="set">Options by name, separated by spaces. Empty for the unchanged preset.</param>
    /// <exception cref="UsageException">There is no such preset or option, or an option does not take its value.</exception>
    /// <exception cref="DivergedException">Pre-training diverged.</exception>
    public static LabelledModel OpenModel(string preset, int seed = 1, string device = "auto", string store = "", string set = "")
    {
        Plan PlanOf(string name, StudyOptions options, Platform platform) =>
            new(name, StudyPlan.Base(options, seed, [], platform).All, platform.IsGpu);
        var (name, options, opened, compute) = Choose(preset, seed, device, store, set, PlanOf);
        return Host.Run((progress, cancellation) =>
        {
            Workers.Run(PlanOf(name, options, compute.Platform), opened, compute, progress, cancellation);
            var stages = StudyPlan.Base(options, seed, [], compute.Platform);
            stages.ThrowIfFailed(opened);
            return new LabelledModel(name, options, BaseModel.Of(stages, opened, compute), LabelTable.Read(opened.Of(stages.Table)));
        });
    }

    private static (string Name, StudyOptions Options, RunStore Store, Compute Compute) Choose(string preset, int seed, string device,
        string folder, string set, Func<string, StudyOptions, Platform, Plan> planOf)
    {
        var settings = set.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var options = settings.Aggregate(StudyOptions.Preset(preset), NamedOptions.Set);
        options.Check();
        var store = RunStore.Open(folder);
        (string, StudyOptions, RunStore, Compute) Chosen(string name, StudyOptions options) => (name, options, store,
            // Where there is no GPU, there is nothing to choose and nothing to say.
            LabDevice.Choose(device, options, platform => planOf(name, options, platform), store,
                Compute.HasGpu ? Host.Progress.Say : null));
        if (preset == "smoke" || LabDevice.Platforms(device).Any(p => planOf("", options, p).IsComplete(store)))
            return Chosen(string.Join(", ", settings.Prepend(preset)), options);
        Console.WriteLine(
            $"{store.Folder} holds no finished '{preset}' with seed {seed} (slick reproduce --preset {preset} --seed "
            + $"{seed}{string.Concat(settings.Select(s => " --set " + s))} makes it); computing "
            + $"smoke{(settings.Length > 0 ? $", without {set.Trim()}" : "")}.");
        return Chosen("smoke", StudyOptions.Smoke);
    }

    /// <summary>True where every stage of a study has finished or failed: nothing is left to do.</summary>
    public static bool IsComplete(StudyOptions options, int seed, RunStore store, Compute compute) =>
        StudyPlan.Of("", options, seed, compute.Platform).IsComplete(store);
}

/// <summary>A base model with SliCK's labels.</summary>
/// <param name="Preset">Name of the preset.</param>
/// <param name="Options">The study's options.</param>
/// <param name="Model">The model with its tokenizer and its facts.</param>
/// <param name="Labels">SliCK's labels of the model's facts.</param>
public sealed record LabelledModel(string Preset, StudyOptions Options, BaseModel Model, IReadOnlyList<LabelRow> Labels);
