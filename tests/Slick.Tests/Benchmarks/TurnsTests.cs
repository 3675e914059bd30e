using Slick.Benchmarks;
using Slick.Models;

namespace Slick.Tests.Benchmarks;

/// <summary>The contenders of a benchmark, what is counted, and the table.</summary>
public sealed class TurnsTests
{
    private static readonly string[] Known = ["exact", "sampled", "generate"];

    [Theory]
    [InlineData(null, null, "exact,generate", "generate")]
    [InlineData("generate, Exact", null, "generate,exact", "exact")]
    [InlineData("exact,exact", "sampled", "exact,sampled", "sampled")]
    [InlineData("exact,sampled", "exact", "exact,sampled", "exact")]
    public void Contenders_AreChosenByName_AndTheBaselineRunsToo(string? named, string? baseline, string names, string compared)
    {
        var choice = Choice.Of(named, baseline, Known, ["exact", "generate"]);
        Assert.Equal(names.Split(','), choice.Names);
        Assert.Equal(compared, choice.Baseline);
    }

    [Theory]
    [InlineData("exact,slow", null)]
    [InlineData(",", null)]
    [InlineData("exact", "slow")]
    public void AnUnknownName_IsRefused_AndTheKnownOnesAreNamed(string named, string? baseline) =>
        Assert.Contains("exact, sampled, generate",
            Assert.Throws<UsageException>(() => Choice.Of(named, baseline, Known, Known)).Message, StringComparison.Ordinal);

    [Fact]
    public void TheTable_HasMedians_AndRatiosOfTheSameRound()
    {
        var turns = new Dictionary<string, List<Turn>>
        {
            ["fast"] = [new(1, 0, "all"), new(2, 0, "all"), new(4, 0, "all")],
            ["slow"] = [new(10, 0), new(10, 0), new(8, 0)],
        };
        var flops = new Dictionary<string, double> { ["fast"] = 4e9, ["slow"] = 2e10 };
        var lines = new Turns("things", 20, () => 0, "16^3").Table(turns, flops, [5, 4, 100], "slow");
        string[] Cells(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("Matrix product 16^3: 5 GFLOP/s (each round: 5, 4, 100)", lines[0]);
        Assert.Contains("things/s", lines[1], StringComparison.Ordinal);
        // 20 in 2 s; 10 / 1, 10 / 2, 8 / 4; 4 GFLOP in 2 s
        Assert.Equal(["fast", "10.00", "5.00-20.00", "5.00", "0.20", "2", "40", "%", "all"], Cells(lines[2]));
        Assert.Equal(["slow", "2.00", "2.00-2.50", "1.00", "1.00", "2", "40", "%"], Cells(lines[3]));
    }

    [Fact]
    public void EachRound_MeasuresThePeak_AndRunsEveryContender()
    {
        var order = new List<string>();
        Contender Of(string name) => new(name, () =>
        {
            order.Add(name);
            return new(1, 0);
        }) { CountAfterwards = () => { order.Add($"{name} counted"); return 1; } };
        new Turns("things", 1, () => { order.Add("peak"); return 1; }, "").Run([Of("a"), Of("b")], "b", 2);
        Assert.Equal(["peak", "a", "b", "peak", "a", "b", "a counted", "b counted"], order);
    }

    [Fact]
    public void Flops_AreTwoAWeightForward_AndSixInTraining()
    {
        var config = new DecoderConfig
        {
            VocabularySize = 50, HiddenSize = 8, Layers = 3, Heads = 2, KeyValueHeads = 1, HeadDim = 4, IntermediateSize = 16,
            MaxPositions = 64,
        };
        var weights = DecoderWeights.LayoutOf(config).Where(p => p.Shape.Length == 2 && !p.Name.Contains("embed", StringComparison.Ordinal))
            .Sum(p => p.Shape[0] * p.Shape[1]);
        Assert.Equal(2.0 * weights * 10, FlopCount.Of(config, 10, 0, 0));
        Assert.Equal(4.0 * 3 * 2 * 4 * 7 * 10, FlopCount.Of(config, 10, 7, 0) - FlopCount.Of(config, 10, 0, 0));
        Assert.Equal(2.0 * 8 * 50 * 5, FlopCount.Of(config, 0, 0, 5));
        Assert.Equal(6.0 * weights * 10 + 3 * (4.0 * 3 * 2 * 4 * 10 * 10 + 2.0 * 8 * 50 * 5), FlopCount.OfTraining(config, 10, 5));
    }
}
