using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;
using Slick.Storage;
using Slick.Tests.Experiments;
using Slick.Workbook;
using Slick.Workbook.Notebooks;
using Xunit;

namespace Slick.Tests.Workbook;

[Collection(nameof(ProcessWide))]
public sealed class ProgramTests : IDisposable
{
    private readonly Workbooks _books = new();

    public void Dispose() => _books.Dispose();

    private static Task<(int Code, string Output, string Errors)> Slick(params string[] args) => CommandLine.Slick(args);

    [Fact]
    public async Task Run_ExpandsPatterns_AndWritesPages()
    {
        _books.Write("one.ipynb", NotebookCell.Code("c", "var n = 1;", "parameters"),
            NotebookCell.Code("d", "Console.WriteLine($\"n={n}\");"));
        _books.Write("two.ipynb", NotebookCell.Code("c", "var n = 2;", "parameters"),
            NotebookCell.Code("d", "Console.WriteLine($\"n={n}\");"));
        var html = Path.Combine(_books.Folder, "html");
        var (code, _, errors) = await Slick("run", Path.Combine(_books.Folder, "*.ipynb"), "--html", html, "--set", "n=9");
        Assert.Equal((0, ""), (code, errors));
        Assert.Equal(["one.html", "two.html"], Directory.GetFiles(html).Select(Path.GetFileName).Order());
        Assert.Contains("n=9", await File.ReadAllTextAsync(Path.Combine(html, "two.html"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task FailedCell_Is1_WithOneLine()
    {
        var path = _books.Write("bad.ipynb", NotebookCell.Markdown("m", "# Bad"),
            NotebookCell.Code("c", "var a = 1;\nthrow new Exception(\"so\");"));
        var (code, _, errors) = await Slick("run", path);
        Assert.Equal((1, "slick: bad.ipynb: cell 2, line 2: Exception: so" + Environment.NewLine), (code, errors));
    }

    [Theory]
    [InlineData("foo=1")]
    [InlineData("n=much")]
    public async Task ParameterThatTheNotebookDoesNotTake_Is2(string set)
    {
        var path = _books.Write("one.ipynb", NotebookCell.Code("c", "var n = 1;", "parameters"));
        var (code, _, errors) = await Slick("run", path, "--set", set);
        Assert.Equal(2, code);
        Assert.Contains($"\"{set.Split('=')[0]}\"", Assert.Single(errors.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BrokenFile_Is1_WithOneLine()
    {
        var path = Path.Combine(_books.Folder, "broken.ipynb");
        await File.WriteAllTextAsync(path, "{\n]", TestContext.Current.CancellationToken);
        var (code, _, errors) = await Slick("run", path);
        Assert.Equal(1, code);
        Assert.StartsWith($"slick: {path}:2: not JSON", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
        Assert.Equal(1, (await Slick("run", Path.Combine(_books.Folder, "gone*.ipynb"))).Code);
    }

    [Theory]
    [InlineData("rnu")]
    [InlineData("run")]
    [InlineData("run", "a.ipynb", "--htm", "x")]
    [InlineData("run", "a.ipynb", "--set", "novalue")]
    public async Task WrongWords_Are2(params string[] args) => Assert.Equal(2, (await Slick(args)).Code);

    [Theory]
    [InlineData("slick: There is no command or option 'rnu'. Did you mean run? See slick --help.", "rnu")]
    [InlineData("slick: There is no command or option 'modle'. Did you mean model? See slick check --help.", "check", "modle")]
    [InlineData("slick: There is no command or option '--preste'. Did you mean --preset? See slick reproduce --help.", "reproduce",
        "--preste", "smoke")]
    [InlineData("slick: Option '--data' is required. See slick annotate --help.", "annotate", "--model", "x")]
    public async Task WrongWords_AreAnsweredInOneLine(string expected, params string[] args)
    {
        var (_, output, errors) = await Slick(args);
        Assert.Equal(("", expected), (output, errors.TrimEnd()));
    }

    [Theory]
    [InlineData(2, "quik", "smoke, quick, lab", "reproduce", "--preset", "quik")]
    [InlineData(2, "fineTuning.learningRate", "reproduce", "--set", "lerningRate=1")]
    [InlineData(2, "out of range", "reproduce", "--set", "fineTuning.epochs=0")]
    [InlineData(2, "--preset", "reproduce", "--preste", "smoke")]
    [InlineData(2, "--rates", "tune", "--rates", "much")]
    [InlineData(1, "there is no store", "list", "--store", "/nowhere/at/all")]
    [InlineData(1, "cuda:7", "reproduce", "--preset", "smoke", "--device", "cuda:7")]
    [InlineData(2, "cuad", "reproduce", "--preset", "smoke", "--device", "cuad")]
    [InlineData(2, "world.regions", "reproduce", "--preset", "smoke", "--set", "world.regions=1", "--set", "world.trainFacts=900")]
    [InlineData(2, "sampling.prompts", "reproduce", "--preset", "smoke", "--set", "sampling.prompts=400")]
    [InlineData(2, "--model", "annotate", "--data", "x")]
    [InlineData(2, "use exact or sampled", "annotate", "--model", "x", "--data", "x", "--estimator", "exakt")]
    [InlineData(2, "use train, dev or test", "annotate", "--model", "x", "--data", "x", "--split", "all")]
    [InlineData(2, "at least one", "annotate", "--model", "x", "--data", "x", "--questions", "0")]
    [InlineData(2, "fp16", "annotate", "--model", "x", "--data", "x", "--dtype", "fp16")]
    [InlineData(1, "there is no such folder", "annotate", "--model", "/nowhere/at/all", "--data", "/nowhere/at/all")]
    public async Task WrongInput_SaysWhatIsWrong(int code, params string[] saysThenArgs)
    {
        var args = saysThenArgs.SkipWhile(a => a is not ("reproduce" or "tune" or "list" or "annotate")).ToArray();
        // A store that disappears with the test, where one would be made.
        if (args[0] != "list") args = [.. args, "--store", Path.Combine(_books.Folder, "store")];
        var (actual, output, errors) = await Slick(args);
        Assert.Equal(code, actual);
        Assert.All(saysThenArgs.Take(saysThenArgs.Length - saysThenArgs.SkipWhile(a =>
            a is not ("reproduce" or "tune" or "list" or "annotate")).Count()), says =>
            Assert.Contains(says, output + errors, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", output + errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("slick: Required argument missing for option: '--seed'. See slick reproduce --help.", "reproduce", "--seed")]
    [InlineData("slick: Required argument missing for option: '--set'. See slick reproduce --help.", "reproduce", "--set")]
    [InlineData("slick: --set has an empty value. See slick reproduce --help.", "reproduce", "--set", "")]
    [InlineData("slick: --csv has an empty value. See slick annotate --help.", "annotate", "--model", "x", "--data", "x", "--csv", " ")]
    [InlineData("slick: folder has an empty value. See slick check tokenizer --help.", "check", "tokenizer", "")]
    [InlineData("slick: --rates takes numbers between 1e-8 and 1, not 'NaN'. See slick tune --help.", "tune", "--rates", "1e-4", "NaN")]
    [InlineData("slick: --rates takes numbers between 1e-8 and 1, not 'Infinity'. See slick tune --help.", "tune", "--rates", "Infinity")]
    [InlineData("slick: --rates takes numbers between 1e-8 and 1, not '0,1'. See slick tune --help.", "tune", "--rates", "0,1")]
    [InlineData("slick: 'NaN' is no value of fineTuning.learningRate; it takes a number, such as 0.5 or 3e-5.", "reproduce", "--set",
        "fineTuning.learningRate=NaN")]
    [InlineData("slick: --memory abc: write mebibytes or gibibytes, such as 512M or 16G, at least 16M.",
        "annotate", "--model", "x", "--data", "x", "--memory", "abc")]
    [InlineData("slick: --memory 8M: write mebibytes or gibibytes, such as 512M or 16G, at least 16M.", "plan",
        "--memory", "8M")]
    [InlineData("slick: --memory is about a local model, and --server names a server; leave it out.",
        "annotate", "--server", "http://127.0.0.1:1", "--server-model", "m", "--data", "x", "--memory", "1G")]
    [InlineData("slick: '1,5' is no value of bases; it takes a whole number, without separators.", "reproduce", "--set", "bases=1,5")]
    [InlineData("slick: --normaliser 'Squad!' is unknown: use none or squad.", "annotate", "--model", "x", "--data", "x", "--normaliser",
        "Squad!")]
    [InlineData("slick: normaliser compares drawn answers, and estimator=exact draws none; use estimator=sampled or normaliser=none.",
        "annotate", "--model", "x", "--data", "x", "--normaliser", "squad")]
    [InlineData("slick: --seeds 2000000000: between 1 and 1000 base models are possible.", "tune", "--seeds", "2000000000")]
    public async Task ValueThatIsMissingEmptyOrNoNumber_Is2InOneLine(string expected, params string[] args)
    {
        var (code, output, errors) = await Slick(args);
        Assert.Equal((2, "", expected), (code, output, errors.TrimEnd()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public async Task CopiesInTheNotebooksOwnFolder_AreRefused(string end)
    {
        var path = _books.Write("own.ipynb", NotebookCell.Code("c", "1 + 1"));
        var before = File.ReadAllText(path);
        var (code, _, errors) = await Slick("run", path, "--publish", _books.Folder + end);
        Assert.Equal(2, code);
        Assert.Contains($"would replace {path}", errors, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(path));
    }

    [Fact]
    public void FolderWithAPresetsName_DoesNotHideThePreset()
    {
        var before = Environment.CurrentDirectory;
        try
        {
            Environment.CurrentDirectory = _books.Folder;
            Directory.CreateDirectory("quick");
            Directory.CreateDirectory("mine");
            Assert.Null(ResultsChoice.Parse("quick").Folder);
            Assert.EndsWith("mine", ResultsChoice.Parse("mine").Folder, StringComparison.Ordinal);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    // The smoke study as one of another seed.
    private static StudyResult OfSeed(int seed)
    {
        var of = SmokeStudy.Result;
        string Key(string run) => $"{run}, seed {seed}";
        return of with
        {
            Bases = [.. of.Bases.Select(b => b with { Seed = seed, Folder = "" })],
            Runs = [.. of.Runs.Select(r => r with { Run = Key(r.Run), BaseSeed = seed })],
            Epochs = [.. of.Epochs.Select(r => r with { Run = Key(r.Run) })],
            Scores = [.. of.Scores.Select(r => r with { Run = Key(r.Run) })],
            Answers = [.. of.Answers.Select(r => r with { Run = Key(r.Run) })],
        };
    }

    [Fact]
    public async Task Join_MakesOneStudyOfTwo_WithTheFirstOnesModel()
    {
        string Folder(string name) => Path.Combine(_books.Folder, name);
        PublishedStudy.Write(OfSeed(2), Folder("b"));
        PublishedStudy.Write(SmokeStudy.Result, Folder("a"));
        var (code, output, errors) = await Slick("join", Folder("b"), Folder("a"), "--publish", Folder("both"));
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("Joined: seeds 1, 2", output, StringComparison.Ordinal);
        var joined = Study.Open(Folder("both"));
        Assert.Equal([1, 2], joined.Bases.Select(b => b.Seed));
        Assert.Equal(2, joined.Options.Bases);
        Assert.True(new StudyData(joined).SeveralBases);
        Assert.Equal(2 * SmokeStudy.Result.Scores.Count, joined.Scores.Count);
        Assert.Equal(Study.OpenModel(Folder("a")).Labels, Study.OpenModel(Folder("both")).Labels);
        Assert.True(File.Exists(Path.Combine(Folder("both"), "table-2.md")));
    }

    // What another study left in the folder would be read as this study's.
    [Fact]
    public void AFolderOfAnotherStudy_KeepsNothingOfIt()
    {
        var folder = Path.Combine(_books.Folder, "published");
        string[] others = ["chance.md", "prompts.parquet", "table-8.md"];
        StudyReport.Publish(SmokeStudy.Result, folder);
        var model = Directory.GetFiles(Path.Combine(folder, "model")).Length;
        foreach (var file in others.Append("mine.md")) File.WriteAllText(Path.Combine(folder, file), "x");
        StudyReport.Publish(SmokeStudy.Result, folder); // the same study: what was made of it is still right
        Assert.All(others, file => Assert.True(File.Exists(Path.Combine(folder, file))));
        Assert.Equal(model, Directory.GetFiles(Path.Combine(folder, "model")).Length);
        StudyReport.Publish(OfSeed(2), folder);
        Assert.All(others, file => Assert.False(File.Exists(Path.Combine(folder, file))));
        Assert.True(File.Exists(Path.Combine(folder, "mine.md")) && File.Exists(Path.Combine(folder, "table-2.md")));
        Assert.Empty(Directory.GetFiles(Path.Combine(folder, "model")));
        Assert.Equal(2, PublishedStudy.Read(folder).Bases.Single().Seed);
    }

    // A checkpoint of the user's own may lie in the folder.
    [Fact]
    public async Task AModelThatSlickDidNotPublish_IsNotTouched()
    {
        var folder = Path.Combine(_books.Folder, "work");
        var weights = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "model")).FullName, "model.safetensors");
        File.WriteAllText(weights, "mine");
        File.WriteAllText(Path.Combine(folder, "model", "config.json"), "{}");
        var (code, _, errors) = await Slick("reproduce", "--preset", "smoke", "--device", "cpu", "--store", SmokeStudy.Store, "--publish",
            folder);
        Assert.Equal(1, code);
        Assert.Contains("was not published with a study", errors, StringComparison.Ordinal);
        Assert.Throws<Slick.SlickException>(() => StudyReport.Publish(SmokeStudy.Result, folder));
        StudyReport.Publish(OfSeed(2), folder); // has no model to publish
        Assert.Equal("mine", File.ReadAllText(weights));
        Assert.Equal(["config.json", "model.safetensors"],
            Directory.GetFiles(Path.Combine(folder, "model")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task AStudyOfTheLabAndOneOfThePaper_DoNotShareAFolder()
    {
        var (paper, own) = (Path.Combine(_books.Folder, "paper"), Path.Combine(_books.Folder, "own"));
        StudyReport.Publish(OfSeed(2), paper);
        foreach (var file in new[] { "study.json", "values.parquet" })
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(own).FullName, file), "x");
        foreach (var (command, folder) in new[] { (new[] { "study", "relabel" }, paper), (["reproduce"], own) })
        {
            var (code, _, errors) = await Slick([.. command, "--preset", "smoke", "--device", "cpu", "--store", SmokeStudy.Store,
                "--publish", folder]);
            Assert.Equal(1, code);
            Assert.Contains("files of both would mix", errors, StringComparison.Ordinal);
        }
        Assert.Equal("x", File.ReadAllText(Path.Combine(own, "study.json")));
    }

    [Fact]
    public async Task StudiesThatDoNotBelongTogether_AreNotJoined()
    {
        string Folder(string name) => Path.Combine(_books.Folder, name);
        PublishedStudy.Write(OfSeed(1), Folder("a"));
        PublishedStudy.Write(OfSeed(2) with { Options = SmokeStudy.Result.Options with { Repeats = 7 } }, Folder("other"));
        PublishedStudy.Write(OfSeed(3) with { Bases = [.. OfSeed(3).Bases.Select(b => b with { Exposures = [] })] }, Folder("real"));
        foreach (var (with, said) in new[] { ("a", "seed 1"), ("other", "repeats = 7"), ("real", "a checkpoint"), ("gone", "study.json") })
        {
            var (code, _, errors) = await Slick("join", Folder("a"), Folder(with), "--publish", Folder("both"));
            Assert.Equal(1, code);
            Assert.Contains(said, errors, StringComparison.Ordinal);
            Assert.False(File.Exists(Path.Combine(Folder("both"), "study.json")));
        }
        var (refused, _, why) = await Slick("join", Folder("a"), Folder("other"), "--publish", Folder("other") + "/");
        Assert.Equal(2, refused);
        Assert.Contains("name another folder", why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("@n.ipynb")]
    [InlineData("a name.ipynb")]
    [InlineData("it's.ipynb")]
    [InlineData("@.ipynb")]
    public async Task FileAndValue_MayBeginWithAnAtOrHoldSpacesAndQuotes(string name)
    {
        var path = _books.Write(name, NotebookCell.Code("c", "var n = \"\";", "parameters"),
            NotebookCell.Code("d", "Console.WriteLine($\"<{n}>\");"));
        var before = Environment.CurrentDirectory;
        try
        {
            Environment.CurrentDirectory = _books.Folder; // the word itself begins with @
            foreach (var value in (string[])["@x", "a b", "'a' \"b\""])
            {
                var (code, output, errors) = await Slick("run", name, "--set", $"n={value}");
                Assert.Equal((0, ""), (code, errors));
                Assert.Contains($"<{value}>", output, StringComparison.Ordinal);
            }
            Assert.Contains("@nowhere", (await Slick("annotate", "--model", "@nowhere", "--data", "@nowhere", "--store", "@store")).Errors,
                StringComparison.Ordinal);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
        Assert.True(File.Exists(path));
    }

    [Fact]
    public async Task Reproduce_EndsWithAClaimALineAndTheReportsPath()
    {
        var published = Path.Combine(_books.Folder, "published");
        var (code, output, errors) = await Slick("reproduce", "--preset", "smoke", "--device", "cpu", "--store", SmokeStudy.Store,
            "--publish", published);
        Assert.Equal((0, ""), (code, errors));
        var lines = output.TrimEnd().Split(Environment.NewLine);
        var claims = lines.Where(l => l.StartsWith("Claim ", StringComparison.Ordinal)).ToList();
        Assert.Equal(Claims.All.Count, claims.Count);
        Assert.All(claims, c => Assert.Matches(@"^Claim \w+: ((holds|contradicted|undecided), p \(Holm\) (< )?[\d.]+|not tested)$", c));
        // What belongs to a claim stands below it, in lines that fit a page.
        var first = Array.FindIndex(lines, l => l.StartsWith("Claim ", StringComparison.Ordinal));
        Assert.Matches("^    Unknown facts are fitted later", lines[first + 1]);
        var below = lines.Skip(first).TakeWhile(l => !l.StartsWith("Report: ", StringComparison.Ordinal)).Except(claims).ToList();
        Assert.All(below, l => Assert.True(l.StartsWith("    ", StringComparison.Ordinal) && l.Length <= 100, l));
        Assert.Equal(claims.Count, below.Count(l => l.StartsWith("    Here: ", StringComparison.Ordinal)));
        var report = lines.Single(l => l.StartsWith("Report: ", StringComparison.Ordinal))["Report: ".Length..];
        Assert.True(File.Exists(report));
        Assert.Equal(StudyReport.ClaimRows(SmokeStudy.Result), Tables.Read<ClaimRow>(Path.Combine(published, "claims.parquet")));
        foreach (var svg in Directory.GetFiles(published, "*.svg")) System.Xml.Linq.XDocument.Load(svg);
        Assert.Equal(9, Directory.GetFiles(published, "*.svg").Length);
    }

    [Fact]
    public async Task Budget_IsChosenOnceAndKept()
    {
        var (file, store) = (Path.Combine(_books.Folder, "own.csv"), Path.Combine(_books.Folder, "store"));
        await File.WriteAllTextAsync(file, "relation,question,answer,split\n" + string.Concat(
            from f in SmokeStudy.Result.Bases[0].Facts
            where f.Relation is "P17" or "P36"
            select $"{f.Relation},{f.Question},{f.Answer},{f.Split}\n"), TestContext.Current.CancellationToken);
        string[] study = ["--model", SmokeStudy.Result.Bases[0].Folder, "--data", file, "--store", store, "--device", "cpu", "--set",
            "sampling.prompts=1", "--set", "questions.dev=2"];
        var (code, output, errors) = await Slick(["plan", .. study, "--budget", "2h"]);
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains("--budget: questions.largestPart=100 (kept in ", output, StringComparison.Ordinal);
        // Another measurement may choose another size. What is kept stays, also for another command and for the same time in other words.
        var kept = Directory.GetFiles(store, "budget.json", SearchOption.AllDirectories).Single();
        await File.WriteAllTextAsync(kept, "{\"largestPart\": 16}", TestContext.Current.CancellationToken);
        Assert.Contains("--budget: questions.largestPart=16 (chosen before",
            (await Slick(["plan", .. study, "--budget", "120m"])).Output, StringComparison.Ordinal);
        Assert.Contains("--budget: questions.largestPart=100 (kept in ",
            (await Slick(["plan", .. study, "--budget", "3h"])).Output, StringComparison.Ordinal);
        (code, output, errors) = await Slick(["submit", .. study, "--budget", "2h", "--dry-run"]);
        Assert.Equal(0, code);
        Assert.StartsWith("#!/bin/bash\n", output, StringComparison.Ordinal);
        Assert.Contains(" --set questions.largestPart=16 ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("--budget", output, StringComparison.Ordinal);
        Assert.Contains("questions.largestPart=16", errors, StringComparison.Ordinal);
        (code, _, errors) = await Slick(["plan", .. study, "--budget", "2h", "--set", "Questions.largestPart = 4"]);
        Assert.Equal((2, "slick: --budget chooses questions.largestPart; leave out --budget or --set questions.largestPart=."),
            (code, errors.TrimEnd()));
        await File.WriteAllTextAsync(kept, "{", TestContext.Current.CancellationToken);
        (code, _, errors) = await Slick(["plan", .. study, "--budget", "2h"]);
        Assert.Equal((1, $"slick: {kept}: not a choice of --budget; delete its folder, and the choice is made again."),
            (code, errors.TrimEnd()));
    }

    [Fact]
    public async Task Annotate_EndsWithTable3AndTheTablesPath()
    {
        var sample = Path.Combine(Shared.Repository, "data", "entityquestions-sample");
        string[] args = ["annotate", "--model", SmokeStudy.Result.Bases[0].Folder, "--data", sample, "--relations", "P17", "P36",
            "--questions", "4", "--device", "cpu", "--store", Path.Combine(_books.Folder, "store")];
        var csv = Path.Combine(_books.Folder, "labels.csv");
        var (code, output, errors) = await Slick([.. args, "--csv", csv, "--verbose"]);
        Assert.Equal((0, ""), (code, errors));
        Assert.Matches(@"(?m)^relation +passes +rows a pass +rows a question +ms a row +seconds +MiB\s*$", output);
        Assert.Matches(@"(?m)^P36 +\d+ +[\d.]+ +1\.00 +[\d.]+ +[\d.]+ +[\d,]+\s*$", output);
        Assert.Matches(@"(?m)^together +\d+ ", output);
        Assert.Contains("Forecast: under a minute (8 questions of 2 relations, 10 prompts each)", output, StringComparison.Ordinal);
        Assert.Contains("Table 3 for", output, StringComparison.Ordinal);
        Assert.Matches("(?m)^P17 .* 55.6, 33.3, 6.5, 4.6\\s*$", output);
        Assert.Contains("In 0 of 80 prompts", output, StringComparison.Ordinal);
        Assert.Equal(9, (await File.ReadAllLinesAsync(csv, TestContext.Current.CancellationToken)).Length);
        var table = output.Split(Environment.NewLine).Single(l => l.StartsWith("Labels: ", StringComparison.Ordinal))["Labels: ".Length..];
        Assert.Equal(8, Tables.Read<Slick.Knowledge.LabelRow>(table).Count);
        // Again: everything is read.
        var (_, again, _) = await Slick([.. args, "--verbose"]);
        Assert.DoesNotContain("Forecast", again, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^P36 +read from the store\s*$", again);
        Assert.DoesNotContain("together", again, StringComparison.Ordinal);
        Assert.Contains(table, again, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Annotate_WithoutDev_Is1AndNamesIt()
    {
        var data = Directory.CreateDirectory(Path.Combine(_books.Folder, "data")).FullName;
        foreach (var split in new[] { "train", "test" }) Directory.CreateDirectory(Path.Combine(data, "dataset", split));
        var (code, _, errors) = await Slick("annotate", "--model", SmokeStudy.Result.Bases[0].Folder, "--data", data, "--store",
            Path.Combine(_books.Folder, "store"));
        Assert.Equal(1, code);
        Assert.Contains("no dev folder", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task List_ShowsEveryStage()
    {
        var (code, output, _) = await Slick("list", "--store", SmokeStudy.Store);
        Assert.Equal(0, code);
        Assert.Contains("SliCK's labels of the lab's model: P17, test, by Exact, seed 1", output, StringComparison.Ordinal);
        Assert.Contains("D_Known 50%, D's updates", output, StringComparison.Ordinal);
        Assert.DoesNotContain("partial", output, StringComparison.Ordinal);
    }
}
