using System.Text.RegularExpressions;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Knowledge;
using Slick.Storage;

namespace Slick.Tests;

/// <summary>The README says what is so.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Shared.Repository, "README.md")).ReplaceLineEndings("\n");

    private static string Published(string name) => Path.Combine(Shared.Repository, "data", "published", name);

    [Fact]
    public void TableOfClaims_IsThePublishedOne() =>
        Assert.Contains(StudyReport.Markdown(Tables.Read<ClaimRow>(Published("claims.parquet"))).Trim(), Text, StringComparison.Ordinal);

    [Fact]
    public void PublishedClaims_FollowFromThePublishedRuns()
    {
        // p to six digits: the last ones are the platform's.
        static IEnumerable<ClaimRow> Rounded(IEnumerable<ClaimRow> rows) => rows.Select(r => r with { HolmP = Math.Round(r.HolmP, 6) });
        var computed = StudyReport.ClaimRows(new StudyResult("", StudyOptions.Lab, [], Tables.Read<EpochRow>(Published("epochs.parquet")),
            Tables.Read<AnswerRow>(Published("answers.parquet")), []));
        Assert.Equal(Rounded(computed), Rounded(Tables.Read<ClaimRow>(Published("claims.parquet"))));
    }

    [Fact]
    public void PublishedTables_FollowFromThePublishedRows()
    {
        var bases = Tables.Read<PublishedLabel>(Published("labels.parquet")).GroupBy(l => l.BaseSeed).OrderBy(g => g.Key).Select(of =>
        {
            var facts = Enumerable.Range(0, of.Max(l => l.FactId) + 1)
                .Select(id => new Fact { Id = id, Relation = "", Split = Split.Dev, Subject = "", Question = "", Answer = "" }).ToArray();
            foreach (var label in of) facts[label.FactId] = facts[label.FactId] with { Relation = label.Relation, Split = label.Split };
            return new LabelledBase(of.Key, "", facts, [.. of.Select(l => new LabelRow
            {
                FactId = l.FactId, Relation = l.Relation, Split = l.Split, Question = "", Answer = "", GreedyCorrect = l.GreedyCorrect,
                    SampledCorrect = l.SampledCorrect,
                Category = l.Category, CategoryProbability = double.NaN, GoldExposures = l.GoldExposures, RivalExposures = l.RivalExposures,
            })]);
        }).ToList();
        var study = new StudyResult("lab", StudyOptions.Lab, bases, Tables.Read<EpochRow>(Published("epochs.parquet")),
            Tables.Read<AnswerRow>(Published("answers.parquet")), []);
        Assert.Equal(StudyOptions.Lab.Bases, bases.Count);
        foreach (var table in StudyReport.PublishedTables(study))
            Assert.Equal(table.Markdown(), File.ReadAllText(Published(table.Id + ".md")).ReplaceLineEndings("\n"));
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
    public void EveryLinkedFile_IsThere()
    {
        var links = Link().Matches(Text).Select(m => m.Groups[1].Value).Where(l => !l.Contains("://", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(links);
        Assert.DoesNotContain(links, l => !File.Exists(Path.Combine(Shared.Repository, l)));
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
