using System.ComponentModel.DataAnnotations;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>How a model is fine-tuned (paper, section 4 and appendix).</summary>
public sealed record FineTuningOptions
{
    /// <summary>Passes over the set.</summary>
    [Range(1, 10_000)]
    public int Epochs { get; init; } = 50;
    /// <summary>Examples of a batch, at most: a pass over n examples is cut into the fewest batches that hold them, whose sizes
    /// differ by at most one.</summary>
    [Range(1, 100_000)]
    public int BatchExamples { get; init; } = 32;
    /// <summary>Learning rate of AdamW, constant.</summary>
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 5e-5;
    /// <summary>Share of each block's outputs that is dropped (<see cref="Dropout"/>).</summary>
    [Range(0.0, 0.9)]
    public double DropoutRate { get; init; } = 0.05;
    /// <summary>Decoupled weight decay.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; }
}

/// <summary>What one epoch left behind.</summary>
/// <param name="Epoch">0 is the model before any update.</param>
/// <param name="Updates">Optimiser steps so far.</param>
/// <param name="Loss">Mean loss of the epoch's answer tokens, ends included, in nats, each as it was before the step that its batch
/// led to; NaN at epoch 0.</param>
/// <param name="Correct">For each evaluated question, whether its greedy answer is the gold answer.</param>
public sealed record EpochResult(int Epoch, int Updates, double Loss, IReadOnlyList<bool> Correct);

/// <summary>
/// Full fine-tuning on question/answer pairs, zero-shot (paper, section 4). The loss is on the answer and its end alone
/// (<see cref="AnswerTokens.Taught"/>); a step follows the mean over its batch's tokens. Weights in bf16 are fine-tuned with a copy in
/// fp32 (<see cref="AdamW"/>).
/// </summary>
public static class FineTuning
{
    /// <summary>
    /// Fine-tunes a copy of a model and asks it all evaluation questions before the first and after every epoch. The
    /// same arguments give the same results, also when the work was interrupted and resumed.
    /// </summary>
    /// <param name="start">The base model's weights; left as they are.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="format">How questions are written.</param>
    /// <param name="options">Schedule.</param>
    /// <param name="examples">The fine-tuning set.</param>
    /// <param name="evaluation">Questions whose exact match every epoch records.</param>
    /// <param name="seed">Seed of the order and of dropout.</param>
    /// <param name="epochUpdates">Optimiser steps that count as an epoch; 0 for one pass over the set. The set is passed over as often as
    /// that takes.</param>
    /// <param name="scratch">A folder for the checkpoint that a later call resumes from; null to keep none.</param>
    /// <param name="epochDone">Called after each epoch, those before a resumed checkpoint included.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="SlickException">As <see cref="PromptTokens"/>; or the tokenizer has nothing that ends an answer.</exception>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    /// <exception cref="DivergedException">The loss is no number any more, or explodes.</exception>
    public static void Run(DecoderWeights start, ITokenizer tokenizer, PromptFormat format, FineTuningOptions options,
        IReadOnlyList<Fact> examples, IReadOnlyList<Fact> evaluation, int seed, int epochUpdates, string? scratch,
            Action<EpochResult> epochDone, CancellationToken cancellation)
    {
        OptionRanges.Check(options, "fineTuning");
        using var weights = start.CopyTrainable();
        using var decoder = new Decoder(weights);
        using var optimizer = new AdamW(weights) { WeightDecay = options.WeightDecay };
        using var asked = new Evaluation(decoder, tokenizer, format, evaluation);
        var encoded = examples.Select(f => Encode(decoder.Config, tokenizer, format, f)).ToArray();
        var passUpdates = Updates(encoded.Length, options.BatchExamples);
        if (epochUpdates == 0) epochUpdates = passUpdates;

        var history = new List<EpochResult>();
        var file = scratch is null ? null : Path.Combine(scratch, "finetuning.safetensors");
        if (file is not null && File.Exists(file)) Restore(file, optimizer, history);
        foreach (var result in history) epochDone(result);
        void Done(EpochResult result)
        {
            history.Add(result);
            epochDone(result);
        }
        if (history.Count == 0) Done(new EpochResult(0, 0, double.NaN, asked.Ask(cancellation)));
        var checkpoints = new CheckpointClock();
        var (pass, batches) = (-1, (Pass?)null);
        try
        {
            for (var epoch = history.Count; epoch <= options.Epochs; epoch++)
            {
                var tokens = 0L;
                using var total = zeros(1, device: decoder.Device);
                for (var i = 0; i < epochUpdates; i++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (optimizer.Steps / passUpdates != pass)
                    {
                        pass = optimizer.Steps / passUpdates;
                        var order = encoded.ToArray();
                        new RandomStream(Seeds.Mix(seed, pass)).Shuffle(order);
                        batches?.Dispose();
                        batches = new Pass(order, options.BatchExamples, decoder.Device);
                    }
                    var batch = batches!.Batches[optimizer.Steps % passUpdates];
                    // Numbered by the step of the run, so that a resumed run drops the same units.
                    Step(decoder, batches, batch, new Dropout(options.DropoutRate, seed, optimizer.Steps), total);
                    optimizer.Step(options.LearningRate);
                    tokens += batch.Scored;
                }
                var loss = (double)HostTransfer.Read<float>(total)[0] / tokens;
                DivergedException.ThrowIf(loss, decoder.Config.VocabularySize, $"Fine-tuning diverged in epoch {epoch}",
                    "fineTuning.learningRate", options.LearningRate);
                Done(new EpochResult(epoch, optimizer.Steps, loss, asked.Ask(cancellation)));
                if (file is not null && epoch < options.Epochs && checkpoints.IsDue) checkpoints.Save(() => Save(file, optimizer, history));
            }
        }
        finally
        {
            batches?.Dispose();
        }
    }

    /// <summary>Optimiser steps of a pass over so many examples: batches of at most so many each.</summary>
    internal static int Updates(int examples, int batchExamples) => (examples + batchExamples - 1) / batchExamples;

    private static void Save(string file, AdamW optimizer, List<EpochResult> history)
    {
        using var scope = NewDisposeScope();
        var correct = history.SelectMany(h => h.Correct.Select(c => c ? 1f : 0f)).ToArray();
        Safetensors.Write(file, [("weights", optimizer.Master), ("mean", optimizer.Mean), ("variance", optimizer.Variance),
            ("updates", tensor(history.Select(h => (long)h.Updates).ToArray())),
            // The bits of the doubles, a type that Safetensors does not write.
            ("losses", tensor(history.Select(h => BitConverter.DoubleToInt64Bits(h.Loss)).ToArray())),
            ("correct", tensor(correct, [history.Count, history[0].Correct.Count]))]);
    }

    private static void Restore(string file, AdamW optimizer, List<EpochResult> history)
    {
        using var scope = NewDisposeScope();
        var saved = Safetensors.Open(file);
        var updates = saved.Read("updates").data<long>().ToArray();
        var losses = saved.Read("losses").data<long>().ToArray();
        var correct = saved.Read("correct").data<float>().ToArray().Chunk(saved.Shape("correct") is [_, var width] ? (int)width : 0)
            .ToArray();
        for (var epoch = 0; epoch < updates.Length; epoch++)
            history.Add(new EpochResult(epoch, (int)updates[epoch], BitConverter.Int64BitsToDouble(losses[epoch]),
                [.. correct[epoch].Select(c => c > 0)]));
        optimizer.Restore(saved.Read("weights"), saved.Read("mean"), saved.Read("variance"), history[^1].Updates);
    }

    /// <summary>What is taught of one fact.</summary>
    /// <param name="Prompt">Tokens of the question.</param>
    /// <param name="Taught">Tokens of the answer and its end: the loss is on these.</param>
    internal sealed record Example(int[] Prompt, int[] Taught);

    internal static Example Encode(DecoderConfig config, ITokenizer tokenizer, PromptFormat format, Fact fact)
    {
        var tokens = AnswerTokens.Encode(config, tokenizer, format.Prompt(fact.Question), fact, 0);
        return new(tokens.Prompt, tokens.Taught
            ?? throw new SlickException("The tokenizer writes no line feed at the end of an answer, and no file names the token that ends "
                + "a text: no answer's end can be taught; set eos_token in tokenizer_config.json."));
    }

    /// <summary>A batch in <see cref="Pass.Ids"/>, from <paramref name="Offset"/>: ids [rows, tokens], padded on the right, then
    /// positions [scored] of the answers' tokens among the rows' tokens, and targets [scored].</summary>
    internal readonly record struct Batch(long Offset, long Rows, long Tokens, long Scored);

    /// <summary>All batches of a pass over the examples, brought to the device in one transfer.</summary>
    internal sealed class Pass : IDisposable
    {
        public IReadOnlyList<Batch> Batches { get; }
        public Tensor Ids { get; }

        public Pass(IReadOnlyList<Example> order, int batchExamples, Device device)
        {
            var (batches, host) = (new List<Batch>(), new List<long>());
            var count = Updates(order.Count, batchExamples);
            for (var b = 0; b < count; b++)
            {
                int first = (int)((long)b * order.Count / count), next = (int)((b + 1L) * order.Count / count);
                Example[] rows = [.. Enumerable.Range(first, next - first).Select(i => order[i])];
                // A row's last token is a target and is never read.
                var longest = rows.Max(r => r.Prompt.Length + r.Taught.Length - 1);
                batches.Add(new(host.Count, rows.Length, longest, rows.Sum(r => r.Taught.Length)));
                foreach (var row in rows)
                {
                    var end = host.Count + longest;
                    foreach (var token in row.Prompt.Concat(row.Taught.SkipLast(1))) host.Add(token);
                    while (host.Count < end) host.Add(0);
                }
                for (var r = 0; r < rows.Length; r++)
                    for (var a = 0; a < rows[r].Taught.Length; a++) host.Add((long)r * longest + rows[r].Prompt.Length - 1 + a);
                foreach (var row in rows)
                    foreach (var token in row.Taught) host.Add(token);
            }
            using var scope = NewDisposeScope();
            (Batches, Ids) = (batches, tensor(host.ToArray(), ScalarType.Int64).to(device).DetachFromDisposeScope());
        }

        public void Dispose() => Ids.Dispose();
    }

    /// <summary>The gradient of one batch: of the mean over its tokens' losses. Their sum is added to <paramref name="total"/>,
    /// fp32 [1].</summary>
    internal static void Step(Decoder decoder, Pass pass, Batch batch, Dropout dropout, Tensor total)
    {
        using var scope = NewDisposeScope();
        var size = batch.Rows * batch.Tokens;
        var (hidden, _) = decoder.Forward(pass.Ids.narrow(0, batch.Offset, size).view(batch.Rows, batch.Tokens), dropout: dropout);
        var positions = pass.Ids.narrow(0, batch.Offset + size, batch.Scored);
        var logits = decoder.Logits(hidden.view(-1, decoder.Config.HiddenSize).Take(0, positions)).to(ScalarType.Float32);
        var sum = nn.functional.cross_entropy(logits, pass.Ids.narrow(0, batch.Offset + size + batch.Scored, batch.Scored),
            reduction: nn.Reduction.Sum);
        using Scalar count = batch.Scored;
        sum.div(count).backward();
        using (no_grad()) total.add_(sum.detach(), Scalars.One);
    }
}
