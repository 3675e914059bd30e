using System.ComponentModel.DataAnnotations;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Sampling;
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
    /// <summary>Examples of a batch.</summary>
    [Range(1, 100_000)]
    public int BatchExamples { get; init; } = 32;
    /// <summary>Learning rate of AdamW, constant.</summary>
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 5e-5;
    /// <summary>Share of each block's outputs that is dropped.</summary>
    [Range(0.0, 0.9)]
    public double DropoutRate { get; init; } = 0.05;
    /// <summary>Decoupled weight decay.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; }
}

/// <summary>What one epoch left behind.</summary>
/// <param name="Epoch">0 is the model before any update.</param>
/// <param name="Updates">Optimiser steps so far.</param>
/// <param name="Loss">Mean loss of the answers' tokens in nats; NaN at epoch 0.</param>
/// <param name="Correct">For each evaluated question, whether its greedy answer is the gold answer.</param>
public sealed record EpochResult(int Epoch, int Updates, double Loss, IReadOnlyList<bool> Correct);

/// <summary>Full fine-tuning on question/answer pairs, zero-shot, with the loss on the answer and its line end.</summary>
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
    /// <param name="epochUpdates">Optimiser steps that count as an epoch; 0 for one pass over the set. The set is passed over as often as that takes.</param>
    /// <param name="scratch">A folder for the checkpoint that a later call resumes from; null to keep none.</param>
    /// <param name="epochDone">Called after each epoch, those before a resumed checkpoint included.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    /// <exception cref="DivergedException">The loss is no number any more, or explodes.</exception>
    public static void Run(DecoderWeights start, ITokenizer tokenizer, PromptFormat format, FineTuningOptions options,
        IReadOnlyList<Fact> examples, IReadOnlyList<Fact> evaluation, int seed, int epochUpdates, string? scratch, Action<EpochResult> epochDone, CancellationToken cancellation)
    {
        OptionRanges.Check(options, "fineTuning");
        using var weights = start.CopyTrainable();
        using var decoder = new Decoder(weights);
        using var optimizer = new AdamW(weights) { WeightDecay = options.WeightDecay };
        using var generator = new Generator((ulong)seed, decoder.Device);
        var dropout = new Dropout(options.DropoutRate, generator);
        using var asked = new Evaluation(decoder, tokenizer, format, evaluation);
        var encoded = examples.Select(f => Encode(tokenizer, format, f)).ToArray();
        var lineEnd = tokenizer.Encode("\n", addSpecialTokens: false)[0];
        var passUpdates = (encoded.Length + options.BatchExamples - 1) / options.BatchExamples;
        if (epochUpdates == 0) epochUpdates = passUpdates;

        var history = new List<EpochResult>();
        var file = scratch is null ? null : Path.Combine(scratch, "finetuning.safetensors");
        if (file is not null && File.Exists(file)) Restore(file, weights, optimizer, history);
        foreach (var result in history) epochDone(result);
        void Done(EpochResult result)
        {
            history.Add(result);
            epochDone(result);
        }
        if (history.Count == 0) Done(new EpochResult(0, 0, double.NaN, asked.Ask(cancellation)));
        var checkpoints = new CheckpointClock();
        for (var epoch = history.Count; epoch <= options.Epochs; epoch++)
        {
            // Random numbers of the epoch's own, so that a resumed run draws the same.
            generator.manual_seed(Seeds.Mix(Seeds.Mix(seed, "dropout"), epoch));
            var (pass, batches, packed) = (-1, Array.Empty<Batch>(), (Tensor?)null);
            using var total = zeros(1, device: decoder.Device);
            for (var i = 0; i < epochUpdates; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (optimizer.Steps / passUpdates != pass)
                {
                    pass = optimizer.Steps / passUpdates;
                    var order = encoded.ToArray();
                    new Random(Seeds.Mix(seed, pass)).Shuffle(order);
                    packed?.Dispose();
                    (batches, packed) = Pack(order, options.BatchExamples, lineEnd, decoder.Device);
                }
                Step(decoder, packed!, batches[optimizer.Steps % passUpdates], dropout, total);
                optimizer.Step(options.LearningRate);
            }
            packed?.Dispose();
            var loss = HostTransfer.Read<float>(total)[0] / epochUpdates;
            DivergedException.ThrowIf(loss, decoder.Config.VocabularySize, $"Fine-tuning diverged in epoch {epoch}", "fineTuning.learningRate", options.LearningRate);
            Done(new EpochResult(epoch, optimizer.Steps, loss, asked.Ask(cancellation)));
            if (file is not null && epoch < options.Epochs && checkpoints.IsDue) checkpoints.Save(() => Save(file, weights, optimizer, history));
        }
    }

    private static void Save(string file, DecoderWeights weights, AdamW optimizer, List<EpochResult> history)
    {
        using var scope = NewDisposeScope();
        var correct = history.SelectMany(h => h.Correct.Select(c => c ? 1f : 0f)).ToArray();
        Safetensors.Write(file, [("weights", weights.Flat), ("mean", optimizer.Mean), ("variance", optimizer.Variance),
            ("updates", tensor(history.Select(h => (long)h.Updates).ToArray())), ("losses", tensor(history.Select(h => (float)h.Loss).ToArray())),
            ("correct", tensor(correct, [history.Count, history[0].Correct.Count]))]);
    }

    private static void Restore(string file, DecoderWeights weights, AdamW optimizer, List<EpochResult> history)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = Safetensors.Open(file);
        weights.Flat.copy_(saved.Read("weights"));
        optimizer.Mean.copy_(saved.Read("mean"));
        optimizer.Variance.copy_(saved.Read("variance"));
        var updates = saved.Read("updates").data<long>().ToArray();
        var losses = saved.Read("losses").data<float>().ToArray();
        var correct = saved.Read("correct").data<float>().ToArray().Chunk(saved.Shape("correct") is [_, var width] ? (int)width : 0).ToArray();
        for (var epoch = 0; epoch < updates.Length; epoch++)
            history.Add(new EpochResult(epoch, (int)updates[epoch], losses[epoch], [.. correct[epoch].Select(c => c > 0)]));
        optimizer.Steps = history[^1].Updates;
    }

    private static PromptedQuestion Encode(ITokenizer tokenizer, PromptFormat format, Fact fact)
    {
        var prompt = tokenizer.EncodePrompt(format.Prompt(fact.Question));
        var whole = tokenizer.EncodePrompt(format.Prompt(fact.Question) + " " + fact.Answer);
        var kept = 0;
        while (kept < prompt.Length && kept < whole.Length && prompt[kept] == whole[kept]) kept++;
        return new PromptedQuestion(0, whole[..kept], whole[kept..]);
    }

    // A batch in the packed tensor: ids [rows, tokens] (right-padded), then positions and targets [scored] of the answers.
    internal readonly record struct Batch(long Offset, long Rows, long Tokens, long Scored);

    // All batches of a pass in one transfer.
    internal static (Batch[] Batches, Tensor Packed) Pack(PromptedQuestion[] order, int size, int lineEnd, Device device)
    {
        var batches = new List<Batch>();
        var host = new List<long>();
        foreach (var rows in order.Chunk(size))
        {
            var longest = rows.Max(q => q.Own.Length + q.Gold.Length);
            batches.Add(new(host.Count, rows.Length, longest, rows.Sum(q => q.Gold.Length + 1)));
            foreach (var row in rows)
                for (var i = 0; i < longest; i++)
                    host.Add(i < row.Own.Length ? row.Own[i] : i < row.Own.Length + row.Gold.Length ? row.Gold[i - row.Own.Length] : 0);
            for (var r = 0; r < rows.Length; r++)
                for (var a = 0; a <= rows[r].Gold.Length; a++) host.Add((long)r * longest + rows[r].Own.Length - 1 + a);
            foreach (var row in rows)
                for (var a = 0; a <= row.Gold.Length; a++) host.Add(a < row.Gold.Length ? row.Gold[a] : lineEnd);
        }
        return ([.. batches], tensor(host.ToArray(), ScalarType.Int64).to(device).DetachFromDisposeScope());
    }

    internal static void Step(Decoder decoder, Tensor packed, Batch batch, Dropout dropout, Tensor total)
    {
        using var scope = NewDisposeScope();
        var size = batch.Rows * batch.Tokens;
        var (hidden, _) = decoder.Forward(packed.narrow(0, batch.Offset, size).view(batch.Rows, batch.Tokens), dropout: dropout);
        var positions = packed.narrow(0, batch.Offset + size, batch.Scored);
        var logits = decoder.Logits(hidden.view(-1, decoder.Config.HiddenSize).Take(0, positions));
        var loss = nn.functional.cross_entropy(logits, packed.narrow(0, batch.Offset + size + batch.Scored, batch.Scored));
        loss.backward();
        using (no_grad()) total.add_(loss.detach(), Scalars.One);
    }
}
