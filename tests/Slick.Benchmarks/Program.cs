using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Slick.Answers;
using Slick.Benchmarks;
using Slick.Experiments;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;
using TorchSharp;

var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2,
    Description = "Threads of every contender: prompts side by side, one torch thread each." };
var relations = new Option<int>("--relations") { DefaultValueFactory = _ => 2,
    Description = "Relations whose questions are asked (1 to 12)." };
var questions = new Option<int>("--questions") { DefaultValueFactory = _ => int.MaxValue,
    Description = "Questions of a relation (default: all of train and test)." };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3, Description = "Rounds in which the contenders take turns." };
var epochs = new Option<int>("--epochs") { DefaultValueFactory = _ => 2,
    Description = "Passes of the pre-training where no model is kept." };
var model = new Option<string?>("--model") { Description = "Folder of the model: read where it exists, else trained and written." };
var checkpoint = new Option<string?>(
    "--checkpoint") { Description = "A Hugging Face checkpoint instead of the lab's model: each contender alone, with all threads." };
var data = new Option<string>("--data") { DefaultValueFactory = _ => "data/entityquestions-sample",
    Description = "EntityQuestions for --checkpoint." };
var prompts = new Option<int>("--prompts") { DefaultValueFactory = _ => 10, Description = "Prompts of a relation, of the protocol's 10." };
var dtype = new Option<string>("--dtype") { DefaultValueFactory = _ => "fp32", Description = "fp32 or bf16, for --checkpoint." };
var only = new Option<string?>("--only") { Description = "Only contenders whose name contains this (for a profile)." };
var command = new RootCommand("Questions a second of SliCK's estimators and of plain generation.") { threads, relations, questions, rounds,
    epochs, model, checkpoint, data, prompts, dtype, only };
command.SetAction(parsed =>
{
    NativeLibraries.Load();
    var (n, asked, cores) = (parsed.GetValue(relations), parsed.GetValue(questions), parsed.GetValue(threads));
    Subject subject;
    if (parsed.GetValue(checkpoint) is { } folder)
    {
        Compute.UseThreads(cores);
        subject = Subject.OfCheckpoint(folder, parsed.GetValue(data)!, parsed.GetValue(dtype)!, n, asked,
            parsed.GetValue(prompts)) with { SideBySide = 1, TorchThreads = cores };
    }
    else subject = new Lab(parsed.GetValue(model), parsed.GetValue(epochs))
        .Subject(n, asked, parsed.GetValue(prompts)) with { SideBySide = cores, TorchThreads = 1 };
    var bench = new Bench(subject);
    bench.Run(parsed.GetValue(rounds), parsed.GetValue(only));
    return 0;
});
var tokenizerFolder = new Argument<string>("folder") { Description = "A folder with tokenizer.json." };
var count = new Option<int>("--count") { DefaultValueFactory = _ => 1_000_000, Description = "Questions to encode." };
var speed = new Command("tokenizer", "Short questions a second through a tokenizer.") { tokenizerFolder, data, count };
speed.SetAction(parsed => TokenizerSpeed.Run(parsed.GetValue(tokenizerFolder)!, parsed.GetValue(data)!, parsed.GetValue(count)));
command.Add(speed);
var trained = new Argument<string>("folder") { Description = "A Hugging Face checkpoint." };
var device = new Option<string>("--device") { DefaultValueFactory = _ => "auto", Description = "auto, cpu, cuda or cuda:n." };
var examples = new Option<int>("--questions") { DefaultValueFactory = _ => 60,
    Description = "Train questions of P17, P36 and P131 together." };
var passes = new Option<int>("--epochs") { DefaultValueFactory = _ => 3, Description = "Passes over them." };
var rate = new Option<double>("--rate") { DefaultValueFactory = _ => 1e-5, Description = "Learning rate." };
var set = new Option<string[]>("--set") { HelpName = "name=value", Description = "Any other option of fine-tuning, by its name." };
var time = new Option<bool>("--time") { Description = "Forecast the time too, after the run." };
var finetune = new Command("finetune", "Losses of fine-tuning a checkpoint, to compare devices and number formats.") { trained, data,
    device, dtype, examples, passes, rate, set, time };
finetune.SetAction(parsed => FineTuningLoss.Run(parsed.GetValue(trained)!, parsed.GetValue(data)!, parsed.GetValue(device)!,
    parsed.GetValue(dtype)!, parsed.GetValue(examples), (parsed.GetValue(set) ?? []).Aggregate(new FineTuningOptions
    {
        Epochs = parsed.GetValue(passes), LearningRate = parsed.GetValue(rate),
    }, NamedOptions.Set), parsed.GetValue(time)));
command.Add(finetune);
var least = new Option<int>("--rounds") { DefaultValueFactory = _ => 5, Description = "Rounds; the least of their times is printed." };
var steps = new Command("steps", "Milliseconds of a step of the lab's pre-training and fine-tuning.") { least };
steps.SetAction(parsed => TrainingSteps.Run(parsed.GetValue(least)));
command.Add(steps);
return command.Parse(args).Invoke();

/// <summary>Runs the contenders in turns and prints what they reach.</summary>
internal sealed class Bench(Subject lab)
{
    private readonly IReadOnlyList<Work> work = lab.Work;
    private readonly int threads = lab.SideBySide;

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

    private static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(p => p.ToString(CultureInfo.InvariantCulture))));

    public void Run(int rounds, string? only)
    {
        List<Contender> contenders =
        [
            new("Exact", w => Estimate(new ExactEstimator(lab.Options, PromptFormat.QuestionAnswer), w), lab.ExactTarget),
            new("Sampled", w => Estimate(new SampledEstimator(lab.Options, PromptFormat.QuestionAnswer), w), lab.SampledTarget),
            new(Stricter, w => Generate(w, prefillOnce: true)),
            new(Baseline, w => Generate(w, prefillOnce: false)),
        ];
        if (only is not null) contenders.RemoveAll(c => !c.Name.Contains(only, StringComparison.OrdinalIgnoreCase));
        var config = lab.Weights.Config;
        double asked = work.Sum(w => w.Questions.Count);
        Line($"Model: d {config.HiddenSize}, {config.Layers} layers, {config.VocabularySize} tokens, {lab.Weights.Flat.dtype}; {asked:F0} ",
            $"questions, {lab.Prompts} prompts of {lab.Options.Shots} exemplars, {lab.Options.Samples} samples; {lab.SideBySide} x ",
            $"{lab.TorchThreads} threads.");
        foreach (var contender in contenders) Sample(contender); // warm
        foreach (var contender in contenders.Where(c => c.Name.StartsWith(Baseline, StringComparison.Ordinal)))
        {
            var once = contender.Name == Stricter;
            batchSize[once] = BatchSizes.MinBy(size =>
            {
                batchSize[once] = size;
                return Enumerable.Range(0, lab.TorchThreads > 1 ? 1 : 3).Min(_ => Sample(contender));
            });
            Line($"{contender.Name}: {batchSize[once]} questions a batch ({batchSize[once] * (lab.Options.Samples + 1)} rows), the ",
                $"fastest of {string.Join(", ", BatchSizes)}.");
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
                Each(work.Count, i => flops[i] = contender.Run(work[i]));
                contender.Seconds.Add(clock.Elapsed.TotalSeconds);
                contender.Flops = flops.Sum();
            }
        }
        // Estimators do not count their work: the same passes again, counted.
        foreach (var contender in contenders.Where(c => c.Flops == 0)) contender.Flops =
            work.Sum(w => contender.Name == "Exact" ? ExactFlops(w) : TreeFlops(w));
        var peak = Median(peaks);
        Line($"Matrix product 1024^3, {lab.Weights.Flat.dtype}: {peak:F0} GFLOP/s (each round: ",
            $"{string.Join(", ", peaks.Select(p => p.ToString("F0", CultureInfo.InvariantCulture)))})");
        Line($"{"",-26} {"questions/s",12} {"slowest-fastest",18} {"x generate",11} {"x stricter",11} {"GFLOP/question",15} {"GFLOP/s",8} ",
            $"{"of the peak",12}");
        foreach (var contender in contenders)
        {
            var ratios = new[] { Baseline, Stricter }.Select(name => contenders.Find(c => c.Name == name))
                .Select(c => c is null ? double.NaN : Median([.. c.Seconds.Zip(contender.Seconds, (theirs, ours) => theirs / ours)]))
                    .ToArray();
            var rate = contender.Flops / Median(contender.Seconds) / 1e9;
            Line($"{contender.Name,-26} {asked / Median(contender.Seconds),12:F1} ",
                $"{$"{asked / contender.Seconds.Max():F1}-{asked / contender.Seconds.Min():F1}",18} {ratios[0],11:F1} {ratios[1],11:F1} ",
                $"{contender.Flops / asked / 1e9,15:F2} {rate,8:F0} ",
                $"{rate / peak,12:P0}",
                $"{(contender.Target is { } target ? $"  target {target:F0}x: {(ratios[0] >= target ? "reached" : "missed")}" : "")}");
        }
        if (prefillSeconds > 0)
            Line($"generate, prefill alone: {threads * prefillFlops / prefillSeconds / 1e9:F0} GFLOP/s, ",
                $"{threads * prefillFlops / prefillSeconds / 1e9 / peak:P0} of the peak");
    }

    // Side by side, one torch thread each; a single one with all threads.
    private void Each(int count, Action<int> run)
    {
        if (threads > 1) SideBySide.For(count, run, width: threads);
        else for (var i = 0; i < count; i++) run(i);
    }

    // Seconds of a small part of the work.
    private double Sample(Contender contender)
    {
        var clock = Stopwatch.StartNew();
        Each(threads, i => contender.Run(
            work[i % work.Count] with { Questions = [.. work[i % work.Count].Questions.Take(BatchSizes[^1])] }));
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
        PromptEstimate?[][] estimates = [.. w.Prompts.Select(_ => new PromptEstimate?[w.Questions.Count])];
        estimator.Estimate(new LocalModel(decoder, lab.Tokenizer), w.Prompts, w.Questions, estimates, null, CancellationToken.None);
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

    private PromptBatches Batches(Decoder decoder, Work w, bool forDrawing) => new(decoder, [.. w.Prompts.Select(p =>
        new PromptTokens(decoder.Config, lab.Tokenizer, PromptFormat.QuestionAnswer, p.Exemplars, w.Questions, forDrawing))],
        new PassMemory(PassBounds.On(decoder.Device)));

    private static double PromptFlops(DecoderConfig config, PromptBatches batches) =>
        batches.Prompts.Sum(p => p.Shared is { } s ? FlopCount.Of(config, s.Tokens, s.Tokens, 0) : 0);

    private double ExactFlops(Work w)
    {
        using var decoder = new Decoder(lab.Weights);
        using var batches = Batches(decoder, w, forDrawing: false);
        return PromptFlops(decoder.Config, batches) + batches.Rows.Sum(r =>
        {
            var own = r.Question.Own.Length + r.Question.Gold.Length;
            return FlopCount.Of(decoder.Config, own, (batches.Prompts[r.Prompt].Shared?.Tokens ?? 0) + own, r.Question.Gold.Length + 1);
        });
    }

    private double TreeFlops(Work w)
    {
        using var decoder = new Decoder(lab.Weights);
        using var batches = Batches(decoder, w, forDrawing: true);
        var tree = new AnswerTree(decoder, lab.Tokenizer, lab.Options);
        var clock = Stopwatch.StartNew();
        tree.Draw(batches.Prompts, [.. w.Prompts.Select(p => p.Seed)], CancellationToken.None);
        double nodes = tree.LogitRows, roots = batches.Rows.Length;
        Line($"Sampled: {tree.Passes} passes, {nodes / tree.Passes:F0} rows a pass, {nodes / roots:F1} nodes a question and prompt, ",
            $"{clock.Elapsed.TotalMilliseconds / tree.Tokens:F2} ms a token ({tree.Tokens} tokens).");
        var shared = batches.Prompts.Average(p => p.Shared?.Tokens ?? 0);
        return PromptFlops(decoder.Config, batches)
            + FlopCount.Of(decoder.Config, tree.Tokens, shared + batches.Rows[0].Question.Own.Length + 1, tree.LogitRows);
    }

    // Matrix products on as many threads as the contenders have, one torch thread each.
    private double Peak()
    {
        const int size = 1024, times = 20;
        double Once()
        {
            var clock = Stopwatch.StartNew();
            Each(threads, _ =>
            {
                using var scope = torch.NewDisposeScope();
                var (a, b) = (torch.rand(size, size).to(lab.Weights.Flat.dtype), torch.rand(size, size).to(lab.Weights.Flat.dtype));
                for (var i = 0; i < times; i++) torch.mm(a, b).Dispose();
            });
            return 2.0 * size * size * size * times * threads / clock.Elapsed.TotalSeconds / 1e9;
        }
        Once();
        return Math.Max(Once(), Once());
    }
}
