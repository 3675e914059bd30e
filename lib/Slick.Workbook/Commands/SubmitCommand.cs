using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Commands;

/// <summary><c>slick submit</c>: submits a job array to a batch system. Its tasks are <c>slick work</c> on one shared store.</summary>
internal sealed partial class SubmitCommand
{
    private readonly Option<string> _engine = new("--engine") { DefaultValueFactory = _ => "slurm", HelpName = "slurm",
        Description = "The batch system." };
    private readonly Option<int> _tasks =
        new("--tasks") { DefaultValueFactory = _ => 4, HelpName = "n", Description = "Workers: tasks of the job array." };
    private readonly Option<int> _cpus = new("--cpus") { DefaultValueFactory = _ => 1, HelpName = "n",
        Description = "Cores of each task; it works on as many stages of the lab's size at once." };
    private readonly Option<int> _gpus =
        new("--gpus") { HelpName = "n",
        Description = "GPUs of each task, 0 or 1; with one, --device is cuda, and without one auto is cpu." };
    private readonly Option<string?> _time =
        new("--time") { HelpName = "hh:mm:ss", Description = "Time limit of each task, as sbatch takes it." };
    private readonly Option<string?> _partition = new("--partition") { HelpName = "name", Description = "The partition." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Print the script instead of submitting it." };

    public static Command Create()
    {
        var submit = new SubmitCommand();
        var command = new Command("submit", "Let a batch system do a study's work: a job array whose tasks share the store.")
        {
            submit._engine, submit._tasks, submit._cpus, submit._gpus, submit._time, submit._partition, submit._dryRun,
        };
        var arguments = new StudyArguments(command);
        arguments.AddLab(command);
        command.SetAction((parsed, cancel) => Background.Run(() => submit.Run(parsed, arguments), cancel));
        return command;
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that --help does not load the library
    private int Run(ParseResult parsed, StudyArguments arguments)
    {
        if (parsed.GetValue(_engine) is var engine && engine != "slurm")
            throw new UsageException($"--engine {engine}: only slurm is known; slick submit --dry-run prints a script to adapt.");
        var (tasks, cpus, gpus) = (parsed.GetValue(_tasks), parsed.GetValue(_cpus), parsed.GetValue(_gpus));
        if (tasks is < 1 or > 10_000) throw new UsageException($"--tasks {tasks}: between 1 and 10000 are possible.");
        if (cpus is < 1 or > 1000) throw new UsageException($"--cpus {cpus}: between 1 and 1000 are possible.");
        if (gpus is < 0 or > 1) throw new UsageException($"--gpus {gpus}: a worker uses one GPU; ask for more --tasks instead.");
        var (time, partition) = (parsed.GetValue(_time), parsed.GetValue(_partition));
        if (time is not null && !Time().IsMatch(time))
            throw new UsageException($"--time {time}: write minutes, hh:mm:ss or days-hh:mm:ss.");
        if (partition is not null && !Name().IsMatch(partition))
            throw new UsageException($"--partition {partition}: a partition's name has letters, digits, '_', '-', '.' and ',' alone.");
        var name = string.Join(' ', new[] { arguments.Lab(parsed)?.Name, arguments.Words(parsed).Name }.OfType<string>());
        var store = RunStore.Locate(StudyArguments.Folder(parsed.GetValue(arguments.Store)));
        // The tasks get the device and the size of D: each of them would else measure its own machine.
        var device = gpus > 0 ? "cuda" : parsed.GetValue(arguments.Device) is "auto" ? "cpu" : null;
        int? part = arguments.HasBudget(parsed) ? LargestPart(parsed, arguments, device) : null;
        var words = arguments.Again(parsed, store, device, part);
        var script = Script(name, tasks, cpus, gpus, time, partition, store, words);
        if (parsed.GetValue(_dryRun))
        {
            // Slurm makes no folder for the output, and a task whose output has none fails without a word.
            var first = script.IndexOf('\n', StringComparison.Ordinal) + 1;
            Console.Out.Write(script.Insert(first, $"# first: mkdir -p {Quoted(Path.Combine(store, "slurm"))}\n"));
            return 0;
        }
        RunStore.Open(store);
        var study = arguments.Study(parsed, null, Console.Error, "cpu");
        if (gpus == 0 && study.Plan.Left(study.Store).Count == 0)
        {
            Console.Out.WriteLine("Nothing is left to do: all stages of this study are complete in the store.");
            return 0;
        }
        var file = Path.Combine(store, "slurm", JobName(name) + ".sh");
        AtomicFile.WriteText(file, script);
        return Submit(file, tasks, store);
    }

    private static int LargestPart(ParseResult parsed, StudyArguments arguments, string? device)
    {
        if (device is "cuda")
            try { Compute.Choose(device); }
            catch (SlickException e)
            {
                throw new SlickException("--budget measures the machine where slick submit runs, and it has no GPU; let slick plan choose "
                    + "on a machine with one, and give its choice as --set questions.largestPart=N.", e);
            }
        return arguments.Study(parsed, null, Console.Error, device).Options.Questions.LargestPart;
    }

    private static int Submit(string file, int tasks, string store)
    {
        try
        {
            using var sbatch = Process.Start(new ProcessStartInfo("sbatch", ["--parsable", file]) { RedirectStandardOutput = true,
                RedirectStandardError = true })!;
            var errors = sbatch.StandardError.ReadToEndAsync();
            var said = sbatch.StandardOutput.ReadToEnd().Trim();
            sbatch.WaitForExit();
            if (sbatch.ExitCode != 0)
                throw new SlickException($"sbatch refused {file}: {errors.Result.Trim().ReplaceLineEndings(" ")}");
            Console.Out.WriteLine(
                $"Submitted job {said.Split(';')[0]}: {tasks} workers on {store}. slick list --store {store} shows who works on what.");
            return 0;
        }
        catch (Win32Exception e)
        {
            throw new SlickException(
                $"sbatch cannot be started ({e.Message}); run this on a machine of the cluster, or edit and submit {file} there.", e);
        }
    }

    private static string Script(string name, int tasks, int cpus, int gpus, string? time, string? partition, string store,
        IReadOnlyList<string> words)
    {
        var command = Program.Invocation.Append("work").Concat(words)
            .Concat(gpus > 0 ? [] : ["--workers", cpus.ToString(CultureInfo.InvariantCulture)]);
        var lines = new List<string>
        {
            "#!/bin/bash",
            $"#SBATCH --job-name={JobName(name)}",
            string.Create(CultureInfo.InvariantCulture, $"#SBATCH --array=0-{tasks - 1}"),
            "#SBATCH --ntasks=1", // which --gpus-per-task needs
            string.Create(CultureInfo.InvariantCulture, $"#SBATCH --cpus-per-task={cpus}"),
        };
        if (gpus > 0) lines.Add(string.Create(CultureInfo.InvariantCulture, $"#SBATCH --gpus-per-task={gpus}"));
        if (time is not null) lines.Add($"#SBATCH --time={time}");
        if (partition is not null) lines.Add($"#SBATCH --partition={partition}");
        lines.AddRange([
            "# A task that lost its node or was preempted is put back into the queue and goes on where it was.",
            "# A task that was cancelled or ran out of time is not: slick submit again goes on from there.",
            "#SBATCH --requeue",
            "#SBATCH --open-mode=append",
            $"#SBATCH --output={Output(store)}",
            "",
            "# Every task takes the stages that no other one works on.",
            "exec " + string.Join(' ', command.Select(Quoted)),
            "",
        ]);
        return string.Join('\n', lines);
    }

    // Slurm takes a value in quotation marks, in which a backslash stands before a mark. %x, %A and %a are name, job and task.
    private static string Output(string store)
    {
        var folder = Path.Combine(store, "slurm").Replace("%", "%%", StringComparison.Ordinal)
            .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        return $"\"{folder}/%x-%A_%a.log\"";
    }

    private static string JobName(string name) => "slick-" + Other().Replace(name, "-");

    private static string Quoted(string word) =>
        Plain().IsMatch(word) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    [GeneratedRegex(@"^(\d+|\d+:\d\d(:\d\d)?|\d+-\d+(:\d\d){0,2})$")]
    private static partial Regex Time();

    [GeneratedRegex(@"^[A-Za-z0-9_.,-]+$")]
    private static partial Regex Name();

    [GeneratedRegex(@"[^A-Za-z0-9_.=-]+")]
    private static partial Regex Other();

    [GeneratedRegex(@"^[A-Za-z0-9_./=:,+-]+$")]
    private static partial Regex Plain();
}
