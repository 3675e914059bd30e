using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Sampling;
using Slick.Text;
using TorchSharp;

namespace Slick.Tests.Knowledge;

/// <summary>
/// Sampled counts against Exact's probabilities: with (count - n p) / sqrt(n p (1 - p)) over questions and prompts, the
/// mean is 0 and the standard deviation 1 where p is the probability of a right sample.
/// </summary>
public sealed class EstimatorAgreementTests(SmallModel model) : IClassFixture<SmallModel>
{
    private sealed record Agreement(int Cases, double Mean, double Deviation)
    {
        public bool Holds => Cases >= 1000 && Math.Abs(Mean) <= 0.1 && Deviation is >= 0.9 and <= 1.1;
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
            var seed = 0;
            foreach (var exemplars in model.Prompts(relation, drawn))
            {
                var estimates = sampled.Estimate(model.Decoder, model.Tokenizer, exemplars, questions, seed++, CancellationToken.None);
                using var batch = new PromptBatch(model.Decoder, model.Tokenizer, PromptFormat.QuestionAnswer, exemplars, questions);
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
    public void SampledCounts_AreDrawnFromExactsProbabilities()
    {
        var agreement = Compare(model, new SamplingOptions(), new SamplingOptions());
        Assert.True(agreement.Holds, agreement.ToString());
    }

    [Fact]
    public void WithTopK3_SampledCounts_AreDrawnFromExactsProbabilities()
    {
        var options = new SamplingOptions { TopK = 3 };
        var agreement = Compare(model, options, options);
        Assert.True(agreement.Holds, agreement.ToString());
    }

    [Fact]
    public void ExactWithoutTopK_DisagreesWithDrawsFromThree()
    {
        var agreement = Compare(model, new SamplingOptions { TopK = 3 }, new SamplingOptions { TopK = model.Tokenizer.VocabularySize });
        Assert.False(agreement.Holds, agreement.ToString());
    }

    [Fact]
    public void ExactWithoutTheLineEnd_DisagreesOnABarelyTrainedModel()
    {
        using var barely = new SmallModel(epochs: 1);
        var right = Compare(barely, new SamplingOptions(), new SamplingOptions());
        var wrong = Compare(barely, new SamplingOptions(), new SamplingOptions(), leaveOutEnd: true);
        Assert.True(right.Holds, right.ToString());
        Assert.False(wrong.Holds, wrong.ToString());
    }
}
