namespace Slick.Experiments;

/// <summary>
/// A run's answer to one test question, in distribution or out of it, at a stop: the base model (epoch 0), EARLY_STOP, FIT where
/// the run has it, and the last epoch; an epoch that is two stops stands once. Table <c>answers</c>.
/// </summary>
public sealed record AnswerRow
{
    /// <summary>The run: <see cref="RunRow.Run"/>.</summary>
    public required string Run { get; init; }
    /// <summary>0 is the base model before any update.</summary>
    public required int Epoch { get; init; }
    /// <summary>The question's <see cref="Facts.Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>Whether the greedy answer is the gold answer: exact match.</summary>
    public required bool Right { get; init; }
    /// <summary>The greedy answer's text where it was drawn; empty where the gold answer was only compared (teacher forcing).</summary>
    public string Text { get; init; } = "";
}
