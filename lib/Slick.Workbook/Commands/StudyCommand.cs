using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Figures;
using Slick.Storage;
using Slick.Studies;

namespace Slick.Workbook.Commands;

/// <summary><c>slick study</c>: the lab's studies that need ground truth.</summary>
internal static class StudyCommand
{
    public static Command Create()
    {
        var name = new Argument<string?>("name") { Arity = ArgumentArity.ZeroOrOne,
            Description = "The study; without one all studies are listed, each with the time that it will take." };
        var publish = new Option<string?>("--publish") { HelpName = "folder",
            Description = "Also write the values, the table, the claims and the figure into this folder, which is made where it is "
                + "missing." };
        var command = new Command("study", "Run a study that needs ground truth, which only the lab's models have.") { name, publish };
        var arguments = StudyArguments.OfLab(command);
        command.SetAction((parsed, cancel) => Background.Run(() => parsed.GetValue(name) is { } of
            ? Run(parsed, arguments, of, parsed.GetValue(publish), cancel) : List(parsed, arguments), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int List(ParseResult parsed, StudyArguments arguments)
    {
        var rows = LabStudies.All.Select(lab =>
        {
            var study = arguments.Study(parsed, lab: lab);
            var (plan, forecast) = (study.Plan, study.Forecast);
            var minutes = plan.Left(study.Store).Sum(s => forecast.Seconds(s, plan)) / 60;
            return (IReadOnlyList<string>)[lab.Name, minutes < 0.5 ? "-" : minutes.ToString("F0", CultureInfo.InvariantCulture),
                lab.Question];
        }).ToList();
        Console.Out.Write(new TableView { Id = "studies", Title = "", Columns = ["study", "minutes", "question"], Rows = rows,
            Note = "Minutes: what is left to do on this machine. Stages that studies share are done once." }.Text());
        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Run(ParseResult parsed, StudyArguments arguments, string name, string? publish, CancellationToken cancel)
    {
        var lab = LabStudies.Of(name);
        // Paths are checked before hours of work, not after them.
        var study = arguments.Study(parsed, () =>
        {
            if (publish is not null) ReproduceCommand.EnsurePublishable(Path.GetFullPath(publish), isLabStudy: true, hasModel: false);
        }, lab: lab);
        if (study.Forecast.Sentence(study.Plan, study.Store) is { } forecast) Console.Out.WriteLine(forecast);
        var result = ConsoleProgress.Run(progress =>
            LabStudyRuns.Run(lab, study.Name, study.Options, study.Seed, study.Store, study.Compute, progress, cancel));
        var page = ReproduceCommand.ReportFile(study.Store, $"study-{lab.Name}-", study.Name, study.Seed, study.Plan);
        AtomicFile.WriteText(page, result.Html());
        Print(result);
        Console.Out.WriteLine($"Report: {page}");
        if (publish is not null)
        {
            PublishedLabStudy.Write(result, Path.GetFullPath(publish));
            Console.Out.WriteLine($"Published: {Path.GetFullPath(publish)}");
        }
        foreach (var failed in result.Lacking.Where(l => l.HasFailed)) Console.Error.WriteLine($"slick: {failed.Reason}");
        return result.Lacking.Any(l => l.HasFailed) ? 1 : 0;
    }

    private static void Print(LabStudyResult result)
    {
        void Lines(string before, string text)
        {
            foreach (var line in TextLines.Wrapped(before, text)) Console.Out.WriteLine(line);
        }
        Console.Out.WriteLine();
        Lines("", result.Study.Question);
        Lines("Expected: ", result.Study.Hypothesis);
        Console.Out.WriteLine();
        Console.Out.Write(result.Table().Text());
        Console.Out.WriteLine();
        foreach (var claim in result.Claims())
        {
            Console.Out.WriteLine($"Claim {claim.Registered.Number}: {claim.Word}"
                + (LabStudyResult.P(claim) is var p && p == "-" ? "" : $", p (Holm) {p}"));
            Lines("    ", claim.Registered.Sentence);
            if (claim.Reason.Length > 0) Lines("    Why: ", claim.Reason);
            foreach (var (i, part) in claim.Parts.Index()) Lines(i == 0 ? "    Here: " : "          ", part.Numbers);
        }
    }
}
