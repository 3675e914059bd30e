using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;

namespace Slick.Studies;

/// <summary>The study <c>concentrated</c>: a quarter of the set is Unknown, spread over all relations or gathered in a quarter of them
/// (after Dang et al. 2026, arXiv 2511.02626).</summary>
internal static class ConcentratedStudy
{
    private const string Variant = "all", Concentrated = "concentrated-25", Spread = "spread-25";
    private const string LostInWhole = "known lost in wholly Unknown relations", LostInOthers = "known lost in the other relations";
    private static readonly string[] Sets = [Concentrated, Spread];

    public static LabStudy Study { get; } = new()
    {
        Name = "concentrated",
        Title = "Unknown facts, or an unknown relation?",
        Question = "Does the same number of Unknown facts do more harm when it makes up whole relations than when it is spread over all?",
        Hypothesis = "Whole relations of Unknown facts do more harm, in these relations and in the others (Dang et al. 2026). No "
            + "difference "
            + "would say that the lab's harm is global.",
        Claims =
        [
            LabStudy.Claim("C1", "A relation whose examples are all Unknown loses more than when as many Unknown examples are spread.",
                "loss at FIT on Known test questions of the relations that are wholly Unknown, concentrated minus spread; 95% interval "
                    + "above "
                    + "0",
                values => [values.Difference("loss at FIT in wholly Unknown relations, concentrated - spread", 1,
                    Term(Concentrated, LostInWhole, 1), Term(Spread, LostInWhole, -1))]),
            LabStudy.Claim("C2", "The relations whose examples are all Known lose more, too.",
                "loss at FIT on Known test questions of the other relations, concentrated minus spread; 95% interval above 0",
                values => [values.Difference("loss at FIT in the other relations, concentrated - spread", 1,
                    Term(Concentrated, LostInOthers, 1), Term(Spread, LostInOthers, -1))]),
        ],
        Variants = _ => [new(Variant, ["repeats=2", "testAtStops=true", $"sets={string.Join(',', Sets)}"])],
        Measure = of => Measures.Common(of).Concat(ByRelation(of)),
        Table = values => new TableView
        {
            Id = "concentrated",
            Title = "Points lost on Known test questions, where a quarter of the relations is wholly Unknown and where as many Unknown "
                + "examples "
                + "are spread",
            Note = "Two draws of each base model; each draws the wholly Unknown relations anew. The columns are about the same "
                + "relations in "
                + "both rows.",
            Columns = ["trained on", "Unknown examples", "FIT, epoch", "lost at FIT", "in wholly Unknown relations", "in the other "
                + "relations"],
            Rows =
            [
                .. Sets.Select(s => (IReadOnlyList<string>)
                [
                    StudyTables.Name(s), StudyTables.Mean(values, new(Variant, s, Measures.UnknownExamples)),
                    StudyTables.Epoch(values, Variant, s, Measures.Fit), StudyTables.Cell(values, Term(s, Measures.Lost, 1)),
                    StudyTables.Cell(values, Term(s, LostInWhole, 1)), StudyTables.Cell(values, Term(s, LostInOthers, 1)),
                ]),
                ["difference", "", "", .. new[] { Measures.Lost, LostInWhole, LostInOthers }.Select(m =>
                    StudyTables.Cell(values, Term(Concentrated, m, 1), Term(Spread, m, -1)))],
            ],
        },
        Figure = values => new Figure
        {
            Id = "concentrated",
            Title = "A quarter Unknown: gathered in some relations, or spread over all",
            Note = "Points lost on Known test questions at FIT, the first epoch with at least 99% of the set fitted. Bars with 95% "
                + "intervals.",
            X = new("test questions", Categories: ["of wholly Unknown relations", "of the other relations"]),
            Y = new("points lost on Known test questions"),
            Series = [.. Sets.Select((s, i) => StudyTables.Bars(StudyTables.Name(s), i,
                [values.Sum(Term(s, LostInWhole, 1)), values.Sum(Term(s, LostInOthers, 1))]))],
        },
    };

    private static IEnumerable<StudyValue> ByRelation(VariantResult of)
    {
        foreach (var run in of.Data.Runs)
        {
            if (run.EpochOf(Stop.Fit) is not { } fit) continue;
            var model = of.Result.Bases.Single(b => b.Seed == run.Row.BaseSeed);
            var wholly = FineTuningSets.WhollyUnknown(run.Arm, model.Labels, of.Result.Options, run.Row.BaseSeed, run.Row.Draw,
                model.Exposures);
            var known = Measures.KnownQuestions(of, run);
            foreach (var (measure, inWhole) in new[] { (LostInWhole, true), (LostInOthers, false) })
                if (Measures.Loss(run, id => known.TryGetValue(id, out var relation) && wholly.Contains(relation) == inWhole, 0, fit)
                    is { } lost)
                    yield return Measures.Row(of, run, measure, lost.Value, Measures.Fit, fit, lost.Error);
        }
    }

    private static ValueTerm Term(string set, string measure, double weight) => new(Variant, set, measure, Measures.Fit, weight);
}
