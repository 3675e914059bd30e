using System.CommandLine;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Figures;

namespace Slick.Workbook.Commands;

/// <summary><c>slick inspect</c>: what base models are like before any fine-tuning.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var command = new Command("inspect",
            "Measure base models before any fine-tuning: categories, few-shot against the question alone, robustness.");
        var arguments = new StudyArguments(command);
        command.SetAction((parsed, cancel) => Background.Run(() => Run(parsed, arguments, cancel), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private static int Run(ParseResult parsed, StudyArguments arguments, CancellationToken cancel)
    {
        var seed = arguments.Words(parsed).Seed;
        var study = arguments.Study(parsed, plan: (options, platform) => BaseInspection.Plan("base models", options, seed, platform));
        var rows = ConsoleProgress.Run(progress => BaseInspection.Run(study.Name, study.Options, study.Seed, study.Store, study.Compute,
            progress, cancel, study.Source));
        Console.Out.WriteLine();
        Console.Out.Write(BaseInspectionTable.Make(rows).Text());
        return 0;
    }
}
