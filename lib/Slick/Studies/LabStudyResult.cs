using System.Globalization;
using System.Net;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;
using Slick.Paper;
using Slick.Runtime;

namespace Slick.Studies;

/// <summary>A claim of a lab's study with its result.</summary>
/// <param name="Registered">Number, sentence, threshold and date.</param>
/// <param name="Parts">The statistics that decide.</param>
/// <param name="Verdict">As for a claim of the paper (<see cref="ClaimResult"/>).</param>
/// <param name="Reason">Why the claim does not hold; empty where it does.</param>
/// <param name="HolmP">The claim's p-value (the largest of its parts) with Holm's correction over the study's claims that were tested. 1
/// for a claim that was not tested.</param>
public sealed record StudyClaimResult(RegisteredClaim Registered, IReadOnlyList<ClaimPart> Parts, Verdict Verdict, string Reason,
    double HolmP)
{
    /// <summary>The verdict in words.</summary>
    public string Word => PaperTables.Word(Verdict);
}

/// <summary>What a lab's study found.</summary>
/// <param name="Study">The study.</param>
/// <param name="Preset">Name of the preset, with the settings that differ from it.</param>
/// <param name="Options">The options that all variants share.</param>
/// <param name="Seed">Seed of the first base model.</param>
/// <param name="Rows">The values.</param>
/// <param name="Lacking">Sets that have no run.</param>
public sealed record LabStudyResult(LabStudy Study, string Preset, StudyOptions Options, int Seed, IReadOnlyList<StudyValue> Rows,
    IReadOnlyList<LackingRun> Lacking)
{
    /// <summary>True for results that were read from a published folder, and not from a store.</summary>
    public bool IsPublished { get; init; }

    /// <summary>The values, with sums over them.</summary>
    public StudyValues Values => new(Rows, Lacking);

    /// <summary>The variants.</summary>
    public IReadOnlyList<StudyVariant> Variants => Study.Variants(Options);

    /// <summary>Where the numbers come from, for the note under a figure.</summary>
    public string Source => (IsPublished ? "Published results of preset " : "Preset "
        + "") + (Preset.StartsWith("smoke", StringComparison.Ordinal)
        ? $"{Preset}: numbers without meaning, only that it works."
        : Options.Bases > 1 ? string.Create(CultureInfo.InvariantCulture,
            $"{Preset}: seeds {SeedJoin.Words(Seeds)}, each with {Models("its own world, model, labels and sets")}.")
        : string.Create(CultureInfo.InvariantCulture, $"{Preset}: seed {Seed}, with {Models("one base model")}."))
        + (Lacking.Count == 0 ? "" : $" Runs that are missing: {string.Join("; ", Lacking.Select(l => l.Reason).Distinct())}.");

    /// <summary>The seeds of the base models that have a value or lack a run, in ascending order.</summary>
    public IReadOnlyList<int> Seeds => [.. Rows.Select(r => r.BaseSeed).Concat(Lacking.Select(l => l.BaseSeed)).DefaultIfEmpty(Seed)
        .Distinct().Order()];

    /// <summary>One study of the base models of several: of other seeds, with the same options but for the number of base
    /// models.</summary>
    /// <param name="parts">The studies, each with the name that an error calls it by.</param>
    /// <returns>The study. Its rows stand variant by variant, and of each variant seed by seed.</returns>
    /// <exception cref="SlickException">The studies are not of one kind, an option differs, or two have a seed in common.</exception>
    public static LabStudyResult Join(IReadOnlyList<(string Name, LabStudyResult Result)> parts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(parts?.Count ?? 0, 2, nameof(parts));
        var (firstName, first) = parts![0];
        foreach (var (name, result) in parts)
            if (result.Study != first.Study) throw new SlickException(
                $"{name} holds the study {result.Study.Name}, and {firstName} holds {first.Study.Name}: only one study can be joined.");
        var seeds = SeedJoin.Seeds([.. parts.Select(p => (p.Name, p.Result.Options, p.Result.Seeds))]);
        var bySeed = parts.Select(p => p.Result).OrderBy(r => r.Seed).ToList();
        var variants = first.Variants.Select(v => v.Name).ToList();
        return first with
        {
            Preset = SeedJoin.Preset(first.Preset, seeds.Count),
            Options = first.Options with { Bases = seeds.Count },
            Seed = seeds[0],
            Rows = [.. bySeed.SelectMany(r => r.Rows).OrderBy(r => variants.IndexOf(r.Variant))],
            Lacking = [.. bySeed.SelectMany(r => r.Lacking).OrderBy(l => variants.IndexOf(l.Variant))],
        };
    }

    // A study that changes the world, or the model's shape, has several base models of one seed.
    private string Models(string otherwise) =>
        Variants.Select(v => v.Of(Options)).Select(o => (o.World, o.PreTraining)).Distinct().Count() is > 1 and var models
            ? string.Create(CultureInfo.InvariantCulture, $"{models} base models") : otherwise;

    /// <summary>The claims with their verdicts, in the study's order.</summary>
    public IReadOnlyList<StudyClaimResult> Claims()
    {
        var found = Study.Claims.Select(claim =>
        {
            var counted = Values.From(claim.Registered.FirstSeed);
            var counts = counted.Rows.Count > 0 || Rows.Count == 0;
            // The numbers of seeds that do not count are shown, but the verdict is "not tested".
            var parts = claim.Parts(counts ? counted : Values);
            var (verdict, reason) = counts ? Analysis.Claims.Decide(parts) : (Verdict.NotTested, string.Create(
                CultureInfo.InvariantCulture,
                $"registered {claim.Registered.Registered:yyyy-MM-dd} for seeds {claim.Registered.FirstSeed} and up"));
            return (claim.Registered, Parts: parts, Verdict: verdict, Reason: reason);
        }).ToList();
        var tested = found.Where(f => f.Verdict != Verdict.NotTested).ToList();
        var adjusted = new Queue<double>(HypothesisTests.Holm([.. tested.Select(f => Math.Min(1, f.Parts.Max(p => p.P)))]));
        return [.. found.Select(f => new StudyClaimResult(f.Registered, f.Parts, f.Verdict, f.Reason,
            f.Verdict == Verdict.NotTested ? 1 : adjusted.Dequeue()))];
    }

    /// <summary>The claims as a table.</summary>
    public TableView ClaimsTable() => new()
    {
        Id = $"{Study.Name}-claims",
        Title = "",
        Note = $"{Source} Numbers with 95% intervals (90% for an equality). p with Holm's correction over the study's claims.",
        Columns = ["", "claim", "statistic and threshold", "here", "p (Holm)", "verdict"],
        Rows = [.. Claims().Select(c => (IReadOnlyList<string>)[c.Registered.Number, c.Registered.Sentence, c.Registered.Test, Here(c),
            P(c), Answer(c)])],
    };

    /// <summary>The numbers of a claim's parts on one line.</summary>
    /// <param name="claim">The claim.</param>
    public static string Here(StudyClaimResult claim) => string.Join("; ", claim.Parts.Select(p => p.Numbers));

    /// <summary>A claim's verdict in words and, where it does not hold, why.</summary>
    /// <param name="claim">The claim.</param>
    public static string Answer(StudyClaimResult claim) => claim.Word
        + (claim.Reason.Length > 0 ? $": {claim.Reason}" : "");

    /// <summary>A claim's corrected p-value as text; <c>-</c> for a claim that was not tested.</summary>
    /// <param name="claim">The claim.</param>
    public static string P(StudyClaimResult claim) => claim.Verdict == Verdict.NotTested ? "-" : claim.HolmP < 0.001 ? "< 0.001"
        : claim.HolmP.ToString("F3", CultureInfo.InvariantCulture);

    /// <summary>The study's table, with the source of its numbers in the note.</summary>
    public TableView Table() => Study.Table(Values) is var table ? table with { Note = $"{table.Note} {Source}".Trim() } : table;

    /// <summary>The study's figure, with the source of its numbers in the note.</summary>
    public Figure Figure() => Study.Figure(Values) is var figure ? figure with { Note = $"{figure.Note} {Source}{Within}".Trim() } : figure;

    // What all sets of a seed share is in each bar's interval, and not in the interval of a difference.
    private string Within => Seeds.Count > 1
        ? " Differences are surer than the intervals look: the claims take them within each seed." : "";

    /// <summary>The study as one page that needs no network.</summary>
    public string Html()
    {
        static string Text(string text) => WebUtility.HtmlEncode(text);
        static string Rows(IEnumerable<(string, string)> rows) =>
            string.Concat(rows.Select(r => $"<tr><td>{Text(r.Item1)}</td><td>{Text(r.Item2)}</td></tr>"));
        return ReportPage.Html(Study.Title,
            $"<p>{Text(Study.Question)}</p><p><strong>Expected:</strong> {Text(Study.Hypothesis)}</p><p>{Text(Source)}</p>",
            [
                ClaimsTable(), Table(), Figure(),
                $"<details><summary>Variants</summary><table>{Rows(Variants.Select(v => (v.Name, string.Join(", ", v.Settings))))}"
                    + "</table></details>",
                $"<details><summary>All options</summary><table>{Rows(NamedOptions.Values(Options))}</table></details>",
            ]);
    }
}
