using System.Diagnostics;
using Slick.Analysis;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>How long a study will take, from the operations it needs and a second of measuring this machine.</summary>
public static class Forecast
{
    /// <summary>A sentence, or null where less than a minute of work is left.</summary>
    /// <param name="options">All choices.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="store">What is complete there costs nothing.</param>
    /// <param name="compute">Where models are.</param>
    public static string? Of(StudyOptions options, int seed, RunStore store, Compute compute)
    {
        options.Check();
        int models = 0, labels = 0, runs = 0;
        for (var s = seed; s < seed + options.Bases; s++)
        {
            var model = BaseModel.StageOf(options, s, store);
            var label = Labels.StageOf(model.Key, s, options, store);
            if (!model.IsComplete) models++;
            if (!label.IsComplete) labels++;
            runs += options.Arms().Sum(a =>
                Enumerable.Range(1, a.Draws).Count(d =>
                !FineTuningRuns.StageOf(new(a.Arm, d), model.Key, label.Key, s, options, store).IsComplete));
        }
        var w = options.World;
        double relations = 12, other = 7; // in and out of distribution
        var facts = relations * (w.TrainFacts + w.DevFacts + w.TestFacts) + other * (w.OodDevFacts + w.OodTestFacts);
        // Statements are about 10 tokens, and their number is capped at 20 times its mean.
        var tokens = facts * (1 - w.NeverSeenShare) * w.MeanExposures * 10 * options.PreTraining.Epochs;
        var labelTokens = relations * (w.TrainFacts
            + w.TestFacts) * options.Sampling.Prompts * 12.0 * (options.Estimator == EstimatorKind.Exact ? 1 : 3);
        var d = relations * w.TrainFacts * 0.1;
        var asked = relations * (w.DevFacts + w.TestFacts) + other * w.OodTestFacts + d;
        // A pass forward costs a third of a training step; eight tokens of a question are its own.
        var runTokens = options.FineTuning.Epochs * (d * 14 + asked * 8 / 3);
        if (models + labels + runs == 0) return null;
        var perSecond = TrainingTokensPerSecond(options.PreTraining, compute.Device);
        var minutes = (models * tokens + labels * labelTokens / 3 + runs * runTokens) / perSecond / 60;
        return minutes < 1 ? null : string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"Forecast: about {minutes:F0} minutes on this machine ({models} base model{(models == 1 ? "" : "s")} to pre-train on "
                + $"{tokens / 1e6:F1} M tokens each, {labels} to label, {runs} fine-tuning runs); what is finished is kept, so it can be "
                + $"interrupted.");
    }

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
