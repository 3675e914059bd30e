using System.Text.Json;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Facts;

/// <summary>
/// EntityQuestions (Sciavolino et al., EMNLP 2021): triplets of Wikidata as questions and answers, in 24 relations. They are read from the
/// official layout (<c>dataset/{train,dev,test}/P*.{split}.json</c> and <c>relation_query_templates.json</c>) and filtered as in the paper.
/// The counts of the paper's Tables 3, 4 and 5 are exactly those of the result of <see cref="Read"/>.
/// </summary>
public static class EntityQuestions
{
    private const string Templates = "relation_query_templates.json";

    private const string Source = "get the whole dataset from https://github.com/princeton-nlp/EntityQuestions";

    /// <summary>
    /// Relations that resemble one of the 12 relations in distribution (paper, appendix A). The paper neither trains nor tests on them.
    /// </summary>
    private static readonly string[] LeftOut = ["P276", "P20", "P106", "P413", "P159"];

    /// <summary>
    /// Reads the 12 relations in distribution (train, dev, test), then the 7 out of distribution (dev, test), in the order of the paper's
    /// Tables 3 and 5. Two filters apply (paper, appendix A). (1) A question with more than one correct answer is dropped, in every split.
    /// (2) A train question is dropped where its subject is the subject of a test question of any of the 24 relations, test questions with
    /// several answers included. Appendix A names objects as well; the counts of Table 3 follow from subjects alone. White space around a
    /// question or an answer is left out, and <see cref="Dataset.Remarks"/> says so.
    /// </summary>
    /// <param name="folder">The folder that holds <c>dataset/</c>, or <c>dataset/</c> itself. The file of templates may lie in
    /// either.</param>
    /// <returns>The dataset. Its facts are ordered by relation, then by split, then as in the file.</returns>
    /// <exception cref="SlickException">A folder or file is missing, there is a file of an unknown relation, or a record is damaged:
    /// malformed JSON, a missing key, no answer, a question or an answer of several lines, or a question that does not fit its relation's
    /// template.</exception>
    public static Dataset Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        try
        {
            return ReadFolder(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException($"{folder}: cannot be read as EntityQuestions: {e.Message}", e);
        }
    }

    private static Dataset ReadFolder(string folder)
    {
        var data = Locate(folder);
        var known = WorldRelation.All.Select(r => r.Id).Concat(LeftOut).ToArray();
        CheckFiles(data, known);
        var templates = FindTemplates(data, known);

        var outer = new OuterWhiteSpace();
        List<QuestionRecord> Records(string relation, Split split) =>
            QuestionFile.Read(PathOf(data, relation, split), templates[relation], outer);

        var test = known.ToDictionary(id => id, id => Records(id, Split.Test));
        var tested = test.Values.SelectMany(records => records).Select(r => r.Subject).ToHashSet(StringComparer.Ordinal);

        var facts = new List<Fact>();
        foreach (var relation in WorldRelation.All)
            foreach (var split in SplitsOf(relation))
                foreach (var record in split == Split.Test ? test[relation.Id] : Records(relation.Id, split))
                {
                    if (record.Answers.Count > 1) continue; // filter 1
                    if (split == Split.Train && tested.Contains(record.Subject)) continue; // filter 2
                    facts.Add(new Fact
                    {
                        Id = facts.Count,
                        Relation = relation.Id,
                        Split = split,
                        Subject = record.Subject,
                        Question = record.Question,
                        Answer = record.Answers[0],
                    });
                }
        return new Dataset([.. WorldRelation.All.Select(r => new Relation(r.Id, templates[r.Id], r.InDistribution))],
            facts) { Remarks = outer.Remarks };
    }

    private static Split[] SplitsOf(WorldRelation relation) =>
        relation.InDistribution ? [Split.Train, Split.Dev, Split.Test] : [Split.Dev, Split.Test];

    private static string NameOf(Split split) => split.ToString().ToLowerInvariant();

    private static string PathOf(string data, string relation, Split split) =>
        Path.Combine(data, NameOf(split), $"{relation}.{NameOf(split)}.json");

    /// <summary>The folder that holds the folders train, dev and test.</summary>
    private static string Locate(string folder)
    {
        if (!Directory.Exists(folder)) throw new SlickException(
            $"{folder}: there is no such folder; data/entityquestions-sample is a sample, or {Source}.");
        var inner = Path.Combine(folder, "dataset");
        if (Directory.Exists(inner)) return inner;
        if (Enum.GetValues<Split>().Any(s => Directory.Exists(Path.Combine(folder, NameOf(s))))) return folder;
        throw new SlickException($"{folder}: not EntityQuestions, it has neither dataset/ nor train/, dev/ and test/; {Source}.");
    }

    /// <summary>Checks that every folder and file that is needed is there, and that there is no file of an unknown relation.</summary>
    private static void CheckFiles(string data, string[] known)
    {
        foreach (var split in Enum.GetValues<Split>())
        {
            var folder = Path.Combine(data, NameOf(split));
            if (!Directory.Exists(folder)) throw new SlickException($"{data}: no {NameOf(split)} folder; {Source}.");
            foreach (var path in Directory.GetFiles(folder, "P*.json").Order(StringComparer.Ordinal))
            {
                var id = Path.GetFileName(path).Split('.')[0];
                if (!known.Contains(id))
                    throw new SlickException(
                        $"{path}: unknown relation {id}, not one of the 24 of EntityQuestions; remove the file or mend its name.");
            }
        }
        var missing = WorldRelation.All.SelectMany(r => SplitsOf(r).Select(s => PathOf(data, r.Id, s)))
            .Concat(LeftOut.Select(id => PathOf(data, id, Split.Test)))
            .FirstOrDefault(path => !File.Exists(path));
        if (missing is not null)
        {
            var why = missing.EndsWith(".test.json", StringComparison.Ordinal)
                ? " (train questions are checked against the test questions of all 24 relations)" : "";
            throw new SlickException($"{missing}: there is no such file{why}; {Source}.");
        }
    }

    private static Dictionary<string, string> FindTemplates(string data, string[] known)
    {
        var above = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(data))) ?? data;
        var path = new[] { data, above }.Select(f => Path.Combine(f, Templates)).FirstOrDefault(File.Exists)
            ?? throw new SlickException($"{data}: no {Templates} here or in the folder above; {Source}.");
        return ReadTemplates(path, known);
    }

    /// <summary>Reads the question of each relation, with one [X] for the subject.</summary>
    /// <param name="path">The file of templates.</param>
    /// <param name="known">The relations that must be in the file.</param>
    /// <returns>The templates by the relation's id.</returns>
    /// <exception cref="SlickException">The file is missing or damaged, or a relation has no template.</exception>
    internal static Dictionary<string, string> ReadTemplates(string path, IEnumerable<string> known)
    {
        NotDownloaded.Refuse(path);
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var templates = new Dictionary<string, string>();
            foreach (var id in known)
            {
                if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty(id, out var value))
                    throw new SlickException($"{path}: no template for {id}; add \"{id}\": \"a question with [X]\".");
                var template = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
                if (template.Split("[X]").Length != 2)
                    throw new SlickException(
                        $"{path}: the template of {id} is not a question with one [X]: {value.GetRawText().ReplaceLineEndings(" ")}.");
                templates.Add(id, template);
            }
            return templates;
        }
        catch (JsonException e)
        {
            throw new SlickException($"{path}:{e.LineNumber + 1}: not JSON; {Source}.", e);
        }
        catch (InvalidOperationException e) // a key or a template that is not UTF-8, or half of a surrogate pair
        {
            throw new SlickException($"{path}: a relation or its template is no valid text; {Source}.", e);
        }
    }
}
