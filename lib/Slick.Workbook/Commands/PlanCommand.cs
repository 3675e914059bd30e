using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Figures;
using Slick.Models;
using Slick.Paper;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick plan</c>: shows the stages of a study before anything runs, or forecasts what a checkpoint takes on a
/// machine.</summary>
internal static class PlanCommand
{
    public static Command Create()
    {
        var command = new Command("plan", "Show the stages of a study: key, state, and how long each will take. Or, with --model and "
            + "--device h100, forecast what a checkpoint takes on such a machine, from its config.json alone.");
        var arguments = new StudyArguments(command);
        arguments.AddLab(command);
        arguments.Device.Description = "auto, cpu, cuda or cuda:n. For a forecast: here (this CPU, which is measured), or a card such as "
            + "h100, h200, a100-80gb, l4 or rtx-4090.";
        var count = new Option<int>("--count") { DefaultValueFactory = _ => 1, HelpName = "n",
            Description = "Of a forecast: number of such machines, among which questions and runs are divided." };
        var questions = new Option<int?>("--questions") { HelpName = "n",
            Description = "Of a forecast: train questions of a relation; by default all." };
        command.Add(count);
        command.Add(questions);
        command.SetAction((parsed, cancel) => Background.Run(() => Run(parsed, arguments, count, questions), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(ParseResult parsed, StudyArguments arguments, Option<int> count, Option<int?> questions)
    {
        if (arguments.Forecast(parsed) is { } given)
            return Forecast(given, c => arguments.Questions(parsed, given, c, parsed.GetValue(questions)), parsed.GetValue(count));
        foreach (var option in new Option[] { count, questions })
            if (parsed.GetResult(option) is { Implicit: false }) throw new UsageException(
                $"{option.Name} belongs to a forecast from config.json, such as slick plan --model FOLDER --device h100.");
        return Stages(arguments.Study(parsed));
    }

    private static int Stages(GivenStudy study)
    {
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

    private static int Forecast(GivenForecast given, Func<DecoderConfig, ForecastQuestions> questionsOf, int count)
    {
        var config = DecoderConfig.Read(Path.Combine(given.Folder, "config.json"));
        var questions = questionsOf(config);
        var machine = given.Card ?? MachineMeasurement.Here();
        var setSize = Math.Min(PaperStudy.SetSize, questions.Count);
        var forecast = new MachineForecast(config, machine, count, given.Formats, given.Options, questions, setSize, given.Memory);
        static void Line(params FormattableString[] parts) =>
            Console.Out.WriteLine(string.Concat(parts.Select(p => p.ToString(CultureInfo.InvariantCulture))));
        Line($"{Path.GetFileName(Path.TrimEndingDirectorySeparator(given.Folder))}: {forecast.Parameters:N0} weights. ",
            $"{char.ToUpperInvariant(machine.Title[0])}{machine.Title[1..]}: {Gibibytes(machine.Memory)} GiB, ",
            $"{Number(machine.Fp32 / 1e12)} TFLOP/s fp32, {Number(machine.Bf16 / 1e12)} bf16, {machine.Bandwidth / 1e9:N0} GB/s.");
        Line($"{questions.Count:N0} train questions of {questions.Relations.Count} relations, {given.Options.Sampling.Prompts} prompts ",
            $"each; D of {setSize:N0} examples. Tokens: {questions.Tokens}.");
        Console.Out.Write(new TableView
        {
            Id = "forecast", Title = "",
            Columns = ["work", "format", "tokens, M", "logits, M", "PFLOP", "passes", "weights, TB", "starts, M", "memory, GiB", "one",
                .. count > 1 ? [$"{count} of them"] : Array.Empty<string>()],
            HeaderColumns = 2,
            Rows = [.. forecast.Rows.Select(r => (IReadOnlyList<string>)
            [
                r.Work, r.Format, Number(r.Tokens / 1e6), Number(r.LogitRows / 1e6), Number(r.Flop / 1e15),
                // How many passes there are follows from the memory for them, so there is no number where the work does not fit.
                .. r.Seconds is null ? (string[])["", "", ""]
                    : [$"{Math.Round(r.Passes):F0}", Number(r.WeightBytes / 1e12), Number(r.Operations / 1e6)],
                Gibibytes(r.Bytes), Time(r.Seconds),
                .. count > 1 ? [Time(r.SecondsOnAll)] : Array.Empty<string>(),
            ])],
        }.Text());
        foreach (var remark in forecast.Remarks) Console.Out.WriteLine(remark);
        if (count > 1)
            Line($"Labels are divided among {count} machines. A fine-tuning run is one machine's, and {count} runs take as long as one.");
        return 0;
    }

    private static string Gibibytes(long bytes) => Number(bytes / (double)(1L << 30));

    // Three digits.
    private static string Number(double value) => value.ToString(value >= 99.95 ? "F0" : value >= 9.995 ? "F1" : "F2",
        CultureInfo.InvariantCulture);

    private static string Time(double? seconds) => seconds is not { } s ? "does not fit"
        : s < 5400 ? Seconds(s).TrimStart('~')
        : s < 172_800 ? string.Create(CultureInfo.InvariantCulture, $"{s / 3600:F1} h")
        : string.Create(CultureInfo.InvariantCulture, $"{s / 86_400:F1} days");

    private static string Seconds(double seconds) => seconds < 0.95 ? "<1 s"
        : seconds < 90 ? string.Create(CultureInfo.InvariantCulture, $"~{seconds:F0} s")
        : string.Create(CultureInfo.InvariantCulture, $"~{seconds / 60:F0} min");
}
