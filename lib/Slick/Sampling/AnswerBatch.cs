using Slick.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Sampling;

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
    /// <summary>Questions.</summary>
    public int Questions { get; }
    /// <summary>Tokens of the longest row.</summary>
    public int Columns { get; }
    /// <summary>A: positions of the longest answer, its end included.</summary>
    public int Answers { get; }

    /// <summary>One way to write an answer behind its question. An answer that is joined with the line feed ends with its own last token.</summary>
    internal readonly record struct Path(int Question, int[] Own, int[] Gold, bool HasEnd)
    {
        /// <summary>Positions whose logits are looked at.</summary>
        public int Scored => Gold.Length + (HasEnd ? 1 : 0);
    }

    /// <summary>The ways to write a question's answer.</summary>
    public static IEnumerable<Path> Paths(PromptedQuestion question, int at = 0) => question.Joined is { } joined
        ? [new(at, question.Own, question.Gold, true), new(at, question.Own, joined, false)]
        : [new(at, question.Own, question.Gold, true)];

    /// <summary>Brings the rows to the device, in one transfer.</summary>
    public AnswerBatch(IReadOnlyList<PromptedQuestion> questions, Device device)
    {
        Path[] rows = [.. questions.SelectMany(Paths)];
        long[] ids = [.. rows.SelectMany(r => r.Own.Concat(r.Gold)).Select(t => (long)t)]; // N
        var (places, real) = RaggedRows.Layout([.. rows.Select(r => r.Own.Length + r.Gold.Length)], left: false);
        (Rows, Questions, Columns, Answers) = (rows.Length, questions.Count, places.Length / rows.Length, rows.Max(r => r.Scored));
        var count = rows.Sum(r => r.Scored); // R
        var (wanted, targets) = (new long[count], new long[count]);
        var factors = new long[Rows * Answers]; // of each answer position, where it stands among the R; R for padding
        Array.Fill(factors, count);
        for (int r = 0, at = 0, first = 0; r < rows.Length; r++)
        {
            var (own, gold) = (rows[r].Own, rows[r].Gold);
            for (var a = 0; a < rows[r].Scored; a++, at++)
            {
                wanted[at] = first + own.Length - 1 + a;
                targets[at] = a < gold.Length ? gold[a] : End;
                factors[r * Answers + a] = at;
            }
            first += own.Length + gold.Length;
        }
        var owners = Rows == Questions ? [] : Array.ConvertAll(rows, r => (long)r.Question);
        sizes = [ids.Length, places.Length, real.Length, count, count, factors.Length, owners.Length];
        using var scope = NewDisposeScope();
        packed = tensor((long[])[.. ids, .. places, .. real, .. wanted, .. targets, .. factors, .. owners], ScalarType.Int64).to(device).DetachFromDisposeScope();
    }

    /// <summary>
    /// Views, int64: ids [N]; where the rows' tokens lie [rows * columns]; which of those are real [N]; positions with logits [R];
    /// their targets [R]; which of the R belongs to each answer position [rows * A]; the question of each row, [0] where it is the row itself.
    /// </summary>
    public Tensor[] Split() => packed.split(sizes);

    /// <summary>Frees the rows.</summary>
    public void Dispose() => packed.Dispose();
}
