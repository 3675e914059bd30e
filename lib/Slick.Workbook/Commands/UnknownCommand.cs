using System.CommandLine;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Facts;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick unknown</c>: Figure 5 of a published study, for which its base model is asked once more.</summary>
internal sealed class UnknownCommand
{
    private readonly Argument<string> _study = new("study") { HelpName = "folder",
        Description = "The folder of a published study, such as data/published/lab. The results are written into it." };
    private readonly Option<string?> _model = new("--model") { HelpName = "folder",
        Description = "The study's checkpoint; a lab's model lies in the study's folder." };
    private readonly Option<string?> _data = new("--data") { HelpName = "folder|file",
        Description = "With --model: the study's questions." };
    private readonly ColumnArguments _columns = new();
    private readonly Option<string[]> _relations = new("--relations") { AllowMultipleArgumentsPerToken = true, HelpName = "P17 P36 ...",
        Description = "Relations by their names; by default all in distribution." };
    private readonly Option<string> _device = StudyArguments.DeviceOption();

    public static Command Create()
    {
        var arguments = new UnknownCommand();
        var command = new Command("unknown", "Make Figure 5 of a published study: what SliCK, P(True) and the truth call Unknown, and what "
            + "of it is answered after fine-tuning.")
        {
            arguments._study, arguments._model, arguments._data, arguments._relations, arguments._device,
        };
        arguments._columns.AddTo(command);
        command.SetAction((parsed, cancel) => Background.Run(() => arguments.Run(parsed, cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var folder = Path.GetFullPath(parsed.GetValue(_study)!);
        var (checkpoint, data) = (parsed.GetValue(_model), parsed.GetValue(_data));
        var study = PublishedStudy.Read(folder);
        if (study.IsLab != checkpoint is null || checkpoint is null != data is null) throw new UsageException(study.IsLab
            ? "The study is a lab's, whose model lies in its folder; leave --model and --data out."
            : "The study is one on a checkpoint; give --model and --data as for slick reproduce.");
        AtomicFile.EnsureWritable(Path.Combine(folder, "figure-5.svg"));
        var compute = Compute.Choose(parsed.GetValue(_device)!, "fp32", Console.Out.WriteLine);
        var sampling = study.Options.Sampling;
        using var model = checkpoint is null ? PublishedStudy.ReadModel(folder, compute).Model
            : BaseModel.OfCheckpoint(Path.GetFullPath(checkpoint), QuestionSource.Read(Path.GetFullPath(data!), _columns.Columns(parsed),
                study.Bases[0].Seed, sampling.Shots, sampling.Prompts), study.Bases[0].Seed, compute);
        var asked = ConsoleProgress.Run(progress =>
            UnknownBenchmark.Ask(study, model, parsed.GetValue(_relations) ?? [], progress, cancel));
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
