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

    private readonly string joins = Scratch.Folder("join");

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

    // Values that tell their variant, set, seed and draw.
    private static LabStudyResult Made(int seed, string study = "two-harms", int repeats = 3)
    {
        var (of, options) = (LabStudies.Of(study), StudyOptions.Lab with { Bases = 1, Repeats = repeats });
        return new(of, "lab, bases=1", options, seed, [.. of.Variants(options).SelectMany(v => new[] { "ratio-0", "ratio-100" }.SelectMany(
            set => Enumerable.Range(1, 2).Select(draw => new StudyValue { Variant = v.Name, Set = set, BaseSeed = seed, Draw = draw,
                Measure = Measures.Lost, Stop = Measures.Fit, Epoch = 9, Value = seed + draw * 0.5 + v.Name.Length + set.Length })))],
            [new("constant", "ratio-50", seed, $"constant: D 50% of seed {seed}", false)]);
    }

    [Fact]
    public async Task Join_MakesOneStudyOfSeveralSeeds()
    {
        string Folder(string name) => Path.Combine(joins, name);
        foreach (var seed in new[] { 7, 6, 9 }) PublishedLabStudy.Write(Made(seed), Folder($"{seed}"));
        var (code, output, errors) = await Slick("join", Folder("7"), Folder("9"), Folder("6"), "--publish", Folder("three"));
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("Joined: two-harms, seeds 6, 7, 9, 36 values.", output, StringComparison.Ordinal);
        var joined = PublishedLabStudy.Read(Folder("three"));
        Assert.Equal(("lab, bases=3", 6, 3), (joined.Preset, joined.Seed, joined.Options.Bases));
        // As one study of these seeds has its rows: variant by variant, and of each variant seed by seed.
        var all = new[] { 6, 7, 9 }.Select(s => Made(s)).ToList();
        Assert.Equal(all[0].Variants.SelectMany(v => all.SelectMany(r => r.Rows.Where(row => row.Variant == v.Name))), joined.Rows);
        Assert.Equal(3, joined.Lacking.Count);
        Assert.Contains("seeds 6, 7, 9, each with its own world", joined.Source, StringComparison.Ordinal);
        // The claims are over seeds now.
        Assert.All(joined.Claims().SelectMany(c => c.Parts), p => Assert.DoesNotContain("draws", p.Method, StringComparison.Ordinal));
        Assert.Contains("seeds 6 to 7, each", LabStudyResult.Join([("b", all[1]), ("a", all[0])]).Source, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StudiesOfTheLabThatDoNotBelongTogether_AreNotJoined()
    {
        string Folder(string name) => Path.Combine(joins, name);
        PublishedLabStudy.Write(Made(6), Folder("a"));
        PublishedLabStudy.Write(Made(7, repeats: 4), Folder("other"));
        PublishedLabStudy.Write(Made(7, "relabel"), Folder("relabel"));
        PublishedStudy.Write(SmokeStudy.Result, Folder("paper"));
        foreach (var (with, said) in new[] { ("a", "seed 6"), ("other", "repeats = 4"), ("relabel", "holds the study relabel"),
            ("paper", "slick reproduce"), ("gone", "study.json") })
        {
            var (code, _, errors) = await Slick("join", Folder("a"), Folder(with), "--publish", Folder("both"));
            Assert.Equal(1, code);
            Assert.Contains(said, errors, StringComparison.Ordinal);
            Assert.Single(errors.TrimEnd().Split('\n'));
            Assert.False(File.Exists(Path.Combine(Folder("both"), "study.json")));
        }
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
