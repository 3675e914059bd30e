using System.Collections.Concurrent;
using System.Diagnostics;
using Slick.Storage;

namespace Slick.Tests.Storage;

/// <summary>Who works on what. Nothing here needs locks of the file system.</summary>
public sealed class LeaseTests : IDisposable
{
    private static readonly LeaseTimes Fast = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1));

    private readonly string _folder = Scratch.Folder("lease");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ManyWorkers_EachPieceIsDoneByOne()
    {
        var (done, inside) = (new ConcurrentDictionary<string, int>(), new ConcurrentDictionary<string, int>());
        var most = 0;
        var stages = Enumerable.Range(0, 60)
            .Select(i => Stage.Of("thing", 1, "a thing", new Options { Number = i }, 1, [], null)).ToList();
        var threads = Enumerable.Range(0, 8).Select(t => new Thread(() =>
        {
            // A store of its own for each: what processes share is the files alone.
            var store = RunStore.Open(_folder, LeaseTimes.Default, null);
            var order = stages.OrderBy(s => string.CompareOrdinal(s.Key, t.ToString(System.Globalization.CultureInfo.InvariantCulture)))
                .ToList();
            while (order.Any(s => !store.Of(s).IsSettled))
                foreach (var stage in order)
                    store.Of(stage).TryWork("cpu", _ =>
                    {
                        var now = inside.AddOrUpdate(stage.Name, 1, (_, n) => n + 1);
                        if (now > 1) Interlocked.Exchange(ref most, now);
                        done.AddOrUpdate(stage.Name, 1, (_, n) => n + 1);
                        Thread.Yield();
                        inside.AddOrUpdate(stage.Name, 0, (_, n) => n - 1);
                        return folder => File.WriteAllText(Path.Combine(folder, "result"), stage.Key);
                    }, default);
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Equal(0, most);
        Assert.All(stages, s => Assert.Equal(1, done[s.Name]));
        Assert.Empty(Directory.GetFiles(Path.Combine(_folder, "leases")));
    }

    private sealed record Options
    {
        public int Number { get; init; } = -1;
    }

    [Fact]
    public void WorkerOfAnotherMachineThatIsAlive_KeepsItsWork()
    {
        using var lease = new LeaseBoard(_folder, Fast, "there").TryTake("thing-1");
        var here = new LeaseBoard(_folder, Fast, "here");
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < 2 * Fast.Silence;)
        {
            Assert.Null(here.TryTake("thing-1"));
            Thread.Sleep(20);
        }
        Assert.False(lease!.Lost.IsCancellationRequested);
    }

    [Fact]
    public void WorkerOfAnotherMachineThatIsSilent_LosesItsWork()
    {
        // A beat that never comes: what a worker leaves behind when it is killed.
        using var dead = new LeaseBoard(_folder, new(TimeSpan.FromHours(1), TimeSpan.FromHours(1)), "there").TryTake("thing-1");
        var here = new LeaseBoard(_folder, Fast, "here");
        var clock = Stopwatch.StartNew();
        Assert.Null(here.TryTake("thing-1"));
        Lease? taken;
        while ((taken = here.TryTake("thing-1")) is null) Thread.Sleep(20);
        Assert.True(clock.Elapsed >= Fast.Silence);
        taken.Dispose();
    }

    [Fact]
    public void WorkerThatWasSuspended_LearnsThatItsWorkWasTakenOver()
    {
        using var slow = new LeaseBoard(_folder, new(TimeSpan.FromSeconds(2), TimeSpan.FromHours(1)), "there").TryTake("thing-1");
        var here = new LeaseBoard(_folder, Fast, "here");
        Lease? taken;
        while ((taken = here.TryTake("thing-1")) is null) Thread.Sleep(20);
        Assert.True(slow!.Lost.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
        slow.Dispose();
        Assert.NotNull(new LeaseBoard(_folder, Fast, "elsewhere").Holder("thing-1"));
        taken.Dispose();
    }

    [Fact]
    public void WorkerThatWasSuspended_LearnsThatItsWorkWasFinished()
    {
        using var slow = new LeaseBoard(_folder, new(TimeSpan.FromSeconds(2), TimeSpan.FromHours(1)), "there").TryTake("thing-1");
        var here = new LeaseBoard(_folder, Fast, "here");
        Lease? taken;
        while ((taken = here.TryTake("thing-1")) is null) Thread.Sleep(20);
        taken.Complete();
        Assert.Empty(Directory.GetFiles(_folder));
        Assert.True(slow!.Lost.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
        slow.Dispose();
        Assert.Empty(Directory.GetFiles(_folder));
        taken.Dispose();
    }

    [Fact]
    public void FileThatAnotherWorkerMadeAndRemoved_IsALostRaceAndNoError()
    {
        var file = Path.Combine(_folder, "thing-1.1");
        File.WriteAllText(file, "");
        var error = Assert.ThrowsAny<IOException>(() => new FileStream(file, FileMode.CreateNew).Dispose());
        File.Delete(file);
        Assert.True(LeaseBoard.IsTaken(error));
        Assert.False(LeaseBoard.IsTaken(Assert.ThrowsAny<IOException>(() =>
            new FileStream(Path.Combine(_folder, "none", "thing-1.1"), FileMode.CreateNew).Dispose())));
    }

    [Fact]
    public void ProcessOfThisMachineThatIsGone_LosesItsWorkAtOnce()
    {
        var board = new LeaseBoard(_folder, new(TimeSpan.FromHours(1), TimeSpan.FromHours(1)));
        using var lease = board.TryTake("thing-1");
        Assert.NotNull(board.Holder("thing-1"));
        var file = board.Path("thing-1", 1);
        var content = LeaseBoard.Read(file)!;
        // The number of a process that runs, with another start: a later process of the same number.
        using (var writer = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            LeaseBoard.Write(writer, content with { Started = "1" });
        Assert.Null(board.Holder("thing-1"));
        using var next = board.TryTake("thing-1");
        Assert.NotNull(next);
    }

    [Fact]
    public void ProcessThatCannotBeLookedAt_LosesItsWorkBySilenceAlone()
    {
        using var lease = new LeaseBoard(_folder, new(TimeSpan.FromHours(1), TimeSpan.FromHours(1)), "here").TryTake("thing-1");
        var here = new LeaseBoard(_folder, Fast, "here");
        void Write(Func<LeaseBoard.Content, LeaseBoard.Content> change)
        {
            var file = here.Path("thing-1", 1);
            var content = change(LeaseBoard.Read(file)!);
            using var writer = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            LeaseBoard.Write(writer, content);
        }
        // A process that runs, and whose start is not known.
        Write(c => c with { Started = "" });
        var clock = Stopwatch.StartNew();
        Assert.NotNull(here.Holder("thing-1"));
        while (here.Holder("thing-1") is not null) Thread.Sleep(20);
        Assert.InRange(clock.Elapsed, Fast.Silence, TimeSpan.FromMinutes(1));
        // One that has ended needs no start.
        using var ended = Process.Start(new ProcessStartInfo("dotnet", ["--version"]) { RedirectStandardOutput = true })!;
        ended.StandardOutput.ReadToEnd();
        ended.WaitForExit();
        Write(c => c with { Process = ended.Id });
        Assert.Null(new LeaseBoard(_folder, LeaseTimes.Default, "here").Holder("thing-1"));
    }

    [Fact]
    public void WorkerOfAnotherMachine_CountsAsAliveOnceItIsSeenToBeat()
    {
        using var lease = new LeaseBoard(_folder, new(TimeSpan.FromHours(1), TimeSpan.FromHours(1)), "there").TryTake("thing-1");
        var here = new LeaseBoard(_folder, LeaseTimes.Default, "here");
        for (var look = 0; look < 2; look++)
        {
            var holder = here.Holder("thing-1")!;
            Assert.Equal((Environment.ProcessId, false), (holder.Process, holder.IsAlive));
            Assert.InRange(DateTime.UtcNow - holder.LastBeat, TimeSpan.FromSeconds(-5), TimeSpan.FromMinutes(1));
            Assert.Contains($"(held by process {holder.Process} on {holder.Machine}, last seen 20",
                Slick.Workbook.Commands.ListCommand.By(holder), StringComparison.Ordinal);
        }
        var file = here.Path("thing-1", 1);
        var content = LeaseBoard.Read(file)!;
        using (var writer = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            LeaseBoard.Write(writer, content with { Beat = 7 });
        Assert.True(here.Holder("thing-1")!.IsAlive);
        Assert.DoesNotContain("held", Slick.Workbook.Commands.ListCommand.By(here.Holder("thing-1")), StringComparison.Ordinal);
        // A process of this machine is looked up.
        Assert.True(new LeaseBoard(_folder, LeaseTimes.Default, "there").Holder("thing-1")!.IsAlive);
    }

    [Fact]
    public void WorkThatIsGivenBack_IsFree()
    {
        var board = new LeaseBoard(_folder, LeaseTimes.Default);
        board.TryTake("thing-1")!.Dispose();
        Assert.Null(board.Holder("thing-1"));
        using var again = new LeaseBoard(_folder, LeaseTimes.Default, "elsewhere").TryTake("thing-1");
        Assert.NotNull(again);
        Assert.Null(board.TryTake("thing-1"));
    }
}
