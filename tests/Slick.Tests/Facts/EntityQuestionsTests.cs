using System.Text;
using System.Text.Json.Nodes;
using Slick.Facts;

namespace Slick.Tests.Facts;

/// <summary>The reader against the paper's tables (where the whole dataset is), the sample and damaged folders.</summary>
public sealed class EntityQuestionsTests : IDisposable
{
    private static readonly string[] InDistribution =
        ["P131", "P136", "P17", "P19", "P26", "P264", "P36", "P40", "P495", "P69", "P740", "P800"];
    private static readonly string[] OutOfDistribution = ["P127", "P50", "P407", "P176", "P170", "P175", "P112"];
    private static readonly string[] All = [.. InDistribution, .. OutOfDistribution, "P276", "P20", "P106", "P413", "P159"];
    private static readonly string Sample = Path.Combine(Shared.Repository, "data", "entityquestions-sample");

    private readonly string folder = Scratch.Folder();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void WholeDataset_CountsAreTables3To5()
    {
        var dataset = EntityQuestions.Read(Shared.Require("entityquestions"));
        var tables = JsonNode.Parse(File.ReadAllText(Shared.Require("paper/tables.json")))!;
        foreach (var (name, split, relations, total) in new[]
        {
            ("table3_train", Split.Train, InDistribution, 81_700),
            ("table4_test", Split.Test, InDistribution, 10_481),
            ("table5_ood_test", Split.Test, OutOfDistribution, 5_848),
        })
        {
            var table = tables[name]!.AsObject();
            Assert.Equal(relations, table.Select(row => row.Key));
            foreach (var (id, row) in table)
            {
                var expected = row!["counts"]![4]!.GetValue<int>();
                var facts = dataset.Of(id, split);
                Assert.True(expected == facts.Count, $"{name}, {id}: {facts.Count} instead of {expected}");
                Assert.Equal(row["template"]!.GetValue<string>().Replace("[E]", "[X]", StringComparison.Ordinal),
                    dataset.Relations.Single(r => r.Id == id).Template);
            }
            Assert.Equal(total, relations.Sum(id => dataset.Of(id, split).Count));
        }
        Assert.DoesNotContain(dataset.Facts, f => f.Split == Split.Train && OutOfDistribution.Contains(f.Relation));
        CheckFacts(dataset);
    }

    /// <summary>What holds for every fact of any dataset that the reader gives.</summary>
    private static void CheckFacts(Dataset dataset)
    {
        Assert.Equal([.. InDistribution, .. OutOfDistribution], dataset.Relations.Select(r => r.Id));
        Assert.Equal(InDistribution, dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id));
        var templates = dataset.Relations.ToDictionary(r => r.Id, r => r.Template);
        for (var i = 0; i < dataset.Facts.Count; i++)
        {
            var fact = dataset.Facts[i];
            Assert.Equal((i, ""), (fact.Id, fact.Rival));
            Assert.Equal(fact.Question, templates[fact.Relation].Replace("[X]", fact.Subject, StringComparison.Ordinal));
            Assert.NotEqual("", fact.Answer);
        }
        var tested = dataset.Facts.Where(f => f.Split == Split.Test).Select(f => f.Subject).ToHashSet();
        Assert.DoesNotContain(dataset.Facts, f => f.Split == Split.Train && tested.Contains(f.Subject));
    }

    [Fact]
    public void Sample_BothFiltersDropWhatItsReadmeSays()
    {
        var dataset = EntityQuestions.Read(Sample);
        CheckFacts(dataset);
        int Count(string[] relations, Split split) => relations.Sum(id => dataset.Of(id, split).Count);
        Assert.Equal((1061, 448, 438),
            (Count(InDistribution, Split.Train), Count(InDistribution, Split.Dev), Count(InDistribution, Split.Test)));
        Assert.Equal((0, 266, 261), (Count(OutOfDistribution, Split.Train), Count(OutOfDistribution, Split.Dev),
            Count(OutOfDistribution, Split.Test)));
        var readme = File.ReadAllLines(Path.Combine(Sample, "README.md")).Where(l => l.StartsWith("| P", StringComparison.Ordinal))
            .Select(l => l.Split('|', StringSplitOptions.TrimEntries)[1..^1]).ToDictionary(l => l[0]);
        Assert.Equal(24, readme.Count);
        foreach (var id in InDistribution)
        {
            var raw = JsonNode.Parse(File.ReadAllText(Path.Combine(Sample, "dataset", "train", $"{id}.train.json")))!.AsArray();
            var single = raw.Count(record => record!["answers"]!.AsArray().Count == 1);
            var (byFirst, bySecond) = (raw.Count - single, single - dataset.Of(id, Split.Train).Count);
            Assert.True(byFirst > 0 && bySecond > 0, $"{id}: the filters drop {byFirst} and {bySecond}");
            Assert.Equal([$"{byFirst}", $"{bySecond}", .. Enum.GetValues<Split>().Select(s => $"{dataset.Of(id, s).Count}")],
                readme[id][4..]);
        }
    }

    [Fact]
    public void Sample_EveryRelationHasExemplarsAndQuestions()
    {
        var dataset = EntityQuestions.Read(Sample);
        foreach (var relation in dataset.Relations)
        {
            Assert.True(dataset.Of(relation.Id, Split.Dev).Count >= 20, relation.Id);
            Assert.True(dataset.Of(relation.Id, Split.Test).Count >= 20, relation.Id);
            if (relation.InDistribution) Assert.True(dataset.Of(relation.Id, Split.Train).Count >= 60, relation.Id);
        }
        Assert.True(File.ReadAllText(Path.Combine(Sample, "LICENSE"))
            .Contains("Princeton Natural Language Processing", StringComparison.Ordinal));
    }

    [Fact]
    public void Sample_ReadTwiceOrFromItsDatasetFolder_IsTheSame()
    {
        var facts = EntityQuestions.Read(Sample).Facts;
        Assert.Equal(facts, EntityQuestions.Read(Sample).Facts);
        Assert.Equal(facts, EntityQuestions.Read(Path.Combine(Sample, "dataset") + Path.DirectorySeparatorChar).Facts);
    }

    [Fact]
    public void SeveralAnswers_AreDroppedInEverySplit()
    {
        WriteAll();
        foreach (var split in new[] { "train", "dev", "test" })
            Write("P19", split, Record("Where was One born?", "Rome"), Record("Where was Two born?", "Rome", "Oslo"),
                Record("Where was Three born?", "Oslo"));
        Write("P19", "train", Record("Where was Four born?", "Rome", "Rome"), Record("Where was Five born?", "Oslo"));
        var dataset = EntityQuestions.Read(folder);
        Assert.Equal(["Five"], dataset.Of("P19", Split.Train).Select(f => f.Subject));
        Assert.Equal(["One", "Three"], dataset.Of("P19", Split.Dev).Select(f => f.Subject));
        Assert.Equal([("One", "Rome"), ("Three", "Oslo")], dataset.Of("P19", Split.Test).Select(f => (f.Subject, f.Answer)));
    }

    [Theory]
    [InlineData("P19", "Where was [X] born?")]
    [InlineData("P740", "Where was [X] founded?")] // another relation
    [InlineData("P112", "Who founded [X]?")] // one out of distribution
    [InlineData("P159", "Where is the headquarter of [X]?")] // one that is left out
    public void TrainSubjectTestedAnywhere_IsDropped(string tested, string template)
    {
        WriteAll();
        Write(tested, "test", Record(template.Replace("[X]", "Beatrix", StringComparison.Ordinal), "Rome", "Oslo")); // several answers
        Write("P19", "train", Record("Where was Beatrix born?", "Rome"), Record("Where was beatrix born?", "Oslo"));
        Write("P19", "dev", Record("Where was Beatrix born?", "Rome"));
        var dataset = EntityQuestions.Read(folder);
        Assert.Equal(["beatrix"], dataset.Of("P19", Split.Train).Select(f => f.Subject));
        Assert.Equal(["Beatrix"], dataset.Of("P19", Split.Dev).Select(f => f.Subject));
        Assert.DoesNotContain(dataset.Facts, f => f.Split == Split.Test && f.Subject == "Beatrix");
    }

    [Fact]
    public void DevSubject_DropsNothing()
    {
        WriteAll();
        Write("P19", "dev", Record("Where was Beatrix born?", "Rome"));
        Write("P19", "train", Record("Where was Beatrix born?", "Rome"));
        Assert.Single(EntityQuestions.Read(folder).Of("P19", Split.Train));
    }

    [Fact]
    public void EscapesByteOrderMarkAndFurtherKeys_AreRead()
    {
        WriteAll();
        var json = "[{\"id\": {\"question\": [1]}, \"answers\": [\"K\\u00f6ln\"], \"question\": \"Who is J\\u00fcrgen's 's child?\"}]";
        File.WriteAllText(PathOf("P40", "test"), json, Encoding.UTF8); // writes the mark
        var fact = Assert.Single(EntityQuestions.Read(folder).Of("P40", Split.Test));
        Assert.Equal(("Jürgen's ", "Köln"), (fact.Subject, fact.Answer));
    }

    [Fact]
    public void OuterWhiteSpace_IsLeftOutAndSaidOnce()
    {
        WriteAll();
        Assert.Empty(EntityQuestions.Read(folder).Remarks);
        Write("P19", "train", Record("Where was A1 born?", "Rome"), Record("Where was A2 born?", "Rome "),
            Record(" Where was A3 born?\t", "\u00A0Rome"), Record("Where was A4 born?", "Rome\n"));
        Write("P19", "dev", Record("Where was B1 born?", " Rome"), Record("Where was B2 born?", "Rome\r\n"));
        var dataset = EntityQuestions.Read(folder);
        Assert.All(dataset.Of("P19", Split.Train).Concat(dataset.Of("P19", Split.Dev)), f => Assert.Equal("Rome", f.Answer));
        Assert.Equal(["Where was A1 born?", "Where was A2 born?", "Where was A3 born?", "Where was A4 born?"],
            dataset.Of("P19", Split.Train).Select(f => f.Question));
        Assert.Equal(
            $"White space around 6 questions or answers is left out, as it is around the model's answers; the first: "
            + $"{PathOf("P19", "train")}: record 2, 'answers'.", Assert.Single(dataset.Remarks));
    }

    [Theory]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\"B\"]},\n{\"question\": \"Where was",
        ":2: malformed JSON in record 2")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\"B\"]}\n\n{\"question\"", ":3: malformed JSON after record 1")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\"B\"]}\n", ":2: malformed JSON after record 1")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\"B\"]}]\n]", ":2: malformed JSON after record 1")]
    [InlineData("", ": the file is empty")]
    [InlineData("{}", ":1: the file is not a list")]
    [InlineData("[\n{\"question\": \"Where was A born?\", \"answers\": [\"B\"]},\n{\"question\": \"Where was C born?\", \"answers\": []}]",
        ":3: record 2: the list of answers is empty")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\" \"]}]", ":1: record 1: an answer is empty")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\"New\\nYork\"]}]",
        ":1: record 1: 'New York' in 'answers' goes on behind the end of a line")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\"New\\u2028York\"]}]",
        ":1: record 1: 'New York' in 'answers' goes on")]
    [InlineData("[{\"question\": \"Where was\\rA born?\", \"answers\": [\"B\"]}]",
        ":1: record 1: 'Where was A born?' in 'question' goes on")]
    [InlineData("[{\"answers\": [\"B\"]}]", ":1: record 1: the key 'question' is missing")]
    [InlineData("[{\"question\": \"Where was A born?\"}]", ":1: record 1: the key 'answers' is missing")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": \"B\"}]", ":1: record 1: 'answers' is not a list")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [7]}]", ":1: record 1: 'answers' holds something that is not text")]
    [InlineData("[{\"question\": null, \"answers\": [\"B\"]}]", ":1: record 1: 'question' is not text")]
    [InlineData("[7]", ":1: record 1: not an object")]
    [InlineData("[{\"question\": \"Where was A born?\", \"answers\": [\"B\"]},\n{\"question\": \"Who owns A?\", \"answers\": [\"B\"]}]",
        ":2: record 2: 'Who owns A?' does not fit the relation's template 'Where was [X] born?'")]
    [InlineData("[{\"question\": \"Where was  born?\", \"answers\": [\"B\"]}]", ":1: record 1: 'Where was  born?' does not fit")]
    [InlineData("[{\"question\": \"Where was   born?\", \"answers\": [\"B\"]}]", ":1: record 1: 'Where was   born?' does not fit")]
    [InlineData("[{\"question\": \"Where was born?\", \"answers\": [\"B\"]}]", ":1: record 1: 'Where was born?' does not fit")]
    [InlineData("[{\"question\": \"Where was \\ud800 born?\", \"answers\": [\"B\"]}]", ":1: record 1: the text is not valid UTF-8")]
    public void DamagedFile_SaysFileLineAndRecord(string json, string expected)
    {
        WriteAll();
        foreach (var split in new[] { "train", "dev", "test" })
        {
            var path = PathOf("P19", split);
            var whole = File.ReadAllText(path);
            File.WriteAllText(path, json);
            Assert.StartsWith(path + expected, Fails(folder), StringComparison.Ordinal);
            File.WriteAllText(path, whole);
        }
    }

    [Theory]
    [InlineData("train")]
    [InlineData("dev")]
    [InlineData("test")]
    public void MissingSplit_IsNamed(string split)
    {
        WriteAll();
        Directory.Delete(Path.Combine(folder, "dataset", split), recursive: true);
        Assert.Contains($"{Path.Combine(folder, "dataset")}: no {split} folder", Fails(folder), StringComparison.Ordinal);
        Assert.Contains($"no {split} folder", Fails(Path.Combine(folder, "dataset")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("P17", "train", true)]
    [InlineData("P112", "dev", true)]
    [InlineData("P276", "test", true)] // needed to filter train
    [InlineData("P112", "train", false)]
    [InlineData("P276", "dev", false)]
    public void MissingFile_IsNamedWhereItIsNeeded(string relation, string split, bool needed)
    {
        WriteAll();
        File.Delete(PathOf(relation, split));
        if (needed) Assert.StartsWith($"{PathOf(relation, split)}: there is no such file", Fails(folder), StringComparison.Ordinal);
        else Assert.Equal(19, EntityQuestions.Read(folder).Relations.Count);
    }

    [Fact]
    public void UnknownRelation_IsNamed()
    {
        WriteAll();
        File.WriteAllText(PathOf("P30", "dev"), "[]"); // has a template, but is not in the dataset
        Assert.StartsWith($"{PathOf("P30", "dev")}: unknown relation P30", Fails(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void NoSuchFolderOrNoDatasetInIt_IsSaid()
    {
        Assert.Contains("there is no such folder", Fails(Path.Combine(folder, "nowhere")), StringComparison.Ordinal);
        Assert.Contains("not EntityQuestions", Fails(folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "no relation_query_templates.json")]
    [InlineData("{\n\"P17\": ", ".json:2: not JSON")]
    [InlineData("[]", "no template for P131")]
    [InlineData("{\"P131\": \"Where is it located?\"}", "the template of P131 is not a question with one [X]: \"Where is it located?\"")]
    public void DamagedTemplates_AreNamed(string? json, string expected)
    {
        WriteAll();
        var path = Path.Combine(folder, "relation_query_templates.json");
        if (json is null) File.Delete(path);
        else File.WriteAllText(path, json);
        Assert.Contains(expected, Fails(folder), StringComparison.Ordinal);
    }

    private static string Fails(string folder)
    {
        var message = Assert.Throws<SlickException>(() => EntityQuestions.Read(folder)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static string Record(string question, params string[] answers) =>
        new JsonObject { ["question"] = question,
            ["answers"] = new JsonArray([.. answers.Select(a => JsonValue.Create(a))]) }.ToJsonString();

    private string PathOf(string relation, string split) => Path.Combine(folder, "dataset", split, $"{relation}.{split}.json");

    private void Write(string relation, string split, params string[] records) =>
        File.WriteAllText(PathOf(relation, split), $"[\n{string.Join(",\n", records)}\n]\n");

    /// <summary>A whole dataset of empty files, with the sample's templates.</summary>
    private void WriteAll()
    {
        foreach (var split in new[] { "train", "dev", "test" })
        {
            Directory.CreateDirectory(Path.Combine(folder, "dataset", split));
            foreach (var relation in All) Write(relation, split);
        }
        File.Copy(Path.Combine(Sample, "relation_query_templates.json"), Path.Combine(folder, "relation_query_templates.json"));
    }
}
