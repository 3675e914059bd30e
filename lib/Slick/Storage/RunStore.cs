using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>A stage's folder in a store, as <c>slick list</c> shows it.</summary>
/// <param name="Stage">The stage; null where an older version of the program made the folder and described stages in another way.</param>
/// <param name="Name">The folder's name without its state: <c>kind-key</c>.</param>
/// <param name="Path">The folder.</param>
/// <param name="State">complete, failed, working (a worker has it), held (a worker has it, of which this process cannot tell whether it is
/// alive), partial (begun, and no worker has it), or older.</param>
/// <param name="Holder">The worker that has it; null for nobody.</param>
/// <param name="Seconds">How long the work took, in seconds; NaN where it is not complete.</param>
/// <param name="Bytes">Size of the folder's files, in bytes.</param>
/// <param name="Finished">When the stage was completed or last worked on, in local time.</param>
public sealed record StoredStage(Stage? Stage, string Name, string Path, string State, LeaseHolder? Holder, double Seconds, long Bytes,
    DateTime Finished);

/// <summary>
/// A store of results, named by the hash of what they follow from. Each stage has one folder, with the stage's files, <c>stage.json</c> and
/// <c>timing.json</c>. A folder is written under another name and then renamed, so every finished folder is whole. Any number of processes
/// share the work, on any number of machines that see the store's folder (<see cref="LeaseBoard"/>).
/// </summary>
public sealed class RunStore
{
    /// <summary>Version of the store's layout. It is raised when an older program could no longer read the store.</summary>
    public const int Format = 2;

    /// <summary>The store's folder.</summary>
    public string Folder { get; }

    /// <summary>The table of who works on what.</summary>
    internal LeaseBoard Leases { get; }

    private RunStore(string folder, LeaseTimes? times = null, string? machineId = null) =>
        (Folder, Leases) = (folder, new(Path.Combine(folder, "leases"), times ?? LeaseTimes.Default, machineId));

    /// <summary>
    /// The path of a store's folder: the one given, else the one that the variable <c>SLICK_STORE</c> names, else <c>.slick</c>. A relative
    /// path starts at the repository's root, or in the current folder where there is no repository.
    /// </summary>
    /// <param name="folder">The folder; null or empty for the default.</param>
    public static string Locate(string? folder = null)
    {
        if (string.IsNullOrEmpty(folder)) folder = Environment.GetEnvironmentVariable("SLICK_STORE");
        // Notebooks run in a folder of their own. So a relative path starts at the repository's root, wherever the program runs.
        return Path.GetFullPath(string.IsNullOrEmpty(folder) ? ".slick" : folder, Repository.Root ?? Environment.CurrentDirectory);
    }

    /// <summary>Opens a store, and makes it where it does not exist.</summary>
    /// <param name="folder">The folder, as of <see cref="Locate"/>.</param>
    /// <exception cref="SlickException">The folder cannot be used, or a newer version of the program made the store.</exception>
    public static RunStore Open(string? folder = null) => Open(folder, null, null);

    /// <summary>Opens a store with other times between signs of life, or as if on another machine, for tests.</summary>
    internal static RunStore Open(string? folder, LeaseTimes? times, string? machineId)
    {
        var store = new RunStore(Locate(folder), times, machineId);
        try { Directory.CreateDirectory(store.Folder); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException(
                $"{store.Folder}: the store cannot be made there ({e.Message.ReplaceLineEndings(" ")}); choose another folder with "
                + $"--store.", e);
        }
        // A store of an older version is used as it is: its stages have other names and are left in place.
        if (!File.Exists(store.Description) || store.CheckFormat() < Format)
            AtomicFile.WriteText(store.Description, new JsonObject { ["format"] = Format }.ToJsonString() + "\n");
        store.Tidy();
        return store;
    }

    /// <summary>Opens a store that must exist.</summary>
    /// <param name="folder">The folder, as of <see cref="Locate"/>.</param>
    /// <exception cref="SlickException">There is no store, or a newer version of the program made it.</exception>
    public static RunStore OpenExisting(string? folder = null)
    {
        var store = new RunStore(Locate(folder));
        if (!File.Exists(store.Description))
            throw new SlickException($"{store.Folder}: there is no store here; slick reproduce makes one, --store names another folder.");
        store.CheckFormat();
        return store;
    }

    // Removes the files that killed workers left behind and that no worker goes on from.
    private void Tidy()
    {
        foreach (var folder in Directory.GetDirectories(Folder, "partial-*"))
        {
            var name = Path.GetFileName(folder)["partial-".Length..];
            if (!Directory.Exists(Path.Combine(Folder, name)) || Leases.Holder(name) is not null) continue;
            try { Directory.Delete(folder, recursive: true); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* in use,
                or removed by another process just now */ }
        }
        foreach (var name in Leases.Names().Where(n => Directory.Exists(Path.Combine(Folder, n)))) Leases.Remove(name);
    }

    private string Description => Path.Combine(Folder, StoredResult.Description);

    private int CheckFormat()
    {
        int? format;
        try { format = JsonNode.Parse(File.ReadAllText(Description))?["format"]?.GetValue<int>(); }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException) { format = null; }
        if (format is null) throw new SlickException($"{Description}: not the description of a store; choose another folder with --store.");
        if (format > Format)
            throw new SlickException(
                $"{Folder}: the store has format {format}, this program knows {Format}; use a newer slick or another --store.");
        return format.Value;
    }

    /// <summary>The folder where a stage's result is, or will be.</summary>
    /// <param name="stage">The stage.</param>
    public StageFolder Of(Stage stage) => new(this, stage);

    /// <summary>The folder of a finished stage by its name.</summary>
    /// <param name="name">The stage's name, <c>kind-key</c>.</param>
    /// <exception cref="SlickException">The store has no finished stage of that name.</exception>
    public StageFolder Finished(string name)
    {
        var file = Path.Combine(Folder, name, StageFolder.DescriptionFile);
        if (!File.Exists(file)) throw new SlickException($"{Folder}: there is no finished stage {name}.");
        return Of(Stage.Parse(File.ReadAllText(file), file));
    }

    /// <summary>All stages in the store, the oldest first.</summary>
    /// <exception cref="SlickException">A stage's description or timing is damaged.</exception>
    public IReadOnlyList<StoredStage> List()
    {
        var found = new List<StoredStage>();
        foreach (var folder in Directory.GetDirectories(Folder))
        {
            var (name, state) = Path.GetFileName(folder) switch
            {
                var n when n.StartsWith("partial-", StringComparison.Ordinal) => (n["partial-".Length..], "partial"),
                var n when n.StartsWith("failed-", StringComparison.Ordinal) => (n["failed-".Length..], "failed"),
                var n => (n, "complete"),
            };
            try
            {
                var file = Path.Combine(folder, StageFolder.DescriptionFile);
                var older = File.Exists(Path.Combine(folder, "options.json"));
                if (!older && !File.Exists(file)) continue;
                var stage = older ? null : Stage.Parse(File.ReadAllText(file), file);
                if (older) state = "older";
                // A worker that finishes its stage at this moment has both folders for a short time.
                if (state == "partial" && Directory.Exists(Path.Combine(Folder, name))) continue;
                var holder = state == "partial" ? Leases.Holder(name) : null;
                var timing = Path.Combine(folder, StageFolder.TimingFile);
                var seconds = state == "complete" && File.Exists(timing)
                    ? JsonNode.Parse(File.ReadAllText(timing))!["seconds"]!.GetValue<double>() : double.NaN;
                found.Add(new(stage, name, folder, holder is null ? state : holder.IsAlive ? "working" : "held", holder, seconds,
                    Bytes(folder),
                    Directory.GetLastWriteTime(folder)));
            }
            catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or IOException)
            {
                if (e is IOException && !Directory.Exists(folder)) continue; // completed by another process just now
                throw new SlickException(
                    $"{folder}: its {StageFolder.TimingFile} is damaged ({e.Message.ReplaceLineEndings(" ")}); delete the folder, it is "
                        + $"made "
                    + $"again.", e);
            }
        }
        return [.. found.OrderBy(s => s.Finished).ThenBy(s => s.Path, StringComparer.Ordinal)];
    }

    // The size of a folder's files. A worker may rename or remove files at this moment; these count nothing.
    private static long Bytes(string folder)
    {
        var sum = 0L;
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true }))
            try { sum += file.Length; }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* it is gone */ }
        return sum;
    }
}
