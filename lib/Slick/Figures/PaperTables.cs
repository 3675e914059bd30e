using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Paper;

namespace Slick.Figures;

/// <summary>Tables 1 to 5 of the paper, the table of claims, and tables of ours beside them.</summary>
public static partial class PaperTables
{
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    /// <summary>
    /// Table 1: the linear model of accuracy, on the test questions and on those of the out-of-distribution relations; beside the
    /// paper's form the epochs up to FIT alone, and all epochs with the share of epochs done as a third regressor.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView Table1(StudyResult result)
    {
        var data = new StudyData(result);
        IEnumerable<IReadOnlyList<string>> Rows(string name, QuestionSet set, ModelForm form, PaperFit? paper)
        {
            var beside = paper is null ? "" : string.Create(CultureInfo.InvariantCulture,
                $"{paper.B0:F1}, {paper.Known:+0.0;-0.0}, {paper.Unknown:+0.0;-0.0}, R2 {paper.R2:F2}");
            var what = form switch { ModelForm.UntilFit => ", until FIT", ModelForm.WithEpoch => ", with the epoch", _ => "" };
            if (FittedModel.Fit(data, set, form) is not { } fit)
            {
                yield return [name, .. Enumerable.Repeat("?", 5), "no rows that tell" + what, beside];
                yield break;
            }
            yield return [name, .. Enumerable.Range(0, 4).Select(i => i < fit.Coefficients.Count
                ? WithInterval(fit.Coefficients[i].Value95) : ""), Number(fit.R2.Value, "F2"),
                $"the rows of {(fit.Pooled.Clusters > 1 ? "each of " : "")}{fit.Coefficients[0].Method}{what}", beside];
            // With one cluster it is the same fit.
            if (fit.Pooled.Clusters > 1) yield return [name, .. Enumerable.Range(0, 4).Select(i => i < fit.Coefficients.Count
                ? WithInterval(LinearModel.CoefficientInterval(fit.Pooled, i)) : ""),
                Number(fit.Pooled.R2, "F2"), $"all {fit.Pooled.Observations} rows{what}", ""];
        }
        return new TableView
        {
            Id = "table-1",
            Title = "Table 1. Accuracy = b0 + b_kn N_kn/|D| + b_unk N_unk/|D| (N: examples fitted)",
            Note = $"{result.Source} Points; one row for every epoch of every D that all {data.Unit} have and at which the test questions "
                + $"were asked. Until FIT: the epochs up to the first with at least 99% of D fitted; with the epoch: b_epoch times the "
                    + $"share "
                + $"of epochs done is added. 95% intervals: t over the fits of the {data.Unit}; of the one fit to all rows, standard "
                    + $"errors "
                + $"clustered by {data.Unit}. {Unbounded}",
            Columns = ["test questions", "b0", "b_kn", "b_unk", "b_epoch", "R2", "fitted to", "paper"],
            Rows =
            [
                .. from form in Enum.GetValues<ModelForm>()
                   from set in new[] { QuestionSet.Test, QuestionSet.Ood }
                   let paper = set == QuestionSet.Test ? PaperStudy.Fit : PaperStudy.OodFit
                   from row in Rows(set == QuestionSet.Test ? "in distribution" : "out of distribution", set, form,
                       form == ModelForm.AllEpochs ? paper : null)
                   select row,
            ],
        };
    }

    /// <summary>
    /// Table 2: single-category sets and D_Natural by category of the test question, at EARLY_STOP, FIT and CONVERGENCE, of the first
    /// draw of each set; beside it the paper's rows. Taught in <c>notebooks/04-categories.ipynb</c>.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView Table2(StudyResult result)
    {
        var data = new StudyData(result);
        var rows = new List<IReadOnlyList<string>>();
        foreach (var (stop, name) in StopsOfTable2)
        {
            var shown = SingleCategorySets.Where(a => FirstDraws(data, a, stop).Count > 0).ToList();
            // Pairs of the same questions: a base model that lacks one of the sets is left out.
            var bases = BasesWith(result, data, [.. shown.Select(a => (a, stop))]);
            var columns = AllAndCategories.Select(category => shown.ToDictionary(arm => arm,
                arm => AnswersOf(result, data, arm, stop, bases, QuestionSet.Test, category))).ToList();
            foreach (var arm in shown)
            {
                var set = SetOf(arm);
                var missed = stop == Stop.Convergence && data.Of(arm).Any(r => !r.Converged);
                var paper = (stop == Stop.EarlyStop ? PaperStudy.EarlyStop : stop == Stop.Convergence ? PaperStudy.Convergence
                    : null)?[set];
                rows.Add([name, $"D_{set}{(missed ? " (not converged)" : "")}", .. columns.Select(c => Cell(c, arm)),
                    paper is null ? "" : string.Join(", ", paper.Select(p => Number(p)))]);
            }
        }
        return new TableView
        {
            Id = "table-2",
            Title = "Table 2. Sets of one category: exact match (%) by category of the test question",
            Note = $"{result.Source} FIT: the first epoch with at least 99% of the set fitted, of the base models where every set has one. "
                + $"Marks: below the column's best by a paired t-test over up to 100 random equal parts of the "
                + $"questions, * p < 0.05, ** p < 0.01 (as in the paper; the test sees how questions differ, not how seeds do)"
                + (result.Bases.Count > 2 ? "; \u2020 below the best by a paired t-test over the base models, p < 0.05. " : ". ")
                + $"Paper: the same columns for PaLM 2-M.",
            Columns = ["stop", "trained on", "all", .. Categories.Select(c => c.ToString()), "paper"],
            Rows = rows,
            HeaderColumns = 2,
        };

        static string Cell(Dictionary<Arm, PairedAnswers> column, Arm arm)
        {
            var (own, best) = (column[arm], column.Values.MaxBy(v => v.Share.Value)!);
            // Studies of earlier versions kept no answers at FIT.
            if (ReferenceEquals(own, best) || own.Right.Count != best.Right.Count) return Number(100 * own.Share.Value);
            var tests = PairedComparison.Of(best, own);
            return Number(100 * own.Share.Value) + (tests.PartsP < 0.01 ? "**" : tests.PartsP < 0.05 ? "*" : "")
                + (tests.BasesP < 0.05 ? "\u2020" : "");
        }
    }

    private static HashSet<int> TestIds(LabelledBase of, bool inDistribution)
    {
        var relations = Relations(of, inDistribution);
        return [.. of.Facts.Where(f => f.Split == Split.Test && relations.Contains(f.Relation)).Select(f => f.Id)];
    }

    private static HashSet<string> Relations(LabelledBase of, bool inDistribution) =>
        of.Dataset.Relations.Where(r => r.InDistribution == inDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);

    /// <summary>
    /// Table 3: how many train facts of each relation fall into each category, how many of them are in D and their share of it; for a lab
    /// also what pre-training said of them, for other models the paper's shares.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView Table3(StudyResult result)
    {
        var questions = result.Options.Questions;
        var sets = result.Bases.Select(b => FineTuningSets.Make(new Arm(ArmKind.Ratio, 0), b.Facts, b.Labels, result.Options.Size, b.Seed,
            questions, b.Exposures)).ToList();
        var size = sets.Sum(s => s.Count);
        var rule = result.Options.Size switch
        {
            SizeRule.SmallestCategory => "a relation's part of D is its smallest category, so one that lacks a category is not in D",
            SizeRule.SmallestUnknownKind => "a relation's part of D is the smallest of its HighlyKnown facts and its three kinds of "
                + "Unknown facts: never stated, stated and not kept, rival stated",
            _ => "a relation's part of D is the smaller of its Known and Unknown facts (by the smallest category |D| would be small); sets "
                + "of one category may then be smaller",
        };
        string[] bounds =
        [
            .. questions.LargestPart > 0 ? [$"at most {Whole(questions.LargestPart)} examples of a relation"] : (string[])[],
            .. questions.LeastKnown > 0 ? [$"no relation with fewer than {Whole(questions.LeastKnown)} Known facts"] : (string[])[],
            .. questions.LargestAnswerShare < 1
                ? [$"no gold answer more than {Number(100 * questions.LargestAnswerShare)}% of a relation's Known facts in D"]
                : (string[])[],
        ];
        if (bounds.Length > 0) rule += $". Bounds: {string.Join(", ", bounds)}";
        return Counts(result, "table-3", "Table 3. Train facts by category", b => b.Labels.Where(l => l.Split == Split.Train),
            PaperStudy.Train, $"|D| = {string.Join(", ", sets.Select(s => Whole(s.Count)))}: {rule}.", ["in D", "% of D"], relation =>
            {
                var part = sets.Sum(set => set.Count(f => relation is null || f.Relation == relation));
                return [Whole(part), Number(100.0 * part / size)];
            });
    }

    /// <summary>Table 4: how many test questions of the relations in distribution fall into each category. Taught in
    /// <c>notebooks/05-out-of-distribution.ipynb</c>.</summary>
    /// <param name="result">The study.</param>
    public static TableView Table4(StudyResult result) => OfTest(result, "table-4", "Table 4. Test questions by category", true,
        PaperStudy.Test);

    /// <summary>Table 5: the same of the relations out of distribution. Taught in
    /// <c>notebooks/05-out-of-distribution.ipynb</c>.</summary>
    /// <param name="result">The study.</param>
    public static TableView Table5(StudyResult result) => OfTest(result, "table-5",
        "Table 5. Test questions out of distribution by category", false, PaperStudy.OodTest);

    private static TableView OfTest(StudyResult result, string id, string title, bool inDistribution,
        IReadOnlyDictionary<string, IReadOnlyList<int>> paper)
    {
        var table = Counts(result, id, title, b =>
        {
            var relations = Relations(b, inDistribution);
            return b.Labels.Where(l => l.Split == Split.Test && relations.Contains(l.Relation));
        }, paper, "", [], _ => []);
        if (table.Rows.Count == 0) return table with { Note = $"{result.Source} No such question is labelled." };
        // Of a category that is large, a part is asked.
        var set = inDistribution ? QuestionSet.Test : QuestionSet.Ood;
        var runs = new StudyData(result).Runs.GroupBy(r => r.Row.BaseSeed).Select(g => g.First().Row.Run).ToHashSet(StringComparer.Ordinal);
        var last = result.Scores.Where(s => s.Set == set && runs.Contains(s.Run)).Select(s => s.Epoch).DefaultIfEmpty(0).Max();
        var asked = Categories.Select(c => result.Scores.Where(s => s.Set == set && s.Epoch == last && runs.Contains(s.Run)
            && s.Category == c.ToString()).Sum(s => s.Of)).ToList();
        return asked.Sum() == 0 || asked.Select(Whole).SequenceEqual(table.Rows.Single(r => r[0] == "all").Skip(1).Take(4)) ? table
            : table with { Rows = [.. table.Rows, ["asked after fine-tuning", .. asked.Select(Whole), Whole(asked.Sum()),
                .. Enumerable.Repeat("", table.Columns.Count - 6)]],
                Note = table.Note + " An Unknown question that was asked stands for all labelled ones. Known questions that the rule about "
                    + "common answers leaves out are not asked." };
    }

    // A row a relation, all, shares; what pre-training said; columns of the caller's.
    private static TableView Counts(StudyResult result, string id, string title, Func<LabelledBase, IEnumerable<LabelRow>> of,
        IReadOnlyDictionary<string, IReadOnlyList<int>> paper, string note, string[] more, Func<string?, string[]> moreOf)
    {
        var labels = result.Bases.SelectMany(b => of(b).Select(l => (Base: b.Seed, Label: l))).ToList();
        var exposures = result.Bases.SelectMany(b => b.Exposures.Select(e => (b.Seed, Row: e))).ToDictionary(e => (e.Seed, e.Row.FactId),
            e => e.Row);
        var beside = !result.IsLab && labels.All(l => paper.ContainsKey(l.Label.Relation));
        int Count(Category c, Func<LabelRow, bool> which) => labels.Count(l => l.Label.Category == c && which(l.Label));
        List<string> Row(string name, Func<LabelRow, bool> which, string? relation)
        {
            var counts = Categories.Select(c => Count(c, which)).ToList();
            return [name, .. counts.Select(Whole), Whole(counts.Sum()), .. moreOf(relation), .. beside ? [Paper(relation)] : (string[])[]];
        }
        string Paper(string? relation)
        {
            var counts = Categories.Select((_, c) => paper.Where(p => relation is null || p.Key == relation).Sum(p => p.Value[c])).ToList();
            return string.Join(", ", counts.Select(c => Number(100.0 * c / counts.Sum())));
        }
        string[] rest = [.. more, .. beside ? ["paper, %"] : (string[])[]];
        List<string> Cells(string name, Func<Category, string> cell) =>
            [name, .. Categories.Select(cell), "", .. rest.Select(_ => "")];
        IEnumerable<ExposureRow> Told(Category c) => labels.Where(l => l.Label.Category == c)
            .Select(l => exposures.GetValueOrDefault((l.Base, l.Label.FactId))).OfType<ExposureRow>();
        string Mean(Category c, Func<ExposureRow, int> number) => Number(Told(c).Select(e => (double)number(e)).DefaultIfEmpty(double.NaN)
            .Average());
        return new TableView
        {
            Id = id,
            Title = $"{title}{(result.Bases.Count > 1 ? $", summed over {result.Bases.Count} base models" : "")}",
            Note = string.Join(" ", new[] { result.Source, note, result.IsLab
                ? "Statements: mean number in one pass of pre-training." : "", beside ? "Paper: PaLM 2-M, HighlyKnown to Unknown."
                    : id == "table-3"
                ? $"The paper's PaLM 2-M: {string.Join(", ", PaperStudy.TrainShares)}%." : "" }.Where(t => t.Length > 0)),
            Columns = ["relation", .. Categories.Select(c => c.ToString()), "all", .. rest],
            Rows = labels.Count == 0 ? [] :
            [
                .. labels.GroupBy(l => l.Label.Relation).Select(g => Row(g.Key, l => l.Relation == g.Key, g.Key)),
                Row("all", _ => true, null),
                ["%", .. Categories.Select(c => Number(100.0 * Count(c, _ => true) / labels.Count)), "100.0", .. rest.Select(_ => "")],
                .. !result.IsLab ? (List<string>[])[] :
                [
                    Cells("statements of the gold answer", c => Mean(c, e => e.GoldExposures)),
                    Cells("statements of the rival", c => Mean(c, e => e.RivalExposures)),
                    Cells("never seen", c => Whole(Told(c).Count(e => e.Told == Facts.Told.NeverSeen))),
                    Cells("the rival has the majority", c => Whole(Told(c).Count(e => e.Told == Facts.Told.RivalMajority))),
                ],
            ],
        };
    }

    /// <summary>
    /// What stands beside every result: accuracy behind the few-shot prompts, accuracy of the base model in the form of fine-tuning, and
    /// what saying each relation's commonest gold answer would score. Taught in <c>notebooks/06-a-real-model.ipynb</c>.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView Baselines(StudyResult result)
    {
        var first = new StudyData(result).Runs.GroupBy(r => r.Row.BaseSeed).ToDictionary(g => g.Key, g => g.First());
        var rows = new List<IReadOnlyList<string>>();
        foreach (var inDistribution in new[] { true, false })
        {
            var all = result.Bases.SelectMany(b => Relations(b, inDistribution) is var relations ? b.Labels
                .Where(l => l.Split == Split.Test && relations.Contains(l.Relation)).Select(l => (Base: b.Seed, Label: l)) : []).ToList();
            var right = first.ToDictionary(f => f.Key, f => f.Value.Answers(0).ToDictionary(a => a.FactId, a => a.Right));
            // Where a part of a category was asked, each of its questions stands for several.
            double Weight((int Base, LabelRow Label) of) =>
                first[of.Base].Weight(inDistribution ? QuestionSet.Test : QuestionSet.Ood, of.Label.Category.ToString());
            List<string> Row(string name, List<(int Base, LabelRow Label)> of)
            {
                var asked = of.Where(l => right.TryGetValue(l.Base, out var a) && a.ContainsKey(l.Label.FactId)).ToList();
                var commonest = CommonestAnswer.Of([.. of.Select(l => ($"{l.Base} {l.Label.Relation}", l.Label.Answer))]);
                return [name, Whole(of.Count), Number(100 * of.Average(l => l.Label.GreedyCorrect)),
                    Number(100 * asked.Sum(l => right[l.Base][l.Label.FactId] ? Weight(l) : 0) / asked.Sum(Weight)),
                    Number(100 * commonest)];
            }
            if (all.Count == 0) continue;
            rows.AddRange(all.GroupBy(l => l.Label.Relation).Select(g => Row(g.Key, [.. g])));
            rows.Add(Row(inDistribution ? "all" : "all out of distribution", all));
        }
        return new TableView
        {
            Id = "baselines",
            Title = "Before fine-tuning: test questions answered rightly (%)",
            Note = $"{result.Source} Few-shot: mean over the prompts of the labels, greedy. Zero-shot: the base model in the form of "
                + "fine-tuning. Commonest: what always saying the relation's most frequent gold answer would score.",
            Columns = ["relation", "questions", "few-shot", "zero-shot", "commonest answer"],
            Rows = rows,
        };
    }

    /// <summary>The claims with the paper's numbers, this study's, and the verdicts.</summary>
    /// <param name="result">The study.</param>
    /// <param name="numbers">Which claims, such as <c>3</c> and <c>3b</c>; none for all.</param>
    public static TableView ClaimsTable(StudyResult result, params string[] numbers)
    {
        var data = new StudyData(result);
        var claims = StudyReport.ClaimRows(result).Where(c => numbers.Length == 0 || numbers.Contains(c.Number)).ToList();
        var missed = data.NotConverged.Count == 0 ? "Every run fits at least 99% of its set at the last epoch."
            : $"Not converged (less than 99% of the set fitted at the last epoch), and so in no claim about CONVERGENCE: "
                + $"{Curves.NotConverged(data)}.";
        return new TableView
        {
            Id = "claims",
            Title = "The registered claims",
            Note = $"{result.Source} Numbers in points, with 95% intervals (90% for an equality). {missed} A verdict follows from the "
                + $"intervals; p is shown beside it. Claims with a letter, and 8, are ours (notebooks/REGISTRATION.md)."
                + StudyReport.Legend(claims),
            Columns = StudyReport.ClaimColumns,
            Rows = [.. claims.Select(StudyReport.Cells)],
        };
    }

    /// <summary>
    /// The claims that were tested, a line each: of its parts the one with the largest p, on which the claim's own p rests; of a claim that
    /// is contradicted a part that contradicts it.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView ClaimsInShort(StudyResult result)
    {
        var claims = Claims.Evaluate(result).OrderBy(c => c.Claim.Registered.IsOurs).ToList();
        var stops = new StudyData(result).Runs.Select(r => r.Stops?.EarlyStop).OfType<int>().ToList();
        var untested = claims.Where(c => c.Verdict == Verdict.NotTested).Select(c => c.Claim.Registered.Number).ToList();
        return new TableView
        {
            Id = "claims-in-short",
            Title = "",
            Note = $"{result.Source} Numbers in points, with 95% intervals (90% for an equality). Of a claim with several parts the part "
                + "with the largest p is shown; of a contradicted claim one that contradicts it. "
                + $"EARLY_STOP lies in the first 5 epochs of {stops.Count(s => s <= 5)} of {stops.Count} runs."
                + $"{(untested.Count > 0 ? $" Not tested on this study: {string.Join(", ", untested)}." : "")}",
            Columns = ["", "claim", "paper", "here", "verdict"],
            Rows = [.. claims.Where(c => c.Verdict != Verdict.NotTested).Select(c => (IReadOnlyList<string>)[c.Claim.Registered.Number,
                c.Claim.Registered.Sentence, c.Claim.Registered.IsOurs ? "ours"
                    : $"{c.Claim.Registered.Paper.Split("; ")[0]} ({c.Claim.Registered.Source})",
                (c.Parts.FirstOrDefault(p => c.Verdict == Verdict.Contradicted && p.IsContradicted(c.Parts.Count))
                    ?? c.Parts.MaxBy(p => p.P)!).Short, Word(c.Verdict)])],
        };
    }

    /// <summary>
    /// Harm by what pre-training said of a test question: never a word, the gold answer as the majority, or the rival.
    /// SliCK calls a fact Unknown in the first and in the last case alike; only the lab can tell them apart. Taught in
    /// <c>notebooks/04-categories.ipynb</c>.
    /// </summary>
    /// <param name="result">The study of a lab.</param>
    public static TableView HarmByExposure(StudyResult result)
    {
        var data = new StudyData(result);
        var told = result.Bases.ToDictionary(b => b.Seed, b => b.Exposures.ToDictionary(e => e.FactId, e => e.Told));
        var tested = result.Bases.ToDictionary(b => b.Seed, b => TestIds(b, inDistribution: true));
        var rows = new List<IReadOnlyList<string>>();
        foreach (var arm in new[] { 0, 50, 100 }.Select(x => new Arm(ArmKind.Ratio, x)))
            foreach (var kind in new[] { Told.GoldMajority, Told.RivalMajority, Told.NeverSeen })
            {
                // The facts of this kind that were asked at an epoch, in all runs that have the stop.
                IEnumerable<(int Base, int Cluster, AnswerRow Answer)> At(Func<StudyRun, int?> epochOf) =>
                    from run in data.Of(arm)
                    let seed = run.Row.BaseSeed
                    let epoch = epochOf(run)
                    where epoch is not null
                    from answer in run.Answers(epoch.Value)
                    where tested[seed].Contains(answer.FactId) && told[seed].TryGetValue(answer.FactId, out var said) && said == kind
                    select (seed, data.Cluster(run), answer);
                string Mean(Func<StudyRun, int?> epochOf) => Bounded(Intervals.MeanT([.. At(epochOf).GroupBy(a => a.Cluster)
                    .Select(g => g.Average(a => a.Answer.Right ? 1.0 : 0))]));
                rows.Add([arm.ToString(), kind switch { Told.GoldMajority => "mostly the gold answer", Told.RivalMajority =>
                    "mostly the rival", _ => "nothing" }, Whole(At(_ => 0).Select(a => (a.Base, a.Answer.FactId)).Distinct().Count()),
                    Mean(_ => 0), Mean(r => r.Stops!.EarlyStop), Mean(r => r.Stops!.Fit), Mean(r => r.Stops!.Last)]);
            }
        return new TableView
        {
            Id = "harm-by-exposure",
            Title = "What is lost, by what pre-training said of the question",
            Note = $"{result.Source} Exact match (%), the mean over {data.Unit} with its 95% interval (t); at FIT over the runs that have "
                + "it.",
            Columns = ["trained on", "pre-training stated", "test questions", "base model", "EARLY_STOP", "FIT", "last epoch"],
            Rows = rows,
            HeaderColumns = 2,
        };
    }

    /// <summary>Whether the lab is fit to publish: conditions that were fixed before the runs.</summary>
    /// <param name="result">The study of a lab.</param>
    public static TableView FitnessTable(StudyResult result) => new()
    {
        Id = "fitness",
        Title = "Is the instrument fit?",
        Note = $"{result.Source} {(result.Bases.Count > 1 ? "The worst base model decides." : "")}",
        Columns = ["condition", "found", "met"],
        Rows = [.. Fitness.Of(result.Bases, result.Options.Bases > 1 ? 0.10 : 0.05)
            .Select(f => (IReadOnlyList<string>)[f.Condition, f.Found, f.Met ? "yes" : "no"])],
    };

    internal static string Word(Verdict verdict) => verdict switch
    {
        Verdict.Holds => "holds",
        Verdict.Contradicted => "contradicted",
        Verdict.NotTested => "not tested",
        _ => "undecided",
    };

    /// <summary>What the dashes of a table and the question marks of a claim mean.</summary>
    internal const string Unbounded = "[-, -]: one run, which does not tell how much runs differ.";

    /// <summary>A share with its interval, in percent, as <c>12.3 [10.1, 14.5]</c>.</summary>
    internal static string WithInterval(Interval share) =>
        $"{Number(100 * share.Estimate)} [{Number(100 * share.Low)}, {Number(100 * share.High)}]";

    // Of one run or of equal numbers there is no interval.
    private static string Bounded(Interval share) => share.HasBounds && share.High > share.Low ? WithInterval(share)
        : Number(100 * share.Estimate);

    private static string Number(double value, string format = "F1") => double.IsNaN(value) ? "-"
        : value.ToString(format, CultureInfo.InvariantCulture) is var text && text.Trim('-', '0', '.').Length == 0 ? text.TrimStart('-')
        : text;

    internal static string Whole(int value) => value.ToString(CultureInfo.InvariantCulture);
}
