using System.Globalization;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>Forecasts how long the stages of a study will take on this machine.</summary>
public abstract class Forecast
{
    /// <summary>Makes a forecast. The machine is measured when the first number is asked for.</summary>
    /// <param name="options">The study's options.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="compute">Device and number format of the models.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    public static Forecast Of(StudyOptions options, int seed, Compute compute, CheckpointSource? source = null) =>
        source is null ? new LabForecast(options, LabSpeed.On(compute.Device, options))
            : new CheckpointForecast(options, seed, compute, source);

    /// <summary>Seconds that a stage will take with all cores.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="plan">The plan that has the stage.</param>
    public abstract double Seconds(Stage stage, Plan plan);

    /// <summary>The forecast of the stages that are left of a plan, as one sentence; null where less than a minute of work is
    /// left.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="store">The store. Stages that are complete there take no time.</param>
    public string? Sentence(Plan plan, RunStore store)
    {
        var left = plan.Left(store);
        if (left.Count == 0) return null;
        var minutes = left.Sum(s => Seconds(s, plan)) / 60;
        int Count(StageKind kind) => left.Count(s => s.Kind == kind.Name);
        return minutes < 1 ? null : string.Create(CultureInfo.InvariantCulture,
            $"Forecast: about {minutes:F0} minutes on this machine ({Count(PreTrainStage.Kind)} to pre-train, {Count(LabelStage.Kind)} "
            + $"relations to label, {Count(FineTuneStage.Kind) + Count(RelabelStage.Kind)} fine-tuning runs); what is finished is kept, so "
            + $"it can be interrupted.");
    }
}

/// <summary>The forecast for the lab: from the work that a stage needs, and from about two seconds of measuring this machine.</summary>
internal sealed class LabForecast(StudyOptions options, LabSpeed speed) : Forecast
{
    public override double Seconds(Stage stage, Plan plan)
    {
        Stage? Input(int i) => plan.Stages.FirstOrDefault(s => i < stage.Inputs.Count && s.Name == stage.Inputs[i]);
        double AtOnce(int threads) =>
            Math.Clamp((double)speed.AtOnce / threads, 1, plan.Stages.Count(s => s.Kind == stage.Kind));
        var shards = options.PreTraining.Shards;
        if (stage.Kind == PreTrainStage.Kind.Name && Input(0) is { } world)
        {
            var w = world.OptionsAs<WorldOptions>();
            // A statement has about 10 tokens. The number of a fact's statements is at most 20 times the mean.
            var tokens = Facts(w) * (1 - w.NeverSeenShare) * w.MeanExposures * 10;
            return tokens * stage.OptionsAs<PreTrainingOptions>().Epochs / speed.PreTrainingTokens / AtOnce(shards);
        }
        if (stage.Kind == LabelStage.Kind.Name && Input(1) is { } of)
        {
            var (o, w) = (stage.OptionsAs<LabelOptions>(), of.OptionsAs<WorldOptions>());
            var inDistribution = SyntheticWorld.Relations.Single(r => r.Id == o.Relation).InDistribution;
            var questions = o.Split == Split.Train ? w.TrainFacts : inDistribution ? w.TestFacts : w.OodTestFacts;
            // A forward pass takes a third of a training step.
            var tokens = questions * o.Sampling.Prompts * 12.0 * (o.Estimator == EstimatorKind.Exact ? 1 : 3) / 3;
            return tokens / speed.PreTrainingTokens / AtOnce(shards);
        }
        if (stage.Kind == FineTuneStage.Kind.Name && Input(1) is { } asked)
        {
            var (run, w) = (stage.OptionsAs<RunOptions>(), asked.OptionsAs<WorldOptions>());
            var (epochs, d) = (run.FineTuning.Epochs, Examples(run, w));
            // The stops are at most four.
            var questions = run.TestAtStops ? epochs * (InDistribution * w.DevFacts + d) + 4 * Asked(w) : epochs * (Asked(w) + d);
            return (Steps(run, w) * speed.StepSeconds + questions * speed.QuestionSeconds) / AtOnce(1);
        }
        if (stage.Kind == RelabelStage.Kind.Name && Input(0) is { } repeated
            && plan.Stages.FirstOrDefault(s => s.Name == repeated.Inputs[1]) is { } facts)
        {
            var (run, w) = (repeated.OptionsAs<RunOptions>(), facts.OptionsAs<WorldOptions>());
            // At each of two stops: labels of the test facts, healing, and the questions before it and after it.
            var tokens = InDistribution * w.TestFacts * options.Sampling.Prompts * 12.0 / 3;
            var (healed, questions) = (RelabelStage.HealFacts.Count, Asked(w) + Examples(run, w));
            return (Steps(run, w) * speed.StepSeconds + questions * speed.QuestionSeconds + 2 * (tokens / speed.PreTrainingTokens
                + healed * RelabelStage.HealUpdates * speed.StepSeconds + (1 + 2 * healed) * questions * speed.QuestionSeconds))
                / AtOnce(1);
        }
        return 0;
    }

    private static int InDistribution => SyntheticWorld.Relations.Count(r => r.InDistribution);

    // The number of examples of a set, about.
    private static int Examples(RunOptions run, WorldOptions w) => InDistribution
        * Math.Min(w.TrainFacts / 10, run.Questions.LargestPart > 0 ? run.Questions.LargestPart : int.MaxValue);

    private static int Steps(RunOptions run, WorldOptions w) =>
        run.FineTuning.Epochs * FineTuning.Updates(Examples(run, w), run.FineTuning.BatchExamples);

    /// <summary>Number of facts of a world that are asked after an epoch.</summary>
    internal static int Asked(WorldOptions w) => SyntheticWorld.Relations.Sum(r => r.InDistribution ? w.DevFacts + w.TestFacts
        : w.OodTestFacts);

    private static int Facts(WorldOptions w) => Asked(w)
        + SyntheticWorld.Relations.Sum(r => r.InDistribution ? w.TrainFacts : w.OodDevFacts);
}

/// <summary>
/// The forecast for a checkpoint. A few questions are timed for the labels of a relation, a few steps and questions for a fine-tuning run.
/// The sizes of the sets follow from labels, which do not exist yet. So D is assumed as large as it may be, and a third of the test
/// questions Known.
/// </summary>
public sealed class CheckpointForecast : Forecast
{
    private readonly StudyOptions options;
    private readonly CheckpointSource source;
    private readonly Dictionary<string, AskedQuestions> asked;
    private readonly Lazy<(LabelSpeed Labels, TrainingForecast Training)> speed;

    internal CheckpointForecast(StudyOptions options, int seed, Compute compute, CheckpointSource source)
    {
        (this.options, this.source) = (options, source);
        var stages = StudyPlan.Base(options, seed, [], compute.Platform, source);
        asked = stages.Sources.Asked;
        speed = new(() =>
        {
            var (weights, tokenizer) = Checkpoint.Open(source.Folder, compute);
            using (weights)
            {
                var first = asked.Values.First(a => a.Questions[0].Split == Split.Train);
                var labels = LabelSpeed.Measure(first, weights, tokenizer,
                    LabelStage.Estimator(options.Labelling(first.Questions[0].Relation, Split.Train)), options.Sampling, seed,
                    PassBounds.On(compute.Device, compute.Memory), CancellationToken.None);
                var format = FineTuneStage.Format(options.Form);
                List<Fact> some = [.. asked.Values.Where(a => a.Questions[0].Split == Split.Train)
                    .SelectMany(a => a.Questions.Take(LargestPart))];
                return (labels, FineTuning.Forecast(new()
                {
                    Start = weights, Tokenizer = tokenizer, Options = options.FineTuning with { EndShare = 0 },
                    Examples = Example.Of(some, format),
                    Questions = new Dictionary<string, IReadOnlyList<Example>> { ["some"] = [.. Example.Of(some, format).Take(32)] },
                    Seed = seed, Asking = PassBounds.InTraining(compute.Memory),
                }));
            }
        });
    }

    private int LargestPart => options.Questions.LargestPart is > 0 and var part ? part : 100;

    /// <inheritdoc/>
    public override double Seconds(Stage stage, Plan plan)
    {
        if (stage.Kind == LabelStage.Kind.Name) return speed.Value.Labels.Seconds(asked[stage.Inputs[1]]);
        return stage.Kind == FineTuneStage.Kind.Name ? RunSeconds(stage.OptionsAs<RunOptions>(), LargestPart) : 0;
    }

    /// <summary>The largest part of D of each relation with which the whole study takes at most a given time. Stages that a store has
    /// already count too: else the number would change with every stage that is finished.</summary>
    /// <param name="plan">The study's plan.</param>
    /// <param name="seconds">The time, in seconds.</param>
    /// <exception cref="SlickException">Even the smallest part takes longer than the time given.</exception>
    public int LargestPartWithin(Plan plan, double seconds)
    {
        var labels = plan.Stages.Where(s => s.Kind == LabelStage.Kind.Name).Sum(s => Seconds(s, plan));
        double All(int part) => labels + plan.Stages.Where(s => s.Kind == FineTuneStage.Kind.Name)
            .Sum(s => RunSeconds(s.OptionsAs<RunOptions>(), part));
        int[] parts = [100, 80, 64, 48, 32, 24, 16, 12];
        var found = parts.FirstOrDefault(p => All(p) <= seconds);
        return found > 0 ? found : throw new SlickException(string.Create(CultureInfo.InvariantCulture,
            $"--budget: the smallest study of this model takes about {All(12) / 60:F0} minutes here, {labels / 60:F0} of them for labels; "
            + $"give more time, or label fewer questions (questions.train, questions.test)."));
    }

    private double RunSeconds(RunOptions run, int part)
    {
        var relations = source.Dataset.Relations.Count(r => r.InDistribution);
        var d = relations * part;
        var epochs = run.LeastEpochs > 0 ? run.LeastEpochs : run.FineTuning.Epochs;
        var own = run.Kind == ArmKind.KnownOnly ? d * (100 - run.UnknownPercent) / 100 : d;
        var steps = FineTuning.Updates(own, run.FineTuning.BatchExamples) * (double)epochs;
        int Of(int each, int all) => each > 0 ? each : all;
        var q = options.Questions;
        var dev = relations * Of(q.Dev, 100);
        double test = asked.Values.Where(a => a.Questions[0].Split == Split.Test).Sum(a => a.Questions.Count);
        var questions = (epochs + 1.0) * (dev + own)
            + (run.TestAtStops ? 4 : epochs + 1.0) * (test / 3 + Of(q.UnknownTest, (int)(test * 2 / 3)));
        return steps * speed.Value.Training.SecondsPerStep + questions * speed.Value.Training.SecondsPerQuestion;
    }
}
