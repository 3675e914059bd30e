using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Storage;

namespace Slick.Workbook.Notebooks;

/// <summary>The views of <c>#!sql</c> (<see cref="SqlKernel"/>): the tables of a store's stages and of a published study.</summary>
/// <param name="database">The open database that gets the views.</param>
internal sealed partial class SqlViews(DuckDBConnection database)
{
    // View, file, kinds of stages that have the file, type of the rows, columns that identify a row's stage.
    private static readonly (string View, string File, string[] Stages, Type Row, string[] Of)[] Views =
    [
        ("facts", "facts.parquet", ["world"], typeof(Fact), ["Key as Stage", "World", "Preset", "Seed as BaseSeed"]),
        ("labels", "labels.parquet", ["labels"], typeof(LabelRow), ["Key as Stage", "Labels", "World", "Preset", "Seed as BaseSeed"]),
        ("exposures", "exposures.parquet", ["world"], typeof(ExposureRow), ["Key as Stage", "World", "Preset", "Seed as BaseSeed"]),
        ("runs", "runs.parquet", ["finetune"], typeof(RunRow), ["Preset", "Arm", "Labels"]),
        ("epochs", "epochs.parquet", ["finetune"], typeof(EpochRow), ["Preset", "Arm", "Labels"]),
        ("scores", "scores.parquet", ["finetune"], typeof(ScoreRow), ["Preset", "Arm", "Labels"]),
        ("answers", "answers.parquet", ["finetune"], typeof(AnswerRow), ["Preset", "Arm", "Labels"]),
    ];

    private IReadOnlyList<StoredRun>? _runs; // what the views show; null where they are to be made again
    private (string? Folder, DateTime Written) _published;

    /// <summary>Makes the views show the present store and the present published results: an earlier cell may have computed
    /// something.</summary>
    /// <param name="store">The store's folder; null for the default.</param>
    /// <param name="results">What the C# variable <c>results</c> says; null where there is none.</param>
    /// <param name="sql">The query that follows. A damaged file is an error only for queries that use its view.</param>
    /// <exception cref="SlickException">The published study cannot be read.</exception>
    /// <exception cref="DuckDBException">A file of a view that the query uses is damaged.</exception>
    public void Refresh(string? store, string? results, string sql)
    {
        var runs = StoredRuns.Read(store);
        var published = PublishedFolder(results);
        // A folder may have been published anew: study.json is written with every publication.
        var written = published is null ? default : File.GetLastWriteTimeUtc(Path.Combine(published, "study.json"));
        if (_runs is not null && _runs.SequenceEqual(runs) && _published == (published, written))
            return;
        (_runs, _published) = (null, (published, written));
        if (published is not null)
            ReadPublishedRuns(published);
        Execute($"create or replace table stages({string.Join(", ", Columns(typeof(StoredRun)).Select(c => $"{c.Name} {c.Type}"))})");
        Execute("create or replace table stage_files(Path varchar, Stage varchar)");
        using (var appender = database.CreateAppender("stages"))
        {
            foreach (var run in runs)
                appender.CreateRow().AppendValue(run.Key).AppendValue(run.Stage).AppendValue(run.Preset).AppendValue(run.Arm)
                    .AppendValue(run.Seed).AppendValue(run.Draw).AppendValue(run.Title).AppendValue(run.State)
                    .AppendValue(run.Seconds).AppendValue(run.Folder).AppendValue(run.Labels).AppendValue(run.World).EndRow();
        }
        var isWhole = true;
        foreach (var (view, file, stages, row, of) in Views)
        {
            var files = runs.Where(r => r.State == "complete" && stages.Contains(r.Stage))
                .Select(r => (Path: Path.Combine(r.Folder, file), r.Key)).Where(f => File.Exists(f.Path)).ToList();
            try
            {
                CreateView(view, files, row, of, published);
            }
            catch (DuckDBException) when (!Regex.IsMatch(sql, $@"\b{view}\b", RegexOptions.IgnoreCase))
            {
                // The next query makes the view again.
                isWhole = false;
            }
        }
        if (isWhole)
            _runs = runs;
    }

    private void CreateView(string view, List<(string Path, string Stage)> files, Type row, string[] of, string? published)
    {
        Execute($"drop view if exists {view}");
        // A part without rows names the columns, so that they are there without any file.
        var columns = of.Select(c => (Name: c.Split(' ')[^1], Type: c.StartsWith("Seed", StringComparison.Ordinal) ? "integer"
            : "varchar")).Concat(Columns(row));
        List<string> parts = [$"select {string.Join(", ", columns.Select(c => $"null::{c.Type} as {Quoted(c.Name)}"))} where false"];
        if (files.Count > 0)
        {
            using (var appender = database.CreateAppender("stage_files"))
            {
                foreach (var (path, stage) in files)
                    appender.CreateRow().AppendValue(path).AppendValue(stage).EndRow();
            }
            parts.Add($"select {string.Join(", ", of.Select(c => "r." + c))}, t.* exclude (stage_file) "
                + $"from read_parquet([{string.Join(", ", files.Select(f => Literal(f.Path)))}], union_by_name = true, "
                + "filename = 'stage_file') t join stage_files f on f.Path = t.stage_file join stages r on r.Key = f.Stage");
        }
        if (published is not null && Published(view, published) is { } rows)
            parts.Add(rows);
        Execute($"create view {view} as {string.Join(" union all by name ", parts)}");
    }

    // The folder of published results that a notebook names; null where it names none, or there is none: the cell that opens it says so.
    private static string? PublishedFolder(string? results)
    {
        if (results is null)
            return null;
        try
        {
            return ResultsChoice.Parse(results).Folder is { } folder && File.Exists(Path.Combine(folder, "study.json")) ? folder : null;
        }
        catch (SlickException)
        {
            return null;
        }
    }

    // Published runs have no stages. Their labels and worlds are told apart by the base model's seed.
    private void ReadPublishedRuns(string folder)
    {
        var path = Path.Combine(folder, "study.json");
        string preset;
        try
        {
            using var study = JsonDocument.Parse(File.ReadAllText(path));
            preset = $"published {study.RootElement.GetProperty("Preset").GetString()}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException
            or InvalidOperationException)
        {
            throw new SlickException($"{path}: {e.Message} It is a file that slick reproduce --publish writes.", e);
        }
        Execute("create or replace table published(Run varchar, Preset varchar, Arm varchar, BaseSeed integer)");
        using var appender = database.CreateAppender("published");
        foreach (var run in Tables.Read<RunRow>(Path.Combine(folder, "runs.parquet")))
            appender.CreateRow().AppendValue(run.Run).AppendValue(preset).AppendValue(new Arm(run.Kind, run.UnknownPercent).ToString())
                .AppendValue(run.BaseSeed).EndRow();
    }

    // The rows of a view in published files; null where there is no such file.
    private static string? Published(string view, string folder)
    {
        const string Preset = "(select any_value(Preset) from published) as Preset";
        var path = Path.Combine(folder, view == "facts" ? Path.Combine("model", "facts.parquet") : $"{view}.parquet");
        if (!File.Exists(path))
            return null;
        var from = $"from read_parquet({Literal(path)}) t";
        return view switch
        {
            // The published model is that of the first seed.
            "facts" => $"select 'published ' || s.BaseSeed as World, {Preset}, s.BaseSeed, t.* {from}, "
                + "(select min(BaseSeed) as BaseSeed from published) s",
            "labels" => $"select 'published ' || BaseSeed as Labels, 'published ' || BaseSeed as World, {Preset}, t.* {from}",
            "exposures" => $"select 'published ' || BaseSeed as World, {Preset}, t.*, case when GoldExposures + RivalExposures = 0 then "
                + $"'NeverSeen' when RivalExposures > GoldExposures then 'RivalMajority' else 'GoldMajority' end as Told {from}",
            _ => $"select p.Preset, p.Arm, 'published ' || p.BaseSeed as Labels, t.* {from} join published p on p.Run = t.Run",
        };
    }

    private static string Literal(string path) => $"'{Glob().Replace(path, "[$0]").Replace("'", "''", StringComparison.Ordinal)}'";

    private void Execute(string sql)
    {
        using var command = database.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static IEnumerable<(string Name, string Type)> Columns(Type row) =>
        row.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => (p.Name,
        p.PropertyType == typeof(int) ? "integer" : p.PropertyType == typeof(double) ? "double" : p.PropertyType == typeof(bool)
            ? "boolean" : "varchar"));

    /// <summary>A name as SQL writes it.</summary>
    internal static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    [GeneratedRegex(@"[*?\[]")]
    private static partial Regex Glob();
}
