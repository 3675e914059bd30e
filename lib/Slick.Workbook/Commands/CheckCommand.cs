using System.CommandLine;
using System.Globalization;
using Slick.Checks;
using Slick.Experiments;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Workbook.Commands;

/// <summary><c>slick check</c>: compares what this program computes on a checkpoint with what another program computed.</summary>
internal static class CheckCommand
{
    public static Command Create() =>
        new("check", "Compare a checkpoint with golden files that another program made; exit code 1 where one differs.")
    {
        Model(), Tokenizer(), Annotation(),
    };

    private static Command Model()
    {
        var folder = new Argument<string>("folder") { Description =
            "A checkpoint or a LoRA adapter (PEFT) with golden.safetensors and golden.json beside it." };
        var baseModel = new Option<string?>("--base") { HelpName = "folder",
            Description = "An adapter's base model. Default: the folder that its adapter_config.json names." };
        var steps = new Option<int?>("--steps") { HelpName = "n",
            Description = "AdamW steps to make; 0 for none. Default: all that the golden file has." };
        var (device, dtype) = (DeviceOption(), DTypeOption("Number format of the computation; each has limits of its own."));
        var command = new Command("model", "Logits, gradients and AdamW steps of a checkpoint or an adapter.") { folder, baseModel, steps,
            device, dtype };
        command.SetAction((parsed, cancel) => Background.Run(() =>
        {
            var compute = Compute.Choose(parsed.GetValue(device)!, parsed.GetValue(dtype)!, Console.Out.WriteLine);
            return Print(ConsoleProgress.Run(progress =>
                ModelCheck.Run(parsed.GetValue(folder)!, compute, parsed.GetValue(steps) ?? int.MaxValue - 1, progress, cancel,
                    parsed.GetValue(baseModel))));
        }, cancel));
        return command;
    }

    private static Command Tokenizer()
    {
        var folder = new Argument<string>("folder") { Description = "A folder with tokenizer.json and golden.jsonl beside it." };
        var command = new Command("tokenizer", "Ids and texts of a tokenizer.") { folder };
        command.SetAction((parsed, cancel) => Background.Run(() => Print(TokenizerCheck.Run(parsed.GetValue(folder)!)), cancel));
        return command;
    }

    private static Command Annotation()
    {
        var file = new Argument<string>(
            "file") { Description = "An annotation as JSON: protocol, exemplars, questions, greedy answers, probabilities." };
        var model = new Option<string>("--model") { Required = true, HelpName = "folder",
            Description = "The checkpoint that was annotated." };
        var relations = new Option<string[]>("--relations") { HelpName = "id", AllowMultipleArgumentsPerToken = true,
            Description = "Only these relations." };
        var (device, dtype) = (DeviceOption(),
            DTypeOption("Number format of the computation; the limits are those of fp32, but for near ties of greedy answers."));
        var command = new Command("annotation", "SliCK by both estimators against another program's.") { file, model, relations, device,
            dtype };
        command.SetAction((parsed, cancel) => Background.Run(() =>
        {
            var compute = Compute.Choose(parsed.GetValue(device)!, parsed.GetValue(dtype)!, Console.Out.WriteLine);
            var chosen = parsed.GetValue(relations) is { Length: > 0 } some ? some : null;
            var report = ConsoleProgress.Run(progress =>
                AnnotationCheck.Run(parsed.GetValue(file)!, parsed.GetValue(model)!, compute, chosen, progress, cancel));
            foreach (var remark in report.Remarks) Console.Out.WriteLine(remark);
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Questions} questions"));
            return Print(report.Comparisons);
        }, cancel));
        return command;
    }

    private static Option<string> DeviceOption() =>
        new("--device") { DefaultValueFactory = _ => "auto", Description = "auto, cpu, cuda or cuda:n." };

    private static Option<string> DTypeOption(string limits) =>
        new("--dtype") { DefaultValueFactory = _ => "fp32", HelpName = "fp32|bf16", Description = limits };

    private static int Print(IReadOnlyList<Comparison> comparisons)
    {
        foreach (var c in comparisons)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{(c.Ok ? "OK    " : "DIFFERS")} {c.What}: {c.Difference:G3} (limit "
                + $"{c.Limit:G3}){(c.Detail.Length > 0 ? "; " + c.Detail : "")}"));
        var wrong = comparisons.Count(c => !c.Ok);
        Console.Out.WriteLine(wrong == 0 ? $"All {comparisons.Count} comparisons are OK."
            : $"{wrong} of {comparisons.Count} comparisons differ.");
        return wrong == 0 ? 0 : 1;
    }
}
