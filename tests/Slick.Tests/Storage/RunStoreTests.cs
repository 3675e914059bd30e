using Slick.Experiments;
using Slick.Facts;
using Slick.Storage;

namespace Slick.Tests.Storage;

public sealed class RunStoreTests : IDisposable
{
    private readonly string _folder = Scratch.Folder("store");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed record Options
    {
        public int A { get; init; } = 1;
        public double B { get; init; } = 0.5;
    }

    private StageFolder Stage(Options? options = null, int seed = 1, int version = 1, params string[] inputs) => RunStore.Open(_folder)
        .Of(Slick.Storage.Stage.Of("thing", version, "a thing", options ?? new(), seed, inputs, new("cpu", "fp32")));

    private WorkOutcome Work(Func<string, Action<string>> work) => Stage().TryWork("cpu", place => work(place.Scratch), default);

    private static Action<string> Writes(string text) => folder => File.WriteAllText(Path.Combine(folder, "result.txt"), text);

    [Fact]
    public void EveryPartOfTheIdentity_ChangesTheKey()
    {
        var keys = new[] { Stage(), Stage(new() { A = 2 }), Stage(new() { B = 0.25 }), Stage(seed: 2), Stage(version: 2),
            Stage(inputs: "x") }.Select(s => s.Key).ToList();
        Assert.Equal(keys.Count, keys.Distinct().Count());
        Assert.Equal(Stage().Key, Stage().Key);
    }

    [Fact]
    public void CompleteStage_IsNotDoneAgain()
    {
        Work(_ => Writes("first"));
        Work(_ => throw new InvalidOperationException("done twice"));
        Assert.Equal("first", File.ReadAllText(Stage().File("result.txt")));
        Assert.Equal("complete", Assert.Single(RunStore.Open(_folder).List()).State);
    }

    [Fact]
    public void InterruptedStage_FindsItsScratchAgainAndLooksUnfinished()
    {
        Assert.Throws<OperationCanceledException>(() => Work(scratch =>
        {
            File.WriteAllText(Path.Combine(scratch, "half"), "half");
            throw new OperationCanceledException();
        }));
        Assert.False(Stage().IsComplete);
        Assert.Equal("partial", Assert.Single(RunStore.Open(_folder).List()).State);
        Work(scratch => Writes(File.ReadAllText(Path.Combine(scratch, "half")) + " and whole"));
        Assert.Equal("half and whole", File.ReadAllText(Stage().File("result.txt")));
        Assert.Equal("complete", Assert.Single(RunStore.Open(_folder).List()).State);
    }

    [Fact]
    public void WritingThatFails_LeavesNothingThatLooksFinished()
    {
        Assert.Throws<SlickException>(() => Work(_ => folder =>
        {
            File.WriteAllText(Path.Combine(folder, "result.txt"), "half");
            throw new IOException("No space left on device");
        }));
        Assert.False(Stage().IsComplete);
        Assert.DoesNotContain(Directory.GetDirectories(_folder, "*", SearchOption.AllDirectories),
            f => Path.GetFileName(f).StartsWith("finished", StringComparison.Ordinal));
    }

    [Fact]
    public void DivergedStage_IsMarkedFailedAndNeverFinished()
    {
        Assert.Equal(WorkOutcome.Done, Work(_ => throw new DivergedException("the loss is NaN")));
        Assert.False(Stage().IsComplete);
        Assert.True(Stage().IsSettled);
        var failed = Assert.Single(RunStore.Open(_folder).List());
        Assert.Equal("failed", failed.State);
        Assert.Contains("NaN", Stage().Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void TwoAtOnce_OneDoesTheWorkAndTheOtherPassesOver()
    {
        using var inside = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var outcome = WorkOutcome.Elsewhere;
        var first = new Thread(() => outcome = Work(_ =>
        {
            inside.Set();
            go.Wait(TestContext.Current.CancellationToken);
            return Writes("the first's");
        }));
        first.Start();
        inside.Wait(TestContext.Current.CancellationToken);
        Assert.Equal(WorkOutcome.Elsewhere, Work(_ => throw new InvalidOperationException("done twice")));
        var listed = Assert.Single(RunStore.Open(_folder).List());
        Assert.Equal(("working", Environment.ProcessId), (listed.State, listed.Holder?.Process));
        go.Set();
        first.Join();
        Assert.Equal(WorkOutcome.Done, outcome);
        Assert.Equal(WorkOutcome.DoneBefore, Work(_ => throw new InvalidOperationException("done twice")));
        Assert.Equal("the first's", File.ReadAllText(Stage().File("result.txt")));
        Assert.Empty(Directory.GetFiles(Path.Combine(_folder, "leases")));
    }

    [Fact]
    public void WorkerOfAnotherMachine_HoldsItsStageAndIsNotSaidToWork()
    {
        var stage = Stage().Stage;
        RunStore.Open(_folder, null, "there").Of(stage).TryWork("cpu", _ =>
        {
            var listed = Assert.Single(RunStore.OpenExisting(_folder).List());
            Assert.Equal(("held", Environment.ProcessId), (listed.State, listed.Holder?.Process));
            Assert.Equal("working", Assert.Single(RunStore.Open(_folder, null, "there").List()).State);
            return Writes("done");
        }, TestContext.Current.CancellationToken);
        Assert.Equal("complete", Assert.Single(RunStore.OpenExisting(_folder).List()).State);
    }

    [Fact]
    public void FileThatAKilledProcessLeftUnfinished_IsRemovedWhenTheWorkGoesOn()
    {
        var scratch = Directory.CreateDirectory(Path.Combine(_folder, $"partial-{Stage().Stage.Name}")).FullName;
        File.WriteAllText(Path.Combine(scratch, "checkpoint.safetensors.12.0123.tmp"), "half");
        File.WriteAllText(Path.Combine(scratch, "checkpoint.safetensors"), "whole");
        Assert.Equal(WorkOutcome.Done, Work(folder =>
        {
            Assert.Equal(["checkpoint.safetensors", "stage.json"],
                Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            return Writes("done");
        }));
    }

    [Fact]
    public void StoreOfAnOlderFormat_IsGoneOnWith()
    {
        var old = Directory.CreateDirectory(Path.Combine(_folder, "model-0123456789abcdef")).FullName;
        File.WriteAllText(Path.Combine(old, "options.json"), """{"stage": "model", "seed": 1, "description": "world and base model"}""");
        File.WriteAllText(Path.Combine(_folder, "store.json"), """{"format": 1}""");
        Work(_ => Writes("new"));
        Assert.Equal(["complete", "older"], RunStore.Open(_folder).List().Select(s => s.State).Order());
        Assert.Contains("2", File.ReadAllText(Path.Combine(_folder, "store.json")), StringComparison.Ordinal);
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
