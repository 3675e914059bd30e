using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;

namespace Slick.Figures;

/// <summary>
/// Tables that only a lab can have: SliCK's labels beside what pre-training stated. A label says what a model answers; the truth says what
/// the model was told.
/// </summary>
public static class TruthTables
{
    /// <summary>
    /// Of each category: the share of its facts that pre-training never stated, of which it stated mostly the rival, and mostly the gold
    /// answer.
    /// </summary>
    /// <param name="result">The study of a lab.</param>
    public static TableView Categories(StudyResult result)
    {
        var facts = Facts(result);
        return new()
        {
            Id = "slick-and-truth",
            Title = "What pre-training stated about the facts of each category",
            Note = $"{result.Origin}. {Which} Shares of a category's facts (%). {Method(result)}",
            Columns = ["category", "facts", "nothing", "mostly the rival", "mostly the gold answer"],
            Rows =
            [
                .. Enum.GetValues<Category>().Select(c => Row(c.ToString(), [.. facts.Where(f => f.Category == c)])),
                Row("all", facts),
            ],
        };

        IReadOnlyList<string> Row(string name, List<ToldFact> of) => [name, PaperTables.Whole(of.Count), .. new[] { Told.NeverSeen,
            Told.RivalMajority, Told.GoldMajority }.Select(told => Share(result, of, f => f.Told == told))];
    }

    /// <summary>
    /// Where SliCK and the truth part: facts that no document states and that are labelled Known; facts labelled Unknown that documents
    /// state; facts labelled Known that no document states. For all relations, for those whose answers are unique, and by the pool that a
    /// relation's answers are drawn from: an answer of a small pool can be guessed.
    /// </summary>
    /// <param name="result">The study of a lab.</param>
    public static TableView Errors(StudyResult result)
    {
        var facts = Facts(result);
        return new()
        {
            Id = "slick-errors",
            Title = "Where SliCK's labels and what pre-training stated part",
            Note = $"{result.Origin}. {Which} {Method(result)}",
            Columns = ["relations", "facts", "never stated: labelled Known, %", "labelled Unknown: were stated, %",
                "labelled Known: never stated, %"],
            Rows =
            [
                Row("all", facts),
                Row("answers are unique", [.. facts.Where(f => f.Pool.Length == 0)]),
                .. facts.Where(f => f.Pool.Length > 0).GroupBy(f => f.Pool)
                    .OrderBy(g => WorldRelation.PoolSizes[g.Key]).ThenBy(g => g.Key, StringComparer.Ordinal)
                    .Select(g => Row($"answers of the pool {g.Key} ({string.Join(", ", g.Select(f => f.Relation).Distinct())})",
                        [.. g])),
            ],
        };

        IReadOnlyList<string> Row(string name, List<ToldFact> of) => [name, PaperTables.Whole(of.Count),
            Share(result, [.. of.Where(f => f.Told == Told.NeverSeen)], f => f.Category != Category.Unknown),
            Share(result, [.. of.Where(f => f.Category == Category.Unknown)], f => f.Told != Told.NeverSeen),
            Share(result, [.. of.Where(f => f.Category != Category.Unknown)], f => f.Told == Told.NeverSeen)];
    }

    /// <summary>
    /// Where the wrong answers come from: of the test questions in distribution that the base model answers rightly alone and that are
    /// answered wrongly at a stop, the share of each kind, and the share that the model is sure of.
    /// </summary>
    /// <param name="result">The study of a lab.</param>
    public static TableView WrongAnswers(StudyResult result)
    {
        var data = new StudyData(result);
        var bases = result.Bases.ToDictionary(b => b.Seed);
        var rows = new List<IReadOnlyList<string>>();
        // Runs of earlier versions kept no texts.
        var hasTexts = result.Answers.Any(a => a.Text.Length > 0);
        foreach (var arm in hasTexts ? new[] { 0, 50, 100 }.Select(x => new Arm(ArmKind.Ratio, x)) : [])
            foreach (var (stop, name) in new[] { (Stop.EarlyStop, "EARLY_STOP"), (Stop.Fit, "FIT"), (Stop.Convergence, "last epoch") })
            {
                var lost = new List<(int Cluster, WrongAnswerKind Kind, bool Sure)>();
                foreach (var run in data.Of(arm))
                {
                    if ((stop == Stop.Convergence ? run.Stops!.Last : run.EpochOf(stop)) is not { } epoch) continue;
                    var of = bases[run.Row.BaseSeed];
                    var kinds = new WrongAnswerKinds(of.Facts, of.Labels, FineTuningSets.Make(arm, of.Facts, of.Labels, result.Options.Size,
                        Seeds.Mix(of.Seed, run.Row.Draw), result.Options.Questions, of.Exposures), areNamesArbitrary: true);
                    var trained = of.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
                    var before = run.Answers(0).Where(a => a.Right && trained.Contains(of.Facts[a.FactId].Relation)).Select(a => a.FactId)
                        .ToHashSet();
                    lost.AddRange(run.Answers(epoch).Where(a => !a.Right && before.Contains(a.FactId))
                        .Select(a => (data.Cluster(run), kinds.Of(a), a.Probability >= 0.5)));
                }
                string Mean(Func<(int Cluster, WrongAnswerKind Kind, bool Sure), bool> which)
                {
                    var share = Intervals.MeanT([.. lost.GroupBy(l => l.Cluster).Select(g => g.Average(l => which(l) ? 1.0 : 0))]);
                    return double.IsNaN(share.Estimate) ? "-" : share.HasBounds ? PaperTables.WithInterval(share)
                        : (100 * share.Estimate).ToString("F1", CultureInfo.InvariantCulture);
                }
                rows.Add([arm.ToString(), name, PaperTables.Whole(lost.Count),
                    .. Kinds.Select(k => Mean(l => l.Kind == k)), Mean(l => l.Sure)]);
            }
        return new()
        {
            Id = "wrong-answers",
            Title = "What lost questions are answered with (%)",
            Note = !hasTexts ? $"{result.Source} The texts of wrong answers were not kept."
                : $"{result.Source} Test questions that the base model answers rightly and the fine-tuned one wrongly. The first kind "
                + "that fits counts. Sure: the answer's probability (T = 1) is at least 0.5. "
                + $"Lost: summed over {data.Unit}. Shares: means over the {data.Unit} that lost some, with 95% intervals (t, not bounded "
                + "by 0 and 100).",
            Columns = ["trained on", "stop", "lost", "nothing", "the rival", "an answer of D", "another of the relation",
                "of another relation", "elsewhere", "sure"],
            Rows = rows,
            HeaderColumns = 2,
        };
    }

    /// <summary>
    /// How local the harm of D 100% is: of the test questions in distribution that the base model answers rightly, the share that is lost,
    /// by how many name parts the question shares with examples of its relation; and a linear model of the loss
    /// (<see cref="Analysis.HarmByDistance"/>). Ours, beside Kaplan et al. (2026), who explain forgetting by overlapping names.
    /// </summary>
    /// <param name="result">The study of a lab.</param>
    public static TableView HarmByDistance(StudyResult result)
    {
        var data = new StudyData(result);
        // Published results of earlier versions did not name the subjects.
        var hasSubjects = result.Bases.All(b => b.Facts.Any(f => f.Subject.Length > 0));
        var rows = new List<IReadOnlyList<string>>();
        foreach (var (name, epochOf) in hasSubjects ? new (string, Func<StudyRun, int?>)[] { ("FIT", r => r.Stops!.Fit),
            ("last epoch", r => r.Stops!.Last) } : [])
        {
            var all = Analysis.HarmByDistance.Rows(result, data, Arm.Unknown, epochOf);
            void Lost(string which, Func<DistanceRow, bool> counts)
            {
                DistanceRow[] of = [.. all.Where(counts)];
                rows.Add([name, $"lost, {which} (%)", PaperTables.Whole(of.Length),
                    Cell(Analysis.HarmByDistance.Lost(of, data.SeveralBases))]);
            }
            Lost("no shared part", r => r.SharedParts == 0);
            Lost("one shared part", r => r.SharedParts == 1);
            Lost("two or more", r => r.SharedParts > 1);
            Lost("all", _ => true);
            var model = Analysis.HarmByDistance.Model(all, data.SeveralBases);
            rows.AddRange(Analysis.HarmByDistance.Regressors.Select((regressor, i) => (IReadOnlyList<string>)[name,
                $"model: {regressor} (points)", PaperTables.Whole(all.Count), model is null ? "-" : Cell(model[i])]));
        }
        return new()
        {
            Id = "harm-by-distance",
            Title = "How local the harm of D 100% is",
            Note = !hasSubjects ? $"{result.Source} The subjects of the facts were not kept."
                : $"{result.Source} Test questions that the base model answers rightly, summed over {data.Unit}. A shared part: a word of "
                + "the question's subject that is also in the subject of an example of D; it counts once for each such example. Model: "
                + "least squares of lost (100) or not (0) on all four at once; statements and examples enter as log2(1 + number). 95% "
                + "intervals: "
                + (result.Bases.Count > 1 ? "t over seeds, each fitted apart." : "over questions, standard errors clustered by relation.")
                + " They are not bounded by 0 and 100.",
            Columns = ["stop", "number", "questions", "estimate"],
            Rows = rows,
            HeaderColumns = 2,
        };

        static string Cell(Interval value) => double.IsNaN(value.Estimate) ? "-" : value.HasBounds ? PaperTables.WithInterval(value)
            : (100 * value.Estimate).ToString("F1", CultureInfo.InvariantCulture);
    }

    // The kinds of a lab's wrong answers.
    private static readonly WrongAnswerKind[] Kinds = [WrongAnswerKind.Empty, WrongAnswerKind.Rival, WrongAnswerKind.AnswerOfSet,
        WrongAnswerKind.AnswerOfRelation, WrongAnswerKind.AnswerOfAnotherRelation, WrongAnswerKind.Elsewhere];

    private const string Which = "Train and test facts of the relations in distribution.";

    private static string Method(StudyResult result) => result.Bases.Count > 1
        ? "Means over the base models with 95% intervals (t)." : "One base model: 95% intervals over its facts (Wilson).";

    private sealed record ToldFact(int Base, string Relation, string Pool, Category Category, Told Told);

    private static List<ToldFact> Facts(StudyResult result)
    {
        var pools = WorldRelation.All.ToDictionary(r => r.Id, r => r.Pool);
        return [.. from of in result.Bases
                   let told = of.Exposures.ToDictionary(e => e.FactId, e => e.Told)
                   let trained = of.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal)
                   from label in of.Labels
                   where trained.Contains(label.Relation) && told.ContainsKey(label.FactId)
                   select new ToldFact(of.Seed, label.Relation, pools.GetValueOrDefault(label.Relation, ""), label.Category,
                       told[label.FactId])];
    }

    // In a study of several base models the mean of their shares, else the share.
    private static string Share(StudyResult result, List<ToldFact> of, Func<ToldFact, bool> which)
    {
        var shares = of.GroupBy(f => f.Base).Select(g => g.Average(f => which(f) ? 1.0 : 0)).ToList();
        var share = result.Bases.Count == 1 ? Intervals.Wilson(of.Count(which), of.Count) : Intervals.MeanT(shares);
        return double.IsNaN(share.Estimate) ? "-" : PaperTables.WithInterval(share);
    }
}
