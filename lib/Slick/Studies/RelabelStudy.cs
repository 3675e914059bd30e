using System.Globalization;
using Slick.Experiments;
using Slick.Figures;
using Slick.Knowledge;

namespace Slick.Studies;

/// <summary>The study <c>relabel</c>: is a fact that fine-tuning lost erased, or still there behind exemplars? Lost are the test questions
/// in distribution that the base model answers rightly alone and the fine-tuned model wrongly.</summary>
internal static class RelabelStudy
{
    private const string Variant = "all", Unknown = "ratio-100";
    private static readonly string[] Sets = ["single-highly-known", "ratio-0", "ratio-50", Unknown];
    private static readonly string[] Stops = [Measures.Fit, Measures.Last];
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    private const string LostQuestions = "questions lost", LostBehind = "known lost behind exemplars";
    private const string StillRight = "of the lost, right behind exemplars", HealingFacts = "facts left to heal on";

    // Percent of the lost questions that the base model's labels put into a category, and the fine-tuned model's into another or the same.
    private static string Moved(Category before, Category after) => $"of the lost, {before} before and {after} after";
    private static string After(Category after) => $"of the lost, {after} after";
    private static string Healed(int facts) => string.Create(CultureInfo.InvariantCulture, $"of the lost, healed by {facts}");
    private static string Gained(int facts) => string.Create(CultureInfo.InvariantCulture, $"known gained by healing on {facts}");

    public static LabStudy Study { get; } = new()
    {
        Name = "relabel",
        Title = "Forgotten, or hidden?",
        Question = "Is a fact that fine-tuning lost erased, or does the model still answer it rightly behind exemplars, and after a few "
            + "updates on Known facts?",
        Hypothesis = "Most of what is lost alone is still answered behind exemplars: the form is lost, not the fact. Labels that fall as "
            + "much as answers without exemplars would say that facts are erased.",
        Claims =
        [
            LabStudy.Claim("R1", "Of the questions that D 100% loses at FIT, more than half are still answered rightly behind exemplars.",
                "of the test questions that the base model answers rightly alone and D 100% wrongly at FIT, the percentage that SliCK "
                    + "labels HighlyKnown or MaybeKnown at FIT, minus 50; 95% interval above 0",
                values => [values.Above("lost by D 100% at FIT and right behind exemplars, percent minus 50", 50,
                    Term(Unknown, StillRight, Measures.Fit))]),
            LabStudy.Claim("R2", "Twenty updates on 50 Known facts bring a part of the lost answers back.",
                "accuracy on Known test questions, D 100% at FIT and 20 updates on 50 HighlyKnown facts later minus D 100% at FIT; 95% "
                    + "interval above 0",
                values => [values.Difference("gained by healing D 100% at FIT on 50 facts", 1, Term(Unknown, Gained(50), Measures.Fit))]),
        ],
        Variants = _ => [new(Variant, [$"sets={string.Join(',', Sets)}"])],
        Further = RelabelStage.Of,
        Measure = of => Measures.Common(of).Concat(OfRuns(of)),
        Table = values => new TableView
        {
            Id = "relabel",
            Title = "What is left of the test questions that the base model answers rightly alone and the fine-tuned model wrongly",
            Note = "Alone: without exemplars, as in fine-tuning. Points: accuracy lost on Known test questions. Columns of a category "
                + "and of healing are percent of the lost questions. Rows of a category have the lost questions that the base model had in "
                + "that category; they add up to the row above them. Healed by: right again after 20 updates on so many HighlyKnown facts "
                + "that are not in the set, or on all that are left. FIT: the first epoch with at least 99% of the set fitted.",
            Columns = ["trained on", "at", "before", "lost alone, points", "lost behind exemplars, points", "lost questions",
                .. Categories.Select(c => $"{c} after"), .. RelabelStage.HealFacts.Select(f => $"healed by {Number(f)}"), "facts left"],
            HeaderColumns = 3,
            Rows = [.. from stop in Stops
                       from set in Sets
                       from row in RowsOf(values, set, stop)
                       select row],
        },
        Figure = values => new Figure
        {
            Id = "relabel",
            Title = "Of the questions lost at FIT: right behind exemplars, and right alone after healing",
            Note = "Lost: answered rightly alone by the base model and wrongly at FIT, the first epoch with at least 99% of the set "
                + "fitted. Healed: 20 updates on so many HighlyKnown facts that are not in the set. Bars with 95% intervals.",
            X = new("trained on", Categories: [.. Sets.Select(StudyTables.Name)]),
            Y = new("percent of the lost questions"),
            Series =
            [
                StudyTables.Bars("right behind exemplars", 0, [.. Sets.Select(s => values.Sum(Term(s, StillRight, Measures.Fit)))]),
                .. RelabelStage.HealFacts.Select((f, i) => StudyTables.Bars($"healed by {Number(f)} facts", i + 1,
                    [.. Sets.Select(s => values.Sum(Term(s, Healed(f), Measures.Fit)))])),
            ],
        },
    };

    private static ValueTerm Term(string set, string measure, string stop) => new(Variant, set, measure, stop);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    // All lost questions of a set; at FIT then those of each category before.
    private static IEnumerable<IReadOnlyList<string>> RowsOf(StudyValues values, string set, string stop)
    {
        string Cell(string measure) => StudyTables.Cell(values, Term(set, measure, stop));
        string Mean(string measure) => StudyTables.Mean(values, Term(set, measure, stop));
        var at = stop == Measures.Fit ? "FIT" : "last epoch";
        yield return [StudyTables.Name(set), at, "all", Cell(Measures.Lost), Cell(LostBehind), Mean(LostQuestions),
            .. Categories.Select(c => Cell(After(c))), .. RelabelStage.HealFacts.Select(f => Cell(Healed(f))), Mean(HealingFacts)];
        if (stop != Measures.Fit) yield break;
        foreach (var before in Categories)
            yield return [StudyTables.Name(set), at, before.ToString(), "", "", "",
                .. Categories.Select(after => Cell(Moved(before, after))), .. RelabelStage.HealFacts.Select(_ => ""), ""];
    }

    private static IEnumerable<StudyValue> OfRuns(VariantResult of)
    {
        foreach (var run in of.Data.Runs)
        {
            if (!of.Further.TryGetValue(run.Row.Run, out var stage)) continue;
            var labels = of.Result.Bases.Single(b => b.Seed == run.Row.BaseSeed).Labels.ToDictionary(l => l.FactId);
            var rows = RelabelStage.Read(stage).ToLookup(r => r.Epoch);
            foreach (var (stop, epoch) in Measures.StopsOf(run).Where(s => Stops.Contains(s.Name)))
                foreach (var (measure, value, error) in At([.. rows[epoch]], labels))
                    yield return Measures.Row(of, run, measure, value, stop, epoch, error);
        }
    }

    /// <summary>The numbers of one run at one stop, each with its standard error over questions; NaN where no question is lost.</summary>
    /// <param name="rows">What is left of each test fact.</param>
    /// <param name="labels">The base model's labels, by the fact's id.</param>
    internal static IEnumerable<(string Measure, double Value, double Error)> At(IReadOnlyList<RelabelRow> rows,
        IReadOnlyDictionary<int, LabelRow> labels)
    {
        Category Before(RelabelRow row) => labels[row.FactId].Category;
        var lost = rows.Where(r => r.RightBefore && !r.Right).ToList();
        var known = rows.Where(r => Before(r) != Category.Unknown).ToList();
        (string, double, double) Of(string measure, IEnumerable<double> each)
        {
            double[] values = [.. each.Select(v => 100 * v)];
            var mean = values.DefaultIfEmpty(double.NaN).Average();
            return (measure, mean, Math.Sqrt(values.DefaultIfEmpty(double.NaN).Average(v => (v - mean) * (v - mean)) / values.Length));
        }
        (string, double, double) OfLost(string measure, Func<RelabelRow, bool> counts) =>
            Of(measure, lost.Select(r => counts(r) ? 1.0 : 0));
        yield return (LostQuestions, lost.Count, double.NaN);
        yield return (HealingFacts, rows.Select(r => (double)r.HealingFacts).DefaultIfEmpty(double.NaN).First(), double.NaN);
        yield return Of(LostBehind, known.Select(r => labels[r.FactId].GreedyCorrect - r.GreedyCorrect));
        yield return OfLost(StillRight, r => r.Category is Category.HighlyKnown or Category.MaybeKnown);
        foreach (var before in Categories)
        {
            yield return OfLost(After(before), r => r.Category == before);
            foreach (var after in Categories)
                yield return OfLost(Moved(before, after), r => Before(r) == before && r.Category == after);
        }
        foreach (var facts in RelabelStage.HealFacts)
        {
            yield return OfLost(Healed(facts), r => r.RightHealed(facts));
            yield return Of(Gained(facts), known.Select(r => (r.RightHealed(facts) ? 1.0 : 0) - (r.Right ? 1 : 0)));
        }
    }
}
