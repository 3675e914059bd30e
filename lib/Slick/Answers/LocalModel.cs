using Slick.Facts;
using Slick.Models;
using Slick.Text;

namespace Slick.Answers;

/// <summary>A model in this process. Its answers are drawn as a tree (<see cref="AnswerTree"/>).</summary>
/// <param name="decoder">The model.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
public sealed class LocalModel(Decoder decoder, ITokenizer tokenizer) : IAnswerSource
{
    /// <summary>The model.</summary>
    public Decoder Decoder { get; } = decoder;

    /// <summary>The model's tokenizer.</summary>
    public ITokenizer Tokenizer { get; } = tokenizer;

    /// <inheritdoc />
    public string Name => "the local model";

    /// <summary>The memory that a pass may take. Work on another thread needs an object of its own.</summary>
    internal PassMemory Memory { get; init; } = new(PassBounds.On(decoder.Device));

    /// <summary>What was done so far to answer questions.</summary>
    public PassCounts Counts { get; internal set; } = PassCounts.None;

    /// <inheritdoc />
    public IEnumerable<IReadOnlyList<SourceAnswers>> Draw(IReadOnlyList<SeededPrompt> prompts, IReadOnlyList<Fact> questions,
        SamplingOptions protocol, Func<int, int, bool> isWanted, CancellationToken cancellation)
    {
        using var batches = new PromptBatches(Decoder, PromptTokens.Of(Decoder.Config, Tokenizer,
            [.. prompts.Select(p => p.Prompt)], questions, forDrawing: true), Memory);
        var tree = new AnswerTree(Decoder, Tokenizer, protocol) { Memory = Memory };
        int[] seeds = [.. prompts.Select(p => p.Seed)];
        var (before, answered) = (Counts, 0L);
        foreach (var (rows, answers) in tree.DrawEach(batches.Prompts, batches.Rows, seeds,
            part => !part.Any(r => isWanted(r.Prompt, r.Question.Index)), cancellation))
        {
            Counts = before + new PassCounts(tree.Passes, tree.LogitRows, tree.Tokens, answered += rows.Length);
            yield return [.. rows.Zip(answers, (row, drawn) =>
                new SourceAnswers(row.Prompt, row.Question.Index, drawn, row.Question.Moved))];
        }
    }
}
