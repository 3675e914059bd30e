using System.Diagnostics;
using Slick.Answers;
using Slick.Runtime;
using Slick.Training;

namespace Slick.Benchmarks;

/// <summary>Examples a second of fine-tuning all parameters, without the questions that a study asks between the epochs.</summary>
internal sealed class TrainingSpeed(Subject subject, FineTuningOptions options, int steps)
{
    public const string Padded = "padded", Packed = "packed";

    /// <summary>All contenders by name: rows with padding, and rows without (<see cref="FineTuningOptions.Ragged"/>).</summary>
    public static IReadOnlyList<string> Known { get; } = [Packed, Padded];

    public void Run(Choice choice, int rounds)
    {
        var examples = subject.Examples(steps * options.BatchExamples);
        var (config, runs) = (subject.Weights.Config, subject.SideBySide);
        var rows = examples.Select(e => TaughtExample.Of(config, subject.Tokenizer, e)).ToList();
        double flops = rows.Sum(r => FlopCount.OfTraining(config, r.Length, r.Taught.Length)), tokens = rows.Sum(r => r.Length);
        Text.Say($"{subject.Title}; {(runs > 1 ? Text.Line($"{runs} runs side by side, ") : "")}{steps} steps of ",
            $"{options.BatchExamples} examples, {tokens / examples.Count:F1} tokens each ({rows.Min(r => r.Length)} to ",
            $"{rows.Max(r => r.Length)}), dropout {options.DropoutRate}.");
        var peak = new ProductPeak(subject.Compute, runs);
        var turns = new Turns("examples", runs * examples.Count, peak.Measure, peak.Name) { Also = ("tokens", runs * tokens) };
        foreach (var line in turns.Run([.. choice.Names.Select(name =>
            new Contender(name, () => new(Seconds(name, examples, runs), runs * flops)))], choice.Baseline, rounds))
            Console.Out.WriteLine(line);
    }

    // Seconds of the second epoch, the mean of runs side by side. The first epoch warms up.
    private double Seconds(string name, IReadOnlyList<Example> examples, int runs)
    {
        var seconds = new double[runs];
        void Run(int i)
        {
            var (clock, begun) = (Stopwatch.StartNew(), 0.0);
            FineTuning.Run(new()
            {
                Start = subject.Weights, Tokenizer = subject.Tokenizer, Examples = examples, Seed = Lab.Seed,
                Options = options with { Epochs = 2, Ragged = name == Packed },
            }, _ =>
            {
                Compute.Finish(subject.Compute.Device);
                (seconds[i], begun) = (clock.Elapsed.TotalSeconds - begun, clock.Elapsed.TotalSeconds);
            }, CancellationToken.None);
        }
        if (runs > 1) SideBySide.For(runs, Run, width: runs);
        else Run(0);
        return seconds.Average();
    }
}
