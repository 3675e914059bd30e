using System.Diagnostics;
using System.Globalization;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>Forecasts how long an annotation will take. A few of its questions are timed.</summary>
internal static class AnnotationForecast
{
    /// <summary>The forecast as one sentence.</summary>
    /// <param name="parts">The relations that are not finished, at least one. Work that an interrupted run left in a relation is not
    /// subtracted.</param>
    /// <param name="weights">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="estimator">The estimator of P_Correct.</param>
    /// <param name="options">Which questions are asked, and how.</param>
    /// <param name="bounds">Bounds on a pass.</param>
    /// <param name="sideBySide">Number of relations that are worked on at once.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>The sentence.</returns>
    public static string Of(IReadOnlyList<Annotation.Part> parts, DecoderWeights weights, ITokenizer tokenizer, IEstimator estimator,
        AnnotationOptions options, PassBounds bounds, int sideBySide, CancellationToken cancellation)
    {
        var measured = LabelSpeed.Measure(parts[0].Asked, weights, tokenizer, estimator, options.Sampling, options.Seed,
            bounds, cancellation);
        var minutes = parts.Sum(p => measured.Seconds(p.Asked)) / Math.Min(sideBySide, parts.Count) / 60;
        var questions = parts.Sum(p => p.Questions.Count);
        return string.Create(CultureInfo.InvariantCulture,
            $"Forecast: {(minutes < 1 ? "under a minute" : minutes < 90 ? $"about {minutes:F0} min" : $"about {minutes / 60:F1} h")} "
                + $"({questions:N0} questions of {parts.Count} relation{(parts.Count == 1 ? "" : "s")}, {options.Sampling.Prompts} "
                + $"prompts each); what is finished is kept, so it can be interrupted.");
    }
}

/// <summary>The measured speed of labelling: the time of a prompt alone, and the time of each token that a question adds to it.</summary>
/// <param name="PromptSeconds">Seconds of a prompt with one question.</param>
/// <param name="TokenSeconds">Seconds of each further token.</param>
/// <param name="Prompts">Number of prompts of each relation.</param>
/// <param name="Tokenizer">The tokenizer.</param>
internal sealed record LabelSpeed(double PromptSeconds, double TokenSeconds, int Prompts, ITokenizer Tokenizer)
{
    // Floating-point operations of the questions that are timed, about as many as a batch has: four seconds at 100 GFLOP/s.
    private const double Flop = 4e11;

    /// <summary>Seconds to label the questions of a relation.</summary>
    public double Seconds(AskedQuestions asked) =>
        Prompts * (PromptSeconds + TokenSeconds * asked.Questions.Sum(q => (double)Tokens(Tokenizer, q)));

    /// <summary>Measures the speed. Times some prompts with one question, then with some questions of medium length.</summary>
    public static LabelSpeed Measure(AskedQuestions asked, DecoderWeights weights, ITokenizer tokenizer, IEstimator estimator,
        SamplingOptions sampling, int seed, PassBounds bounds, CancellationToken cancellation)
    {
        using var decoder = new Decoder(weights);
        var source = new LocalModel(decoder, tokenizer) { Memory = new(bounds) };
        EstimatedPrompt[] prompts = [.. Annotator.Exemplars(asked.Dev, sampling, asked.Questions[0].Relation, seed).Take(4)
            .Select(exemplars => new EstimatedPrompt(exemplars, seed))];
        var each = prompts.Length * Math.Max(1, asked.Questions.Average(q => (double)Tokens(tokenizer, q))) * decoder.Config.FlopsPerToken;
        var few = asked.Questions.OrderBy(q => q.Question.Length).Skip(asked.Questions.Count / 4)
            .Take((int)Math.Clamp(Flop / each, 2, 256)).ToList();

        // The faster of two passes counts. The first pass of a process is slow, and so is a pass beside other work.
        double Seconds(IReadOnlyList<Fact> questions)
        {
            var fastest = double.PositiveInfinity;
            for (var i = 0; i < 2 && (i == 0 || fastest < 5); i++)
            {
                Compute.Finish(decoder.Device);
                var clock = Stopwatch.StartNew();
                PromptEstimate?[][] estimates = [.. prompts.Select(_ => new PromptEstimate?[questions.Count])];
                estimator.Estimate(source, prompts, questions, estimates, null, cancellation);
                Compute.Finish(decoder.Device);
                fastest = Math.Min(fastest, clock.Elapsed.TotalSeconds);
            }
            return fastest;
        }
        var one = Seconds([few[0]]);
        var tokens = prompts.Length * few.Skip(1).Sum(q => (double)Tokens(tokenizer, q));
        return new(one / prompts.Length, Math.Max(0, Seconds(few) - one) / Math.Max(1, tokens), sampling.Prompts, tokenizer);
    }

    private static int Tokens(ITokenizer tokenizer, Fact fact) =>
        tokenizer.Encode($" {fact.Subject} {fact.Answer}", addSpecialTokens: false).Length;
}
