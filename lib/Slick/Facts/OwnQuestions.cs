using System.Globalization;
using System.Text;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Facts;

/// <summary>
/// Reads a user's own questions. The file is CSV (RFC 4180; <c>.tsv</c> with tabs) whose first line names the columns, or JSONL with an
/// object a line, in UTF-8. Each relation needs exemplars for its prompts: its questions of the split dev. Where a relation has none, some
/// of its questions are drawn with the seed. These then belong to dev and are not asked. Taught in
/// <c>notebooks/07-your-own-model-and-data.ipynb</c>.
/// </summary>
public static class OwnQuestions
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    // A row of the file: its line, from 1, and the text in each column. A key that a JSON object lacks is absent.
    private readonly record struct Row(int Line, IReadOnlyDictionary<string, string> Texts);

    /// <summary>Reads the questions of a file.</summary>
    /// <param name="path">A file that ends with <c>.csv</c>, <c>.tsv</c>, <c>.jsonl</c> or <c>.ndjson</c>.</param>
    /// <param name="columns">Which columns hold what. Other columns are not read.</param>
    /// <param name="seed">Seed of the exemplars of a relation that has no dev questions.</param>
    /// <param name="shots">Number of exemplars in a prompt.</param>
    /// <param name="prompts">Number of prompts of a relation.</param>
    /// <returns>The dataset: its relations in the file's order, all in distribution, and its facts in the file's order.</returns>
    /// <exception cref="SlickException">The file cannot be read or is not of the right form. The message has file, line, column and what to
    /// do.</exception>
    public static Dataset Read(string path, QuestionColumns columns, int seed, int shots, int prompts)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(columns);
        var outer = new OuterWhiteSpace();
        var facts = new List<Fact>();
        var lines = new Dictionary<(string Relation, string Question), int>();
        foreach (var row in Rows(path, columns))
        {
            string Text(string column)
            {
                var text = row.Texts.TryGetValue(column, out var found) ? found
                    : throw Wrong(path, row.Line, $"the key '{column}' is missing; the keys here are {Names(row.Texts.Keys)}");
                var inner = text.Trim();
                if (inner.Length == 0) throw Wrong(path, row.Line, $"'{column}' is empty; fill it in or leave the line out");
                if (inner.AsSpan().ContainsAny(QuestionFile.LineEnds))
                    throw Wrong(path, row.Line, $"'{column}' has several lines, and no answer or question may; write it in one line");
                if (inner.Length < text.Length) outer.Add(() => FormattableString.Invariant($"{path}:{row.Line}: '{column}'"));
                return inner;
            }
            var (relation, question) = (Text(columns.Relation), Text(columns.Question));
            if (!lines.TryAdd((relation, question), row.Line))
                throw Wrong(path, row.Line, string.Create(CultureInfo.InvariantCulture,
                    $"the question '{question}' of {relation} stands in line {lines[(relation, question)]} already; a question has one "
                    + $"answer and is asked once: leave one of the two out"));
            facts.Add(new Fact
            {
                Id = facts.Count,
                Relation = relation,
                Split = columns.Split is { } named ? SplitOf(path, row.Line, named, Text(named))
                    : row.Texts.TryGetValue("split", out var split) ? SplitOf(path, row.Line, "split", split.Trim()) : Split.Train,
                Subject = columns.Subject is { } subject ? Text(subject) : row.Texts.GetValueOrDefault("subject", "").Trim(),
                Question = question,
                Answer = Text(columns.Answer),
            });
        }
        if (facts.Count == 0) throw new SlickException($"{path}: there is no question in it; write one a line.");
        var drawn = new List<string>();
        foreach (var relation in facts.GroupBy(f => f.Relation).ToList())
        {
            if (relation.Any(f => f.Split == Split.Dev)) continue;
            var exemplars = Exemplars(path, [.. relation], seed, shots, prompts);
            foreach (var fact in exemplars) facts[fact.Id] = fact with { Split = Split.Dev };
            drawn.Add(string.Create(CultureInfo.InvariantCulture, $"{relation.Key} {exemplars.Count}"));
        }
        List<string> remarks = [.. outer.Remarks];
        if (drawn.Count > 0) remarks.Add($"{path}: relations without dev questions; of their questions these many were drawn as exemplars "
            + $"and are not asked: {string.Join(", ", drawn.Take(20))}{(drawn.Count > 20 ? ", ..." : "")}.");
        return new Dataset([.. facts.Select(f => f.Relation).Distinct().Select(id => new Relation(id, "", InDistribution: true))], facts)
        {
            Name = Path.GetFileName(path),
            Remarks = remarks,
        };
    }

    // A tenth of the relation's questions, but at least as many as a prompt needs, and at most as many as all prompts have room for. Which
    // questions they are follows from the questions and the seed, and not from their order in the file.
    private static List<Fact> Exemplars(string path, List<Fact> relation, int seed, int shots, int prompts)
    {
        var fewest = shots + 1;
        if (relation.Count <= fewest)
            throw new SlickException(string.Create(CultureInfo.InvariantCulture,
                $"{path}: the relation {relation[0].Relation} has {relation.Count} question{(relation.Count == 1 ? "" : "s")} and none of "
                + $"dev; its prompts need {fewest} exemplars that are not asked, so at least {fewest + 1} questions: add some, or leave "
                + $"the relation out with --relations."));
        var pool = relation.Where(f => f.Split == Split.Train).ToList();
        if (pool.Count <= fewest) pool = relation;
        var random = Seeds.Mix(Seeds.Mix(seed, "exemplars"), relation[0].Relation);
        return [.. pool.OrderBy(f => Seeds.Mix(random, f.Question)).ThenBy(f => f.Question, StringComparer.Ordinal)
            .Take(Math.Clamp(pool.Count / 10, fewest, Math.Max(fewest, shots * prompts)))];
    }

    private static Split SplitOf(string path, int line, string column, string text) =>
        Enum.GetValues<Split>().Cast<Split?>().FirstOrDefault(s => string.Equals(s.ToString(), text, StringComparison.OrdinalIgnoreCase))
            ?? throw Wrong(path, line, $"'{column}' is '{Short(text)}'; it is train, dev or test");

    private static IEnumerable<Row> Rows(string path, QuestionColumns columns)
    {
        var extension = Path.GetExtension(path).ToLowerInvariant();
        if (extension is not (".csv" or ".tsv" or ".jsonl" or ".ndjson"))
            throw new SlickException($"{path}: not a question file by its name; --data names a folder of EntityQuestions, or a file that "
                + "ends with .csv, .tsv, .jsonl or .ndjson.");
        NotDownloaded.Refuse(path);
        var text = Decoded(path);
        return extension is ".csv" or ".tsv" ? Csv(path, text, extension == ".tsv" ? "\t" : ",", columns) : JsonLines(path, text, columns);
    }

    // The file's text, without a byte order mark.
    private static string Decoded(string path)
    {
        byte[] bytes;
        try { bytes = File.ReadAllBytes(path); }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SlickException(
                $"{path}: there is no such file; --data names a file of questions, or a folder of EntityQuestions.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException($"{path}: the questions cannot be read ({e.Message.ReplaceLineEndings(" ")}).", e);
        }
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            throw new SlickException($"{path}:1: the file is in UTF-16; save it as UTF-8.");
        var rest = bytes is [0xEF, 0xBB, 0xBF, ..] ? bytes.AsSpan(3) : bytes;
        try { return Strict.GetString(rest); }
        catch (DecoderFallbackException e)
        {
            var line = 1 + rest[..Math.Clamp(e.Index, 0, rest.Length)].Count((byte)'\n');
            throw Wrong(path, line, "a letter that is not UTF-8 (the file may be in the code page of Windows); save it as UTF-8", e);
        }
    }

    private static IEnumerable<Row> Csv(string path, string text, string delimiter, QuestionColumns columns)
    {
        var start = 1; // the line in which a row begins
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = delimiter,
            IgnoreBlankLines = false, // blank lines are skipped below, where their lines are counted
            BadDataFound = _ => throw Wrong(path, start,
                "a quotation mark stands where none may; write a field that has one as \"a \"\"b\"\" c\", and close each quotation"),
        };
        using var reader = new StringReader(text);
        using var parser = new CsvParser(reader, configuration);
        bool Next()
        {
            start = parser.RawRow + 1;
            try { return parser.Read(); }
            catch (CsvHelperException e)
            {
                throw Wrong(path, start, "not CSV; write commas between fields, and quotes around those with a comma", e);
            }
        }
        if (!Next()) throw new SlickException($"{path}: the file is empty; its first line names the columns.");
        string[] names = [.. parser.Record!.Select(n => n.Trim())];
        if (names.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1 && g.Key.Length > 0) is { } twice)
            throw Wrong(path, 1, $"the column '{Short(twice.Key)}' is there {twice.Count()} times; give each a name of its own");
        var other = names.Length == 1 && delimiter == "," ? names[0].FirstOrDefault(c => c is ';' or '\t') : default;
        foreach (var (column, option) in Needed(columns))
            if (!names.Contains(column))
                throw Wrong(path, 1, $"there is no column '{column}'; the columns are {Names(names)}. " + (other == default
                    ? $"Name the right one with {option}" : other == ';' ? "The file is separated by ';': save it with commas"
                    : "The file is separated by tabs: save it with commas, or name it .tsv"));
        while (Next())
        {
            var record = parser.Record!;
            if (record is [] or [""]) continue;
            if (record.Length != names.Length)
                throw Wrong(path, start, string.Create(CultureInfo.InvariantCulture,
                    $"{record.Length} field{(record.Length == 1 ? "" : "s")} where line 1 names {names.Length} columns; put quotes around "
                    + $"a field that has a comma"));
            var texts = new Dictionary<string, string>(StringComparer.Ordinal);
            for (var i = 0; i < names.Length; i++) texts[names[i]] = record[i];
            yield return new(start, texts);
        }
    }

    private static IEnumerable<Row> JsonLines(string path, string text, QuestionColumns columns)
    {
        var line = 0;
        HashSet<string> wanted = [.. Needed(columns).Select(n => n.Column), "subject", "split"];
        foreach (var each in text.Split('\n'))
        {
            line++;
            if (string.IsNullOrWhiteSpace(each)) continue;
            var texts = new Dictionary<string, string>(StringComparer.Ordinal);
            try
            {
                using var json = JsonDocument.Parse(each);
                if (json.RootElement.ValueKind != JsonValueKind.Object)
                    throw Wrong(path, line,
                        "not an object; write one a line, such as {\"relation\": ..., \"question\": ..., \"answer\": ...}");
                foreach (var property in json.RootElement.EnumerateObject())
                {
                    if (!wanted.Contains(property.Name)) texts[property.Name] = "";
                    else if (!texts.TryAdd(property.Name, property.Value.ValueKind switch
                    {
                        JsonValueKind.String => property.Value.GetString()!,
                        JsonValueKind.Number => property.Value.GetRawText(),
                        _ => throw Wrong(path, line, $"'{property.Name}' is neither text nor a number"),
                    }))
                        throw Wrong(path, line, $"'{property.Name}' is there twice; leave one out");
                }
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw Wrong(path, line, "not JSON; write an object a line", e);
            }
            yield return new(line, texts);
        }
    }

    // The columns that must be there, each with the option that names it.
    private static List<(string Column, string Option)> Needed(QuestionColumns columns)
    {
        List<(string, string)> needed =
            [(columns.Relation, "--relation-column"), (columns.Question, "--question-column"), (columns.Answer, "--answer-column")];
        if (columns.Subject is { } subject) needed.Add((subject, "--subject-column"));
        if (columns.Split is { } split) needed.Add((split, "--split-column"));
        return needed;
    }

    private static string Names(IEnumerable<string> names) =>
        string.Join(", ", names.Take(20).Select(n => Short(n))) + (names.Count() > 20 ? ", ..." : "");

    private static string Short(string text)
    {
        var line = text.ReplaceLineEndings(" ");
        return line.Length <= 60 ? line : line[..60] + "...";
    }

    private static SlickException Wrong(string path, int line, string what, Exception? inner = null) =>
        new(FormattableString.Invariant($"{path}:{line}: {what}."), inner!);
}
