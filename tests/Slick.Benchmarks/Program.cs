using System.CommandLine;
using Slick;
using Slick.Benchmarks;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Training;

var checkpoint = new Option<string?>("--checkpoint") { HelpName = "folder",
    Description = "A Hugging Face checkpoint instead of the lab's model." };
var data = new Option<string>("--data") { HelpName = "folder", DefaultValueFactory = _ => "data/entityquestions-sample",
    Description = "EntityQuestions, for a checkpoint." };
var model = new Option<string?>("--model") { HelpName = "folder",
    Description = "Folder of the lab's model: read where it exists, else trained and written." };
var epochs = new Option<int>("--epochs") { HelpName = "n", DefaultValueFactory = _ => 2,
    Description = "Passes of the pre-training where no model is kept." };
var device = new Option<string>("--device") { HelpName = "cpu|cuda", DefaultValueFactory = _ => "cpu",
    Description = "auto, cpu, cuda or cuda:n." };
var dtype = new Option<string>("--dtype") { HelpName = "fp32|bf16", DefaultValueFactory = _ => "fp32", Description = "The number format." };
var threads = new Option<int>("--threads") { HelpName = "n", DefaultValueFactory = _ => 2, Description = "Threads of every contender." };
var rounds = new Option<int>("--rounds") { HelpName = "n", DefaultValueFactory = _ => 3,
    Description = "Rounds in which the contenders take turns." };
var baseline = new Option<string?>("--baseline") { HelpName = "name",
    Description = "The contender that the others are compared with (default: the last one). It always runs." };
Option[] common = [checkpoint, data, model, epochs, device, dtype, threads, rounds, baseline];

Option<string?> Contenders(IReadOnlyList<string> known) => new("--contenders") { HelpName = "names",
    Description = $"Names with commas between them, of {string.Join(", ", known)} (default: all that can run)." };

Compute On(ParseResult parsed) => Compute.Choose(parsed.GetValue(device)!, parsed.GetValue(dtype)!, Console.Error.WriteLine);

Subject Open(ParseResult parsed, Compute compute)
{
    var n = parsed.GetValue(threads);
    Compute.UseThreads(n);
    if (parsed.GetValue(checkpoint) is not { } folder)
    {
        var (world, lab, words) = Lab.Open(parsed.GetValue(model), parsed.GetValue(epochs), compute);
        return new(compute, lab, words, world, IsLab: true) { Threads = n };
    }
    var (weights, tokenizer) = Checkpoint.Open(folder, compute);
    return new(compute, weights, tokenizer, EntityQuestions.Read(parsed.GetValue(data)!), IsLab: false) { Threads = n };
}

Command With(Command command, IEnumerable<Option> options)
{
    foreach (var option in options) command.Add(option);
    return command;
}

var relations = new Option<int>("--relations") { HelpName = "n", DefaultValueFactory = _ => 2,
    Description = "Relations whose questions are asked (1 to 12)." };
var questions = new Option<int?>("--questions") { HelpName = "n",
    Description = "Questions of a relation (default: all of train, and of the lab all of test too)." };
var prompts = new Option<int>("--prompts") { HelpName = "n", DefaultValueFactory = _ => 10,
    Description = "Prompts of a relation, of the protocol's 10." };
IReadOnlyList<Work> Asked(ParseResult parsed, Subject subject) =>
    subject.Work(parsed.GetValue(relations), parsed.GetValue(questions) ?? int.MaxValue, parsed.GetValue(prompts));

var atOnce = new Option<int?>("--relations-at-once") { HelpName = "n",
    Description = "Relations of a checkpoint that a GPU answers side by side (default: as many as slick annotate asks)." };
var gguf = new Option<string?>("--gguf") { HelpName = "file", Description = "The checkpoint as a GGUF file, for llama.cpp." };
var annotators = Contenders(AnnotationSpeed.Known);
var annotate = With(new("annotate", "Question-prompts a second of SliCK's estimators and of what people would run instead.")
    { relations, questions, prompts, atOnce, annotators, gguf }, common);
annotate.SetAction(parsed =>
{
    if (parsed.GetValue(gguf) is not null && parsed.GetValue(checkpoint) is null) throw new UsageException(
        "--gguf is the model of --checkpoint in another file; name that folder with --checkpoint too.");
    var (file, compute) = (parsed.GetValue(gguf), On(parsed));
    var choice = AnnotationSpeed.Choose(parsed.GetValue(annotators), parsed.GetValue(baseline), file,
        compute.Platform.IsGpu);
    var subject = Open(parsed, compute) with { GpuRelations = parsed.GetValue(atOnce) ?? Annotation.RelationsOnAGpu };
    new AnnotationSpeed(subject, Asked(parsed, subject), file).Run(choice, parsed.GetValue(rounds));
});

var examples = new Option<int>("--examples-a-step") { HelpName = "n", DefaultValueFactory = _ => 16,
    Description = "Examples of an optimiser step." };
var timed = new Option<int>("--steps") { HelpName = "n", DefaultValueFactory = _ => 8,
    Description = "Steps that are timed in a round, after as many that warm up." };
var set = new Option<string[]>("--set") { HelpName = "name=value", Description = "Any other option of fine-tuning, by its name." };
FineTuningOptions Set(ParseResult parsed, FineTuningOptions options) =>
    (parsed.GetValue(set) ?? []).Aggregate(options, NamedOptions.Set);
var trainers = Contenders(TrainingSpeed.Known);
var train = With(new("train", "Examples and tokens a second of fine-tuning, without evaluation.") { examples, timed, trainers, set },
    common);
train.SetAction(parsed =>
{
    var choice = Choice.Of(parsed.GetValue(trainers), parsed.GetValue(baseline), TrainingSpeed.Known, TrainingSpeed.Known);
    var options = Set(parsed, new() { BatchExamples = parsed.GetValue(examples), LearningRate = 1e-5 });
    new TrainingSpeed(Open(parsed, On(parsed)), options, parsed.GetValue(timed)).Run(choice, parsed.GetValue(rounds));
});

var written = new Argument<string>("file") { Description = "The file to write." };
var write = With(new("work", "Writes the work of annotate and train as token ids, for programs in other languages.")
    { written, relations, questions, prompts, examples, timed }, common.Except([rounds, baseline]));
write.SetAction(parsed =>
{
    var subject = Open(parsed, On(parsed));
    WorkFile.Write(parsed.GetValue(written)!, subject, Asked(parsed, subject), parsed.GetValue(examples), parsed.GetValue(timed));
});

var tokenizerFolder = new Argument<string>("folder") { Description = "A folder with tokenizer.json." };
var count = new Option<int>("--count") { DefaultValueFactory = _ => 1_000_000, Description = "Questions to encode." };
var speed = new Command("tokenizer", "Short questions a second through a tokenizer.") { tokenizerFolder, data, count };
speed.SetAction(parsed => TokenizerSpeed.Run(parsed.GetValue(tokenizerFolder)!, parsed.GetValue(data)!, parsed.GetValue(count)));

var trained = new Argument<string>("folder") { Description = "A Hugging Face checkpoint." };
var taught = new Option<int>("--questions") { DefaultValueFactory = _ => 60,
    Description = "Train questions of P17, P36 and P131 together." };
var passes = new Option<int>("--epochs") { DefaultValueFactory = _ => 3, Description = "Passes over them." };
var rate = new Option<double>("--rate") { DefaultValueFactory = _ => 1e-5, Description = "Learning rate." };
var time = new Option<bool>("--time") { Description = "Forecast the time too, after the run." };
var finetune = new Command("finetune", "Losses of fine-tuning a checkpoint, to compare devices and number formats.") { trained, data,
    device, dtype, taught, passes, rate, set, time };
finetune.SetAction(parsed => FineTuningLoss.Run(parsed.GetValue(trained)!, parsed.GetValue(data)!, parsed.GetValue(device)!,
    parsed.GetValue(dtype)!, parsed.GetValue(taught),
    Set(parsed, new() { Epochs = parsed.GetValue(passes), LearningRate = parsed.GetValue(rate) }), parsed.GetValue(time)));

var least = new Option<int>("--rounds") { DefaultValueFactory = _ => 5, Description = "Rounds; the least of their times is printed." };
var steps = new Command("steps", "Milliseconds of a step of the lab's pre-training and fine-tuning.") { least };
steps.SetAction(parsed => TrainingSteps.Run(parsed.GetValue(least)));

foreach (var number in (Option<int>[])[epochs, threads, rounds, relations, prompts, examples, timed, count, taught, passes, least])
    number.Validators.Add(found =>
    {
        if (found.GetValueOrDefault<int>() < 1) found.AddError($"{number.Name} must be at least 1.");
    });
var root = new RootCommand("How fast this library is, beside what people would use instead.")
{
    annotate, train, write, speed, finetune, steps,
};
try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (SlickException e)
{
    Console.Error.WriteLine($"benchmarks: {e.Message}");
    return e is UsageException ? 2 : 1;
}
