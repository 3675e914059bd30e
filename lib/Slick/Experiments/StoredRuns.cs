using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>A stage of a store. A row of the table that <see cref="StoredRuns"/> gives.</summary>
public sealed record StoredRun
{
    /// <summary>The stage's key: 16 hexadecimal digits.</summary>
    public required string Key { get; init; }
    /// <summary>The stage's kind: world, pretrain, label, labels, finetune, relabel.</summary>
    public required string Stage { get; init; }
    /// <summary>The preset that the stage belongs to. Several are separated by a comma. Empty where the stage belongs to none.</summary>
    public required string Preset { get; init; }
    /// <summary>The fine-tuning set, such as <c>D 50%</c>; empty for other stages.</summary>
    public required string Arm { get; init; }
    /// <summary>The stage's seed.</summary>
    public required int Seed { get; init; }
    /// <summary>Number of the draw of a fine-tuning run; 0 for other stages.</summary>
    public required int Draw { get; init; }
    /// <summary>The stage in words.</summary>
    public required string Title { get; init; }
    /// <summary>complete, failed, working, held or partial, as of <see cref="StoredStage"/>.</summary>
    public required string State { get; init; }
    /// <summary>Seconds that the stage took; NaN where it is not complete.</summary>
    public required double Seconds { get; init; }
    /// <summary>Path of the stage's folder.</summary>
    public required string Folder { get; init; }
    /// <summary>The name of the stage of the table of labels that a fine-tuning run reads, and of that stage itself; empty for other
    /// stages. With a fact's id it identifies a label: other labels of the same seed may be there, of other options.</summary>
    public required string Labels { get; init; }
    /// <summary>The name of the world's stage whose facts were labelled, and of that stage itself; empty for other stages and for questions
    /// that are no world's.</summary>
    public required string World { get; init; }
}

/// <summary>Lists the stages of a store.</summary>
public static class StoredRuns
{
    /// <summary>Reads a store without changing it.</summary>
    /// <param name="folder">The store's folder, as <see cref="RunStore.Locate"/> takes it.</param>
    /// <returns>One row for each stage, the oldest first. Empty where there is no store.</returns>
    /// <exception cref="SlickException">A newer version made the store, or a stage's description is damaged.</exception>
    public static IReadOnlyList<StoredRun> Read(string? folder = null)
    {
        if (!File.Exists(Path.Combine(RunStore.Locate(folder), StoredResult.Description))) return [];
        var store = RunStore.OpenExisting(folder);
        var stages = store.List().Where(s => s.Stage is not null).ToList();
        var named = stages.DistinctBy(s => s.Name).ToDictionary(s => s.Name, s => s.Stage!, StringComparer.Ordinal);
        var presets = Presets(stages);
        return [.. stages.Select(s => new StoredRun
        {
            Key = s.Stage!.Key,
            Stage = s.Stage.Kind,
            Preset = presets.GetValueOrDefault(s.Stage.Name, ""),
            Arm = RunOf(s.Stage)?.Arm.ToString() ?? "",
            Seed = s.Stage.Seed,
            Draw = RunOf(s.Stage)?.Draw ?? 0,
            Title = s.Stage.Title,
            State = s.State,
            Seconds = s.Seconds,
            Folder = s.Path,
            Labels = s.Stage.Kind == LabelTable.Kind.Name ? s.Stage.Name
                : s.Stage.Kind == FineTuneStage.Kind.Name ? s.Stage.Inputs[2] : "",
            World = s.Stage.Kind == WorldStage.Kind.Name ? s.Stage.Name
                : s.Stage.Kind == LabelTable.Kind.Name ? WorldOf(s.Stage, named) : "",
        })];
    }

    // A table of labels joins stages of labels, whose second input is what was asked. All facts of a world have one name.
    private static string WorldOf(Stage table, Dictionary<string, Stage> named) => table.Inputs.Select(named.GetValueOrDefault)
        .OfType<Stage>().Select(labels => labels.Inputs[1])
        .FirstOrDefault(asked => asked.StartsWith(WorldStage.Kind.Name + "-", StringComparison.Ordinal)) ?? "";

    private static Run? RunOf(Stage stage) => stage.Kind == FineTuneStage.Kind.Name ? stage.OptionsAs<RunOptions>().Run : null;

    /// <summary>
    /// What tells the stages of a store from each other, where it has those of several studies: the preset that a stage belongs to. A stage
    /// of no preset is told from those with the same title: by its options, its device, or what tells its inputs from theirs.
    /// </summary>
    /// <param name="stages">The stages of a store, as <see cref="RunStore.List"/> gives them.</param>
    /// <returns>Words by the stage's name. A stage that nothing needs to be said about is not there.</returns>
    public static IReadOnlyDictionary<string, string> Distinctions(IReadOnlyList<StoredStage> stages)
    {
        List<StoredStage> described = [.. stages.Where(s => s.Stage is not null)];
        var presets = Presets(described);
        var named = described.DistinctBy(s => s.Name).ToDictionary(s => s.Name, s => s.Stage!, StringComparer.Ordinal);
        if (named.Keys.Select(n => presets.GetValueOrDefault(n, "")).Distinct().Count() < 2
            && named.Values.DistinctBy(s => s.Title).Count() == named.Count) return new Dictionary<string, string>();
        var titles = named.Values.ToLookup(s => s.Title, StringComparer.Ordinal);
        string Of(Stage stage)
        {
            if (presets.TryGetValue(stage.Name, out var preset)) return preset;
            var own = Values(stage);
            var others = titles[stage.Title].Where(s => s.Name != stage.Name).Select(s => (Stage: s, Values: Values(s))).ToList();
            bool Has((Stage, Dictionary<string, string> Values) other, KeyValuePair<string, string> value) =>
                other.Values.GetValueOrDefault(value.Key) == value.Value;
            var differing = own.Where(v => !others.All(o => Has(o, v))).Select(v => v.Key == "" ? v.Value : $"{v.Key}={v.Value}");
            // Those with the same options have other inputs.
            var alike = others.Where(o => o.Values.Count == own.Count && own.All(v => Has(o, v))).ToList();
            var inputs = stage.Inputs.Where(i => alike.Any(o => !o.Stage.Inputs.Contains(i)));
            return string.Join(", ", differing.Order(StringComparer.Ordinal).Concat(inputs.Select(i =>
                named.TryGetValue(i, out var input) && Of(input) is { Length: > 0 } words ? words : i)).Distinct());
        }
        return named.Values.Select(s => (s.Name, Words: Of(s))).Where(s => s.Words.Length > 0)
            .ToDictionary(s => s.Name, s => s.Words, StringComparer.Ordinal);
    }

    // The options that differ from their defaults, by their names with dots; and without a name device and number format.
    private static Dictionary<string, string> Values(Stage stage)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        void Add(JsonObject of, string before)
        {
            foreach (var (name, value) in of)
                if (value is JsonObject inner) Add(inner, $"{before}{name}.");
                else values[before + name] = value?.ToJsonString().Trim('"') ?? "null";
        }
        Add(stage.Options, "");
        if (stage.Device.Length > 0) values[""] = $"{stage.Device} {stage.NumberFormat}";
        return values;
    }

    // Options cannot be found from a stage's name. So the names of the stages of all presets are computed and compared.
    private static Dictionary<string, string> Presets(IReadOnlyList<StoredStage> stages)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var seed in stages.Where(s => s.Stage!.Kind == PreTrainStage.Kind.Name).Select(s => s.Stage!.Seed).Distinct())
            foreach (var (preset, options) in StudyOptions.Presets)
                foreach (var device in new[] { "cpu", "cuda" })
                    foreach (var stage in StudyPlan.Bases(options with { Bases = 1 }, seed, new(device, "fp32")).SelectMany(b => b.All)
                        .Select(s => s.Name))
                        names[stage] = names.TryGetValue(stage, out var other) && other != preset ? $"{other}, {preset}" : preset;
        return names;
    }
}
