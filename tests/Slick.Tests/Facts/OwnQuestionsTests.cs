using System.Text;
using Slick.Facts;

namespace Slick.Tests.Facts;

/// <summary>A user's own question files, good and bad.</summary>
public sealed class OwnQuestionsTests : IDisposable
{
    private readonly string folder = Scratch.Folder("questions");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string Write(string name, string text, Encoding? encoding = null)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, [.. (encoding ?? new UTF8Encoding(false)).GetPreamble(), .. (encoding ?? Encoding.UTF8).GetBytes(text)]);
        return path;
    }

    private static Dataset Read(string path, QuestionColumns? columns = null, int seed = 1, int shots = 1, int prompts = 2) =>
        OwnQuestions.Read(path, columns ?? new(), seed, shots, prompts);

    private const string Csv = """
        relation,question,answer,subject,split
        capital,"What is the capital of ""X"", Y?",Here,X,train
        capital,What is the capital of Z?, There ,Z,dev

        born,Where was W born?,"Nowhere, really",W,Test
        born,Where was V born?,Somewhere,V,dev
        """;

    private const string Lines = """
        {"relation": "capital", "question": "What is the capital of \"X\", Y?", "answer": "Here", "subject": "X", "split": "train"}
        {"relation": "capital", "question": "What is the capital of Z?", "answer": " There ", "subject": "Z", "split": "dev"}

        {"relation": "born", "question": "Where was W born?", "answer": "Nowhere, really", "subject": "W", "split": "Test"}
        {"relation": "born", "question": "Where was V born?", "answer": "Somewhere", "subject": "V", "split": "dev", "more": [1]}
        """;

    [Theory]
    [InlineData("own.csv", Csv)]
    [InlineData("own.jsonl", Lines)]
    public void QuestionsAreRead_AsTheyStand(string name, string text)
    {
        foreach (var encoding in new Encoding[] { new UTF8Encoding(false), new UTF8Encoding(true) })
            foreach (var end in new[] { "\n", "\r\n" })
            {
                var path = Write(name, text.ReplaceLineEndings(end), encoding);
                var read = Read(path);
                Assert.Equal(["capital", "born"], read.Relations.Select(r => r.Id));
                Assert.All(read.Relations, r => Assert.True(r.InDistribution));
                Assert.Equal(name, read.Name);
                Assert.Equal(
                    [(0, "capital", Split.Train, "X", "What is the capital of \"X\", Y?", "Here"),
                    (1, "capital", Split.Dev, "Z", "What is the capital of Z?", "There"),
                    (2, "born", Split.Test, "W", "Where was W born?", "Nowhere, really"),
                    (3, "born", Split.Dev, "V", "Where was V born?", "Somewhere")],
                    read.Facts.Select(f => (f.Id, f.Relation, f.Split, f.Subject, f.Question, f.Answer)));
                Assert.Contains("White space around 1 question or answer", Assert.Single(read.Remarks), StringComparison.Ordinal);
                Assert.Contains($"{path}:{(name == "own.csv" ? 3 : 2)}: 'answer'", read.Remarks[0], StringComparison.Ordinal);
            }
    }

    [Fact]
    public void Columns_MayHaveOtherNames_AndTabsMaySeparateThem()
    {
        var path = Write("own.tsv", "Art\tFrage\tAntwort\tTeil\nx\tWer?\tIch\ttrain\nx\tWas?\t1969\tdev\n");
        var columns = new QuestionColumns { Relation = "Art", Question = "Frage", Answer = "Antwort", Split = "Teil" };
        Assert.Equal(["Ich", "1969"], Read(path, columns).Facts.Select(f => f.Answer));
        Assert.Equal("1969", Read(Write("n.jsonl", """
            {"relation": "x", "question": "a", "answer": 1969, "split": "train"}
            {"relation": "x", "question": "b", "answer": "c", "split": "dev"}
            """)).Facts[0].Answer);
    }

    private string Many(int count, bool backwards = false)
    {
        var rows = Enumerable.Range(0, count).Select(i => $"r,question {i}?,answer {i}").Append("s,other?,o").Append("s,second?,o")
            .Append("s,third?,o");
        return Write("many.csv", "relation,question,answer\n" + string.Join('\n', backwards ? rows.Reverse() : rows));
    }

    [Fact]
    public void WithoutDev_ExemplarsAreDrawnByTheSeed_AndNotAsked()
    {
        IEnumerable<string> Dev(int seed, int count = 200, bool backwards = false, int prompts = 10) =>
            Read(Many(count, backwards), seed: seed, shots: 1, prompts: prompts).Of("r", Split.Dev).Select(f => f.Question)
                .Order(StringComparer.Ordinal);
        Assert.Equal(10, Dev(1).Count());           // what 10 prompts of 1 have room for
        Assert.Equal(20, Dev(1, prompts: 99).Count()); // a tenth
        Assert.Equal(2, Dev(1, count: 3).Count());  // what a prompt needs
        Assert.Equal(Dev(1), Dev(1, backwards: true));
        Assert.NotEqual(Dev(1), Dev(2));
        var read = Read(Many(200));
        Assert.Equal(203, read.Facts.Count);
        Assert.Empty(read.Of("r", Split.Dev).Select(f => f.Question).Intersect(read.Of("r", Split.Train).Select(f => f.Question)));
        Assert.Contains("r 2, s 2", Assert.Single(read.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void TheIdOfQuestions_IsTheirContent()
    {
        static string Of(Dataset read) => Dataset.Hash(read.Facts);
        var (csv, lines) = (Read(Write("a.csv", Csv)), Read(Write("b.jsonl", Lines)));
        Assert.Equal(Of(csv), Of(lines));
        Assert.NotEqual(Of(csv), Of(Read(Write("c.csv", Csv.Replace("Somewhere", "Elsewhere", StringComparison.Ordinal)))));
    }

    public static TheoryData<string, string, string> Mistakes => new()
    {
        { "a.csv", "relation,question\nx,y\n",
            "a.csv:1: there is no column 'answer'; the columns are relation, question. Name the right one with --answer-column." },
        { "a.csv", "relation;question;answer\nx;y;z\n", "separated by ';': save it with commas" },
        { "a.csv", "relation\tquestion\tanswer\nx\ty\tz\n", "name it .tsv" },
        { "a.csv", "relation,question,answer,answer\nx,y,z,z\n", "a.csv:1: the column 'answer' is there 2 times" },
        { "a.csv", "relation,question,answer\nx,y,z\nx,w,\n", "a.csv:3: 'answer' is empty" },
        { "a.csv", "relation,question,answer\n\nx,y,z\n\nx, ,z\n", "a.csv:5: 'question' is empty" },
        { "a.csv", "relation,question,answer\nx,y,z\nx,y,w\n", "a.csv:3: the question 'y' of x stands in line 2 already" },
        { "a.csv", "relation,question,answer\nx,y,z,w\n", "a.csv:2: 4 fields where line 1 names 3 columns" },
        { "a.csv", "relation,question,answer\nx,y\n", "a.csv:2: 2 fields where line 1 names 3 columns" },
        { "a.csv", "relation,question,answer\nx,\"y\n1\",z\n", "a.csv:2: 'question' has several lines" },
        { "a.csv", "relation,question,answer\nx,\"y\n1\",z\nx,b,\n", "a.csv:2: 'question' has several lines" },
        { "a.csv", "relation,question,answer\nx,a\"b,z\nx,c,z\nx,d,z\nx,e,z\n", "a.csv:2: a quotation mark" },
        { "a.csv", "relation,question,answer\nx,\"y,z\nx,b,c\n", "a.csv:2: a quotation mark" },
        { "a.csv", "relation,question,answer,split\nx,y,z,valid\n", "a.csv:2: 'split' is 'valid'; it is train, dev or test" },
        { "a.csv", "relation,question,answer\nx,y,z\nx,w,v\n",
            "the relation x has 2 questions and none of dev; its prompts need 2 exemplars" },
        { "a.csv", "relation,question,answer\n", "there is no question in it" },
        { "a.csv", "", "the file is empty" },
        { "a.csv", "version https://git-lfs.github.com/spec/v1\n", "Git LFS" },
        { "a.jsonl", "{\"relation\": \"x\", \"question\": \"y\", \"answer\": \"z\"}\n[1]\n", "a.jsonl:2: not an object" },
        { "a.jsonl", "{\"relation\": \"x\", \"question\": \"y\", \"answer\"\n", "a.jsonl:1: not JSON" },
        { "a.jsonl", "{\"relation\": \"x\", \"question\": \"y\", \"reply\": \"z\"}\n",
            "a.jsonl:1: the key 'answer' is missing; the keys here are relation, question, reply" },
        { "a.jsonl", "{\"relation\": \"x\", \"question\": \"y\", \"answer\": [\"z\"]}\n",
            "a.jsonl:1: 'answer' is neither text nor a number" },
        { "a.jsonl", "{\"relation\": \"x\", \"question\": \"y\", \"answer\": \"\\ud800\"}\n", "a.jsonl:1: not JSON" },
        { "a.jsonl", "{\"relation\": \"x\", \"relation\": \"x\", \"question\": \"y\", \"answer\": \"z\"}\n", "'relation' is there twice" },
        { "a.json", "[]", "not a question file by its name" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void AMistake_IsNamedWithItsPlaceAndTheCure(string name, string text, string says)
    {
        var error = Assert.Throws<SlickException>(() => Read(Write(name, text)));
        Assert.StartsWith(folder, error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void OtherEncodings_AreNamed()
    {
        Assert.Contains("UTF-16", Assert.Throws<SlickException>(() => Read(Write("a.csv", Csv, Encoding.Unicode))).Message,
            StringComparison.Ordinal);
        var latin = Write("a.csv", "relation,question,answer\nx,y,z\nx,w,Málaga\n", Encoding.Latin1);
        Assert.Contains("a.csv:3: a letter that is not UTF-8", Assert.Throws<SlickException>(() => Read(latin)).Message,
            StringComparison.Ordinal);
        Assert.Contains("there is no such file", Assert.Throws<SlickException>(() => Read(Path.Combine(folder, "gone.csv"))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("own.csv", Csv)]
    [InlineData("own.jsonl", Lines)]
    public void ChangedBytes_GiveQuestionsOrOneError(string name, string text)
    {
        var random = new Random(7);
        var good = Encoding.UTF8.GetBytes(text);
        var path = Path.Combine(folder, name);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = good.ToList();
            for (var n = random.Next(1, 5); n > 0; n--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes.RemoveAt(at); break;
                    case 2: bytes.Insert(at, "\",\n\r{}[]:\\\0 \t"u8[random.Next(13)]); break;
                    default: bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(40))); break;
                }
                if (bytes.Count == 0) bytes.Add(0);
            }
            File.WriteAllBytes(path, [.. bytes]);
            try { Assert.NotEmpty(Read(path).Facts); }
            catch (SlickException e)
            {
                Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }
}
