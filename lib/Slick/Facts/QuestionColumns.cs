namespace Slick.Facts;

/// <summary>The columns of a question file (<see cref="OwnQuestions"/>): of a CSV file the names in its first line, of JSONL the
/// keys.</summary>
public sealed record QuestionColumns
{
    /// <summary>What the question asks about its subject: questions of one relation share their prompts.</summary>
    public string Relation { get; init; } = "relation";
    /// <summary>The question.</summary>
    public string Question { get; init; } = "question";
    /// <summary>The one right answer.</summary>
    public string Answer { get; init; } = "answer";
    /// <summary>The entity that is asked about; null: <c>subject</c>, where the file has such a column.</summary>
    public string? Subject { get; init; }
    /// <summary>train, dev or test; null: <c>split</c>, where the file has such a column, else every question is of train.</summary>
    public string? Split { get; init; }
}
