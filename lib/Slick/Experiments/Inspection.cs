using System.Globalization;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>A model's answers to one question behind one prompt.</summary>
public sealed record PromptAnswersRow
{
    /// <summary>Number of the prompt, from 1.</summary>
    public required int Prompt { get; init; }
    /// <summary>The greedy answer (T = 0).</summary>
    public required string Greedy { get; init; }
    /// <summary>Whether the greedy answer is the gold answer.</summary>
    public required bool GreedyCorrect { get; init; }
    /// <summary>The most frequent answers drawn at T &gt; 0, at most four, each with its number of draws.</summary>
    public required string Sampled { get; init; }
    /// <summary>Share of the drawn answers that are right, 0 to 1.</summary>
    public required double SampledCorrect { get; init; }
    /// <summary>The exact probability that one drawn answer is right, 0 to 1 (Exact).</summary>
    public required double Probability { get; init; }
}

/// <summary>A fact with the model's answers: a row of the paper's Figure 2.</summary>
public sealed record ExampleRow
{
    /// <summary>The fact's category.</summary>
    public required Category Category { get; init; }
    /// <summary>The fact's relation.</summary>
    public required string Relation { get; init; }
    /// <summary>The question.</summary>
    public required string Question { get; init; }
    /// <summary>The gold answer.</summary>
    public required string Gold { get; init; }
    /// <summary>The most frequent greedy answers over all prompts, at most four, each with its number of prompts.</summary>
    public required string Greedy { get; init; }
    /// <summary>The most frequent drawn answers over all prompts, at most four, each with its number of draws.</summary>
    public required string Sampled { get; init; }
    /// <summary>Lab only: how often pre-training states the gold answer; -1 where that is not known.</summary>
    public int GoldExposures { get; init; } = -1;
    /// <summary>Lab only: how often pre-training states the rival answer; -1 where that is not known.</summary>
    public int RivalExposures { get; init; } = -1;
}

/// <summary>
/// Shows SliCK fact by fact: the prompts and the model's answers. Taught in <c>notebooks/01-what-does-a-model-know.ipynb</c>.
/// </summary>
public static class Inspection
{
    /// <summary>
    /// The exemplars of each of a relation's prompts, in order (paper, appendix C). All questions of the relation are asked behind these
    /// prompts.
    /// </summary>
    /// <param name="labelled">A base model and its labels.</param>
    /// <param name="relation">The relation's id.</param>
    /// <returns>The dev facts of each prompt: [prompts][shots].</returns>
    /// <exception cref="SlickException">There is no such relation, or it has too few dev facts.</exception>
    public static IReadOnlyList<IReadOnlyList<Fact>> Exemplars(LabelledModel labelled, string relation) =>
        Annotator.Exemplars(labelled.Model.Dataset.Of(relation, Split.Dev), labelled.Options.Sampling, relation, labelled.Model.Seed);

    /// <summary>The text of a prompt, as the model sees it.</summary>
    /// <param name="labelled">A base model and its labels.</param>
    /// <param name="factId">Id of the question's fact.</param>
    /// <param name="prompt">Number of the prompt, from 1.</param>
    /// <exception cref="SlickException">There is no such fact or prompt.</exception>
    public static string PromptText(LabelledModel labelled, int factId, int prompt = 1)
    {
        var fact = Fact(labelled, factId);
        var prompts = Exemplars(labelled, fact.Relation);
        if (prompt < 1 || prompt > prompts.Count) throw new SlickException(
            $"There is no prompt {prompt}; they are numbered 1 to {prompts.Count}.");
        return new FewShotPrompt(PromptFormat.QuestionAnswer, prompts[prompt - 1]).Text(fact);
    }

    /// <summary>Asks the model one question behind each prompt: the greedy answer, drawn answers, and the probability of the gold
    /// answer.</summary>
    /// <param name="labelled">A base model and its labels.</param>
    /// <param name="factId">Id of the question's fact.</param>
    /// <exception cref="SlickException">There is no such fact.</exception>
    public static IReadOnlyList<PromptAnswersRow> Answers(LabelledModel labelled, int factId)
    {
        var fact = Fact(labelled, factId);
        var (options, model) = (labelled.Options.Sampling, labelled.Model);
        using var decoder = new Decoder(model.Weights);
        var exact = new ExactEstimator(options, PromptFormat.QuestionAnswer);
        var prompts = Exemplars(labelled, fact.Relation);
        return [.. Drawn(labelled, decoder, [fact])[0].Select((drawn, j) => new PromptAnswersRow
        {
            Prompt = j + 1,
            Greedy = drawn.Greedy,
            GreedyCorrect = ExactMatch.IsCorrect(drawn.Greedy, fact.Answer, labelled.Options.Normaliser),
            Sampled = Counts(drawn.Sampled),
            SampledCorrect = drawn.Sampled.Where(a => ExactMatch.IsCorrect(a.Answer, fact.Answer, labelled.Options.Normaliser))
                .Sum(a => a.Count) / (double)options.Samples,
            Probability = Host.Run((_, cancellation) => exact.Estimate(decoder, model.Tokenizer, prompts[j], [fact], 0, cancellation))[0]
                .SampledCorrect,
        })];
    }

    /// <summary>The paper's Figure 2: facts of each category with the model's answers.</summary>
    /// <param name="labelled">A base model and its labels.</param>
    /// <param name="perCategory">Number of facts of each category, at most. Each is of another relation.</param>
    /// <param name="progress">Told each relation; null for <see cref="Host.Progress"/>.</param>
    public static IReadOnlyList<ExampleRow> Examples(LabelledModel labelled, int perCategory = 3, IProgressReport? progress = null)
    {
        using var decoder = new Decoder(labelled.Model.Weights);
        // Test questions, where some have labels. A model that we did not make may have labels of train questions only.
        var test = labelled.Labels.Where(l => l.Split == Split.Test).ToList();
        var labels = test.Count > 0 ? test : labelled.Labels;
        // The first fact of each relation, in the relations' order.
        var chosen = Enum.GetValues<Category>()
            .SelectMany(c => labels.Where(l => l.Category == c).GroupBy(l => l.Relation).Select(g => g.First()).Take(perCategory)).ToList();
        var answers = new Dictionary<int, List<DrawnAnswers>>();
        foreach (var relation in chosen.GroupBy(l => l.Relation))
        {
            (progress ?? Host.Progress).Report("answers to examples", answers.Count, chosen.Count, relation.Key);
            Fact[] facts = [.. relation.Select(l => Fact(labelled, l.FactId))];
            foreach (var (label, drawn) in relation.Zip(Drawn(labelled, decoder, facts))) answers[label.FactId] = drawn;
        }
        var exposures = labelled.Model.Exposures.ToDictionary(e => e.FactId);
        return [.. chosen.Select(label => new ExampleRow
        {
            Category = label.Category,
            Relation = label.Relation,
            Question = label.Question,
            Gold = label.Answer,
            Greedy = Counts(answers[label.FactId].Select(d => (d.Greedy, 1))),
            Sampled = Counts(answers[label.FactId].SelectMany(d => d.Sampled)),
            GoldExposures = exposures.GetValueOrDefault(label.FactId)?.GoldExposures ?? -1,
            RivalExposures = exposures.GetValueOrDefault(label.FactId)?.RivalExposures ?? -1,
        })];
    }

    private static Fact Fact(LabelledModel labelled, int id)
    {
        var facts = labelled.Model.Dataset.Facts;
        return id >= 0 && id < facts.Count ? facts[id]
            : throw new SlickException($"There is no fact {id}; they are numbered 0 to {facts.Count - 1}.");
    }

    // The answers to facts of one relation, [facts][prompts]. Where Sampled made the labels, these are the draws that it counted.
    private static List<List<DrawnAnswers>> Drawn(LabelledModel labelled, Decoder decoder, IReadOnlyList<Fact> facts)
    {
        var memory = new PassMemory(PassBounds.On(decoder.Device));
        var tree = new AnswerTree(decoder, labelled.Model.Tokenizer, labelled.Options.Sampling) { Memory = memory };
        var model = labelled.Model;
        var exemplars = Exemplars(labelled, facts[0].Relation);
        int[] seeds = [.. exemplars.Select((_, j) => Annotator.DrawSeed(model.Seed, facts[0].Relation, j))];
        using var batches = new PromptBatches(decoder, PromptTokens.Of(decoder.Config, model.Tokenizer,
            [.. exemplars.Select(e => new FewShotPrompt(PromptFormat.QuestionAnswer, e))], facts, forDrawing: true), memory);
        var byPrompt = Host.Run((_, cancellation) => tree.Draw(batches.Prompts, seeds, cancellation));
        return [.. facts.Select((_, i) => byPrompt.Select(prompt => prompt[i]).ToList())];
    }

    private static string Counts(IEnumerable<(string Answer, int Count)> answers)
    {
        var sums = answers.GroupBy(a => a.Answer).Select(g => (Answer: g.Key, Count: g.Sum(a => a.Count))).OrderByDescending(a => a.Count)
            .ThenBy(a => a.Answer, StringComparer.Ordinal).ToList();
        var shown = string.Join(", ", sums.Take(4).Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Answer} ({a.Count})")));
        return sums.Count > 4 ? $"{shown}, and {sums.Count - 4} {(sums.Count == 5 ? "other" : "others")}" : shown;
    }
}
