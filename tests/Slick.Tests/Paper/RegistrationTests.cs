using System.Globalization;
using System.Text.RegularExpressions;
using Slick.Paper;
using Slick.Studies;

namespace Slick.Tests.Paper;

/// <summary>The registration is a file, notebooks/REGISTRATION.md, and the code says the same.</summary>
public sealed partial class RegistrationTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Shared.Repository, "notebooks", "REGISTRATION.md"))
        .ReplaceLineEndings("\n");

    // Rows of the tables of claims: number, sentence, test, registered, seeds.
    private static Dictionary<string, string[]> Rows => Text.Split('\n').Select(l => l.Split('|').Select(c => c.Trim()).ToArray())
        .Where(c => c.Length > 5 && Number().IsMatch(c[1])).ToDictionary(c => c[1]);

    [Fact]
    public void EveryClaim_StandsThereWithItsNumberDateAndThreshold()
    {
        Assert.Equal(RegisteredClaims.All.Select(c => c.Number).Order(StringComparer.Ordinal), Rows.Keys.Order(StringComparer.Ordinal));
        foreach (var claim in RegisteredClaims.All)
        {
            var row = Rows[claim.Number];
            Assert.Equal((claim.Number, claim.Sentence, claim.Test), (claim.Number, row[2], row[3]));
            var date = claim.Registered.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
                + (claim.Changed is { } changed ? $", changed {changed.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}" : "");
            Assert.Equal((claim.Number, date), (claim.Number, row[4]));
            Assert.Equal(claim.FirstSeed == 1 ? "all" : $"{claim.FirstSeed} and up", row[5]);
            if (!claim.IsOurs) Assert.Equal((claim.Number, $"{claim.Paper} ({claim.Source})"), (claim.Number, row[6]));
        }
    }

    [Fact]
    public void TheConstants_AreTheThresholds()
    {
        string Test(string number) => RegisteredClaims.Of(number).Test;
        string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
        Assert.Contains($"within +-{Number(RegisteredClaims.EqualityMargin)};", Test("3"), StringComparison.Ordinal);
        Assert.EndsWith($"above -{Number(RegisteredClaims.EarlyStopMargin)}", Test("3c"), StringComparison.Ordinal);
        Assert.EndsWith($"at most {Number(RegisteredClaims.LowAccuracy)}", Test("6"), StringComparison.Ordinal);
        Assert.Contains($"within +-{Number(RegisteredClaims.LossRateMargin)};", Test("8"), StringComparison.Ordinal);
    }

    [Fact]
    public void EveryChange_IsInTheList()
    {
        var changes = Text[Text.IndexOf("## Changes", StringComparison.Ordinal)..];
        foreach (var claim in RegisteredClaims.All.Where(c => c.Changed is not null))
            Assert.Matches($@"- {claim.Changed:yyyy-MM-dd}[^\n]*\n?[^-]*claim {claim.Number}\b", changes);
        Assert.All(RegisteredClaims.All.Select(c => c.Registered).Distinct(), d =>
            Assert.Contains($"- {d.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}", changes, StringComparison.Ordinal));
    }

    // The section Studies has the same columns and, last, the study's name.
    [Fact]
    public void EveryClaimOfAStudy_StandsThereWithItsStudyDateAndThreshold()
    {
        var rows = Text.Split('\n').Select(l => l.Split('|').Select(c => c.Trim()).ToArray())
            .Where(c => c.Length > 6 && StudyNumber().IsMatch(c[1])).Select(c => string.Join(" | ", c[1..7])).ToList();
        Assert.Equal(LabStudies.All.SelectMany(study => study.Claims.Select(c => c.Registered).Select(c => string.Join(" | ", c.Number,
            c.Sentence, c.Test, c.Registered.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), $"{c.FirstSeed} and up", study.Name))),
            rows);
        Assert.All(LabStudies.All, s => Assert.Contains($"`{s.Name}`", Text, StringComparison.Ordinal));
    }

    [GeneratedRegex("^[0-9][a-z]?$")]
    private static partial Regex Number();

    [GeneratedRegex("^[A-Z][0-9]+$")]
    private static partial Regex StudyNumber();
}
