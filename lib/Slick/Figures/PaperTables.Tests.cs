using Slick.Analysis;
using Slick.Experiments;
using Slick.Knowledge;
using Slick.Paper;

namespace Slick.Figures;

public static partial class PaperTables
{
    // The sets of Table 2, in the paper's order. D with 100% Unknown is D_Unknown.
    private static readonly Arm[] SingleCategorySets = [new(ArmKind.HighlyKnown), new(ArmKind.MaybeKnown), new(ArmKind.WeaklyKnown),
        Arm.Unknown, new(ArmKind.Natural)];

    private static readonly (Stop Stop, string Name)[] StopsOfTable2 = [(Stop.EarlyStop, "EARLY_STOP"), (Stop.Fit, "FIT"),
        (Stop.Convergence, "CONVERGENCE")];

    private static readonly Category?[] AllAndCategories = [null, .. Enum.GetValues<Category>()];

    /// <summary>
    /// Table 2 as the paper tests it, beside two tests of ours: each set of one category against D_MaybeKnown, and each set's CONVERGENCE
    /// against its EARLY_STOP (appendix I). The paper compares each value with the best of its column (Table 7, and the marks of
    /// <see cref="Table2"/>); over all questions that is D_MaybeKnown. A reference that is fixed before is not chosen by luck.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView Table2Tests(StudyResult result) => SignificanceTests(result, "table-2-tests",
        "Tables 2 and 7. Sets of one category: three tests of each difference", QuestionSet.Test, AllAndCategories);

    /// <summary><see cref="Table2Tests"/> on the test questions of the relations out of distribution. Ours: the paper tests none of
    /// these.</summary>
    /// <param name="result">The study.</param>
    public static TableView Table2TestsOod(StudyResult result) => SignificanceTests(result, "table-2-tests-ood",
        "Sets of one category, out of distribution: three tests of each difference", QuestionSet.Ood, [null]);

    private static TableView SignificanceTests(StudyResult result, string id, string title, QuestionSet set, Category?[] categories)
    {
        var data = new StudyData(result);
        var rows = new List<IReadOnlyList<string>>();
        var (disagree, seeds) = (0, result.Bases.Count > 2);
        void Compare(string stop, Arm arm, string with, Arm other, Stop at, Stop otherAt, Category? category, PaperTest? paper)
        {
            var bases = BasesWith(result, data, [(arm, at), (other, otherAt)]);
            var (own, reference) = (AnswersOf(result, data, arm, at, bases, set, category),
                AnswersOf(result, data, other, otherAt, bases, set, category));
            // Studies of earlier versions kept no answers at FIT.
            if (own.Right.Count == 0 || own.Right.Count != reference.Right.Count) return;
            var tests = PairedComparison.Of(own, reference);
            if (tests.Disagree) disagree++;
            rows.Add([stop, $"D_{SetOf(arm)}", with, category?.ToString() ?? "all", Whole(own.Right.Count),
                Signed(100 * tests.Difference), $"{Whole(tests.OnlyFirst)}, {Whole(tests.OnlySecond)}", PValue(tests.PartsP),
                PValue(tests.QuestionsP), .. seeds ? [PValue(tests.BasesP)] : (string[])[], FoundBy(tests), set == QuestionSet.Test
                    && category is null && paper is { } p ? p == PaperTest.BelowOnePercent ? "p < 0.01" : "p >= 0.05" : ""]);
        }
        foreach (var (stop, name) in StopsOfTable2)
            foreach (var arm in SingleCategorySets.Where(a => a.Kind != ArmKind.MaybeKnown))
                foreach (var category in categories)
                    Compare(name, arm, "D_MaybeKnown", new(ArmKind.MaybeKnown), stop, stop, category, stop == Stop.Fit ? null
                        : PaperStudy.AgainstMaybeKnown[(SetOf(arm), stop == Stop.Convergence)]);
        foreach (var arm in SingleCategorySets)
            Compare("CONVERGENCE", arm, "its EARLY_STOP", arm, Stop.Convergence, Stop.EarlyStop, null,
                PaperStudy.ConvergenceAgainstEarlyStop[SetOf(arm)]);
        return new TableView
        {
            Id = id,
            Title = title,
            Note = $"{result.Source} Differences in points, the first set minus what it is compared with, over the first draw of each set; "
                + "CONVERGENCE: the last epoch. Only one right: questions that only the first, and only the second, answers rightly. Equal "
                + "parts: p of the paper's paired t-test over up to 100 random equal parts of the questions. McNemar: p of the exact test "
                + "over questions. " + (seeds ? "Seeds: p of a paired t-test over the base models, the only one that sees how base models "
                + "differ. " : "None of these sees how base models differ. ")
                + $"No correction for the number of tests. The tests disagree at 5% in {Whole(disagree)} of {Whole(rows.Count)} rows.",
            Columns = ["stop", "trained on", "compared with", "questions", "asked", "difference", "only one right", "p, equal parts",
                "p, McNemar", .. seeds ? ["p, seeds"] : (string[])[], "p < 0.05 by", "paper"],
            Rows = rows,
            HeaderColumns = 4,
        };
    }

    private static string FoundBy(PairedComparison tests)
    {
        (string Name, double P)[] all = [("equal parts", tests.PartsP), ("McNemar", tests.QuestionsP), ("seeds", tests.BasesP)];
        var found = all.Where(t => t.P < 0.05).Select(t => t.Name).ToList();
        return found.Count == 0 ? "none" : tests.Disagree ? $"only {string.Join(", ", found)}" : "all";
    }

    private static string PValue(double p) => double.IsNaN(p) ? "-" : p < 0.001 ? "< 0.001" : Number(p, "F3");

    private static string Signed(double value) => Number(value) is var text && text[0] is '-' || text.Trim('0', '.').Length == 0 ? text
        : "+" + text;

    private static string SetOf(Arm arm) => arm == Arm.Unknown ? "Unknown" : arm.Kind.ToString();

    // The last epoch also of runs that did not converge, which Table 2 marks.
    private static int? EpochOf(StudyRun run, Stop stop) => stop == Stop.Convergence ? run.Stops!.Last : run.EpochOf(stop);

    private static List<StudyRun> FirstDraws(StudyData data, Arm arm, Stop stop) =>
        [.. data.Of(arm).Where(r => r.Row.Draw == 1 && EpochOf(r, stop) is not null).OrderBy(r => r.Row.BaseSeed)];

    // The base models that have a run of every set at its stop.
    private static HashSet<int> BasesWith(StudyResult result, StudyData data, IReadOnlyList<(Arm Arm, Stop Stop)> sets) =>
        [.. result.Bases.Select(b => b.Seed).Where(b => sets.All(s => FirstDraws(data, s.Arm, s.Stop).Any(r => r.Row.BaseSeed == b)))];

    private static PairedAnswers AnswersOf(StudyResult result, StudyData data, Arm arm, Stop stop, HashSet<int> bases, QuestionSet set,
        Category? category)
    {
        var runs = FirstDraws(data, arm, stop).Where(r => bases.Contains(r.Row.BaseSeed)).ToList();
        var shares = runs.Select(r => r.Right(EpochOf(r, stop)!.Value, set, category is { } c ? x => x == c : null)).ToList();
        var right = new List<bool>();
        foreach (var run in runs)
        {
            var of = result.Bases.Single(b => b.Seed == run.Row.BaseSeed);
            var (tested, labels) = (TestIds(of, set == QuestionSet.Test), of.Labels.ToDictionary(l => l.FactId, l => l.Category));
            right.AddRange(run.Answers(EpochOf(run, stop)!.Value).Where(a => tested.Contains(a.FactId)
                && (category is null || labels.TryGetValue(a.FactId, out var own) && own == category)).Select(a => a.Right));
        }
        return new(new(shares.Sum(s => s.Right), shares.Sum(s => s.Of), shares.Sum(s => s.EffectiveQuestions)), right,
            [.. shares.Select(s => s.Value)]);
    }
}
