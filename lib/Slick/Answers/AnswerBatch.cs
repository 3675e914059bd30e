using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Answers;

/// <summary>
/// Answers after their questions as the rows of one forward pass, on the device. The batch holds all that does not depend on the weights,
/// so it can be scored again after each optimiser step. Letters: N tokens that are not padding, R positions whose logits are looked at, A
/// positions of the longest answer.
/// </summary>
internal sealed class AnswerBatch : IDisposable
{
    /// <summary>The target where an answer ends: any token that ends an answer is right there.</summary>
    public const long End = -1;

    private readonly Tensor packed;
    private readonly long[] sizes;
    private readonly int[] prompts; // of each row, its prompt

    /// <summary>Number of rows: more than <see cref="Questions"/> where some answer's end can be written in two ways.</summary>
    public int Rows { get; }
    /// <summary>True where each row is one question, in the questions' order.</summary>
    public bool OneRowEach { get; }
    /// <summary>Number of questions.</summary>
    public int Questions { get; }
    /// <summary>N: number of tokens of all rows, without padding.</summary>
    public int Tokens { get; }
    /// <summary>Number of tokens of the longest row.</summary>
    public int Columns { get; }
    /// <summary>A: number of scored positions of the longest answer, its end included.</summary>
    public int Answers { get; }

    /// <summary>One way to write an answer after its question, as tokens.</summary>
    /// <param name="Question">The question's position in the batch.</param>
    /// <param name="Own">The question's tokens.</param>
    /// <param name="Gold">The answer's tokens.</param>
    /// <param name="HasEnd">True where a token that ends the answer must follow. No end follows an answer that is joined with the line
    /// feed, or an answer of exactly <see cref="SamplingOptions.MaxAnswerTokens"/> tokens.</param>
    /// <param name="IsPossible">False for an answer that has more tokens than a model's answer can have.</param>
    internal readonly record struct Path(int Question, int[] Own, int[] Gold, bool HasEnd, bool IsPossible = true)
    {
        /// <summary>Number of positions whose logits are looked at.</summary>
        public int Scored => Gold.Length + (HasEnd ? 1 : 0);
    }

    /// <summary>
    /// The ways to write a question's answer. Where the answer is too long in every way, the list holds one path that is not possible.
    /// </summary>
    /// <param name="question">The question.</param>
    /// <param name="most"><see cref="SamplingOptions.MaxAnswerTokens"/>.</param>
    /// <param name="at">The question's position in the batch.</param>
    public static IReadOnlyList<Path> Paths(PromptedQuestion question, int most, int at = 0)
    {
        var paths = new List<Path>(2);
        if (question.Gold.Length <= most) paths.Add(new(at, question.Own, question.Gold, HasEnd: question.Gold.Length < most));
        if (question.Joined is { } joined && joined.Length <= most) paths.Add(new(at, question.Own, joined, HasEnd: false));
        return paths.Count > 0 ? paths : [new(at, question.Own, [], HasEnd: true, IsPossible: false)];
    }

    /// <summary>Brings the rows to the device, in one transfer.</summary>
    /// <param name="questions">The questions with their answers, prompt by prompt.</param>
    /// <param name="promptTokens">The number of shared tokens of each prompt.</param>
    /// <param name="most"><see cref="SamplingOptions.MaxAnswerTokens"/>.</param>
    /// <param name="device">The device of the model.</param>
    public AnswerBatch(IReadOnlyList<PromptRow> questions, IReadOnlyList<int> promptTokens, int most, Device device)
    {
        Path[] rows = [.. questions.SelectMany((q, at) => Paths(q.Question, most, at))];
        prompts = Array.ConvertAll(rows, r => questions[r.Question].Prompt);
        long[] lengths = prompts[0] == prompts[^1] ? [] : Array.ConvertAll(prompts, p => (long)promptTokens[p]);
        long[] ids = [.. rows.SelectMany(r => r.Own.Concat(r.Gold)).Select(t => (long)t)]; // N
        var (places, real) = RaggedRows.Layout([.. rows.Select(r => r.Own.Length + r.Gold.Length)], left: false);
        (Rows, Questions, Tokens) = (rows.Length, questions.Count, ids.Length);
        (Columns, Answers) = (places.Length / rows.Length, rows.Max(r => r.Scored));
        var count = rows.Sum(r => r.Scored); // R
        var (wanted, targets) = (new long[count], new long[count]);
        // For each answer position of each row: its place among the R scored positions; R for padding, R + 1 in a row that is not possible.
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
        sizes = [ids.Length, places.Length, real.Length, count, count, factors.Length, owners.Length, lengths.Length];
        using var scope = NewDisposeScope();
        packed = tensor((long[])[.. ids, .. places, .. real, .. wanted, .. targets, .. factors, .. owners, .. lengths], ScalarType.Int64)
            .to(device).DetachFromDisposeScope();
    }

    /// <summary>
    /// The batch's parts, as int64 views. 0: token ids [N]. 1: for each place in the matrix of rows, the token in it [rows * columns]. 2:
    /// for each token, its place in that matrix [N]. 3: the tokens whose logits are looked at [R]. 4: the targets of these [R]. 5: for each
    /// answer position of each row, its place among the R [rows * A]: R where there is none and the factor is 1, R + 1 where the factor is
    /// 0. 6: the question of each row [rows], or [0] where <see cref="OneRowEach"/> holds. 7: the number of shared tokens of each row's
    /// prompt [rows], or [0] where all rows have the same prompt.
    /// </summary>
    public Tensor[] Split() => packed.split(sizes);

    /// <summary>The prompts before the rows; null where they have no shared tokens.</summary>
    /// <param name="caches">The keys and values of each prompt's shared tokens.</param>
    /// <param name="lengths">Part 7 of <see cref="Split"/>.</param>
    public Prefix? Before(IReadOnlyList<KeyValues?> caches, Tensor lengths) => PromptBatch.Before(caches, prompts, lengths);

    /// <summary>Frees the rows' tensor.</summary>
    public void Dispose() => packed.Dispose();
}
