using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Studies;

/// <summary>Plans, runs and reads the lab's studies.</summary>
public static class LabStudyRuns
{
    /// <summary>The plan of a study: the stages of all its variants, each stage once.</summary>
    /// <param name="study">The study.</param>
    /// <param name="options">The options that all variants share.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="platform">The kind of device and the number format.</param>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    public static Plan Plan(LabStudy study, StudyOptions options, int seed, Platform platform) => StudyPlan.Of(study.Name,
        [.. study.Variants(options).SelectMany(v => Bases(study, v.Of(options), seed, platform))], platform, null);

    // The stages of each base model of a variant, with those beside its fine-tuning runs.
    private static IEnumerable<BaseStages> Bases(LabStudy study, StudyOptions options, int seed, Platform platform) =>
        StudyPlan.Bases(options, seed, platform).Select(b => study.Further is not { } further ? b : b with
        {
            Further = b.Runs.ToDictionary(r => r.Stage.Key, r => further(r.Stage)),
        });

    /// <summary>Computes the stages that the store lacks, and returns what the study found.</summary>
    /// <param name="study">The study.</param>
    /// <param name="preset">Name of the preset, with the settings that differ from it.</param>
    /// <param name="options">The options that all variants share.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="store">The store that keeps the results.</param>
    /// <param name="compute">Device of the models.</param>
    /// <param name="progress">Told how far the stages are.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="SlickException">D of a variant is empty, or a stage cannot be worked on.</exception>
    /// <exception cref="DivergedException">Pre-training of a base model diverged.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static LabStudyResult Run(LabStudy study, string preset, StudyOptions options, int seed, RunStore store, Compute compute,
        IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        Workers.Run(Plan(study, options, seed, compute.Platform), store, compute, progress, cancellation);
        return Read(study, preset, options, seed, store, compute);
    }

    /// <summary>
    /// A study for a notebook. Published results are read. Of a preset, the stages that the store lacks are computed: the first line
    /// printed is then a forecast of how long that takes. Reports to <see cref="Host.Progress"/>.
    /// </summary>
    /// <param name="name">The study's name.</param>
    /// <param name="results">Where the results come from (<see cref="ResultsChoice"/>): <c>published</c>, a preset with options such as
    /// <c>quick seed=2</c>, or a folder that <c>slick study NAME --publish</c> wrote.</param>
    /// <param name="device">auto (<see cref="LabDevice"/>), cpu, cuda or cuda:n. Published results need no device.</param>
    /// <param name="store">The store's folder; empty for the default (<see cref="RunStore.Locate"/>).</param>
    /// <exception cref="UsageException">There is no such study or are no such results, or an option does not take its value.</exception>
    /// <exception cref="SlickException">Published results cannot be read, or are those of another study.</exception>
    public static LabStudyResult Open(string name, string results = ResultsChoice.Published, string device = "auto", string store = "")
    {
        var study = LabStudies.Of(name);
        var choice = ResultsChoice.Parse(results, PublishedLabStudy.FolderOf(study));
        if (choice.Folder is { } folder) return PublishedLabStudy.Read(folder) is var read && read.Study == study ? read
            : throw new SlickException($"{folder} holds the study {read.Study.Name}, and {study.Name} is needed here.");
        Plan PlanOf(Platform platform) => Plan(study, choice.Options, choice.Seed, platform);
        var (opened, compute) = Study.Place(choice, device, store, PlanOf, c => Forecast(study, choice.Options, choice.Seed, c));
        return Host.Run((progress, cancellation) =>
            Run(study, choice.Name, choice.Options, choice.Seed, opened, compute, progress, cancellation));
    }

    /// <summary>Reads a study of which every stage has finished or failed.</summary>
    /// <param name="study">The study.</param>
    /// <param name="preset">Name of the preset, with the settings that differ from it.</param>
    /// <param name="options">The options that all variants share.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="store">The store that keeps the results.</param>
    /// <param name="compute">Device of the models.</param>
    /// <exception cref="SlickException">D of a variant is empty.</exception>
    /// <exception cref="DivergedException">Pre-training of a base model diverged.</exception>
    public static LabStudyResult Read(LabStudy study, string preset, StudyOptions options, int seed, RunStore store, Compute compute)
    {
        var (rows, lacking) = (new List<StudyValue>(), new List<LackingRun>());
        foreach (var variant in study.Variants(options))
        {
            var chosen = variant.Of(options);
            var bases = Bases(study, chosen, seed, compute.Platform).ToList();
            var result = new VariantResult(variant, Study.Read(preset, chosen, seed, store, compute))
            {
                Further = bases.SelectMany(b => b.Further).Where(f => store.Of(f.Value).IsComplete)
                    .ToDictionary(f => f.Key, f => store.Of(f.Value)),
            };
            rows.AddRange(study.Measure(result));
            lacking.AddRange(result.Data.Lacking.Select(l => new LackingRun(variant.Name, l.Arm.Id, l.BaseSeed,
                $"{variant.Name}: {l.Reason}", false)));
            foreach (var stages in bases)
                foreach (var (run, stage) in stages.Runs)
                    if ((stages.FailureOf(stage, store) ?? FailureOf(stages.Further.GetValueOrDefault(stage.Key), store)) is { } failure)
                        lacking.Add(new(variant.Name, run.Arm.Id, stages.Seed, $"{variant.Name}, {run.Arm}: {failure}", true));
        }
        return new(study, preset, options, seed, rows, lacking);
    }

    private static string? FailureOf(Stage? further, RunStore store) =>
        further is not null && store.Of(further) is { HasFailed: true } failed ? $"{further.Title}: {failed.Failure}" : null;

    /// <summary>The forecast of a study's time.</summary>
    /// <param name="study">The study.</param>
    /// <param name="options">The options that all variants share.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="compute">Device of the models.</param>
    public static Forecast Forecast(LabStudy study, StudyOptions options, int seed, Compute compute) =>
        new VariantForecast(study, options, seed, compute);

    // Variants with models of different shapes need different times for a step, so each shape has a forecast of its own.
    private sealed class VariantForecast : Forecast
    {
        private readonly Dictionary<string, Forecast> of = [];

        public VariantForecast(LabStudy study, StudyOptions options, int seed, Compute compute)
        {
            foreach (var shape in study.Variants(options).Select(v => v.Of(options)).GroupBy(o => o.PreTraining))
            {
                var forecast = Of(shape.First(), seed, compute);
                foreach (var stage in shape.SelectMany(o => Bases(study, o, seed, compute.Platform)).SelectMany(b => b.All))
                    of.TryAdd(stage.Name, forecast);
            }
        }

        public override double Seconds(Stage stage, Plan plan) => of[stage.Name].Seconds(stage, plan);
    }
}
