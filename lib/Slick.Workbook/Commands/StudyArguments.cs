using System.CommandLine;
using System.Globalization;
using Slick.Runtime;
using Slick.Experiments;

namespace Slick.Workbook.Commands;

/// <summary>The options that every command on studies has: <c>--preset --seed --set --store --device</c>.</summary>
internal sealed class StudyArguments
{
    private readonly Option<string> _preset =
        new("--preset") { DefaultValueFactory = _ => "quick",
        Description = "smoke (seconds, its numbers mean nothing), quick (minutes) or lab (hours, the published results)." };
    private readonly Option<int> _seed =
        new("--seed") { DefaultValueFactory = _ => 1, Description = "Seed of the first world and model; lab's others follow it." };
    private readonly Option<string[]> _set =
        new("--set") { HelpName = "name=value",
        Description = "Change one option of the preset, such as fineTuning.learningRate=3e-5; may be given several times." };

    public StudyArguments(Command command)
    {
        _preset.HelpName = "smoke|quick|lab";
        command.Add(_preset);
        command.Add(_seed);
        command.Add(_set);
        command.Add(Store);
        command.Add(Device);
    }

    public static Option<string?> StoreOption() =>
        new("--store") { HelpName = "folder",
        Description = "Where results are kept; else the variable SLICK_STORE, else .slick at the repository's root." };

    public Option<string?> Store { get; } = StoreOption();

    public static Option<string> DeviceOption() =>
        new("--device") { DefaultValueFactory = _ => "auto", Description = "auto, cpu, cuda or cuda:n." };

    public Option<string> Device { get; } = DeviceOption();

    /// <summary>What the words of the command line mean.</summary>
    /// <exception cref="UsageException">An unknown preset or option, or a value out of range.</exception>
    public (string Name, StudyOptions Options, int Seed) Study(ParseResult parsed)
    {
        var preset = parsed.GetValue(_preset)!;
        var settings = parsed.GetValue(_set) ?? [];
        var options = settings.Aggregate(StudyOptions.Preset(preset), NamedOptions.Set);
        options.Check();
        return (string.Join(", ", settings.Prepend(preset)), options, parsed.GetValue(_seed));
    }

    /// <summary>The same study as words of a command line, with the store's whole path.</summary>
    /// <param name="parsed">What was given.</param>
    /// <param name="store">The store.</param>
    /// <param name="device">Another device than was given; null for that one.</param>
    public IReadOnlyList<string> Words(ParseResult parsed, string store, string? device) =>
    [
        "--preset", parsed.GetValue(_preset)!,
        "--seed", parsed.GetValue(_seed).ToString(CultureInfo.InvariantCulture),
        .. (parsed.GetValue(_set) ?? []).SelectMany(s => new[] { "--set", s }),
        "--store", store,
        "--device", device ?? parsed.GetValue(Device)!,
    ];

    /// <summary>The folder that the command line names; a relative one starts at the current folder.</summary>
    public static string? Folder(string? store) => string.IsNullOrEmpty(store) ? null : Path.GetFullPath(store);

    public Compute Compute(ParseResult parsed) => Runtime.Compute.Choose(parsed.GetValue(Device)!, say: Console.Out.WriteLine);
}
