using System.Text.Json.Nodes;
using Slick.Analysis;

namespace Slick.Tests.Analysis;

/// <summary>The statistics against values that SciPy and statsmodels computed, within a relative 1e-9.</summary>
public sealed class StatisticsTests
{
    private static JsonNode Golden(string section) =>
        JsonNode.Parse(File.ReadAllText(Shared.Require("reference/statistics.json")))![section]!;

    private static double[] Numbers(JsonNode? node) => [.. node!.AsArray().Select(n => n!.GetValue<double>())];

    private static int[] Integers(JsonNode? node) => [.. node!.AsArray().Select(n => n!.GetValue<int>())];

    private static void Near(double expected, double actual, string what) =>
        Assert.True(Math.Abs(expected - actual) <= 1e-9 * Math.Abs(expected), $"{what}: {actual:R} is not {expected:R}");

    private static void Near(IReadOnlyList<double> expected, IReadOnlyList<double> actual, string what)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++) Near(expected[i], actual[i], $"{what} {i}");
    }

    [Fact]
    public void LinearModel_IsStatsmodels()
    {
        var golden = Golden("linear_model");
        var fit = LinearModel.Fit([Numbers(golden["known"]), Numbers(golden["unknown"])], Numbers(golden["accuracy"]),
            Integers(golden["group"]));
        Near(Numbers(golden["coefficients"]), fit.Coefficients, "coefficient");
        Near(Numbers(golden["standard_errors"]), fit.StandardErrors, "standard error");
        Near(Numbers(golden["t"]), fit.T, "t");
        Near(Numbers(golden["p"]), fit.P, "p");
        Near(golden["r2"]!.GetValue<double>(), fit.R2, "r2");
        Near(golden["adjusted_r2"]!.GetValue<double>(), fit.AdjustedR2, "adjusted r2");
        var bounds = golden["ci95"]!.AsArray().Select(Numbers).ToArray();
        Near([.. bounds.Select(b => b[0])], fit.Low95, "low");
        Near([.. bounds.Select(b => b[1])], fit.High95, "high");
        Near(Numbers(golden["standard_errors_hc3"]), fit.StandardErrorsHc3, "HC3");
        Near(Numbers(golden["standard_errors_clustered"]), fit.StandardErrorsClustered, "clustered");
        Assert.Equal(6, fit.Clusters);
    }

    [Fact]
    public void PairedT_IsScipy()
    {
        var golden = Golden("paired_t");
        var result = HypothesisTests.PairedT(Numbers(golden["a"]), Numbers(golden["b"]));
        Near(golden["t"]!.GetValue<double>(), result.T, "t");
        Near(golden["df"]!.GetValue<double>(), result.DegreesOfFreedom, "df");
        Near(golden["p"]!.GetValue<double>(), result.P, "p");
        Near(Numbers(golden["ci95_of_mean_difference"]), [result.MeanDifference.Low, result.MeanDifference.High], "interval");
    }

    [Fact]
    public void ProportionIntervals_AreStatsmodels()
    {
        foreach (var row in Golden("proportion_ci95").AsArray())
        {
            int successes = row!["successes"]!.GetValue<int>(), trials = row["trials"]!.GetValue<int>();
            var wilson = Intervals.Wilson(successes, trials);
            Near(Numbers(row["wilson"]), [wilson.Low, wilson.High], $"Wilson {successes}/{trials}");
            var jeffreys = Intervals.Jeffreys(successes, trials);
            Near(Numbers(row["jeffreys"]), [jeffreys.Low, jeffreys.High], $"Jeffreys {successes}/{trials}");
        }
    }

    [Fact]
    public void Corrections_AreStatsmodels()
    {
        var (holm, hochberg) = (Golden("holm"), Golden("benjamini_hochberg"));
        Near(Numbers(holm["adjusted"]), HypothesisTests.Holm(Numbers(holm["p"])), "Holm");
        Near(Numbers(hochberg["adjusted"]), HypothesisTests.BenjaminiHochberg(Numbers(hochberg["p"])), "Benjamini-Hochberg");
    }

    [Fact]
    public void Agreement_IsScipyAndStatsmodels()
    {
        var correlation = Golden("correlation");
        var (x, y) = (Numbers(correlation["x"]), Numbers(correlation["y"]));
        var (pearson, spearman) = (Agreement.Pearson(x, y), Agreement.Spearman(x, y));
        Near(Numbers(correlation["pearson"]), [pearson.R, pearson.P], "Pearson");
        Near(Numbers(correlation["spearman"]), [spearman.R, spearman.P], "Spearman");
        var roc = Golden("roc_auc");
        var auc = Agreement.Auc([.. Integers(roc["labels"]).Select(label => label == 1)], Numbers(roc["scores"]));
        Near(roc["auc"]!.GetValue<double>(), auc, "area");
        var kappa = Golden("cohen_kappa");
        Near(kappa["kappa"]!.GetValue<double>(), Agreement.CohenKappa(Integers(kappa["a"]), Integers(kappa["b"])), "kappa");
    }

    [Fact]
    public void McNemarExact_IsStatsmodels()
    {
        var golden = Golden("mcnemar_exact");
        var table = golden["table"]!.AsArray().Select(Integers).ToArray();
        Near(golden["p"]!.GetValue<double>(), HypothesisTests.McNemarExact(table[0][1], table[1][0]), "p");
    }
}
