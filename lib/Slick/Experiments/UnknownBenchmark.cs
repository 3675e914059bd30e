using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>A test question behind one of SliCK's prompts. A row of the table <c>prompts</c>.</summary>
public sealed record PromptedRow
{
    /// <summary>The question's <see cref="Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>Number of the prompt, from 1.</summary>
    public required int Prompt { get; init; }
    /// <summary>Whether the greedy answer is right.</summary>
    public required bool GreedyCorrect { get; init; }
    /// <summary>The probability that one drawn answer is right (Exact).</summary>
    public required double Probability { get; init; }
}

/// <summary>What a model says of the gold answer of a test question when it is asked whether it is true. A row of the table
/// <c>p-true</c>.</summary>
public sealed record PTrueRow
{
    /// <summary>The question's <see cref="Fact.Id"/>.</summary>
    public required int FactId { get; init; }
    /// <summary>P(True): the probability of (A) True, of the two answers (A) True and (B) False.</summary>
    public required double Probability { get; init; }
}

/// <summary>
/// What Figure 5 of the paper is made from: each test question of a study behind each prompt of the labels apart, and P(True) of its gold
/// answer (Kadavath et al. 2022; the prompt of the paper's appendix J).
/// </summary>
/// <param name="Prompts">The questions behind each prompt.</param>
/// <param name="PTrue">P(True) of the questions; empty for a lab, whose model has no word for true.</param>
public sealed record UnknownBenchmark(IReadOnlyList<PromptedRow> Prompts, IReadOnlyList<PTrueRow> PTrue)
{
    private const string PromptsFile = "prompts.parquet", PTrueFile = "p-true.parquet";

    // Of the labels, the least that the model must give again. Another machine may round otherwise.
    private const double LeastAgreement = 0.95;

    /// <summary>Asks the base model the test questions in distribution that the study's runs were asked.</summary>
    /// <param name="study">The study; its labels must be by Exact.</param>
    /// <param name="model">The study's first base model, with the facts of the study.</param>
    /// <param name="relations">The relations that are asked; none for all.</param>
    /// <param name="progress">Told each relation.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="SlickException">The study's labels are drawn, or the model or the facts are not the study's.</exception>
    public static UnknownBenchmark Ask(StudyResult study, BaseModel model, IReadOnlyCollection<string> relations, IProgressReport progress,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(study);
        if (study.Options.Estimator != EstimatorKind.Exact) throw new SlickException(
            "The study's labels are drawn answers, of which single prompts were not kept; Figure 5 needs labels by Exact.");
        var of = study.Bases[0];
        var runs = study.Runs.Where(r => r.BaseSeed == of.Seed).Select(r => r.Run).ToHashSet(StringComparer.Ordinal);
        var asked = study.Answers.Where(a => runs.Contains(a.Run)).Select(a => a.FactId).ToHashSet();
        var trained = of.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        var groups = of.Labels.Where(l => l.Split == Split.Test && asked.Contains(l.FactId) && trained.Contains(l.Relation)
            && (relations.Count == 0 || relations.Contains(l.Relation))).GroupBy(l => l.Relation).ToList();
        if (groups.Count == 0) throw new SlickException("No test question of these relations was asked.");
        var (prompts, pTrue, same, all) = (new List<PromptedRow>(), new List<PTrueRow>(), 0, 0);
        using var decoder = new Decoder(model.Weights);
        var memory = new PassMemory(PassBounds.On(decoder.Device));
        var (sampling, source) = (study.Options.Sampling, new LocalModel(decoder, model.Tokenizer) { Memory = memory });
        foreach (var (number, group) in groups.Index())
        {
            progress.Report("Figure 5", number, groups.Count, group.Key);
            Fact[] questions = [.. group.Select(l => l.FactId < model.Dataset.Facts.Count && model.Dataset.Facts[l.FactId] is var fact
                && fact.Relation == l.Relation && fact.Answer == l.Answer ? fact : throw new SlickException($"The study's test question "
                    + $"{l.FactId} ({l.Relation}, {l.Answer}) is another one in the dataset; give the study's data."))];
            var estimates = Annotator.Estimates(questions, sampling);
            new ExactEstimator(sampling, PromptFormat.QuestionAnswer).Estimate(source, [.. Annotator.Exemplars(
                model.Dataset.Of(group.Key, Split.Dev), sampling, group.Key, of.Seed).Select(e => new EstimatedPrompt(e, 0))], questions,
                estimates, null, cancellation);
            prompts.AddRange(from i in Enumerable.Range(0, questions.Length)
                             from j in Enumerable.Range(0, estimates.Length)
                             let estimate = estimates[j][i]!.Value
                             select new PromptedRow { FactId = questions[i].Id, Prompt = j + 1, GreedyCorrect = estimate.GreedyCorrect,
                                 Probability = estimate.SampledCorrect });
            same += group.Index().Count(l => Math.Abs(l.Item.GreedyCorrect
                - estimates.Count(e => e[l.Index]!.Value.GreedyCorrect) / (double)estimates.Length) < 1e-9);
            all += questions.Length;
            if (!study.IsLab) pTrue.AddRange(questions.Zip(AskTrue(decoder, model.Tokenizer, questions, memory, cancellation),
                (f, p) => new PTrueRow { FactId = f.Id, Probability = p }));
        }
        return same >= LeastAgreement * all ? new(prompts, pTrue) : throw new SlickException(
            $"Of {all} test questions the model gives {same} the P_Correct(T=0) of the study's labels; it is not the study's model.");
    }

    /// <summary>The prompt of P(True) (appendix J) for a question and its gold answer.</summary>
    /// <param name="fact">The fact.</param>
    internal static string TruePrompt(Fact fact) => $"Question: {fact.Question}\nProposed Answer: {fact.Answer}\nIs the proposed answer:\n"
        + "(A) True\n(B) False\nThe proposed answer is:";

    /// <summary>P(True) of each fact's gold answer, in order.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="facts">The facts.</param>
    /// <param name="memory">The memory of a pass.</param>
    /// <param name="cancellation">Stops between batches.</param>
    internal static double[] AskTrue(Decoder decoder, ITokenizer tokenizer, IReadOnlyList<Fact> facts, PassMemory memory,
        CancellationToken cancellation)
    {
        double[] Of(string answer)
        {
            using var batches = new PromptBatches(decoder, [new PromptTokens(decoder.Config, tokenizer,
                [.. facts.Select(f => new Example(f, TruePrompt(f), answer))])], memory);
            // What follows (A) does not matter.
            using var scorer = new AnswerScorer(decoder, tokenizer, SamplingOptions.OfTheModel) { Memory = memory, LeaveOutEnd = true };
            var found = new double[facts.Count];
            foreach (var (rows, values) in scorer.ScoreEach(batches.Rows, batches.Caches, _ => false, cancellation))
                foreach (var (i, row) in rows.Index()) found[row.Question.Index] = values[rows.Length + i];
            return found;
        }
        return [.. Of("(A)").Zip(Of("(B)"), (a, b) => a / (a + b))];
    }

    /// <summary>Writes <c>prompts.parquet</c> and, for a model that was asked, <c>p-true.parquet</c>.</summary>
    /// <param name="folder">The folder of the published study.</param>
    /// <exception cref="SlickException">The folder cannot be written.</exception>
    public void Write(string folder)
    {
        Tables.Write(Path.Combine(folder, PromptsFile), Prompts);
        if (PTrue.Count > 0) Tables.Write(Path.Combine(folder, PTrueFile), PTrue);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <param name="folder">The folder of the published study.</param>
    /// <exception cref="SlickException">A file is missing or damaged.</exception>
    public static UnknownBenchmark Read(string folder) => new(Tables.Read<PromptedRow>(Path.Combine(folder, PromptsFile)),
        File.Exists(Path.Combine(folder, PTrueFile)) ? Tables.Read<PTrueRow>(Path.Combine(folder, PTrueFile)) : []);
}
