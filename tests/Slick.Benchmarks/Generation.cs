using System.Diagnostics;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Benchmarks;

/// <summary>
/// What people run: batched generation with a key/value cache, 16 samples and the greedy answer of each question, until all rows of the
/// batch have ended. Each row's prompt is prefilled in full, as <c>generate</c> with <c>num_return_sequences</c> does; or, stricter, once a
/// question, and its cache copied to the rows. Prompts are sorted by length, and shorter ones of a batch padded on the left.
/// </summary>
internal sealed class Generation : IDisposable
{
    private readonly Decoder decoder;
    private readonly ITokenizer tokenizer;
    private readonly SamplingOptions options;
    private readonly bool prefillOnce;
    private readonly Tensor ends;

    public Generation(Decoder decoder, ITokenizer tokenizer, SamplingOptions options, bool prefillOnce)
    {
        (this.decoder, this.tokenizer, this.options, this.prefillOnce) = (decoder, tokenizer, options, prefillOnce);
        ends = AnswerScorer.EndTokens(decoder, tokenizer);
    }

    /// <summary>FLOP of all passes, and of prefilling alone.</summary>
    public double Flops { get; private set; }
    public double PrefillFlops { get; private set; }
    /// <summary>Seconds of prefilling.</summary>
    public double PrefillSeconds { get; private set; }

    /// <summary>Answers all questions after all prompts.</summary>
    public Right Run(Work work, int questionsOfABatch) => Run(Encode(work), work.Prompts[0].Seed, questionsOfABatch);

    /// <summary>
    /// The number of questions a batch with which questions are answered the fastest, and the numbers that were tried. Twice as many are
    /// compared on the same questions, until they are no faster, or the comparison takes long.
    /// </summary>
    public (int Fastest, IReadOnlyList<int> Tried) FastestBatch(Work work)
    {
        var all = Encode(work);
        double Seconds(int questions, int size)
        {
            var least = double.PositiveInfinity;
            for (var i = 0; i < 3; i++)
            {
                var clock = Stopwatch.StartNew();
                Run(all[..Math.Min(questions, all.Length)], 1, size);
                least = Math.Min(least, clock.Elapsed.TotalSeconds);
                if (least > LongComparison / 10) break; // long enough not to be disturbed
            }
            return least;
        }
        Seconds(1, 1); // warm
        List<int> tried = [1];
        while (2 * tried[^1] <= all.Length)
        {
            var less = tried[^1];
            tried.Add(2 * less);
            var questions = Math.Max(4, 2 * less);
            double before = Seconds(questions, less), after = Seconds(questions, 2 * less);
            if (after >= before) return (less, tried);
            if (before + after > LongComparison) break;
        }
        return (tried[^1], tried);
    }

    private const double LongComparison = 20; // seconds

    private (int[] Ids, string Answer)[] Encode(Work work) => [.. work.Prompts.SelectMany(prompt =>
    {
        var shots = new FewShotPrompt(PromptFormat.QuestionAnswer, prompt.Exemplars);
        return work.Questions.Select(q => (tokenizer.EncodePrompt(shots.Text(q)), q.Answer));
    }).OrderBy(p => p.Item1.Length)];

    private Right Run((int[] Ids, string Answer)[] prompts, int seed, int questionsOfABatch)
    {
        using var inference = inference_mode();
        // TorchSharp's Generator is of the CPU on every device.
        using var generator = decoder.Device.type == DeviceType.CPU ? new Generator((ulong)seed) : null;
        var right = new Right(0, 0);
        foreach (var batch in prompts.Chunk(questionsOfABatch))
        {
            var rows = options.Samples + 1;
            var answers = Generate([.. batch.Select(b => b.Ids)], rows, generator);
            for (var r = 0; r < answers.Length; r++)
            {
                if (!ExactMatch.IsCorrect(answers[r], batch[r / rows].Answer)) continue;
                right += r % rows == 0 ? new(1, 0) : new(0, 1);
            }
        }
        return right;
    }

    private string[] Generate(int[][] prompts, int rows, Generator? generator)
    {
        using var scope = NewDisposeScope();
        var clock = Stopwatch.StartNew();
        var length = prompts.Max(p => p.Length);
        long batch = prompts.Length * rows;
        var ids = tensor(prompts.SelectMany(p => Enumerable.Repeat(0L, length - p.Length).Concat(p.Select(t => (long)t))).ToArray(),
            ScalarType.Int64).to(decoder.Device).view(prompts.Length, length);
        var isPadded = prompts.Any(p => p.Length < length);
        var padding = isPadded ? tensor(Array.ConvertAll(prompts, p => (long)(length - p.Length))).to(decoder.Device) : null;
        var copies = arange(prompts.Length, ScalarType.Int64, decoder.Device).repeat_interleave(rows, 0);
        var rowPadding = padding?.index_select(0, copies);
        if (!prefillOnce) ids = ids.index_select(0, copies);
        var (hidden, past) = decoder.Forward(ids, keep: true, padding: prefillOnce ? padding : rowPadding);
        var before = Flops;
        foreach (var prompt in prompts) Count(prefillOnce ? 1 : rows, prompt.Length, prompt.Length, 0);
        PrefillFlops += Flops - before;
        hidden = hidden.select(1, length - 1);
        using var once = prefillOnce ? past : null; // the rows are a view of it
        if (prefillOnce)
        {
            past = past!.Rows(copies);
            hidden = hidden.index_select(0, copies);
        }
        Compute.Finish(decoder.Device);
        PrefillSeconds += clock.Elapsed.TotalSeconds;
        var isGreedy = arange(batch, ScalarType.Int64, decoder.Device).remainder(Scalars.Of((long)rows)).eq(Scalars.Of(0L));
        var ended = zeros(batch, ScalarType.Bool, decoder.Device);
        var tokens = new List<Tensor>();
        while (true)
        {
            var (values, top) = decoder.Logits(hidden).to(ScalarType.Float32).topk(options.TopK, -1);
            Count(batch, 0, 0, 1);
            var draw = values.div_(Scalars.Of(options.Temperature)).softmax(-1).multinomial(1, generator: generator);
            var next = where(isGreedy, top.select(1, 0), top.gather(1, draw).squeeze(1));
            tokens.Add(next);
            ended = ended.logical_or(ends.index_select(0, next).gt(Scalars.Of(0L)));
            if (tokens.Count == options.MaxAnswerTokens || HostTransfer.Read<bool>(ended.all())[0]) break;
            using var earlier = past;
            using var prefilled = tokens.Count == 1 ? once : null;
            (hidden, past) = decoder.Forward(next.unsqueeze(1), past: earlier, keep: true, padding: rowPadding);
            Count(batch, 1, length + tokens.Count, 0);
            hidden = hidden.select(1, 0);
        }
        past!.Dispose();
        var all = HostTransfer.Read<long>(stack(tokens, 1));
        return [.. Enumerable.Range(0, (int)batch)
            .Select(r => tokenizer.Decode(Enumerable.Range(0, tokens.Count).Select(t => (int)all[r * tokens.Count + t])
            .TakeWhile(t => !AnswerTokens.Ends(decoder.Config, tokenizer, t)).ToArray()))];
    }

    private void Count(long rows, long tokens, long context, long logits) =>
        Flops += FlopCount.Of(decoder.Config, rows * tokens, context, rows * logits);

    public void Dispose() => ends.Dispose();
}

/// <summary>Right answers: how many greedy ones, and how many samples (Exact: how many are expected).</summary>
internal readonly record struct Right(int Greedy, double Sampled)
{
    public static Right operator +(Right a, Right b) => new(a.Greedy + b.Greedy, a.Sampled + b.Sampled);
}
