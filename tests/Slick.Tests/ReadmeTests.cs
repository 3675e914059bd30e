using System.Text;
using System.Text.RegularExpressions;
using Slick.Experiments;
using Slick.Figures;
using Slick.Storage;
using Slick.Studies;

namespace Slick.Tests;

/// <summary>
/// The READMEs say what is so. Their tables of results stand between markers and are what the library makes of data/published. With
/// SLICK_REDRAW=1 in the environment these blocks, and the tables of data/published, are written anew.
/// </summary>
public sealed partial class ReadmeTests
{
    private static readonly string Text = Read("README.md");

    private static string At(string path) => Path.Combine(Shared.Repository, Path.Combine(path.Split('/')));

    private static string Read(string path) => File.ReadAllText(At(path)).ReplaceLineEndings("\n");

    private static StudyResult Study(string name) => PublishedStudy.Read(At("data/published/" + name));

    private static bool Redraws => Environment.GetEnvironmentVariable("SLICK_REDRAW") is "1";

    // The text of a file as it is, or, where files are to be written anew, as it should be.
    private static string Current(string path, string expected)
    {
        if (Redraws) AtomicFile.WriteText(At(path), expected);
        return Read(path);
    }

    private static void AssertBlock(string path, string name, string content)
    {
        var text = Read(path);
        var (begin, end) = ($"<!-- {name}: begin -->", $"<!-- {name}: end -->");
        var (from, to) = (text.IndexOf(begin, StringComparison.Ordinal), text.IndexOf(end, StringComparison.Ordinal));
        Assert.True(from >= 0 && to > from, $"{path} has no block {name}.");
        var expected = $"{begin}\n{string.Join('\n', content.Trim().Split('\n').Select(Wrapped))}\n";
        text = Current(path, text[..from] + expected + text[to..]);
        Assert.Equal(expected, text[from..text.IndexOf(end, StringComparison.Ordinal)]);
    }

    // A paragraph in lines of at most 140 characters. The rows of a table stay as they are.
    private static string Wrapped(string line)
    {
        if (line.StartsWith('|')) return line;
        var (text, length) = (new StringBuilder(), 0);
        foreach (var word in line.Split(' '))
        {
            var breaks = length > 0 && length + 1 + word.Length > 140;
            text.Append(length == 0 ? "" : breaks ? "\n" : " ").Append(word);
            length = breaks ? word.Length : length + (length > 0 ? 1 : 0) + word.Length;
        }
        return text.ToString();
    }

    [Fact]
    public void TableOfClaims_IsThatOfThePublishedLab() =>
        AssertBlock("README.md", "claims", PaperTables.ClaimsInShort(Study("lab")).Markdown());

    [Fact]
    public void TableOfDifferences_IsThatOfThePublishedStudies() =>
        AssertBlock("README.md", "setup",
            StudySetup.Table([.. new[] { "quick", "lab", "real-quick" }.Select(n => (n, Study(n)))]).Markdown());

    [Fact]
    public void TablesOfTheRealModel_FollowFromItsPublishedLabels()
    {
        const string Folder = "data/published/gemma3-270m-entityquestions";
        var real = AnnotationReport.Read(At(Folder));
        foreach (var table in AnnotationReport.TablesOf(real.Result))
            Assert.Equal(table.Markdown(), Current($"{Folder}/{table.Id}.md", table.Markdown()));
        Assert.Equal(12, real.Result.Labels.GroupBy(l => l.Relation).Count(g => g.Count() == 1000));
        AssertBlock(Folder + "/README.md", "table", AnnotationTable.Make(real.Result).Markdown());
    }

    [Theory]
    [InlineData("quick", true)]
    [InlineData("lab", true)]
    [InlineData("idk", true)]
    [InlineData("real-quick", false)]
    public void TablesAndClaimsOfAPublishedStudy_FollowFromItsRows(string name, bool isLab)
    {
        var folder = "data/published/" + name;
        var study = Study(name);
        Assert.Equal(isLab, study.IsLab);
        foreach (var table in StudyReport.PublishedTables(study))
            Assert.Equal(table.Markdown(), Current($"{folder}/{table.Id}.md", table.Markdown()));
        var claims = StudyReport.ClaimRows(study);
        Assert.Equal(StudyReport.Markdown(claims), Current(folder + "/claims.md", StudyReport.Markdown(claims)));
        // p to six digits: the last ones are the platform's.
        static IEnumerable<ClaimRow> Comparable(IEnumerable<ClaimRow> rows) => rows.Select(r => r with { HolmP = Math.Round(r.HolmP, 6) });
        if (Redraws) Tables.Write(At(folder + "/claims.parquet"), claims);
        Assert.Equal(Comparable(claims), Comparable(Tables.Read<ClaimRow>(At(folder + "/claims.parquet"))));
    }

    public static TheoryData<string> Studies =>
        [.. Directory.GetDirectories(At("data/published/studies")).Select(f => Path.GetFileName(f))];

    [Theory]
    [MemberData(nameof(Studies))]
    public void TableAndClaimsOfAPublishedLabStudy_FollowFromItsValues(string name)
    {
        var folder = "data/published/studies/" + name;
        var study = PublishedLabStudy.Read(At(folder)) with { IsPublished = false };
        Assert.Equal(name, study.Study.Name);
        Assert.Equal(study.Table().Markdown(), Current(folder + "/table.md", study.Table().Markdown()));
        Assert.Equal(study.ClaimsTable().Markdown(), Current(folder + "/claims.md", study.ClaimsTable().Markdown()));
    }

    [Theory]
    [InlineData("quick")]
    [InlineData("lab")]
    [InlineData("real-quick")]
    public void TableOfFigure5_FollowsFromTheStudysRows(string name)
    {
        var table = UnknownFigure.Table(Study(name), UnknownBenchmark.Read(At("data/published/" + name))).Markdown();
        Assert.Equal(table, Current($"data/published/{name}/unknown-by-method.md", table));
    }

    [Theory]
    [InlineData("quick")]
    [InlineData("lab")]
    [InlineData("gemma3-270m-entityquestions")]
    public void TableOfChance_FollowsFromItsRows(string name)
    {
        var folder = "data/published/" + name;
        var (rows, guesses) = ChanceCheck.Read(At(folder));
        var table = name is "quick" or "lab" ? ChanceTable.Make(Study(name).Preset, rows, guesses, Study(name).Bases[0].Exposures)
            : ChanceTable.Make(AnnotationReport.Read(At(folder)).Result.Model, rows, guesses, []);
        Assert.Equal(table.Markdown(), Current(folder + "/chance.md", table.Markdown()));
    }

    [Theory]
    [InlineData("quick", 1, 1)]
    [InlineData("lab", 6, 10)]
    public void AFolderWithAPresetsName_HasThePresetsStudy(string name, int firstSeed, int bases)
    {
        var study = Study(name);
        Assert.Equal((true, name, firstSeed), (study.IsLab, study.Preset, study.Bases[0].Seed));
        Assert.Equal(Enumerable.Range(firstSeed, bases), study.Bases.Select(b => b.Seed));
        Assert.Equal(NamedOptions.Values(StudyOptions.Preset(study.Preset) with { Bases = bases }), NamedOptions.Values(study.Options));
        Assert.Empty(study.Failures);
        Assert.True(File.Exists(At($"data/published/{name}/model/model.safetensors")));
    }

    // A notebook that the README does not name is not found.
    [Fact]
    public void TheTableOfNotebooks_NamesEveryNotebook() =>
        Assert.All(Directory.GetFiles(At("notebooks"), "*.ipynb").Select(Path.GetFileName),
            name => Assert.Contains($"](notebooks/{name})", Text, StringComparison.Ordinal));

    // What CONTRIBUTING.md promises in the README.
    [Theory]
    [InlineData("Run one test")]
    [InlineData("Add a family of models")]
    [InlineData("Add a stage")]
    [InlineData("When to raise a version")]
    [InlineData("Add a figure")]
    public void Contributing_SaysHowTo(string heading) =>
        Assert.Contains(File.ReadLines(At("CONTRIBUTING.md")),
            l => l.StartsWith('#') && l.Contains(heading, StringComparison.Ordinal));

    [GeneratedRegex("`([A-Z][A-Za-z]+Tests|[A-Z][A-Za-z]+(?:Stage|Server|Model|Sets|Kind|Plan|Rows?))[`.]")]
    private static partial Regex Named();

    [Fact]
    public void Contributing_NamesClassesThatExist()
    {
        var named = Named().Matches(Read("CONTRIBUTING.md")).Select(m => m.Groups[1].Value).Distinct().ToList();
        Assert.True(named.Count >= 10);
        var types = typeof(StudyResult).Assembly.GetTypes().Concat(typeof(ReadmeTests).Assembly.GetTypes()).Select(t => t.Name).ToHashSet();
        Assert.Empty(named.Except(types));
    }

    [Fact]
    public void TheTree_NamesEveryFolder()
    {
        var named = Tree().Matches(Text).Select(m => m.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var folders = Directory.GetDirectories(At("lib/Slick")).Select(f => Path.GetFileName(f)!)
            .Where(f => f is not ("bin" or "obj" or "build")).Select(f => "lib/Slick/" + f);
        Assert.Empty(folders.Except(named));
        Assert.DoesNotContain(named, f => !Directory.Exists(At(f)));
    }

    [GeneratedRegex(@"^((?:lib|notebooks|data|tests)[\w/.]*) {2,}", RegexOptions.Multiline)]
    private static partial Regex Tree();
}
