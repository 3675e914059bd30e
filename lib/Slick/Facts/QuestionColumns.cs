namespace Slick.Facts;

/// <summary>
/// The names of the columns of a question file (<see cref="OwnQuestions"/>). In a CSV file these are the names in the first line, in JSONL
/// the keys.
/// </summary>
public sealed record QuestionColumns
{
    /// <summary>
    /// The column of the relation: what the question asks about its subject. Questions of one relation share their prompts.
    /// </summary>
    public string Relation { get; init; } = "relation";
    /// <summary>The column of the question.</summary>
    public string Question { get; init; } = "question";
    /// <summary>The column of the question's one right answer.</summary>
    public string Answer { get; init; } = "answer";
    /// <summary>The column of the entity that the question asks about. Null: the column <c>subject</c>, where the file has one.</summary>
    public string? Subject { get; init; }
    /// <summary>
    /// The column of the split: train, dev or test. Null: the column <c>split</c>, where the file has one; else every question belongs to
    /// train.
    /// </summary>
    public string? Split { get; init; }
}
