using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Slick.Benchmarks;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Sampling;
using Slick.Text;
using TorchSharp;

var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2, Description = "Threads of every contender: prompts side by side, one torch thread each." };
var relations = new Option<int>("--relations") { DefaultValueFactory = _ => 2, Description = "Relations whose questions are asked (1 to 12)." };
var questions = new Option<int>("--questions") { DefaultValueFactory = _ => int.MaxValue, Description = "Questions of a relation (default: all of train and test)." };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3, Description = "Rounds in which the contenders take turns." };
var epochs = new Option<int>("--epochs") { DefaultValueFactory = _ => 2, Description = "Passes of the pre-training where no model is kept." };
var model = new Option<string?>("--model") { Description = "Folder of the model: read where it exists, else trained and written." };
var only = new Option<string?>("--only") { Description = "Only contenders whose name contains this (for a profile)." };
var command = new RootCommand("Questions a second of SliCK's estimators and of plain generation.") { threads, relations, questions, rounds, epochs, model, only };
command.SetAction(parsed =>
{
    NativeLibraries.Load();
    var lab = new Lab(parsed.GetValue(model), parsed.GetValue(epochs));
    var bench = new Bench(lab, lab.Work(parsed.GetValue(relations), parsed.GetValue(questions)), parsed.GetValue(threads));
    bench.Run(parsed.GetValue(rounds), parsed.GetValue(only));
    return 0;
});
return command.Parse(args).Invoke();

/// <summary>Runs the contenders in turns and prints what they reach.</summary>
internal sealed class Bench(Lab lab, IReadOnlyList<Work> work, int threads)
{
    private const string Baseline = "generate", Stricter = "generate, prefilled once";

    private sealed class Contender(string name, Func<Work, double> run, double? target = null)
    {
        public string Name => name;
        public double? Target => target;
        public Func<Work, double> Run => run;
        public List<double> Seconds { get; } = [];
        public double Flops { get; set; }
    }

    private static readonly int[] BatchSizes = [1, 2, 4, 8];
    private readonly Dictionary<bool, int> batchSize = []; // of generation, by whether it prefills once
    private readonly Lock gate = new();
    private double prefillSeconds, prefillFlops;

    private static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    public void Run(int rounds, string? only)
    {
        List<Contender> contenders =
        [
            new("Exact", w => Estimate(new ExactEstimator(lab.Options, PromptFormat.QuestionAnswer), w), 40),
            new("Sampled", w => Estimate(new SampledEstimator(lab.Options, PromptFormat.QuestionAnswer), w), 15),
            new(Stricter, w => Generate(w, prefillOnce: true)),
            new(Baseline, w => Generate(w, prefillOnce: false)),
        ];
        if (only is not null) contenders.RemoveAll(c => !c.Name.Contains(only, StringComparison.OrdinalIgnoreCase));
        var config = lab.Weights.Config;
        var asked = work.Sum(w => w.Questions.Count) / (double)lab.Options.Prompts;
        Line($"Model: d {config.HiddenSize}, {config.Layers} layers, {config.VocabularySize} words, fp32; {asked:F0} questions, {lab.Options.Prompts} prompts of {lab.Options.Shots} exemplars, {lab.Options.Samples} samples; {threads} threads.");
        foreach (var contender in contenders) Sample(contender); // warm
        foreach (var contender in contenders.Where(c => c.Name.StartsWith(Baseline, StringComparison.Ordinal)))
        {
            var once = contender.Name == Stricter;
            batchSize[once] = BatchSizes.MinBy(size =>
            {
                batchSize[once] = size;
                return Enumerable.Range(0, 3).Min(_ => Sample(contender));
            });
            Line($"{contender.Name}: {batchSize[once]} questions a batch ({batchSize[once] * (lab.Options.Samples + 1)} rows), the fastest of {string.Join(", ", BatchSizes)}.");
        }
        (prefillSeconds, prefillFlops) = (0, 0);
        var peaks = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            peaks.Add(Peak());
            foreach (var contender in contenders)
            {
                var flops = new double[work.Count];
                var clock = Stopwatch.StartNew();
                SideBySide.For(work.Count, i => flops[i] = contender.Run(work[i]), width: threads);
                contender.Seconds.Add(clock.Elapsed.TotalSeconds);
                contender.Flops = flops.Sum();
            }
        }
        // Estimators do not count their work: the same passes again, counted.
        foreach (var contender in contenders.Where(c => c.Flops == 0)) contender.Flops = work.Sum(w => contender.Name == "Exact" ? ExactFlops(w) : TreeFlops(w));
        var peak = Median(peaks);
        Line($"Matrix product 1024^3, fp32: {peak:F0} GFLOP/s (each round: {string.Join(", ", peaks.Select(p => p.ToString("F0", CultureInfo.InvariantCulture)))})");
        Line($"{"",-26} {"questions/s",12} {"slowest-fastest",18} {"x generate",11} {"x stricter",11} {"GFLOP/question",15} {"GFLOP/s",8} {"of the peak",12}");
        foreach (var contender in contenders)
        {
            var ratios = new[] { Baseline, Stricter }.Select(name => contenders.Find(c => c.Name == name))
                .Select(c => c is null ? double.NaN : Median([.. c.Seconds.Zip(contender.Seconds, (theirs, ours) => theirs / ours)])).ToArray();
            var rate = contender.Flops / Median(contender.Seconds) / 1e9;
            Line($"{contender.Name,-26} {asked / Median(contender.Seconds),12:F1} {$"{asked / contender.Seconds.Max():F1}-{asked / contender.Seconds.Min():F1}",18} {ratios[0],11:F1} {ratios[1],11:F1} {contender.Flops / asked / 1e9,15:F2} {rate,8:F0} {rate / peak,12:P0}{(contender.Target is { } target ? $"  target {target:F0}x: {(ratios[0] >= target ? "reached" : "missed")}" : "")}");
        }
        if (prefillSeconds > 0)
            Line($"generate, prefill alone: {threads * prefillFlops / prefillSeconds / 1e9:F0} GFLOP/s, {threads * prefillFlops / prefillSeconds / 1e9 / peak:P0} of the peak");
    }

    // Seconds of a small part of the work.
    private double Sample(Contender contender)
    {
        var clock = Stopwatch.StartNew();
        SideBySide.For(threads, i => contender.Run(work[i % work.Count] with { Questions = [.. work[i % work.Count].Questions.Take(BatchSizes[^1])] }), width: threads);
        return clock.Elapsed.TotalSeconds;
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    private double Estimate(IEstimator estimator, Work w)
    {
        using var decoder = new Decoder(lab.Weights);
        estimator.Estimate(decoder, lab.Tokenizer, w.Exemplars, w.Questions, w.Seed, CancellationToken.None);
        return 0;
    }

    private double Generate(Work w, bool prefillOnce)
    {
        using var decoder = new Decoder(lab.Weights);
        var generation = new Generation(decoder, lab.Tokenizer, lab.Options, prefillOnce, batchSize.GetValueOrDefault(prefillOnce, 1));
        generation.Run(w);
        if (!prefillOnce)
            lock (gate)
            {
                prefillSeconds += generation.PrefillSeconds;
                prefillFlops += generation.PrefillFlops;
            }
        return generation.Flops;
    }

    private double ExactFlops(Work w)
    {
        using var decoder = new Decoder(lab.Weights);
        using var prompt = new PromptBatch(decoder, lab.Tokenizer, PromptFormat.QuestionAnswer, w.Exemplars, w.Questions);
        var shared = prompt.Shared?.Tokens ?? 0;
        return FlopCount.Of(decoder.Config, shared, shared, 0)
            + prompt.Questions.Sum(q => FlopCount.Of(decoder.Config, q.Own.Length + q.Gold.Length, shared + q.Own.Length + q.Gold.Length, q.Gold.Length + 1));
    }

    private double TreeFlops(Work w)
    {
        using var decoder = new Decoder(lab.Weights);
        using var prompt = new PromptBatch(decoder, lab.Tokenizer, PromptFormat.QuestionAnswer, w.Exemplars, w.Questions);
        var tree = new AnswerTree(decoder, lab.Tokenizer, lab.Options);
        tree.Draw(prompt, w.Seed);
        var shared = prompt.Shared?.Tokens ?? 0;
        return FlopCount.Of(decoder.Config, shared, shared, 0) + FlopCount.Of(decoder.Config, tree.Tokens, shared + prompt.Questions[0].Own.Length + 1, tree.LogitRows);
    }

    // Matrix products on as many threads as the contenders have, one torch thread each.
    private double Peak()
    {
        const int size = 1024, times = 20;
        double Once()
        {
            var clock = Stopwatch.StartNew();
            SideBySide.For(threads, _ =>
            {
                using var scope = torch.NewDisposeScope();
                var (a, b) = (torch.rand(size, size), torch.rand(size, size));
                for (var i = 0; i < times; i++) torch.mm(a, b).Dispose();
            }, width: threads);
            return 2.0 * size * size * size * times * threads / clock.Elapsed.TotalSeconds / 1e9;
        }
        Once();
        return Math.Max(Once(), Once());
    }
}
