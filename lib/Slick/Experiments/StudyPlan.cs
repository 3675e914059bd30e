using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The stages of one base model of a study of the lab.</summary>
/// <param name="Seed">Seed of world and model.</param>
/// <param name="World">The world.</param>
/// <param name="Model">Pre-training.</param>
/// <param name="Labels">SliCK, a stage a relation and split.</param>
/// <param name="Table">The table of all labels.</param>
/// <param name="Runs">Fine-tuning.</param>
internal sealed record BaseStages(int Seed, Stage World, Stage Model, IReadOnlyList<Stage> Labels, Stage Table,
    IReadOnlyList<(Run Run, Stage Stage)> Runs)
{
    /// <summary>All of them, each behind what it reads.</summary>
    public IReadOnlyList<Stage> All => [World, Model, .. Labels, Table, .. Runs.Select(r => r.Stage)];
}

/// <summary>From the options of a study to its stages.</summary>
public static class StudyPlan
{
    /// <summary>The plan of a whole study.</summary>
    /// <param name="name">Name of the preset, with the settings that differ from it.</param>
    /// <param name="options">All choices.</param>
    /// <param name="seed">Seed of the first base model; the others follow: seed + 1, ...</param>
    /// <param name="platform">On what models compute.</param>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    public static Plan Of(string name, StudyOptions options, int seed, Platform platform)
    {
        options.Check();
        return new(name, [.. Bases(options, seed, platform).SelectMany(b => b.All)], platform.IsGpu);
    }

    /// <summary>The stages of every base model.</summary>
    internal static IReadOnlyList<BaseStages> Bases(StudyOptions options, int seed, Platform platform) =>
        [.. Enumerable.Range(seed, options.Bases).Select(s => Base(options, s, Runs(options), platform))];

    /// <summary>The stages of one base model, with these fine-tuning runs.</summary>
    internal static BaseStages Base(StudyOptions options, int seed, IReadOnlyList<Run> runs, Platform platform)
    {
        var world = WorldStage.Of(options.World, seed);
        var model = PreTrainStage.Of(options.PreTraining, world, platform);
        List<Stage> labels = [.. from relation in SyntheticWorld.Relations
                                 from split in relation.InDistribution ? new[] { Split.Train, Split.Test } : [Split.Test]
                                 select LabelStage.Of(options.Labelling(relation.Id, split), seed, model.Name, world.Name, platform, "the lab's model")];
        var table = LabelTable.Of(labels, seed, "the lab's model");
        return new(seed, world, model, labels, table,
            [.. runs.Select(r => (r, FineTuneStage.Of(r, options, seed, model.Name, world.Name, table, platform)))]);
    }

    private static List<Run> Runs(StudyOptions options) =>
        [.. options.Arms().SelectMany(a => Enumerable.Range(1, a.Draws).Select(d => new Run(a.Arm, d)))];
}
