using System.ComponentModel.DataAnnotations;
using Slick.Runtime;

namespace Slick.Answers;

/// <summary>SliCK's protocol (paper, section 3 and appendix A).</summary>
public sealed record SamplingOptions
{
    /// <summary>N_ex: different few-shot prompts of a relation.</summary>
    [Range(1, 1000)]
    public int Prompts { get; init; } = 10;
    /// <summary>Exemplars of a prompt.</summary>
    [Range(0, 64)]
    public int Shots { get; init; } = 4;
    /// <summary>Answers drawn for each question and prompt, beside the greedy one.</summary>
    [Range(1, 10_000)]
    public int Samples { get; init; } = 16;
    /// <summary>Temperature of the drawn answers.</summary>
    [Range(0.01, 10.0)]
    public double Temperature { get; init; } = 0.5;
    /// <summary>Tokens that a draw chooses from: the most probable ones.</summary>
    [Range(1, 1_000_000)]
    public int TopK { get; init; } = 40;
    /// <summary>
    /// Longest answer, in tokens. An answer is what stands before its first end; where none of its first MaxAnswerTokens tokens is
    /// an end, the answer is those tokens. So a gold answer of fewer tokens needs its end, one of exactly as many needs none, and
    /// one of more is never right. Greedy and drawn answers, Exact and Sampled, and both ways to write an answer's end go by it.
    /// </summary>
    [Range(1, 1024)]
    public int MaxAnswerTokens { get; init; } = 16;
    /// <summary>Rows (questions, or nodes of the answer tree) of a batch times tokens of a row: bounds the memory.</summary>
    [Range(64, 100_000_000)]
    public int BatchTokens { get; init; } = 8192;
}
