using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using static TorchSharp.torch;

namespace Slick.Experiments;

/// <summary>What a model answers to a question that it answers wrongly.</summary>
internal sealed record WrongAnswer
{
    /// <summary>The question's <see cref="Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>Text of the greedy answer.</summary>
    public required string Text { get; init; }
    /// <summary>Probability that an answer drawn at T = 1 from all tokens is this text; NaN for an empty text.</summary>
    public required double Probability { get; init; }
}

/// <summary>
/// Draws the greedy answers to questions that are answered wrongly. Exact match by teacher forcing tells that an answer is wrong, and not
/// what the answer is.
/// </summary>
internal static class WrongAnswers
{
    /// <summary>Draws the greedy answer to each question alone, and the answer's probability.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="questions">The questions.</param>
    /// <param name="format">How a question is written.</param>
    /// <param name="bounds">Bounds on a pass.</param>
    /// <param name="cancellation">Checked before each pass.</param>
    /// <returns>The answers in the order of the questions.</returns>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static IReadOnlyList<WrongAnswer> Draw(Decoder decoder, ITokenizer tokenizer, IReadOnlyList<Fact> questions,
        PromptFormat format, PassBounds bounds, CancellationToken cancellation)
    {
        if (questions.Count == 0) return [];
        using var noGrad = no_grad();
        var memory = new PassMemory(bounds);
        var texts = new Dictionary<int, string>();
        // Questions of one relation share the most tokens.
        var asked = questions.GroupBy(f => f.Relation).Select(g => Example.Of(g, format)).ToList();
        using (var batches = Encoded(asked, forDrawing: true))
        {
            var drawn = new AnswerTree(decoder, tokenizer, new SamplingOptions().GreedyAlone()) { Memory = memory }
                .Draw(batches.Prompts, [.. asked.Select(_ => 0)], cancellation);
            foreach (var (of, answers) in asked.Zip(drawn))
                foreach (var (example, answer) in of.Zip(answers)) texts[example.Fact.Id] = answer.Greedy;
        }
        var probabilities = new Dictionary<int, double>();
        var scored = asked.Select(of => (IReadOnlyList<Example>)[.. of.Where(e => texts[e.Fact.Id].Length > 0)
            .Select(e => e with { Target = texts[e.Fact.Id] })]).Where(of => of.Count > 0).ToList();
        if (scored.Count > 0)
        {
            using var batches = Encoded(scored, forDrawing: false);
            using var scorer = new AnswerScorer(decoder, tokenizer, SamplingOptions.OfTheModel) { Memory = memory };
            foreach (var (rows, values) in scorer.ScoreEach(batches.Rows, batches.Caches, _ => false, cancellation))
                foreach (var (i, row) in rows.Index())
                    probabilities[scored[row.Prompt][row.Question.Index].Fact.Id] = values[rows.Length + i];
        }
        return [.. questions.Select(f => new WrongAnswer
        {
            FactId = f.Id, Text = texts[f.Id], Probability = probabilities.GetValueOrDefault(f.Id, double.NaN),
        })];

        PromptBatches Encoded(IReadOnlyList<IReadOnlyList<Example>> of, bool forDrawing) => new(decoder,
            [.. of.Select(e => new PromptTokens(decoder.Config, tokenizer, e, forDrawing: forDrawing))], memory);
    }
}
