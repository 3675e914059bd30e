using System.Diagnostics;
using Slick.Answers;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Benchmarks;

/// <summary>Questions behind prompts a second: SliCK's two estimators, and what people would run instead.</summary>
internal sealed class AnnotationSpeed(Subject subject, IReadOnlyList<Work> work, string? gguf)
{
    public const string Exact = "exact", Sampled = "sampled", Once = "generate-once", Generate = "generate", Llama = "llama.cpp";

    /// <summary>All contenders by name.</summary>
    public static IReadOnlyList<string> Known { get; } = [Exact, Sampled, Llama, Once, Generate];

    private readonly SamplingOptions protocol = subject.Protocol;
    private readonly int inFlight = (LlamaCpp.MostSequences - 1) / (subject.Protocol.Samples + 1); // 15: 7 took 4% longer
    private readonly Dictionary<string, int> batchSize = [];
    private readonly Dictionary<Work, DrawnAnswers[][]> drawn = []; // by llama.cpp, in its last turn
    private readonly Dictionary<Work, (double, DrawnAnswers[][])> trees = []; // ours, counted after the last turn
    private readonly Lock gate = new();
    private double prefillSeconds, prefillFlops;

    /// <summary>The contenders that a command line chooses.</summary>
    /// <exception cref="UsageException">A name is unknown, or llama.cpp lacks its file or is asked to run beside a GPU.</exception>
    public static Choice Choose(string? contenders, string? baseline, string? gguf, bool isGpu)
    {
        var choice = Choice.Of(contenders, baseline, Known, [.. Known.Where(k => k != Llama || gguf is not null)]);
        if (!choice.Names.Contains(Llama)) return choice;
        if (gguf is null) throw new UsageException($"The contender {Llama} needs the model as a GGUF file: name it with --gguf FILE.");
        if (isGpu) throw new UsageException($"The contender {Llama} is the build for the CPU; leave it out, or use --device cpu.");
        return choice;
    }

    public void Run(Choice choice, int rounds)
    {
        double pairs = work.Sum(w => w.Pairs);
        Text.Say($"{subject.Title}; relations: {work.Count}, questions: {work.Sum(w => w.Questions.Count)}, ",
            $"prompts: {work[0].Prompts.Count} of {protocol.Shots} exemplars; the greedy answer and {protocol.Samples} samples.");
        using var llama = choice.Names.Contains(Llama) ? Open() : null;
        var contenders = choice.Names.Select(name => new Contender(name, () => Turn(name, work, llama))
        {
            CountAfterwards = name is Exact ? () => work.Sum(ExactFlops) : name is Sampled ? () => work.Sum(w => Tree(w).Flops) : null,
        }).ToList();
        foreach (var name in choice.Names.Where(n => n is Once or Generate)) FindBatch(name);
        Work[] some = [.. work.Select(w => new Work([.. w.Prompts.Take(1)], [.. w.Questions.Take(8)]))];
        foreach (var name in choice.Names.Except([Once, Generate])) Turn(name, some, llama); // warm, as those are that sought a batch
        (prefillSeconds, prefillFlops) = (0, 0);
        var peak = new ProductPeak(subject.Compute, subject.SideBySide);
        foreach (var line in new Turns("question-prompts", pairs, peak.Measure, peak.Name).Run(contenders, choice.Baseline, rounds))
            Console.Out.WriteLine(line);
        if (prefillSeconds > 0)
            Text.Say($"{Generate}, prefill alone: {subject.RelationsAtOnce * prefillFlops / prefillSeconds / 1e9:F0} GFLOP/s");
        if (llama is not null) Compare();
    }

    private Turn Turn(string name, IReadOnlyList<Work> part, LlamaCpp? llama)
    {
        var found = new (Right Right, double Flops)[part.Count];
        var clock = Stopwatch.StartNew();
        Each(part.Count, i => found[i] = name switch
        {
            Exact => (Estimate(new ExactEstimator(protocol, PromptFormat.QuestionAnswer), part[i]), 0),
            Sampled => (Estimate(new SampledEstimator(protocol, PromptFormat.QuestionAnswer), part[i]), 0),
            Llama => ByLlama(part[i], llama!),
            _ => ByGeneration(name, part[i]),
        });
        Compute.Finish(subject.Compute.Device);
        var seconds = clock.Elapsed.TotalSeconds;
        var right = found.Aggregate(new Right(0, 0), (sum, f) => sum + f.Right);
        return new(seconds, found.Sum(f => f.Flops), Text.Line($"right: {right.Greedy} greedy, {right.Sampled:F0} samples"));
    }

    // Side by side, one torch thread each; or one after the other with all threads.
    private void Each(int count, Action<int> run)
    {
        if (subject.RelationsAtOnce > 1) SideBySide.For(count, run, width: subject.RelationsAtOnce);
        else for (var i = 0; i < count; i++) run(i);
    }

    private Right Estimate(IEstimator estimator, Work w)
    {
        using var decoder = new Decoder(subject.Weights);
        PromptEstimate?[][] estimates = [.. w.Prompts.Select(_ => new PromptEstimate?[w.Questions.Count])];
        var model = new LocalModel(decoder, subject.Tokenizer) { Memory = subject.Memory() };
        estimator.Estimate(model, w.Prompts, w.Questions, estimates, null, CancellationToken.None);
        var all = estimates.SelectMany(e => e).Select(e => e!.Value).ToList();
        return new(all.Count(e => e.GreedyCorrect), all.Sum(e => e.SampledCorrect * protocol.Samples));
    }

    private void FindBatch(string name)
    {
        IReadOnlyList<int> tried = [];
        Each(1, _ =>
        {
            using var decoder = new Decoder(subject.Weights);
            using var generation = new Generation(decoder, subject.Tokenizer, protocol, name == Once);
            (batchSize[name], tried) = generation.FastestBatch(work[0]);
        });
        Text.Say($"{name}: {batchSize[name]} questions a batch ({batchSize[name] * (protocol.Samples + 1)} rows), the fastest of ",
            $"{string.Join(", ", tried)}.");
    }

    private (Right, double) ByGeneration(string name, Work w)
    {
        using var decoder = new Decoder(subject.Weights);
        using var generation = new Generation(decoder, subject.Tokenizer, protocol, name == Once);
        var right = generation.Run(w, batchSize[name]);
        if (name == Generate)
            lock (gate)
            {
                prefillSeconds += generation.PrefillSeconds;
                prefillFlops += generation.PrefillFlops;
            }
        return (right, generation.Flops);
    }

    private PromptTokens[] Prompts(Work w, bool forDrawing) => PromptTokens.Of(subject.Weights.Config, subject.Tokenizer,
        [.. w.Prompts.Select(p => new FewShotPrompt(PromptFormat.QuestionAnswer, p.Exemplars))], w.Questions, forDrawing);

    private LlamaCpp Open()
    {
        var prompts = work.SelectMany(w => Prompts(w, forDrawing: true)).ToList();
        int own = prompts.Max(p => p.Questions.Max(q => q.Own.Length)), shared = prompts.Max(p => p.Shared.Count),
            rows = protocol.Samples + 1;
        return new(gguf!, subject.Weights.Config, subject.Threads, SequenceDrawing.Sequences(inFlight, protocol),
            (inFlight + 1) * shared + inFlight * (own + rows * protocol.MaxAnswerTokens), Math.Max(shared, inFlight * Math.Max(own, rows)));
    }

    private (Right, double) ByLlama(Work w, LlamaCpp llama)
    {
        var config = subject.Weights.Config;
        bool[] ends = [.. Enumerable.Range(0, config.VocabularySize).Select(t => AnswerTokens.Ends(config, subject.Tokenizer, t))];
        var flops = 0.0;
        var drawing = new SequenceDrawing(llama, subject.Tokenizer, ends, protocol, inFlight)
        {
            Counted = (position, wanted) => flops += FlopCount.Of(config, 1, position + 1, wanted ? 1 : 0),
        };
        drawn[w] = drawing.Draw(Prompts(w, forDrawing: true), [.. w.Prompts.Select(p => p.Seed)]);
        var right = new Right(0, 0);
        foreach (var answers in drawn[w])
            foreach (var (question, answer) in w.Questions.Zip(answers))
                right += new Right(ExactMatch.IsCorrect(answer.Greedy, question.Answer) ? 1 : 0,
                    answer.Sampled.Where(a => ExactMatch.IsCorrect(a.Answer, question.Answer)).Sum(a => a.Count));
        return (right, flops);
    }

    // Both draw with the same random numbers, so that the samples can be compared as well.
    private void Compare()
    {
        var (greedy, samples, pairs) = (0, 0, 0);
        foreach (var w in work)
            foreach (var (ours, theirs) in Tree(w).Answers.SelectMany(a => a).Zip(drawn[w].SelectMany(a => a)))
            {
                pairs++;
                greedy += ours.Greedy == theirs.Greedy ? 1 : 0;
                var counts = theirs.Sampled.ToDictionary(a => a.Answer, a => a.Count, StringComparer.Ordinal);
                samples += ours.Sampled.Sum(a => Math.Min(a.Count, counts.GetValueOrDefault(a.Answer)));
            }
        Text.Say($"{Llama}: {greedy} of {pairs} greedy answers equal ours, and {samples} of {pairs * protocol.Samples} samples.");
    }

    private PromptBatches Batches(Decoder decoder, Work w, bool forDrawing, PassMemory memory) =>
        new(decoder, Prompts(w, forDrawing), memory);

    private static double PromptFlops(DecoderConfig config, PromptBatches batches) =>
        batches.Prompts.Sum(p => p.Shared is { } s ? FlopCount.Of(config, s.Tokens, s.Tokens, 0) : 0);

    private double ExactFlops(Work w)
    {
        using var decoder = new Decoder(subject.Weights);
        using var batches = Batches(decoder, w, forDrawing: false, subject.Memory());
        return PromptFlops(decoder.Config, batches) + batches.Rows.Sum(r =>
        {
            var own = r.Question.Own.Length + r.Question.Gold.Length;
            return FlopCount.Of(decoder.Config, own, (batches.Prompts[r.Prompt].Shared?.Tokens ?? 0) + own, r.Question.Gold.Length + 1);
        });
    }

    // The estimator does not count its work: the same passes again, counted.
    private (double Flops, DrawnAnswers[][] Answers) Tree(Work w)
    {
        if (trees.TryGetValue(w, out var known)) return known;
        using var decoder = new Decoder(subject.Weights);
        var memory = subject.Memory();
        using var batches = Batches(decoder, w, forDrawing: true, memory);
        var tree = new AnswerTree(decoder, subject.Tokenizer, protocol) { Memory = memory };
        var answers = tree.Draw(batches.Prompts, [.. w.Prompts.Select(p => p.Seed)], CancellationToken.None);
        var shared = batches.Prompts.Average(p => p.Shared?.Tokens ?? 0);
        return trees[w] = (PromptFlops(decoder.Config, batches)
            + FlopCount.Of(decoder.Config, tree.Tokens, shared + batches.Rows[0].Question.Own.Length + 1, tree.LogitRows), answers);
    }
}
