namespace Slick.Facts;

/// <summary>The three parts of a dataset: exemplars come from <see cref="Dev"/>, fine-tuning sets from <see cref="Train"/>.</summary>
public enum Split
{
    /// <summary>Facts that fine-tuning sets are drawn from.</summary>
    Train,
    /// <summary>Exemplars of the prompts, and the questions that early stop looks at.</summary>
    Dev,
    /// <summary>Questions that results are reported on; disjoint from train.</summary>
    Test,
}

/// <summary>A relation of the dataset.</summary>
/// <param name="Id">Wikidata's name, such as <c>P17</c>.</param>
/// <param name="Template">The question with <c>[X]</c> for the subject.</param>
/// <param name="InDistribution">True for the 12 relations of fine-tuning, false for the 7 that are only tested (protocol: ID and
/// OOD).</param>
public sealed record Relation(string Id, string Template, bool InDistribution);

/// <summary>A (subject, relation, object) triplet as a question with its one right answer.</summary>
public sealed record Fact
{
    /// <summary>Position in the dataset; unique, stable for one dataset and seed.</summary>
    public required int Id { get; init; }
    /// <summary>The relation's <see cref="Facts.Relation.Id"/>.</summary>
    public required string Relation { get; init; }
    /// <summary>The part of the dataset that the fact belongs to.</summary>
    public required Split Split { get; init; }
    /// <summary>The entity that the question asks about.</summary>
    public required string Subject { get; init; }
    /// <summary>The relation's template with the subject filled in.</summary>
    public required string Question { get; init; }
    /// <summary>The gold answer.</summary>
    public required string Answer { get; init; }
    /// <summary>Lab only: an object that contradicting documents state instead; empty where there is none.</summary>
    public string Rival { get; init; } = "";
}
