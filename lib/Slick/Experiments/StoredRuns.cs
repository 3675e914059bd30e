using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>A stage of a store, as a row of a table.</summary>
public sealed record StoredRun
{
    /// <summary>The stage's key: 16 hexadecimal digits.</summary>
    public required string Key { get; init; }
    /// <summary>model, labels, run; relation and table for real models.</summary>
    public required string Stage { get; init; }
    /// <summary>The preset that the stage belongs to; several are joined by a comma, empty where options differ from all.</summary>
    public required string Preset { get; init; }
    /// <summary>The fine-tuning set, such as <c>D 50%</c>; empty for other stages.</summary>
    public required string Arm { get; init; }
    /// <summary>Seed of world and model.</summary>
    public required int Seed { get; init; }
    /// <summary>Of a run, the number of the draw of its set and order, from 1; 0 for other stages.</summary>
    public required int Draw { get; init; }
    /// <summary>What the stage is, in words.</summary>
    public required string Title { get; init; }
    /// <summary>complete, failed or partial.</summary>
    public required string State { get; init; }
    /// <summary>How long it took; NaN where it is not complete.</summary>
    public required double Seconds { get; init; }
    /// <summary>The folder.</summary>
    public required string Folder { get; init; }
}

/// <summary>What a store holds, a row a stage.</summary>
public static partial class StoredRuns
{
    /// <summary>Reads a store without changing it.</summary>
    /// <param name="folder">As for <see cref="RunStore.Locate"/>.</param>
    /// <returns>The oldest first; nothing where there is no store.</returns>
    /// <exception cref="SlickException">A newer version made the store, or a stage's description is damaged.</exception>
    public static IReadOnlyList<StoredRun> Read(string? folder = null)
    {
        if (!File.Exists(Path.Combine(RunStore.Locate(folder), StoredResult.Description))) return [];
        var store = RunStore.OpenExisting(folder);
        var stages = store.List().Select(s => (Stage: s, Seed: SeedOf(s))).ToList();
        var presets = Presets(store, stages.Where(s => s.Stage.Name == "model").Select(s => s.Seed).Distinct());
        return [.. stages.Select(s =>
        {
            var run = Titled().Match(s.Stage.Name == "run" ? s.Stage.Description : "");
            return new StoredRun
            {
                Key = s.Stage.Key,
                Stage = s.Stage.Name,
                Preset = presets.GetValueOrDefault(s.Stage.Key, ""),
                Arm = run.Groups["arm"].Value,
                Seed = run.Success ? int.Parse(run.Groups["seed"].Value, CultureInfo.InvariantCulture) : s.Seed,
                Draw = run.Success ? int.Parse(run.Groups["draw"].Value, CultureInfo.InvariantCulture) : 0,
                Title = s.Stage.Description,
                State = s.Stage.State,
                Seconds = s.Stage.Seconds,
                Folder = s.Stage.Path,
            };
        })];
    }

    // What a run's stage is called.
    [GeneratedRegex("^(?<arm>.+), draw (?<draw>[0-9]+), base seed (?<seed>[0-9]+)$")]
    private static partial Regex Titled();

    private static int SeedOf(StoredStage stage)
    {
        try { return JsonNode.Parse(File.ReadAllText(Path.Combine(stage.Path, "options.json")))!["seed"]!.GetValue<int>(); }
        catch (Exception e) when (e is System.Text.Json.JsonException or NullReferenceException or InvalidOperationException or IOException)
        {
            throw new SlickException(
                $"{stage.Path}: its options.json is damaged ({e.Message.ReplaceLineEndings(" ")}); "
                + "delete the folder, it is made again.", e);
        }
    }

    // A key follows from options and seed, not the other way round: the keys of all presets are made and compared.
    private static Dictionary<string, string> Presets(RunStore store, IEnumerable<int> seeds)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var seed in seeds)
        {
            foreach (var (preset, options) in StudyOptions.Presets)
            {
                var model = BaseModel.StageOf(options, seed, store).Key;
                var labels = Labels.StageOf(model, seed, options, store).Key;
                var runs = options.Arms().SelectMany(a => Enumerable.Range(1, a.Draws)
                    .Select(d => FineTuningRuns.StageOf(new(a.Arm, d), model, labels, seed, options, store).Key));
                foreach (var key in runs.Prepend(labels).Prepend(model))
                    names[key] = names.TryGetValue(key, out var other) ? $"{other}, {preset}" : preset;
            }
        }
        return names;
    }
}
