using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The stages of one base model of a study.</summary>
/// <param name="Seed">Seed of world and model; of a checkpoint, of its questions, exemplars and draws.</param>
/// <param name="World">The world; null for a checkpoint.</param>
/// <param name="Model">Pre-training; null for a checkpoint.</param>
/// <param name="Labels">SliCK, a stage a relation and split.</param>
/// <param name="Table">The table of all labels.</param>
/// <param name="Runs">Fine-tuning.</param>
internal sealed record BaseStages(int Seed, Stage? World, Stage? Model, IReadOnlyList<Stage> Labels, Stage Table,
    IReadOnlyList<(Run Run, Stage Stage)> Runs)
{
    /// <summary>What the stages read that is outside of the store.</summary>
    public Sources Sources { get; } = new();

    /// <summary>Ends with the reason where the base model's pre-training failed: nothing behind it can be read.</summary>
    /// <param name="store">The store.</param>
    /// <exception cref="DivergedException">Pre-training diverged.</exception>
    public void ThrowIfFailed(RunStore store)
    {
        if (Model is not null && store.Of(Model) is { HasFailed: true } failed) throw new DivergedException(failed.Failure);
    }

    /// <summary>All stages, each behind what it reads.</summary>
    public IReadOnlyList<Stage> All => [.. new[] { World, Model }.OfType<Stage>(), .. Labels, Table, .. Runs.Select(r => r.Stage)];
}

/// <summary>From the options of a study to its stages.</summary>
public static class StudyPlan
{
    /// <summary>The plan of a whole study.</summary>
    /// <param name="name">Name of the preset, with the settings that differ from it.</param>
    /// <param name="options">All choices.</param>
    /// <param name="seed">Seed of the first base model; the others follow: seed + 1, ...</param>
    /// <param name="platform">On what models compute.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    public static Plan Of(string name, StudyOptions options, int seed, Platform platform, CheckpointSource? source = null)
    {
        options.Check();
        return Of(name, Bases(options, seed, platform, source), platform, source);
    }

    /// <summary>The plan of some base models.</summary>
    internal static Plan Of(string name, IReadOnlyList<BaseStages> bases, Platform platform, CheckpointSource? source)
    {
        var plan = new Plan(name, [.. bases.SelectMany(b => b.All).DistinctBy(s => s.Name)], platform.IsGpu
            || source is { IsSmall: false });
        foreach (var of in bases) plan.Sources.Add(of.Sources);
        return plan;
    }

    /// <summary>The stages of every base model.</summary>
    internal static IReadOnlyList<BaseStages> Bases(StudyOptions options, int seed, Platform platform, CheckpointSource? source = null) =>
        [.. Enumerable.Range(seed, source is null ? options.Bases : 1).Select(s => Base(options, s, Runs(options), platform, source))];

    /// <summary>The stages of one base model, with these fine-tuning runs.</summary>
    internal static BaseStages Base(StudyOptions options, int seed, IReadOnlyList<Run> runs, Platform platform,
        CheckpointSource? source = null)
    {
        var world = source is null ? WorldStage.Of(options.World, seed) : null;
        var model = source is null ? PreTrainStage.Of(options.PreTraining, world!, platform) : null;
        var (modelName, questions, of) = source is null ? (model!.Name, world!.Name, "the lab's model")
            : (source.ModelId, source.Questions, source.Model.Name);
        var sources = new Sources();
        if (source is not null) (sources.Checkpoints[modelName], sources.Datasets[questions]) = (source.Folder, source.Dataset);
        var labels = new List<Stage>();
        foreach (var relation in source?.Dataset.Relations ?? SyntheticWorld.Relations)
            foreach (var split in relation.InDistribution ? new[] { Split.Train, Split.Test } : [Split.Test])
            {
                var asked = questions;
                if (source is not null)
                {
                    var q = options.Questions;
                    var count = split == Split.Train ? q.Train : relation.InDistribution ? q.Test : q.Ood;
                    var drawn = CheckpointSource.Draw(source.Dataset, relation.Id, split, count == 0 ? null : count, seed,
                        options.Sampling);
                    if (drawn.Questions.Count == 0) continue;
                    sources.Asked[asked = CheckpointSource.NameOf(drawn)] = drawn;
                }
                labels.Add(LabelStage.Of(options.Labelling(relation.Id, split), seed, modelName, asked, platform, of));
            }
        var table = LabelTable.Of(labels, seed, of);
        // D with 100% Unknown comes first where the length of the other runs follows from it.
        var stages = new List<(Run Run, Stage Stage)>();
        foreach (var run in runs)
            stages.Add((run, FineTuneStage.Of(run, options, seed, modelName, questions, table,
                options.LeastEpochs > 0 && run.Arm != Arm.Unknown
                    ? stages.First(s => s.Run.Arm == Arm.Unknown && (s.Run.Draw == run.Draw || s.Run.Draw == 1)).Stage : null, platform)));
        var all = new BaseStages(seed, world, model, labels, table, stages);
        all.Sources.Add(sources);
        return all;
    }

    private static List<Run> Runs(StudyOptions options) =>
        [.. options.Arms().OrderByDescending(a => options.LeastEpochs > 0 && a.Arm == Arm.Unknown)
            .SelectMany(a => Enumerable.Range(1, a.Draws).Select(d => new Run(a.Arm, d)))];
}
