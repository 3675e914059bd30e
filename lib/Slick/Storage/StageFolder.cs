using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>What became of a piece of work that a worker tried to do.</summary>
internal enum WorkOutcome
{
    /// <summary>The work was done here. A failure that would repeat counts as done.</summary>
    Done,
    /// <summary>The work was done before, and there was nothing to do.</summary>
    DoneBefore,
    /// <summary>Another worker has the work.</summary>
    Elsewhere,
}

/// <summary>Where a stage's work is done.</summary>
/// <param name="Scratch">The folder for files that a later worker goes on from.</param>
/// <param name="Stopped">Stops the work.</param>
/// <param name="IsMine">Looks whether the scratch folder is still this worker's. A worker that was silent for too long has lost it to
/// another one, and must not write its checkpoint or delete files there. Files whose bytes do not depend on who writes them do no
/// harm.</param>
internal sealed record WorkPlace(string Scratch, CancellationToken Stopped, Func<bool> IsMine);

/// <summary>A stage in a store: the folder of its finished result, and the work that makes the result.</summary>
public sealed class StageFolder
{
    internal const string DescriptionFile = "stage.json";
    internal const string TimingFile = "timing.json";

    private readonly RunStore store;

    internal StageFolder(RunStore store, Stage stage) => (this.store, Stage) = (store, stage);

    /// <summary>The stage.</summary>
    public Stage Stage { get; }
    /// <summary>The hash of all that the stage's result follows from.</summary>
    public string Key => Stage.Key;
    /// <summary>The folder of the finished stage. It does not exist before the stage is finished.</summary>
    public string Folder => Path.Combine(store.Folder, Stage.Name);
    /// <summary>True where the stage is finished, so that its files can be read.</summary>
    public bool IsComplete => Directory.Exists(Folder);
    /// <summary>True where the stage's work has failed in a way that would repeat.</summary>
    public bool HasFailed => System.IO.File.Exists(FailureFile);
    /// <summary>True where there is nothing to do, because the stage is finished or has failed.</summary>
    public bool IsSettled => IsComplete || HasFailed;
    /// <summary>True where the stage is finished or has failed, or a worker has begun it and left files to go on from.</summary>
    public bool HasBegun => IsSettled || Directory.Exists(ScratchFolder);
    /// <summary>The worker that has the stage now; null for nobody.</summary>
    public LeaseHolder? Holder => store.Leases.Holder(Stage.Name);
    private string FailedFolder => Path.Combine(store.Folder, $"failed-{Stage.Name}");
    private string FailureFile => Path.Combine(FailedFolder, "failure.json");
    private string ScratchFolder => Path.Combine(store.Folder, $"partial-{Stage.Name}");

    /// <summary>The path of a file of the finished stage.</summary>
    /// <param name="name">The file's name.</param>
    public string File(string name) => Path.Combine(Folder, name);

    /// <summary>The message of the error by which the stage failed.</summary>
    /// <exception cref="SlickException">The file that holds the message is missing or damaged.</exception>
    public string Failure
    {
        get
        {
            string? message;
            try { message = JsonNode.Parse(System.IO.File.ReadAllText(FailureFile))?["message"]?.GetValue<string>(); }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException) { message = null; }
            return message ?? throw new SlickException($"{FailureFile}: damaged; delete its folder and run again.");
        }
    }

    /// <summary>
    /// Does the stage's work, unless the stage is settled or another worker has it. Files that <paramref name="work"/> leaves in its
    /// scratch folder are kept when the work is stopped or killed. They are there again when the work is begun again, here or elsewhere.
    /// </summary>
    /// <param name="device">The device of models, for the record beside the result.</param>
    /// <param name="work">Does the work. It is told where, and returns a function that writes the result's files into a folder. A
    /// <see cref="DivergedException"/> marks the stage as failed.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>Whether the work was done here, was done before, or belongs to another worker. In the last two cases nothing was
    /// written.</returns>
    /// <exception cref="SlickException">The store cannot be written to.</exception>
    internal WorkOutcome TryWork(string device, Func<WorkPlace, Action<string>> work, CancellationToken cancellation)
    {
        if (IsSettled) return WorkOutcome.DoneBefore;
        using var lease = store.Leases.TryTake(Stage.Name);
        if (lease is null) return WorkOutcome.Elsewhere;
        if (IsSettled)
        {
            lease.Complete();
            return WorkOutcome.DoneBefore;
        }
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lease.Lost, cancellation);
        var clock = Stopwatch.StartNew();
        Action<string> write;
        try
        {
            Prepare();
            write = work(new(ScratchFolder, either.Token, lease.IsHeld));
        }
        catch (DivergedException e)
        {
            // The same options and seed would fail in the same way again.
            AtomicFile.WriteText(Path.Combine(FailedFolder, DescriptionFile), Stage.ToJson());
            AtomicFile.WriteText(FailureFile, new JsonObject { ["message"] = e.Message }.ToJsonString() + "\n");
            Clear();
            lease.Complete();
            return WorkOutcome.Done;
        }
        catch (OperationCanceledException) when (lease.Lost.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return WorkOutcome.Elsewhere;
        }
        if (lease.Lost.IsCancellationRequested) return WorkOutcome.Elsewhere;
        Publish(write, clock.Elapsed.TotalSeconds, device);
        Clear();
        lease.Complete();
        return WorkOutcome.Done;
    }

    private void Prepare()
    {
        try { Directory.CreateDirectory(ScratchFolder); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw CannotBeWritten(e); }
        // A process that was killed while it wrote a file leaves the file's beginning under another name.
        foreach (var file in Directory.GetFiles(ScratchFolder, "*" + AtomicFile.Unfinished)) AtomicFile.Delete(file);
        AtomicFile.WriteText(Path.Combine(ScratchFolder, DescriptionFile), Stage.ToJson());
    }

    private void Publish(Action<string> write, double seconds, string device)
    {
        // The result is written in the scratch folder, which is deleted when the stage is finished. So files of a killed process are
        // deleted too.
        var aside = Path.Combine(ScratchFolder, $"finished-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(aside);
            write(aside);
            AtomicFile.WriteText(Path.Combine(aside, DescriptionFile), Stage.ToJson());
            AtomicFile.WriteText(Path.Combine(aside, TimingFile), new JsonObject
            {
                ["seconds"] = Math.Round(seconds, 3),
                ["finished"] = DateTime.UtcNow.ToString("O", CultureInfo.InvariantCulture),
                ["host"] = Environment.MachineName,
                ["cores"] = Environment.ProcessorCount,
                ["device"] = device,
            }.ToJsonString() + "\n");
            for (var attempt = 0; ; attempt++)
            {
                try
                {
                    Directory.Move(aside, Folder);
                    break;
                }
                catch (IOException) when (IsComplete) { break; /* a worker that was taken for dead was first, with the same result */ }
                // On Windows another program may read the new files at that moment. So the move is tried again.
                catch (Exception e) when (e is IOException or UnauthorizedAccessException && OperatingSystem.IsWindows() && attempt < 20)
                {
                    Thread.Sleep(50);
                }
            }
        }
        // Another worker may have finished the stage and cleared the scratch folder in the middle of this.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SlickException)
        {
            if (!IsComplete) throw e is SlickException ? e : CannotBeWritten(e);
        }
        finally
        {
            Remove(aside);
        }
    }

    private SlickException CannotBeWritten(Exception e) => new(
        $"{store.Folder}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); free some space or choose another --store.", e);

    private void Clear() => Remove(ScratchFolder);

    private static void Remove(string folder)
    {
        try { Directory.Delete(folder, recursive: true); }
        catch (DirectoryNotFoundException) { /* nothing is there */ }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* removed when the store is opened the next time */ }
    }
}
