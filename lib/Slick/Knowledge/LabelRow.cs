namespace Slick.Knowledge;

/// <summary>How well a model knows one fact: a row of SliCK's table of labels.</summary>
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
    /// <summary>P_Correct(T=0): share of prompts whose greedy answer is right (paper, section 3).</summary>
    public required double GreedyCorrect { get; init; }
    /// <summary>
    /// P_Correct(T&gt;0) over all prompts (paper, section 3): the share of right samples (Sampled), or its expectation (Exact).
    /// </summary>
    public required double SampledCorrect { get; init; }
    /// <summary>
    /// The category that follows from P_Correct (paper, section 3). Where no greedy answer is right, Exact gives WeaklyKnown if at least
    /// one of all samples would be right with a probability of at least 0.5.
    /// </summary>
    public required Category Category { get; init; }
    /// <summary>
    /// Probability that fresh samples after the same prompts give this category. HighlyKnown and MaybeKnown have 1, for no sample can
    /// change them. WeaklyKnown and Unknown have the probability by Exact, and NaN by Sampled, for a share of draws is no probability.
    /// Taught in <c>notebooks/08-how-sure.ipynb</c>.
    /// </summary>
    public required double CategoryProbability { get; init; }
    /// <summary>The different greedy answers, joined by " | "; empty where none was drawn (Exact).</summary>
    public string GreedyAnswers { get; init; } = "";
}
