namespace Slick.Knowledge;

/// <summary>What a model knows of one fact: a row of SliCK's table.</summary>
public sealed record LabelRow
{
    /// <summary>The fact's <see cref="Facts.Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>The relation's id.</summary>
    public required string Relation { get; init; }
    /// <summary>The part of the dataset that the question belongs to.</summary>
    public required Facts.Split Split { get; init; }
    /// <summary>The question.</summary>
    public required string Question { get; init; }
    /// <summary>The gold answer.</summary>
    public required string Answer { get; init; }
    /// <summary>P_Correct(T=0): share of prompts whose greedy answer is right.</summary>
    public required double GreedyCorrect { get; init; }
    /// <summary>P_Correct(T&gt;0): share of right samples (Sampled), or its expectation (Exact).</summary>
    public required double SampledCorrect { get; init; }
    /// <summary>The category that follows from both.</summary>
    public required Category Category { get; init; }
    /// <summary>
    /// Probability of this category under fresh samples with the same prompts; 1 where samples cannot change it, NaN where only samples
    /// were drawn (Sampled).
    /// </summary>
    public required double CategoryProbability { get; init; }
    /// <summary>The different greedy answers, joined by " | "; empty where none was drawn (Exact).</summary>
    public string GreedyAnswers { get; init; } = "";
}
