using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;
using Slick.Studies;
using TorchSharp;

namespace Slick.Workbook.Commands;

/// <summary>A study as a command line names it.</summary>
/// <param name="Name">Name of the preset, with the settings that differ from it; and of the model where there is one.</param>
/// <param name="Options">The study's options.</param>
/// <param name="Seed">Seed of the first base model.</param>
/// <param name="Store">The store that keeps the results.</param>
/// <param name="Compute">Device and number format of the models.</param>
/// <param name="Source">A checkpoint and a dataset; null for the lab.</param>
/// <param name="Lab">One of the lab's studies, whose variants all have these options; null for the study of the paper.</param>
internal sealed record GivenStudy(string Name, StudyOptions Options, int Seed, RunStore Store, Compute Compute, CheckpointSource? Source,
    LabStudy? Lab = null)
{
    /// <summary>The study's stages.</summary>
    public Plan Plan => Lab is null ? StudyPlan.Of(Name, Options, Seed, Compute.Platform, Source)
        : LabStudyRuns.Plan(Lab, Options, Seed, Compute.Platform);
    /// <summary>The forecast of the time that the stages will take.</summary>
    public Forecast Forecast => Lab is null ? Forecast.Of(Options, Seed, Compute, Source)
        : LabStudyRuns.Forecast(Lab, Options, Seed, Compute);
}

/// <summary>The command-line options that all commands on studies have.</summary>
internal sealed partial class StudyArguments
{
    private const string LargestPart = "questions.largestPart";

    private readonly Option<string?> _preset = new("--preset") { HelpName = "name",
        Description = "smoke (seconds, its numbers mean nothing), quick (minutes, one base model; the default) or lab (hours, five base "
            + "models); with --model real-quick (two cores; the default) or real-gpu." };
    private readonly Option<string?> _model = new("--model") { HelpName = "folder",
        Description = "A checkpoint of your own instead of the lab's models: a folder with config.json, safetensors and tokenizer.json." };
    private readonly Option<string?> _data = new("--data") { HelpName = "folder|file",
        Description = "With --model: EntityQuestions in its official layout; or a file of your own, .csv, .tsv or .jsonl." };
    private readonly ColumnArguments _columns = new();
    private readonly Option<string?> _budget = new("--budget") { HelpName = "90m",
        Description = "With --model: as large a D as the forecast allows in this time, such as 90m or 3h. The first choice is kept in the "
            + "store." };
    private readonly Option<int> _seed = new("--seed") { DefaultValueFactory = _ => 1,
        Description = "Seed of the first world and model, whose others follow it; of a checkpoint's questions, exemplars and draws." };
    private readonly Option<string[]> _set = new("--set") { HelpName = "name=value",
        Description = "Change one option of the preset, such as fineTuning.learningRate=3e-5; may be given several times." };
    private readonly Option<string> _dtype = new("--dtype") { DefaultValueFactory = _ => "fp32", HelpName = "fp32|bf16",
        Description = "With --model: number format of weights and activations." };

    private readonly Option<string?> _lab = new("--study") { HelpName = "name",
        Description = "One of the lab's studies, as slick study names them, with its defaults: --preset lab, --seed 6." };

    public StudyArguments(Command command)
    {
        foreach (var option in new Option[] { _preset, _model, _data, _budget, _seed, _set, Store, Device, _dtype,
            _memory }) command.Add(option);
        _columns.AddTo(command);
    }

    private StudyArguments() { }

    /// <summary>The options of the command for the lab's studies.</summary>
    public static StudyArguments OfLab(Command command)
    {
        var arguments = new StudyArguments();
        arguments._preset.Description = "smoke (seconds, its numbers mean nothing), quick (minutes) or lab (the default, with 5 base "
            + "models).";
        (arguments._seed.Description, arguments._seed.DefaultValueFactory) = (
            "Seed of the first world and model; the others follow it.", _ => 6);
        foreach (var option in new Option[] { arguments._preset, arguments._seed, arguments._set, arguments.Store, arguments.Device,
            arguments._memory }) command.Add(option);
        return arguments;
    }

    /// <summary>Adds the option that names one of the lab's studies.</summary>
    public void AddLab(Command command) => command.Add(_lab);

    /// <summary>The lab's study that the command line names; null where it names none.</summary>
    /// <param name="parsed">The parsed command line.</param>
    /// <exception cref="UsageException">There is no such study.</exception>
    public LabStudy? Lab(ParseResult parsed) => parsed.GetValue(_lab) is { } name ? LabStudies.Of(name) : null;

    public static Option<string?> StoreOption() => new("--store") { HelpName = "folder",
        Description = "Where results are kept; else the variable SLICK_STORE, else .slick at the repository's root." };

    public Option<string?> Store { get; } = StoreOption();

    public static Option<string> DeviceOption() =>
        new("--device") { DefaultValueFactory = _ => "auto", Description = "auto, cpu, cuda or cuda:n. auto takes a GPU for a checkpoint; "
            + "for the lab's models it takes what the forecast says is faster." };

    public Option<string> Device { get; } = DeviceOption();

    public static Option<string?> MemoryOption() => new("--memory") { HelpName = "16G",
        Description = "Most memory that a forward pass may take beside the weights, such as 512M or 16G; by default half of what is free "
            + "on a GPU, and at most 4G on a CPU. It changes speed, and results by rounding only." };

    private readonly Option<string?> _memory = MemoryOption();

    /// <summary>Bytes of a word such as 512M or 16G; null for none.</summary>
    /// <exception cref="UsageException">It is no such word.</exception>
    public static long? Bytes(string? text)
    {
        if (text is null) return null;
        var shift = text.Length > 0 ? char.ToUpperInvariant(text[^1]) switch { 'M' => 20, 'G' => 30, _ => 0 } : 0;
        return shift > 0 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            && n is > 0 and <= 1 << 20 && (shift == 30 || n >= 16) ? (long)n << shift
            : throw new UsageException($"--memory {text}: write mebibytes or gibibytes, such as 512M or 16G, at least 16M.");
    }

    /// <summary>The study that the command line names. Reads the dataset, opens the store and chooses the device.</summary>
    /// <param name="parsed">The parsed command line.</param>
    /// <param name="before">Called after the command line is checked and before anything is opened or measured; null for nothing.</param>
    /// <param name="said">Takes remarks; null for the standard output.</param>
    /// <param name="device">Another device than the command line names; null for the same.</param>
    /// <param name="plan">The plan of the work on the lab's models, by options and kind of device; null for the study's.</param>
    /// <param name="lab">One of the lab's studies; null for that of --study, or for the study of the paper.</param>
    /// <exception cref="UsageException">There is no such preset or option, a value is out of range, or arguments contradict each
    /// other.</exception>
    /// <exception cref="SlickException">The model, the dataset or the store cannot be read.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    public GivenStudy Study(ParseResult parsed, Action? before = null, TextWriter? said = null, string? device = null,
        Func<StudyOptions, Platform, Plan>? plan = null, LabStudy? lab = null)
    {
        said ??= Console.Out;
        lab ??= Lab(parsed);
        var (name, options, seed) = Words(parsed, lab);
        var (model, data, budget) = (parsed.GetValue(_model), parsed.GetValue(_data), Budget(parsed.GetValue(_budget)));
        before?.Invoke();
        var store = RunStore.Open(Folder(parsed.GetValue(Store)));
        device ??= parsed.GetValue(Device)!;
        plan ??= lab is null ? (o, platform) => StudyPlan.Of(name, o, seed, platform)
            : (o, platform) => LabStudyRuns.Plan(lab, o, seed, platform);
        var compute = (model is null ? LabDevice.Choose(device, options, platform => plan(options, platform), store, said.WriteLine)
            : Compute.Choose(device, parsed.GetValue(_dtype)!, said.WriteLine)) with
        {
            Memory = Bytes(parsed.GetValue(_memory)),
        };
        if (model is null) return new(name, options, seed, store, compute, null, lab);
        if (compute.DType == torch.ScalarType.BFloat16 && compute.Device.type == DeviceType.CPU && Compute.HasBf16Products == false)
            said.WriteLine("This processor has neither AVX512-BF16 nor AMX: bf16 will be slower here than fp32.");
        var dataset = QuestionSource.Read(Path.GetFullPath(data!), _columns.Columns(parsed), seed, options.Sampling.Shots,
            options.Sampling.Prompts);
        foreach (var remark in dataset.Remarks) said.WriteLine(remark);
        var source = new CheckpointSource(model, dataset);
        var study = new GivenStudy($"{name} of {source.Model.Name}", options, seed, store, compute, source);
        if (budget is not { } seconds) return study;
        var whole = study.Plan;
        var choice = BudgetChoice.Of(whole, store, seconds, () => ((CheckpointForecast)study.Forecast).LargestPartWithin(whole, seconds));
        var part = choice.LargestPart;
        said.WriteLine($"--budget: {LargestPart}={part} " + (choice.IsNew ? $"(kept in {choice.File})"
            : $"(chosen before; delete {Path.GetDirectoryName(choice.File)} to choose again)"));
        return study with
        {
            Name = $"{name}, questions.largestPart={part} of {source.Model.Name}",
            Options = options with { Questions = options.Questions with { LargestPart = part } },
        };
    }

    /// <summary>Name, options and seed of the study. Checks everything that the command line alone decides.</summary>
    /// <param name="parsed">The parsed command line.</param>
    /// <param name="lab">One of the lab's studies; null for that of --study, or for the study of the paper.</param>
    /// <exception cref="UsageException">There is no such preset or option, a value is out of range, or arguments contradict each
    /// other.</exception>
    public (string Name, StudyOptions Options, int Seed) Words(ParseResult parsed, LabStudy? lab = null)
    {
        lab ??= Lab(parsed);
        var model = parsed.GetValue(_model);
        if (lab is not null && model is not null) throw new UsageException(
            "--study is about the lab's own models, of which it is known what they were told; leave out --model.");
        var preset = parsed.GetValue(_preset) ?? (lab is not null ? LabStudies.Preset : model is null ? "quick" : "real-quick");
        var settings = parsed.GetValue(_set) ?? [];
        var start = StudyOptions.Preset(preset);
        if (lab is not null && start.Bases > 1) start = start with { Bases = LabStudies.Bases };
        var options = settings.Aggregate(start, NamedOptions.Set);
        var real = preset.StartsWith("real-", StringComparison.Ordinal);
        if (real && model is null) throw new UsageException($"--preset {preset} needs a checkpoint: --model FOLDER --data FOLDER.");
        if (!real && model is not null)
            throw new UsageException($"--preset {preset} makes models of its own; with --model use real-quick or real-gpu.");
        if ((model is null) != (parsed.GetValue(_data) is null))
            throw new UsageException(
                "--model and --data belong together: a checkpoint's folder and its questions.");
        if (model is null && parsed.GetValue(_budget) is not null) throw new UsageException(
            "--budget is for --model; the lab's presets have sizes of their own.");
        if (model is null && parsed.GetValue(_dtype) is not (null or "fp32")) throw new UsageException(
            "--dtype is for --model; the lab computes in fp32.");
        if (Budget(parsed.GetValue(_budget)) is not null
            && settings.Any(s => s.Split('=')[0].Trim().Equals(LargestPart, StringComparison.OrdinalIgnoreCase)))
            throw new UsageException($"--budget chooses {LargestPart}; leave out --budget or --set {LargestPart}=.");
        Bytes(parsed.GetValue(_memory));
        options.Check();
        foreach (var variant in lab?.Variants(options) ?? []) variant.Of(options);
        return (string.Join(", ", settings.Prepend(preset)), options,
            lab is not null && parsed.GetResult(_seed) is not { Implicit: false } ? LabStudies.FirstSeed : parsed.GetValue(_seed));
    }

    /// <summary>True where the command line names a checkpoint.</summary>
    /// <param name="parsed">The parsed command line.</param>
    public bool HasModel(ParseResult parsed) => parsed.GetValue(_model) is not null;

    /// <summary>True where the command line has a time, and the size of D follows from it.</summary>
    /// <param name="parsed">The parsed command line.</param>
    public bool HasBudget(ParseResult parsed) => parsed.GetValue(_budget) is not null;

    private static double? Budget(string? text)
    {
        if (text is null) return null;
        var unit = text.Length > 0 ? text[^1] switch { 'm' => 60, 'h' => 3600, _ => 0 } : 0;
        return unit > 0 && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
            out var n)
            && n is > 0 and < 10_000 ? n * unit : throw new UsageException($"--budget {text}: write minutes or hours, such as 90m or 3h.");
    }

    /// <summary>The arguments of a command line that names the same study, with the full path of the store.</summary>
    /// <param name="parsed">The parsed command line.</param>
    /// <param name="store">The store's folder.</param>
    /// <param name="device">Another device than the command line names; null for the same.</param>
    /// <param name="largestPart">The choice that <c>--budget</c> made; null where the command line has no budget.</param>
    public IReadOnlyList<string> Again(ParseResult parsed, string store, string? device, int? largestPart) =>
    [
        .. parsed.GetValue(_model) is { } model
            ? new[] { "--model", Path.GetFullPath(model), "--data", Path.GetFullPath(parsed.GetValue(_data)!),
            "--dtype", parsed.GetValue(_dtype)! } : [],
        .. _columns.All.Where(c => parsed.GetValue(c) is not null).SelectMany(c => new[] { c.Name, parsed.GetValue(c)! }),
        .. parsed.GetValue(_lab) is { } lab ? new[] { "--study", lab } : [],
        .. parsed.GetValue(_preset) is { } preset ? new[] { "--preset", preset } : [],
        "--seed", Words(parsed).Seed.ToString(CultureInfo.InvariantCulture),
        .. (parsed.GetValue(_set) ?? []).SelectMany(s => new[] { "--set", s }),
        .. largestPart is { } part ? new[] { "--set", string.Create(CultureInfo.InvariantCulture, $"{LargestPart}={part}") } : [],
        "--store", store,
        "--device", device ?? parsed.GetValue(Device)!,
        .. parsed.GetValue(_memory) is { } memory ? new[] { "--memory", memory } : [],
    ];

    /// <summary>The full path of a folder that the command line names; null where it names none.</summary>
    public static string? Folder(string? store) => string.IsNullOrEmpty(store) ? null : Path.GetFullPath(store);
}
