namespace Slick.Facts;

/// <summary>The three parts of a dataset.</summary>
public enum Split
{
    /// <summary>Facts that fine-tuning sets are drawn from.</summary>
    Train,
    /// <summary>Facts for the exemplars of the prompts, and for the accuracy that EARLY_STOP is chosen by.</summary>
    Dev,
    /// <summary>Facts that results are reported on. In EntityQuestions, no subject of train is a subject of test.</summary>
    Test,
}

/// <summary>A relation of the dataset.</summary>
/// <param name="Id">The id: Wikidata's, such as <c>P17</c>, or the name in a user's file.</param>
/// <param name="Template">The question with <c>[X]</c> for the subject; empty where the relation has no template.</param>
/// <param name="InDistribution">True for the 12 relations of fine-tuning, false for the 7 that are only tested (paper, Tables 3 and
/// 5).</param>
public sealed record Relation(string Id, string Template, bool InDistribution);

/// <summary>A fact: a (subject, relation, object) triplet as a question with its one right answer.</summary>
public sealed record Fact
{
    /// <summary>The answer that says that the answer is not known: what D_IDK teaches for Unknown facts (paper, Table 8), and what the
    /// lab's pages about facts that nobody knows say.</summary>
    public const string DontKnow = "I don't know";

    /// <summary>Position in the dataset. It is unique, and the same whenever the dataset is made with the same options and seed.</summary>
    public required int Id { get; init; }
    /// <summary>The relation's <see cref="Facts.Relation.Id"/>.</summary>
    public required string Relation { get; init; }
    /// <summary>The part of the dataset that the fact belongs to.</summary>
    public required Split Split { get; init; }
    /// <summary>The entity that the question asks about; empty where a user's file does not name it.</summary>
    public required string Subject { get; init; }
    /// <summary>The question: the relation's template with the subject filled in, or the question in a user's file.</summary>
    public required string Question { get; init; }
    /// <summary>The gold answer, the one right answer.</summary>
    public required string Answer { get; init; }
    /// <summary>
    /// Only in a lab: another object, which contradicting documents state instead of the answer. Empty where there is none.
    /// </summary>
    public string Rival { get; init; } = "";
}
