using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Sampling;
using Slick.Text;
using static TorchSharp.torch;

namespace Slick.Knowledge;

/// <summary>What one prompt says about one question.</summary>
/// <param name="GreedyCorrect">The greedy answer is right.</param>
/// <param name="SampledCorrect">Share of right samples (Sampled) or the probability that one sample is right (Exact).</param>
/// <param name="GreedyAnswer">The greedy answer where it was drawn, else empty.</param>
public readonly record struct PromptEstimate(bool GreedyCorrect, double SampledCorrect, string GreedyAnswer = "");

/// <summary>A way to find P_Correct of questions behind one prompt.</summary>
public interface IEstimator
{
    /// <summary>Name on the command line: <c>exact</c> or <c>sampled</c>.</summary>
    string Name { get; }

    /// <summary>P_Correct's two parts for every question, in the order of <paramref name="questions"/>.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="exemplars">The prompt's exemplars.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="seed">Seed of the draws; Exact draws nothing.</param>
    /// <param name="cancellation">Stops between batches.</param>
    PromptEstimate[] Estimate(Decoder decoder, ITokenizer tokenizer, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed, CancellationToken cancellation);
}

/// <summary>
/// The closed form: teacher forcing gives the probability that a sample under the protocol's temperature and top-k is
/// the gold answer. It is a lower bound where the same string has other tokenisations.
/// </summary>
public sealed class ExactEstimator(SamplingOptions options, PromptFormat format) : IEstimator
{
    /// <inheritdoc />
    public string Name => "exact";

    /// <inheritdoc />
    public PromptEstimate[] Estimate(Decoder decoder, ITokenizer tokenizer, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed, CancellationToken cancellation)
    {
        using var batch = new PromptBatch(decoder, tokenizer, format, exemplars, questions);
        var scorer = new AnswerScorer(decoder, tokenizer, options);
        using var scores = scorer.Score(batch.Questions, batch.Shared, sampled: true, cancellation);
        var values = HostTransfer.Read<float>(scores);
        var estimates = new PromptEstimate[questions.Count];
        for (var i = 0; i < questions.Count; i++)
            estimates[batch.Questions[i].Index] = new(values[i] > 0, values[questions.Count + i]);
        return estimates;
    }
}

/// <summary>The paper's way: draw the greedy answer and the samples, and compare their text with the gold answer's.</summary>
/// <param name="options">The protocol.</param>
/// <param name="format">How questions are written.</param>
/// <param name="normaliser">What is made equal before answers are compared.</param>
public sealed class SampledEstimator(SamplingOptions options, PromptFormat format, AnswerNormaliser normaliser = AnswerNormaliser.None) : IEstimator
{
    /// <inheritdoc />
    public string Name => "sampled";

    /// <inheritdoc />
    public PromptEstimate[] Estimate(Decoder decoder, ITokenizer tokenizer, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, int seed, CancellationToken cancellation)
    {
        using var batch = new PromptBatch(decoder, tokenizer, format, exemplars, questions);
        var drawn = new AnswerTree(decoder, tokenizer, options).Draw(batch, seed, cancellation);
        bool IsCorrect(string answer, int question) => ExactMatch.IsCorrect(answer, questions[question].Answer, normaliser);
        return [.. drawn.Select((answers, i) => new PromptEstimate(
            IsCorrect(answers.Greedy, i),
            answers.Sampled.Where(a => IsCorrect(a.Answer, i)).Sum(a => a.Count) / (double)options.Samples,
            answers.Greedy))];
    }
}
