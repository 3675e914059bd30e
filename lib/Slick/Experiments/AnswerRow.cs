namespace Slick.Experiments;

/// <summary>
/// A run's answer to one test question at a stop. The stops are the base model (epoch 0), EARLY_STOP, FIT where the run has it, and the
/// last epoch. An epoch that is two stops has one row. Test questions are those in distribution and those out of distribution. Table
/// <c>answers</c>.
/// </summary>
public sealed record AnswerRow
{
    /// <summary>The run: <see cref="RunRow.Run"/>.</summary>
    public required string Run { get; init; }
    /// <summary>Number of the epoch; 0 is the base model before any optimiser step.</summary>
    public required int Epoch { get; init; }
    /// <summary>The question's <see cref="Facts.Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>Whether the greedy answer is the gold answer: exact match.</summary>
    public required bool Right { get; init; }
    /// <summary>Text of the greedy answer where it was drawn. Empty where teacher forcing compared the gold answer only.</summary>
    public string Text { get; init; } = "";
}
