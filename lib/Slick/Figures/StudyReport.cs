using System.Globalization;
using System.Net;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Paper;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>A claim as a row of a table: what is published beside the README.</summary>
public sealed record ClaimRow
{
    /// <summary>The claim's number (<see cref="RegisteredClaims"/>): 1 to 8, with a letter for a second form.</summary>
    public required string Number { get; init; }
    /// <summary>What is claimed.</summary>
    public required string Claim { get; init; }
    /// <summary>The paper's numbers and where they stand.</summary>
    public required string Paper { get; init; }
    /// <summary>This study's numbers with their intervals.</summary>
    public required string Here { get; init; }
    /// <summary>p-value with Holm's correction over the claims that were tested, the paper's and ours apart.</summary>
    public required double HolmP { get; init; }
    /// <summary>holds, contradicted, undecided or not tested.</summary>
    public required string Verdict { get; init; }
    /// <summary>Why it does not hold; empty where it does.</summary>
    public required string Reason { get; init; }
}

/// <summary>The report of a study: claims, Figures 1, 3, 4, 6, 7 and Tables 1 to 5 on one page that needs no network.</summary>
public static class StudyReport
{
    /// <summary>The page.</summary>
    /// <param name="result">The study.</param>
    /// <param name="seed">Seed of the first base model.</param>
    public static string Html(StudyResult result, int seed)
    {
        static string Text(string text) => WebUtility.HtmlEncode(text);
        var options = string.Concat(NamedOptions.Values(result.Options)
            .Select(v => $"<tr><td>{Text(v.Name)}</td><td>{Text(v.Value)}</td></tr>"));
        var model = result.IsLab ? "A small language model was pre-trained on a world of facts of our own, its facts were sorted by SliCK"
            : "The questions that a language model was asked were sorted by SliCK";
        return ReportPage.Html("What does fine-tuning on new knowledge do?",
            $"<p>{model} into HighlyKnown, MaybeKnown, WeaklyKnown and Unknown, and copies of it were fine-tuned on sets with more and "
                + $"more Unknown facts, after Gekhman et al. (EMNLP 2024, arXiv 2405.05904).</p><p>{Text(result.Source)} Seed "
                + $"{seed.ToString(CultureInfo.InvariantCulture)}.{Text(ModelOf(result))}</p><p>{Text(Stops)}</p>"
                + string.Concat(LeftOut(result).Select(f => $"<p><strong>Left out:</strong> {Text(f)}</p>")),
            [
                PaperTables.ClaimsTable(result),
                .. PaperFigures(result),
                .. OwnFigures(result),
                .. PublishedTables(result),
                $"<details><summary>All options</summary><table>{options}</table></details>",
            ]);
    }

    private const string Stops =
        "EARLY_STOP is the first epoch, from 1, with the best dev accuracy; FIT the first with at least 99% of the "
        + "set fitted; CONVERGENCE the last epoch, of runs that fit at least 99% of their set by then.";

    private static string ModelOf(StudyResult result) => result.Model is not { } m ? "" : string.Create(CultureInfo.InvariantCulture,
        $" The model: {m.Name}, {m.Parameters:N0} weights, hash of its files {m.Hash}.");

    // Runs that diverged, sets that no fact belongs to, and sets that are too small for claims about single categories.
    private static IReadOnlyList<string> LeftOut(StudyResult result)
    {
        var data = new StudyData(result);
        return [.. result.Failures,
            .. data.Lacking.Select(l => FormattableString.Invariant($"{l.Arm}, base seed {l.BaseSeed}: {l.Reason}.")),
            .. data.TooSmall.Select(l => FormattableString.Invariant(
                $"{l.Reason} (base seed {l.BaseSeed}), so it is in no claim about single categories."))];
    }

    /// <summary>
    /// Figures 1, 3a, 3b, 4, 6, 7a and 7b; without 1 and 6 where every run of D with 50% Unknown diverged, without 7 where no question
    /// out of distribution was asked, none where every run of D diverged.
    /// </summary>
    /// <param name="result">The study.</param>
    public static IReadOnlyList<Figure> PaperFigures(StudyResult result)
    {
        var data = new StudyData(result);
        if (data.Arms.All(a => a.Kind != ArmKind.Ratio)) return [];
        var half = data.Of(new(ArmKind.Ratio, 50)).Count > 0;
        return
        [
            .. half ? [TrainingDynamics.Figure1(result)] : (Figure[])[],
            UnknownRatio.Figure3a(result), UnknownRatio.Figure3b(result), UnknownRatio.Figure4(result),
            .. half ? [TrainingDynamics.Figure6(result)] : (Figure[])[],
            .. data.Runs.Any(r => r.Right(0, QuestionSet.Ood).Of > 0)
                ? [UnknownRatio.Figure7a(result), UnknownRatio.Figure7b(result)] : (Figure[])[],
        ];
    }

    /// <summary>Figures of ours, of a lab: what the first base model knows by how often pre-training stated it; and, where D_Natural was
    /// run, what is lost of what was known, by what was trained on.</summary>
    /// <param name="result">The study.</param>
    public static IReadOnlyList<Figure> OwnFigures(StudyResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (!result.IsLab) return [];
        var first = result.Bases[0];
        return
        [
            KnowledgeFigures.CategoryByExposure(first.Labels, first.Exposures, $"{result.Source} Facts of the first base model."),
            .. new StudyData(result).Of(new(ArmKind.Natural)).Count > 0 ? [KnowledgeFigures.LossByTrainedCategory(result)] : (Figure[])[],
        ];
    }

    /// <summary>
    /// Tables 1 to 7 and what was answered before fine-tuning; Table 8 where D_IDK was run; of a lab also harm by exposure and by distance,
    /// SliCK against the truth, what lost questions are answered with, and fitness.
    /// </summary>
    /// <param name="result">The study.</param>
    public static IReadOnlyList<TableView> PublishedTables(StudyResult result) =>
    [
        PaperTables.Table1(result), PaperTables.Table2(result), PaperTables.Table2Tests(result), PaperTables.Table2TestsOod(result),
        PaperTables.Table3(result), PaperTables.Table4(result), PaperTables.Table5(result), PaperTables.Table6(result),
        PaperTables.Baselines(result),
        .. result.Runs.Any(r => r.Kind == ArmKind.DontKnow) ? [AbstentionTable.Table8(result)] : (TableView[])[],
        .. result.IsLab ? [PaperTables.HarmByExposure(result), TruthTables.HarmByDistance(result), TruthTables.Categories(result),
            TruthTables.Errors(result), TruthTables.WrongAnswers(result), PaperTables.FitnessTable(result)] : (TableView[])[],
    ];

    /// <summary>The claims as rows, the paper's first.</summary>
    /// <param name="result">The study.</param>
    public static IReadOnlyList<ClaimRow> ClaimRows(StudyResult result) =>
    [.. Claims.Evaluate(result).OrderBy(c => c.Claim.Registered.IsOurs).Select(c => new ClaimRow
    {
        Number = c.Claim.Registered.Number,
        Claim = c.Claim.Registered.Sentence,
        Paper = c.Claim.Registered.IsOurs ? c.Claim.Registered.Source.Replace("after", "ours, after", StringComparison.Ordinal)
            : $"{c.Claim.Registered.Paper} ({c.Claim.Registered.Source})",
        Here = c.Numbers,
        HolmP = c.HolmP,
        Verdict = PaperTables.Word(c.Verdict),
        Reason = c.Reason,
    })];

    internal static IReadOnlyList<string> ClaimColumns { get; } = ["", "claim", "paper", "here", "p (Holm)", "verdict"];

    internal static IReadOnlyList<string> Cells(ClaimRow c) =>
        [c.Number, c.Claim, c.Paper, c.Here, P(c), Answer(c)];

    /// <summary>A claim's verdict and, where it does not hold, why.</summary>
    /// <param name="claim">The claim.</param>
    public static string Answer(ClaimRow claim) => claim.Reason.Length > 0 ? $"{claim.Verdict}: {claim.Reason}" : claim.Verdict;

    /// <summary>The sets of runs that did not converge, each with how many of its runs.</summary>
    /// <param name="result">The study.</param>
    public static string NotConverged(StudyResult result) => Curves.NotConverged(new StudyData(result));

    /// <summary>A claim's corrected p-value as text; <c>-</c> for a claim that was not tested.</summary>
    /// <param name="claim">The claim.</param>
    public static string P(ClaimRow claim) => claim.Verdict == "not tested" ? "-" : claim.HolmP < 0.001 ? "< 0.001"
        : claim.HolmP.ToString("F3", CultureInfo.InvariantCulture);

    /// <summary>What "[?, ?]" among the claims' numbers means; empty where there is none.</summary>
    /// <param name="claims">The claims shown.</param>
    public static string Legend(IReadOnlyList<ClaimRow> claims)
    {
        var none = claims.Any(c => c.Here.Contains("? [?, ?]", StringComparison.Ordinal));
        var one = claims.Any(c => c.Here.Replace("? [?, ?]", "", StringComparison.Ordinal).Contains("[?, ?]", StringComparison.Ordinal));
        return (one ? " A number with [?, ?]: one run, which does not tell how much runs differ." : "")
            + (none ? " ? [?, ?]: no run of those that the number needs." : "");
    }

    /// <summary>The README's table of claims.</summary>
    /// <param name="claims">The claims.</param>
    public static string Markdown(IReadOnlyList<ClaimRow> claims) => new TableView
    {
        Id = "claims",
        Title = "",
        Columns = ClaimColumns,
        Rows = [.. claims.Select(Cells)],
    }.Markdown();

    /// <summary>Writes what is published of a study: small tables and pictures.</summary>
    /// <param name="result">The study.</param>
    /// <param name="folder">Where to: claims and the tables of <see cref="PublishedStudy"/> as Parquet, claims and tables as Markdown,
    /// figures as SVG.</param>
    /// <exception cref="SlickException">The folder cannot be written.</exception>
    public static void Publish(StudyResult result, string folder)
    {
        var claims = ClaimRows(result);
        var (figures, tables) = (PaperFigures(result).Concat(OwnFigures(result)).ToList(), PublishedTables(result).ToList());
        // What an earlier, other study left there is not this study's.
        var own = figures.Select(f => f.Id + ".svg").Concat(tables.Select(t => t.Id + ".md")).ToHashSet(StringComparer.Ordinal);
        if (!PublishedStudy.IsAt(result, folder))
            foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder) : [])
                if (Path.GetFileName(file) is var name && !own.Contains(name) && NotInEveryStudy.Contains(name)) AtomicFile.Remove(file);
        Tables.Write(Path.Combine(folder, "claims.parquet"), claims);
        AtomicFile.WriteText(Path.Combine(folder, "claims.md"), Markdown(claims));
        PublishedStudy.Write(result, folder);
        foreach (var figure in figures) SvgRenderer.Save(figure, Path.Combine(folder, figure.Id + ".svg"));
        foreach (var table in tables) AtomicFile.WriteText(Path.Combine(folder, table.Id + ".md"), table.Markdown());
    }

    // The files that slick unknown and slick chance add to the folder of a study, and those that only some studies have.
    internal static readonly string[] NotInEveryStudy = ["figure-1.svg", "figure-3a.svg", "figure-3b.svg", "figure-4.svg", "figure-5.svg",
        "figure-6.svg", "figure-7a.svg", "figure-7b.svg", "prompts.parquet", "p-true.parquet", "unknown-by-method.md",
        "chance.parquet", "guesses.parquet", "chance.md", "category-by-exposure.svg", "loss-by-category.svg", "harm-by-exposure.md",
        "harm-by-distance.md", "slick-and-truth.md", "slick-errors.md", "wrong-answers.md", "fitness.md", "baselines.md", "table-8.md"];
}
