using Slick.Analysis;
using Slick.Knowledge;
using Slick.Studies;

namespace Slick.Figures;

/// <summary>Figures of ours about what is known and lost.</summary>
public static class KnowledgeFigures
{
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    /// <summary>Share of each category by how often pre-training stated the gold answer in one pass: the lab's ground truth.</summary>
    /// <param name="labels">SliCK's labels with their exposures.</param>
    /// <param name="source">Where the labels come from, for the note.</param>
    public static Figure CategoryByExposure(IReadOnlyList<LabelRow> labels, string source)
    {
        int[] edges = [0, 1, 4, 16, 64];
        string[] names = ["never", "1-3", "4-15", "16-63", "64 and more"];
        int Bin(LabelRow l) => Array.FindLastIndex(edges, e => l.GoldExposures >= e);
        var bins = labels.Where(l => l.GoldExposures >= 0).GroupBy(Bin).OrderBy(g => g.Key).Select(g => (g.Key, Rows: g.ToList())).ToList();
        return new Figure
        {
            Id = "category-by-exposure",
            Title = "What is known, by how often pre-training stated it",
            Note = $"{source} Bars: shares of the facts with that many statements, 95% Wilson intervals.",
            X = new("statements of the gold answer in one pass of pre-training", Categories: [.. bins.Select(b => $"{names[b.Key]} ({b.Rows.Count})")]),
            Y = new("share of the facts (%)", 0, 100),
            Series = [.. Categories.Select((c, i) =>
            {
                var shares = bins.Select(b => Intervals.Wilson(b.Rows.Count(l => l.Category == c), b.Rows.Count)).ToList();
                return new Series
                {
                    Name = c.ToString(),
                    Kind = SeriesKind.Bars,
                    Color = i,
                    X = [.. bins.Select((_, at) => (double)at)],
                    Y = [.. shares.Select(s => 100 * s.Estimate)],
                    Low = [.. shares.Select(s => 100 * s.Low)],
                    High = [.. shares.Select(s => 100 * s.High)],
                };
            })],
        };
    }

    /// <summary>Table 3 as a picture: the share of each relation's questions that a model knows at all, and well, beside the paper's PaLM 2-M.</summary>
    public static Figure KnownByRelation(AnnotationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var paper = AnnotationTable.Paper(result);
        var relations = result.Labels.GroupBy(l => l.Relation).OrderByDescending(g => g.Count(l => l.Category != Category.Unknown) / (double)g.Count()).ToList();
        Series Bars(string name, int color, Func<IGrouping<string, LabelRow>, (int Count, int Of)> of)
        {
            var shares = relations.Select(r => of(r) is { Of: > 0 } n ? Intervals.Wilson(n.Count, n.Of) : new(double.NaN, double.NaN, double.NaN)).ToList();
            return new Series
            {
                Name = name,
                Kind = SeriesKind.Bars,
                Color = color,
                X = [.. shares.Select((_, i) => (double)i)],
                Y = [.. shares.Select(s => 100 * s.Estimate)],
                Low = [.. shares.Select(s => 100 * s.Low)],
                High = [.. shares.Select(s => 100 * s.High)],
            };
        }
        (int, int) Here(IGrouping<string, LabelRow> r, Func<Category, bool> which) => (r.Count(l => which(l.Category)), r.Count());
        (int, int) There(IGrouping<string, LabelRow> r, Func<Category, bool> which) =>
            paper.TryGetValue(r.Key, out var counts) ? (Categories.Select((c, i) => which(c) ? counts[i] : 0).Sum(), counts.Sum()) : (0, 0);
        return new Figure
        {
            Id = "known-by-relation",
            Title = $"What {result.Model} knows, by relation",
            Note = $"{result.Labels.Count} questions of {result.Source}, the relations that are known best at the left{(paper.Count > 0 ? "; beside them the paper's PaLM 2-M" : "")}. 95% Wilson intervals over questions.",
            X = new("relation", Categories: [.. relations.Select(r => r.Key)]),
            Y = new("share of the questions (%)", 0, 100),
            Series =
            [
                Bars($"{result.Model}: not Unknown", 5, r => Here(r, c => c != Category.Unknown)),
                Bars($"{result.Model}: HighlyKnown", 0, r => Here(r, c => c == Category.HighlyKnown)),
                .. paper.Count == 0 ? (Series[])[] :
                [
                    Bars("PaLM 2-M: not Unknown", 4, r => There(r, c => c != Category.Unknown)),
                    Bars("PaLM 2-M: HighlyKnown", 1, r => There(r, c => c == Category.HighlyKnown)),
                ],
            ],
        };
    }

    /// <summary>Points lost between EARLY_STOP and CONVERGENCE on the HighlyKnown and MaybeKnown test questions, for each single-category set and D_Natural.</summary>
    public static Figure LossByTrainedCategory(StudyResult result)
    {
        var data = new StudyData(result.Epochs, result.Answers);
        var arms = new[] { new Arm(ArmKind.HighlyKnown), new(ArmKind.MaybeKnown), new(ArmKind.Natural), new(ArmKind.WeaklyKnown), new(ArmKind.Ratio, 100) }
            .Where(a => data.Clusters.Any(c => data.Has(a, Stop.EarlyStop, c))).ToList();
        Series Bars(Category category, int color)
        {
            var loss = arms.Select(a => data.Contrast(c => data.Has(a, Stop.Convergence, c) ? [new(a, Stop.EarlyStop, 1), new(a, Stop.Convergence, -1)] : [], k => k == category).Value95).ToList();
            return new Series
            {
                Name = $"{category} test questions",
                Kind = SeriesKind.Bars,
                Color = color,
                X = [.. arms.Select((_, i) => (double)i)],
                Y = [.. loss.Select(l => 100 * l.Estimate)],
                Low = [.. loss.Select(l => 100 * l.Low)],
                High = [.. loss.Select(l => 100 * l.High)],
            };
        }
        return new Figure
        {
            Id = "loss-by-category",
            Title = "What is lost of what was known, by what was trained on",
            Note = $"{result.Source} Runs that fit less than 99% of their set are left out. 95% intervals over {(data.SeveralBases ? "seeds" : "questions, one run a bar")}.",
            X = new("trained on", Categories: [.. arms.Select(a => a.Kind == ArmKind.Ratio ? "D_Unknown" : a.ToString())]),
            Y = new("points lost from EARLY_STOP to CONVERGENCE"),
            Series = [Bars(Category.HighlyKnown, 0), Bars(Category.MaybeKnown, 2)],
        };
    }
}
