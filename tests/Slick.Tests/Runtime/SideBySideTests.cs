using System.Collections.Concurrent;
using Slick.Runtime;
using Slick.Tests.Workbook;
using TorchSharp;

namespace Slick.Tests.Runtime;

/// <summary>How many threads torch uses belongs to the whole process.</summary>
[Collection(nameof(ProcessWide))]
public sealed class SideBySideTests : IDisposable
{
    private readonly int before;

    public SideBySideTests()
    {
        NativeLibraries.Load();
        before = torch.get_num_threads();
        Compute.UseThreads(3);
    }

    public void Dispose() => Compute.UseThreads(before);

    // torch's threads of this thread, and of one that begins now.
    private static (int Here, int New) Threads()
    {
        var later = 0;
        var thread = new Thread(() => later = torch.get_num_threads());
        thread.Start();
        thread.Join();
        return (torch.get_num_threads(), later);
    }

    [Fact]
    public void Pieces_HaveOneTorchThread_AndAfterwardsItIsAsBefore()
    {
        var seen = new int[5];
        SideBySide.For(5, i => seen[i] = torch.get_num_threads(), TestContext.Current.CancellationToken);
        Assert.All(seen, n => Assert.Equal(1, n));
        Assert.Equal((3, 3), Threads());
    }

    [Fact]
    public void AfterAnException_ItIsAsBefore()
    {
        Assert.Throws<InvalidDataException>(() =>
            SideBySide.For(5, i => throw new InvalidDataException(), TestContext.Current.CancellationToken));
        Assert.Equal((3, 3), Threads());
    }

    [Fact]
    public void AfterACancellation_ItIsAsBefore()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => SideBySide.For(5, _ => stop.Cancel(), stop.Token));
        Assert.Equal((3, 3), Threads());
    }

    // New threads for each call would have a heap each in the C library, and each heap keeps what was freed.
    [Fact]
    public void LaterCalls_HaveTheThreadsOfEarlierOnes()
    {
        var threads = new ConcurrentDictionary<Thread, bool>();
        for (var call = 0; call < 50; call++)
            SideBySide.For(2, _ => threads[Thread.CurrentThread] = true, TestContext.Current.CancellationToken, 2);
        Assert.InRange(threads.Count, 1, 49);
    }

    [Fact]
    public void PiecesWithinPieces_KeepTheirOneThread()
    {
        var after = new int[2];
        SideBySide.For(2, i =>
        {
            SideBySide.For(2, _ => { }, TestContext.Current.CancellationToken);
            after[i] = torch.get_num_threads();
        }, TestContext.Current.CancellationToken, 2);
        Assert.Equal([1, 1], after);
        Assert.Equal((3, 3), Threads());
    }
}
