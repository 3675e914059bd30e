using System.CommandLine;
using System.Globalization;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Studies;

namespace Slick.Workbook.Commands;

/// <summary><c>slick reproduce</c>: from a world to the effect of Unknown facts.</summary>
internal static class ReproduceCommand
{
    public static Command Create()
    {
        var command = new Command("reproduce", "Pre-train a small model, sort its facts by SliCK, fine-tune on more and more Unknown, and compare with the paper.");
        var arguments = new StudyArguments(command);
        command.SetAction((parsed, cancel) => Task.Factory.StartNew(() => Run(parsed, arguments, cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(cancel));
        return command;
    }

    private static int Run(ParseResult parsed, StudyArguments arguments, CancellationToken cancel)
    {
        var (name, options, seed) = arguments.Study(parsed);
        var store = RunStore.Open(parsed.GetValue(arguments.Store));
        var compute = arguments.Compute(parsed);
        var result = ConsoleProgress.Run(progress => Study.Run(name, options, seed, store, compute, progress, cancel));
        Print(result);
        return 0;
    }

    private static void Print(StudyResult result)
    {
        static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        Line($"");
        Line($"{result.Source}");
        var train = result.Labels.Where(l => l.Split == Split.Train).ToList();
        foreach (var category in Enum.GetValues<Category>())
        {
            var of = train.Where(l => l.Category == category).ToList();
            Line($"{category,-12} {100.0 * of.Count / train.Count,5:F1}% of the train facts, {(of.Count == 0 ? 0 : of.Average(l => l.GoldExposures)):F0} statements of the gold answer on average");
        }
        Line($"");
        Line($"{"set",-28} {"|D|",5} {"base",6} {"EARLY_STOP",16} {"last epoch",11} {"Known fitted",13} {"Unknown fitted",15}");
        foreach (var run in result.Epochs.GroupBy(e => (e.Kind, e.UnknownPercent, e.BaseSeed, e.Seed)))
        {
            var (first, stop, last) = (run.First(), run.Single(e => e.EarlyStop), run.Last());
            Line($"{new Arm(run.Key.Kind, run.Key.UnknownPercent),-28} {last.KnownExamples + last.UnknownExamples,5} {100 * first.TestAccuracy,6:F1} {100 * stop.TestAccuracy,6:F1} (epoch {stop.Epoch,2}) {100 * last.TestAccuracy,11:F1} {100 * last.FittedKnown,13:F0} {100 * last.FittedUnknown,15:F0}");
        }
    }
}
