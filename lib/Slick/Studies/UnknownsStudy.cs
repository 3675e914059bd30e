using Slick.Figures;

namespace Slick.Studies;

/// <summary>The study <c>unknowns</c>: what SliCK calls Unknown is three things. Do they do the same harm?</summary>
internal static class UnknownsStudy
{
    private const string Variant = "all";
    private const string Never = "unknown-never-stated", Stated = "unknown-stated-not-kept", Rival = "unknown-rival-stated";
    private static readonly string[] Sets = [Never, Stated, Rival, "ratio-0", "single-highly-known"];

    public static LabStudy Study { get; } = new()
    {
        Name = "unknowns",
        Title = "Three kinds of Unknown",
        Question = "Do facts that pre-training never stated, facts that it stated and the model did not keep, and facts of which it stated "
            + "something else do the same harm?",
        Hypothesis = "Facts that were never stated do the most harm. What was stated is partly stored, and a rival is a local error.",
        Claims =
        [
            LabStudy.Claim("U1", "Unknown facts that were never stated do more harm than those whose rival was stated.",
                "loss on Known test questions at FIT, never stated minus rival stated; 95% interval above 0",
                values => [values.Difference("loss at FIT, never - rival", 1, Lost(Never, 1), Lost(Rival, -1))]),
            LabStudy.Claim("U2", "Unknown facts that were never stated do more harm than those that were stated and not kept.",
                "loss on Known test questions at FIT, never stated minus stated and not kept; 95% interval above 0",
                values => [values.Difference("loss at FIT, never - stated", 1, Lost(Never, 1), Lost(Stated, -1))]),
        ],
        // A small set needs more epochs than a large one until it is fitted.
        Variants = options => [new(Variant, ["size=smallestUnknownKind", "questions.largestPart=20", "testAtStops=true",
            FormattableString.Invariant($"fineTuning.epochs={2 * options.FineTuning.Epochs}"), $"sets={string.Join(',', Sets)}"])],
        Measure = Measures.Common,
        Table = values => new TableView
        {
            Id = "unknowns",
            Title = "Points lost on Known test questions, by what was trained on",
            Note = $"Sets of one size: of each relation as many facts as its rarest kind has, at most 20. Stated and not kept: stated 1 to "
                + $"{Experiments.UnknownKinds.MostStatements} times in one pass, at least as often as the rival. FIT: the first epoch with "
                + "at least 99% of the set fitted.",
            Columns = ["trained on", "examples", "FIT, epoch", "lost at FIT", "lost at the last epoch"],
            Rows = [.. Sets.Select(s => (IReadOnlyList<string>)
            [
                StudyTables.Name(s), StudyTables.Mean(values, new(Variant, s, Measures.Examples)),
                StudyTables.Epoch(values, Variant, s, Measures.Fit), StudyTables.Cell(values, Lost(s, 1)),
                StudyTables.Cell(values, Lost(s, 1, Measures.Convergence)),
            ])],
        },
        Figure = values => new Figure
        {
            Id = "unknowns",
            Title = "Three kinds of Unknown: points lost on Known test questions",
            Note = "FIT: the first epoch with at least 99% of the set fitted. Bars with 95% intervals.",
            X = new("trained on", Categories: [.. Sets.Select(StudyTables.Name)]),
            Y = new("points lost on Known test questions"),
            Series =
            [
                StudyTables.Bars("at FIT", 0, [.. Sets.Select(s => values.Sum(Lost(s, 1)))]),
                StudyTables.Bars("at the last epoch", 1, [.. Sets.Select(s => values.Sum(Lost(s, 1, Measures.Convergence)))]),
            ],
        },
    };

    private static ValueTerm Lost(string set, double weight, string stop = Measures.Fit) =>
        new(Variant, set, Measures.Lost, stop, weight);
}
