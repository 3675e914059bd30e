using System.Text.RegularExpressions;
using Slick.Tests.Experiments;
using Slick.Workbook;

namespace Slick.Tests.Workbook;

/// <summary>The command line of <c>slick plan --model DIR --device h100</c>.</summary>
[Collection(nameof(ProcessWide))]
public sealed partial class PlanForecastTests
{
    private static async Task<(int Code, string Output, string Errors)> Plan(params string[] args)
    {
        var (code, output, errors) = await CommandLine.Slick(["plan", .. args]);
        return (code, output, errors.TrimEnd());
    }

    [Fact]
    public async Task ConfigAlone_IsEnough()
    {
        var (code, output, errors) = await Plan("--model", LlamaShapes.Folder("Llama-3.1-8B"), "--device", "H100", "--count", "8");
        Assert.Equal((0, ""), (code, errors));
        var lines = output.Split(Environment.NewLine.ToCharArray(), StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("Llama-3.1-8B: 8,030,261,248 weights. H100: 79.6 GiB, 67.0 TFLOP/s fp32, 989 bf16, 3,350 GB/s.", lines[0],
            StringComparison.Ordinal);
        Assert.StartsWith("81,700 train questions of 12 relations, 10 prompts each; D of 6,142 examples.", lines[1],
            StringComparison.Ordinal);
        Assert.EndsWith("8 of them", lines[2], StringComparison.Ordinal);
        Assert.Equal(4, lines.Count(l => l.StartsWith("labels, ", StringComparison.Ordinal)));
        // Where the work does not fit, there is no number of passes either, no read of weights and no start: their three columns are empty.
        Assert.Equal(2, lines.Count(l => EmptyBeforeMemory().IsMatch(l)));
        Assert.StartsWith("Labels are divided among 8 machines.", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task FormatAndQuestions_AreChosen()
    {
        var (code, output, errors) = await Plan("--model", LlamaShapes.Folder("Llama-3.2-1B"), "--device", "l4", "--dtype", "bf16",
            "--questions", "100", "--set", "sampling.prompts=4", "--set", "fineTuning.epochs=3");
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("1,200 train questions of 12 relations, 4 prompts each; D of 1,200 examples.", output, StringComparison.Ordinal);
        Assert.DoesNotContain("labels, Exact             fp32", output, StringComparison.Ordinal);
        Assert.Contains("fine-tuning, 3 epochs  bf16", output, StringComparison.Ordinal);
    }

    // Format, tokens, logits, operations, three empty columns, memory, twice the verdict.
    [GeneratedRegex(@"^fine-tuning, 50 epochs +(fp32|bf16)( +[\d.]+){3} {30,}[\d.]+( +does not fit){2}$")]
    private static partial Regex EmptyBeforeMemory();

    private const string Machines = "here, h200, h100, a100-80gb, a100-40gb, l40s, l4, rtx-4090, rtx-3090";

    [Theory]
    [InlineData("slick: The device 'h1000' is unknown: use auto, cpu, cuda or cuda:n for a study, or, for a forecast from config.json, "
        + Machines + ".", "--device", "h1000")]
    [InlineData("slick: The device 'tpu' is unknown: use auto, cpu, cuda or cuda:n for a study, or, for a forecast from config.json, "
        + Machines + ".", "--model", "x", "--data", "x", "--device", "tpu")]
    [InlineData("slick: --device h100 is for a forecast from a checkpoint's config.json; add --model FOLDER.", "--device", "h100")]
    [InlineData("slick: --device cuda:1: a forecast from config.json needs the machine's name, one of " + Machines
        + "; a study needs --data too.", "--model", "x", "--device", "cuda:1")]
    [InlineData("slick: --preset is about a study, and this is a forecast from config.json alone; leave it out.", "--model", "x",
        "--device", "h100", "--preset", "real-quick")]
    [InlineData("slick: --budget is about a study, and this is a forecast from config.json alone; leave it out.", "--model", "x",
        "--budget", "3h")]
    [InlineData("slick: --set bases: a forecast from config.json takes options of sampling and fineTuning only.", "--model", "x",
        "--device", "h100", "--set", "bases=3")]
    [InlineData("slick: The number format 'fp8' is unknown: use fp32 or bf16.", "--model", "x", "--device", "h100", "--dtype", "fp8")]
    [InlineData("slick: --count belongs to a forecast from config.json, such as slick plan --model FOLDER --device h100.", "--count", "2")]
    public async Task WordsThatDoNotFit_Are2InOneLine(string expected, params string[] args) =>
        Assert.Equal((2, "", expected), await Plan(args));

    [Theory]
    [InlineData("--count", "0", "slick: --count 0: give a number of machines, at least 1.")]
    [InlineData("--questions", "0", "slick: --questions 0: give a number of questions of a relation, at least 1.")]
    public async Task NumberBelowOne_Is2InOneLine(string option, string value, string expected) =>
        Assert.Equal((2, "", expected), await Plan("--model", LlamaShapes.Folder("Llama-3.2-1B"), "--device", "h100", option, value));

    [Fact]
    public async Task ConfigWithoutAKey_Is1AndNamesIt()
    {
        var folder = LlamaShapes.Folder("Llama-3.2-1B");
        var path = Path.Combine(folder, "config.json");
        var text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(path, text.Replace("\"num_hidden_layers\": 16,", "", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        Assert.Equal((1, "", $"slick: {path}: the key 'num_hidden_layers' is missing."), await Plan("--model", folder, "--device", "h100"));
        var (code, _, errors) = await Plan("--model", Scratch.Folder("empty"), "--device", "h100");
        Assert.Equal(1, code);
        Assert.Contains("config.json", errors, StringComparison.Ordinal);
    }
}
