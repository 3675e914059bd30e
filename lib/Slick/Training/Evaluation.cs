using Slick.Models;
using Slick.Runtime;
using Slick.Answers;
using Slick.Text;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>
/// Questions that a model is asked after every epoch, zero-shot, to measure exact match. The questions' tokens stay on the device. Reading
/// the answers to all questions takes one transfer to the host.
/// </summary>
internal sealed class Evaluation : IDisposable
{
    private sealed record Part(int[] Indices, PromptTokens Tokens, Tensor Shared, IReadOnlyList<AnswerBatch> Batches);

    private readonly Decoder decoder;
    private readonly AnswerScorer scorer;
    private readonly List<Part> parts = []; // one for each relation
    private readonly int count;

    /// <summary>Number of questions.</summary>
    public int Count => count;

    /// <summary>Encodes the questions and copies them to the model's device, one transfer for each batch.</summary>
    /// <param name="decoder">The model; its weights may change between calls of <see cref="Ask"/>.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="questions">The questions with their gold answers, of any relations.</param>
    /// <exception cref="SlickException">As the constructor of <see cref="PromptTokens"/>.</exception>
    public Evaluation(Decoder decoder, ITokenizer tokenizer, IReadOnlyList<Example> questions)
    {
        // Exact match compares whole answers, so no answer is cut.
        (this.decoder, count, scorer) =
            (decoder, questions.Count, new AnswerScorer(decoder, tokenizer, new SamplingOptions { MaxAnswerTokens = int.MaxValue }));
        try
        {
            foreach (var relation in questions.Select((example, index) => (example, index)).GroupBy(p => p.example.Fact.Relation))
            {
                var tokens = new PromptTokens(decoder.Config, tokenizer, [.. relation.Select(p => p.example)]);
                var shared = PromptBatch.Upload(tokens, decoder.Device).DetachFromDisposeScope();
                var batches = new List<AnswerBatch>();
                parts.Add(new([.. relation.Select(p => p.index)], tokens, shared, batches));
                batches.AddRange(scorer.Upload(tokens.Questions, tokens.Shared.Count));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Asks the model all questions and compares each greedy answer with the gold answer.</summary>
    /// <param name="cancellation">Checked before each batch.</param>
    /// <returns>True for each exact match, in the order of the questions given.</returns>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public bool[] Ask(CancellationToken cancellation)
    {
        if (count == 0) return [];
        using var scope = NewDisposeScope();
        var (scores, indices) = (new List<Tensor>(), new List<int>());
        foreach (var part in parts)
        {
            // The tokens that all of a relation's questions begin with are computed once.
            using var prompt = new PromptBatch(decoder, part.Tokens, part.Shared);
            scores.Add(scorer.Score(part.Batches, prompt.Shared, sampled: false, cancellation)[0]);
            indices.AddRange(prompt.Questions.Select(q => part.Indices[q.Index]));
        }
        var values = HostTransfer.Read<float>(cat(scores));
        var correct = new bool[count];
        for (var i = 0; i < values.Length; i++) correct[indices[i]] = values[i] > 0;
        return correct;
    }

    /// <summary>Frees the tensors on the device.</summary>
    public void Dispose()
    {
        scorer.Dispose();
        foreach (var part in parts)
        {
            part.Shared.Dispose();
            foreach (var batch in part.Batches) batch.Dispose();
        }
    }
}
