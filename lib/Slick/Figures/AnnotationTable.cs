using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Paper;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>The paper's Tables 3 (train), 4 (test) and 5 (test, out of distribution) for any model. Taught in
/// <c>notebooks/06-a-real-model.ipynb</c>.</summary>
public static class AnnotationTable
{
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    /// <summary>The paper's counts for these questions, by relation. Empty for dev questions and for questions that are not
    /// EntityQuestions: the paper has no counts of these.</summary>
    internal static IReadOnlyDictionary<string, IReadOnlyList<int>> PaperCounts(AnnotationResult result) =>
        result.Source != AnnotationResult.EntityQuestions ? new Dictionary<string, IReadOnlyList<int>>() : result.Options.Split switch
        {
            Split.Train => PaperStudy.Train,
            Split.Test => PaperStudy.Test.Concat(PaperStudy.OodTest).ToDictionary(),
            _ => new Dictionary<string, IReadOnlyList<int>>(),
        };

    /// <summary>
    /// The table of counts: for each relation, and for all relations together, how many questions are in each category, and their shares.
    /// The paper's shares of PaLM 2-M stand beside them (there are none for dev). Shares have Wilson intervals over questions.
    /// </summary>
    /// <param name="result">The labels, and how they were made.</param>
    public static TableView Make(AnnotationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var paper = PaperCounts(result);
        var hasTemplates = result.Source is AnnotationResult.EntityQuestions or AnnotationResult.Lab;
        List<int> Counts(IEnumerable<LabelRow> of) => [.. Categories.Select(c => of.Count(l => l.Category == c))];
        List<string> Row(string name, List<int> counts, IReadOnlyList<int>? paperCounts)
        {
            var all = counts.Sum();
            return [name, hasTemplates ? Question(name) : "", .. counts.Select(c => $"{Whole(c)} ({Percent(c, all)})"), Whole(all),
                Share(all - counts[^1], all),
                paperCounts is null ? "-" : string.Join(", ", paperCounts.Select(c => Percent(c, paperCounts.Sum())))];
        }
        var relations = result.Labels.GroupBy(l => l.Relation).ToList();
        var known = relations.Where(r => paper.ContainsKey(r.Key)).Select(r => paper[r.Key]).ToList();
        var sum = known.Count == relations.Count && known.Count > 0 ? Categories.Select((_, c) => known.Sum(k => k[c])).ToList() : null;
        var total = Counts(result.Labels);
        var split = result.Options.Split.ToString().ToLowerInvariant();
        var kind = result.Options.Estimator == EstimatorKind.Exact ? "Exact" : "Sampled";
        var beside = paper.Count > 0 ? "Paper: PaLM 2-M, HighlyKnown to Unknown."
            : $"The questions are those of {result.Source}: no column of the paper stands beside them.";
        return new TableView
        {
            Id = "table-3-model",
            Title = $"Table 3 for {result.Model}: {split} questions by category, and their shares (%)",
            Note = string.Create(CultureInfo.InvariantCulture,
                $"By {kind}, {(result.Server.Length > 0 ? $"asked of {result.Server}" : result.NumberFormat)}, seed {result.Options.Seed}, "
                + $"{result.Options.Sampling.Prompts} prompts. Brackets: 95% "
                + $"Wilson intervals over questions; how results vary with the prompts, which all questions of a relation share, is not in "
                + $"them. {beside}"),
            Columns = ["relation", "question", .. Categories.Select(c => c.ToString()), "all", "known, %", "paper, %"],
            Rows =
            [
                .. relations.Select(r => Row(r.Key, Counts(r), paper.GetValueOrDefault(r.Key))),
                Row("all", total, sum),
                ["%", "", .. total.Select(c => Share(c, total.Sum())), "", "", ""],
            ],
            HeaderColumns = 2,
        };
    }

    // EntityQuestions' template of a relation; the lab's world has the same templates. Empty for the rows that are no relation.
    private static string Question(string relation) =>
        SyntheticWorld.Relations.FirstOrDefault(r => r.Id == relation)?.Template.Replace("[X]", "X", StringComparison.Ordinal)
            .Replace(" ?", "?", StringComparison.Ordinal).Replace(" '", "'", StringComparison.Ordinal) ?? "";

    /// <summary>
    /// The table of labels by gold answer: the most frequent gold answers of each relation, and all others together. Where a model knows
    /// the frequent answers only, it may guess and not know.
    /// </summary>
    /// <param name="result">The labels.</param>
    /// <param name="perRelation">Number of gold answers of each relation that have a row of their own.</param>
    public static TableView ByAnswer(AnnotationResult result, int perRelation = 3)
    {
        ArgumentNullException.ThrowIfNull(result);
        List<string> Row(string relation, string answer, IReadOnlyList<LabelRow> of) =>
            [relation, answer, Whole(of.Count), Share(of.Count(l => l.Category == Category.HighlyKnown), of.Count),
                Share(of.Count(l => l.Category != Category.Unknown), of.Count)];
        var rows = new List<IReadOnlyList<string>>();
        foreach (var relation in result.Labels.GroupBy(l => l.Relation))
        {
            var answers = relation.GroupBy(l => l.Answer).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal)
                .ToList();
            rows.AddRange(answers.Take(perRelation).Select(g => Row(relation.Key, g.Key, [.. g])));
            var others = answers.Skip(perRelation).SelectMany(g => g).ToList();
            if (others.Count > 0) rows.Add(Row(relation.Key,
                string.Create(CultureInfo.InvariantCulture,
                $"{(answers.Count - perRelation == 1 ? "1 other" : $"{answers.Count - perRelation} others")}"), others));
        }
        return new TableView
        {
            Id = "known-by-answer",
            Title = $"What {result.Model} knows, by gold answer",
            Note = $"The {Whole(perRelation)} most frequent gold answers of each relation. Known: HighlyKnown, MaybeKnown or WeaklyKnown. "
                + $"Brackets: 95% Wilson intervals over questions.",
            Columns = ["relation", "gold answer", "questions", "HighlyKnown, %", "known, %"],
            Rows = rows,
            HeaderColumns = 2,
        };
    }

    private static string Share(int count, int of)
    {
        var share = Intervals.Wilson(count, of);
        return string.Create(CultureInfo.InvariantCulture, $"{Percent(count, of)} [{100 * share.Low:F1}, {100 * share.High:F1}]");
    }

    private static string Percent(int count, int of) => (100.0 * count / of).ToString("F1", CultureInfo.InvariantCulture);

    private static string Whole(int value) => value.ToString(CultureInfo.InvariantCulture);
}
