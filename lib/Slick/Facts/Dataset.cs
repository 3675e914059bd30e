namespace Slick.Facts;

/// <summary>Relations and their facts, every question with one right answer.</summary>
/// <param name="Relations">The relations in the paper's order.</param>
/// <param name="Facts">All facts; a fact's Id is its position.</param>
public sealed record Dataset(IReadOnlyList<Relation> Relations, IReadOnlyList<Fact> Facts)
{
    /// <summary>Sentences about what was changed when the dataset was read; empty where nothing was.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>The facts of one relation and split, in order.</summary>
    public IReadOnlyList<Fact> Of(string relation, Split split) => [.. Facts.Where(f => f.Relation == relation && f.Split == split)];
}
