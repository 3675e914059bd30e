using System.Globalization;
using System.Text.RegularExpressions;
using Slick.Experiments;
using Slick.Figures;
using Slick.Storage;
using Slick.Studies;

namespace Slick.Tests.Figures;

/// <summary>
/// The pictures below data/published are what the code draws from the tables beside them. With SLICK_REDRAW=1 in the environment they are
/// drawn anew.
/// </summary>
public sealed partial class PublishedFiguresTests
{
    private static string Published(string name) => Path.Combine(Shared.Repository, "data", "published", name);

    [Theory]
    [InlineData("quick", 9)]
    [InlineData("lab", 9)]
    [InlineData("idk", 8)]
    [InlineData("real-quick", 7)]
    public void FiguresOfAPublishedStudy_FollowFromItsRows(string name, int count)
    {
        var study = PublishedStudy.Read(Published(name));
        var figures = StudyReport.PaperFigures(study).Concat(StudyReport.OwnFigures(study)).ToList();
        Assert.Equal(count, figures.Count);
        Assert.All(figures, figure => AssertDrawn(figure, Published(name)));
    }

    // What only some studies have must be removed where another study is published into the folder.
    [Fact]
    public void FilesThatOnlySomeStudiesHave_AreKnown()
    {
        var files = new[] { "quick", "idk", "real-quick" }.Select(name => PublishedStudy.Read(Published(name))).Select(study =>
            StudyReport.PaperFigures(study).Concat(StudyReport.OwnFigures(study)).Select(f => f.Id + ".svg")
                .Concat(StudyReport.PublishedTables(study).Select(t => t.Id + ".md")).ToHashSet(StringComparer.Ordinal)).ToList();
        var all = files.SelectMany(f => f).Distinct().ToList();
        Assert.Contains(all, file => !files.TrueForAll(of => of.Contains(file)));
        Assert.Empty(all.Where(file => !files.TrueForAll(of => of.Contains(file))).Except(StudyReport.NotInEveryStudy));
    }

    [Fact]
    public void FigureOfARealModelsKnowledge_FollowsFromItsPublishedLabels()
    {
        var folder = Published("gemma3-270m-entityquestions");
        AssertDrawn(KnowledgeFigures.KnownByRelation(AnnotationReport.Read(folder).Result), folder);
    }

    [Theory]
    [InlineData("quick")]
    [InlineData("lab")]
    [InlineData("real-quick")]
    public void Figure5OfAPublishedStudy_FollowsFromItsRows(string name) =>
        AssertDrawn(UnknownFigure.Make(PublishedStudy.Read(Published(name)), UnknownBenchmark.Read(Published(name))), Published(name));

    [Fact]
    public void FigureOfTheLearningRate_FollowsFromItsRows()
    {
        var rows = Tables.Read<LearningRateRow>(Path.Combine(Published("tune"), "tune.parquet"));
        AssertDrawn(LearningRateFigure.Make(rows, LearningRateFigure.Note("quick, testAtStops=true", 2, 1001)), Published("tune"));
        // The preset has the rate that the rule chooses.
        Assert.Equal(StudyOptions.Quick.FineTuning.LearningRate, LearningRateSearch.Choose(rows));
    }

    public static TheoryData<string> Studies => [.. Directory.GetDirectories(Published("studies")).Select(f => Path.GetFileName(f))];

    [Theory]
    [MemberData(nameof(Studies))]
    public void FigureOfAPublishedLabStudy_FollowsFromItsValues(string name)
    {
        var folder = Path.Combine(Published("studies"), name);
        AssertDrawn((PublishedLabStudy.Read(folder) with { IsPublished = false }).Figure(), folder, "figure.svg");
    }

    private static void AssertDrawn(Figure figure, string folder, string? file = null)
    {
        var path = Path.Combine(folder, file ?? figure.Id + ".svg");
        if (Environment.GetEnvironmentVariable("SLICK_REDRAW") is "1")
            SvgRenderer.Save(figure, path);
        var (drawn, published) = (SvgRenderer.Svg(figure), File.ReadAllText(path).ReplaceLineEndings("\n"));
        Assert.Equal(Number().Replace(drawn, "#"), Number().Replace(published, "#"));
        // The logarithms of an interval may differ by the last digit from machine to machine, and a place by the last of its decimals.
        foreach (var (here, there) in Number().Matches(drawn).Zip(Number().Matches(published)))
            Assert.Equal(Value(there), Value(here), 0.011);

        static double Value(Match match) => double.Parse(match.Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"-?\d+(\.\d+)?")]
    private static partial Regex Number();
}
