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
        var preset = new Option<string>("--preset") { DefaultValueFactory = _ => "quick", Description = "smoke (seconds, no result) or quick (minutes)." };
        preset.AcceptOnlyFromAmong("smoke", "quick");
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1, Description = "Seed of world, model, prompts and fine-tuning sets." };
        var device = new Option<string>("--device") { DefaultValueFactory = _ => "auto", Description = "auto, cpu, cuda or cuda:n." };
        var command = new Command("reproduce", "Pre-train a small model, sort its facts by SliCK, fine-tune on more and more Unknown.") { preset, seed, device };
        command.SetAction((parsed, cancel) => Task.Factory.StartNew(
            () => Run(parsed.GetValue(preset)!, parsed.GetValue(seed), parsed.GetValue(device)!, cancel),
            cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(cancel));
        return command;
    }

    private static int Run(string preset, int seed, string device, CancellationToken cancel)
    {
        var options = preset == "smoke" ? StudyOptions.Smoke : StudyOptions.Quick;
        var compute = Compute.Choose(device, say: Console.Out.WriteLine);
        var scratch = Directory.CreateTempSubdirectory("slick-");
        try
        {
            var (labels, epochs) = ConsoleProgress.Run(progress =>
            {
                using var study = new Study(options, seed, compute.Device, scratch.FullName, progress, cancel);
                return (study.Labels, study.FineTune([new(ArmKind.Ratio, 0), new(ArmKind.Ratio, 50), new(ArmKind.KnownOnly, 50), new(ArmKind.Ratio, 100)], progress, cancel));
            });
            Print(options, labels, epochs);
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
        return 0;
    }

    private static void Print(StudyOptions options, IReadOnlyList<LabelRow> labels, IReadOnlyList<EpochRow> epochs)
    {
        static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        Line($"");
        Line($"Preset {options.Name}{(options.Name == "smoke" ? ": numbers without meaning" : ", one seed: no intervals yet")}.");
        var train = labels.Where(l => l.Split == Split.Train).ToList();
        foreach (var category in Enum.GetValues<Category>())
        {
            var of = train.Where(l => l.Category == category).ToList();
            Line($"{category,-12} {100.0 * of.Count / train.Count,5:F1}% of the train facts, {(of.Count == 0 ? 0 : of.Average(l => l.GoldExposures)):F0} statements of the gold answer on average");
        }
        Line($"");
        Line($"{"set",-14} {"|D|",5} {"base",6} {"EARLY_STOP",16} {"last epoch",11} {"Known fitted",13} {"Unknown fitted",15}");
        foreach (var run in epochs.GroupBy(e => (e.Kind, e.UnknownPercent)))
        {
            var (first, stop, last) = (run.First(), run.Single(e => e.EarlyStop), run.Last());
            Line($"{new Arm(run.Key.Kind, run.Key.UnknownPercent),-14} {last.KnownExamples + last.UnknownExamples,5} {100 * first.TestAccuracy,6:F1} {100 * stop.TestAccuracy,6:F1} (epoch {stop.Epoch,2}) {100 * last.TestAccuracy,11:F1} {100 * last.FittedKnown,13:F0} {100 * last.FittedUnknown,15:F0}");
        }
        Line($"Accuracies: exact match on the test questions, %; fitted: at the last epoch, % of the set.");
    }
}
