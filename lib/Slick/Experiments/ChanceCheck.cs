using MathNet.Numerics.Distributions;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>A labelled fact, and how often its gold answer comes out where nothing can be known.</summary>
public sealed record ChanceRow
{
    /// <summary>The fact's <see cref="Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>The relation's id.</summary>
    public required string Relation { get; init; }
    /// <summary>SliCK's category.</summary>
    public required Category Category { get; init; }
    /// <summary>The gold answer.</summary>
    public required string Answer { get; init; }
    /// <summary>Number of prompts whose greedy answer is right.</summary>
    public required int RightPrompts { get; init; }
    /// <summary>
    /// Probability that the greedy answer to a question about an invented subject is this gold answer: (h + 1/2) / (n + 1), where h of
    /// the n greedy answers are the gold answer.
    /// </summary>
    public required double Chance { get; init; }
    /// <summary>Probability of at least <see cref="RightPrompts"/> right answers among the prompts, if each were right with the
    /// probability <see cref="Chance"/>: the upper tail of a binomial distribution. Prompts share exemplars and so are not quite
    /// independent.</summary>
    public required double PValue { get; init; }
    /// <summary>Whether some greedy answer is right, and more of them than guessing explains: <see cref="PValue"/> below 0.05.</summary>
    public bool IsBeyondChance => RightPrompts > 0 && PValue < 0.05;
}

/// <summary>What a model guesses in one relation.</summary>
/// <param name="Relation">The relation's id.</param>
/// <param name="Answer">The commonest greedy answer to questions about invented subjects.</param>
/// <param name="Share">Its share of these answers, 0 to 1.</param>
public sealed record CommonestGuess(string Relation, string Answer, double Share);

/// <summary>
/// Asks whether a right answer can be a guess. Behind the prompts of SliCK the model is asked about subjects that do not exist
/// (<see cref="InventedSubjects"/>). A gold answer that comes out there as often as for its own fact says nothing about the fact. Ours;
/// taught in <c>notebooks/10-what-slick-cannot-see.ipynb</c>.
/// </summary>
public static class ChanceCheck
{
    /// <summary>Compares each labelled fact with the answers to questions about invented subjects, for a notebook.</summary>
    /// <param name="labelled">A model and its labels. Relations without a template are left out.</param>
    /// <param name="subjects">Number of invented subjects of a relation; each is asked behind every prompt.</param>
    /// <returns>A row for each labelled fact, and the commonest guess of each relation.</returns>
    /// <exception cref="SlickException">A relation has too few subjects to invent others.</exception>
    /// <exception cref="InterruptedException">The cell was interrupted.</exception>
    public static (IReadOnlyList<ChanceRow> Rows, IReadOnlyList<CommonestGuess> Guesses) Of(LabelledModel labelled, int subjects = 20) =>
        Host.Run((_, cancellation) => Of(labelled, subjects, cancellation));

    /// <summary>Compares each labelled fact with the answers to questions about invented subjects.</summary>
    /// <param name="labelled">A model and its labels. Relations without a template are left out.</param>
    /// <param name="subjects">Number of invented subjects of a relation; each is asked behind every prompt.</param>
    /// <param name="cancellation">Stops between passes.</param>
    /// <returns>A row for each labelled fact, and the commonest guess of each relation.</returns>
    /// <exception cref="SlickException">A relation has too few subjects to invent others.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static (IReadOnlyList<ChanceRow> Rows, IReadOnlyList<CommonestGuess> Guesses) Of(LabelledModel labelled, int subjects,
        CancellationToken cancellation)
    {
        var (model, options) = (labelled.Model, labelled.Options);
        var taken = model.Dataset.Facts.Select(f => f.Subject).ToHashSet(StringComparer.Ordinal);
        var templates = model.Dataset.Relations.Where(r => r.Template.Length > 0).ToDictionary(r => r.Id, r => r.Template);
        using var decoder = new Decoder(model.Weights);
        var (rows, guesses) = (new List<ChanceRow>(), new List<CommonestGuess>());
        foreach (var of in labelled.Labels.GroupBy(l => l.Relation).Where(g => templates.ContainsKey(g.Key)))
        {
            var invented = InventedSubjects.Of([.. model.Dataset.Facts.Where(f => f.Relation == of.Key)], taken, subjects,
                Seeds.Mix(model.Seed, of.Key));
            Fact[] questions = [.. invented.Select((subject, i) => new Fact
            {
                Id = i, Relation = of.Key, Split = Split.Test, Subject = subject, Answer = "",
                Question = templates[of.Key].Replace("[X]", subject, StringComparison.Ordinal),
            })];
            var answers = Answers(labelled, decoder, questions, cancellation);
            var commonest = answers.CountBy(a => a).OrderByDescending(a => a.Value).ThenBy(a => a.Key, StringComparer.Ordinal).First();
            guesses.Add(new(of.Key, commonest.Key, commonest.Value / (double)answers.Count));
            rows.AddRange(of.Select(label =>
            {
                var hits = answers.Count(a => ExactMatch.IsCorrect(a, label.Answer, options.Normaliser));
                var chance = (hits + 0.5) / (answers.Count + 1);
                var right = (int)Math.Round(label.GreedyCorrect * options.Sampling.Prompts);
                return new ChanceRow
                {
                    FactId = label.FactId, Relation = label.Relation, Category = label.Category, Answer = label.Answer,
                    RightPrompts = right, Chance = chance,
                    PValue = right == 0 ? 1 : 1 - Binomial.CDF(chance, options.Sampling.Prompts, right - 1),
                };
            }));
        }
        return (rows, guesses);
    }

    /// <summary>The file of the labelled facts in a published folder.</summary>
    public const string RowsFile = "chance.parquet";
    private const string GuessesFile = "guesses.parquet";

    /// <summary>Writes the results as two tables, <c>chance.parquet</c> and <c>guesses.parquet</c>.</summary>
    /// <param name="rows">The labelled facts.</param>
    /// <param name="guesses">The commonest guess of each relation.</param>
    /// <param name="folder">Where to.</param>
    /// <exception cref="SlickException">The folder cannot be written.</exception>
    public static void Write(IReadOnlyList<ChanceRow> rows, IReadOnlyList<CommonestGuess> guesses, string folder)
    {
        Tables.Write(Path.Combine(folder, RowsFile), rows);
        Tables.Write(Path.Combine(folder, GuessesFile), guesses);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="SlickException">A table is missing or damaged.</exception>
    public static (IReadOnlyList<ChanceRow> Rows, IReadOnlyList<CommonestGuess> Guesses) Read(string folder) =>
        (Tables.Read<ChanceRow>(Path.Combine(folder, RowsFile)), Tables.Read<CommonestGuess>(Path.Combine(folder, GuessesFile)));

    private static List<string> Answers(LabelledModel labelled, Decoder decoder, IReadOnlyList<Fact> questions,
        CancellationToken cancellation)
    {
        var (model, options) = (labelled.Model, labelled.Options.Sampling);
        var memory = new PassMemory(PassBounds.On(decoder.Device));
        var relation = questions[0].Relation;
        var prompts = Annotator.Exemplars(model.Dataset.Of(relation, Split.Dev), options, relation, model.Seed);
        using var batches = new PromptBatches(decoder, PromptTokens.Of(decoder.Config, model.Tokenizer,
            [.. prompts.Select(exemplars => new FewShotPrompt(PromptFormat.QuestionAnswer, exemplars))], questions, forDrawing: true),
            memory);
        return [.. new AnswerTree(decoder, model.Tokenizer, options.GreedyAlone()) { Memory = memory }
            .Draw(batches.Prompts, [.. prompts.Select(_ => 0)], cancellation).SelectMany(of => of.Select(a => a.Greedy))];
    }
}
