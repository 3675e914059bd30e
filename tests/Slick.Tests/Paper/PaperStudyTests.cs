using System.Text.Json.Nodes;
using Slick.Facts;
using Slick.Paper;

namespace Slick.Tests.Paper;

public sealed class PaperStudyTests
{
    [Fact]
    public void Relations_AreThoseOfTheDataset()
    {
        Assert.Equal(SyntheticWorld.Relations.Where(r => r.InDistribution).Select(r => r.Id), PaperStudy.Train.Keys);
        Assert.Equal(PaperStudy.Train.Keys, PaperStudy.Test.Keys);
        Assert.Equal(SyntheticWorld.Relations.Where(r => !r.InDistribution).Select(r => r.Id), PaperStudy.OodTest.Keys);
    }

    [Fact]
    public void Totals_AreThoseThatThePaperGives()
    {
        static int Sum(IReadOnlyDictionary<string, IReadOnlyList<int>> table) => table.Values.Sum(counts => counts.Sum());
        Assert.Equal((81_700, 10_481, 5_848), (Sum(PaperStudy.Train), Sum(PaperStudy.Test), Sum(PaperStudy.OodTest)));
        Assert.Equal(PaperStudy.SetSize, PaperStudy.Train.Values.Sum(counts => counts.Min()));
    }

    [Fact]
    public void Numbers_AreThoseOfThePapersTables()
    {
        var paper = JsonNode.Parse(File.ReadAllText(Shared.Require("paper/tables.json")))!;
        foreach (var (name, counts) in new[] { ("table3_train", PaperStudy.Train), ("table4_test", PaperStudy.Test),
            ("table5_ood_test", PaperStudy.OodTest) })
        {
            Assert.Equal(paper[name]!.AsObject().Select(r => r.Key), counts.Keys);
            foreach (var (relation, row) in paper[name]!.AsObject())
                Assert.Equal(row!["counts"]!.AsArray().Take(4).Select(c => c!.GetValue<int>()), counts[relation]);
        }
        foreach (var (name, rows) in new[] { ("early_stop", PaperStudy.EarlyStop), ("convergence", PaperStudy.Convergence) })
            foreach (var (set, row) in paper["table2_single_category"]![name]!.AsObject())
                Assert.Equal(row!.AsArray().Select(v => v!.GetValue<double>()), rows[set]);
        foreach (var (name, fit) in new[] { ("in_distribution", PaperStudy.Fit), ("out_of_distribution", PaperStudy.OodFit) })
        {
            double Number(string key) => paper["table1_linear_model"]![name]![key]!.GetValue<double>();
            Assert.Equal(new PaperFit(Number("beta0"), Number("beta_kn"), Number("beta_unk"), Number("r2")), fit);
        }
        var tests = paper["table2_single_category"]!["significance_table7"]!.GetValue<string>();
        Assert.Contains("Full EARLY_STOP Natural not significant", tests, StringComparison.Ordinal);
        Assert.Contains("EARLY_STOP vs CONVERGENCE not significant for MaybeKnown, p<0.01 for all others", tests, StringComparison.Ordinal);
        Assert.Equal([("Natural", false)], PaperStudy.AgainstMaybeKnown.Where(t => t.Value != PaperTest.BelowOnePercent)
            .Select(t => t.Key));
        Assert.Equal(["MaybeKnown"], PaperStudy.ConvergenceAgainstEarlyStop.Where(t => t.Value != PaperTest.BelowOnePercent)
            .Select(t => t.Key));
        Assert.Equal(PaperStudy.EarlyStop.Keys, PaperStudy.ConvergenceAgainstEarlyStop.Keys);
        int Error(string name) => paper["table6_error_analysis_percent"]![name]!.GetValue<int>();
        Assert.Equal(new PaperErrors(Error("wrong"), Error("paraphrase"), Error("higher_granularity"), Error("lower_granularity")),
            PaperStudy.Errors);
        Assert.Equal(PaperStudy.SetSize, paper["fine_tuning_set_size"]!.GetValue<int>());
        Assert.Equal(paper["categories_overall_percent"]!.AsObject().Select(c => c.Value!.GetValue<int>()), PaperStudy.TrainShares);
        Assert.Equal((paper["figure3"]!["max_drop_in_distribution_points"]!.GetValue<int>(),
            paper["figure3"]!["max_drop_out_of_distribution_points"]!.GetValue<int>()),
                (PaperStudy.LargestDrop, PaperStudy.LargestOodDrop));
    }
}
