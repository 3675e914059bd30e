using System.Text.Json;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>A base model's label of a fact: what is published behind the tables of labels.</summary>
public sealed record PublishedLabel
{
    /// <summary>Seed of the base model.</summary>
    public required int BaseSeed { get; init; }
    /// <summary>The fact's id in its dataset.</summary>
    public required int FactId { get; init; }
    /// <summary>The relation's id.</summary>
    public required string Relation { get; init; }
    /// <summary>The part of the dataset that the fact belongs to.</summary>
    public required Split Split { get; init; }
    /// <summary>The entity that the question asks about; empty where an earlier version published the study.</summary>
    public string Subject { get; init; } = "";
    /// <summary>The gold answer.</summary>
    public required string Answer { get; init; }
    /// <summary>The rival of a lab's fact; empty where there is none.</summary>
    public string Rival { get; init; } = "";
    /// <summary>P_Correct(T=0).</summary>
    public required double GreedyCorrect { get; init; }
    /// <summary>P_Correct(T&gt;0).</summary>
    public required double SampledCorrect { get; init; }
    /// <summary>The category that follows from both.</summary>
    public required Category Category { get; init; }
}

/// <summary>What pre-training said of a labelled fact of a base model.</summary>
public sealed record PublishedExposure
{
    /// <summary>Seed of the base model.</summary>
    public required int BaseSeed { get; init; }
    /// <summary>The fact's id in its world.</summary>
    public required int FactId { get; init; }
    /// <summary>Times that one pass of pre-training states the gold answer.</summary>
    public required int GoldExposures { get; init; }
    /// <summary>Times that one pass of pre-training states the rival.</summary>
    public required int RivalExposures { get; init; }
}

/// <summary>
/// A study as files that are small enough to be kept beside the README, and read again without a store: <c>study.json</c> and the
/// tables runs, epochs, scores, answers, labels and, of a lab, exposures. The folder <c>model</c> of a lab's study has the first base
/// model with its facts and labels.
/// </summary>
public static class PublishedStudy
{
    // What the tables do not say.
    private sealed record About
    {
        public required string Preset { get; init; }
        public StudiedModel? Model { get; init; }
        public required IReadOnlyDictionary<string, string> Options { get; init; }
        public required IReadOnlyList<Relation> Relations { get; init; }
        public required IReadOnlyList<string> Failures { get; init; }
    }

    // Options that published studies name and that are gone. They were no part of a result's identity.
    private static readonly string[] Former = ["sampling.batchTokens"];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    private const string StudyFile = "study.json";

    // The files of a model's folder that are published with the lab's first base model.
    private static readonly string[] FilesOfAModel = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json"];
    private static readonly string[] TablesOfAModel = ["facts.parquet", "exposures.parquet", "labels.parquet"];

    /// <summary>A folder of the repository's published results.</summary>
    /// <param name="name">The folder's name below <c>data/published</c>.</param>
    /// <exception cref="SlickException">The program does not run in a checkout.</exception>
    public static string Folder(string name) => Path.Combine(Repository.Root ?? throw new SlickException(
        "Published results lie in data/published of the repository, and neither the current folder nor the program lies in a checkout."),
        "data", "published", name);

    /// <summary>True where a folder holds the same runs as a study.</summary>
    /// <param name="result">The study.</param>
    /// <param name="folder">The folder; it may be missing or hold something else.</param>
    internal static bool IsAt(StudyResult result, string folder)
    {
        try
        {
            // Of a folder that was half written the runs alone tell whose it is.
            return File.Exists(Path.Combine(folder, "runs.parquet")) && Tables.Read<RunRow>(Path.Combine(folder, "runs.parquet"))
                .Select(r => r.Run).ToHashSet().SetEquals(result.Runs.Select(r => r.Run));
        }
        catch (SlickException)
        {
            return false;
        }
    }

    /// <summary>Checks that the place of the published model is free, or holds a model that was published with a lab's study. A model of
    /// somebody else's is neither replaced nor deleted.</summary>
    /// <param name="folder">The folder of the study.</param>
    /// <exception cref="SlickException">Another model lies there.</exception>
    public static void EnsureNoOtherModel(string folder)
    {
        var model = Path.Combine(folder, "model");
        if (File.Exists(Path.Combine(model, "config.json")) && !IsPublishedModel(model)) throw new SlickException(
            $"{model}: this model was not published with a study, and the study's own would replace it; choose another folder.");
    }

    // Only a lab's model has its facts beside it.
    private static bool IsPublishedModel(string model) => File.Exists(Path.Combine(model, "facts.parquet"))
        && File.Exists(Path.Combine(model, "exposures.parquet"));

    /// <summary>Writes the files. While they are written there is no <c>study.json</c>, so a folder that is half written cannot be
    /// read.</summary>
    /// <param name="result">The study.</param>
    /// <param name="folder">Where to.</param>
    /// <exception cref="SlickException">The folder cannot be written, or a model lies there that was not published with a
    /// study.</exception>
    public static void Write(StudyResult result, string folder)
    {
        string Path(string name) => System.IO.Path.Combine(folder, name);
        var hasModel = result.IsLab && result.Bases[0].Folder.Length > 0;
        if (hasModel) EnsureNoOtherModel(folder);
        AtomicFile.Remove(Path(StudyFile));
        Tables.Write(Path("runs.parquet"), result.Runs);
        Tables.Write(Path("epochs.parquet"), result.Epochs);
        Tables.Write(Path("scores.parquet"), result.Scores);
        Tables.Write(Path("answers.parquet"), result.Answers);
        Tables.Write(Path("labels.parquet"), [.. result.Bases.SelectMany(b => b.Labels.Select(l => new PublishedLabel
        {
            BaseSeed = b.Seed, FactId = l.FactId, Relation = l.Relation, Split = l.Split,
            Subject = b.Facts[l.FactId].Subject, Answer = l.Answer, Rival = b.Facts[l.FactId].Rival, GreedyCorrect = l.GreedyCorrect,
            SampledCorrect = l.SampledCorrect, Category = l.Category,
        }))]);
        if (result.IsLab)
            Tables.Write(Path("exposures.parquet"), [.. from b in result.Bases
                                                        let labelled = b.Labels.Select(l => l.FactId).ToHashSet()
                                                        from e in b.Exposures
                                                        where labelled.Contains(e.FactId)
                                                        select new PublishedExposure
                                                        {
                                                            BaseSeed = b.Seed, FactId = e.FactId, GoldExposures = e.GoldExposures,
                                                            RivalExposures = e.RivalExposures,
                                                        }]);
        else AtomicFile.Remove(Path("exposures.parquet")); // those of an earlier study would make this study a lab's
        // A model that was published with an earlier study is not this study's.
        if (IsPublishedModel(Path("model")))
            foreach (var file in FilesOfAModel.Concat(TablesOfAModel)) AtomicFile.Remove(System.IO.Path.Combine(Path("model"), file));
        if (hasModel) WriteModel(result.Bases[0], Path("model"));
        AtomicFile.WriteText(Path(StudyFile), JsonSerializer.Serialize(new About
        {
            Preset = result.Preset,
            Model = result.Model,
            Options = NamedOptions.Values(result.Options).ToDictionary(v => v.Name, v => v.Value),
            Relations = [.. result.Bases.SelectMany(b => b.Dataset.Relations).DistinctBy(r => r.Id)],
            Failures = result.Failures,
        }, Indented) + "\n");
    }

    private static void WriteModel(LabelledBase of, string folder)
    {
        foreach (var file in FilesOfAModel.Where(f => File.Exists(Path.Combine(of.Folder, f))))
            CopyFile(Path.Combine(of.Folder, file), folder);
        Tables.Write(Path.Combine(folder, "facts.parquet"), of.Facts);
        Tables.Write(Path.Combine(folder, "exposures.parquet"), of.Exposures);
        Tables.Write(Path.Combine(folder, "labels.parquet"), of.Labels);
    }

    /// <summary>Reads the first base model of a lab's published study.</summary>
    /// <param name="folder">The folder of the study.</param>
    /// <param name="compute">Device and number format of the model.</param>
    /// <exception cref="SlickException">A file is missing or not what it should be, or the study has no model.</exception>
    public static LabelledModel ReadModel(string folder, Compute compute)
    {
        var study = Read(folder);
        var model = Path.Combine(folder, "model");
        // A folder that was once a lab's may still have its model.
        if (!study.IsLab || !File.Exists(Path.Combine(model, "config.json"))) throw new SlickException(
            $"{model}: there is no model. A study on a checkpoint is published without the checkpoint; name its folder as the model.");
        var dataset = new Dataset(study.Bases[0].Dataset.Relations, Tables.Read<Fact>(Path.Combine(model, "facts.parquet")));
        return new(study.Preset, study.Options, BaseModel.OfPublished(model, dataset,
            Tables.Read<ExposureRow>(Path.Combine(model, "exposures.parquet")), study.Bases[0].Seed, compute),
            Tables.Read<LabelRow>(Path.Combine(model, "labels.parquet"))) { IsPublished = true };
    }

    /// <summary>
    /// Reads what <see cref="Write"/> wrote. Of the facts it has what the labels say; questions are empty, and a fact without a label is
    /// one of dev that no table names.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="SlickException">A file is missing or not what it should be.</exception>
    public static StudyResult Read(string folder)
    {
        string Path(string name) => System.IO.Path.Combine(folder, name);
        About about;
        StudyOptions options;
        try
        {
            about = JsonSerializer.Deserialize<About>(File.ReadAllText(Path(StudyFile)))
                ?? throw new JsonException("It holds nothing.");
            options = about.Options.Where(v => !Former.Contains(v.Key))
                .Aggregate(new StudyOptions(), (o, v) => NamedOptions.Set(o, $"{v.Key}={v.Value}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or UsageException)
        {
            throw new SlickException($"{Path(StudyFile)}: {e.Message} It is a file that slick reproduce --publish writes.", e);
        }
        var exposures = (File.Exists(Path("exposures.parquet")) ? Tables.Read<PublishedExposure>(Path("exposures.parquet")) : [])
            .ToLookup(e => e.BaseSeed);
        return new(about.Preset, options, [.. Tables.Read<PublishedLabel>(Path("labels.parquet")).GroupBy(l => l.BaseSeed)
            .OrderBy(g => g.Key).Select(of => Base(of.Key, about.Relations, [.. of], [.. exposures[of.Key]]))],
            Tables.Read<RunRow>(Path("runs.parquet")), Tables.Read<EpochRow>(Path("epochs.parquet")),
            Tables.Read<ScoreRow>(Path("scores.parquet")), Tables.Read<AnswerRow>(Path("answers.parquet")), about.Failures)
        {
            Model = about.Model,
        };
    }

    /// <summary>Copies the base model that is published with one study to another study's folder, file by file. A study that has no
    /// model leaves none.</summary>
    /// <param name="from">The folder of the study that has the model.</param>
    /// <param name="to">The folder of the other study.</param>
    /// <exception cref="SlickException">A file cannot be read or written.</exception>
    public static void CopyModel(string from, string to)
    {
        EnsureNoOtherModel(to);
        var (source, target) = (Path.Combine(from, "model"), Path.Combine(to, "model"));
        foreach (var file in Directory.Exists(source) ? Directory.GetFiles(source) : []) CopyFile(file, target);
    }

    private static void CopyFile(string file, string folder) =>
        AtomicFile.Write(Path.Combine(folder, Path.GetFileName(file)), to =>
        {
            using var from = File.OpenRead(file);
            from.CopyTo(to);
        });

    /// <summary>A base model of which the labels are known and the model is not there.</summary>
    internal static LabelledBase Base(int seed, IReadOnlyList<Relation> relations, IReadOnlyList<PublishedLabel> labels,
        IReadOnlyList<PublishedExposure> exposures)
    {
        var facts = Enumerable.Range(0, labels.Max(l => l.FactId) + 1)
            .Select(id => new Fact { Id = id, Relation = "", Split = Split.Dev, Subject = "", Question = "", Answer = "" }).ToArray();
        foreach (var l in labels) facts[l.FactId] = facts[l.FactId] with { Relation = l.Relation, Split = l.Split, Subject = l.Subject,
            Answer = l.Answer, Rival = l.Rival };
        return new(seed, "", new(relations, facts), [.. labels.Select(l => new LabelRow
        {
            FactId = l.FactId, Relation = l.Relation, Split = l.Split, Question = "", Answer = l.Answer, GreedyCorrect = l.GreedyCorrect,
            SampledCorrect = l.SampledCorrect, Category = l.Category, CategoryProbability = double.NaN,
        })], [.. exposures.Select(e => new ExposureRow { FactId = e.FactId, GoldExposures = e.GoldExposures,
            RivalExposures = e.RivalExposures })]);
    }
}
