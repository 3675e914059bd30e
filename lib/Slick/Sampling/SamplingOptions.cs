namespace Slick.Sampling;

/// <summary>SliCK's protocol (paper, section 3 and appendix A).</summary>
public sealed record SamplingOptions
{
    /// <summary>N_ex: different few-shot prompts of a relation.</summary>
    public int Prompts { get; init; } = 10;
    /// <summary>Exemplars of a prompt.</summary>
    public int Shots { get; init; } = 4;
    /// <summary>Answers drawn for each question and prompt, beside the greedy one.</summary>
    public int Samples { get; init; } = 16;
    /// <summary>Temperature of the drawn answers.</summary>
    public double Temperature { get; init; } = 0.5;
    /// <summary>Tokens that a draw chooses from: the most probable ones.</summary>
    public int TopK { get; init; } = 40;
    /// <summary>Longest answer, in tokens; one that has not ended by then is cut there.</summary>
    public int MaxAnswerTokens { get; init; } = 16;
    /// <summary>Rows (questions, or nodes of the answer tree) of a batch times tokens of a row: bounds the memory.</summary>
    public int BatchTokens { get; init; } = 8192;
}
