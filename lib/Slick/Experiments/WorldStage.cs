using Slick.Facts;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The stage of a synthetic world, the first stage of a lab's study. The documents follow from options and seed and are not
/// stored.</summary>
internal static class WorldStage
{
    public static StageKind Kind { get; } = new("world", 1, typeof(WorldOptions), _ => "", Run);

    /// <summary>The stage of a world.</summary>
    public static Stage Of(WorldOptions options, int seed) => Kind.Stage($"world, seed {seed}", options, seed, null);

    /// <summary>The facts of a finished world stage.</summary>
    public static Dataset Read(StageFolder stage) =>
        new(SyntheticWorld.Relations, Tables.Read<Fact>(stage.File("facts.parquet")));

    /// <summary>How often pre-training states each fact of a finished world stage.</summary>
    public static IReadOnlyList<ExposureRow> ReadExposures(StageFolder stage) => Tables.Read<ExposureRow>(stage.File("exposures.parquet"));

    private static Action<string> Run(StageWork work)
    {
        var world = SyntheticWorld.Create(work.Stage.OptionsAs<WorldOptions>(), work.Stage.Seed);
        return folder =>
        {
            Tables.Write(Path.Combine(folder, "facts.parquet"), world.Dataset.Facts);
            Tables.Write(Path.Combine(folder, "exposures.parquet"), world.Exposures);
        };
    }
}
