using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>Questions as <see cref="MachineForecast"/> counts them: how many there are, and how many tokens they have.</summary>
public sealed class ForecastQuestions
{
    // Questions of a relation that are cut into tokens.
    private const int Cut = 64;

    // EntityQuestions, train, the 12 relations, 4 exemplars a prompt, by the tokenizer of Gemma 3 (cut to 32,768 tokens), 100 questions
    // of each relation and ten prompts: means by the relations' sizes. An exemplar has 18 of the shared tokens.
    private const double SharedTokens = 77.4, ExemplarTokens = 18, OwnTokens = 9.3, GoldTokens = 2.7;

    // Examples in the form of the instruction have 14.5 to 16.7 tokens and 2.5 to 5 taught ones; the longest of a batch 32 together.
    private static readonly (int Prompt, int Taught)[] SomeExamples = [.. Enumerable.Repeat((15, 4), 63), (22, 11)];

    /// <summary>The questions of each relation.</summary>
    public required IReadOnlyList<RelationTokens> Relations { get; init; }

    /// <summary>Where the numbers of tokens come from.</summary>
    public required string Tokens { get; init; }

    /// <summary>Tokens of some examples of fine-tuning, of their prompts and of what is taught.</summary>
    internal IReadOnlyList<(int Prompt, int Taught)> Examples { get; init; } = SomeExamples;

    /// <summary>Number of questions.</summary>
    public int Count => Relations.Sum(r => r.Questions);

    /// <summary>Questions of which only their number is known. A tokenizer is assumed.</summary>
    /// <param name="questions">Number of train questions by relation.</param>
    /// <param name="most">Most questions of a relation; null for all.</param>
    /// <param name="sampling">SliCK's protocol.</param>
    public static ForecastQuestions Assumed(IReadOnlyDictionary<string, int> questions, int? most, SamplingOptions sampling) => new()
    {
        Relations = [.. questions.Select(q => new RelationTokens(q.Key, Math.Min(q.Value, most ?? int.MaxValue),
            SharedTokens + ExemplarTokens * (sampling.Shots - 4), OwnTokens, GoldTokens))],
        Tokens = "assumed, as Gemma 3's tokenizer cuts EntityQuestions",
    };

    /// <summary>The train questions of a dataset. Some of each relation are cut into tokens, behind its own prompts.</summary>
    /// <param name="dataset">The dataset.</param>
    /// <param name="most">Most questions of a relation; null for all.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="sampling">SliCK's protocol.</param>
    /// <param name="seed">Seed of the exemplars.</param>
    /// <exception cref="SlickException">A relation has too few dev facts, or a question does not fit the model.</exception>
    public static ForecastQuestions Of(Dataset dataset, int? most, DecoderConfig config, ITokenizer tokenizer, SamplingOptions sampling,
        int seed)
    {
        var (relations, examples) = (new List<RelationTokens>(), new List<(int, int)>());
        foreach (var relation in dataset.Relations.Where(r => r.InDistribution))
        {
            var questions = dataset.Of(relation.Id, Split.Train);
            if (questions.Count == 0) continue;
            var step = Math.Max(1, questions.Count / Cut);
            List<Fact> some = [.. questions.Where((_, i) => i % step == 0).Take(Cut)];
            var prompts = Annotator.Exemplars(dataset.Of(relation.Id, Split.Dev), sampling, relation.Id, seed)
                .Select(e => new PromptTokens(config, tokenizer, PromptFormat.QuestionAnswer, e, some)).ToList();
            var rows = prompts.SelectMany(p => p.Questions).ToList();
            relations.Add(new(relation.Id, Math.Min(questions.Count, most ?? int.MaxValue), prompts.Average(p => p.Shared.Count),
                rows.Average(r => r.Own.Length), rows.Average(r => r.Gold.Length)));
            examples.AddRange(Example.Of(some, PromptFormat.Instruction).Select(e => TaughtExample.Of(config, tokenizer, e))
                .Select(e => (e.Prompt.Length, e.Taught.Length)));
        }
        return new() { Relations = relations, Tokens = "counted with its tokenizer", Examples = examples };
    }
}
