using System.CommandLine;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick chance</c>: how many right answers of a model with published labels are more than guesses.</summary>
internal static class ChanceCommand
{
    public static Command Create()
    {
        var subjects = new Option<int>("--subjects") { DefaultValueFactory = _ => 20, HelpName = "n",
            Description = "Invented subjects of a relation; each is asked behind every prompt." };
        var command = new Command("chance", "Ask a model about subjects that do not exist: which of its right answers are more than "
            + "guesses?") { subjects };
        var arguments = new PublishedModelArguments(command,
            "A folder that slick annotate --publish wrote, or the published study of a lab.", "all");
        command.SetAction((parsed, cancel) =>
            Background.Run(() => Run(parsed, arguments, parsed.GetValue(subjects), cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(ParseResult parsed, PublishedModelArguments arguments, int subjects, CancellationToken cancel)
    {
        if (subjects is < 1 or > 10_000) throw new UsageException($"--subjects {subjects}: between 1 and 10000 subjects are possible.");
        var folder = arguments.Folder(parsed);
        var checkpoint = arguments.Checkpoint(parsed, File.Exists(Path.Combine(folder, "study.json")),
            $"{folder} is a study; of a lab's study the model lies in its folder, so leave --model and --data out. For a checkpoint take "
                + "the folder of its labels (slick annotate --publish).",
            $"{folder}: give --model and --data as for slick annotate, with which the labels were made.");
        AtomicFile.EnsureWritable(Path.Combine(folder, ChanceCheck.RowsFile));
        var compute = arguments.Compute(parsed);
        LabelledModel labelled;
        if (checkpoint is not var (path, data)) labelled = PublishedStudy.ReadModel(folder, compute);
        else
        {
            // Published labels do not say which columns of a file of one's own they were made from.
            var result = AnnotationReport.Read(folder).Result;
            labelled = Annotation.Known(result with { Options = result.Options with { Columns = arguments.Columns(parsed) } }, path, data,
                compute);
        }
        using var model = labelled.Model;
        var wanted = arguments.Relations(parsed, labelled.Labels.Select(l => l.Relation));
        if (wanted.Count > 0) labelled = labelled with { Labels = [.. labelled.Labels.Where(l => wanted.Contains(l.Relation))] };
        var (rows, guesses) = ConsoleProgress.Run(_ => ChanceCheck.Of(labelled, subjects, cancel));
        ChanceCheck.Write(rows, guesses, folder);
        var table = ChanceTable.Make(labelled.Preset, rows, guesses, model.Exposures);
        AtomicFile.WriteText(Path.Combine(folder, table.Id + ".md"), table.Markdown());
        Console.Out.WriteLine();
        Console.Out.Write(table.Text());
        Console.Out.WriteLine($"Published: {folder}");
        return 0;
    }
}
