using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
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
    /// A study for a notebook. Published results are read. Of a preset, the stages that the store lacks are computed: the first line
    /// printed is then a forecast of how long that takes. Reports to <see cref="Host.Progress"/>.
    /// </summary>
    /// <param name="results">Where the results come from (<see cref="ResultsChoice"/>): <c>published</c>, a preset with options such as
    /// <c>quick seed=2 fineTuning.learningRate=1e-4</c>, or a folder that <c>slick reproduce --publish</c> wrote.</param>
    /// <param name="device">auto (<see cref="LabDevice"/>), cpu, cuda or cuda:n. Published results need no device.</param>
    /// <param name="store">The store's folder; empty for the default (<see cref="RunStore.Locate"/>).</param>
    /// <exception cref="UsageException">There are no such results, or an option does not take its value.</exception>
    /// <exception cref="SlickException">Published results cannot be read.</exception>
    public static StudyResult Open(string results = ResultsChoice.Published, string device = "auto", string store = "")
    {
        var choice = ResultsChoice.Parse(results);
        if (choice.Folder is { } folder) return PublishedStudy.Read(folder) with { IsPublished = true };
        Plan PlanOf(Platform platform) => StudyPlan.Of(choice.Name, choice.Options, choice.Seed, platform);
        var (opened, compute) = Place(choice, device, store, PlanOf, c => Forecast.Of(choice.Options, choice.Seed, c));
        return Host.Run((progress, cancellation) =>
            Run(choice.Name, choice.Options, choice.Seed, opened, compute, progress, cancellation));
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

    /// <summary>A base model and its labels, for a notebook: the first one of a lab's study. A published one is read. Of a preset, the
    /// stages that the store lacks are computed.</summary>
    /// <param name="results">Where the model comes from (<see cref="ResultsChoice"/>).</param>
    /// <param name="device">auto (<see cref="LabDevice"/>), cpu, cuda or cuda:n. For a published model, auto is the CPU.</param>
    /// <param name="store">The store's folder; empty for the default.</param>
    /// <exception cref="UsageException">There are no such results, or an option does not take its value.</exception>
    /// <exception cref="SlickException">The published model cannot be read.</exception>
    /// <exception cref="DivergedException">Pre-training diverged.</exception>
    public static LabelledModel OpenModel(string results = ResultsChoice.Published, string device = "auto", string store = "")
    {
        var choice = ResultsChoice.Parse(results);
        if (choice.Folder is { } folder)
            return PublishedStudy.ReadModel(folder, Compute.Choose(device == "auto" ? "cpu" : device));
        Plan PlanOf(Platform platform) =>
            new(choice.Name, StudyPlan.Base(choice.Options, choice.Seed, [], platform).All, platform.IsGpu);
        var (opened, compute) = Place(choice, device, store, PlanOf, c => Forecast.Of(choice.Options, choice.Seed, c));
        return Host.Run((progress, cancellation) =>
        {
            Workers.Run(PlanOf(compute.Platform), opened, compute, progress, cancellation);
            var stages = StudyPlan.Base(choice.Options, choice.Seed, [], compute.Platform);
            stages.ThrowIfFailed(opened);
            return new LabelledModel(choice.Name, choice.Options, BaseModel.Of(stages, opened, compute),
                LabelTable.Read(opened.Of(stages.Table)));
        });
    }

    // The store and the device of a preset's work. Prints a forecast where more than a minute of work is left.
    internal static (RunStore Store, Compute Compute) Place(ResultsChoice choice, string device, string folder,
        Func<Platform, Plan> planOf, Func<Compute, Forecast> forecastOf)
    {
        choice.Options.Check();
        var store = RunStore.Open(folder);
        // Where there is no GPU, there is nothing to choose and nothing to say.
        var compute = LabDevice.Choose(device, choice.Options, planOf, store, Compute.HasGpu ? Host.Progress.Say : null);
        if (forecastOf(compute).Sentence(planOf(compute.Platform), store) is { } forecast)
            Console.WriteLine($"{store.Folder} lacks results of '{choice.Name}', seed {choice.Seed}. {forecast}");
        return (store, compute);
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
public sealed record LabelledModel(string Preset, StudyOptions Options, BaseModel Model, IReadOnlyList<LabelRow> Labels)
{
    /// <summary>True for a model that was read from a published folder, and not from a store.</summary>
    public bool IsPublished { get; init; }

    /// <summary>The form in which the study's runs train questions, and ask them without exemplars.</summary>
    public PromptFormat Format => FineTuneStage.Format(Options.Form);

    /// <summary>Where the labels come from, for the note under a figure.</summary>
    public string Source => IsPublished ? $"Published results of preset {Preset}, seed {Model.Seed}."
        : Preset.StartsWith("smoke", StringComparison.Ordinal) ? $"Preset {Preset}: numbers without meaning, only that it works."
        : $"Preset {Preset}, seed {Model.Seed}.";
}
