using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.ExceptionServices;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>
/// Does the work of a plan: takes one missing stage after another until none is left. Several workers can share a store, in one process or
/// in several. A stage that another worker has is skipped and looked at again later.
/// </summary>
public static class Workers
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.5);

    /// <summary>Works until each stage of the plan has finished or failed, by this process or another.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="store">The store that the workers share.</param>
    /// <param name="compute">Device and number format of the models.</param>
    /// <param name="progress">Told how far the work of this process is.</param>
    /// <param name="cancellation">Stops between steps. The work done on a stage is kept.</param>
    /// <param name="width">Number of stages that this process works on at once; null for the number of cores. It is always one where
    /// <see cref="Plan.OneAtATime"/> is true.</param>
    /// <returns>Number of stages that this process did.</returns>
    /// <exception cref="SlickException">The store cannot be written to, or a stage cannot be worked on.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static int Run(Plan plan, RunStore store, Compute compute, IProgressReport? progress = null,
        CancellationToken cancellation = default, int? width = null)
    {
        var left = plan.Left(store);
        if (left.Count == 0) return 0;
        using var context = new WorkContext(store, compute, plan.Sources)
        {
            Bounds = plan.Bounds,
            Counted = plan.Counted,
        };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var slots = plan.OneAtATime ? 1 : Math.Min(width ?? SideBySide.Width, left.Count);
        var crew = new Crew(left, store, context, new GroupProgress(left, progress ?? Progress.None), slots,
            plan.OneAtATime || width is null ? SideBySide.Width : slots);
        Exception? failure = null;
        void Work(int _)
        {
            try { crew.Work(stop.Token); }
#pragma warning disable CA1031 // thrown below
            catch (Exception e)
#pragma warning restore CA1031
            {
                // The first failure cancels the other workers. They keep their work. The exceptions that they then throw are ignored.
                Interlocked.CompareExchange(ref failure, e, null);
                stop.Cancel();
            }
        }
        // Results depend on the number of torch's threads. It is one for a stage of the lab's size, however many stages are left.
        if (plan.OneAtATime) Work(0);
        else SideBySide.For(slots, Work, CancellationToken.None, slots);
        cancellation.ThrowIfCancellationRequested();
        if (failure is not null) ExceptionDispatchInfo.Throw(failure);
        return crew.Done;
    }

    private sealed class Crew(IReadOnlyList<Stage> stages, RunStore store, WorkContext context, GroupProgress progress, int slots,
        int threads)
    {
        private readonly ConcurrentDictionary<string, bool> taken = []; // stages that a thread of this process has
        private readonly ConcurrentDictionary<string, bool> settled = [];
        private readonly ConcurrentDictionary<string, bool> dead = [];
        private int waits, done;

        public int Done => done;

        public void Work(CancellationToken cancellation)
        {
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                var (worked, left) = (false, 0);
                foreach (var stage in stages)
                {
                    if (Settled(stage)) continue;
                    left++;
                    if (!Ready(stage) || !taken.TryAdd(stage.Name, true)) continue;
                    try { worked = Do(stage, cancellation); }
                    finally { taken.TryRemove(stage.Name, out _); }
                    if (worked) break; // the finished stage may have made an earlier one ready
                }
                if (left == 0) return;
                if (worked) continue;
                if (taken.IsEmpty && Interlocked.Exchange(ref waits, 1) == 0)
                    progress.Say(string.Create(CultureInfo.InvariantCulture,
                        $"Other workers have what can be done now; {left} stages are left."));
                cancellation.WaitHandle.WaitOne(Pause);
            }
        }

        private bool Settled(Stage stage)
        {
            if (settled.ContainsKey(stage.Name)) return true;
            var folder = store.Of(stage);
            if (folder.HasFailed || stage.Inputs.Any(dead.ContainsKey)) dead[stage.Name] = true;
            if (!dead.ContainsKey(stage.Name) && !folder.IsComplete) return false;
            if (settled.TryAdd(stage.Name, true)) progress.Finished(stage);
            return true;
        }

        // True where every input that is a stage of the plan has finished.
        private bool Ready(Stage stage) => stages.Where(s => stage.Inputs.Contains(s.Name))
            .All(s => settled.ContainsKey(s.Name) && !dead.ContainsKey(s.Name));

        private bool Do(Stage stage, CancellationToken cancellation)
        {
            var kind = StageKind.Of(stage);
            var ready = stages.Count(s => !settled.ContainsKey(s.Name) && Ready(s));
            var share = Math.Max(1, threads / Math.Clamp(ready, 1, slots));
            var outcome = store.Of(stage).TryWork(context.Compute.Device.ToString(), place =>
            {
                progress.Begin(stage);
                return kind.Run(new(stage, place.Scratch, context, share, progress.Of(stage), place.Stopped, place.IsMine));
            }, cancellation);
            if (outcome == WorkOutcome.Done) Interlocked.Increment(ref done);
            return outcome != WorkOutcome.Elsewhere;
        }
    }

    // The stages of one group share one line of progress. Each stage is one part of it.
    private sealed class GroupProgress
    {
        private readonly IProgressReport progress;
        private readonly Dictionary<string, (string Name, int Count)> groups;
        private readonly Dictionary<string, double> shares = [];
        private readonly HashSet<string> shown = [];
        private readonly Lock gate = new();

        public GroupProgress(IReadOnlyList<Stage> stages, IProgressReport progress)
        {
            this.progress = progress;
            groups = stages.GroupBy(Group).SelectMany(g => g.Select(s => (s.Name, Group: (g.Key, g.Count()))))
                .ToDictionary(p => p.Name, p => p.Group);
        }

        private static string Group(Stage stage) => StageKind.Of(stage).Group(stage);

        public IProgressReport Of(Stage stage) => new StageProgress(this, stage);

        public void Begin(Stage stage)
        {
            lock (gate)
                if (groups[stage.Name].Name is { Length: > 0 } name && shown.Add(name)) progress.Stage(name);
        }

        public void Finished(Stage stage) => Report(stage, 1, 1, "", show: false);

        public void Say(string line) => progress.Say(line);

        private void Report(Stage stage, double done, double total, string detail, bool show)
        {
            lock (gate)
            {
                var (name, count) = groups[stage.Name];
                if (!show && shares.GetValueOrDefault(stage.Name) == 1) return;
                shares[stage.Name] = total > 0 ? Math.Clamp(done / total, 0, 1) : 0;
                if (name.Length == 0) return;
                if (show && shown.Add(name)) progress.Stage(name);
                if (shown.Contains(name)) progress.Report(name,
                    groups.Where(g => g.Value.Name == name).Sum(g => shares.GetValueOrDefault(g.Key)), count, detail);
            }
        }

        private sealed class StageProgress(GroupProgress all, Stage stage) : IProgressReport
        {
            public void Stage(string name) { }
            public void Report(string name, double done, double total, string detail = "") =>
                all.Report(stage, done, total, detail, show: true);
            public void Say(string line) => all.progress.Say(line);
        }
    }
}
