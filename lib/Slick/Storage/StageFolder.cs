using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>What became of a piece of work.</summary>
internal enum WorkOutcome
{
    /// <summary>It was done here; a failure that will repeat counts as done.</summary>
    Done,
    /// <summary>There was nothing to do.</summary>
    DoneBefore,
    /// <summary>Somebody else works on it.</summary>
    Elsewhere,
}

/// <summary>A stage in a store: its finished folder, or the work that makes it.</summary>
public sealed class StageFolder
{
    internal const string DescriptionFile = "stage.json";
    internal const string TimingFile = "timing.json";

    private readonly RunStore store;

    internal StageFolder(RunStore store, Stage stage) => (this.store, Stage) = (store, stage);

    /// <summary>The stage.</summary>
    public Stage Stage { get; }
    /// <summary>The hash of all that its result follows from.</summary>
    public string Key => Stage.Key;
    /// <summary>The folder of the finished stage.</summary>
    public string Folder => Path.Combine(store.Folder, Stage.Name);
    /// <summary>True where the stage is finished: its files can be read.</summary>
    public bool IsComplete => Directory.Exists(Folder);
    /// <summary>True where the stage's work failed, as it would again.</summary>
    public bool HasFailed => System.IO.File.Exists(FailureFile);
    /// <summary>True where there is nothing to do: the stage is finished, or it failed.</summary>
    public bool IsSettled => IsComplete || HasFailed;
    /// <summary>Who works on the stage now; null for nobody.</summary>
    public LeaseHolder? Holder => store.Leases.Holder(Stage.Name);
    private string FailedFolder => Path.Combine(store.Folder, $"failed-{Stage.Name}");
    private string FailureFile => Path.Combine(FailedFolder, "failure.json");
    private string ScratchFolder => Path.Combine(store.Folder, $"partial-{Stage.Name}");

    /// <summary>A file of the finished stage.</summary>
    public string File(string name) => Path.Combine(Folder, name);

    /// <summary>Why the stage failed.</summary>
    /// <exception cref="SlickException">The file that says so is damaged.</exception>
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
    /// Does the stage's work, unless it is settled or somebody else is at it. What <paramref name="work"/> leaves in its scratch
    /// folder is there again when the work was stopped or killed and begins anew, here or elsewhere.
    /// </summary>
    /// <param name="device">Where models are, for the record beside the result.</param>
    /// <param name="work">Given the scratch folder and a token that stops it; returns what writes the result's files into a folder. A
    /// <see cref="DivergedException"/> marks the stage as failed.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>Whether the work was done here, was done before, or belongs to somebody else: then nothing was written.</returns>
    /// <exception cref="SlickException">The store cannot be written to.</exception>
    internal WorkOutcome TryWork(string device, Func<string, CancellationToken, Action<string>> work, CancellationToken cancellation)
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
            write = work(ScratchFolder, either.Token);
        }
        catch (DivergedException e)
        {
            // The same options and seed would go wrong in the same way again.
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
        AtomicFile.WriteText(Path.Combine(ScratchFolder, DescriptionFile), Stage.ToJson());
    }

    private void Publish(Action<string> write, double seconds, string device)
    {
        // In the scratch folder, which goes when the stage is finished: what a killed process left here goes with it.
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
                // On Windows somebody may look into the new files just now.
                catch (Exception e) when (e is IOException or UnauthorizedAccessException && OperatingSystem.IsWindows() && attempt < 20)
                {
                    Thread.Sleep(50);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!IsComplete) throw CannotBeWritten(e);
        }
        finally
        {
            if (Directory.Exists(aside)) Directory.Delete(aside, recursive: true);
        }
    }

    private SlickException CannotBeWritten(Exception e) => new(
        $"{store.Folder}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); free some space or choose another --store.", e);

    private void Clear()
    {
        try { Directory.Delete(ScratchFolder, recursive: true); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* removed when the store is opened the next time */ }
    }
}
