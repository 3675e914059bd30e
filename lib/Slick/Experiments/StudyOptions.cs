using System.ComponentModel.DataAnnotations;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>The estimators of P_Correct.</summary>
public enum EstimatorKind
{
    /// <summary>Ours: the exact probability of the gold answer, in closed form, by teacher forcing.</summary>
    Exact,
    /// <summary>The paper's (section 3): the greedy answer and 16 samples of each prompt.</summary>
    Sampled,
}

/// <summary>The form in which a question is written for fine-tuning.</summary>
public enum QuestionForm
{
    /// <summary><c>Q: question</c>, <c>A: answer</c>.</summary>
    QuestionAnswer,
    /// <summary>The paper's instruction, then the question, then the answer.</summary>
    Instruction,
}

/// <summary>Where the texts come from that are mixed into a fine-tuning set (<see cref="FineTuningOptions.ReplayShare"/>).</summary>
public enum ReplaySource
{
    /// <summary>Pages of the lab's world, as pre-training read them.</summary>
    WorldPages,
    /// <summary>Texts that the base model draws itself, at T = 1, before fine-tuning (self-generated replay).</summary>
    ModelTexts,
}

/// <summary>
/// All options of a study. A preset is a record of this type. Each value can be set by its name (<see cref="NamedOptions"/>).
/// </summary>
public sealed record StudyOptions
{
    /// <summary>Number of base models. Each has its own seed, and with it its own world, prompts and labels.</summary>
    [Range(1, 1000)]
    public int Bases { get; init; } = 1;
    /// <summary>
    /// Number of draws of D and of the order of its examples, for D at 0, 50 and 100% Unknown and for D_Known at 50%. Every other set is
    /// drawn once for each base model.
    /// </summary>
    [Range(1, 1000)]
    public int Repeats { get; init; } = 1;
    /// <summary>The estimator of P_Correct.</summary>
    public EstimatorKind Estimator { get; init; }
    /// <summary>The rule for the size of each relation's part of D.</summary>
    public SizeRule Size { get; init; }
    /// <summary>The synthetic world of the lab.</summary>
    public WorldOptions World { get; init; } = new();
    /// <summary>Shape and pre-training of the lab's model.</summary>
    public PreTrainingOptions PreTraining { get; init; } = new();
    /// <summary>SliCK's protocol: number of prompts, shots, samples, temperature, top-k.</summary>
    public SamplingOptions Sampling { get; init; } = new();
    /// <summary>How answers are normalised before a drawn answer is compared with the gold answer (Sampled only).</summary>
    public AnswerNormaliser Normaliser { get; init; }
    /// <summary>Which questions are labelled, trained on and asked.</summary>
    public QuestionOptions Questions { get; init; } = new();
    /// <summary>
    /// The form in which questions are trained and asked after an epoch. SliCK's prompts always have the form of question and answer.
    /// </summary>
    public QuestionForm Form { get; init; }
    /// <summary>Ids of the fine-tuning sets (<see cref="Arm.Id"/>), separated by commas; empty for the paper's sets and that of claim 8.
    /// D_IDK and the sets of the lab's studies are run where they are named.</summary>
    public string Sets { get; init; } = "";
    /// <summary>True to ask the test questions at the stops only: the base model, EARLY_STOP, FIT and the last epoch. False to ask them
    /// after every epoch.</summary>
    public bool TestAtStops { get; init; }
    /// <summary>0 for <c>fineTuning.epochs</c> epochs in every run. Else every run has twice as many epochs as D with 100% Unknown needs
    /// until FIT, but at least this number and at most <c>fineTuning.epochs</c>.</summary>
    [Range(0, 10_000)]
    public int LeastEpochs { get; init; }
    /// <summary>Which texts <c>fineTuning.replayShare</c> mixes in; they are those of the lab's world, or of its base model.</summary>
    public ReplaySource Replay { get; init; }
    /// <summary>The settings of fine-tuning.</summary>
    public FineTuningOptions FineTuning { get; init; } = new();

    /// <summary>Takes less than half a minute. It shows that every part works. Its numbers have no meaning.</summary>
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

    /// <summary>Takes minutes on two cores. It has one base model, so its intervals are over draws of D and order only.</summary>
    public static StudyOptions Quick { get; } = new()
    {
        Repeats = 3,
        Form = QuestionForm.Instruction,
        // chosen by: slick tune --preset quick --set testAtStops=true --seeds 2 --rates 5e-5 7e-5 1e-4 1.5e-4 2e-4
        FineTuning = new() { LearningRate = 7e-5 },
        World = new() { TrainFacts = 100, TestFacts = 40, OodTestFacts = 20, OodDevFacts = 10, MeanExposures = 46, PoolScale = 10,
            ZipfExponent = 1, SameObjectPageShare = 0.93, InstructionShare = 0.03 },
    };

    /// <summary>Five base models, or more with <see cref="Bases"/>: each seed has its own world, base model, prompts, labels, D and order.
    /// Takes hours on two cores.</summary>
    public static StudyOptions Lab { get; } = new()
    {
        Bases = 5,
        Form = QuestionForm.Instruction,
        // chosen by: slick tune --preset lab --set testAtStops=true --seeds 2 --rates 5e-5 7e-5 1e-4
        FineTuning = new() { LearningRate = 7e-5 },
        // chosen by the rule in notebooks/REGISTRATION.md, section "Which world of the lab is reported"
        World = new() { TrainFacts = 400, TestFacts = 140, RivalShare = 0.25, PoolScale = 20, ZipfExponent = 0.8, SameObjectPageShare = 0.8,
            InstructionShare = 0.01 },
    };

    /// <summary>
    /// For a checkpoint of a few hundred million parameters; takes about two hours on two cores. The learning rate was chosen with a
    /// prototype on Gemma 3 270M with a cut vocabulary, on other questions. <c>slick tune --preset real-quick --model ...</c> chooses it
    /// for another model.
    /// </summary>
    public static StudyOptions RealQuick { get; } = new()
    {
        Size = SizeRule.SmallerOfKnownAndUnknown,
        Questions = new()
        {
            Train = 110, Test = 200, Ood = 40, Dev = 20, UnknownTest = 400, LargestPart = 24, LeastKnown = 12, LargestAnswerShare = 0.25,
        },
        Form = QuestionForm.Instruction,
        Sets = "ratio-100,ratio-0,ratio-50,known-only-50,known-only-same-updates-50",
        TestAtStops = true,
        LeastEpochs = 15,
        FineTuning = new() { Epochs = 40, BatchExamples = 16, LearningRate = 1e-5, Ragged = true },
    };

    /// <summary>For a checkpoint of about a billion parameters on one GPU; takes about ten minutes on an H100 with
    /// <c>--dtype bf16</c>.</summary>
    public static StudyOptions RealGpu { get; } = RealQuick with
    {
        Questions = RealQuick.Questions with { Train = 450, Test = 400, Ood = 100, LargestPart = 100 },
        Sets = "ratio-100,ratio-0,ratio-25,ratio-50,ratio-75,known-only-50,known-only-same-updates-50,natural",
        LeastEpochs = 30,
        FineTuning = RealQuick.FineTuning with { Epochs = 60, BatchExamples = 128, PieceExamples = 32 },
    };

    /// <summary>The presets by name. A preset whose name begins with real needs a model.</summary>
    public static IReadOnlyDictionary<string, StudyOptions> Presets { get; } = new Dictionary<string, StudyOptions>
    {
        ["smoke"] = Smoke,
        ["quick"] = Quick,
        ["lab"] = Lab,
        ["real-quick"] = RealQuick,
        ["real-gpu"] = RealGpu,
    };

    /// <summary>The preset of a name.</summary>
    /// <exception cref="UsageException">There is no preset of that name.</exception>
    public static StudyOptions Preset(string name) =>
        Presets.TryGetValue(name ?? "", out var options) ? options
            : throw new UsageException($"There is no preset '{name}'; it is one of {string.Join(", ", Presets.Keys)}.");

    /// <summary>Checks the range of each option, and whether the options fit each other.</summary>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    public void Check()
    {
        OptionRanges.Check(this);
        PreTraining.Check();
        if (Math.Min(World.DevFacts, World.OodDevFacts) <= Sampling.Shots) throw new UsageException(
            $"sampling.shots = {Sampling.Shots} needs more dev facts of each relation than that; world.devFacts = {World.DevFacts}, "
            + $"world.oodDevFacts = {World.OodDevFacts}.");
        if (Enumerable.Range(0, Sampling.Shots)
            .Aggregate(1.0, (n, i) => n * (World.DevFacts - i)) < Sampling.Prompts) throw new UsageException(
            $"{World.DevFacts} dev facts do not make sampling.prompts = {Sampling.Prompts} different prompts of {Sampling.Shots} "
            + $"exemplars.");
        CheckNormaliser(Estimator, Normaliser);
        _ = Arms();
        if (LeastEpochs > FineTuning.Epochs)
            throw new UsageException(
                $"leastEpochs = {LeastEpochs} is more than fineTuning.epochs = {FineTuning.Epochs}, the most that a run may have.");
        // A prompt has the exemplars and the question, with about 16 words each.
        if ((Sampling.Shots + 1) * 18 > 2 * PreTraining.ContextTokens) throw new UsageException(
            $"a prompt of sampling.shots = {Sampling.Shots} does not fit into twice preTraining.contextTokens = "
            + $"{PreTraining.ContextTokens} positions.");
    }

    internal static void CheckNormaliser(EstimatorKind estimator, AnswerNormaliser normaliser)
    {
        // Exact computes the probability of one string, so it compares no answers.
        if (estimator == EstimatorKind.Exact && normaliser != AnswerNormaliser.None)
            throw new UsageException(
                "normaliser compares drawn answers, and estimator=exact draws none; use estimator=sampled or normaliser=none.");
    }

    /// <summary>The options of the labels of one relation and split.</summary>
    internal LabelOptions Labelling(string relation, Split split) =>
        new() { Relation = relation, Split = split, Estimator = Estimator, Normaliser = Normaliser, Sampling = Sampling };

    /// <summary>The fine-tuning sets of the study, each with its number of draws.</summary>
    /// <exception cref="UsageException"><see cref="Sets"/> names a set that does not exist. Or it lacks D with 100% Unknown although
    /// <see cref="LeastEpochs"/> makes the length of every run follow from that set.</exception>
    public IReadOnlyList<(Arm Arm, int Draws)> Arms()
    {
        (Arm Arm, int Draws)[] all =
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
            (new(ArmKind.RatioDecayingRate, 50), 1),
        ];
        if (Sets.Length == 0) return all;
        // D_IDK needs a model that can write its answer. The others are sets of the lab's studies (Slick.Studies).
        all = [.. all, (new(ArmKind.DontKnow, 50), 1), (new(ArmKind.NeverStated), Repeats), (new(ArmKind.StatedNotKept), Repeats),
            (new(ArmKind.RivalStated), Repeats), (new(ArmKind.Concentrated, 25), Repeats), (new(ArmKind.Spread, 25), Repeats),
            .. LadderSets.All.Select(kind => (new Arm(kind), Repeats))];
        var chosen = Sets.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()
            .Select(id => all.FirstOrDefault(a => a.Arm.Id == id) is { Arm: not null } found ? found
                : throw new UsageException($"sets: there is no set '{id}'; there are {string.Join(", ", all.Select(a => a.Arm.Id))}."))
                    .ToList();
        if (LeastEpochs > 0 && chosen.All(a => a.Arm != Arm.Unknown))
            throw new UsageException($"sets lacks {Arm.Unknown.Id}: with leastEpochs the length of every run follows from that set.");
        return chosen;
    }
}
