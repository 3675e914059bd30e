using Slick.Analysis;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Experiments;

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
        var (bases, epochs, answers) = (new List<LabelledBase>(), new List<EpochRow>(), new List<AnswerRow>());
        foreach (var seed in new[] { 1, 2 })
        {
            var facts = new List<Fact>();
            var labels = new List<LabelRow>();
            void Add(string relation, Split split, Category category)
            {
                var (gold, rival) = Told[(int)category];
                facts.Add(new Fact { Id = facts.Count, Relation = relation, Split = split, Subject = "x", Question = "q", Answer = "a",
                    GoldExposures = gold, RivalExposures = rival });
                labels.Add(new LabelRow
                {
                    FactId = facts.Count - 1, Relation = relation, Split = split, Question = "q", Answer = "a", GreedyCorrect = 0,
                        SampledCorrect = 0, CategoryProbability = 1,
                    Category = category, GoldExposures = gold, RivalExposures = rival,
                });
            }
            foreach (var (relation, counts) in Train)
                foreach (var category in Enum.GetValues<Category>())
                    for (var i = 0; i < counts[(int)category]; i++) Add(relation, Split.Train, category);
            var test = facts.Count;
            for (var i = 0; i < 4 * EachCategory; i++) Add("r", Split.Test, (Category)(i % 4));
            bases.Add(new(seed, "", facts, labels));
            foreach (var arm in Arms)
            {
                for (var e = 0; e <= LastEpoch; e++) epochs.Add(Epoch(arm, seed, e));
                for (var i = 0; i < 4 * EachCategory; i++)
                {
                    var fact = facts[test + i];
                    var category = (Category)(i % 4);
                    answers.Add(new AnswerRow
                    {
                        Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = seed, Seed = 1, FactId = fact.Id, Relation = "r",
                            Category = category,
                        GoldExposures = fact.GoldExposures, RivalExposures = fact.RivalExposures,
                        Base = i / 4 < 5, EarlyStop = i / 4 < Right(arm, category, early: true, seed),
                            Convergence = i / 4 < Right(arm, category, early: false, seed),
                    });
                }
            }
        }
        return new("lab", StudyOptions.Lab with { Bases = 2 }, bases, epochs, answers, []);
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

    // Seed 1: 0.30 + 0.10 known - 0.20 unknown; seed 2: 0.50 + 0.14 known - 0.20 unknown.
    private static EpochRow Epoch(Arm arm, int seed, int epoch)
    {
        var unknown = Math.Max(0, arm.UnknownPercent) / 100.0;
        var (known, fittedUnknown) = (epoch / (double)LastEpoch, epoch * epoch / (double)(LastEpoch * LastEpoch));
        var accuracy = seed == 1 ? 0.30 + 0.10 * known * (1 - unknown) - 0.20 * fittedUnknown * unknown
            : 0.50 + 0.14 * known * (1 - unknown) - 0.20 * fittedUnknown * unknown;
        return new EpochRow
        {
            Kind = arm.Kind, UnknownPercent = arm.UnknownPercent, BaseSeed = seed, Seed = 1, Epoch = epoch, Updates = epoch,
            KnownExamples = (int)(100 * (1 - unknown)), UnknownExamples = (int)(100 * unknown), TrainLoss = 1, DevAccuracy = 0.25,
                TestAccuracy = accuracy, OodAccuracy = accuracy / 2,
            TestHighlyKnown = 1, TestMaybeKnown = 1, TestWeaklyKnown = 1, TestUnknown = 1, FittedHighlyKnown = known,
                FittedMaybeKnown = known, FittedWeaklyKnown = known,
            FittedKnown = unknown == 1 ? double.NaN : known, FittedUnknown = unknown == 0 ? double.NaN : fittedUnknown,
                Fitted = epoch == LastEpoch ? 1 : 0.5, EarlyStop = epoch == seed,
        };
    }

    [Fact]
    public void Table1_IsTheMeanOfTheSeedsFits()
    {
        var table = PaperTables.Table1(Study);
        // t with one degree of freedom: 12.706 times the standard error. b0 is 30 and 50, b_kn 10 and 14.
        Assert.Equal(["in distribution", "40.0 [-87.1, 167.1]", "12.0 [-13.4, 37.4]", "-20.0 [-20.0, -20.0]", "1.00",
            "the rows of each of 2 seeds", "36.9, +7.3, -8.3, R2 0.86"], table.Rows[0]);
        Assert.Equal(["out of distribution", "20.0 [-43.5, 83.5]", "6.0 [-6.7, 18.7]", "-10.0 [-10.0, -10.0]", "1.00",
            "the rows of each of 2 seeds", "36.2, +3.2, -3.0, R2 0.95"], table.Rows[2]);
        // One line through both seeds leaves what they differ by unexplained.
        Assert.Equal("all 24 rows", table.Rows[1][5]);
        Assert.InRange(double.Parse(table.Rows[1][4], System.Globalization.CultureInfo.InvariantCulture), 0.1, 0.9);
    }

    [Fact]
    public void Table2_HasTheSharesOfEachCategoryAndTheStars()
    {
        var table = PaperTables.Table2(Study);
        string Cell(string stop, string set, string column) =>
            table.Rows.Single(r => r[0] == stop && r[1] == set)[table.Columns.ToList().IndexOf(column)];
        Assert.Equal(["D_HighlyKnown", "D_MaybeKnown", "D_WeaklyKnown", "D_Unknown", "D_Natural"], table.Rows.Take(5).Select(r => r[1]));
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
    public void Table3_CountsFactsAndWhatWasSaidOfThem()
    {
        var rows = PaperTables.Table3(Study).Rows.ToDictionary(r => r[0], r => r.Skip(1).ToList());
        Assert.Equal(["8", "6", "4", "10", "28", "4"], rows["r"]); // both base models; in D twice the smallest category
        Assert.Equal(["2", "4", "6", "8", "20", "2"], rows["s"]);
        Assert.Equal(["10", "10", "10", "18", "48", "6"], rows["all"]);
        Assert.Equal(["20.8", "20.8", "20.8", "37.5", "100.0", ""], rows["%"]);
        Assert.Equal(["9.0", "4.0", "1.0", "0.0", "", ""], rows["statements of the gold answer"]);
        Assert.Equal(["0.0", "2.0", "3.0", "0.0", "", ""], rows["statements of the rival"]);
        Assert.Equal(["0", "0", "0", "18", "", ""], rows["never seen"]);
        Assert.Equal(["0", "0", "10", "0", "", ""], rows["the rival has the majority"]);
    }

    [Fact]
    public void HarmByExposure_GroupsByWhatWasSaid()
    {
        var rows = PaperTables.HarmByExposure(Study).Rows;
        IReadOnlyList<string> Row(string set, string said) => rows.Single(r => r[0] == set && r[1] == said);
        // HighlyKnown and MaybeKnown were mostly told rightly: 4 + 6 of 20, then 1 + 2.
        Assert.Equal(["D 100%", "mostly the gold answer", "40", "50.0", "50.0", "15.0"], Row("D 100%", "mostly the gold answer"));
        Assert.Equal(["D 0%", "mostly the gold answer", "40", "50.0", "55.0", "45.0"], Row("D 0%", "mostly the gold answer"));
        Assert.Equal(["D 50%", "mostly the rival", "20", "50.0", "30.0", "10.0"], Row("D 50%", "mostly the rival"));
        Assert.Equal(["D 100%", "nothing", "20", "50.0", "0.0", "0.0"], Row("D 100%", "nothing"));
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
        var part = Claims.Evaluate(Study.Epochs, Study.Answers)[2].Beside!;
        // Of 40 questions: 5 + 3 + 1 + 0 of D 50%, 5 + 7 + 5 + 0 of D_Known.
        Assert.Equal(-20, part.Value.Estimate, 9);
        Assert.Equal("D - D_Known with D's updates, at CONVERGENCE (over 50% Unknown)", part.Statistic);
        Assert.Contains("-20.0 [-20.0, -20.0]", StudyReport.ClaimRows(Study)[2].Here, StringComparison.Ordinal);
    }

    [Fact]
    public void Figure3a_StartsFromTheBaseModel()
    {
        var figure = UnknownRatio.Figure3a(Study);
        var start = figure.Series.Single(s => s.Name == "base model");
        Assert.Equal([40, 40, 40], start.Y.Select(y => Math.Round(y, 9)));
        // EARLY_STOP is epoch 1 of seed 1 and epoch 2 of seed 2, at 0%: 30 + 10/4, 50 + 14/2.
        Assert.Equal(44.75, figure.Series.Single(s => s.Name == "EARLY_STOP").Y[0], 9);
        Assert.Equal(20, figure.Series.Single(s => s.Name.Contains("CONVERGENCE", StringComparison.Ordinal)).Y[^1], 9);
        Assert.Equal("EARLY_STOP (median of 1 to 2)", TrainingDynamics.Figure1(Study).Markers[0].Label);
    }
}
