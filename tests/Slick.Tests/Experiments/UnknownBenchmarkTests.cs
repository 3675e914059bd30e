using Slick.Analysis;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;

namespace Slick.Tests.Experiments;

public sealed class UnknownBenchmarkTests
{
    [Fact]
    public void AllPrompts_GiveTheLabelsOfTheStudy()
    {
        var study = SmokeStudy.Result;
        var known = Study.OpenModel("smoke", "cpu", SmokeStudy.Store);
        using var model = known.Model;
        var asked = UnknownBenchmark.Ask(study, model, [], Progress.None, TestContext.Current.CancellationToken);
        Assert.Empty(asked.PTrue); // a lab's model has no word for true
        var trained = study.Bases[0].Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet();
        var labels = study.Bases[0].Labels.Where(l => l.Split == Split.Test && trained.Contains(l.Relation)).ToDictionary(l => l.FactId);
        Assert.Equal(labels.Keys.Order(), asked.Prompts.Select(p => p.FactId).Distinct().Order());
        foreach (var question in asked.Prompts.GroupBy(p => p.FactId))
        {
            Assert.Equal(labels[question.Key].GreedyCorrect, question.Average(p => p.GreedyCorrect ? 1.0 : 0), 9);
            Assert.Equal(labels[question.Key].SampledCorrect, question.Average(p => p.Probability), 1e-5);
        }
        // SliCK with all prompts calls Unknown what the labels call so.
        var table = UnknownFigure.Table(study, asked);
        var all = table.Rows.Last(r => r[0] == "SliCK");
        Assert.Equal((100.0 * labels.Values.Count(l => l.Category == Category.Unknown) / labels.Count).ToString("F1",
            System.Globalization.CultureInfo.InvariantCulture), all[2]);
        Assert.Contains(table.Rows, r => r[0] == "the truth");
        Assert.Equal("figure-5", UnknownFigure.Make(study, asked).Id);
        var one = UnknownBenchmark.Ask(study, model, [trained.First()], Progress.None, TestContext.Current.CancellationToken);
        Assert.Equal(asked.Prompts.Where(p => labels[p.FactId].Relation == trained.First()).Select(p => (p.FactId, p.GreedyCorrect)),
            one.Prompts.Select(p => (p.FactId, p.GreedyCorrect)));
        Assert.Contains("another one in the dataset", Assert.Throws<SlickException>(() => UnknownBenchmark.Ask(study with
        {
            Bases = [study.Bases[0] with { Labels = [.. study.Bases[0].Labels.Select(l => l with { Answer = l.Answer + "x" })] }],
        }, model, [], Progress.None, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PTrue_IsTheProbabilityOfAOfBothAnswers()
    {
        var (weights, tokenizer) = Checkpoint.Open(Shared.Require("reference/gemma3-270m-entityquestions"), Compute.Choose("cpu"));
        using (weights)
        {
            using var decoder = new Decoder(weights);
            Fact[] facts = [.. new[] { "Paris", "Rome, Italy" }.Select((s, i) => new Fact { Id = i, Relation = "r", Split = Split.Test,
                Subject = s, Question = $"Where is {s} located?", Answer = "France" })];
            Assert.Equal("Question: Where is Paris located?\nProposed Answer: France\nIs the proposed answer:\n(A) True\n(B) False\n"
                + "The proposed answer is:", UnknownBenchmark.TruePrompt(facts[0]));
            var found = UnknownBenchmark.AskTrue(decoder, tokenizer, facts, new PassMemory(PassBounds.Default),
                TestContext.Current.CancellationToken);
            Assert.All(found, p => Assert.InRange(p, 1e-6, 1 - 1e-6));
            // The same by hand: products of the probabilities of the tokens that the answer adds.
            double Of(Fact fact, string answer)
            {
                var prompt = UnknownBenchmark.TruePrompt(fact);
                var (alone, whole) = (tokenizer.EncodePrompt(prompt), tokenizer.EncodePrompt($"{prompt} {answer}"));
                Assert.Equal(alone, whole[..alone.Length]);
                return Enumerable.Range(alone.Length, whole.Length - alone.Length).Aggregate(1.0, (product, i) =>
                {
                    var logits = decoder.NextTokenLogits(whole[..i]);
                    return product * Math.Exp(logits[whole[i]] - logits.Max()) / logits.Sum(l => Math.Exp(l - logits.Max()));
                });
            }
            foreach (var (fact, p) in facts.Zip(found)) Assert.Equal(Of(fact, "(A)") / (Of(fact, "(A)") + Of(fact, "(B)")), p, 1e-5);
        }
    }
}
