using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Answers;

/// <summary>
/// Answers behind their questions as the rows of one pass, on the device: everything about them that the weights do not
/// change. Letters: N tokens that are no padding, R positions whose logits are looked at, rows and A as below.
/// </summary>
internal sealed class AnswerBatch : IDisposable
{
    /// <summary>The target where an answer ends: any of the tokens that end it.</summary>
    public const long End = -1;

    private readonly Tensor packed;
    private readonly long[] sizes;

    /// <summary>Rows: more than <see cref="Questions"/> where an answer's end is written in two ways.</summary>
    public int Rows { get; }
    /// <summary>Each row is one question, in order.</summary>
    public bool OneRowEach { get; }
    /// <summary>Questions.</summary>
    public int Questions { get; }
    /// <summary>Tokens of the longest row.</summary>
    public int Columns { get; }
    /// <summary>A: positions of the longest answer, its end included.</summary>
    public int Answers { get; }

    /// <summary>One way to write an answer behind its question.</summary>
    /// <param name="Question">The question's place.</param>
    /// <param name="Own">The question's tokens.</param>
    /// <param name="Gold">The answer's tokens.</param>
    /// <param name="HasEnd">An end must follow. None follows an answer that is joined with the line feed, or that is cut where it
    /// ends.</param>
    /// <param name="IsPossible">False for an answer that is longer than any that is given.</param>
    internal readonly record struct Path(int Question, int[] Own, int[] Gold, bool HasEnd, bool IsPossible = true)
    {
        /// <summary>Positions whose logits are looked at.</summary>
        public int Scored => Gold.Length + (HasEnd ? 1 : 0);
    }

    /// <summary>The ways to write a question's answer; one that is not possible where there is none.</summary>
    /// <param name="question">The question.</param>
    /// <param name="most"><see cref="SamplingOptions.MaxAnswerTokens"/>, which says what an answer is.</param>
    /// <param name="at">The question's place.</param>
    public static IReadOnlyList<Path> Paths(PromptedQuestion question, int most, int at = 0)
    {
        var paths = new List<Path>(2);
        if (question.Gold.Length <= most) paths.Add(new(at, question.Own, question.Gold, HasEnd: question.Gold.Length < most));
        if (question.Joined is { } joined && joined.Length <= most) paths.Add(new(at, question.Own, joined, HasEnd: false));
        return paths.Count > 0 ? paths : [new(at, question.Own, [], HasEnd: true, IsPossible: false)];
    }

    /// <summary>Brings the rows to the device, in one transfer.</summary>
    /// <param name="questions">The questions with their answers.</param>
    /// <param name="most"><see cref="SamplingOptions.MaxAnswerTokens"/>.</param>
    /// <param name="device">Where to.</param>
    public AnswerBatch(IReadOnlyList<PromptedQuestion> questions, int most, Device device)
    {
        Path[] rows = [.. questions.SelectMany((q, at) => Paths(q, most, at))];
        long[] ids = [.. rows.SelectMany(r => r.Own.Concat(r.Gold)).Select(t => (long)t)]; // N
        var (places, real) = RaggedRows.Layout([.. rows.Select(r => r.Own.Length + r.Gold.Length)], left: false);
        (Rows, Questions, Columns, Answers) = (rows.Length, questions.Count, places.Length / rows.Length, rows.Max(r => r.Scored));
        var count = rows.Sum(r => r.Scored); // R
        var (wanted, targets) = (new long[count], new long[count]);
        // of each answer position, where it stands among the R; R for padding, R + 1 for what is not possible
        var factors = new long[Rows * Answers];
        Array.Fill(factors, count);
        for (int r = 0, at = 0, first = 0; r < rows.Length; r++)
        {
            var (own, gold) = (rows[r].Own, rows[r].Gold);
            for (var a = 0; a < rows[r].Scored; a++, at++)
            {
                wanted[at] = first + own.Length - 1 + a;
                targets[at] = a < gold.Length ? gold[a] : End;
                factors[r * Answers + a] = rows[r].IsPossible ? at : count + 1;
            }
            first += own.Length + gold.Length;
        }
        OneRowEach = rows.Select(r => r.Question).SequenceEqual(Enumerable.Range(0, Questions));
        var owners = OneRowEach ? [] : Array.ConvertAll(rows, r => (long)r.Question);
        sizes = [ids.Length, places.Length, real.Length, count, count, factors.Length, owners.Length];
        using var scope = NewDisposeScope();
        packed = tensor((long[])[.. ids, .. places, .. real, .. wanted, .. targets, .. factors, .. owners], ScalarType.Int64).to(device)
            .DetachFromDisposeScope();
    }

    /// <summary>
    /// Views, int64: ids [N]; where the rows' tokens lie [rows * columns]; which of those are real [N]; positions with logits [R];
    /// their targets [R]; which of the R belongs to each answer position, R for none, whose factor is 1, R + 1 for a factor of 0
    /// [rows * A]; the question of each row, [0] where it is the row itself.
    /// </summary>
    public Tensor[] Split() => packed.split(sizes);

    /// <summary>Frees the rows.</summary>
    public void Dispose() => packed.Dispose();
}
