using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>Tables 1, 2 and 3 of the paper, and the table of claims.</summary>
public static class PaperTables
{
    private const int PartsSeed = 100;
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    /// <summary>Table 1: the linear model of accuracy, on the test questions and on those of the out-of-distribution relations.</summary>
    public static TableView Table1(StudyResult result)
    {
        var data = new StudyData(result.Epochs, result.Answers);
        IEnumerable<IReadOnlyList<string>> Rows(string name, FittedModel? fit, string paper)
        {
            if (fit is null)
            {
                yield return [name, .. Enumerable.Repeat("?", 5), paper];
                yield break;
            }
            yield return [name, .. fit.Coefficients.Select(c => WithInterval(c.Value95)), Number(fit.R2.Value, "F2"),
                $"the rows of {(fit.Pooled.Clusters > 1 ? "each of " : "")}{fit.Coefficients[0].Method}", paper];
            // With one cluster it is the same fit.
            if (fit.Pooled.Clusters > 1) yield return [name,
                .. Enumerable.Range(0, 3).Select(i => WithInterval(LinearModel.CoefficientInterval(fit.Pooled, i))),
                Number(fit.Pooled.R2, "F2"), $"all {fit.Pooled.Observations} rows", ""];
        }
        return new TableView
        {
            Id = "table-1",
            Title = "Table 1. Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D| (N: examples fitted)",
            Note = $"{result.Source} Points; one row for every epoch of every D that all {data.Unit} have. 95% intervals: t over the fits "
                + $"of the {data.Unit}; of the one fit to all rows, standard errors clustered by {data.Unit}.",
            Columns = ["test questions", "b0", "b_kn", "b_unk", "R2", "fitted to", "paper"],
            Rows = [.. Rows("in distribution", FittedModel.Fit(data, false), "36.9, +7.3, -8.3, R2 0.86"),
                .. Rows("out of distribution", FittedModel.Fit(data, true), "36.2, +3.2, -3.0, R2 0.95")],
        };
    }

    /// <summary>Table 2: single-category sets and D_Natural by category of the test question, at EARLY_STOP and at CONVERGENCE.</summary>
    public static TableView Table2(StudyResult result)
    {
        var arms = new[] { new Arm(ArmKind.HighlyKnown), new(ArmKind.MaybeKnown), new(ArmKind.WeaklyKnown), new(ArmKind.Ratio, 100),
            new(ArmKind.Natural) };
        var answers = result.Answers.Where(a => a.Seed == 1).GroupBy(a => new Arm(a.Kind, a.UnknownPercent))
            .ToDictionary(g => g.Key, g => g.OrderBy(a => a.BaseSeed).ThenBy(a => a.FactId).ToList());
        arms = [.. arms.Where(answers.ContainsKey)];
        // Pairs of the same questions: a base model that lacks one of the sets is left out.
        var bases = result.Bases.Select(b => b.Seed).Where(b => arms.All(arm => answers[arm].Any(a => a.BaseSeed == b))).ToHashSet();
        foreach (var arm in arms) answers[arm] = [.. answers[arm].Where(a => bases.Contains(a.BaseSeed))];
        var missed = new StudyData(result.Epochs, result.Answers).NotConverged.Select(n => n.Arm).ToHashSet();
        var rows = new List<IReadOnlyList<string>>();
        foreach (var stop in new[] { "EARLY_STOP", "CONVERGENCE" })
        {
            bool Right(AnswerRow a) => stop == "EARLY_STOP" ? a.EarlyStop : a.Convergence;
            var columns = new Func<AnswerRow,
                bool>[] { _ => true }.Concat(Categories.Select(c => (Func<AnswerRow, bool>)(a => a.Category == c)))
                .Select(of => arms.ToDictionary(arm => arm, arm => answers[arm].Where(of).Select(Right).ToList())).ToList();
            foreach (var arm in arms)
                rows.Add([stop, (arm.Kind == ArmKind.Ratio ? "D_Unknown" : arm.ToString())
                    + (stop == "CONVERGENCE" && missed.Contains(arm) ? " (not converged)" : ""), .. columns.Select(c => Cell(c, arm))]);
        }
        return new TableView
        {
            Id = "table-2",
            Title = "Table 2. Sets of one category: exact match (%) by category of the test question",
            Note = $"{result.Source} Marks: below the column's best by a paired t-test over up to 100 random equal parts of the "
                + $"questions, * p < 0.05, ** p < 0.01 (as in the paper; it sees the questions' luck, not the seeds').",
            Columns = ["stop", "trained on", "all", .. Categories.Select(c => c.ToString())],
            Rows = rows,
            HeaderColumns = 2,
        };

        static string Cell(Dictionary<Arm, List<bool>> column, Arm arm)
        {
            static double Mean(List<bool> x) => x.Count == 0 ? double.NaN : x.Average(r => r ? 1.0 : 0);
            var (own, best) = (column[arm], column.Values.MaxBy(Mean)!);
            var mark = "";
            if (!ReferenceEquals(own, best) && own.Count > 3)
            {
                var (a, b) = EqualParts.MeansOfRandomParts(best, own, 100, PartsSeed);
                var p = HypothesisTests.PairedT(a, b).P;
                mark = p < 0.01 ? "**" : p < 0.05 ? "*" : "";
            }
            return Number(100 * Mean(own)) + mark;
        }
    }

    /// <summary>
    /// Table 3: how many train facts of each relation fall into each category, with |D|'s share and what pre-training said of them.
    /// </summary>
    public static TableView Table3(StudyResult result)
    {
        var train = result.Labels.Where(l => l.Split == Split.Train).ToList();
        var bases = result.Bases.Count;
        var d = result.Bases.Select(b => FineTuningSets.Make(new Arm(ArmKind.Ratio, 0), b.Facts, b.Labels, result.Options.Size, b.Seed))
            .ToList();
        List<string> Row(string name, IReadOnlyList<LabelRow> of)
        {
            var counts = Categories.Select(c => of.Count(l => l.Category == c)).ToList();
            return [name, .. counts.Select(c => Whole(c)), Whole(of.Count),
                Whole(d.Sum(set => set.Count(f => name == "all" || f.Relation == name)))];
        }
        var rule = result.Options.Size == SizeRule.SmallestCategory
            ? "a relation's part of D is its smallest category, so one that lacks a category is not in D"
            : "a relation's part of D is the smaller of its Known and Unknown facts, because by the smallest category |D| would be under "
                + "48; sets of one category may then be smaller";
        string Share(Func<LabelRow, bool> of, Category c) => Whole(train.Count(l => l.Category == c && of(l)));
        return new TableView
        {
            Id = "table-3",
            Title = $"Table 3. Train facts by category{(bases > 1 ? $", summed over {bases} base models" : "")}",
            Note = $"{result.Source} |D| = {string.Join(", ", d.Select(s => s.Count))}: {rule}. Statements: mean number in one pass of "
                + $"pre-training. The paper's PaLM 2-M: 24, 23, 17, 36%.",
            Columns = ["relation", .. Categories.Select(c => c.ToString()), "all", "in D"],
            Rows =
            [
                .. train.GroupBy(l => l.Relation).Select(g => Row(g.Key, [.. g])),
                Row("all", train),
                ["%", .. Categories.Select(c => Number(100.0 * train.Count(l => l.Category == c) / train.Count)), "100.0", ""],
                ["statements of the gold answer",
                    .. Categories.Select(c => Number(train.Where(l => l.Category == c).Select(l => (double)l.GoldExposures)
                    .DefaultIfEmpty(double.NaN).Average())), "", ""],
                ["statements of the rival", .. Categories.Select(c =>
                    Number(train.Where(l => l.Category == c).Select(l => (double)l.RivalExposures).DefaultIfEmpty(double.NaN).Average())),
                    "", ""],
                ["never seen", .. Categories.Select(c => Share(l => l.Told == Told.NeverSeen, c)), "", ""],
                ["the rival has the majority", .. Categories.Select(c => Share(l => l.Told == Told.RivalMajority, c)), "", ""],
            ],
        };
    }

    /// <summary>The claims with the paper's numbers, this study's, and the verdicts.</summary>
    /// <param name="result">The study.</param>
    /// <param name="numbers">Which claims; none for all.</param>
    public static TableView ClaimsTable(StudyResult result, params int[] numbers)
    {
        var missed = new StudyData(result.Epochs, result.Answers).NotConverged;
        var fits = missed.Count == 0 ? "Every run fits at least 99% of its set at the last epoch."
            : string.Create(CultureInfo.InvariantCulture,
                $"{missed.Count} run{(missed.Count == 1 ? " is" : "s are")} not converged (less than 99% of the set fitted) and in no "
                + $"claim about CONVERGENCE: {string.Join(", ", missed.Select(m => m.Arm).Distinct())}.");
        return new TableView
        {
            Id = "claims",
            Title = "The paper's claims",
            Note = string.Create(CultureInfo.InvariantCulture,
                $"{result.Source} Numbers in points, with 95% intervals (90% for an equality). "
                + $"{fits} A verdict follows from the intervals; p is shown beside it."),
            Columns = StudyReport.ClaimColumns,
            Rows = [.. StudyReport.ClaimRows(result).Where(c => numbers.Length == 0 || numbers.Contains(c.Number))
                .Select(StudyReport.Cells)],
        };
    }

    /// <summary>
    /// Harm by what pre-training said of a test question: never a word, the gold answer as the majority, or the rival.
    /// SliCK calls a fact Unknown in the first and in the last case alike; only the lab can tell them apart.
    /// </summary>
    public static TableView HarmByExposure(StudyResult result)
    {
        var rows = new List<IReadOnlyList<string>>();
        foreach (var arm in new[] { 0, 50, 100 }.Select(x => new Arm(ArmKind.Ratio, x)))
            foreach (var kind in new[] { Told.GoldMajority, Told.RivalMajority, Told.NeverSeen })
            {
                var of = result.Answers.Where(a => a.Kind == arm.Kind && a.UnknownPercent == arm.UnknownPercent && a.Told == kind).ToList();
                double Mean(Func<AnswerRow, bool> right) => of.Count == 0 ? double.NaN : 100 * of.Average(a => right(a) ? 1.0 : 0);
                rows.Add([arm.ToString(), kind switch { Told.GoldMajority => "mostly the gold answer", Told.RivalMajority =>
                    "mostly the rival", _ => "nothing" }, Whole(of.Select(a => (a.BaseSeed, a.FactId)).Distinct().Count()),
                    Number(Mean(a => a.Base)), Number(Mean(a => a.EarlyStop)), Number(Mean(a => a.Convergence))]);
            }
        return new TableView
        {
            Id = "harm-by-exposure",
            Title = "What is lost, by what pre-training said of the question",
            Note = $"{result.Source} Exact match (%), the mean over runs.",
            Columns = ["trained on", "pre-training stated", "test questions", "base model", "EARLY_STOP", "last epoch"],
            Rows = rows,
            HeaderColumns = 2,
        };
    }

    /// <summary>Whether the lab is fit to publish: conditions that were fixed before the runs.</summary>
    public static TableView FitnessTable(StudyResult result) => new()
    {
        Id = "fitness",
        Title = "Is the instrument fit?",
        Note = $"{result.Source} {(result.Bases.Count > 1 ? "The worst base model decides." : "")}",
        Columns = ["condition", "found", "met"],
        Rows = [.. Fitness.Of([.. result.Bases.Select(b => b.Labels)], result.Options.Bases > 1 ? 0.10 : 0.05)
            .Select(f => (IReadOnlyList<string>)[f.Condition, f.Found, f.Met ? "yes" : "no"])],
    };

    internal static string Word(Verdict verdict) =>
        verdict switch { Verdict.Holds => "holds", Verdict.Contradicted => "contradicted", _ => "undecided" };

    private static string WithInterval(Interval share) =>
        $"{Number(100 * share.Estimate)} [{Number(100 * share.Low)}, {Number(100 * share.High)}]";

    private static string Number(double value, string format = "F1") => double.IsNaN(value) ? "-"
        : value.ToString(format, CultureInfo.InvariantCulture);

    private static string Whole(int value) => value.ToString(CultureInfo.InvariantCulture);
}
