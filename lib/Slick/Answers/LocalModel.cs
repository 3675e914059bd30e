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

    /// <summary>Bound on a batch's memory, in bytes (<see cref="BatchLimits"/>).</summary>
    internal long Bytes { get; init; } = BatchLimits.DefaultBytes;

    /// <inheritdoc />
    public IEnumerable<IReadOnlyList<SourceAnswers>> Draw(FewShotPrompt prompt, IReadOnlyList<Fact> questions, SamplingOptions protocol,
        int seed, Func<int, bool> isWanted, CancellationToken cancellation)
    {
        using var batch = new PromptBatch(Decoder, Tokenizer, prompt.Format, prompt.Exemplars, questions, forDrawing: true);
        var tree = new AnswerTree(Decoder, Tokenizer, protocol) { Bytes = Bytes };
        foreach (var part in tree.Batches(batch))
        {
            PromptedQuestion[] asked = [.. batch.Questions.Take(part)];
            if (!asked.Any(q => isWanted(q.Index))) continue;
            yield return [.. tree.Draw(batch, part, seed, cancellation)
                .Zip(asked, (drawn, question) => new SourceAnswers(drawn.Index, drawn.Answers, question.Moved))];
        }
    }
}
