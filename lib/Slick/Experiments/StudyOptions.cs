using System.ComponentModel.DataAnnotations;
using Slick.Analysis;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>How P_Correct is found.</summary>
public enum EstimatorKind
{
    /// <summary>In closed form, by teacher forcing.</summary>
    Exact,
    /// <summary>The paper's way: 16 samples and the greedy answer of each prompt.</summary>
    Sampled,
}

/// <summary>
/// All choices of a study of the lab; a preset is one of these, and each value can be set by its name (<see cref="NamedOptions"/>).
/// </summary>
public sealed record StudyOptions
{
    /// <summary>Base models, each with a world, prompts and labels of its own: the seeds of <c>lab</c>.</summary>
    [Range(1, 1000)]
    public int Bases { get; init; } = 1;
    /// <summary>
    /// Draws of D and of its order for D at 0, 50 and 100% Unknown and for D_Known at 50%; every other set is drawn once a base model.
    /// </summary>
    [Range(1, 1000)]
    public int Repeats { get; init; } = 1;
    /// <summary>How P_Correct is found.</summary>
    public EstimatorKind Estimator { get; init; }
    /// <summary>How large each relation's part of D is.</summary>
    public SizeRule Size { get; init; }
    /// <summary>The synthetic world.</summary>
    public WorldOptions World { get; init; } = new();
    /// <summary>The model and its pre-training.</summary>
    public PreTrainingOptions PreTraining { get; init; } = new();
    /// <summary>SliCK's protocol.</summary>
    public SamplingOptions Sampling { get; init; } = new();
    /// <summary>What is made equal before a drawn answer is compared with the gold answer (Sampled only).</summary>
    public AnswerNormaliser Normaliser { get; init; }
    /// <summary>Fine-tuning.</summary>
    public FineTuningOptions FineTuning { get; init; } = new();

    /// <summary>Under half a minute: that every part works; its numbers mean nothing.</summary>
    public static StudyOptions Smoke { get; } = new()
    {
        Size = SizeRule.SmallerOfKnownAndUnknown,
        World = new() { TrainFacts = 14, TestFacts = 6, DevFacts = 6, OodTestFacts = 1, OodDevFacts = 5, MeanExposures = 26,
            SameObjectPageShare = 0.93 },
        PreTraining = new() { HiddenSize = 64, Layers = 2, IntermediateSize = 128, ContextTokens = 64, BatchRows = 8, Epochs = 3,
            LearningRate = 3e-3 },
        Sampling = new() { Prompts = 4 },
        FineTuning = new() { Epochs = 8, LearningRate = 1e-3 },
    };

    /// <summary>Minutes on two cores: one base model, so its intervals are over D and order only.</summary>
    public static StudyOptions Quick { get; } = new()
    {
        Repeats = 3,
        FineTuning = new() { LearningRate = 1e-4 }, // slick tune --preset quick
        World = new() { TrainFacts = 100, TestFacts = 40, OodTestFacts = 20, OodDevFacts = 10, MeanExposures = 36,
            SameObjectPageShare = 0.93 },
    };

    /// <summary>The published results: each seed redraws world, base model, prompts, labels, D and order.</summary>
    public static StudyOptions Lab { get; } = new()
    {
        Bases = 5,
        FineTuning = new() { LearningRate = 5e-5 }, // slick tune --preset lab
        World = new() { TrainFacts = 500, TestFacts = 160, RivalShare = 0.25, SameObjectPageShare = 0.75 },
    };

    /// <summary>The presets by name.</summary>
    public static IReadOnlyDictionary<string, StudyOptions> Presets { get; } = new Dictionary<string, StudyOptions>
    {
        ["smoke"] = Smoke,
        ["quick"] = Quick,
        ["lab"] = Lab,
    };

    /// <summary>A preset.</summary>
    /// <exception cref="UsageException">There is none of that name.</exception>
    public static StudyOptions Preset(string name) =>
        Presets.TryGetValue(name ?? "", out var options) ? options
            : throw new UsageException($"There is no preset '{name}'; it is one of {string.Join(", ", Presets.Keys)}.");

    /// <summary>Checks each option's range, and what one option alone cannot tell.</summary>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    public void Check()
    {
        OptionRanges.Check(this);
        if (PreTraining.HiddenSize % (2 * PreTraining.Heads) != 0) throw new UsageException(
            $"preTraining.hiddenSize = {PreTraining.HiddenSize} is no multiple of twice preTraining.heads = {PreTraining.Heads}.");
        if (PreTraining.Heads % PreTraining.KeyValueHeads != 0) throw new UsageException(
            $"preTraining.keyValueHeads = {PreTraining.KeyValueHeads} does not divide preTraining.heads = {PreTraining.Heads}.");
        if (PreTraining.BatchRows % PreTraining.Shards != 0) throw new UsageException(
            $"preTraining.batchRows = {PreTraining.BatchRows} is no multiple of preTraining.shards = {PreTraining.Shards}.");
        if (Math.Min(World.DevFacts, World.OodDevFacts) <= Sampling.Shots) throw new UsageException(
            $"sampling.shots = {Sampling.Shots} needs more dev facts of each relation than that; world.devFacts = {World.DevFacts}, "
            + $"world.oodDevFacts = {World.OodDevFacts}.");
        if (Enumerable.Range(0, Sampling.Shots)
            .Aggregate(1.0, (n, i) => n * (World.DevFacts - i)) < Sampling.Prompts) throw new UsageException(
            $"{World.DevFacts} dev facts do not make sampling.prompts = {Sampling.Prompts} different prompts of {Sampling.Shots} "
            + $"exemplars.");
        CheckNormaliser(Estimator, Normaliser);
        // Four exemplars and a question: about 16 words each.
        if ((Sampling.Shots + 1) * 18 > 2 * PreTraining.ContextTokens) throw new UsageException(
            $"a prompt of sampling.shots = {Sampling.Shots} does not fit into twice preTraining.contextTokens = "
            + $"{PreTraining.ContextTokens} positions.");
    }

    internal static void CheckNormaliser(EstimatorKind estimator, AnswerNormaliser normaliser)
    {
        // Exact's closed form is the probability of one string.
        if (estimator == EstimatorKind.Exact && normaliser != AnswerNormaliser.None)
            throw new UsageException(
                "normaliser compares drawn answers, and estimator=exact draws none; use estimator=sampled or normaliser=none.");
    }

    /// <summary>What SliCK asks about a relation.</summary>
    internal LabelOptions Labelling(string relation, Split split) =>
        new() { Relation = relation, Split = split, Estimator = Estimator, Normaliser = Normaliser, Sampling = Sampling };

    /// <summary>The sets that are fine-tuned on, and how often each is drawn.</summary>
    public IReadOnlyList<(Arm Arm, int Draws)> Arms() =>
    [
        (new(ArmKind.Ratio, 0), Repeats),
        (new(ArmKind.Ratio, 50), Repeats),
        (new(ArmKind.Ratio, 100), Repeats),
        (new(ArmKind.KnownOnly, 50), Repeats),
        (new(ArmKind.Ratio, 25), 1),
        (new(ArmKind.Ratio, 75), 1),
        (new(ArmKind.KnownOnly, 25), 1),
        (new(ArmKind.KnownOnly, 75), 1),
        (new(ArmKind.KnownOnlySameUpdates, 25), 1),
        (new(ArmKind.KnownOnlySameUpdates, 50), 1),
        (new(ArmKind.KnownOnlySameUpdates, 75), 1),
        (new(ArmKind.HighlyKnown), 1),
        (new(ArmKind.MaybeKnown), 1),
        (new(ArmKind.WeaklyKnown), 1),
        (new(ArmKind.Natural), 1),
    ];
}
