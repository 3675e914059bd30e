using System.Diagnostics;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Training;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>How fast a device does the lab's work. A part is measured when it is first asked for.</summary>
/// <param name="atOnce">Number of stages that are worked on at once: the number of cores, or one on a GPU.</param>
/// <param name="preTraining">Measures <see cref="PreTrainingTokens"/>.</param>
/// <param name="fineTuning">Measures <see cref="StepSeconds"/> and <see cref="QuestionSeconds"/>.</param>
internal sealed class LabSpeed(int atOnce, Func<double> preTraining, Func<(double Step, double Question)> fineTuning)
{
    private readonly Lazy<double> preTraining = new(preTraining);
    private readonly Lazy<(double Step, double Question)> fineTuning = new(fineTuning);

    /// <summary>Number of stages that are worked on at once.</summary>
    public int AtOnce => atOnce;

    /// <summary>Tokens a second of one pre-training.</summary>
    public double PreTrainingTokens => preTraining.Value;

    /// <summary>Seconds of an optimiser step of a fine-tuning run, while as many runs are worked on as can be.</summary>
    public double StepSeconds => fineTuning.Value.Step;

    /// <summary>Seconds of a question that is asked after an epoch, while as many runs are worked on as can be.</summary>
    public double QuestionSeconds => fineTuning.Value.Question;

    /// <summary>The speed of a device. Each of the two measurements takes about a second.</summary>
    /// <param name="device">The device.</param>
    /// <param name="options">The study's options: shape of the model, sizes of batches.</param>
    public static LabSpeed On(torch.Device device, StudyOptions options)
    {
        var atOnce = device.type == DeviceType.CUDA ? 1 : SideBySide.Width;
        return new(atOnce, () => PreTraining(device, options.PreTraining), () => FineTuning(device, options, atOnce));
    }

    private static double PreTraining(torch.Device device, PreTrainingOptions options)
    {
        var speeds = new double[options.Shards];
        SideBySide.For(options.Shards, shard =>
        {
            using var weights = new DecoderWeights(options.Shape(700), device, trainable: true);
            weights.Initialize(1);
            using var decoder = new Decoder(weights);
            void Step()
            {
                using var scope = torch.NewDisposeScope();
                var ids = torch.zeros([options.BatchRows / options.Shards, options.ContextTokens], torch.ScalarType.Int64, device);
                Repeatable.Backward(decoder.Logits(decoder.Forward(ids).Hidden).sum());
                Compute.Finish(device); // a step counts once the device has finished it
            }
            // The first steps of a process are slow: methods are compiled and memory is new.
            for (var i = 0; i < 3; i++) Step();
            var (clock, steps) = (Stopwatch.StartNew(), 0);
            for (; clock.Elapsed.TotalSeconds < 0.7; steps++) Step();
            speeds[shard] = (double)steps * options.BatchRows / options.Shards * options.ContextTokens / clock.Elapsed.TotalSeconds;
        }, default, options.Shards);
        return speeds.Sum();
    }

    // Runs of untrained models on a small world, with batches of the study's size.
    private static (double Step, double Question) FineTuning(torch.Device device, StudyOptions options, int atOnce)
    {
        var world = SyntheticWorld.Create(StudyOptions.Smoke.World, 1);
        var tokenizer = PreTrainStage.Tokenizer(world);
        var examples = Example.Of(world.Dataset.Facts, FineTuneStage.Format(options.Form));
        IReadOnlyList<Example> Some(int count) => [.. Enumerable.Range(0, count).Select(i => examples[i % examples.Count])];
        var asked = Math.Min(2000, LabForecast.Asked(options.World));
        var speeds = new (double Step, double Question)[atOnce];
        SideBySide.For(atOnce, i =>
        {
            using var weights = new DecoderWeights(options.PreTraining.Shape(tokenizer.VocabularySize), device, trainable: false);
            weights.Initialize(1);
            var found = Training.FineTuning.Forecast(new()
            {
                Start = weights, Tokenizer = tokenizer, Options = options.FineTuning with { ReplayShare = 0, EndShare = 0 },
                Seed = 1,
                Examples = Some(2 * options.FineTuning.BatchExamples),
                Questions = new Dictionary<string, IReadOnlyList<Example>> { ["some"] = Some(asked) },
            });
            speeds[i] = (found.SecondsPerStep, found.SecondsPerQuestion);
        }, default, atOnce);
        return (speeds.Average(s => s.Step), speeds.Average(s => s.Question));
    }
}
