using Slick.Experiments;
using Slick.Facts;
using Slick.Storage;

namespace Slick.Tests.Storage;

public sealed class RunStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("slick-store-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed record Options(int A = 1, double B = 0.5);

    private Stage Stage(Options? options = null, int seed = 1, int version = 1, params string[] inputs) =>
        RunStore.Open(_folder).Stage("thing", version, "a thing", options ?? new(), seed, inputs);

    private static Action<string> Writes(string text) => folder => File.WriteAllText(Path.Combine(folder, "result.txt"), text);

    [Fact]
    public void EveryPartOfTheIdentity_ChangesTheKey()
    {
        var keys = new[] { Stage(), Stage(new(A: 2)), Stage(new(B: 0.25)), Stage(seed: 2), Stage(version: 2),
            Stage(inputs: "x") }.Select(s => s.Key).ToList();
        Assert.Equal(keys.Count, keys.Distinct().Count());
        Assert.Equal(Stage().Key, Stage().Key);
    }

    [Fact]
    public void CompleteStage_IsNotDoneAgain()
    {
        Stage().Ensure(_ => Writes("first"));
        Stage().Ensure(_ => throw new InvalidOperationException("done twice"));
        Assert.Equal("first", File.ReadAllText(Stage().File("result.txt")));
        Assert.Equal("complete", Assert.Single(RunStore.Open(_folder).List()).State);
    }

    [Fact]
    public void InterruptedStage_FindsItsScratchAgainAndLooksUnfinished()
    {
        Assert.Throws<OperationCanceledException>(() => Stage().Ensure(scratch =>
        {
            File.WriteAllText(Path.Combine(scratch, "half"), "half");
            throw new OperationCanceledException();
        }));
        Assert.False(Stage().IsComplete);
        Assert.Equal("partial", Assert.Single(RunStore.Open(_folder).List()).State);
        Stage().Ensure(scratch => Writes(File.ReadAllText(Path.Combine(scratch, "half")) + " and whole"));
        Assert.Equal("half and whole", File.ReadAllText(Stage().File("result.txt")));
        Assert.Equal("complete", Assert.Single(RunStore.Open(_folder).List()).State);
    }

    [Fact]
    public void WritingThatFails_LeavesNothingThatLooksFinished()
    {
        Assert.Throws<SlickException>(() => Stage().Ensure(_ => folder =>
        {
            File.WriteAllText(Path.Combine(folder, "result.txt"), "half");
            throw new IOException("No space left on device");
        }));
        Assert.False(Stage().IsComplete);
        Assert.DoesNotContain(Directory.GetDirectories(_folder, "*", SearchOption.AllDirectories), f => Path.GetFileName(f) == "finished");
    }

    [Fact]
    public void DivergedStage_IsMarkedFailedAndNeverFinished()
    {
        Assert.Throws<DivergedException>(() => Stage().Ensure(_ => throw new DivergedException("the loss is NaN")));
        Assert.False(Stage().IsComplete);
        var failed = Assert.Single(RunStore.Open(_folder).List());
        Assert.Equal("failed", failed.State);
        Assert.Contains("NaN", File.ReadAllText(Path.Combine(failed.Path, "failure.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void TwoAtOnce_BothEndWithOneResult()
    {
        using var bothIn = new Barrier(2);
        var threads = Enumerable.Range(0, 2).Select(_ => new Thread(() => Stage().Ensure(scratch =>
        {
            File.WriteAllText(Path.Combine(scratch, "mine"),
                Environment.CurrentManagedThreadId.ToString(System.Globalization.CultureInfo.InvariantCulture));
            bothIn.SignalAndWait();
            return Writes("the same");
        }))).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Equal("the same", File.ReadAllText(Stage().File("result.txt")));
        Assert.Equal("complete", Assert.Single(RunStore.Open(_folder).List()).State);
    }

    [Fact]
    public void StoreOfANewerVersion_IsRefused()
    {
        RunStore.Open(_folder);
        File.WriteAllText(Path.Combine(_folder, "store.json"), """{"format": 99}""");
        var error = Assert.Throws<SlickException>(() => RunStore.Open(_folder));
        Assert.Contains("99", error.Message, StringComparison.Ordinal);
        Assert.Throws<SlickException>(() => RunStore.OpenExisting(_folder));
    }

    [Fact]
    public void DamagedDescription_IsNamed()
    {
        File.WriteAllText(Path.Combine(_folder, "store.json"), "{");
        Assert.Contains("store.json", Assert.Throws<SlickException>(() => RunStore.Open(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void StoreThatCannotBeMade_NamesTheFolder()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        Assert.Contains(file, Assert.Throws<SlickException>(() => RunStore.Open(Path.Combine(file, "store"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void MissingStore_IsNotMadeByReading()
    {
        var missing = Path.Combine(_folder, "none");
        Assert.Throws<SlickException>(() => RunStore.OpenExisting(missing));
        Assert.False(Directory.Exists(missing));
    }
}
