namespace Slick.Answers;

/// <summary>
/// What a model in this process did to answer questions. The counts say how fast answers were found. They are no part of a result or of a
/// store.
/// </summary>
/// <param name="Passes">Forward passes over rows. The passes over the tokens that the questions of a prompt share are not counted.</param>
/// <param name="Rows">Rows of these passes. Exact has one for each way to write a gold answer, Sampled one for each node of the tree of
/// answers.</param>
/// <param name="Tokens">Tokens of these rows, without those of earlier passes.</param>
/// <param name="Questions">Questions answered, after each prompt.</param>
public sealed record PassCounts(int Passes, long Rows, long Tokens, long Questions)
{
    /// <summary>Nothing done.</summary>
    public static PassCounts None { get; } = new(0, 0, 0, 0);

    /// <summary>Seconds of the work, the passes over shared tokens included; 0 where they were not measured. Where several relations are
    /// worked on at once, each has its own seconds.</summary>
    public double Seconds { get; init; }

    /// <summary>The memory that a pass may take beside the weights, in bytes; 0 where it is not known. Of several works, the
    /// smallest.</summary>
    public long Bytes { get; init; }

    /// <summary>The counts of two works together.</summary>
    public static PassCounts operator +(PassCounts one, PassCounts other) =>
        new(one.Passes + other.Passes, one.Rows + other.Rows, one.Tokens + other.Tokens, one.Questions + other.Questions)
        {
            Seconds = one.Seconds + other.Seconds,
            Bytes = one.Bytes == 0 || other.Bytes == 0 ? Math.Max(one.Bytes, other.Bytes) : Math.Min(one.Bytes, other.Bytes),
        };
}
