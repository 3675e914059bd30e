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
    /// <summary>Text of a wrong greedy answer; empty for a right answer, whose text is the gold answer.</summary>
    public string Text { get; init; } = "";
    /// <summary>Probability that an answer drawn at T = 1 from all tokens is the wrong <see cref="Text"/>; NaN for a right answer and for
    /// an empty text.</summary>
    public double Probability { get; init; } = double.NaN;
}
