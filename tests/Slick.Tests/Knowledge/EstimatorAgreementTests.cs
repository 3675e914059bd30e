using Slick.Knowledge;
using Slick.Runtime;
using Slick.Answers;
using Slick.Text;

namespace Slick.Tests.Knowledge;

/// <summary>
/// Sampled counts against Exact's probabilities: with (count - n p) / sqrt(n p (1 - p)) over questions and prompts, the
/// mean is 0 and the standard deviation 1 where p is the probability of a right sample.
/// </summary>
[Collection(SmallModelCollection.Name)]
public sealed class EstimatorAgreementTests
{
    private readonly SmallModel model;

    public EstimatorAgreementTests(SmallModel model)
    {
        this.model = model;
        Compute.UseThreads(1);
    }

    private sealed record Agreement(int Cases, double Mean, double Deviation)
    {
        public bool Holds => Math.Abs(Mean) <= 0.1 && Deviation is >= 0.9 and <= 1.1;
    }

    private static void AssertHolds(bool holds, Agreement agreement)
    {
        Assert.True(agreement.Cases >= 1000, agreement.ToString());
        Assert.True(agreement.Holds == holds, agreement.ToString());
    }

    /// <summary>Draws under one set of options, p under another.</summary>
    private static Agreement Compare(SmallModel model, SamplingOptions drawn, SamplingOptions scored, bool leaveOutEnd = false)
    {
        var sampled = new SampledEstimator(drawn, PromptFormat.QuestionAnswer);
        var scorer = new AnswerScorer(model.Decoder, model.Tokenizer, scored) { LeaveOutEnd = leaveOutEnd };
        var residuals = new List<double>();
        foreach (var relation in model.Relations)
        {
            var questions = model.Questions(relation);
            var prompts = model.Prompts(relation, drawn);
            for (var j = 0; j < prompts.Count; j++)
            {
                var estimates = sampled.Estimate(model.Decoder, model.Tokenizer, prompts[j], questions,
                    Seeds.Mix(Seeds.Mix(1, relation), j), CancellationToken.None);
                using var batch = new PromptBatch(model.Decoder, model.Tokenizer, PromptFormat.QuestionAnswer, prompts[j], questions);
                using var scores = scorer.Score(batch.Questions, batch.Shared, sampled: true, CancellationToken.None);
                var values = HostTransfer.Read<float>(scores);
                for (var q = 0; q < questions.Count; q++)
                {
                    double p = values[questions.Count + q], n = drawn.Samples;
                    var count = estimates[batch.Questions[q].Index].SampledCorrect * n;
                    if (p is > 0.02 and < 0.98) residuals.Add((count - n * p) / Math.Sqrt(n * p * (1 - p)));
                }
            }
        }
        var mean = residuals.Average();
        var result = new Agreement(residuals.Count, mean, Math.Sqrt(residuals.Average(r => (r - mean) * (r - mean))));
        TestContext.Current.TestOutputHelper?.WriteLine(result.ToString());
        return result;
    }

    [Fact]
    public void Sampled_CountsExactlyTheDrawsOfTheTree_AlsoWhereItGoesOn()
    {
        var (options, bounds) = (new SamplingOptions(), PassBounds.Default with { Tokens = 64 });
        var questions = model.Questions("P19");
        var exemplars = model.Prompts("P19", options)[0];
        using var batch = new PromptBatch(model.Decoder, model.Tokenizer, PromptFormat.QuestionAnswer, exemplars, questions, true);
        var drawn = new AnswerTree(model.Decoder, model.Tokenizer, options) { Memory = new(bounds) }
            .Draw(batch, seed: 3, TestContext.Current.CancellationToken);
        PromptEstimate[] expected = [.. drawn.Zip(questions, (d, q) => new PromptEstimate(d.Greedy == q.Answer,
            d.Sampled.Where(a => a.Answer == q.Answer).Sum(a => a.Count) / 16.0, d.Greedy))];
        Assert.Contains(expected, e => e.SampledCorrect is > 0 and < 1);
        var source = new LocalModel(model.Decoder, model.Tokenizer) { Memory = new(bounds) };
        PromptEstimate?[][] estimates = [new PromptEstimate?[questions.Count]];
        var batches = 0;
        void Estimate() => new SampledEstimator(options, PromptFormat.QuestionAnswer)
            .Estimate(source, [new(exemplars, 3)], questions, estimates, _ => batches++, TestContext.Current.CancellationToken);
        Estimate();
        Assert.Equal(expected, estimates[0].Select(e => e!.Value));
        // A batch that lost one of its questions is drawn again, the others are not.
        var all = batches;
        Assert.True(all > 3);
        estimates[0][5] = null;
        Estimate();
        Assert.Equal((all + 1, expected[5]), (batches, estimates[0][5]!.Value));
    }

    [Fact]
    public void NextTokenLogits_AreThoseOfTheLastTokenInAPassOverSeveralTexts()
    {
        int[] first = model.Tokenizer.Encode("Q: Which country"), second = [.. first.Reverse()];
        using var scope = TorchSharp.torch.NewDisposeScope();
        long[] both = [.. first.Concat(second).Select(t => (long)t)];
        var ids = TorchSharp.torch.tensor(both).view(2, -1);
        var logits = HostTransfer.Read<float>(model.Decoder.Logits(model.Decoder.Forward(ids).Hidden.select(1, first.Length - 1)));
        float[] alone = [.. model.Decoder.NextTokenLogits(first), .. model.Decoder.NextTokenLogits(second)];
        Assert.Equal(2 * model.Decoder.Config.VocabularySize, alone.Length);
        Assert.All(logits.Zip(alone), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.NotEqual(alone[..(alone.Length / 2)], alone[(alone.Length / 2)..]);
        Assert.Throws<ArgumentException>(() => model.Decoder.NextTokenLogits([]));
    }

    [Fact]
    public void SampledCounts_AreDrawnFromExactsProbabilities() =>
        AssertHolds(true, Compare(model, new SamplingOptions(), new SamplingOptions()));

    [Fact]
    public void WithTopK3_SampledCounts_AreDrawnFromExactsProbabilities()
    {
        var three = new SamplingOptions { TopK = 3 };
        AssertHolds(true, Compare(model, three, three));
    }

    [Fact]
    public void ExactWithoutTopK_DisagreesWithDrawsFromThree() =>
        AssertHolds(false, Compare(model, new SamplingOptions { TopK = 3 }, new SamplingOptions { TopK = model.Tokenizer.VocabularySize }));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OnAModelUnsureOfTheLineEnd_ExactAgreesOnlyWithTheEndsFactor(bool leaveOutEnd)
    {
        using var unsure = model.UnsureOfTheLineEnd(0.5);
        AssertHolds(!leaveOutEnd, Compare(unsure, new SamplingOptions(), new SamplingOptions(), leaveOutEnd));
    }

    [Fact]
    public void Sampled_LabelsCarryTheGreedyAnswers_AndTheSameCertainCategoriesAsExact()
    {
        var options = new SamplingOptions { Prompts = 3 };
        var relation = model.Relations.First();
        IReadOnlyList<LabelRow> Label(IEstimator estimator) => Annotator.Label(model.Decoder, model.Tokenizer, estimator, options,
            model.Questions(relation), model.World.Dataset.Of(relation, Slick.Facts.Split.Dev), seed: 3);
        var sampled = Label(new SampledEstimator(options, PromptFormat.QuestionAnswer));
        var exact = Label(new ExactEstimator(options, PromptFormat.QuestionAnswer));
        Assert.All(sampled, row => Assert.NotEmpty(row.GreedyAnswers));
        Assert.Equal(exact.Select(r => r.GreedyCorrect), sampled.Select(r => r.GreedyCorrect));
        Assert.All(sampled.Where(r => r.GreedyCorrect > 0), row => Assert.Contains(row.Answer, row.GreedyAnswers.Split(" | ")));
    }
}
