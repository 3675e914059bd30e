using System.Globalization;
using System.Net;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>A claim as a row of a table: what is published beside the README.</summary>
public sealed record ClaimRow
{
    /// <summary>The claim's number, 1 to 6 (<see cref="Analysis.Claims"/>).</summary>
    public required int Number { get; init; }
    /// <summary>What is claimed.</summary>
    public required string Claim { get; init; }
    /// <summary>The paper's numbers and where they stand.</summary>
    public required string Paper { get; init; }
    /// <summary>This study's numbers with their intervals.</summary>
    public required string Here { get; init; }
    /// <summary>p-value with Holm's correction over all claims.</summary>
    public required double HolmP { get; init; }
    /// <summary>holds, contradicted or undecided.</summary>
    public required string Verdict { get; init; }
}

/// <summary>A base model's label of a fact: what is published behind the tables of labels.</summary>
public sealed record PublishedLabel
{
    /// <summary>Seed of world and base model.</summary>
    public required int BaseSeed { get; init; }
    /// <summary>The fact's id in its world.</summary>
    public required int FactId { get; init; }
    /// <summary>The relation's id.</summary>
    public required string Relation { get; init; }
    /// <summary>The part of the dataset that the fact belongs to.</summary>
    public required Facts.Split Split { get; init; }
    /// <summary>P_Correct(T=0).</summary>
    public required double GreedyCorrect { get; init; }
    /// <summary>P_Correct(T&gt;0).</summary>
    public required double SampledCorrect { get; init; }
    /// <summary>The category that follows from both.</summary>
    public required Knowledge.Category Category { get; init; }
    /// <summary>Times that one pass of pre-training states the gold answer.</summary>
    public required int GoldExposures { get; init; }
    /// <summary>Times that one pass of pre-training states the rival.</summary>
    public required int RivalExposures { get; init; }
}

/// <summary>The report of a study: claims, Figures 1, 3a, 3b, 4, 6 and Tables 1, 2, 3 on one page that needs no network.</summary>
public static class StudyReport
{
    /// <summary>The page.</summary>
    public static string Html(StudyResult result, int seed)
    {
        static string Text(string text) => WebUtility.HtmlEncode(text);
        var options = string.Concat(NamedOptions.Values(result.Options)
            .Select(v => $"<tr><td>{Text(v.Name)}</td><td>{Text(v.Value)}</td></tr>"));
        return ReportPage.Html("What does fine-tuning on new knowledge do?",
            $"<p>A small language model was pre-trained on a world of facts of our own, its facts were sorted by SliCK into HighlyKnown, "
                + $"MaybeKnown, WeaklyKnown and Unknown, and copies of it were fine-tuned on sets with more and more Unknown facts, after "
                + $"Gekhman et al. (EMNLP 2024, arXiv 2405.05904).</p><p>{Text(result.Source)} Seed "
                + $"{seed.ToString(CultureInfo.InvariantCulture)}.</p>"
                + $"{string.Concat(result.Failures.Select(f => $"<p><strong>Left out:</strong> {Text(f)}</p>"))}",
            [
                PaperTables.ClaimsTable(result),
                .. PaperFigures(result),
                .. PublishedTables(result),
                $"<details><summary>All options</summary><table>{options}</table></details>",
            ]);
    }

    /// <summary>
    /// Figures 1, 3a, 3b, 4 and 6; without 1 and 6 where every run of D with 50% Unknown diverged, none where every run of D did.
    /// </summary>
    public static IReadOnlyList<Figure> PaperFigures(StudyResult result)
    {
        if (!result.Epochs.Any(r => r.Kind == ArmKind.Ratio)) return [];
        IReadOnlyList<Figure> ratios = [UnknownRatio.Figure3a(result), UnknownRatio.Figure3b(result), UnknownRatio.Figure4(result)];
        return result.Epochs.Any(r => r.Kind == ArmKind.Ratio && r.UnknownPercent == 50)
            ? [TrainingDynamics.Figure1(result), .. ratios, TrainingDynamics.Figure6(result)] : ratios;
    }

    /// <summary>Tables 1, 2 and 3, harm by exposure and fitness.</summary>
    public static IReadOnlyList<TableView> PublishedTables(StudyResult result) =>
        [PaperTables.Table1(result), PaperTables.Table2(result), PaperTables.Table3(result), PaperTables.HarmByExposure(result),
            PaperTables.FitnessTable(result)];

    /// <summary>The claims as rows.</summary>
    public static IReadOnlyList<ClaimRow> ClaimRows(StudyResult result) =>
    [.. Claims.Evaluate(result.Epochs, result.Answers).Select(c => new ClaimRow
    {
        Number = c.Claim.Number,
        Claim = c.Claim.Sentence,
        Paper = $"{c.Claim.Paper} ({c.Claim.Source})",
        Here = c.Numbers,
        HolmP = c.HolmP,
        Verdict = PaperTables.Word(c.Verdict),
    })];

    internal static IReadOnlyList<string> ClaimColumns { get; } = ["", "claim", "paper", "here", "p (Holm)", "verdict"];

    internal static IReadOnlyList<string> Cells(ClaimRow c) =>
        [c.Number.ToString(CultureInfo.InvariantCulture), c.Claim, c.Paper, c.Here, c.HolmP < 0.001 ? "< 0.001"
            : c.HolmP.ToString("F3", CultureInfo.InvariantCulture), c.Verdict];

    /// <summary>The README's table of claims.</summary>
    public static string Markdown(IReadOnlyList<ClaimRow> claims) => new TableView
    {
        Id = "claims",
        Title = "",
        Columns = ClaimColumns,
        Rows = [.. claims.Select(Cells)],
    }.Markdown();

    /// <summary>Writes what is published of a study: small tables and pictures.</summary>
    /// <param name="result">The study.</param>
    /// <param name="folder">Where to: claims, epochs, answers and labels as Parquet, claims and tables as Markdown, figures as SVG.</param>
    /// <exception cref="SlickException">The folder cannot be written.</exception>
    public static void Publish(StudyResult result, string folder)
    {
        var claims = ClaimRows(result);
        Tables.Write(Path.Combine(folder, "claims.parquet"), claims);
        Tables.Write(Path.Combine(folder, "epochs.parquet"), result.Epochs);
        Tables.Write(Path.Combine(folder, "answers.parquet"), result.Answers);
        Tables.Write(Path.Combine(folder, "labels.parquet"), [.. result.Bases.SelectMany(b => b.Labels.Select(l => new PublishedLabel
        {
            BaseSeed = b.Seed,
            FactId = l.FactId,
            Relation = l.Relation,
            Split = l.Split,
            GreedyCorrect = l.GreedyCorrect,
            SampledCorrect = l.SampledCorrect,
            Category = l.Category,
            GoldExposures = l.GoldExposures,
            RivalExposures = l.RivalExposures,
        }))]);
        AtomicFile.WriteText(Path.Combine(folder, "claims.md"), Markdown(claims));
        foreach (var figure in PaperFigures(result)) SvgRenderer.Save(figure, Path.Combine(folder, figure.Id + ".svg"));
        foreach (var table in PublishedTables(result))
            AtomicFile.WriteText(Path.Combine(folder, table.Id + ".md"), table.Markdown());
    }
}
