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
    public int Epochs { get; init; } = 50;
    /// <summary>Examples of a batch.</summary>
    public int BatchExamples { get; init; } = 32;
    /// <summary>Learning rate of AdamW, constant.</summary>
    public double LearningRate { get; init; } = 5e-5;
    /// <summary>Share of each block's outputs that is dropped.</summary>
    public double DropoutRate { get; init; } = 0.05;
    /// <summary>Decoupled weight decay.</summary>
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
    /// <summary>Fine-tunes a copy of a model and asks it all evaluation questions before the first and after every epoch.</summary>
    /// <param name="start">The base model's weights; left as they are.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="format">How questions are written.</param>
    /// <param name="options">Schedule.</param>
    /// <param name="examples">The fine-tuning set.</param>
    /// <param name="evaluation">Questions whose exact match every epoch records.</param>
    /// <param name="seed">Seed of the order and of dropout.</param>
    /// <param name="epochDone">Called after each epoch.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="SlickException">The loss is no number any more.</exception>
    public static void Run(DecoderWeights start, ITokenizer tokenizer, PromptFormat format, FineTuningOptions options,
        IReadOnlyList<Fact> examples, IReadOnlyList<Fact> evaluation, int seed, Action<EpochResult> epochDone, CancellationToken cancellation)
    {
        using var weights = start.CopyTrainable();
        using var decoder = new Decoder(weights);
        using var optimizer = new AdamW(weights) { WeightDecay = options.WeightDecay };
        var scorer = new AnswerScorer(decoder, tokenizer, new SamplingOptions());
        var generator = new Generator((ulong)seed, decoder.Device);
        var dropout = new Dropout(options.DropoutRate, generator);
        var random = new Random(seed);
        var encoded = examples.Select(f => Encode(tokenizer, format, f, 0)).ToArray();
        var lineEnd = tokenizer.Encode("\n", addSpecialTokens: false)[0];
        var questions = evaluation.Select((f, i) => Encode(tokenizer, format, f, i)).OrderBy(q => q.Own.Length + q.Gold.Length).ThenBy(q => q.Index).ToArray();
        epochDone(new EpochResult(0, 0, double.NaN, Evaluate(scorer, questions, cancellation)));
        for (var epoch = 1; epoch <= options.Epochs; epoch++)
        {
            random.Shuffle(encoded);
            using var total = zeros(1, device: decoder.Device);
            for (var begin = 0; begin < encoded.Length; begin += options.BatchExamples)
            {
                cancellation.ThrowIfCancellationRequested();
                var batch = encoded[begin..Math.Min(begin + options.BatchExamples, encoded.Length)];
                Step(decoder, batch, lineEnd, dropout, total);
                optimizer.Step(options.LearningRate);
            }
            var loss = HostTransfer.Read<float>(total)[0] / Math.Ceiling(encoded.Length / (double)options.BatchExamples);
            if (!double.IsFinite(loss)) throw new SlickException($"Fine-tuning diverged in epoch {epoch} (loss {loss}); lower the learning rate.");
            epochDone(new EpochResult(epoch, optimizer.Steps, loss, Evaluate(scorer, questions, cancellation)));
        }
    }

    private static PromptedQuestion Encode(ITokenizer tokenizer, PromptFormat format, Fact fact, int index)
    {
        var prompt = tokenizer.Encode(format.Prompt(fact.Question));
        var whole = tokenizer.Encode(format.Prompt(fact.Question) + " " + fact.Answer);
        var kept = 0;
        while (kept < prompt.Length && kept < whole.Length && prompt[kept] == whole[kept]) kept++;
        return new PromptedQuestion(index, whole[..kept], whole[kept..]);
    }

    private static bool[] Evaluate(AnswerScorer scorer, PromptedQuestion[] questions, CancellationToken cancellation)
    {
        using var scores = scorer.Score(questions, null, sampled: false, cancellation);
        var values = HostTransfer.Read<float>(scores);
        var correct = new bool[questions.Length];
        for (var i = 0; i < questions.Length; i++) correct[questions[i].Index] = values[i] > 0;
        return correct;
    }

    private static void Step(Decoder decoder, PromptedQuestion[] batch, int lineEnd, Dropout dropout, Tensor total)
    {
        using var scope = NewDisposeScope();
        var longest = batch.Max(q => q.Own.Length + q.Gold.Length);
        var scored = batch.Sum(q => q.Gold.Length + 1);
        var host = new long[batch.Length * longest + 2 * scored];
        var at = batch.Length * longest;
        for (var r = 0; r < batch.Length; r++)
        {
            var (own, gold) = (batch[r].Own, batch[r].Gold);
            for (var i = 0; i < own.Length + gold.Length; i++) host[r * longest + i] = i < own.Length ? own[i] : gold[i - own.Length];
            for (var a = 0; a <= gold.Length; a++, at++)
            {
                host[at] = r * longest + own.Length - 1 + a;
                host[at + scored] = a < gold.Length ? gold[a] : lineEnd;
            }
        }
        var all = tensor(host, ScalarType.Int64).to(decoder.Device); // one transfer a step
        var (hidden, _) = decoder.Forward(all.narrow(0, 0, batch.Length * longest).view(batch.Length, longest), dropout: dropout);
        var positions = all.narrow(0, batch.Length * longest, scored);
        var logits = decoder.Logits(hidden.view(-1, decoder.Config.HiddenSize).index_select(0, positions));
        var loss = nn.functional.cross_entropy(logits, all.narrow(0, batch.Length * longest + scored, scored));
        loss.backward();
        using (no_grad()) total.add_(loss.detach(), Scalars.One);
    }
}
