using System.Globalization;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>A fine-tuning run of a study: a set, drawn and ordered by the number of the draw.</summary>
/// <param name="Arm">The kind of set.</param>
/// <param name="Draw">Number of the draw of D and of its order, from 1.</param>
public sealed record Run(Arm Arm, int Draw);

/// <summary>What a fine-tuning run follows from, beside model, questions and labels.</summary>
public sealed record RunOptions
{
    /// <summary>How the set is made.</summary>
    public ArmKind Kind { get; init; }
    /// <summary>X of D with X% Unknown; -1 for kinds that have none.</summary>
    public int UnknownPercent { get; init; } = -1;
    /// <summary>Number of the draw of D and of its order, from 1.</summary>
    public int Draw { get; init; } = 1;
    /// <summary>How large each relation's part of D is.</summary>
    public SizeRule Size { get; init; }
    /// <summary>Fine-tuning.</summary>
    public FineTuningOptions FineTuning { get; init; } = new();

    /// <summary>The run.</summary>
    internal Run Run => new(new(Kind, UnknownPercent), Draw);
}

/// <summary>Fine-tuning on a set of a study. A set without facts is a finished stage with no rows and a reason.</summary>
internal static class FineTuneStage
{
    public static StageKind Kind { get; } = new("finetune", 4, typeof(RunOptions), s => $"fine-tuning (seed {s.Seed})", Run);

    /// <summary>The stage of a run.</summary>
    /// <param name="run">The set and its draw.</param>
    /// <param name="options">The study's choices; fine-tuning and the size of D matter here.</param>
    /// <param name="seed">Seed of the base model.</param>
    /// <param name="model">The model, as stages name it.</param>
    /// <param name="questions">The facts, as stages name them.</param>
    /// <param name="labels">The table of labels.</param>
    /// <param name="platform">On what the model computes.</param>
    public static Stage Of(Run run, StudyOptions options, int seed, string model, string questions, Stage labels, Platform platform) =>
        Kind.Stage(string.Create(CultureInfo.InvariantCulture, $"{run.Arm}, draw {run.Draw}, seed {seed}"), new RunOptions
        {
            Kind = run.Arm.Kind,
            UnknownPercent = run.Arm.UnknownPercent,
            Draw = run.Draw,
            Size = options.Size,
            FineTuning = options.FineTuning,
        }, seed, platform, model, questions, labels.Name);

    private static Action<string> Run(StageWork work)
    {
        var options = work.Stage.OptionsAs<RunOptions>();
        var (run, seed) = (options.Run, work.Stage.Seed);
        var dataset = work.Context.Dataset(work.Stage.Inputs[1]);
        var labels = LabelTable.Read(work.Context.Store.Finished(work.Stage.Inputs[2]));
        var draw = Seeds.Mix(seed, run.Draw);
        IReadOnlyList<Fact> Set(ArmKind kind) =>
            FineTuningSets.Make(run.Arm with { Kind = kind }, dataset.Facts, labels, options.Size, draw);
        var set = Set(run.Arm.Kind);
        if (set.Count == 0)
            return RunTables.Empty(RunRecorder.RowOf(work.Stage.Key, run.Arm, seed, run.Draw, set, new Dictionary<int, Category>(),
                $"no train fact belongs to {run.Arm}")).Write;
        var updates = run.Arm.Kind == ArmKind.KnownOnlySameUpdates
            ? FineTuning.Updates(Set(ArmKind.Ratio).Count, options.FineTuning.BatchExamples) : 0;
        var model = work.Context.Model(work.Stage.Inputs[0]);
        var trained = dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
        (QuestionSet, IReadOnlyList<Fact>) Asked(QuestionSet set, Split split, bool inDistribution) => (set,
            [.. dataset.Facts.Where(f => f.Split == split && trained.Contains(f.Relation) == inDistribution)]);
        var record = new RunRecorder(work.Stage.Key, run.Arm, seed, run.Draw, set, [Asked(QuestionSet.Dev, Split.Dev, true),
            Asked(QuestionSet.Test, Split.Test, true), Asked(QuestionSet.Ood, Split.Test, false)], labels);
        var group = Kind.Group(work.Stage);
        FineTuning.Run(model.Weights, model.Tokenizer, PromptFormat.QuestionAnswer, options.FineTuning, set, record.Questions,
            Seeds.Mix(draw, run.Arm.Id), updates, work.Scratch, result =>
            {
                record.Add(result);
                work.Progress.Report(group, result.Epoch + 1, options.FineTuning.Epochs + 1.0, run.Arm.ToString());
            }, work.Cancellation);
        return record.Tables().Write;
    }
}
