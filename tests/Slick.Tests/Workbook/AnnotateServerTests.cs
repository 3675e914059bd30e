using System.Text;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;
using Slick.Tests.Answers;
using Slick.Workbook;
using static Slick.Tests.Answers.TestServer;

namespace Slick.Tests.Workbook;

/// <summary><c>slick annotate --server</c> on a user's own questions, through the program.</summary>
[Collection(nameof(ProcessWide))]
public sealed class AnnotateServerTests : IDisposable
{
    private const string Key = "sk-program-0123456789";
    private readonly string folder = Scratch.Folder("server");
    private readonly string data;

    public AnnotateServerTests()
    {
        // Questions 0 to 3 of a relation are known in four ways.
        data = Path.Combine(folder, "own.csv");
        File.WriteAllLines(data, ["Topic,Q,A,split", .. from relation in new[] { "one", "two" } from i in Enumerable.Range(0, 10)
            select $"{relation},What is {relation} {i}?,gold {relation} {i},{(i < 4 ? "train" : "dev")}"]);
        Environment.SetEnvironmentVariable(ServerSecret.Variable, Key);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(ServerSecret.Variable, null);
        Directory.Delete(folder, recursive: true);
    }

    private Task<(int Code, string Output, string Errors)> Slick(params string[] args) =>
        CommandLine.Slick([.. args, "--store", Path.Combine(folder, "store")]);

    private string[] Ask(string url, params string[] more) => ["annotate", "--server", url, "--server-model", "small", "--data", data,
        "--relation-column", "Topic", "--question-column", "Q", "--answer-column", "A", .. more];

    // 0: always right; 1: right where the prompt's first exemplar is even; 2: one sample in 16 is right; 3: never.
    private static Reply Knows(Request request, int before)
    {
        var words = request.Question.TrimEnd('?').Split(' ');
        var gold = $" gold {words[2]} {words[3]}";
        var first = request.Prompt.Split('?')[0][^1] - '0';
        return Choices(Enumerable.Range(0, request.Choices).Select(i => words[3] switch
        {
            "0" => gold,
            "1" => first % 2 == 0 ? gold : " no",
            "2" => !request.IsGreedy && i == 5 ? gold : " no",
            _ => " never",
        }));
    }

    private IEnumerable<string> EveryFile() => Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
        .Select(f => f + Encoding.Latin1.GetString(File.ReadAllBytes(f)));

    [Fact]
    public async Task AServersAnswers_BecomeLabels_ThatSayWhoseTheyAre()
    {
        using var server = new TestServer(Knows);
        var csv = Path.Combine(folder, "labels.csv");
        var (code, output, errors) = await Slick(Ask(server.Url, "--csv", csv));
        Assert.Equal((0, ""), (code, errors));
        Assert.Contains($"By Sampled, asked of {server.Url}/v1, seed 1, 10 prompts.", output, StringComparison.Ordinal);
        Assert.Contains("The questions are those of own.csv", output, StringComparison.Ordinal);
        var table = output.Split('\n').Single(l => l.StartsWith("Labels: ", StringComparison.Ordinal))["Labels: ".Length..].Trim();
        var labels = Tables.Read<LabelRow>(table);
        Assert.Equal(["one", "two"], labels.Select(l => l.Relation).Distinct());
        foreach (var relation in labels.GroupBy(l => l.Relation))
            Assert.Equal([Category.HighlyKnown, Category.MaybeKnown, Category.WeaklyKnown, Category.Unknown],
                relation.Select(l => l.Category));
        Assert.Equal(1 / 16.0, labels[2].SampledCorrect);
        Assert.Equal(9, (await File.ReadAllLinesAsync(csv, TestContext.Current.CancellationToken)).Length);
        var row = Assert.Single(Tables.Read<ServerRow>(Path.Combine(Path.GetDirectoryName(table)!, "server.parquet")));
        Assert.Equal((server.Url + "/v1", "small", "vllm", 0.5, 16, 16, ""),
            (row.Server, row.Model, row.Owner, row.Temperature, row.Samples, row.MaxAnswerTokens, row.Refused));
        Assert.Contains("\"top_k\":40", row.Sent, StringComparison.Ordinal);
        Assert.All(server.Requests, r => Assert.Equal("Bearer " + Key, r.Authorization));
        Assert.Equal(2 * 4 * 10 * 2, server.Requests.Count);
        // What is finished is read, without the server.
        var url = server.Url;
        server.Dispose();
        var again = await Slick(Ask(url));
        Assert.Equal((0, ""), (again.Code, again.Errors));
        Assert.Contains($"Labels: {table}", again.Output, StringComparison.Ordinal);
        Assert.All(EveryFile(), file => Assert.DoesNotContain(Key, file, StringComparison.Ordinal));
        Assert.DoesNotContain(Key, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AServerThatBreaks_IsOneError_AndTheWorkGoesOnWhereItWas()
    {
        var isBroken = true;
        using var server = new TestServer((r, before) => isBroken && before >= 50
            ? Error(403, $"You sent Authorization: {r.Authorization}") : Knows(r, before));
        var url = server.Url.Replace("http://", "http://someone:pass-word-1@", StringComparison.Ordinal);
        var (code, output, errors) = await Slick(Ask(url, "--server-requests", "4"));
        Assert.Equal(1, code);
        Assert.StartsWith($"slick: {server.Url}/v1, model small: the server refuses the request with 403", errors,
            StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
        isBroken = false;
        server.Requests.Clear();
        var second = await Slick(Ask(url, "--server-requests", "4"));
        Assert.Equal((0, ""), (second.Code, second.Errors));
        // 25 questions were answered; those under way are asked again.
        Assert.InRange(server.Requests.Count, 160 - 50, 160 - 50 + 2 * 4);
        using var calm = new TestServer(Knows);
        var undisturbed = await Slick(Ask(calm.Url));
        IReadOnlyList<LabelRow> Labels(string printed) => Tables.Read<LabelRow>(
            printed.Split('\n').Single(l => l.StartsWith("Labels: ", StringComparison.Ordinal))["Labels: ".Length..].Trim());
        Assert.Equal(Labels(undisturbed.Output), Labels(second.Output));
        foreach (var secret in new[] { "pass-word-1", "someone", Convert.ToBase64String("someone:pass-word-1"u8) })
        {
            Assert.All(EveryFile(), file => Assert.DoesNotContain(secret, file, StringComparison.Ordinal));
            Assert.DoesNotContain(secret, output + errors + second.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void InANotebook_OneCallAsksTheServer()
    {
        using var server = new TestServer(Knows);
        var file = Path.Combine(folder, "plain.csv");
        File.WriteAllLines(file, ["relation,question,answer,split", .. File.ReadLines(data).Skip(1)]);
        var (url, store) = (server.Url, Path.Combine(folder, "notebook"));
        var result = Annotation.OpenServer(url, "small", file, questions: 4, store: store);
        Assert.Equal([Category.HighlyKnown, Category.MaybeKnown, Category.WeaklyKnown, Category.Unknown],
            result.Labels.Where(l => l.Relation == "one").Select(l => l.Category));
        // The second call reads.
        server.Dispose();
        Assert.Equal(result.Labels, Annotation.OpenServer(url, "small", file, questions: 4, store: store).Labels);
        Assert.Throws<UsageException>(() => Annotation.OpenServer("no address", "small", file, 4));
    }

    // Ends the work as a kill does, between the last checkpoint and the result.
    private sealed class Kill : IProgressReport
    {
        public void Stage(string name) { }
        public void Say(string line) { }
        public void Report(string stage, double done, double total, string detail = "")
        {
            if (done == total) throw new SlickException("killed");
        }
    }

    [Fact]
    public void AfterAKillBeforeTheResult_TheSettingsAreThoseOfTheWorkBefore()
    {
        using var server = new TestServer((r, before) => r.Body!["min_p"] is not null ? Error(400, "min_p is not known")
            : r.Choices > 1 ? Error(400, "n must be 1") : Knows(r, before));
        var (options, secret) = ServerOptions.Parse(server.Url, "small", _ => null);
        var asked = new AnnotationOptions
        {
            Relations = ["one"], Estimator = EstimatorKind.Sampled,
            Columns = new() { Relation = "Topic", Question = "Q", Answer = "A" },
        };
        var store = RunStore.Open(Path.Combine(folder, "store"));
        AnnotationResult Run(IProgressReport progress) =>
            Annotation.RunByServer(options, secret, data, asked, store, progress, TestContext.Current.CancellationToken);
        Assert.Equal("killed", Assert.Throws<SlickException>(() => Run(new Kill())).Message);
        server.Dispose();
        var result = Run(Progress.None);
        Assert.Equal(4, result.Labels.Count);
        var row = Assert.Single(Tables.Read<ServerRow>(Path.Combine(Path.GetDirectoryName(result.Table)!, "server.parquet")));
        Assert.Equal(("vllm", "min_p", "", false), (row.Owner, row.Refused, row.Ignored, row.SeveralChoices));
        Assert.DoesNotContain("min_p", row.Sent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "Give --model with a folder, or --server", "annotate", "--data", "x")]
    [InlineData(2, "--server needs --server-model", "annotate", "--data", "x", "--server", "http://127.0.0.1:1")]
    [InlineData(2, "--model and --server", "annotate", "--data", "x", "--server", "http://127.0.0.1:1", "--model", "x")]
    [InlineData(2, "--server, which is missing", "annotate", "--data", "x", "--model", "x", "--server-requests", "2")]
    [InlineData(2, "exact reads the probabilities of gold answers inside a local model, and the server http://127.0.0.1:1/v1",
        "annotate", "--data", "x", "--server", "http://127.0.0.1:1", "--server-model", "m", "--estimator", "exact")]
    [InlineData(2, "--dtype is about a local model", "annotate", "--data", "x", "--server", "http://127.0.0.1:1", "--server-model", "m",
        "--dtype", "bf16")]
    [InlineData(2, "server.requests = 0", "annotate", "--data", "x", "--server", "http://127.0.0.1:1", "--server-model", "m",
        "--server-requests", "0")]
    [InlineData(2, "is no address of a server", "annotate", "--data", "x", "--server", "me:hidden@host", "--server-model", "m")]
    [InlineData(1, "own.csv:1: there is no column 'relation'; the columns are Topic, Q, A, split", "annotate", "--data", "own.csv",
        "--server", "http://127.0.0.1:1", "--server-model", "m")]
    [InlineData(1, "no server answers there", "annotate", "--data", "own.csv", "--server", "http://127.0.0.1:1", "--server-model", "m",
        "--relation-column", "Topic", "--question-column", "Q", "--answer-column", "A")]
    public async Task WrongWords_AreNamed(int code, string says, params string[] args)
    {
        var (actual, output, errors) = await Slick([.. args.Select(a => a == "own.csv" ? data : a)]);
        Assert.Equal(code, actual);
        Assert.Contains(says, errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
        Assert.DoesNotContain("hidden", output + errors, StringComparison.Ordinal);
    }
}
