using System.Diagnostics;
using System.Globalization;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>How long the stages of a study of the lab will take, from the tokens they need and a second of measuring this machine.</summary>
public sealed class Forecast
{
    private readonly Lazy<double> tokensPerSecond;

    /// <summary>Measures when the first number is asked for.</summary>
    /// <param name="options">The study's choices.</param>
    /// <param name="compute">Where models are.</param>
    public Forecast(StudyOptions options, Compute compute) =>
        tokensPerSecond = new(() => TrainingTokensPerSecond(options.PreTraining, compute.Device));

    /// <summary>Seconds of a stage with all cores; NaN where nothing is known of its kind.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="plan">The plan that it stands in.</param>
    public double Seconds(Stage stage, Plan plan) => Tokens(stage, plan) is var tokens && tokens == 0 ? 0 : tokens / tokensPerSecond.Value;

    /// <summary>A sentence about what is left of a plan, or null where less than a minute of work is.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="store">What is complete there costs nothing.</param>
    public string? Of(Plan plan, RunStore store)
    {
        var left = plan.Left(store);
        if (left.Count == 0) return null;
        var minutes = left.Sum(s => Seconds(s, plan)) / 60;
        int Count(StageKind kind) => left.Count(s => s.Kind == kind.Name);
        return minutes < 1 ? null : string.Create(CultureInfo.InvariantCulture,
            $"Forecast: about {minutes:F0} minutes on this machine ({Count(PreTrainStage.Kind)} to pre-train, {Count(LabelStage.Kind)} "
            + $"relations to label, {Count(FineTuneStage.Kind)} fine-tuning runs); what is finished is kept, so it can be interrupted.");
    }

    // Tokens of training that take as long as the stage; a pass forward costs a third of a training step.
    private static double Tokens(Stage stage, Plan plan)
    {
        Stage? Input(int i) => plan.Stages.FirstOrDefault(s => i < stage.Inputs.Count && s.Name == stage.Inputs[i]);
        if (stage.Kind == PreTrainStage.Kind.Name && Input(0) is { } world)
        {
            var w = world.OptionsAs<WorldOptions>();
            // Statements are about 10 tokens, and their number is capped at 20 times its mean.
            return Facts(w, all: true) * (1 - w.NeverSeenShare) * w.MeanExposures * 10 * stage.OptionsAs<PreTrainingOptions>().Epochs;
        }
        if (stage.Kind == LabelStage.Kind.Name && Input(1) is { } of)
        {
            var (o, w) = (stage.OptionsAs<LabelOptions>(), of.OptionsAs<WorldOptions>());
            var inDistribution = SyntheticWorld.Relations.Single(r => r.Id == o.Relation).InDistribution;
            var questions = o.Split == Split.Train ? w.TrainFacts : inDistribution ? w.TestFacts : w.OodTestFacts;
            return questions * o.Sampling.Prompts * 12.0 * (o.Estimator == EstimatorKind.Exact ? 1 : 3) / 3;
        }
        if (stage.Kind == FineTuneStage.Kind.Name && Input(1) is { } asked)
        {
            var (epochs, w) = (stage.OptionsAs<RunOptions>().FineTuning.Epochs, asked.OptionsAs<WorldOptions>());
            var d = SyntheticWorld.Relations.Count(r => r.InDistribution) * w.TrainFacts * 0.1;
            // Eight tokens of a question are its own.
            return epochs * (d * 14 + (Facts(w, all: false) + d) * 8 / 3);
        }
        return 0;
    }

    // Facts of a world: all of them, or those that are asked after an epoch.
    private static double Facts(WorldOptions w, bool all) => SyntheticWorld.Relations.Sum(r => r.InDistribution
        ? w.DevFacts + w.TestFacts + (all ? w.TrainFacts : 0) : w.OodTestFacts + (all ? w.OodDevFacts : 0));

    private static double TrainingTokensPerSecond(PreTrainingOptions options, torch.Device device)
    {
        var (clock, steps) = (Stopwatch.StartNew(), 0);
        // A step counts when the device has done it.
        SideBySide.For(options.Shards, _ =>
        {
            using var weights = new DecoderWeights(options.Shape(700), device, trainable: true);
            weights.Initialize(1);
            using var decoder = new Decoder(weights);
            while (clock.Elapsed.TotalSeconds < 1)
            {
                using var scope = torch.NewDisposeScope();
                var ids = torch.zeros([options.BatchRows / options.Shards, options.ContextTokens], torch.ScalarType.Int64, device);
                decoder.Logits(decoder.Forward(ids).Hidden).sum().backward();
                Compute.Finish(device);
                Interlocked.Increment(ref steps);
            }
        }, default, options.Shards);
        return (double)steps * options.BatchRows / options.Shards * options.ContextTokens / clock.Elapsed.TotalSeconds;
    }
}
