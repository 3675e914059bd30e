using System.Diagnostics;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Benchmarks;

/// <summary>
/// What people run: batched generation with a key/value cache, 16 samples and the greedy answer of each question, until
/// all rows of the batch have ended. Each row's prompt is prefilled in full, as <c>generate</c> with
/// <c>num_return_sequences</c> does; or, stricter, once a question, and its cache copied to the rows.
/// </summary>
internal sealed class Generation(Decoder decoder, ITokenizer tokenizer, SamplingOptions options, bool prefillOnce, int questionsOfABatch)
{
    private readonly Tensor ends = AnswerScorer.EndTokens(decoder, tokenizer);

    /// <summary>FLOP of all passes, and of prefilling alone.</summary>
    public double Flops { get; private set; }
    public double PrefillFlops { get; private set; }
    /// <summary>Seconds of prefilling.</summary>
    public double PrefillSeconds { get; private set; }

    /// <summary>Right answers: (greedy, sampled).</summary>
    public (int Greedy, int Sampled) Run(Work work)
    {
        var (greedy, sampled) = (0, 0);
        foreach (var prompt in work.Prompts)
        {
            var found = Run(prompt, work.Questions);
            (greedy, sampled) = (greedy + found.Greedy, sampled + found.Sampled);
        }
        return (greedy, sampled);
    }

    private (int Greedy, int Sampled) Run(EstimatedPrompt prompt, IReadOnlyList<Fact> questions)
    {
        using var inference = inference_mode();
        using var generator = new Generator((ulong)prompt.Seed, decoder.Device);
        var shots = string.Concat(prompt.Exemplars.Select(e => PromptFormat.QuestionAnswer.Exemplar(e.Question, e.Answer)));
        var prompts = questions.Select((q, i) =>
            (Ids: tokenizer.Encode(shots + PromptFormat.QuestionAnswer.Prompt(q.Question)), q.Answer));
        var (greedy, sampled) = (0, 0);
        foreach (var group in prompts.GroupBy(p => p.Ids.Length))
            foreach (var batch in group.Chunk(questionsOfABatch))
            {
                var rows = options.Samples + 1;
                var answers = Generate([.. batch.Select(b => b.Ids)], rows, generator);
                for (var r = 0; r < answers.Length; r++)
                {
                    if (!ExactMatch.IsCorrect(answers[r], batch[r / rows].Answer)) continue;
                    if (r % rows == 0) greedy++;
                    else sampled++;
                }
            }
        return (greedy, sampled);
    }

    private string[] Generate(int[][] prompts, int rows, Generator generator)
    {
        using var scope = NewDisposeScope();
        var clock = Stopwatch.StartNew();
        var length = prompts[0].Length;
        long batch = prompts.Length * rows;
        var ids = tensor(prompts.SelectMany(p => p.Select(t => (long)t)).ToArray(), ScalarType.Int64).to(decoder.Device)
            .view(prompts.Length, length);
        if (!prefillOnce) ids = ids.repeat_interleave(rows, 0);
        var (hidden, past) = decoder.Forward(ids, keep: true);
        Count(ids.size(0), length, length, 0);
        PrefillFlops += FlopCount.Of(decoder.Config, ids.size(0) * length, length, 0);
        hidden = hidden.select(1, length - 1);
        if (prefillOnce)
        {
            using var once = past;
            var copies = arange(prompts.Length, ScalarType.Int64, decoder.Device).repeat_interleave(rows, 0);
            past = past!.Rows(copies);
            hidden = hidden.index_select(0, copies);
        }
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
            using var before = past;
            (hidden, past) = decoder.Forward(next.unsqueeze(1), past: before, keep: true);
            Count(batch, 1, length + tokens.Count, 0);
            hidden = hidden.select(1, 0);
        }
        past!.Dispose();
        var all = HostTransfer.Read<long>(stack(tokens, 1));
        return [.. Enumerable.Range(0, (int)batch)
            .Select(r => tokenizer.Decode(Enumerable.Range(0, tokens.Count).Select(t => (int)all[r * tokens.Count + t])
            .TakeWhile(t => !tokenizer.StartsWithLineFeed(t) && t != tokenizer.EosId).ToArray()))];
    }

    private void Count(long rows, long tokens, long context, long logits) =>
        Flops += FlopCount.Of(decoder.Config, rows * tokens, context, rows * logits);
}

/// <summary>Floating-point operations of passes.</summary>
internal static class FlopCount
{
    /// <summary>Tokens that each see a context of this many tokens, and rows of the vocabulary's product.</summary>
    public static double Of(DecoderConfig config, double tokens, double context, double logitRows) =>
        tokens * (config.FlopsPerToken + 4.0 * config.Layers * config.Heads * config.HeadDim * context)
        + logitRows * 2.0 * config.HiddenSize * config.VocabularySize;
}
