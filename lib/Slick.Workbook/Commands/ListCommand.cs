using System.CommandLine;
using System.Globalization;
using Slick.Experiments;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick list</c>: shows the stages of the store, and which worker works on which.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        var store = StudyArguments.StoreOption();
        var command = new Command("list", "Show what the store holds, and who works on what.") { store };
        command.SetAction(parsed => Run(parsed.GetValue(store)));
        return command;
    }

    private static int Run(string? folder)
    {
        var store = RunStore.OpenExisting(StudyArguments.Folder(folder));
        var stages = store.List();
        var counted = stages.Count == 1 ? "1 stage" : $"{stages.Count} stages";
        Console.Out.WriteLine($"{store.Folder}: {counted}, {Size(stages.Sum(s => s.Bytes))}");
        var distinctions = StoredRuns.Distinctions(stages);
        string Words(StoredStage stage) => distinctions.TryGetValue(stage.Name, out var words) ? $"  [{words}]" : "";
        foreach (var stage in stages)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{stage.Name,-25}  {stage.State,-8}  {(double.IsNaN(stage.Seconds) ? "" : $"{stage.Seconds:F1} s"),9}  "
                    + $"{Size(stage.Bytes),8}  {stage.Finished:yyyy-MM-dd HH:mm}  {stage.Stage?.Title}{Words(stage)}{By(stage.Holder)}"));
        var older = stages.Count(s => s.State == "older");
        if (older > 0) Console.Out.WriteLine(
            $"{older} folders are of an older version of slick, which nothing reads any more; they can be deleted.");
        return 0;
    }

    /// <summary>The worker of a stage, as the end of a line; empty where there is none. Of a worker that may be dead the line has the time
    /// of its last sign of life, which a living one gives every few seconds.</summary>
    internal static string By(LeaseHolder? holder) => holder is null ? ""
        : holder.IsAlive ? string.Create(CultureInfo.InvariantCulture,
            $" (process {holder.Process} on {holder.Machine}, since {holder.Since:HH:mm:ss} UTC)")
        : string.Create(CultureInfo.InvariantCulture,
            $" (held by process {holder.Process} on {holder.Machine}, last seen {holder.LastBeat:yyyy-MM-dd HH:mm:ss} UTC)");

    private static string Size(long bytes) =>
        string.Create(CultureInfo.InvariantCulture,
            $"{(bytes < 100_000 ? bytes / 1e3 : bytes / 1e6):F1} {(bytes < 100_000 ? "kB" : "MB")}");
}
