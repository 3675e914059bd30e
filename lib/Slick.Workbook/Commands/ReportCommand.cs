using System.CommandLine;
using System.Runtime.CompilerServices;
using Slick.Runtime;
using Slick.Storage;
using Slick.Workbook.Notebooks;

namespace Slick.Workbook.Commands;

/// <summary><c>slick report</c>: one page that leads to all results.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var store = StudyArguments.StoreOption();
        var html = new Option<string?>("--html") { HelpName = "folder",
            Description = "Where the pages are written; else the folder reports of the store." };
        var command = new Command("report",
            "Write one page that leads to all results: the studies of the store, the published results, the notebooks with their outputs.")
        { store, html };
        command.SetAction(parsed => Run(parsed.GetValue(store), parsed.GetValue(html)));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(string? store, string? html)
    {
        var reports = Path.Combine(RunStore.Locate(StudyArguments.Folder(store)), "reports");
        var folder = html is null ? reports : Path.GetFullPath(html);
        var published = Path.Combine(Repository.Root ?? throw new SlickException(
            "slick report reads data/published of the repository, and neither the current folder nor the program lies in a checkout."),
            "data", "published");
        foreach (var remark in ResultPages.Write(folder, reports, published)) Console.Error.WriteLine($"slick: {remark}");
        Console.Out.WriteLine($"Report: {Path.Combine(folder, ResultPages.Index)}");
        return 0;
    }
}
