using System.CommandLine;
using System.Globalization;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Paper;
using Slick.Runtime;

namespace Slick.Workbook.Commands;

/// <summary>A checkpoint and a machine, of which a command line asks a forecast.</summary>
/// <param name="Folder">The folder with config.json.</param>
/// <param name="Card">The card; null for this machine's CPU, which is measured.</param>
/// <param name="Formats">The number formats.</param>
/// <param name="Options">The protocol and the fine-tuning run.</param>
/// <param name="Memory">Memory that a pass may take, in bytes; null where the command line does not say.</param>
internal sealed record GivenForecast(string Folder, Machine? Card, IReadOnlyList<string> Formats, StudyOptions Options, long? Memory);

/// <summary>The command line of a forecast from config.json alone.</summary>
internal sealed partial class StudyArguments
{
    private static readonly string[] Formats = ["fp32", "bf16"];

    // Words that choose a device of this machine.
    private static bool IsDevice(string word) => word is "auto" or "cpu" or "cuda"
        || (word.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(word.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));

    /// <summary>The names of the machines that <c>--device</c> knows beside this one's devices.</summary>
    private static string Machines => string.Join(", ", Machine.Cards.Select(c => c.Name).Prepend(Machine.Here));

    /// <summary>
    /// What the command line asks a forecast of; null where it names a study. It asks for a forecast where --device names a machine, or
    /// where it names a model without questions.
    /// </summary>
    /// <param name="parsed">The parsed command line.</param>
    /// <exception cref="UsageException">The machine is unknown, or arguments contradict each other.</exception>
    public GivenForecast? Forecast(ParseResult parsed)
    {
        var (model, word) = (parsed.GetValue(_model), parsed.GetValue(Device)!);
        var (card, isHere) = (Machine.Find(word), word.Equals(Machine.Here, StringComparison.OrdinalIgnoreCase));
        if (card is null && !isHere && !IsDevice(word)) throw new UsageException(
            $"The device '{word}' is unknown: use auto, cpu, cuda or cuda:n for a study, or, for a forecast from config.json, {Machines}.");
        var isMachine = card is not null || isHere;
        if (model is null) return !isMachine ? null
            : throw new UsageException($"--device {word} is for a forecast from a checkpoint's config.json; add --model FOLDER.");
        if (!isMachine && parsed.GetValue(_data) is not null) return null;
        if (!isMachine && word.StartsWith("cuda", StringComparison.Ordinal)) throw new UsageException(
            $"--device {word}: a forecast from config.json needs the machine's name, one of {Machines}; a study needs --data too.");
        bool IsGiven(Option option) => parsed.GetResult(option) is { Implicit: false };
        foreach (var option in new Option[] { _preset, _budget, Store })
            if (IsGiven(option))
                throw new UsageException($"{option.Name} is about a study, and this is a forecast from config.json alone; leave it out.");
        if (IsGiven(_dtype) && !Formats.Contains(parsed.GetValue(_dtype))) throw new UsageException(
            $"The number format '{parsed.GetValue(_dtype)}' is unknown: use fp32 or bf16.");
        var settings = parsed.GetValue(_set) ?? [];
        foreach (var name in settings.Select(s => s.Split('=')[0].Trim()))
            if (!name.StartsWith("sampling.", StringComparison.OrdinalIgnoreCase)
                && !name.StartsWith("fineTuning.", StringComparison.OrdinalIgnoreCase))
                throw new UsageException($"--set {name}: a forecast from config.json takes options of sampling and fineTuning only.");
        return new(Path.GetFullPath(model), card, IsGiven(_dtype) ? [parsed.GetValue(_dtype)!] : Formats,
            settings.Aggregate(new StudyOptions { FineTuning = MachineForecast.PaperRun }, NamedOptions.Set),
            Bytes(parsed.GetValue(_memory)));
    }

    /// <summary>
    /// The questions of a forecast: those of --data, cut by the tokenizer beside config.json; else as many as the paper's Table 3 has.
    /// </summary>
    /// <param name="parsed">The parsed command line.</param>
    /// <param name="given">What <see cref="Forecast"/> gave.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="most">Most questions of a relation; null for all.</param>
    /// <exception cref="SlickException">The questions or the tokenizer cannot be read.</exception>
    public ForecastQuestions Questions(ParseResult parsed, GivenForecast given, DecoderConfig config, int? most)
    {
        if (most < 1) throw new UsageException($"--questions {most}: give a number of questions of a relation, at least 1.");
        var sampling = given.Options.Sampling;
        if (parsed.GetValue(_data) is not { } data) return ForecastQuestions.Assumed(
            PaperStudy.Train.ToDictionary(r => r.Key, r => r.Value.Sum()), most, sampling);
        var seed = parsed.GetValue(_seed);
        var dataset = QuestionSource.Read(Path.GetFullPath(data), _columns.Columns(parsed), seed, sampling.Shots, sampling.Prompts);
        if (File.Exists(Path.Combine(given.Folder, "tokenizer.json")))
            return ForecastQuestions.Of(dataset, most, config, Checkpoint.OpenTokenizer(given.Folder), sampling, seed);
        return ForecastQuestions.Assumed(dataset.Relations.Where(r => r.InDistribution)
            .ToDictionary(r => r.Id, r => dataset.Of(r.Id, Split.Train).Count), most, sampling);
    }
}
