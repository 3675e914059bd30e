using Slick.Analysis;
using Slick.Figures;

namespace Slick.Studies;

/// <summary>The study <c>two-harms</c>: what is lost while a set is fitted, and what is lost by going on, under three optimisers.</summary>
internal static class TwoHarmsStudy
{
    private const string Constant = "constant", Decay = "linear-decay", Epsilon = "large-epsilon";
    /// <summary>Points after FIT, and points per 1,000 updates after FIT, that count as equal.</summary>
    private const double Margin = Paper.RegisteredClaims.LossRateMargin;
    private static readonly string[] Variants = [Constant, Decay, Epsilon];
    private static readonly string[] Sets =
        ["single-highly-known", "single-maybe-known", "ratio-0", "known-only-50", "ratio-50", "ratio-100"];

    public static LabStudy Study { get; } = new()
    {
        Name = "two-harms",
        Title = "Two harms: fitting, and going on",
        Question = "How much of what was known is lost until a set is fitted, how much by training on, and does the learning rate's "
            + "schedule "
            + "or Adam's epsilon change the second part?",
        Hypothesis = "After FIT every set loses at one rate, which shrinks with the learning rate; a large epsilon of Adam changes "
            + "nothing. "
            + "What Unknown facts do more than Known ones, they do by FIT.",
        Claims =
        [
            LabStudy.Claim("H1", "After FIT every set loses at the same rate.",
                "constant rate, loss on test questions per 1,000 updates from FIT to CONVERGENCE: of each set minus the mean of all sets, "
                    + "90% interval within +-1.5",
                values => [.. Sets.Select(set => values.Equality($"{StudyTables.Name(set)} - mean of all, per 1,000 updates, 90%", Margin,
                    [.. Sets.Select(s => Rate(Constant, s, (s == set ? 1 : 0) - 1.0 / Sets.Length))]))]),
            LabStudy.Claim("H2", "A learning rate that decays to zero takes a part of the loss after FIT away.",
                "D 0%, loss on Known test questions from FIT to CONVERGENCE, constant rate minus linear decay; 95% interval above 0",
                values => [values.Difference("loss after FIT of D 0%, constant - decay", 1, After(Constant, "ratio-0", 1),
                    After(Decay, "ratio-0", -1))]),
            LabStudy.Claim("H3", "A large epsilon of Adam does not change the loss after FIT.",
                "D 0%, loss on Known test questions from FIT to CONVERGENCE, default epsilon minus large epsilon; 90% interval within "
                    + "+-1.5",
                values => [values.Equality("loss after FIT of D 0%, default - large epsilon, 90%", Margin, After(Constant, "ratio-0", 1),
                    After(Epsilon, "ratio-0", -1))]),
            LabStudy.Claim("H4", "What Unknown facts do more than Known facts is done by FIT.",
                "constant rate, loss on Known test questions until FIT, D 100% minus D 0%, 95% interval above 0; loss on test questions "
                    + "per "
                    + "1,000 updates after FIT, D 100% minus D 0%, 90% interval within +-1.5",
                values =>
                [
                    values.Difference("loss until FIT, D 100% - D 0%", 1, Until(Constant, "ratio-100", 1), Until(Constant, "ratio-0", -1)),
                    values.Equality("loss per 1,000 updates after FIT, D 100% - D 0%, 90%", Margin, Rate(Constant, "ratio-100", 1),
                        Rate(Constant, "ratio-0", -1)),
                ]),
        ],
        Variants = _ =>
        [
            new(Constant, ["fineTuning.schedule=constant", $"sets={string.Join(',', Sets)}"]),
            new(Decay, ["fineTuning.schedule=linearDecay", "testAtStops=true", $"sets={string.Join(',', Sets)}"]),
            new(Epsilon, ["fineTuning.schedule=constant", "fineTuning.epsilon=1e-4", "testAtStops=true",
                $"sets={string.Join(',', Sets)}"]),
        ],
        Measure = of => Measures.Common(of).Concat(AfterFit(of)),
        Table = values => new TableView
        {
            Id = "two-harms",
            Title = "Points lost on Known test questions until FIT and from FIT to CONVERGENCE",
            Note = "Per 1,000 updates: points of accuracy on all test questions lost from FIT to CONVERGENCE for 1,000 optimiser steps.",
            Columns = ["optimiser", "trained on", "FIT, epoch", "lost until FIT", "lost after FIT", "per 1,000 updates"],
            HeaderColumns = 2,
            Rows = [.. Variants.SelectMany(v => Sets.Select(s => (IReadOnlyList<string>)
            [
                v, StudyTables.Name(s), StudyTables.Epoch(values, v, s, Measures.Fit), StudyTables.Cell(values, Until(v, s, 1)),
                StudyTables.Cell(values, After(v, s, 1)), StudyTables.Cell(values, Rate(v, s, 1)),
            ]))],
        },
        Figure = values => new Figure
        {
            Id = "two-harms",
            Title = "Points lost until FIT, and after FIT by the optimiser",
            Note = "On Known test questions. Bars with 95% intervals.",
            X = new("trained on", Categories: [.. Sets.Select(StudyTables.Name)]),
            Y = new("points lost on Known test questions"),
            Series =
            [
                StudyTables.Bars("until FIT, constant rate", 0, [.. Sets.Select(s => values.Sum(Until(Constant, s, 1)))]),
                .. Variants.Select((v, i) =>
                    StudyTables.Bars($"after FIT, {v}", i + 1, [.. Sets.Select(s => values.Sum(After(v, s, 1)))])),
            ],
        },
    };

    private static IEnumerable<StudyValue> AfterFit(VariantResult of)
    {
        foreach (var run in of.Data.Runs)
            if (run.EpochOf(Stop.Fit) is { } fit && run.EpochOf(Stop.Convergence) is { } last && last > fit)
            {
                var known = Measures.KnownQuestions(of, run);
                var all = Measures.Questions(of, run, _ => true);
                if (Measures.Loss(run, known.ContainsKey, fit, last) is { } lost)
                    yield return Measures.Row(of, run, Measures.LostAfterFit, lost.Value, Measures.Convergence, last, lost.Error);
                var thousands = (run.Updates(last) - run.Updates(fit)) / 1000.0;
                if (Measures.Loss(run, all.ContainsKey, fit, last) is { } every)
                    yield return Measures.Row(of, run, Measures.LossRate, every.Value / thousands, Measures.Convergence, last,
                        every.Error / thousands);
            }
    }

    private static ValueTerm Until(string variant, string set, double weight) => new(variant, set, Measures.Lost, Measures.Fit, weight);
    private static ValueTerm After(string variant, string set, double weight) =>
        new(variant, set, Measures.LostAfterFit, Measures.Convergence, weight);
    private static ValueTerm Rate(string variant, string set, double weight) =>
        new(variant, set, Measures.LossRate, Measures.Convergence, weight);
}
