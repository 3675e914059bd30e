using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick plan</c>: shows the stages of a study before anything runs.</summary>
internal static class PlanCommand
{
    public static Command Create()
    {
        var command = new Command("plan", "Show the stages of a study: key, state, and how long each will take.");
        var arguments = new StudyArguments(command);
        command.SetAction((parsed, cancel) => Background.Run(() => Run(parsed, arguments), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(ParseResult parsed, StudyArguments arguments)
    {
        var study = arguments.Study(parsed);
        var (plan, store, forecast) = (study.Plan, study.Store, study.Forecast);
        var left = plan.Left(store).Select(s => s.Name).ToHashSet();
        Console.Out.WriteLine($"{plan.Name}, seed {study.Seed}: {plan.Stages.Count} stages, {left.Count} left to do, in {store.Folder}");
        foreach (var stage in plan.Stages)
        {
            var folder = store.Of(stage);
            var holder = folder.Holder;
            var state = folder.IsComplete ? "complete" : folder.HasFailed ? "failed" : holder is not null
                ? holder.IsAlive ? "working" : "held" : left.Contains(stage.Name) ? "missing" : "blocked";
            var seconds = left.Contains(stage.Name) ? Seconds(forecast.Seconds(stage, plan)) : "";
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{stage.Name,-25}  {state,-8}  {seconds,9}  {stage.Title}{ListCommand.By(holder)}"));
        }
        if (forecast.Sentence(plan, store) is { } sentence) Console.Out.WriteLine(sentence);
        return 0;
    }

    private static string Seconds(double seconds) => seconds < 0.95 ? "<1 s"
        : seconds < 90 ? string.Create(CultureInfo.InvariantCulture, $"~{seconds:F0} s")
        : string.Create(CultureInfo.InvariantCulture, $"~{seconds / 60:F0} min");
}
