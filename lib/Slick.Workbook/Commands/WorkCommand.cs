using System.CommandLine;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick work</c>: does the stages of a study that the store lacks. Several workers on a store share the stages.</summary>
internal static class WorkCommand
{
    public static Command Create()
    {
        var command = new Command("work",
            "Do the stages of a study that the store lacks, one after the other; every other worker on the store takes its share.");
        var workers = new Option<int>("--workers") { DefaultValueFactory = _ => 1, HelpName = "n",
            Description =
                "How many stages this process works on at once, a thread each; 0 for one a core. Large models and GPUs take one." };
        command.Add(workers);
        var arguments = new StudyArguments(command);
        arguments.AddLab(command);
        command.SetAction((parsed, cancel) => Background.Run(() => Run(parsed, arguments, parsed.GetValue(workers), cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(ParseResult parsed, StudyArguments arguments, int workers, CancellationToken cancel)
    {
        if (workers is < 0 or > 1000) throw new UsageException(
            $"--workers {workers}: between 1 and 1000 are possible, or 0 for one a core.");
        var study = arguments.Study(parsed);
        var (plan, store) = (study.Plan, study.Store);
        if (study.Forecast.Sentence(plan, store) is { } forecast) Console.Out.WriteLine(forecast);
        var done = ConsoleProgress.Run(progress =>
            Workers.Run(plan, store, study.Compute, progress, cancel, workers == 0 ? null : workers));
        var failed = plan.Stages.Where(s => store.Of(s).HasFailed).ToList();
        foreach (var stage in failed) Console.Error.WriteLine($"slick: {stage.Title}: {store.Of(stage).Failure}");
        Console.Out.WriteLine(
            $"{plan.Name}, seed {study.Seed}: {plan.Stages.Count(s => store.Of(s).IsComplete)} of {plan.Stages.Count} stages are complete; "
            + $"this worker did {done}.");
        return failed.Count == 0 ? 0 : 1;
    }
}
