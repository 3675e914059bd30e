using System.CommandLine;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick unknown</c>: Figure 5 of a published study, for which its base model is asked once more.</summary>
internal static class UnknownCommand
{
    public static Command Create()
    {
        var command = new Command("unknown", "Make Figure 5 of a published study: what SliCK, P(True) and the truth call Unknown, and what "
            + "of it is answered after fine-tuning.");
        var arguments = new PublishedModelArguments(command, "The folder of a published study, such as data/published/quick.",
            "all in distribution");
        command.SetAction((parsed, cancel) => Background.Run(() => Run(parsed, arguments, cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(ParseResult parsed, PublishedModelArguments arguments, CancellationToken cancel)
    {
        var folder = arguments.Folder(parsed);
        var study = PublishedStudy.Read(folder);
        var checkpoint = arguments.Checkpoint(parsed, study.IsLab,
            "The study is a lab's, whose model lies in its folder; leave --model and --data out.",
            "The study is one on a checkpoint; give --model and --data as for slick reproduce.");
        var relations = arguments.Relations(parsed, study.Bases[0].Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id));
        AtomicFile.EnsureWritable(Path.Combine(folder, "figure-5.svg"));
        var compute = arguments.Compute(parsed);
        var sampling = study.Options.Sampling;
        using var model = checkpoint is not var (path, data) ? PublishedStudy.ReadModel(folder, compute).Model
            : BaseModel.OfCheckpoint(path, QuestionSource.Read(data, arguments.Columns(parsed), study.Bases[0].Seed, sampling.Shots,
                sampling.Prompts), study.Bases[0].Seed, compute);
        var asked = ConsoleProgress.Run(progress =>
            UnknownBenchmark.Ask(study, model, [.. relations], progress, cancel));
        asked.Write(folder);
        var table = UnknownFigure.Table(study, asked);
        AtomicFile.WriteText(Path.Combine(folder, table.Id + ".md"), table.Markdown());
        SvgRenderer.Save(UnknownFigure.Make(study, asked), Path.Combine(folder, "figure-5.svg"));
        Console.Out.WriteLine();
        Console.Out.Write(table.Text());
        Console.Out.WriteLine($"Published: {folder}");
        return 0;
    }
}
