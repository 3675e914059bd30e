using System.Globalization;
using System.Text.RegularExpressions;
using Slick.Experiments;
using Slick.Figures;
using Slick.Storage;

namespace Slick.Tests;

/// <summary>The README says what is so.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Shared.Repository, "README.md")).ReplaceLineEndings("\n");

    private static string Published(string name) => Path.Combine(Shared.Repository, "data", "published", name);

    // What data/published holds was written by commit 67f6ddd, before results were long.
    private static readonly Lazy<StudyResult> Study = new(() => WideTables.Read(Published("")));

    private static IReadOnlyList<ClaimRow> PublishedClaims =>
        [.. Tables.Read<WideClaim>(Published("claims.parquet")).Select(c => new ClaimRow
    {
        Number = c.Number.ToString(CultureInfo.InvariantCulture), Claim = c.Claim, Paper = c.Paper, Here = c.Here, HolmP = c.HolmP,
        Verdict = c.Verdict, Reason = "",
    })];

    [Fact]
    public void TableOfClaims_IsThePublishedOne() =>
        Assert.Contains(StudyReport.Markdown(PublishedClaims).Trim(), Text, StringComparison.Ordinal);

    [Fact]
    public void PublishedClaims_FollowFromThePublishedRuns()
    {
        // p to six digits: the last ones are the platform's. Reasons were not published; claims that were registered since are more.
        static IEnumerable<ClaimRow> Comparable(IEnumerable<ClaimRow> rows) =>
            rows.Select(r => r with { HolmP = Math.Round(r.HolmP, 6), Reason = "" });
        var computed = StudyReport.ClaimRows(Study.Value);
        Assert.Equal(Comparable(PublishedClaims), Comparable(computed.Take(6)));
        // Seeds 1 to 5 had been looked at when the others were registered.
        Assert.All(computed.Skip(6), c => Assert.Equal("not tested", c.Verdict));
    }

    [Theory]
    [InlineData("table-1")]
    [InlineData("table-2")]
    [InlineData("table-3")]
    [InlineData("harm-by-exposure")]
    [InlineData("fitness")]
    public void PublishedTables_FollowFromThePublishedRows(string id)
    {
        static string[] Cells(string line) => [.. line[2..^2].Split(" | ").Select(c => c.Replace("\\*", "*", StringComparison.Ordinal)
            .Replace("\\|", "|", StringComparison.Ordinal).Trim())];
        var lines = File.ReadAllLines(Published(id + ".md")).Where(l => l.StartsWith('|')).ToList();
        var (columns, rows) = (Cells(lines[0]), lines.Skip(2).Select(Cells).ToList());
        Assert.NotEmpty(rows);
        // Tables have gained columns and rows: each published row stands among those of the same columns.
        var table = StudyReport.PublishedTables(Study.Value).Single(t => t.Id == id);
        var places = columns.Select(c => table.Columns.ToList().IndexOf(c)).ToList();
        Assert.DoesNotContain(-1, places);
        var computed = table.Rows.Select(r => string.Join(" | ", places.Select(p => r[p]))).ToList();
        Assert.All(rows, row => Assert.Contains(string.Join(" | ", row), computed));
    }

    [Fact]
    public void TablesOfTheRealModel_FollowFromItsPublishedLabels()
    {
        var folder = Published("gemma3-270m-entityquestions");
        var real = AnnotationReport.Read(folder);
        foreach (var table in AnnotationReport.TablesOf(real.Result))
            Assert.Equal(table.Markdown(), File.ReadAllText(Path.Combine(folder, table.Id + ".md")).ReplaceLineEndings("\n"));
        Assert.Equal(12, real.Result.Labels.GroupBy(l => l.Relation).Count(g => g.Count() == 1000));
        Assert.Contains(AnnotationTable.Make(real.Result).Markdown().Split("\n\n")[1], Text, StringComparison.Ordinal);
    }

    [Fact]
    public void TablesAndClaimsOfTheStudyOnARealModel_FollowFromItsPublishedRows()
    {
        var folder = Published("real-quick");
        var study = PublishedStudy.Read(folder);
        foreach (var table in StudyReport.PublishedTables(study))
            Assert.Equal(table.Markdown(), File.ReadAllText(Path.Combine(folder, table.Id + ".md")).ReplaceLineEndings("\n"));
        Assert.Equal(StudyReport.Markdown(StudyReport.ClaimRows(study)),
            File.ReadAllText(Path.Combine(folder, "claims.md")).ReplaceLineEndings("\n"));
        Assert.False(study.IsLab);
        Assert.Contains(study.Model!.Name, study.Source, StringComparison.Ordinal);
    }

    // A file that lost its text is there and helps nobody.
    [Theory]
    [InlineData("README.md", 10)]
    [InlineData("CONTRIBUTING.md", 2)]
    [InlineData("tests/data/README.md", 0)]
    [InlineData("tests/Slick.Benchmarks/README.md", 3)]
    public void EveryLinkedFile_HasText(string document, int atLeast)
    {
        var path = Path.Combine(Shared.Repository, document);
        var links = Link().Matches(File.ReadAllText(path)).Select(m => m.Groups[1].Value)
            .Where(l => !l.Contains("://", StringComparison.Ordinal)).Select(l => Path.Combine(Path.GetDirectoryName(path)!, l)).ToList();
        Assert.True(links.Count >= atLeast);
        Assert.DoesNotContain(links, l => !File.Exists(l) || new FileInfo(l).Length == 0);
    }

    // What CONTRIBUTING.md promises in the README.
    [Theory]
    [InlineData("Run one test")]
    [InlineData("Add a family of models")]
    [InlineData("Add a stage")]
    [InlineData("When to raise a version")]
    [InlineData("Add a figure")]
    public void Contributing_SaysHowTo(string heading) =>
        Assert.Contains(File.ReadLines(Path.Combine(Shared.Repository, "CONTRIBUTING.md")),
            l => l.StartsWith('#') && l.Contains(heading, StringComparison.Ordinal));

    [GeneratedRegex("`([A-Z][A-Za-z]+Tests|[A-Z][A-Za-z]+(?:Stage|Server|Model|Sets|Kind|Plan|Rows?))[`.]")]
    private static partial Regex Named();

    [Fact]
    public void Contributing_NamesClassesThatExist()
    {
        var text = File.ReadAllText(Path.Combine(Shared.Repository, "CONTRIBUTING.md"));
        var named = Named().Matches(text).Select(m => m.Groups[1].Value).Distinct().ToList();
        Assert.True(named.Count >= 10);
        var types = typeof(StudyResult).Assembly.GetTypes().Concat(typeof(ReadmeTests).Assembly.GetTypes()).Select(t => t.Name).ToHashSet();
        Assert.Empty(named.Except(types));
    }

    [Fact]
    public void TheTree_NamesEveryFolder()
    {
        var named = Tree().Matches(Text).Select(m => m.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var folders = Directory.GetDirectories(Path.Combine(Shared.Repository, "lib", "Slick")).Select(f => Path.GetFileName(f)!)
            .Where(f => f is not ("bin" or "obj" or "build")).Select(f => "lib/Slick/" + f);
        Assert.Empty(folders.Except(named));
        Assert.DoesNotContain(named, f => !Directory.Exists(Path.Combine(Shared.Repository, f)));
    }

    [GeneratedRegex(@"\]\(([^)#]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^((?:lib|notebooks|data|tests)[\w/.]*) {2,}", RegexOptions.Multiline)]
    private static partial Regex Tree();
}
