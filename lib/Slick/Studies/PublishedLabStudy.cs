using System.Text.Json;
using Slick.Experiments;
using Slick.Figures;
using Slick.Storage;

namespace Slick.Studies;

/// <summary>A lab's study as a small folder: <c>study.json</c> and <c>values.parquet</c>, from which the others follow: <c>claims.md</c>,
/// <c>table.md</c> and <c>figure.svg</c>.</summary>
public static class PublishedLabStudy
{
    private const string StudyFile = "study.json", ValuesFile = "values.parquet";

    private sealed record About
    {
        public required string Study { get; init; }
        public required string Preset { get; init; }
        public required int Seed { get; init; }
        public required IReadOnlyDictionary<string, string> Options { get; init; }
        public required IReadOnlyList<StudyVariant> Variants { get; init; }
        public required IReadOnlyList<LackingRun> Lacking { get; init; }
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>The folder of a study in the repository's published results.</summary>
    /// <param name="study">The study.</param>
    internal static string FolderOf(LabStudy study) => Path.Combine("studies", study.Name);

    /// <summary>True for a folder that holds a lab's study.</summary>
    /// <param name="folder">The folder.</param>
    public static bool IsAt(string folder) => File.Exists(Path.Combine(folder, ValuesFile));

    /// <summary>Writes the files.</summary>
    /// <param name="result">What the study found.</param>
    /// <param name="folder">Where to; it is made where it is missing.</param>
    /// <exception cref="SlickException">The folder cannot be written.</exception>
    public static void Write(LabStudyResult result, string folder)
    {
        string Path(string name) => System.IO.Path.Combine(folder, name);
        // Without this file a folder that is half written cannot be read.
        AtomicFile.Remove(Path(StudyFile));
        Tables.Write(Path(ValuesFile), result.Rows);
        AtomicFile.WriteText(Path(StudyFile), JsonSerializer.Serialize(new About
        {
            Study = result.Study.Name, Preset = result.Preset, Seed = result.Seed,
            Options = NamedOptions.Values(result.Options).ToDictionary(v => v.Name, v => v.Value), Variants = result.Variants,
            Lacking = result.Lacking,
        }, Indented) + "\n");
        AtomicFile.WriteText(Path("claims.md"), result.ClaimsTable().Markdown());
        AtomicFile.WriteText(Path("table.md"), result.Table().Markdown());
        SvgRenderer.Save(result.Figure(), Path("figure.svg"));
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="SlickException">A file is missing or not what it should be.</exception>
    public static LabStudyResult Read(string folder)
    {
        var file = Path.Combine(folder, StudyFile);
        try
        {
            var about = JsonSerializer.Deserialize<About>(File.ReadAllText(file)) ?? throw new JsonException("It holds nothing.");
            return new(LabStudies.Of(about.Study), about.Preset,
                about.Options.Aggregate(new StudyOptions(), (o, v) => NamedOptions.Set(o, $"{v.Key}={v.Value}")), about.Seed,
                Tables.Read<StudyValue>(Path.Combine(folder, ValuesFile)), about.Lacking) { IsPublished = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or UsageException)
        {
            throw new SlickException($"{file}: {e.Message} It is a file that slick study NAME --publish writes.", e);
        }
    }
}
