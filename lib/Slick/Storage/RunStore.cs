using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Slick.Models;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>A stage's folder as <c>slick list</c> shows it.</summary>
/// <param name="Name">The stage: model, labels, run.</param>
/// <param name="Key">Its hash, 16 hexadecimal digits.</param>
/// <param name="Path">The folder.</param>
/// <param name="State">complete, failed or partial.</param>
/// <param name="Description">What it is, in words.</param>
/// <param name="Seconds">How long it took; NaN where it is not complete.</param>
/// <param name="Bytes">Size of its files.</param>
/// <param name="Finished">When it was completed or last worked on.</param>
public sealed record StoredStage(string Name, string Key, string Path, string State, string Description, double Seconds, long Bytes,
    DateTime Finished);

/// <summary>
/// Results by the hash of what they follow from: one folder a stage, <c>options.json</c> and the stage's files in it,
/// <c>timing.json</c> beside them. A folder is written aside and renamed, so what is there is whole. Several processes
/// may work on one store without a lock: at worst both do the same work.
/// </summary>
public sealed class RunStore
{
    /// <summary>Raised when an older program could not read the store any more.</summary>
    public const int Format = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>The store's folder.</summary>
    public string Folder { get; }
    /// <summary>Where models are, for the record beside each result.</summary>
    public string Device { get; set; } = "cpu";

    private RunStore(string folder) => Folder = folder;

    /// <summary>
    /// The folder that is meant: the one given, else the variable <c>SLICK_STORE</c>, else <c>.slick</c>; a relative path starts at the
    /// repository's root, or where there is none in the current folder.
    /// </summary>
    public static string Locate(string? folder = null)
    {
        if (string.IsNullOrEmpty(folder)) folder = Environment.GetEnvironmentVariable("SLICK_STORE");
        // Notebooks run in a folder of their own: a relative path means the same everywhere.
        return Path.GetFullPath(string.IsNullOrEmpty(folder) ? ".slick" : folder, Repository.Root ?? Environment.CurrentDirectory);
    }

    /// <summary>Opens a store, and makes it where it does not exist.</summary>
    /// <param name="folder">As for <see cref="Locate"/>.</param>
    /// <exception cref="SlickException">The folder cannot be used, or a newer version made the store.</exception>
    public static RunStore Open(string? folder = null)
    {
        var store = new RunStore(Locate(folder));
        try { Directory.CreateDirectory(store.Folder); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException(
                $"{store.Folder}: the store cannot be made there ({e.Message.ReplaceLineEndings(" ")}); choose another folder with "
                + $"--store.", e);
        }
        if (!File.Exists(store.Description)) AtomicFile.WriteText(store.Description,
            new JsonObject { ["format"] = Format }.ToJsonString() + "\n");
        store.CheckFormat();
        store.Tidy();
        return store;
    }

    /// <summary>Opens a store that must be there.</summary>
    /// <exception cref="SlickException">There is no store, or a newer version made it.</exception>
    public static RunStore OpenExisting(string? folder = null)
    {
        var store = new RunStore(Locate(folder));
        if (!File.Exists(store.Description)) throw new SlickException(
            $"{store.Folder}: there is no store here; slick reproduce makes one, --store names another folder.");
        store.CheckFormat();
        return store;
    }

    // Removes what processes that were killed left behind and nobody resumes.
    private void Tidy()
    {
        foreach (var folder in Directory.GetDirectories(Folder))
        {
            var name = Path.GetFileName(folder);
            var left = name.StartsWith("partial-", StringComparison.Ordinal)
                && (name.Contains('.', StringComparison.Ordinal) || Directory.Exists(Path.Combine(Folder, name["partial-".Length..])));
            if (!left) continue;
            try
            {
                // Somebody who works there holds the lock.
                var held = Path.Combine(folder, "lock");
                if (File.Exists(held)) using (new FileStream(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None)) { }
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* in use,
                or removed by another process just now */ }
        }
    }

    private string Description => Path.Combine(Folder, StoredResult.Description);

    private void CheckFormat()
    {
        int? format;
        try { format = JsonNode.Parse(File.ReadAllText(Description))?["format"]?.GetValue<int>(); }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException) { format = null; }
        if (format is null) throw new SlickException($"{Description}: not the description of a store; choose another folder with --store.");
        if (format > Format) throw new SlickException(
            $"{Folder}: the store has format {format}, this program knows {Format}; use a newer slick or another --store.");
    }

    /// <summary>A stage of the store.</summary>
    /// <param name="name">The stage's name.</param>
    /// <param name="version">Raised whenever the stage's result would change.</param>
    /// <param name="description">What it is, in words, for lists; not part of the hash.</param>
    /// <param name="options">A record of options; every value is part of the hash.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="inputs">Keys of the stages that this one reads.</param>
    public Stage Stage(string name, int version, string description, object options, int seed, params string[] inputs) =>
        Stage("fp32", name, version, description, options, seed, inputs);

    /// <summary>A stage whose model computes in a number format of its own.</summary>
    /// <param name="numberFormat">fp32 or bf16; part of the hash.</param>
    /// <param name="name">The stage's name.</param>
    /// <param name="version">Raised whenever the stage's result would change.</param>
    /// <param name="description">What it is, in words, for lists; not part of the hash.</param>
    /// <param name="options">A record of options; every value is part of the hash.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="inputs">Keys of what this stage reads.</param>
    internal Stage Stage(string numberFormat, string name, int version, string description, object options, int seed,
        IReadOnlyList<string> inputs)
    {
        var identity = new JsonObject
        {
            ["stage"] = name,
            ["version"] = version,
            ["numberFormat"] = numberFormat,
            ["seed"] = seed,
            ["inputs"] = new JsonArray([.. inputs.Select(i => JsonValue.Create(i))]),
            ["options"] = JsonSerializer.SerializeToNode(options, options.GetType(), Json),
        };
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity.ToJsonString())))[..16];
        identity["description"] = description;
        return new Stage(this, name, key, identity.ToJsonString(Json) + "\n");
    }

    /// <summary>Everything in the store, the oldest first.</summary>
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
            var dash = name.LastIndexOf('-');
            var options = Path.Combine(folder, "options.json");
            if (dash < 0 || !File.Exists(options)) continue;
            try
            {
                var timing = Path.Combine(folder, "timing.json");
                var seconds = state == "complete" && File.Exists(timing)
                    ? JsonNode.Parse(File.ReadAllText(timing))!["seconds"]!.GetValue<double>() : double.NaN;
                var description = JsonNode.Parse(File.ReadAllText(options))!["description"]!.GetValue<string>();
                found.Add(new(name[..dash], name[(dash + 1)..], folder, state, description, seconds,
                    new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length),
                        Directory.GetLastWriteTime(folder)));
            }
            catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or IOException)
            {
                if (e is IOException && !Directory.Exists(folder)) continue; // completed by another process just now
                throw new SlickException(
                    $"{folder}: its options.json or timing.json is damaged ({e.Message.ReplaceLineEndings(" ")}); delete the folder, it "
                    + $"is made again.", e);
            }
        }
        return [.. found.OrderBy(s => s.Finished).ThenBy(s => s.Path, StringComparer.Ordinal)];
    }
}

/// <summary>One stage of a <see cref="RunStore"/>.</summary>
public sealed class Stage
{
    private readonly RunStore store;
    private readonly string options;

    internal Stage(RunStore store, string name, string key, string options) =>
        (this.store, Name, Key, this.options) = (store, name, key, options);

    /// <summary>The stage's name.</summary>
    public string Name { get; }
    /// <summary>The hash of all that its result follows from.</summary>
    public string Key { get; }
    /// <summary>The folder of the finished stage.</summary>
    public string Folder => Path.Combine(store.Folder, $"{Name}-{Key}");
    /// <summary>True where the stage is finished: its files can be read.</summary>
    public bool IsComplete => Directory.Exists(Folder);
    /// <summary>True where there is nothing to do: the stage is finished, or it failed, as it would again.</summary>
    public bool IsSettled => IsComplete || System.IO.File.Exists(FailureFile);
    private string FailedFolder => Path.Combine(store.Folder, $"failed-{Name}-{Key}");
    private string FailureFile => Path.Combine(FailedFolder, "failure.json");
    /// <summary>A file of the finished stage.</summary>
    public string File(string name) => Path.Combine(Folder, name);

    /// <summary>
    /// Does the stage's work, unless it is done already. What <paramref name="work"/> leaves in its scratch folder is
    /// there again when the work was killed and begins anew.
    /// </summary>
    /// <param name="work">Given the scratch folder; returns what writes the result's files into a folder.</param>
    /// <exception cref="SlickException">The store cannot be written to, or the work failed: then it is marked as failed.</exception>
    public void Ensure(Func<string, Action<string>> work)
    {
        if (IsComplete) return;
        // The same options and seed would go wrong in the same way again.
        if (System.IO.File.Exists(FailureFile)) throw new DivergedException(ReadFailure());
        var clock = Stopwatch.StartNew();
        using var scratch = OpenScratch();
        AtomicFile.WriteText(Path.Combine(scratch.Folder, "options.json"), options);
        Action<string> write;
        try { write = work(scratch.Folder); }
        catch (DivergedException e)
        {
            AtomicFile.WriteText(Path.Combine(FailedFolder, "options.json"), options);
            AtomicFile.WriteText(FailureFile, new JsonObject { ["message"] = e.Message }.ToJsonString() + "\n");
            scratch.Clear();
            throw;
        }
        // In the scratch folder, which goes when the stage is finished: what a killed process left here goes with it.
        var aside = Path.Combine(scratch.Folder, $"finished-{Guid.NewGuid():N}"); // of this process alone, also where locks do not work
        try
        {
            Directory.CreateDirectory(aside);
            write(aside);
            AtomicFile.WriteText(Path.Combine(aside, "options.json"), options);
            AtomicFile.WriteText(Path.Combine(aside, "timing.json"), new JsonObject
            {
                ["seconds"] = Math.Round(clock.Elapsed.TotalSeconds, 3),
                ["finished"] = DateTime.UtcNow.ToString("O", CultureInfo.InvariantCulture),
                ["host"] = Environment.MachineName,
                ["cores"] = Environment.ProcessorCount,
                ["device"] = store.Device,
            }.ToJsonString() + "\n");
            for (var attempt = 0; ; attempt++)
            {
                try
                {
                    Directory.Move(aside, Folder);
                    break;
                }
                catch (IOException) when (IsComplete) { break; /* another process was first, with the same result */ }
                // On Windows somebody may look into the new files just now.
                catch (Exception e) when (e is IOException or UnauthorizedAccessException && OperatingSystem.IsWindows()
                    && attempt < 20) { Thread.Sleep(50); }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!IsComplete) throw new SlickException(
                $"{store.Folder}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); free some space or choose another --store.", e);
        }
        finally
        {
            if (Directory.Exists(aside)) Directory.Delete(aside, recursive: true);
        }
        scratch.Clear();
    }

    private string ReadFailure()
    {
        string? message;
        try { message = JsonNode.Parse(System.IO.File.ReadAllText(FailureFile))?["message"]?.GetValue<string>(); }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException) { message = null; }
        return message ?? throw new SlickException($"{FailureFile}: damaged; delete its folder and run again.");
    }

    // One process at a time resumes a scratch folder; another one that comes meanwhile works in a folder of its own.
    private Scratch OpenScratch()
    {
        var folder = Path.Combine(store.Folder, $"partial-{Name}-{Key}");
        try
        {
            try { return new Scratch(folder); }
            catch (IOException) when (System.IO.File.Exists(Path.Combine(folder,
                "lock"))) { return new Scratch($"{folder}.{Guid.NewGuid():N}"); }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException(
                $"{folder}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); free some space or choose another --store.", e);
        }
    }

    private sealed class Scratch : IDisposable
    {
        private readonly FileStream held;

        public Scratch(string folder)
        {
            Folder = folder;
            Directory.CreateDirectory(folder);
            held = new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }

        public string Folder { get; }

        public void Clear()
        {
            held.Dispose();
            try { Directory.Delete(Folder, recursive: true); }
            catch (Exception e) when (
                e is IOException or UnauthorizedAccessException) { /* what remains is removed when the store is opened the next time */ }
        }

        public void Dispose() => held.Dispose();
    }
}
