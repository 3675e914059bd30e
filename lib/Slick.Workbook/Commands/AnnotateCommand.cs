using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;

namespace Slick.Workbook.Commands;

/// <summary><c>slick annotate</c>: sorts the questions of EntityQuestions, or of a user's own file, by what a model knows
/// (SliCK).</summary>
internal sealed class AnnotateCommand
{
    private readonly Option<string?> _model =
        new("--model") { HelpName = "folder", Description = "The model: a folder with config.json, safetensors and tokenizer.json." };
    private readonly Option<string?> _server =
        new("--server") { HelpName = "URL",
        Description = "Instead of --model: an OpenAI-compatible completions endpoint (vLLM, llama.cpp, Ollama), such as "
            + "http://localhost:8000/v1. A key is read from the environment: SLICK_SERVER_KEY, else OPENAI_API_KEY." };
    private readonly Option<string?> _serverModel =
        new("--server-model") { HelpName = "name", Description = "The model's name at the server." };
    private readonly Option<int> _serverRequests =
        new("--server-requests") { DefaultValueFactory = _ => 8, HelpName = "n",
        Description = "Most requests that wait for the server's answer at the same time." };
    private readonly Option<string> _data =
        new("--data") { Required = true, HelpName = "folder|file",
        Description = "EntityQuestions in its official layout, such as data/entityquestions-sample; or a file of your own, .csv, .tsv or "
            + ".jsonl." };
    private readonly ColumnArguments _columns = new();
    private readonly Option<string[]> _relations =
        new("--relations") { AllowMultipleArgumentsPerToken = true, HelpName = "P17 P36 ...",
        Description = "Relations by their names; by default all of a file, of EntityQuestions the 12 that the paper fine-tunes on." };
    private readonly Option<string> _split =
        new("--split") { DefaultValueFactory = _ => "train", HelpName = "train|dev|test",
        Description = "Which questions. Facts of dev that are exemplars of their relation's prompts are not asked." };
    private readonly Option<int?> _questions =
        new("--questions") { HelpName = "n", Description = "Questions of a relation, drawn with the seed; all by default." };
    private readonly Option<int> _seed =
        new("--seed") { DefaultValueFactory = _ => 1, Description = "Seed of questions, exemplars and draws." };
    private readonly Option<string?> _estimator =
        new("--estimator") { HelpName = "exact|sampled",
        Description = "exact (closed form; the default for a local model) or sampled (the paper's 16 draws a prompt; the default for a "
            + "server)." };
    private readonly Option<string> _normaliser =
        new("--normaliser") { DefaultValueFactory = _ => "none", HelpName = "none|squad",
        Description =
        "What is made equal before a drawn answer is compared (with --estimator sampled): nothing, or what SQuAD's official rule does." };
    private readonly Option<string> _dtype =
        new("--dtype") { DefaultValueFactory = _ => "fp32", HelpName = "fp32|bf16",
        Description = "Number format of weights and activations." };
    private readonly Option<string?> _csv = new("--csv") { HelpName = "file",
        Description = "Also write the labels as CSV. Its folder is made where it is missing." };

    private readonly Option<string?> _publish =
        new("--publish") { HelpName = "folder",
        Description = "Also write the labels, examples with the model's answers, the tables and a figure as SVG into this folder, which is "
            + "made where it is missing." };

    private readonly Option<bool> _verbose =
        new("--verbose") { Description = "Also print what was done: passes, their rows, their time." };

    private readonly Option<string> _device = StudyArguments.DeviceOption();
    private readonly Option<string?> _memory = StudyArguments.MemoryOption();
    private readonly Option<string?> _store = StudyArguments.StoreOption();

    public static Command Create()
    {
        var arguments = new AnnotateCommand();
        var command = new Command("annotate", "Sort questions by what a model knows (SliCK), and print its Table 3.")
        {
            arguments._model, arguments._server, arguments._serverModel, arguments._serverRequests, arguments._data,
            arguments._relations, arguments._split, arguments._questions, arguments._seed,
            arguments._estimator, arguments._normaliser, arguments._dtype, arguments._device, arguments._memory, arguments._store,
            arguments._csv, arguments._publish, arguments._verbose,
        };
        arguments._columns.AddTo(command);
        command.SetAction((parsed, cancel) => Background.Run(() => arguments.Run(parsed, cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (server, secret) = Server(parsed);
        var options = new AnnotationOptions
        {
            Columns = _columns.Columns(parsed),
            Relations = [.. (parsed.GetValue(_relations) ?? [])
                .SelectMany(r => r.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))],
            Split = Named<Split>("--split", parsed.GetValue(_split)!),
            Questions = parsed.GetValue(_questions),
            Seed = parsed.GetValue(_seed),
            Estimator = parsed.GetValue(_estimator) is { } estimator ? Named<EstimatorKind>("--estimator", estimator)
                : server is null ? EstimatorKind.Exact : EstimatorKind.Sampled,
            Normaliser = Named<AnswerNormaliser>("--normaliser", parsed.GetValue(_normaliser)!),
        };
        options.Check();
        // Paths are checked before hours of work, not after them.
        var csv = parsed.GetValue(_csv) is { } file ? Path.GetFullPath(file) : null;
        var folder = parsed.GetValue(_publish) is { } publish ? Path.GetFullPath(publish) : null;
        if (csv is not null) AtomicFile.EnsureWritable(csv);
        if (folder is not null) AtomicFile.EnsureWritable(Path.Combine(folder, "annotation.json"));
        var data = Path.GetFullPath(parsed.GetValue(_data)!);
        var memory = StudyArguments.Bytes(parsed.GetValue(_memory));
        if (server is not null)
        {
            var kept = RunStore.Open(StudyArguments.Folder(parsed.GetValue(_store)));
            Print(ConsoleProgress.Run(progress => Annotation.RunByServer(server, secret, data, options, kept, progress, cancel)), csv);
            return 0;
        }
        var compute = Compute.Choose(parsed.GetValue(_device)!, parsed.GetValue(_dtype)!, Console.Out.WriteLine) with
        {
            Memory = memory,
        };
        if (compute.DType == torch.ScalarType.BFloat16 && compute.Device.type == DeviceType.CPU && Compute.HasBf16Products == false)
            Console.Out.WriteLine("This processor has neither AVX512-BF16 nor AMX: bf16 will be slower here than fp32.");
        var store = RunStore.Open(StudyArguments.Folder(parsed.GetValue(_store)));
        var model = Path.GetFullPath(parsed.GetValue(_model)!);
        var result = ConsoleProgress.Run(progress => Annotation.Run(model, data, options, store, compute, progress, cancel));
        Print(result, csv);
        if (parsed.GetValue(_verbose)) PrintPasses(result);
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

    private static void Print(AnnotationResult result, string? csv)
    {
        Console.Out.WriteLine();
        Console.Out.Write(AnnotationTable.Make(result).Text());
        // A server does not tell its tokens, so these numbers exist for a local model only.
        if (result.Server.Length == 0) Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"In {result.MovedBoundaries:N0} of {(long)result.Labels.Count * result.Options.Sampling.Prompts:N0} prompts with a question "
                + $"the tokenizer joins the answer with the end of the prompt or of the line (handled)."));
        Console.Out.WriteLine($"Labels: {result.Table}");
        if (csv is null) return;
        Tables.WriteCsv(csv, result.Labels);
        Console.Out.WriteLine($"CSV: {csv}");
    }

    // One line for each relation, and one for all of them together.
    private static void PrintPasses(AnnotationResult result)
    {
        static string Line(string name, PassCounts of) => string.Create(CultureInfo.InvariantCulture,
            $"{name,-8}  {of.Passes,8:N0}  {(double)of.Rows / of.Passes,12:N1}  {(double)of.Rows / of.Questions,16:F2}  "
            + $"{1000 * of.Seconds / of.Rows,9:F3}  {of.Seconds,8:F1}  {of.Bytes / (1 << 20),8:N0}");
        var (rows, are) = result.Options.Estimator == EstimatorKind.Exact ? ("rows", "ways to write a gold answer")
            : ("nodes", "those of the trees of answers, whose roots are the questions");
        Console.Out.WriteLine($"Passes ({rows} are {are}; a question counts once after each prompt; relations may be worked on at once):");
        Console.Out.WriteLine($"{"relation",-8}  {"passes",8}  {rows + " a pass",12}  {rows + " a question",16}  {"ms a " + rows[..^1],9}  "
            + $"{"seconds",8}  {"MiB",8}");
        foreach (var relation in result.Labels.Select(l => l.Relation).Distinct())
            Console.Out.WriteLine(result.Passes.TryGetValue(relation, out var of) && of.Passes > 0 ? Line(relation, of)
                : $"{relation,-8}  read from the store");
        var all = result.Passes.Values.Where(p => p.Passes > 0).ToList();
        if (all.Count > 0) Console.Out.WriteLine(Line("together", all.Aggregate((one, other) => one + other)));
        Console.Out.WriteLine("MiB: the memory that a pass may take beside the weights (--memory).");
    }

    // The server that the command line names; null for a local model.
    private (ServerOptions? Server, ServerSecret Secret) Server(ParseResult parsed)
    {
        bool IsGiven(Option option) => parsed.GetResult(option) is { Implicit: false };
        var url = parsed.GetValue(_server);
        if (url is null)
        {
            if (IsGiven(_serverModel) || IsGiven(_serverRequests))
                throw new UsageException("--server-model and --server-requests belong to --server, which is missing.");
            return parsed.GetValue(_model) is null
                ? throw new UsageException("Whose knowledge? Give --model with a folder, or --server with --server-model.")
                : (null, ServerSecret.None);
        }
        if (IsGiven(_model)) throw new UsageException("--model and --server are both there; leave one out.");
        foreach (var option in new Option[] { _dtype, _device, _memory, _publish, _verbose })
            if (IsGiven(option))
                throw new UsageException($"{option.Name} is about a local model, and --server names a server; leave it out.");
        var (options, secret) = ServerOptions.Parse(url, parsed.GetValue(_serverModel)
            ?? throw new UsageException("--server needs --server-model: the name of a model that the server has."),
            Environment.GetEnvironmentVariable);
        return (options with { Requests = parsed.GetValue(_serverRequests) }, secret);
    }

    private static T Named<T>(string option, string value) where T : struct, Enum
    {
        var names = Enum.GetNames<T>().Select(n => n.ToLowerInvariant()).ToList();
        return names.IndexOf(value) is >= 0 and var at ? Enum.GetValues<T>()[at]
            : throw new UsageException($"{option} '{value}' is unknown: use {string.Join(", ", names[..^1])} or {names[^1]}.");
    }
}
