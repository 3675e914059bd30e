namespace Slick.Experiments;

/// <summary>A set of questions that a fine-tuned model is asked.</summary>
public enum QuestionSet
{
    /// <summary>The examples that the model is fine-tuned on. An example that the model answers rightly is fitted.</summary>
    Train,
    /// <summary>The dev questions. EARLY_STOP follows from the answers to these.</summary>
    Dev,
    /// <summary>The test questions of the relations that are trained on (in distribution).</summary>
    Test,
    /// <summary>The test questions of the relations that are not trained on (out of distribution).</summary>
    Ood,
}

/// <summary>
/// How many questions of one set and one category a run answers rightly after one epoch: greedy answers, exact match. A set's accuracy is
/// the sum of the right answers over its categories, divided by the sum of the questions. A row of the table <c>scores</c>.
/// </summary>
public sealed record ScoreRow
{
    /// <summary>The run: <see cref="RunRow.Run"/>.</summary>
    public required string Run { get; init; }
    /// <summary>Number of the epoch; 0 is the base model before any optimiser step.</summary>
    public required int Epoch { get; init; }
    /// <summary>The set.</summary>
    public required QuestionSet Set { get; init; }
    /// <summary>The questions' category for the base model, as <see cref="Knowledge.Category"/> names it; empty for questions without a
    /// label.</summary>
    public required string Category { get; init; }
    /// <summary>Number of questions that are answered rightly.</summary>
    public required int Right { get; init; }
    /// <summary>Number of questions asked.</summary>
    public required int Of { get; init; }
}
