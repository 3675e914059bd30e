using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;
using Slick.Studies;
using Slick.Tests.Experiments;
using Slick.Tests.Workbook;
using Slick.Workbook;

namespace Slick.Tests.Studies;

/// <summary>The command <c>slick study</c>, from its words to the published folder.</summary>
[Collection(nameof(ProcessWide))]
public sealed class StudyCommandTests
{
    private const string All = "unknowns, two-harms, ladder, relabel, concentrated, number-or-share, mitigations, width.";

    private static async Task<(int Code, string Output, string Errors)> Slick(params string[] args)
    {
        var (code, output, errors) = await CommandLine.Slick(args);
        return (code, output.ReplaceLineEndings("\n"), errors);
    }

    public static TheoryData<string> Names => [.. LabStudies.All.Select(s => s.Name).Where(n => n is not ("width" or "ladder"))];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Study_RunsPublishesAndGoesOn(string name)
    {
        var folder = Scratch.Folder("study");
        string[] command = ["study", name, "--preset", "smoke", "--seed", "1", "--device", "cpu", "--store", SmokeStudy.StudiesStore,
            "--publish", folder];
        var (code, output, errors) = await Slick(command);
        Assert.Equal((0, ""), (code, errors));
        var study = LabStudies.Of(name);
        var claims = output.Split('\n').Where(l => l.StartsWith("Claim ", StringComparison.Ordinal)).ToList();
        Assert.Equal(study.Claims.Select(c => $"Claim {c.Registered.Number}: not tested"), claims); // seed 1 was looked at
        Assert.All(output.Split('\n').SkipWhile(l => !l.StartsWith("Claim ", StringComparison.Ordinal))
            .TakeWhile(l => !l.StartsWith("Report: ", StringComparison.Ordinal)), l => Assert.InRange(l.Length, 0, 100));
        var report = output.Split('\n').Single(l => l.StartsWith("Report: ", StringComparison.Ordinal))["Report: ".Length..];
        Assert.Contains(study.Title, await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken), StringComparison.Ordinal);

        // The folder alone gives the same table, claims and figure.
        Assert.Equal(["claims.md", "figure.svg", "study.json", "table.md", "values.parquet"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var read = PublishedLabStudy.Read(folder);
        Assert.True(read.Rows.Count > 0 && read.Source.StartsWith("Published", StringComparison.Ordinal));
        Assert.Equal(read.Rows, LabStudyRuns.Open(name, folder).Rows);
        Assert.Contains($"holds the study {name}, and width is needed",
            Assert.Throws<SlickException>(() => LabStudyRuns.Open("width", folder)).Message, StringComparison.Ordinal);
        var again = read with { IsPublished = false };
        Assert.Equal(File.ReadAllText(Path.Combine(folder, "table.md")), again.Table().Markdown());
        Assert.Equal(File.ReadAllText(Path.Combine(folder, "claims.md")), again.ClaimsTable().Markdown());
        var svg = Path.Combine(Scratch.Folder("svg"), "figure.svg");
        SvgRenderer.Save(again.Figure(), svg);
        Assert.Equal(File.ReadAllText(Path.Combine(folder, "figure.svg")), File.ReadAllText(svg));

        // The same command again computes nothing and gives the same.
        var plan = LabStudyRuns.Plan(study, StudyOptions.Smoke, 1, new("cpu", "fp32"));
        Assert.Empty(plan.Left(RunStore.Open(SmokeStudy.StudiesStore)));
        var before = File.ReadAllBytes(Path.Combine(folder, "values.parquet"));
        string Found(string text) => text[text.IndexOf(study.Question[..40], StringComparison.Ordinal)..];
        Assert.Equal(Found(output), Found((await Slick(command)).Output));
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(folder, "values.parquet")));
    }

    // A study that was stopped after some stages goes on, and ends as one that was not.
    [Fact]
    public void StoppedStudy_GoesOn()
    {
        var (study, options, compute) = (LabStudies.Of("concentrated"), StudyOptions.Smoke, Compute.Choose("cpu"));
        var store = RunStore.Open(Scratch.Folder("resumed"));
        var plan = LabStudyRuns.Plan(study, options, 6, compute.Platform);
        var most = plan.Stages.Count - 3;
        Workers.Run(plan with { Stages = [.. plan.Stages.Take(most)] }, store, compute,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(3, Workers.Run(plan, store, compute, cancellation: TestContext.Current.CancellationToken));
        var resumed = LabStudyRuns.Run(study, "smoke", options, 6, store, compute, cancellation: TestContext.Current.CancellationToken);
        var whole = LabStudyRuns.Run(study, "smoke", options, 6, RunStore.Open(Scratch.Folder("whole")), compute,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(whole.Rows, resumed.Rows);
        Assert.NotEmpty(whole.Rows);
    }

    [Theory]
    [InlineData("slick: There is no study 'unknown'; there are " + All, "study", "unknown")]
    [InlineData("slick: There is no preset 'quik'; it is one of smoke, quick, lab, real-quick, real-gpu.", "study", "unknowns", "--preset",
        "quik")]
    [InlineData("slick: --preset real-quick needs a checkpoint: --model FOLDER --data FOLDER.", "study", "unknowns", "--preset",
        "real-quick")]
    [InlineData("slick: There is no option 'bass'; did you mean bases?", "study", "unknowns", "--set", "bass=1")]
    [InlineData("slick: There is no command or option '--model'. See slick study --help.", "study", "unknowns", "--model", "x")]
    [InlineData("slick: There is no study 'x'; there are " + All, "plan", "--study", "x")]
    [InlineData("slick: --study is about the lab's own models, of which it is known what they were told; leave out --model.", "work",
        "--study", "width", "--model", "x", "--data", "x")]
    public async Task WrongWords_AreAnsweredInOneLine(string expected, params string[] args)
    {
        var (code, output, errors) = await Slick([.. args, "--store", Scratch.Folder("wrong")]);
        Assert.Equal((2, "", expected), (code, output, errors.TrimEnd()));
    }

    [Fact]
    public async Task Plan_OfAStudyHasItsStages()
    {
        var (code, output, errors) = await Slick("plan", "--study", "unknowns", "--preset", "smoke", "--device", "cpu", "--store",
            Scratch.Folder("plan"));
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("smoke, seed 6: ", output.Replace("unknowns", "smoke", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("Unknown, never stated, draw 1, seed 6", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_HasALineAStudy()
    {
        var (code, output, errors) = await Slick("study", "--preset", "smoke", "--device", "cpu", "--store", Scratch.Folder("list"));
        Assert.Equal((0, ""), (code, errors));
        Assert.All(LabStudies.All, s => Assert.Single(output.Split('\n'), l => l.StartsWith(s.Name + " ", StringComparison.Ordinal)
            && l.EndsWith(s.Question, StringComparison.Ordinal)));
    }
}
