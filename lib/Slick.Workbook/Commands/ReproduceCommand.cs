using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;
using Slick.Studies;
using Spectre.Console;

namespace Slick.Workbook.Commands;

/// <summary><c>slick reproduce</c>: runs a whole study and writes the paper's figures, tables and claims.</summary>
internal static class ReproduceCommand
{
    public static Command Create()
    {
        var command = new Command("reproduce",
            "Pre-train a small model, sort its facts by SliCK, fine-tune on more and more Unknown, and compare with the paper.");
        var arguments = new StudyArguments(command);
        var publish = new Option<string?>("--publish") { HelpName = "folder",
            Description = "Also write the claims, the small tables and the figures as SVG into this folder, which is made where it is "
                + "missing." };
        command.Add(publish);
        command.SetAction((parsed, cancel) => Background.Run(() => Run(parsed, arguments, parsed.GetValue(publish), cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(ParseResult parsed, StudyArguments arguments, string? publish, CancellationToken cancel)
    {
        // Paths are checked before hours of work, not after them.
        var study = arguments.Study(parsed, () =>
        {
            if (publish is not null) EnsurePublishable(Path.GetFullPath(publish), isLabStudy: false, hasModel: !arguments.HasModel(parsed));
        });
        var (name, seed) = (study.Name, study.Seed);
        if (study.Forecast.Sentence(study.Plan, study.Store) is { } forecast) Console.Out.WriteLine(forecast);
        var result = ConsoleProgress.Run(progress =>
            Study.Run(name, study.Options, seed, study.Store, study.Compute, progress, cancel, study.Source));
        var page = ReportFile(study.Store, "", name, seed, study.Plan);
        AtomicFile.WriteText(page, StudyReport.Html(result, seed));
        Print(result);
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Report: {page}"));
        if (publish is not null)
        {
            StudyReport.Publish(result, Path.GetFullPath(publish));
            Console.Out.WriteLine($"Published: {Path.GetFullPath(publish)}");
        }
        foreach (var failure in result.Failures) Console.Error.WriteLine($"slick: {failure}");
        return result.Failures.Count == 0 ? 0 : 1;
    }

    /// <summary>Checks that a study can be published into a folder, before hours of work.</summary>
    /// <param name="folder">The folder's full path; it may be missing.</param>
    /// <param name="isLabStudy">Whether it is one of the lab's studies (<c>slick study</c>).</param>
    /// <param name="hasModel">Whether a model is published with it.</param>
    /// <exception cref="SlickException">The folder cannot be written, or holds what the study would mix with or replace.</exception>
    internal static void EnsurePublishable(string folder, bool isLabStudy, bool hasModel)
    {
        AtomicFile.EnsureWritable(Path.Combine(folder, "claims.md"));
        if (PublishedLabStudy.IsAt(folder) != isLabStudy && File.Exists(Path.Combine(folder, "study.json"))) throw new SlickException(
            $"{folder} holds what slick {(isLabStudy ? "reproduce" : "study")} has published, and files of both would mix; choose another "
            + "folder.");
        if (hasModel) PublishedStudy.EnsureNoOtherModel(folder);
    }

    /// <summary>The file of a report. Each study has a folder of its own. Where more than preset and seed decides which study it is, the
    /// folder's name has a hash of the names of its stages.</summary>
    /// <param name="store">The store.</param>
    /// <param name="before">The beginning of the folder's name.</param>
    /// <param name="name">Name of the preset, with the settings that differ from it, and of the model where there is one.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="plan">The study's stages.</param>
    internal static string ReportFile(RunStore store, string before, string name, int seed, Plan plan)
    {
        var stages = Encoding.UTF8.GetBytes(string.Join(' ', plan.Stages.Select(s => s.Name)));
        var settings = name.IndexOfAny([',', ' ']) > 0 ? "-" + Convert.ToHexStringLower(SHA256.HashData(stages))[..8] : "";
        return Path.Combine(store.Folder, "reports",
            string.Create(CultureInfo.InvariantCulture, $"{before}{name.Split(',', ' ')[0]}-seed{seed}{settings}"), "report.html");
    }

    // A claim for a file or another program: a line with the verdict, and under it what was found.
    private static IEnumerable<string> Lines(ClaimRow claim) =>
    [
        $"Claim {claim.Number}: {claim.Verdict}{(StudyReport.P(claim) is var p && p == "-" ? "" : $", p (Holm) {p}")}",
        .. TextLines.Wrapped("    ", claim.Claim),
        .. claim.Reason.Length > 0 ? TextLines.Wrapped("    Why: ", claim.Reason) : [],
        .. TextLines.Wrapped("    Paper: ", claim.Paper),
        .. claim.Here.Split("; ").SelectMany((part, i) => TextLines.Wrapped(i == 0 ? "    Here: " : "          ", part)),
    ];

    private static void Print(StudyResult result)
    {
        Console.Out.WriteLine();
        Console.Out.WriteLine(result.Source);
        var data = new StudyData(result);
        foreach (var lacking in data.Lacking)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{lacking.Arm}, base seed {lacking.BaseSeed}: not run, {lacking.Reason}."));
        foreach (var small in data.TooSmall)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{small.Reason} (base seed {small.BaseSeed}), so it is in no claim about single categories."));
        if (data.NotConverged.Count > 0)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{data.NotConverged.Count} of {data.Runs.Count} runs fit less than 99% of their set at the last epoch and are in no claim "
                + $"about CONVERGENCE: {StudyReport.NotConverged(result)}."));
        var claims = StudyReport.ClaimRows(result);
        Console.Out.WriteLine("Claims with a letter, and 8, are ours (notebooks/REGISTRATION.md).");
        if (StudyReport.Legend(claims) is { Length: > 0 } legend) Console.Out.WriteLine(legend.Trim());
        if (Console.IsOutputRedirected)
        {
            foreach (var line in claims.SelectMany(Lines)) Console.Out.WriteLine(line);
            return;
        }
        var table = new Table { Border = TableBorder.Rounded, Expand = false };
        foreach (var column in new[] { "", "claim", "paper", "here, with 95% interval (90% for an equality)", "p (Holm)",
            "verdict" }) table.AddColumn(column);
        foreach (var c in claims)
            table.AddRow(c.Number, Markup.Escape(c.Claim), Markup.Escape(c.Paper),
                Markup.Escape(c.Here.Replace("; ", "\n", StringComparison.Ordinal)),
                StudyReport.P(c),
                    $"[{(c.Verdict switch { "holds" => "green", "contradicted" => "red", _ => "yellow" })}]"
                        + $"{Markup.Escape(StudyReport.Answer(c))}[/]");
        AnsiConsole.Write(table);
    }
}
