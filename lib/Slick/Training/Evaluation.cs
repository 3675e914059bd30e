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
    private readonly Decoder decoder;
    private readonly AnswerScorer scorer;
    private readonly IReadOnlyList<PromptTokens> relations; // the questions of each relation
    private readonly int[] indices; // of each row, the position of its question in the caller's list
    private readonly Tensor shared; // what the questions of each relation begin with, on the device
    private readonly IReadOnlyList<AnswerBatch> batches = [];
    private readonly int count;

    /// <summary>Number of questions.</summary>
    public int Count => count;

    /// <summary>Encodes the questions and copies them to the model's device, one transfer for each batch.</summary>
    /// <param name="decoder">The model; its weights may change between calls of <see cref="Ask"/>.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="questions">The questions with their gold answers, of any relations.</param>
    /// <param name="bounds">Bounds on a pass.</param>
    /// <exception cref="SlickException">As the constructor of <see cref="PromptTokens"/>.</exception>
    public Evaluation(Decoder decoder, ITokenizer tokenizer, IReadOnlyList<Example> questions, PassBounds bounds)
    {
        // Exact match compares whole answers, so no answer is cut.
        (this.decoder, count) = (decoder, questions.Count);
        scorer = new AnswerScorer(decoder, tokenizer, new SamplingOptions { MaxAnswerTokens = int.MaxValue }) { Memory = new(bounds) };
        shared = zeros(0);
        try
        {
            var groups = questions.Index().GroupBy(p => p.Item.Fact.Relation).ToList();
            relations = [.. groups.Select(g => new PromptTokens(decoder.Config, tokenizer, [.. g.Select(p => p.Item)]))];
            shared.Dispose();
            shared = PromptBatch.Pack(relations, decoder.Device).DetachFromDisposeScope();
            PromptRow[] rows = [.. relations.SelectMany((r, j) => r.Questions.Select(q => new PromptRow(j, q)))];
            indices = Array.ConvertAll(rows, r => groups[r.Prompt].ElementAt(r.Question.Index).Index);
            batches = scorer.Upload(rows, [.. relations.Select(r => r.Shared.Count)]);
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
        // The tokens that all of a relation's questions begin with are computed once, those of all relations in one pass.
        using var prompts = new PromptBatches(decoder, relations, shared);
        var values = HostTransfer.Read<float>(scorer.Score(batches, prompts.Caches, sampled: false, cancellation)[0]);
        var correct = new bool[count];
        for (var i = 0; i < values.Length; i++) correct[indices[i]] = values[i] > 0;
        return correct;
    }

    /// <summary>Frees the tensors on the device.</summary>
    public void Dispose()
    {
        scorer.Dispose();
        shared.Dispose();
        foreach (var batch in batches) batch.Dispose();
    }
}
