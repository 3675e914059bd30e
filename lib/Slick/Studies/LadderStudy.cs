using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;

namespace Slick.Studies;

/// <summary>The study <c>ladder</c>: what does a fact's novelty do, with its name and its rarity held fixed? Six twin worlds have the same
/// facts, and each group of facts is stated never, 2, 8, 32 or 128 times, or less often than its rival, in one of them.</summary>
internal static class LadderStudy
{
    private const int FactsOfARelation = 66; // 11 of each group: |D| is 132

    private static readonly string[] Sets = [.. LadderSets.All.Select(kind => new Arm(kind).Id)];
    // The steps without a rival, in the order of their statements.
    private static string[] Rising => Sets[..^1];
    private static readonly string[] Worlds = [.. Enumerable.Range(0, Ladder.Steps).Select(r => FormattableString.Invariant($"world-{r}"))];

    public static LabStudy Study { get; } = new()
    {
        Name = "ladder",
        Title = "Twin worlds: is it novelty that harms?",
        Question = "Do facts that pre-training never stated do more harm than the same facts where it stated them often?",
        Hypothesis = "The harm falls with each step of the ladder. Little difference would say that what is rare about a fact, and not "
            + "that it is new, is what harms.",
        Claims =
        [
            LabStudy.Claim("L1", "Facts that were never stated do more harm than the same facts stated 128 times.",
                "loss on Known test questions at FIT, mean over the six worlds, never stated minus stated 128 times; 95% interval above 0",
                values => [values.Difference("loss at FIT, never - 128 times", 1, [.. Lost(Sets[0], 1), .. Lost(Sets[4], -1)])]),
            LabStudy.Claim("L2", "The harm falls as a fact is stated more often.",
                "loss on Known test questions at FIT, mean over the six worlds: slope over the steps 0, 2, 8, 32, 128 times, numbered "
                    + "from 0 to 4; 95% interval below 0",
                values => [values.Difference("slope of the loss at FIT over the steps", -1,
                    [.. Rising.SelectMany((set, step) => Lost(set, (step - 2) / 10.0))])]),
            LabStudy.Claim("L3", "Facts whose rival was stated more often do less harm than facts that were never stated.",
                "loss on Known test questions at FIT, mean over the six worlds, stated with a rival minus never stated; 95% interval "
                    + "below 0",
                values => [values.Difference("loss at FIT, with a rival - never", -1, [.. Lost(Sets[5], 1), .. Lost(Sets[0], -1)])]),
        ],
        // A small set needs more epochs than a large one until it is fitted.
        Variants = options => [.. Worlds.Select((name, rotation) => new StudyVariant(name,
        [
            FormattableString.Invariant($"world.ladderFacts={FactsOf(options)}"),
            FormattableString.Invariant($"world.ladderRotation={rotation}"), "testAtStops=true",
            FormattableString.Invariant($"fineTuning.epochs={2 * options.FineTuning.Epochs}"), $"sets={string.Join(',', Sets)}",
        ]))],
        Measure = Measures.Common,
        Table = values => new TableView
        {
            Id = "ladder",
            Title = "Points lost on Known test questions, by how often pre-training stated the facts that were trained on",
            Note = "Means over six worlds in which each group of facts stands on each step once. FIT: the first epoch with at least 99% of "
                + "the set fitted.",
            Columns = ["trained on", "examples", "labelled Unknown", "FIT, epoch", "lost at FIT", "lost at the last epoch"],
            Rows = [.. Sets.Select(s => (IReadOnlyList<string>)
            [
                StudyTables.Name(s), StudyTables.MeanOfSum(values, Of(s, Measures.Examples)),
                StudyTables.MeanOfSum(values, Of(s, Measures.UnknownExamples)), StudyTables.Epoch(values, Worlds, s, Measures.Fit),
                StudyTables.Cell(values, Lost(s, 1)), StudyTables.Cell(values, Lost(s, 1, Measures.Convergence)),
            ])],
        },
        Figure = values => new Figure
        {
            Id = "ladder",
            Title = "The same facts, stated more and less often: points lost on Known test questions",
            Note = "FIT: the first epoch with at least 99% of the set fitted. Bars with 95% intervals.",
            X = new("how often one pass of pre-training stated them", Categories: [.. Sets.Select(StudyTables.Name)]),
            Y = new("points lost on Known test questions"),
            Series =
            [
                StudyTables.Bars("at FIT", 0, [.. Sets.Select(s => values.Sum(Lost(s, 1)))]),
                StudyTables.Bars("at the last epoch", 1, [.. Sets.Select(s => values.Sum(Lost(s, 1, Measures.Convergence)))]),
            ],
        },
    };

    private static int FactsOf(StudyOptions options) =>
        Math.Min(FactsOfARelation, options.World.TrainFacts / Ladder.Steps * Ladder.Steps);

    // The mean over the worlds.
    private static IReadOnlyList<ValueTerm> Of(string set, string measure, string stop = "", double weight = 1) =>
        [.. Worlds.Select(world => new ValueTerm(world, set, measure, stop, weight / Worlds.Length))];

    private static IReadOnlyList<ValueTerm> Lost(string set, double weight, string stop = Measures.Fit) =>
        Of(set, Measures.Lost, stop, weight);
}
