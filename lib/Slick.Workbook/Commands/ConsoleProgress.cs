using System.Globalization;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;
using Spectre.Console;

namespace Slick.Workbook.Commands;

/// <summary>Progress on the console: bars with the time left on a terminal, else a line from time to time.</summary>
internal static class ConsoleProgress
{
    private const int NarrowestWidth = 40;

    /// <summary>Runs <paramref name="work"/> with a progress report that fits standard output.</summary>
    public static T Run<T>(Func<IProgressReport, T> work)
    {
        if (Console.IsOutputRedirected)
            return work(new ProgressLines(Console.Out, TimeProvider.System));
        // Some terminals report a width of 0 columns.
        if (AnsiConsole.Profile.Width < NarrowestWidth)
            AnsiConsole.Profile.Width = 80;
        return AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
                new RemainingTimeColumn())
            .Start(context => work(new Bars(context)));
    }

    private sealed class Bars(ProgressContext context) : IProgressReport
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, ProgressTask> _tasks = new(StringComparer.Ordinal);

        public void Stage(string name) => Task(name);

        public void Report(string stage, double done, double total, string detail = "")
        {
            var task = Task(stage);
            lock (_gate)
            {
                task.Description = Markup.Escape(detail.Length > 0 ? $"{stage}: {detail}" : stage);
                task.MaxValue = total > 0 ? total : 1;
                task.Value = total > 0 ? Math.Min(done, total) : 0;
            }
        }

        public void Say(string line) => AnsiConsole.WriteLine(line);

        private ProgressTask Task(string name)
        {
            lock (_gate)
            {
                if (!_tasks.TryGetValue(name, out var task))
                    _tasks[name] = task = context.AddTask(Markup.Escape(name));
                return task;
            }
        }
    }
}

/// <summary>Progress as plain lines: for each stage at most one line in five seconds.</summary>
internal sealed class ProgressLines(TextWriter output, TimeProvider clock) : IProgressReport
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (long Start, long Last, double First)> _stages = new(StringComparer.Ordinal);

    public void Stage(string name)
    {
        var now = clock.GetTimestamp();
        lock (_gate)
        {
            _stages[name] = (now, now, -1);
            output.WriteLine(name);
        }
    }

    public void Report(string stage, double done, double total, string detail = "")
    {
        var now = clock.GetTimestamp();
        lock (_gate)
        {
            if (!_stages.TryGetValue(stage, out var times))
                _stages[stage] = times = (now, now, -1);
            var (start, last, first) = times;
            // Work that a resumed stage had done before says nothing about its speed now.
            if (first < 0)
                _stages[stage] = (start, last, first = total > 0 && done > 0.1 * total ? done : 0);
            if (clock.GetElapsedTime(last, now) < Pause)
                return;
            _stages[stage] = (start, now, first);
            var left = done > first && total > 0 ? clock.GetElapsedTime(start, now) * Math.Max(0, (total - done) / (done - first))
                : (TimeSpan?)null;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{stage}: {(total > 0 ? done / total : 0):P0}{(detail.Length > 0 ? ", " + detail : "")}"
                + $"{(left is { } time ? $", {time.TotalSeconds:F0} s left" : "")}"));
        }
    }

    public void Say(string line)
    {
        lock (_gate)
            output.WriteLine(line);
    }
}
