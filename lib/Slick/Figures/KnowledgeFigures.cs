using Slick.Analysis;
using Slick.Knowledge;
using Slick.Experiments;
using Slick.Facts;

namespace Slick.Figures;

/// <summary>Figures of ours about what a model knows and what it loses.</summary>
public static class KnowledgeFigures
{
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    /// <summary>The share of each category by how often pre-training stated the gold answer in one pass. Only the lab knows these
    /// numbers.</summary>
    /// <param name="labels">SliCK's labels of one base model.</param>
    /// <param name="exposures">How often the base model's pre-training stated each fact.</param>
    /// <param name="source">Where the labels come from, for the note.</param>
    public static Figure CategoryByExposure(IReadOnlyList<LabelRow> labels, IReadOnlyList<ExposureRow> exposures, string source)
    {
        int[] edges = [0, 1, 4, 16, 64];
        string[] names = ["never", "1-3", "4-15", "16-63", "64 and more"];
        var gold = exposures.ToDictionary(e => e.FactId, e => e.GoldExposures);
        int Bin(LabelRow l) => Array.FindLastIndex(edges, e => gold[l.FactId] >= e);
        var bins = labels.Where(l => gold.ContainsKey(l.FactId)).GroupBy(Bin).OrderBy(g => g.Key).Select(g => (g.Key, Rows: g.ToList()))
            .ToList();
        return new Figure
        {
            Id = "category-by-exposure",
            Title = "What is known, by how often pre-training stated it",
            Note = $"{source} Bars: shares of the facts with that many statements, 95% Wilson intervals.",
            X = new("statements of the gold answer in one pass of pre-training",
                Categories: [.. bins.Select(b => $"{names[b.Key]} ({b.Rows.Count})")]),
            Y = new("share of the facts (%)", 0, 100),
            Series = [.. Categories.Select((c, i) =>
                Series.Bars(c.ToString(), i, [.. bins.Select(b => Intervals.Wilson(b.Rows.Count(l => l.Category == c), b.Rows.Count))]))],
        };
    }

    /// <summary>
    /// Table 3 as a picture: for each relation, the share of questions that a model knows at all and the share that is HighlyKnown. The
    /// shares of the paper's PaLM 2-M stand beside them. Taught in <c>notebooks/06-a-real-model.ipynb</c>.
    /// </summary>
    /// <param name="result">The labels, and how they were made.</param>
    public static Figure KnownByRelation(AnnotationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var paper = AnnotationTable.PaperCounts(result);
        var relations = result.Labels.GroupBy(l => l.Relation)
            .OrderByDescending(g => g.Count(l => l.Category != Category.Unknown) / (double)g.Count()).ToList();
        Series Shares(string name, int color, Func<IGrouping<string, LabelRow>, (int Count, int Of)> of) =>
            Series.Bars(name, color, [.. relations.Select(r => of(r) is { Of: > 0 } n ? Intervals.Wilson(n.Count, n.Of)
                : new(double.NaN, double.NaN, double.NaN))]);
        (int, int) Here(IGrouping<string, LabelRow> r, Func<Category, bool> which) => (r.Count(l => which(l.Category)), r.Count());
        (int, int) There(IGrouping<string, LabelRow> r, Func<Category, bool> which) =>
            paper.TryGetValue(r.Key, out var counts) ? (Categories.Select((c, i) => which(c) ? counts[i] : 0).Sum(), counts.Sum()) : (0, 0);
        return new Figure
        {
            Id = "known-by-relation",
            Title = $"What {result.Model} knows, by relation",
            Note = $"{result.Labels.Count} questions of {result.Source}, the relations that are known best at the "
                + $"left{(paper.Count > 0 ? "; beside them the paper's PaLM 2-M" : "")}. 95% Wilson intervals over questions.",
            X = new("relation", Categories: [.. relations.Select(r => r.Key)]),
            Y = new("share of the questions (%)", 0, 100),
            Series =
            [
                Shares($"{result.Model}: not Unknown", 5, r => Here(r, c => c != Category.Unknown)),
                Shares($"{result.Model}: HighlyKnown", 0, r => Here(r, c => c == Category.HighlyKnown)),
                .. paper.Count == 0 ? (Series[])[] :
                [
                    Shares("PaLM 2-M: not Unknown", 4, r => There(r, c => c != Category.Unknown)),
                    Shares("PaLM 2-M: HighlyKnown", 1, r => There(r, c => c == Category.HighlyKnown)),
                ],
            ],
        };
    }

    /// <summary>
    /// Points lost between EARLY_STOP and CONVERGENCE on the HighlyKnown and MaybeKnown test questions, for each single-category set and
    /// D_Natural. Taught in <c>notebooks/04-categories.ipynb</c>.
    /// </summary>
    public static Figure LossByTrainedCategory(StudyResult result)
    {
        var data = new StudyData(result);
        var arms = new[] { new Arm(ArmKind.HighlyKnown), new(ArmKind.MaybeKnown), new(ArmKind.Natural), new(ArmKind.WeaklyKnown),
            new(ArmKind.Ratio, 100) }
            .Where(a => data.Clusters.Any(c => data.Has(a, Stop.EarlyStop, c))).ToList();
        Series Loss(Category category, int color) => Series.Bars($"{category} test questions", color,
            [.. arms.Select(a => data.Contrast(c => data.Has(a, Stop.Convergence, c)
                ? [new(a, Stop.EarlyStop, 1), new(a, Stop.Convergence, -1)] : [], k => k == category).Value95)]);
        return new Figure
        {
            Id = "loss-by-category",
            Title = "What is lost of what was known, by what was trained on",
            Note = $"{result.Source} Runs that fit less than 99% of their set are left out. 95% intervals over "
                + (data.SeveralBases ? "seeds." : data.IsLab ? "draws, or over questions of one run." : "questions or draws, the wider."),
            X = new("trained on", Categories: [.. arms.Select(a => a.Kind == ArmKind.Ratio ? "D_Unknown" : a.ToString())]),
            Y = new("points lost from EARLY_STOP to CONVERGENCE"),
            Series = [Loss(Category.HighlyKnown, 0), Loss(Category.MaybeKnown, 2)],
        };
    }
}
