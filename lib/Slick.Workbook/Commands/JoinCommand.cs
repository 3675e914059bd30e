using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;
using Slick.Studies;

namespace Slick.Workbook.Commands;

/// <summary><c>slick join</c>: makes one study of published studies of other seeds.</summary>
internal static class JoinCommand
{
    public static Command Create()
    {
        var folders = new Argument<string[]>("folders") { Arity = new(2, 100),
            Description = "Folders that slick reproduce --publish wrote, or slick study NAME --publish: the same options, other seeds." };
        var publish = new Option<string>("--publish") { Required = true, HelpName = "folder",
            Description = "Where the joined study is written: its tables, figures and claims." };
        var command = new Command("join",
            "Make one study of several that machines without a common store, or runs of different days, have published.")
        { folders, publish };
        command.SetAction(parsed => Run(parsed.GetValue(folders)!, parsed.GetValue(publish)!));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(string[] folders, string publish)
    {
        var to = Path.GetFullPath(publish);
        if (folders.Any(f => Path.GetFullPath(f).TrimEnd(Path.DirectorySeparatorChar) == to.TrimEnd(Path.DirectorySeparatorChar)))
            throw new UsageException($"--publish {publish} is one of the studies that are joined; name another folder.");
        var isLabStudy = folders.Any(PublishedLabStudy.IsAt);
        ReproduceCommand.EnsurePublishable(to, isLabStudy, hasModel: !isLabStudy);
        var found = isLabStudy ? JoinLabStudies(folders, to) : JoinStudies(folders, to);
        Console.Out.WriteLine($"Joined: {found}.");
        Console.Out.WriteLine($"Published: {to}");
        return 0;
    }

    private static string JoinStudies(string[] folders, string to)
    {
        var parts = folders.Select(f => (Name: f, Result: PublishedStudy.Read(Path.GetFullPath(f)))).ToList();
        var joined = StudyResult.Join(parts);
        StudyReport.Publish(joined, to);
        PublishedStudy.CopyModel(Path.GetFullPath(parts.MinBy(p => p.Result.Bases.Min(b => b.Seed)).Name), to);
        return string.Create(CultureInfo.InvariantCulture,
            $"seeds {string.Join(", ", joined.Bases.Select(b => b.Seed))}, {joined.Runs.Count} runs");
    }

    private static string JoinLabStudies(string[] folders, string to)
    {
        foreach (var folder in folders)
            if (!PublishedLabStudy.IsAt(folder) && File.Exists(Path.Combine(folder, "study.json"))) throw new SlickException(
                $"{folder} was written by slick reproduce, and another folder by slick study: only studies of one kind can be joined.");
        var joined = LabStudyResult.Join([.. folders.Select(f => (f, PublishedLabStudy.Read(f) with { IsPublished = false }))]);
        PublishedLabStudy.Write(joined, to);
        return string.Create(CultureInfo.InvariantCulture,
            $"{joined.Study.Name}, seeds {string.Join(", ", joined.Seeds)}, {joined.Rows.Count} values");
    }
}
