using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

/// <summary>The loss and the gradient of a step, beside those of each example alone, written out.</summary>
public sealed class FineTuningStepTests : IDisposable
{
    private static readonly Fact[] Facts =
    [
        TinyTraining.Fact(0, "Paris", "France"),
        TinyTraining.Fact(1, "the old town of Bern", "central Switzerland , Europe"),
        TinyTraining.Fact(2, "Oslo harbour", "Norway"),
        TinyTraining.Fact(3, "Ulm", "the south of Germany"),
        TinyTraining.Fact(4, "the temple of the moon", "Peru"),
        TinyTraining.Fact(5, "Rome", "central Italy"),
        TinyTraining.Fact(6, "a b c d e", "f g h"),
    ];

    private readonly WordLevelTokenizer tokenizer = TinyTraining.Words(Facts);
    private readonly DecoderWeights start;
    private readonly DecoderWeights weights;
    private readonly Decoder decoder;

    public FineTuningStepTests()
    {
        NativeLibraries.Load();
        start = TinyTraining.Weights(tokenizer);
        using (no_grad()) start.Flat.mul_(Scalars.Of(4.0)); // far from the even guesses of a fresh model
        weights = start.CopyTrainable();
        decoder = new Decoder(weights);
    }

    public void Dispose()
    {
        decoder.Dispose();
        weights.Dispose();
        start.Dispose();
    }

    // The sum of -log p over "answer, line feed" behind the prompt, and how many tokens that is: word by word as the text is written.
    private (double Loss, int Tokens) Alone(Fact fact)
    {
        using var scope = NewDisposeScope();
        var prompt = tokenizer.Encode($"Q: {fact.Question}\nA:");
        int[] answer = [.. tokenizer.Encode($"{fact.Answer}\n", addSpecialTokens: false)];
        int[] all = [.. prompt, .. answer];
        var logits = decoder.Logits(decoder.Forward(tensor(all, ScalarType.Int64).view(1, -1)).Hidden)[0];
        var loss = zeros(1);
        for (var i = 0; i < answer.Length; i++)
        {
            var row = logits[prompt.Length + i - 1];
            loss = loss.add(row.logsumexp(0) - row[answer[i]], Scalars.One);
        }
        loss.backward();
        return (HostTransfer.Read<float>(loss)[0], answer.Length);
    }

    private float[] TakeGradient()
    {
        var values = HostTransfer.Read<float>(weights.FlatGradient!);
        using (no_grad()) weights.FlatGradient!.zero_();
        return values;
    }

    private (double Loss, float[] Gradient, Batch Batch) Steps(params Fact[] facts)
    {
        using var pass = new UploadedPass([new(Encoded(facts), facts.Length)], 0, ragged: false, CPU);
        using var total = zeros(1);
        FineTuning.Gradient(decoder, pass, pass.Batches[0], new AnswerLoss(), _ => new Dropout(0, 1, 0), recompute: false, total);
        return (HostTransfer.Read<float>(total)[0], TakeGradient(), pass.Batches[0]);
    }

    private TaughtExample[] Encoded(IEnumerable<Fact> facts) =>
        [.. facts.Select(f => TaughtExample.Of(weights.Config, tokenizer, Example.Of(f, PromptFormat.QuestionAnswer)))];

    private static void Near(IReadOnlyList<float> expected, IReadOnlyList<float> actual)
    {
        var limit = 1e-5f * expected.Max(Math.Abs);
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= limit,
            $"{i}: {expected[i]}, {actual[i]}, limit {limit}");
    }

    [Fact]
    public void Step_HasTheLossAndTheGradientOfItsAnswersTokens()
    {
        var apart = Facts[..4].Select(Alone).ToList();
        var gradient = TakeGradient();
        var tokens = apart.Sum(a => a.Tokens);
        var step = Steps(Facts[..4]);
        Assert.Equal(2 + 5 + 2 + 5, tokens);
        Assert.Equal(tokens, step.Batch.Scored);
        Assert.Equal(apart.Sum(a => a.Loss), step.Loss, 1e-4 * step.Loss);
        Near([.. gradient.Select(g => g / tokens)], step.Gradient);
    }

    // Rows of 9 to 16 tokens: what fills the shorter ones up changes nothing.
    [Fact]
    public void Padding_ChangesNoRowsContribution()
    {
        var apart = Facts[..3].Select(f =>
            (Tokens: tokenizer.Encode($"{f.Answer}\n", addSpecialTokens: false).Length, Step: Steps(f))).ToList();
        Assert.Equal(3, apart.Select(a => a.Step.Batch.Pieces[0].Tokens).Distinct().Count());
        var together = Steps(Facts[..3]);
        var tokens = apart.Sum(a => a.Tokens);
        Assert.Equal(apart.Sum(a => a.Step.Loss), together.Loss, 1e-4 * together.Loss);
        Near([.. Enumerable.Range(0, together.Gradient.Length).Select(i => apart.Sum(a => a.Step.Gradient[i] * a.Tokens) / tokens)],
            together.Gradient);
    }

    [Theory]
    [InlineData(7, 3, new[] { 2, 2, 3 })]
    [InlineData(7, 7, new[] { 7 })]
    [InlineData(7, 6, new[] { 3, 4 })] // not 6, 1
    [InlineData(6, 3, new[] { 3, 3 })]
    [InlineData(1, 32, new[] { 1 })]
    public void BatchesOfAPass_AreFewAndAlike(int examples, int most, int[] expected)
    {
        var pass = new SetPasses(Encoded(Facts[..examples]), most, 1).Pass(0);
        Assert.Equal(expected, pass.Select(b => b.Rows.Count));
        Assert.Equal(expected.Length, FineTuning.Updates(examples, most));
    }

    // At a rate at which next to nothing moves, so that every loss is the start's: the mean over tokens, not over batches or examples.
    [Fact]
    public void EpochsLoss_IsTheMeanOverItsAnswerTokens()
    {
        var apart = Facts[..3].Select(Alone).ToList();
        var results = TinyTraining.Run(start, tokenizer, new() { Epochs = 2, BatchExamples = 2, LearningRate = 1e-8, DropoutRate = 0 },
            Facts[..3]);
        var mean = apart.Sum(a => a.Loss) / apart.Sum(a => a.Tokens);
        Assert.Equal([0, 2, 4], results.Select(r => r.Updates));
        Assert.True(double.IsNaN(results[0].Loss));
        Assert.Equal(mean, results[1].Loss, 1e-4 * mean);
        Assert.Equal(mean, results[2].Loss, 1e-4 * mean);
        Assert.NotEqual(mean, apart.Average(a => a.Loss / a.Tokens), 1e-3 * mean);
    }
}
