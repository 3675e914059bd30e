using System.ComponentModel.DataAnnotations;
using Slick.Runtime;

namespace Slick.Answers;

/// <summary>
/// How questions are asked and answers are drawn: SliCK's protocol (paper, section 3 and appendix C). Taught in
/// <c>notebooks/01-what-does-a-model-know.ipynb</c>.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>N_ex: number of different few-shot prompts of a relation.</summary>
    [Range(1, 1000)]
    public int Prompts { get; init; } = 10;
    /// <summary>Number of exemplars in a prompt.</summary>
    [Range(0, 64)]
    public int Shots { get; init; } = 4;
    /// <summary>Number of answers drawn for each question and prompt, beside the greedy answer.</summary>
    [Range(1, 10_000)]
    public int Samples { get; init; } = 16;
    /// <summary>Temperature of the drawn answers (T in the paper).</summary>
    [Range(0.01, 10.0)]
    public double Temperature { get; init; } = 0.5;
    /// <summary>Number of most probable tokens from which a draw chooses the next token (top-k).</summary>
    [Range(1, 1_000_000)]
    public int TopK { get; init; } = 40;
    /// <summary>
    /// Longest answer, in tokens. An answer is the text before its first end. Where none of its first MaxAnswerTokens tokens is an end, the
    /// answer is those tokens. So a gold answer of fewer tokens needs its end, a gold answer of exactly as many needs none, and a longer
    /// one is never right. Greedy and drawn answers, Exact and Sampled, and both ways to write an answer's end follow this rule.
    /// </summary>
    [Range(1, 1024)]
    public int MaxAnswerTokens { get; init; } = 16;

    /// <summary>One sample at T = 1 from all tokens: probabilities as the model gives them.</summary>
    internal static SamplingOptions OfTheModel { get; } = new() { Samples = 1, Temperature = 1, TopK = 1_000_000 };

    /// <summary>The same protocol with one sample of the most probable token. That sample is the greedy answer, so a tree of answers
    /// (<see cref="AnswerTree"/>) has no other nodes.</summary>
    internal SamplingOptions GreedyAlone() => this with { Samples = 1, TopK = 1 };
}
