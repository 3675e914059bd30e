using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The stages of one base model of a study.</summary>
/// <param name="Seed">Seed of world and model; for a checkpoint the seed of its questions, exemplars and draws.</param>
/// <param name="World">The stage of the world; null for a checkpoint.</param>
/// <param name="Model">The stage of pre-training; null for a checkpoint.</param>
/// <param name="Labels">The stages of SliCK's labels, one for each relation and split.</param>
/// <param name="Table">The stage of the table of all labels.</param>
/// <param name="Runs">The fine-tuning runs with their stages.</param>
internal sealed record BaseStages(int Seed, Stage? World, Stage? Model, IReadOnlyList<Stage> Labels, Stage Table,
    IReadOnlyList<(Run Run, Stage Stage)> Runs)
{
    /// <summary>The inputs of the stages that are outside of the store.</summary>
    public Sources Sources { get; } = new();

    /// <summary>Stages that a study needs beside the fine-tuning runs. Each reads a run, by the key of the run's stage.</summary>
    public IReadOnlyDictionary<string, Stage> Further { get; init; } = new Dictionary<string, Stage>();

    /// <summary>Throws where the base model's pre-training failed. The stages that need the model cannot be read then.</summary>
    /// <param name="store">The store.</param>
    /// <exception cref="DivergedException">Pre-training diverged.</exception>
    public void ThrowIfFailed(RunStore store)
    {
        if (Model is not null && store.Of(Model) is { HasFailed: true } failed) throw new DivergedException(failed.Failure);
    }

    /// <summary>Why a fine-tuning run has no result: the run diverged, or the run that its length follows from did, so that it is never
    /// begun. Null for a run that has a result or may still have one.</summary>
    /// <param name="stage">The run's stage.</param>
    /// <param name="store">The store.</param>
    public string? FailureOf(Stage stage, RunStore store)
    {
        if (store.Of(stage) is { HasFailed: true } failed) return failed.Failure;
        if (store.Of(stage).IsComplete) return null;
        var diverged = Runs.Where(r => stage.Inputs.Contains(r.Stage.Name) && store.Of(r.Stage).HasFailed).Select(r => r.Run.Arm).ToList();
        return diverged.Count > 0 ? $"not run: {diverged[0]} diverged" : null;
    }

    /// <summary>All stages. Each comes after the stages that it reads.</summary>
    public IReadOnlyList<Stage> All => [.. new[] { World, Model }.OfType<Stage>(), .. Labels, Table, .. Runs.Select(r => r.Stage),
        .. Further.Values];
}

/// <summary>Makes the stages of a study from its options.</summary>
public static class StudyPlan
{
    /// <summary>The plan of a whole study.</summary>
    /// <param name="name">Name of the preset, with the settings that differ from it.</param>
    /// <param name="options">The study's options.</param>
    /// <param name="seed">Seed of the first base model. The others have seed + 1, seed + 2, ...</param>
    /// <param name="platform">The kind of device and the number format.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="SlickException">The dataset has no train, no test or no dev questions for the study.</exception>
    public static Plan Of(string name, StudyOptions options, int seed, Platform platform, CheckpointSource? source = null)
    {
        options.Check();
        return Of(name, Bases(options, seed, platform, source), platform, source);
    }

    /// <summary>The plan of the stages of several base models. A stage that several of them have is in the plan once.</summary>
    internal static Plan Of(string name, IReadOnlyList<BaseStages> bases, Platform platform, CheckpointSource? source)
    {
        var plan = new Plan(name, [.. bases.SelectMany(b => b.All).DistinctBy(s => s.Name)], platform.IsGpu
            || source is { IsSmall: false });
        foreach (var of in bases) plan.Sources.Add(of.Sources);
        return plan;
    }

    /// <summary>The stages of each base model of a study.</summary>
    internal static IReadOnlyList<BaseStages> Bases(StudyOptions options, int seed, Platform platform, CheckpointSource? source = null) =>
        [.. Enumerable.Range(seed, source is null ? options.Bases : 1).Select(s => Base(options, s, Runs(options), platform, source))];

    /// <summary>The stages of one base model with the given fine-tuning runs.</summary>
    internal static BaseStages Base(StudyOptions options, int seed, IReadOnlyList<Run> runs, Platform platform,
        CheckpointSource? source = null)
    {
        if (source is null && options.World.NobodyKnowsShare == 0 && runs.Any(r => r.Arm.Kind == ArmKind.DontKnow))
            throw new UsageException($"sets names D_IDK, and a model of this world has no words for \"{Fact.DontKnow}\"; "
                + "set world.nobodyKnowsShare to a number above 0, such as 0.5.");
        if (runs.FirstOrDefault(r => LadderSets.All.Contains(r.Arm.Kind)) is { } ladder && (source is not null
            || options.World.LadderFacts == 0)) throw new UsageException($"sets={ladder.Arm.Id} needs a world with a ladder; "
                + (source is null ? $"set world.ladderFacts to a multiple of {Ladder.Steps}." : "leave out --model."));
        var world = source is null ? WorldStage.Of(options.World, seed) : null;
        var model = source is null ? PreTrainStage.Of(options.PreTraining, world!, platform) : null;
        var (modelName, questions, of) = source is null ? (model!.Name, world!.Name, "the lab's model")
            : (source.ModelId, source.Questions, source.Model.Name);
        if (source is not null) CheckParts(source.Dataset, options, runs, seed);
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
        // D with 100% Unknown comes first where the other runs' lengths follow from it.
        var stages = new List<(Run Run, Stage Stage)>();
        foreach (var run in runs)
            stages.Add((run, FineTuneStage.Of(run, options, seed, modelName, questions, table,
                options.LeastEpochs > 0 && run.Arm != Arm.Unknown
                    ? stages.Where(s => s.Run.Arm == Arm.Unknown).OrderByDescending(s => s.Run.Draw == run.Draw).First().Stage : null,
                platform)));
        var all = new BaseStages(seed, world, model, labels, table, stages);
        all.Sources.Add(sources);
        return all;
    }

    // Without one of these parts a study would end with an error after hours of labels, or with claims that cannot be computed.
    private static void CheckParts(Dataset dataset, StudyOptions options, IReadOnlyList<Run> runs, int seed)
    {
        void Lab(string what) => throw new UsageException(
            $"{what} needs to know what pre-training stated, which is known of the lab's models only; leave out --model.");
        if (runs.FirstOrDefault(r => UnknownKinds.All.Contains(r.Arm.Kind)) is { } run) Lab($"sets={run.Arm.Id}");
        if (options.Size == SizeRule.SmallestUnknownKind) Lab("size=smallestUnknownKind");
        if (options.FineTuning.ReplayShare > 0) Lab(FormattableString.Invariant(
            $"fineTuning.replayShare = {options.FineTuning.ReplayShare}"));
        var trained = dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        bool Has(Split split) => dataset.Facts.Any(f => f.Split == split && trained.Contains(f.Relation));
        if (!Has(Split.Train)) throw new SlickException($"{dataset.Name}: there are no train questions, from which the fine-tuning sets "
            + "are drawn; add questions with the split train.");
        if (!Has(Split.Test)) throw new SlickException($"{dataset.Name}: there are no test questions, by which fine-tuned models are "
            + "compared; give a part of the questions the split test.");
        AskedSets.DevOf(dataset, options.Questions, options.Sampling, seed);
    }

    private static List<Run> Runs(StudyOptions options) =>
        [.. options.Arms().OrderByDescending(a => options.LeastEpochs > 0 && a.Arm == Arm.Unknown)
            .SelectMany(a => Enumerable.Range(1, a.Draws).Select(d => new Run(a.Arm, d)))];
}
