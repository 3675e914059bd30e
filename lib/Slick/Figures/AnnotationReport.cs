using System.Text.Json;
using System.Text.Json.Serialization;
using Slick.Experiments;
using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>What is published of a model's labels.</summary>
/// <param name="Result">The labels, and how they were made.</param>
/// <param name="Examples">Facts of each category with the model's answers (Figure 2).</param>
/// <param name="Prompt">The first prompt of the first example, as the model sees it.</param>
public sealed record PublishedAnnotation(AnnotationResult Result, IReadOnlyList<ExampleRow> Examples, string Prompt);

/// <summary>
/// Table 3 of a model as files: small enough to be kept beside the README, and read again by a notebook that has no model.
/// </summary>
public static class AnnotationReport
{
    // What the labels' table does not say.
    private sealed record About
    {
        public required string Model { get; init; }
        public required string NumberFormat { get; init; }
        public required string Split { get; init; }
        public required int? Questions { get; init; }
        public required int Seed { get; init; }
        public required string Estimator { get; init; }
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] // as files without it were always written
        public string? Normaliser { get; init; }
        public required int MovedBoundaries { get; init; }
        public required string Prompt { get; init; }
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>The tables that are published of a model: Table 3, and the same labels by gold answer.</summary>
    /// <param name="result">The labels, and how they were made.</param>
    public static IReadOnlyList<TableView> TablesOf(AnnotationResult result) =>
        [AnnotationTable.Make(result), AnnotationTable.ByAnswer(result)];

    /// <summary>
    /// Writes <c>labels.parquet</c>, <c>examples.parquet</c>, <c>annotation.json</c>, the tables as Markdown and the figure as SVG.
    /// </summary>
    /// <param name="result">The labels, and how they were made.</param>
    /// <param name="known">The model with its labels; its answers to the examples are drawn now.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="progress">Told how many examples are answered.</param>
    /// <exception cref="SlickException">The folder cannot be written.</exception>
    public static void Publish(AnnotationResult result, LabelledModel known, string folder, IProgressReport? progress = null)
    {
        var examples = Inspection.Examples(known, perCategory: 12, progress);
        var first = known.Labels.First(l => l.Question == examples[0].Question && l.Relation == examples[0].Relation);
        Tables.Write(Path.Combine(folder, "labels.parquet"), result.Labels);
        Tables.Write(Path.Combine(folder, "examples.parquet"), examples);
        AtomicFile.WriteText(Path.Combine(folder, "annotation.json"), JsonSerializer.Serialize(new About
        {
            Model = result.Model,
            NumberFormat = result.NumberFormat,
            Split = result.Options.Split.ToString(),
            Questions = result.Options.Questions,
            Seed = result.Options.Seed,
            Estimator = result.Options.Estimator.ToString(),
            Normaliser = result.Options.Normaliser == default ? null : result.Options.Normaliser.ToString(),
            MovedBoundaries = result.MovedBoundaries,
            Prompt = Inspection.PromptText(known, first.FactId),
        }, Indented) + "\n");
        foreach (var table in TablesOf(result)) AtomicFile.WriteText(Path.Combine(folder, table.Id + ".md"), table.Markdown());
        var figure = KnowledgeFigures.KnownByRelation(result);
        SvgRenderer.Save(figure, Path.Combine(folder, figure.Id + ".svg"));
    }

    /// <summary>What <see cref="Publish"/> wrote.</summary>
    /// <exception cref="SlickException">A file is missing or not what it should be.</exception>
    public static PublishedAnnotation Read(string folder)
    {
        var path = Path.Combine(folder, "annotation.json");
        var labels = Path.Combine(folder, "labels.parquet");
        try
        {
            var about = JsonSerializer.Deserialize<About>(File.ReadAllText(path))!;
            var options = new AnnotationOptions
            {
                Split = Enum.Parse<Split>(about.Split),
                Questions = about.Questions,
                Seed = about.Seed,
                Estimator = Enum.Parse<EstimatorKind>(about.Estimator),
            };
            if (about.Normaliser is { } normaliser) options = NamedOptions.Set(options, $"normaliser={normaliser}");
            return new(new(about.Model, options, about.NumberFormat, Tables.Read<Knowledge.LabelRow>(labels), about.MovedBoundaries,
                labels),
                Tables.Read<ExampleRow>(Path.Combine(folder, "examples.parquet")), about.Prompt);
        }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException or JsonException or ArgumentException or NullReferenceException)
        {
            throw new SlickException($"{path}: {e.Message} It is a file that slick annotate --publish writes.", e);
        }
    }
}
