using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Tests.Experiments;

namespace Slick.Tests.Figures;

/// <summary>The paper's tables and figures of a study that was made by hand, so that every cell is known.</summary>
public sealed class PaperTablesTests
{
    private const int EachCategory = 10; // test questions of a base model
    private const int LastEpoch = 4;

    private static readonly Arm[] Arms = [new(ArmKind.Ratio, 0), new(ArmKind.Ratio, 50), new(ArmKind.Ratio, 100),
        new(ArmKind.HighlyKnown), new(ArmKind.MaybeKnown), new(ArmKind.WeaklyKnown), new(ArmKind.Natural),
            new(ArmKind.KnownOnlySameUpdates, 50)];

    // Train facts of a relation by category, HighlyKnown to Unknown.
    private static readonly Dictionary<string, int[]> Train = new() { ["r"] = [4, 3, 2, 5], ["s"] = [1, 2, 3, 4] };

    // What pre-training said of a fact of each category: gold answer, rival.
    private static readonly (int Gold, int Rival)[] Told = [(9, 0), (4, 2), (1, 3), (0, 0)];

    private static readonly StudyResult Study = Make();

    private static StudyResult Make()
    {
        var (bases, tables) = (new List<LabelledBase>(), new List<RunTables>());
        foreach (var seed in new[] { 1, 2 })
        {
            var (facts, labels, told) = (new List<Fact>(), new List<LabelRow>(), new List<ExposureRow>());
            void Add(string relation, Split split, Category category, string answer = "a")
            {
                var (gold, rival) = Told[(int)category];
                told.Add(new() { FactId = facts.Count, GoldExposures = gold, RivalExposures = rival });
                facts.Add(new Fact { Id = facts.Count, Relation = relation, Split = split, Subject = "x", Question = "q",
                    Answer = answer });
                labels.Add(new LabelRow
                {
                    FactId = facts.Count - 1, Relation = relation, Split = split, Question = "q", Answer = answer,
                    GreedyCorrect = category == Category.HighlyKnown ? 1 : 0, SampledCorrect = 0, CategoryProbability = 1,
                    Category = category,
                });
            }
            foreach (var (relation, counts) in Train)
                foreach (var category in Enum.GetValues<Category>())
                    for (var i = 0; i < counts[(int)category]; i++) Add(relation, Split.Train, category);
            for (var i = 0; i < 4 * EachCategory; i++) Add("r", Split.Test, (Category)(i % 4), i % 5 == 0 ? "often" : $"{i}");
            for (var i = 0; i < 8; i++) Add("o", Split.Test, (Category)(i % 4));
            bases.Add(new(seed, "", new([new("r", "", true), new("s", "", true), new("o", "", false)], facts), labels, told));
            tables.AddRange(Arms.Select(arm => Run(arm, seed, facts)));
        }
        return new("lab", StudyOptions.Lab with { Bases = 2 }, bases, [.. tables.Select(t => t.Run)], [.. tables.SelectMany(t => t.Epochs)],
            [.. tables.SelectMany(t => t.Scores)], [.. tables.SelectMany(t => t.Answers)], []);
    }

    private static RunTables Run(Arm arm, int seed, List<Fact> facts)
    {
        var key = $"{arm}, {seed}";
        var unknown = Math.Max(0, arm.UnknownPercent);
        var run = new RunRow { Run = key, Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = seed, Draw = 1,
            KnownExamples = 100 - unknown, UnknownExamples = unknown };
        var (epochs, scores, answers) = (new List<EpochRow>(), new List<ScoreRow>(), new List<AnswerRow>());
        for (var e = 0; e <= LastEpoch; e++)
        {
            epochs.Add(new() { Run = key, Epoch = e, Updates = e, TrainLoss = 1 });
            void Score(QuestionSet set, string category, double right, int of)
            {
                if (of > 0) scores.Add(new() { Run = key, Epoch = e, Set = set, Category = category, Right = (int)Math.Round(right),
                    Of = of });
            }
            Score(QuestionSet.Dev, "", e == seed ? 2 : 1, 4); // EARLY_STOP is epoch 1 of seed 1 and epoch 2 of seed 2
            var fitted = e == LastEpoch ? 1 : 0.5;
            Score(QuestionSet.Train, "HighlyKnown", fitted * (100 - unknown), 100 - unknown);
            Score(QuestionSet.Train, "Unknown", fitted * unknown, unknown);
            foreach (var category in Enum.GetValues<Category>())
            {
                var right = e == 0 ? 5 : e == LastEpoch ? Right(arm, category, early: false, seed)
                    : Right(arm, category, early: true, seed);
                Score(QuestionSet.Test, category.ToString(), right, EachCategory);
                Score(QuestionSet.Ood, category.ToString(), category == Category.HighlyKnown ? 2 - (e == LastEpoch ? unknown / 50 : 0) : 0,
                    2);
                var asked = facts.Where(f => f.Split == Split.Test && f.Relation == "r").Where((_, i) => i % 4 == (int)category).ToList();
                if (e == 0 || e == seed || e == LastEpoch)
                    answers.AddRange(asked.Select((f, i) => new AnswerRow { Run = key, Epoch = e, FactId = f.Id, Right = i < right }));
            }
        }
        return new(run, epochs, scores, answers);
    }

    // Of the ten test questions of a category, how many are right.
    private static int Right(Arm arm, Category category, bool early, int seed) => (arm.Kind, category) switch
    {
        (ArmKind.HighlyKnown, Category.HighlyKnown) => early ? 8 : 8,
        (ArmKind.MaybeKnown, Category.HighlyKnown) => (early ? 7 : 6) + (seed == 1 ? 1 : -1),
        (ArmKind.WeaklyKnown, Category.HighlyKnown) => early ? 6 : 3,
        (ArmKind.Ratio, Category.HighlyKnown) when arm.UnknownPercent == 100 => early ? 4 : 1,
        (ArmKind.Natural, Category.HighlyKnown) => early ? 8 : 7,
        (ArmKind.Ratio, Category.MaybeKnown) => early ? 6 : 4 - arm.UnknownPercent / 50,
        (ArmKind.Ratio, Category.WeaklyKnown) => early ? 3 : 1,
        (ArmKind.KnownOnlySameUpdates, Category.MaybeKnown) => 7,
        (_, Category.Unknown) => 0,
        _ => 5,
    };

    // Accuracies of D that follow a linear model: seed 1 has 0.30 + 0.10 known - 0.20 unknown, seed 2 0.50 + 0.14 known - 0.20 unknown.
    private static StudyResult Linear()
    {
        var scores = new List<ScoreRow>();
        foreach (var run in Study.Runs.Where(r => r.Kind == ArmKind.Ratio))
            for (var e = 0; e <= LastEpoch; e++)
            {
                void Score(QuestionSet set, string category, double share, int of) =>
                    scores.Add(new() { Run = run.Run, Epoch = e, Set = set,
                    Category = category, Right = (int)Math.Round(share * of), Of = of });
                var (known, unknown, x) = (e / (double)LastEpoch, e * e / (double)(LastEpoch * LastEpoch), run.UnknownPercent / 100.0);
                var accuracy = run.BaseSeed == 1 ? 0.30 + 0.10 * known * (1 - x) - 0.20 * unknown * x
                    : 0.50 + 0.14 * known * (1 - x) - 0.20 * unknown * x;
                Score(QuestionSet.Dev, "", e == run.BaseSeed ? 0.5 : 0.25, 4);
                if (x < 1) Score(QuestionSet.Train, "HighlyKnown", known, 10_000 * (100 - run.UnknownPercent));
                if (x > 0) Score(QuestionSet.Train, "Unknown", unknown, 10_000 * run.UnknownPercent);
                Score(QuestionSet.Test, "", accuracy, 1_000_000_000);
                Score(QuestionSet.Ood, "", accuracy / 2, 1_000_000_000);
            }
        return Study with
        {
            Runs = [.. Study.Runs.Where(r => r.Kind == ArmKind.Ratio).Select(r => r with { KnownExamples = 10_000 * r.KnownExamples,
                UnknownExamples = 10_000 * r.UnknownExamples })],
            Scores = scores,
        };
    }

    [Fact]
    public void Table3_OfTheThreeKindsOfUnknown_CountsThem()
    {
        var study = SmokeStudy.Result;
        var kinds = study with { Options = study.Options with { Size = SizeRule.SmallestUnknownKind } };
        Assert.Contains("its three kinds of Unknown", PaperTables.Table3(kinds).Note, StringComparison.Ordinal);
        Assert.Equal(PaperTables.Table3(study).Rows.Count, PaperTables.Table3(kinds).Rows.Count);
        Assert.NotEmpty(StudyReport.PublishedTables(kinds));
    }

    [Fact]
    public void Table1_IsTheMeanOfTheSeedsFits()
    {
        var table = PaperTables.Table1(Linear());
        // t with one degree of freedom: 12.706 times the standard error. b0 is 30 and 50, b_kn 10 and 14.
        Assert.Equal(["in distribution", "40.0 [-87.1, 167.1]", "12.0 [-13.4, 37.4]", "-20.0 [-20.0, -20.0]", "", "1.00",
            "the rows of each of 2 seeds", "36.9, +7.3, -8.3, R2 0.86"], table.Rows[0]);
        Assert.Equal(["out of distribution", "20.0 [-43.5, 83.5]", "6.0 [-6.7, 18.7]", "-10.0 [-10.0, -10.0]", "", "1.00",
            "the rows of each of 2 seeds", "36.2, +3.2, -3.0, R2 0.95"], table.Rows[2]);
        // One line through both seeds leaves what they differ by unexplained.
        Assert.Equal("all 24 rows", table.Rows[1][6]);
        Assert.InRange(double.Parse(table.Rows[1][5], System.Globalization.CultureInfo.InvariantCulture), 0.1, 0.9);
        // Where examples alone explain accuracy, the epoch takes nothing.
        var with = table.Rows.First(r => r[6] == "the rows of each of 2 seeds, with the epoch");
        Assert.Equal(["12.0 [-13.4, 37.4]", "-20.0 [-20.0, -20.0]"], with.Skip(2).Take(2));
        Assert.Matches("^-?0.0 ", with[4]);
    }

    [Fact]
    public void ModelUntilFit_LeavesLaterEpochsOut()
    {
        // D is fitted at the third epoch of four; then everything is lost.
        var study = Linear();
        var late = study with
        {
            Scores = [.. study.Scores.Select(s => s.Epoch == LastEpoch && s.Set == QuestionSet.Test ? s with { Right = 0 }
                : s.Epoch == LastEpoch - 1 && s.Set == QuestionSet.Train ? s with { Right = s.Of } : s)],
        };
        var table = PaperTables.Table1(late).Rows;
        Assert.Equal("all 18 rows, until FIT", table.First(r => r[6].EndsWith("rows, until FIT", StringComparison.Ordinal))[6]);
        Assert.NotEqual(table[0][2], table.First(r => r[6] == "the rows of each of 2 seeds, until FIT")[2]);
    }

    [Fact]
    public void ModelUntilFit_LeavesRunsWithoutFitOut()
    {
        // D 100% of seed 2 is never fitted: its percentage is left out, as both seeds must have the same ones.
        var study = Linear();
        var run = study.Runs.Single(r => r is { BaseSeed: 2, UnknownPercent: 100 }).Run;
        var data = new StudyData(study with
        {
            Scores = [.. study.Scores.Select(s => s.Run == run && s.Set == QuestionSet.Train
                ? s with { Right = Math.Min(s.Right, s.Of / 2) } : s)],
        });
        var (all, until) = (FittedModel.Fit(data, QuestionSet.Test)!, FittedModel.Fit(data, QuestionSet.Test, ModelForm.UntilFit)!);
        Assert.Equal([0, 50, 100], all.Percents);
        Assert.Equal([0, 50], until.Percents);
        Assert.Equal((24, 16), (all.Pooled.Observations, until.Pooled.Observations));
        var none = new StudyData(study with { Scores = [.. study.Scores.Select(s => s.Set == QuestionSet.Train
            ? s with { Right = Math.Min(s.Right, s.Of / 2) } : s)] });
        Assert.Null(FittedModel.Fit(none, QuestionSet.Test, ModelForm.UntilFit));
    }

    [Fact]
    public void Table2_HasTheSharesOfEachCategoryAndTheStars()
    {
        var table = PaperTables.Table2(Study);
        string Cell(string stop, string set, string column) =>
            table.Rows.Single(r => r[0] == stop && r[1] == set)[table.Columns.ToList().IndexOf(column)];
        Assert.Equal(["D_HighlyKnown", "D_MaybeKnown", "D_WeaklyKnown", "D_Unknown", "D_Natural"], table.Rows.Take(5).Select(r => r[1]));
        // The sets are fitted at the last epoch alone, so FIT is CONVERGENCE here.
        Assert.Equal(["EARLY_STOP", "FIT", "CONVERGENCE"], table.Rows.Select(r => r[0]).Distinct());
        Assert.Equal("10.0**", Cell("FIT", "D_Unknown", "HighlyKnown"));
        Assert.Equal("40.5, 98.7, 60.1, 9.0, 0.6", Cell("EARLY_STOP", "D_HighlyKnown", "paper"));
        Assert.Equal("", Cell("FIT", "D_HighlyKnown", "paper"));
        // The best has 16 of 20. Paired t over 20 questions: 2 fewer p = 0.16, 4 fewer 0.042, 8 fewer 0.002.
        Assert.Equal("80.0", Cell("EARLY_STOP", "D_HighlyKnown", "HighlyKnown"));
        Assert.Equal("80.0", Cell("EARLY_STOP", "D_Natural", "HighlyKnown"));
        Assert.Equal("70.0", Cell("EARLY_STOP", "D_MaybeKnown", "HighlyKnown")); // 8 and 6 of 10: one of ten below each way
        Assert.Equal("60.0*", Cell("EARLY_STOP", "D_WeaklyKnown", "HighlyKnown"));
        Assert.Equal("40.0**", Cell("EARLY_STOP", "D_Unknown", "HighlyKnown"));
        Assert.Equal("80.0", Cell("CONVERGENCE", "D_HighlyKnown", "HighlyKnown"));
        Assert.Equal("10.0**", Cell("CONVERGENCE", "D_Unknown", "HighlyKnown"));
        Assert.Equal("20.0*", Cell("CONVERGENCE", "D_Unknown", "MaybeKnown")); // 6 fewer than 10 of 20: p = 0.0102
        Assert.Equal("0.0", Cell("CONVERGENCE", "D_Unknown", "Unknown"));
        // All: 1 + 2 + 1 + 0 of 40.
        Assert.Equal("10.0**", Cell("CONVERGENCE", "D_Unknown", "all"));
    }

    [Fact]
    public void Table2Tests_CompareEachSetWithMaybeKnownAndWithItsEarlyStop()
    {
        var table = PaperTables.Table2Tests(Study);
        IReadOnlyList<string> Row(string stop, string set, string with, string questions) =>
            table.Rows.Single(r => r[0] == stop && r[1] == set && r[2] == with && r[3] == questions);
        Assert.Equal(3 * 4 * 5 + 5, table.Rows.Count);
        // 8 and 8 of 10 against 8 and 6: two questions of seed 2 are right under D_HighlyKnown alone. McNemar's p is 2 / 4. The 20
        // questions are 20 parts, two of which differ by 1: t = 0.1 / (0.3078 / sqrt 20) = 1.453, p = 0.163.
        Assert.Equal(["20", "+10.0", "2, 0", "0.163", "0.500", "none", ""],
            Row("EARLY_STOP", "D_HighlyKnown", "D_MaybeKnown", "HighlyKnown").Skip(4));
        // 4 and 4 against 8 and 6: six questions are right under D_MaybeKnown alone. McNemar's p is 2 / 2^6.
        Assert.Equal(["20", "-30.0", "0, 6", "0.010", "0.031", "all", ""],
            Row("EARLY_STOP", "D_Unknown", "D_MaybeKnown", "HighlyKnown").Skip(4));
        // 3 and 3 against 7 and 5: again six, of all at CONVERGENCE.
        Assert.Equal(["20", "-30.0", "0, 6", "0.010", "0.031", "all", ""],
            Row("CONVERGENCE", "D_WeaklyKnown", "D_MaybeKnown", "HighlyKnown").Skip(4));
        Assert.Equal("p >= 0.05", Row("EARLY_STOP", "D_Natural", "D_MaybeKnown", "all")[^1]);
        Assert.Equal("p < 0.01", Row("CONVERGENCE", "D_Natural", "D_MaybeKnown", "all")[^1]);
        Assert.Equal("", Row("FIT", "D_Natural", "D_MaybeKnown", "all")[^1]);
        // MaybeKnown's HighlyKnown questions fall from 8 and 6 to 7 and 5, the other categories stay.
        Assert.Equal(["80", "-2.5", "0, 2"], Row("CONVERGENCE", "D_MaybeKnown", "its EARLY_STOP", "all").Skip(4).Take(3));
        Assert.Equal("p >= 0.05", Row("CONVERGENCE", "D_MaybeKnown", "its EARLY_STOP", "all")[^1]);
        Assert.Equal("p < 0.01", Row("CONVERGENCE", "D_Unknown", "its EARLY_STOP", "all")[^1]);
        Assert.DoesNotContain("p, seeds", table.Columns); // two base models
        // No answer out of distribution was kept.
        Assert.Empty(PaperTables.Table2TestsOod(Study).Rows);
        var few = Study with { Runs = [.. Study.Runs.Where(r => r.Kind != ArmKind.MaybeKnown)] };
        Assert.All(PaperTables.Table2Tests(few).Rows, r => Assert.Equal("its EARLY_STOP", r[2]));
    }

    [Fact]
    public void Table3_CountsFactsAndWhatWasSaidOfThem()
    {
        var rows = PaperTables.Table3(Study).Rows.ToDictionary(r => r[0], r => r.Skip(1).ToList());
        Assert.Equal(["8", "6", "4", "10", "28", "4", "66.7"], rows["r"]); // both base models; in D twice the smallest category
        Assert.Equal(["2", "4", "6", "8", "20", "2", "33.3"], rows["s"]);
        Assert.Equal(["10", "10", "10", "18", "48", "6", "100.0"], rows["all"]);
        Assert.Equal(["20.8", "20.8", "20.8", "37.5", "100.0", "", ""], rows["%"]);
        Assert.Equal(["9.0", "4.0", "1.0", "0.0", "", "", ""], rows["statements of the gold answer"]);
        Assert.Equal(["0.0", "2.0", "3.0", "0.0", "", "", ""], rows["statements of the rival"]);
        Assert.Equal(["0", "0", "0", "18", "", "", ""], rows["never seen"]);
        Assert.Equal(["0", "0", "10", "0", "", "", ""], rows["the rival has the majority"]);
        Assert.Contains("|D| = 3, 3: a relation's part of D is its smallest category", PaperTables.Table3(Study).Note,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Table3_HasTheDOfTheStudysBounds()
    {
        // r has 9 Known and 5 Unknown facts, s 6 and 4.
        StudyResult With(int part, int known, double share = 1) => Study with
        {
            Options = Study.Options with { Size = SizeRule.SmallerOfKnownAndUnknown,
                Questions = new() { LargestPart = part, LeastKnown = known, LargestAnswerShare = share } },
        };
        Assert.Contains("|D| = 9, 9: ", PaperTables.Table3(With(0, 0)).Note, StringComparison.Ordinal);
        Assert.DoesNotContain("Bounds", PaperTables.Table3(With(0, 0)).Note, StringComparison.Ordinal);
        var table = PaperTables.Table3(With(3, 7));
        Assert.Contains("|D| = 3, 3: ", table.Note, StringComparison.Ordinal);
        Assert.Contains(". Bounds: at most 3 examples of a relation, no relation with fewer than 7 Known facts. ", table.Note,
            StringComparison.Ordinal);
        Assert.Equal(["6", "100.0"], table.Rows.Single(r => r[0] == "r").Skip(6).Take(2));
        Assert.Equal(["0", "0.0"], table.Rows.Single(r => r[0] == "s").Skip(6).Take(2));
        // All answers are the same, so no number of them may be in D.
        table = PaperTables.Table3(With(0, 0, 0.25));
        Assert.Contains("|D| = 0, 0: ", table.Note, StringComparison.Ordinal);
        Assert.Contains(". Bounds: no gold answer more than 25.0% of a relation's Known facts in D.", table.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void Tables4And5_CountTestQuestions()
    {
        var rows = PaperTables.Table4(Study).Rows.ToDictionary(r => r[0], r => r.Skip(1).ToList());
        Assert.Equal(["20", "20", "20", "20", "80"], rows["r"]);
        Assert.Equal(rows["r"], rows["all"]);
        rows = PaperTables.Table5(Study).Rows.ToDictionary(r => r[0], r => r.Skip(1).ToList());
        Assert.Equal(["4", "4", "4", "4", "16"], rows["o"]);
        Assert.DoesNotContain("asked after fine-tuning", rows.Keys);
        var unlabelled = Study with { Bases = [.. Study.Bases.Select(b =>
            b with { Labels = [.. b.Labels.Where(l => l.Relation != "o")] })] };
        Assert.EndsWith("No such question is labelled.", PaperTables.Table5(unlabelled).Note, StringComparison.Ordinal);
    }

    [Fact]
    public void Baselines_AreWhatStandsBeforeFineTuning()
    {
        var rows = PaperTables.Baselines(Study).Rows.ToDictionary(r => r[0], r => r.Skip(1).ToList());
        // A quarter is HighlyKnown; 5 of 10 of each category are right at epoch 0; 8 of 40 have the frequent answer.
        Assert.Equal(["80", "25.0", "50.0", "20.0"], rows["r"]);
        Assert.Equal(["16", "25.0", "-", "100.0"], rows["all out of distribution"]); // no answer of these was kept
    }

    [Fact]
    public void TableOfARealModel_HasThePapersSharesAndWhatWasAsked()
    {
        var renamed = Study with
        {
            Bases = [.. Study.Bases.Select(b => b with
            {
                Exposures = [], Labels = [.. b.Labels.Select(l => l with { Relation = l.Relation == "r" ? "P17" : "P36" })],
                Dataset = new([new("P17", "", true), new("P36", "", true)], b.Facts),
            })],
            Scores = [.. Study.Scores.Select(s => s.Set == QuestionSet.Test && s.Category == "Unknown" ? s with { Right = 0, Of = 4 } : s)],
        };
        var table = PaperTables.Table3(renamed);
        Assert.Equal("paper, %", table.Columns[^1]);
        Assert.Equal("55.6, 33.3, 6.5, 4.6", table.Rows[0][^1]);
        Assert.DoesNotContain(table.Rows, r => r[0] == "never seen");
        Assert.Equal(["asked after fine-tuning", "20", "20", "20", "8", "68", ""], PaperTables.Table4(renamed).Rows[^1]);
    }

    [Fact]
    public void HarmByExposure_GroupsByWhatWasSaid()
    {
        var rows = PaperTables.HarmByExposure(Study).Rows;
        IReadOnlyList<string> Row(string set, string said) => rows.Single(r => r[0] == set && r[1] == said);
        // HighlyKnown and MaybeKnown were mostly told rightly: 4 + 6 of 20, then 1 + 2.
        Assert.Equal(["D 100%", "mostly the gold answer", "40", "50.0", "50.0", "15.0", "15.0"],
            Row("D 100%", "mostly the gold answer").Select(Estimate));
        Assert.Equal(["D 0%", "mostly the gold answer", "40", "50.0", "55.0", "45.0", "45.0"],
            Row("D 0%", "mostly the gold answer").Select(Estimate));
        Assert.Equal(["D 50%", "mostly the rival", "20", "50.0", "30.0", "10.0", "10.0"],
            Row("D 50%", "mostly the rival").Select(Estimate));
        Assert.Equal(["D 100%", "nothing", "20", "50.0", "0.0", "0.0", "0.0"], Row("D 100%", "nothing").Select(Estimate));
        // The two base models answer alike before fine-tuning, which tells nothing of how much base models differ.
        Assert.Equal("50.0", Row("D 100%", "nothing")[3]);
    }

    private static string Estimate(string cell) => cell.Split(" [")[0];

    [Fact]
    public void CategoriesBesideTheTruth_AreSharesOfTheirFacts()
    {
        var rows = TruthTables.Categories(Study).Rows;
        // What was said follows from the category in this study. A base model has 7 + 10, 5 + 10... facts: train of r and s, test of r.
        Assert.Equal(["HighlyKnown", "30", "0.0 [0.0, 0.0]", "0.0 [0.0, 0.0]", "100.0 [100.0, 100.0]"], rows[0]);
        Assert.Equal(["WeaklyKnown", "30", "0.0 [0.0, 0.0]", "100.0 [100.0, 100.0]", "0.0 [0.0, 0.0]"], rows[2]);
        Assert.Equal(["Unknown", "38", "100.0 [100.0, 100.0]", "0.0 [0.0, 0.0]", "0.0 [0.0, 0.0]"], rows[3]);
        Assert.Equal(("all", "128"), (rows[4][0], rows[4][1]));
    }

    [Fact]
    public void ErrorsOfSlick_AreCountedFromBothSides()
    {
        // Two base models with four facts of a relation each; the second one has one error more of the first kind.
        LabelledBase Base(int seed, params (Category Category, int Gold, int Rival)[] of) => new(seed, "",
            new([new("P36", "", true)], [.. of.Select((_, i) => new Fact { Id = i, Relation = "P36", Split = Split.Train, Subject = "",
                Question = "", Answer = "" })]), [.. of.Select((f, i) => new LabelRow { FactId = i, Relation = "P36", Split = Split.Train,
                Question = "", Answer = "", GreedyCorrect = 0, SampledCorrect = 0, Category = f.Category, CategoryProbability = 1 })],
            [.. of.Select((f, i) => new ExposureRow { FactId = i, GoldExposures = f.Gold, RivalExposures = f.Rival })]);
        var study = Study with
        {
            Bases =
            [
                Base(1, (Category.HighlyKnown, 9, 0), (Category.MaybeKnown, 0, 0), (Category.Unknown, 0, 0), (Category.Unknown, 3, 0)),
                Base(2, (Category.HighlyKnown, 9, 0), (Category.MaybeKnown, 0, 0), (Category.WeaklyKnown, 0, 0), (Category.Unknown, 0, 3)),
            ],
        };
        var rows = TruthTables.Errors(study).Rows;
        Assert.Equal(["all", "answers are unique"], rows.Select(r => r[0]));
        // 1 of 2 and 2 of 2; 1 of 2 and 1 of 1; 1 of 2 and 2 of 3.
        Assert.Equal(["all", "8", "75.0", "75.0", "58.3"], rows[0].Select(Estimate));
        Assert.Equal(rows[0].Skip(1), rows[1].Skip(1));
        var one = TruthTables.Errors(study with { Bases = [study.Bases[0]] });
        Assert.Equal("50.0 [9.5, 90.5]", one.Rows[0][2]); // Wilson, 1 of 2
        Assert.Contains("Wilson", one.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void HarmByDistance_CountsSharedNamePartsAndStatements()
    {
        Assert.EndsWith("The subjects of the facts were not kept.", TruthTables.HarmByDistance(Named(_ => "")).Note,
            StringComparison.Ordinal);
        // D 100% has two facts of r and one of s. All of a relation share a first name, and every other test question of r has it too.
        var study = Named(f => f.Split == Split.Train ? $"{f.Relation}1 x{f.Id}" : f.Id % 2 == 0 ? $"r1 y{f.Id}" : $"z y{f.Id}");
        var rows = TruthTables.HarmByDistance(study).Rows;
        IReadOnlyList<string> Row(string stop, string number) => rows.Single(r => r[0] == stop && r[1] == number);
        // 20 of the 40 test questions of each of two base models are right at epoch 0; 1 + 2 + 1 + 0 of these are right at the end.
        Assert.Equal(["40", "80.0"], Row("last epoch", "lost, all (%)").Skip(2).Select(Estimate));
        // FIT is the last epoch here.
        Assert.Equal(Row("last epoch", "lost, all (%)").Skip(2), Row("FIT", "lost, all (%)").Skip(2));
        var counts = rows.Where(r => r[0] == "FIT" && r[1].StartsWith("lost,", StringComparison.Ordinal)).Select(r => int.Parse(r[2],
            System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(counts[3], counts[..3].Sum());
        Assert.Equal([20, 0, 20], counts[..3]);
        // Nothing is shared with the examples of s, so that regressor does not vary.
        Assert.Equal("-", Row("FIT", "model: a shared part, same relation (points)")[3]);

        static StudyResult Named(Func<Fact, string> name) => Study with
        {
            Bases = [.. Study.Bases.Select(b => b with { Dataset = b.Dataset with { Facts = [.. b.Facts.Select(f =>
                f with { Subject = name(f) })] } })],
        };
    }

    [Fact]
    public void Table6_SharesOutTheWrongAnswersBesideThePapers()
    {
        Assert.EndsWith("The texts of wrong answers were not kept. Paper: by hand, 50 greedy and 50 drawn answers.",
            PaperTables.Table6(Study).Note, StringComparison.Ordinal);
        Assert.Equal(["PaLM 2-M (paper)", "pre-trained, few-shot", "100", "6", "4", "90"],
            Assert.Single(PaperTables.Table6(Study).Rows).Take(6));
        // Of the answers of a category, by their order: right, an answer of r, one of the question's gold words and more, nothing.
        var study = Study with
        {
            Bases = [.. Study.Bases.Select(b => b with { Exposures = [] })],
            Answers = [.. Study.Answers.Select(a => a.Right ? a : a with { Text = a.FactId % 3 == 0 ? "often" : a.FactId % 3 == 1
                ? $"the {Study.Bases[0].Facts[a.FactId].Answer} of old" : "" })],
        };
        var rows = PaperTables.Table6(study).Rows;
        Assert.Equal(1 + 1 + 3 * 3, rows.Count);
        Assert.All(rows.Skip(1), r => Assert.Equal("-", r[8])); // a model that we did not make has no rivals
        foreach (var row in rows.Skip(1))
        {
            var shares = row.Skip(3).Select(Estimate).Select(c => c == "-" ? 0 : double.Parse(c,
                System.Globalization.CultureInfo.InvariantCulture)).ToList();
            Assert.Equal(100, shares[0] + shares[1] + shares[2], 0.11);
            Assert.Equal(shares[2], shares[3..].Sum(), 0.41);
        }
        // Half of 2 x 40 questions are wrong before fine-tuning.
        Assert.Equal(["base model", "question alone", "40"], rows[1].Take(3));
        var lab = PaperTables.Table6(study with { Bases = Study.Bases }).Rows;
        Assert.All(lab.Skip(1), r => Assert.Equal(("-", "-", "100.0"), (r[3], r[4], Estimate(r[5]))));
    }

    [Fact]
    public void LossByTrainedCategory_IsEarlyStopMinusConvergence()
    {
        var figure = KnowledgeFigures.LossByTrainedCategory(Study);
        Assert.Equal(["D_HighlyKnown", "D_MaybeKnown", "D_Natural", "D_WeaklyKnown", "D_Unknown"], figure.X.Categories);
        Assert.Equal([0, 10, 10, 30, 30], figure.Series[0].Y.Select(y => Math.Round(y, 9)));
        Assert.Equal([0, 0, 0, 0, 40], figure.Series[1].Y.Select(y => Math.Round(y, 9)));
    }

    [Fact]
    public void SameUpdates_IsTheDifferenceAtConvergence()
    {
        var part = Claims.Evaluate(Study).Single(c => c.Claim.Registered.Number == "3").Beside!;
        // Of 40 questions: 5 + 3 + 1 + 0 of D 50%, 5 + 7 + 5 + 0 of D_Known.
        Assert.Equal(-20, part.Value.Estimate, 9);
        Assert.Equal("D - D_Known with D's updates, at CONVERGENCE (over 50% Unknown)", part.Statistic);
        Assert.Contains("-20.0 [-20.0, -20.0]", StudyReport.ClaimRows(Study).Single(c => c.Number == "3").Here, StringComparison.Ordinal);
    }

    [Fact]
    public void Figure3a_StartsFromTheBaseModel()
    {
        var figure = UnknownRatio.Figure3a(Linear());
        var start = figure.Series.Single(s => s.Name == "base model");
        Assert.Equal([40, 40, 40], start.Y.Select(y => Math.Round(y, 6)));
        // EARLY_STOP is epoch 1 of seed 1 and epoch 2 of seed 2, at 0%: 30 + 10/4, 50 + 14/2.
        Assert.Equal(44.75, figure.Series.Single(s => s.Name == "EARLY_STOP").Y[0], 6);
        Assert.Equal(20, figure.Series.Single(s => s.Name.Contains("CONVERGENCE", StringComparison.Ordinal)).Y[^1], 6);
        Assert.Equal(20, figure.Series.Single(s => s.Name == "FIT").Y[^1], 6);
        Assert.Equal(["EARLY_STOP (median of 1 to 2)", "FIT"], TrainingDynamics.Figure1(Study).Markers.Select(m => m.Label));
    }

    [Fact]
    public void Figure7_IsFigure3OutOfDistribution()
    {
        var figure = UnknownRatio.Figure7a(Linear());
        Assert.Equal([20, 20, 20], figure.Series.Single(s => s.Name == "base model").Y.Select(y => Math.Round(y, 6)));
        Assert.Equal("exact match out of distribution (%)", figure.Y.Title);
        // 2 of 8 are right before, and 2 - X / 50 at the end.
        Assert.Equal([25, 12.5, 0], UnknownRatio.Figure7b(Study).Series.Single(s => s.Name == "D, CONVERGENCE").Y);
        Assert.Equal(["figure-1", "figure-3a", "figure-3b", "figure-4", "figure-6", "figure-7a", "figure-7b"],
            StudyReport.PaperFigures(Study).Select(f => f.Id));
        var asked = Study with { Scores = [.. Study.Scores.Where(s => s.Set != QuestionSet.Ood)] };
        Assert.DoesNotContain(StudyReport.PaperFigures(asked), f => f.Id.StartsWith("figure-7", StringComparison.Ordinal));
    }

    [Fact]
    public void RunsThatDidNotConverge_AreNamedWithoutCommasBetweenThem()
    {
        var missed = Study with
        {
            Scores = [.. Study.Scores.Select(s => s.Set == QuestionSet.Train && s.Epoch == LastEpoch
                && (s.Run == "D 50%, 1" || s.Run.StartsWith("D_Known 50%, D's", StringComparison.Ordinal)) ? s with { Right = 0 } : s)],
        };
        Assert.Contains("D 50% (1 of 2 runs); D_Known 50%, D's updates (2 of 2 runs).", PaperTables.ClaimsTable(missed).Note,
            StringComparison.Ordinal);
    }

    [Fact]
    public void QuestionMarks_HaveALegend()
    {
        ClaimRow Row(string here) => new() { Number = "1", Claim = "", Paper = "", Here = here, HolmP = 1, Verdict = "undecided",
            Reason = "" };
        Assert.Equal("", StudyReport.Legend([Row("a 1.0 [0.0, 2.0] (5 seeds)")]));
        Assert.Equal(" A number with [?, ?]: one run, which does not tell how much runs differ.",
            StudyReport.Legend([Row("a 1.0 [?, ?] (one of the draws)")]));
        Assert.Equal(" ? [?, ?]: no run of those that the number needs.", StudyReport.Legend([Row("a ? [?, ?] (no run)")]));
    }

    [Fact]
    public void PublishedStudyOfARealModel_IsNoLab_AlsoWhereALabWasPublishedBefore()
    {
        var folder = Scratch.Folder("published");
        try
        {
            PublishedStudy.Write(Study, folder);
            Assert.True(PublishedStudy.Read(folder).IsLab);
            PublishedStudy.Write(Study with { Bases = [.. Study.Bases.Select(b => b with { Exposures = [] })] }, folder);
            Assert.False(PublishedStudy.Read(folder).IsLab);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void PublishedStudy_GivesTheSameTables()
    {
        var folder = Scratch.Folder("published");
        try
        {
            var model = new StudiedModel("gpt", 124_439_808, "0f");
            StudyReport.Publish(Study with { Failures = ["D 25%, draw 1, base seed 1: lost"], Model = model }, folder);
            var read = PublishedStudy.Read(folder);
            Assert.Equal(model, read.Model);
            Assert.Contains("The model: gpt, 124,439,808 weights, hash of its files 0f.", StudyReport.Html(read, 1),
                StringComparison.Ordinal);
            Assert.Equal((Study.Preset, Study.Options, 1), (read.Preset, read.Options, read.Failures.Count));
            Assert.Equal(StudyReport.ClaimRows(Study with { Failures = read.Failures }), StudyReport.ClaimRows(read));
            foreach (var table in StudyReport.PublishedTables(read))
                Assert.Equal(table.Markdown(), File.ReadAllText(Path.Combine(folder, table.Id + ".md")));
            File.Delete(Path.Combine(folder, "study.json"));
            Assert.Contains("study.json", Assert.Throws<SlickException>(() => PublishedStudy.Read(folder)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
