using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick tune</c>: chooses the learning rate of fine-tuning by a rule that does not look at the findings.</summary>
internal static class TuneCommand
{
    // Seeds that no preset reports.
    private const int FirstSeed = 1001;

    public static Command Create()
    {
        var rates = new Option<double[]>("--rates") { DefaultValueFactory = _ => [2e-5, 3e-5, 5e-5, 7e-5, 1e-4, 1.5e-4],
            AllowMultipleArgumentsPerToken = true, HelpName = "rate", Description = "The learning rates to try.", CustomParser = Rates };
        var seeds = new Option<int>("--seeds") { DefaultValueFactory = _ => 1,
            Description = "Base models to search on; their seeds are 1001, 1002, ..., which no preset reports." };
        var publish = new Option<string?>("--publish") { HelpName = "folder",
            Description = "Also write the rows as tune.parquet and the figure as learning-rate.svg into this folder." };
        var command = new Command("tune",
            "Choose the learning rate: the best dev accuracy of D_Natural among the rates that fit D_Natural and D 100%.")
        { rates, seeds, publish };
        var arguments = new StudyArguments(command);
        command.SetAction((parsed, cancel) => Background.Run(() =>
            Run(parsed, arguments, parsed.GetValue(rates)!, parsed.GetValue(seeds), parsed.GetValue(publish), cancel), cancel));
        return command;
    }

    private static double[] Rates(ArgumentResult result)
    {
        var rates = new List<double>();
        foreach (var token in result.Tokens)
            if (double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate)
                && rate is >= 1e-8 and <= 1) rates.Add(rate);
            else result.AddError($"--rates takes numbers between 1e-8 and 1, not '{token.Value}'.");
        return [.. rates];
    }

    private static int Run(ParseResult parsed, StudyArguments arguments, double[] rates, int seeds, string? publish,
        CancellationToken cancel)
    {
        var published = publish is null ? null : Path.GetFullPath(publish);
        if (published is not null) AtomicFile.EnsureWritable(Path.Combine(published, "tune.parquet"));
        if (seeds is < 1 or > 1000) throw new UsageException($"--seeds {seeds}: between 1 and 1000 base models are possible.");
        int[] searched = [.. Enumerable.Range(FirstSeed, seeds)];
        var study = arguments.Study(parsed, plan: (options, platform) => LearningRateSearch.Plan(options, rates, searched, platform));
        var (name, options, store) = (study.Name, study.Options, study.Store);
        var (rows, chosen, bases) = ConsoleProgress.Run(progress => LearningRateSearch.Run(options, rates, searched, store,
            study.Compute, progress, cancel, study.Source));
        static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(p => p.ToString(CultureInfo.InvariantCulture))));
        Line($"");
        Line($"Preset {name}, {seeds} base model(s) from seed {FirstSeed}, {options.FineTuning.Epochs} epochs.");
        foreach (var row in study.Source is null ? Fitness.Of(bases, options.Bases > 1 ? 0.10 : 0.05) : [])
            Line($"{(row.Met ? "yes" : "no "),-4} {row.Condition}: {row.Found}");
        var dev = options.TestAtStops ? "dev at FIT, Natural" : "best dev, D_Natural";
        Line($"{"learning rate",14} {dev,20} {"fitted, D_Natural",18} {"fitted, D 100%",15}  fits");
        foreach (var row in rows)
            Line($"{row.LearningRate,14:G3} {100 * row.DevAccuracy,19:F1}% {100 * row.NaturalFitted,17:F1}% ",
                $"{100 * row.UnknownFitted,14:F1}%  {(double.IsNaN(row.DevAccuracy) ? "no, it diverged" : row.Fits ? "yes" : "no")}");
        Console.Out.WriteLine(chosen is { } rate
            ? string.Create(CultureInfo.InvariantCulture, $"Chosen: fineTuning.learningRate={rate:G3}")
            : "None fits at least 99% of both: try higher rates, or more epochs.");
        var figure = LearningRateFigure.Make(rows, LearningRateFigure.Note(name, seeds, FirstSeed));
        // Which rates were tried is a setting, too.
        var page = ReproduceCommand.ReportFile(store, "tune-", $"{name}, {seeds} seeds, {rates.Length} rates", FirstSeed,
            LearningRateSearch.Plan(options, rates, searched, study.Compute.Platform, study.Source));
        AtomicFile.WriteText(page, ReportPage.Html("The learning rate of fine-tuning", "", [figure]));
        Console.Out.WriteLine($"Figure: {page}");
        if (published is not null)
        {
            Tables.Write(Path.Combine(published, "tune.parquet"), rows);
            SvgRenderer.Save(figure, Path.Combine(published, figure.Id + ".svg"));
            Console.Out.WriteLine($"Published: {published}");
        }
        return chosen is null ? 1 : 0;
    }
}
