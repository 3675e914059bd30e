using System.Text.Json;
using System.Text.Json.Serialization;
using Slick.Experiments;
using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>A model's labels and examples, as they are published.</summary>
/// <param name="Result">The labels, and how they were made.</param>
/// <param name="Examples">Facts of each category with the model's answers (the paper's Figure 2).</param>
/// <param name="Prompt">The first prompt of the first example, as the model sees it.</param>
public sealed record PublishedAnnotation(AnnotationResult Result, IReadOnlyList<ExampleRow> Examples, string Prompt);

/// <summary>
/// Writes the paper's Table 3 for a model as files, and reads them. The files are small enough to lie beside the README. A notebook without
/// the model can read them.
/// </summary>
public static class AnnotationReport
{
    // What the table of labels does not say.
    private sealed record About
    {
        public required string Model { get; init; }
        public required string NumberFormat { get; init; }
        public required string Split { get; init; }
        public required int? Questions { get; init; }
        public required int Seed { get; init; }
        public required string Estimator { get; init; }
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] // files without a normaliser keep their old bytes
        public string? Normaliser { get; init; }
        public required int MovedBoundaries { get; init; }
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] // none: EntityQuestions
        public string? Source { get; init; }
        public required string Prompt { get; init; }
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    /// <summary>The tables that are published for a model: Table 3, and the same labels by gold answer.</summary>
    /// <param name="result">The labels, and how they were made.</param>
    public static IReadOnlyList<TableView> TablesOf(AnnotationResult result) =>
        [AnnotationTable.Make(result), AnnotationTable.ByAnswer(result)];

    /// <summary>
    /// Writes <c>labels.parquet</c>, <c>examples.parquet</c>, <c>annotation.json</c>, the tables as Markdown and the figure as SVG.
    /// </summary>
    /// <param name="result">The labels, and how they were made.</param>
    /// <param name="known">The model with its labels. Its answers to the examples are drawn now.</param>
    /// <param name="folder">The folder to write to.</param>
    /// <param name="progress">Told how many examples the model has answered.</param>
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
            Source = result.Source == AnnotationResult.EntityQuestions ? null : result.Source,
            Prompt = Inspection.PromptText(known, first.FactId),
        }, Indented) + "\n");
        foreach (var table in TablesOf(result)) AtomicFile.WriteText(Path.Combine(folder, table.Id + ".md"), table.Markdown());
        var figure = KnowledgeFigures.KnownByRelation(result);
        SvgRenderer.Save(figure, Path.Combine(folder, figure.Id + ".svg"));
    }

    /// <summary>Reads the files that <see cref="Publish"/> wrote.</summary>
    /// <param name="folder">The folder with the files.</param>
    /// <exception cref="SlickException">A file is missing, or it is not as <see cref="Publish"/> writes it.</exception>
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
                labels) { Source = about.Source ?? AnnotationResult.EntityQuestions },
                Tables.Read<ExampleRow>(Path.Combine(folder, "examples.parquet")), about.Prompt);
        }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException or JsonException or ArgumentException or NullReferenceException)
        {
            throw new SlickException($"{path}: {e.Message} It is a file that slick annotate --publish writes.", e);
        }
    }
}
