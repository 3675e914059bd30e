using System.Globalization;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Experiments;

/// <summary>What is left of a test fact at a stop of a fine-tuning run. Test facts are those in distribution. A question alone is asked in
/// the form of fine-tuning. The stops are FIT where the run has it, and the last epoch; an epoch that is two stops has one row.</summary>
internal sealed record RelabelRow
{
    /// <summary>Number of the epoch.</summary>
    public required int Epoch { get; init; }
    /// <summary>The fact's <see cref="Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>P_Correct(T=0) of the fine-tuned model behind the prompts that labelled the base model.</summary>
    public required double GreedyCorrect { get; init; }
    /// <summary>The fact's category for the fine-tuned model.</summary>
    public required Category Category { get; init; }
    /// <summary>Whether the base model answers the question alone rightly.</summary>
    public required bool RightBefore { get; init; }
    /// <summary>Whether the fine-tuned model answers the question alone rightly.</summary>
    public required bool Right { get; init; }
    /// <summary>Whether the question alone is answered rightly after healing on 10 facts.</summary>
    public required bool RightHealed10 { get; init; }
    /// <summary>Whether the question alone is answered rightly after healing on 50 facts.</summary>
    public required bool RightHealed50 { get; init; }
    /// <summary>Whether the question alone is answered rightly after healing on 200 facts.</summary>
    public required bool RightHealed200 { get; init; }
    /// <summary>Number of HighlyKnown train facts that are not in the set. Where they are fewer than 10, 50 or 200, healing takes them
    /// all; where there is none, nothing is healed.</summary>
    public required int HealingFacts { get; init; }

    /// <summary>Whether the question alone is answered rightly after healing.</summary>
    /// <param name="facts">Number of facts to heal on: one of <see cref="RelabelStage.HealFacts"/>.</param>
    public bool RightHealed(int facts) => facts switch
    {
        10 => RightHealed10,
        50 => RightHealed50,
        200 => RightHealed200,
        _ => throw new ArgumentOutOfRangeException(nameof(facts)),
    };
}

/// <summary>
/// The stage that asks what is left of the test facts after a fine-tuning run. It repeats the run, with the same weights. At FIT and at the
/// last epoch it labels the test facts by SliCK with the prompts that labelled the base model, and asks them alone. Then it heals: 20
/// updates on HighlyKnown facts that the set does not have, with the run's constant rate and batch and with a fresh optimiser; and it asks
/// them alone again. Each healing begins at the run's weights.
/// </summary>
internal static class RelabelStage
{
    /// <summary>The options of the stage: none, because its result follows from the run.</summary>
    internal sealed record Options;

    private const string RelabelFile = "relabel.parquet";

    /// <summary>The numbers of HighlyKnown facts to heal on.</summary>
    public static IReadOnlyList<int> HealFacts { get; } = [10, 50, 200];

    /// <summary>Optimiser steps of healing.</summary>
    public const int HealUpdates = 20;

    public static StageKind Kind { get; } = new("relabel", 1, typeof(Options), s => $"what is left (seed {s.Seed})", Run);

    /// <summary>The stage of a run.</summary>
    /// <param name="run">The stage of the fine-tuning run.</param>
    /// <exception cref="UsageException">The run trains an adapter.</exception>
    public static Stage Of(Stage run) => run.OptionsAs<RunOptions>().FineTuning.Lora.Rank == 0
        ? Kind.Stage($"what is left after {run.Title}", new Options(), run.Seed, new(run.Device, run.NumberFormat), run.Name)
        : throw new UsageException("fineTuning.lora.rank is above 0, and healing trains the whole model; set fineTuning.lora.rank=0.");

    /// <summary>The rows of a finished stage; none for a set without facts.</summary>
    /// <param name="stage">The stage's folder.</param>
    /// <exception cref="SlickException">The table is missing or damaged.</exception>
    public static IReadOnlyList<RelabelRow> Read(StageFolder stage) => Tables.Read<RelabelRow>(stage.File(RelabelFile));

    private static Action<string> Run(StageWork work)
    {
        var finished = work.Context.Store.Finished(work.Stage.Inputs[0]);
        var rows = new List<RelabelRow>();
        if (FineTuneStage.Prepare(work with { Stage = finished.Stage }) is { } run
            && RunStops.Of(RunTables.Read(finished.Folder).Scores) is { } stops)
        {
            IReadOnlyList<bool> before = [];
            FineTuning.Run(run.Training, epoch =>
            {
                work.Progress.Report(Kind.Group(work.Stage), epoch.Epoch + 1, stops.Last + 1.0, run.Options.Run.Arm.ToString());
                if (epoch.Epoch == 0) before = run.AskTest(epoch.Ask);
                else if (epoch.Epoch == stops.Fit || epoch.Epoch == stops.Last)
                {
                    var right = run.AskTest(epoch.Ask);
                    // A resumed run reports the epochs before its checkpoint without a model; their rows lie in files.
                    var file = Path.Combine(work.Scratch, string.Create(CultureInfo.InvariantCulture, $"relabel-{epoch.Epoch}.parquet"));
                    if (!File.Exists(file)) Tables.Write(file, Rows(run, epoch.Decoder, epoch.Epoch, before, right, work, finished.Stage));
                    rows.AddRange(Tables.Read<RelabelRow>(file));
                }
                if (epoch.Epoch == stops.Last) epoch.Stop();
            }, work.Cancellation);
        }
        return folder => Tables.Write(Path.Combine(folder, RelabelFile), rows);
    }

    private static RelabelRow[] Rows(PreparedRun run, Decoder decoder, int epoch, IReadOnlyList<bool> before,
        IReadOnlyList<bool> right, StageWork work, Stage runStage)
    {
        Dictionary<int, LabelRow> labels;
        using (no_grad())
            labels = LabelTable.Repeat(runStage.Inputs[2], Split.Test, run.Asked.Test, new LocalModel(decoder, run.Model.Tokenizer)
            {
                Memory = work.Context.PassMemory(work.Progress),
            }, work.Context, work.Cancellation).ToDictionary(l => l.FactId);
        var known = Healing(run);
        var healed = HealFacts.Select(facts => known.Count == 0 ? right
            : Heal(run, decoder.Weights, [.. known.Take(facts)], work.Cancellation)).ToList();
        return [.. run.Asked.Test.Select((fact, i) => new RelabelRow
        {
            Epoch = epoch, FactId = fact.Id, GreedyCorrect = labels[fact.Id].GreedyCorrect, Category = labels[fact.Id].Category,
            RightBefore = before[i], Right = right[i], RightHealed10 = healed[0][i], RightHealed50 = healed[1][i],
            RightHealed200 = healed[2][i], HealingFacts = known.Count,
        })];
    }

    /// <summary>The HighlyKnown train facts that are not in a run's set, in the order in which healing takes them.</summary>
    internal static IReadOnlyList<Fact> Healing(PreparedRun run)
    {
        var set = run.Set.Select(f => f.Id).ToHashSet();
        LabelRow[] known = [.. run.Labels.Where(l => l.Split == Split.Train && l.Category == Category.HighlyKnown
            && !set.Contains(l.FactId))];
        new RandomStream(Seeds.Mix(run.Training.Seed, "healing")).Shuffle<LabelRow>(known);
        return [.. known.Select(l => run.Facts[l.FactId])];
    }

    private static IReadOnlyList<bool> Heal(PreparedRun run, DecoderWeights weights, IReadOnlyList<Fact> facts,
        CancellationToken cancellation)
    {
        IReadOnlyList<bool> right = [];
        FineTuning.Run(new()
        {
            Start = weights,
            Tokenizer = run.Model.Tokenizer,
            Options = run.Options.FineTuning with
            {
                Epochs = 1, Schedule = LearningRateShape.Constant, ReplayShare = 0, EndShare = 0, DivergenceWeight = 0,
            },
            Examples = Example.Of(facts, FineTuneStage.Format(run.Options.Form)),
            Questions = run.Training.Questions,
            Seed = Seeds.Mix(run.Training.Seed, "healing"),
            EpochUpdates = HealUpdates,
            Asking = run.Training.Asking,
        }, epoch =>
        {
            if (epoch.Epoch == 1) right = run.AskTest(epoch.Ask);
        }, cancellation);
        return right;
    }
}
