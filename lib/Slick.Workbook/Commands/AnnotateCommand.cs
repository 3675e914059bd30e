using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;

namespace Slick.Workbook.Commands;

/// <summary><c>slick annotate</c>: what any model knows of EntityQuestions.</summary>
internal sealed class AnnotateCommand
{
    private readonly Option<string> _model =
        new("--model") { Required = true, HelpName = "folder",
        Description = "The model: a folder with config.json, safetensors and tokenizer.json." };
    private readonly Option<string> _data =
        new("--data") { Required = true, HelpName = "folder",
        Description = "EntityQuestions in its official layout, such as data/entityquestions-sample." };
    private readonly Option<string[]> _relations =
        new("--relations") { AllowMultipleArgumentsPerToken = true, HelpName = "P17 P36 ...",
        Description = "Relations by Wikidata's names; by default the 12 that the paper fine-tunes on." };
    private readonly Option<string> _split =
        new("--split") { DefaultValueFactory = _ => "train", HelpName = "train|dev|test",
        Description = "Which questions. Facts of dev that are exemplars of their relation's prompts are not asked." };
    private readonly Option<int?> _questions =
        new("--questions") { HelpName = "n", Description = "Questions of a relation, drawn with the seed; all by default." };
    private readonly Option<int> _seed =
        new("--seed") { DefaultValueFactory = _ => 1, Description = "Seed of questions, exemplars and draws." };
    private readonly Option<string> _estimator =
        new("--estimator") { DefaultValueFactory = _ => "exact", HelpName = "exact|sampled",
        Description = "exact (closed form) or sampled (the paper's 16 draws a prompt)." };
    private readonly Option<string> _normaliser =
        new("--normaliser") { DefaultValueFactory = _ => "none", HelpName = "none|squad",
        Description =
        "What is made equal before a drawn answer is compared (with --estimator sampled): nothing, or what SQuAD's official rule does." };
    private readonly Option<string> _dtype =
        new("--dtype") { DefaultValueFactory = _ => "fp32", HelpName = "fp32|bf16",
        Description = "Number format of weights and activations." };
    private readonly Option<string?> _csv = new("--csv") { HelpName = "file", Description = "Also write the labels as CSV." };

    private readonly Option<string?> _publish =
        new("--publish") { HelpName = "folder",
        Description = "Also write the labels, examples with the model's answers, the tables and a figure as SVG into this folder." };

    private readonly Option<string> _device = StudyArguments.DeviceOption();
    private readonly Option<string?> _store = StudyArguments.StoreOption();

    public static Command Create()
    {
        var arguments = new AnnotateCommand();
        var command = new Command("annotate", "Sort the questions of EntityQuestions by what a model knows (SliCK), and print its Table 3.")
        {
            arguments._model, arguments._data, arguments._relations, arguments._split, arguments._questions, arguments._seed,
            arguments._estimator, arguments._normaliser, arguments._dtype, arguments._device, arguments._store, arguments._csv,
                arguments._publish,
        };
        command.SetAction((parsed, cancel) => Background.Run(() => arguments.Run(parsed, cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // starting up for --help does not load the library
    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var options = new AnnotationOptions
        {
            Relations = [.. (parsed.GetValue(_relations) ?? [])
                .SelectMany(r => r.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                .Select(r => r.ToUpperInvariant())],
            Split = Named<Split>("--split", parsed.GetValue(_split)!),
            Questions = parsed.GetValue(_questions),
            Seed = parsed.GetValue(_seed),
            Estimator = Named<EstimatorKind>("--estimator", parsed.GetValue(_estimator)!),
            Normaliser = Named<AnswerNormaliser>("--normaliser", parsed.GetValue(_normaliser)!),
        };
        options.Check();
        // Before hours of work, not after.
        var csv = parsed.GetValue(_csv) is { } file ? Path.GetFullPath(file) : null;
        var folder = parsed.GetValue(_publish) is { } publish ? Path.GetFullPath(publish) : null;
        if (csv is not null) AtomicFile.EnsureWritable(csv);
        if (folder is not null) AtomicFile.EnsureWritable(Path.Combine(folder, "annotation.json"));
        var compute = Compute.Choose(parsed.GetValue(_device)!, parsed.GetValue(_dtype)!, Console.Out.WriteLine);
        if (compute.DType == torch.ScalarType.BFloat16 && compute.Device.type == DeviceType.CPU && Compute.HasBf16Products == false)
            Console.Out.WriteLine("This processor has neither AVX512-BF16 nor AMX: bf16 will be slower here than fp32.");
        var store = RunStore.Open(StudyArguments.Folder(parsed.GetValue(_store)));
        var (model, data) = (Path.GetFullPath(parsed.GetValue(_model)!), Path.GetFullPath(parsed.GetValue(_data)!));
        var result = ConsoleProgress.Run(progress => Annotation.Run(model, data, options, store, compute, progress, cancel));
        Console.Out.WriteLine();
        Console.Out.Write(AnnotationTable.Make(result).Text());
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"In {result.MovedBoundaries:N0} of {(long)result.Labels.Count * options.Sampling.Prompts:N0} prompts with a question the "
                + $"tokenizer joins the answer with the end of the prompt or of the line (handled)."));
        Console.Out.WriteLine($"Labels: {result.Table}");
        if (csv is not null)
        {
            Tables.WriteCsv(csv, result.Labels);
            Console.Out.WriteLine($"CSV: {csv}");
        }
        if (folder is null) return 0;
        var known = Annotation.Known(result, model, data, compute);
        using (known.Model)
            ConsoleProgress.Run(progress =>
            {
                progress.Stage("answers to examples");
                AnnotationReport.Publish(result, known, folder, progress);
                return result;
            });
        Console.Out.WriteLine($"Published: {folder}");
        return 0;
    }

    private static T Named<T>(string option, string value) where T : struct, Enum
    {
        var names = Enum.GetNames<T>().Select(n => n.ToLowerInvariant()).ToList();
        return names.IndexOf(value) is >= 0 and var at ? Enum.GetValues<T>()[at]
            : throw new UsageException($"{option} '{value}' is unknown: use {string.Join(", ", names[..^1])} or {names[^1]}.");
    }
}
