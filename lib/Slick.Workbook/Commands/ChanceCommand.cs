using System.CommandLine;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick chance</c>: how many right answers of a model with published labels are more than guesses.</summary>
internal sealed class ChanceCommand
{
    private readonly Argument<string> _labels = new("labels") { HelpName = "folder",
        Description = "A folder that slick annotate --publish wrote, or the published study of a lab. The results are written into it." };
    private readonly Option<string?> _model = new("--model") { HelpName = "folder",
        Description = "The checkpoint that was asked; a lab's model lies in the study's folder." };
    private readonly Option<string?> _data = new("--data") { HelpName = "folder|file", Description = "With --model: the questions." };
    private readonly Option<string[]> _relations = new("--relations") { AllowMultipleArgumentsPerToken = true, HelpName = "P17 P36 ...",
        Description = "Relations by their names; by default all." };
    private readonly Option<int> _subjects = new("--subjects") { DefaultValueFactory = _ => 20, HelpName = "n",
        Description = "Invented subjects of a relation; each is asked behind every prompt." };
    private readonly Option<string> _device = StudyArguments.DeviceOption();

    public static Command Create()
    {
        var arguments = new ChanceCommand();
        var command = new Command("chance", "Ask a model about subjects that do not exist: which of its right answers are more than "
            + "guesses?")
        {
            arguments._labels, arguments._model, arguments._data, arguments._relations, arguments._subjects, arguments._device,
        };
        command.SetAction((parsed, cancel) => Background.Run(() => arguments.Run(parsed, cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var folder = Path.GetFullPath(parsed.GetValue(_labels)!);
        var (checkpoint, data) = (parsed.GetValue(_model), parsed.GetValue(_data));
        var subjects = parsed.GetValue(_subjects);
        if (subjects is < 1 or > 10_000) throw new UsageException($"--subjects {subjects}: between 1 and 10000 subjects are possible.");
        var isLab = File.Exists(Path.Combine(folder, "study.json"));
        if (isLab != checkpoint is null || checkpoint is null != data is null) throw new UsageException(isLab
            ? $"{folder} is a study; of a lab's study the model lies in its folder, so leave --model and --data out. For a checkpoint take "
                + "the folder of its labels (slick annotate --publish)."
            : $"{folder}: give --model and --data as for slick annotate, with which the labels were made.");
        AtomicFile.EnsureWritable(Path.Combine(folder, ChanceCheck.RowsFile));
        var compute = Compute.Choose(parsed.GetValue(_device)!, "fp32", Console.Out.WriteLine);
        var labelled = isLab ? PublishedStudy.ReadModel(folder, compute)
            : Annotation.Known(AnnotationReport.Read(folder).Result, Path.GetFullPath(checkpoint!), Path.GetFullPath(data!), compute);
        using var model = labelled.Model;
        var wanted = (parsed.GetValue(_relations) ?? []).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var all = labelled.Labels.Select(l => l.Relation).ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (wanted.FirstOrDefault(r => !all.Contains(r)) is { } unknown) throw new UsageException(
            $"There is no relation '{unknown}'; there are {string.Join(", ", all)}.");
        if (wanted.Count > 0) labelled = labelled with { Labels = [.. labelled.Labels.Where(l => wanted.Contains(l.Relation))] };
        Host.Cancellation = cancel;
        var (rows, guesses) = ConsoleProgress.Run(_ => ChanceCheck.Of(labelled, subjects));
        ChanceCheck.Write(rows, guesses, folder);
        var table = ChanceTable.Make(labelled.Preset, rows, guesses, model.Exposures);
        AtomicFile.WriteText(Path.Combine(folder, table.Id + ".md"), table.Markdown());
        Console.Out.WriteLine();
        Console.Out.Write(table.Text());
        Console.Out.WriteLine($"Published: {folder}");
        return 0;
    }
}
