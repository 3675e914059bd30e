using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Text;
using static Slick.Tests.Answers.TestServer;

namespace Slick.Tests.Answers;

/// <summary>Answers of a server, one of the tests' own that also misbehaves.</summary>
public sealed class CompletionServerTests
{
    private static readonly SamplingOptions Protocol = new() { Samples = 4, MaxAnswerTokens = 7, TopK = 30 };
    private static readonly Fact[] Questions = [.. Enumerable.Range(0, 12).Select(i => new Fact
    {
        Id = 100 + i, Relation = "P17", Split = Split.Train, Subject = $"s{i}", Question = $"Where is s{i}?", Answer = $"a{i}",
    })];
    private static readonly FewShotPrompt Prompt =
        new(PromptFormat.QuestionAnswer, [Questions[0] with { Question = "Who?", Answer = "I" }]);

    private readonly List<string> said = [];

    // An answer that says what was asked, and that stops where the line does.
    private static Reply Plain(Request request, int before) => Choices(Enumerable.Range(0, request.Choices)
        .Select(i => request.IsGreedy ? $" greedy {request.Question}\nQ: more" : $" {(i < 2 ? "x" : "y")} {request.Question} "));

    private CompletionServer Open(TestServer server, Func<ServerOptions, ServerOptions>? change = null, string key = "",
        string model = "small", string? url = null)
    {
        var (options, secret) = ServerOptions.Parse(url ?? server.Url, model, name => name == ServerSecret.Variable ? key : null);
        options = options with { RetrySeconds = 0.01, TimeoutSeconds = 20 };
        return new(change?.Invoke(options) ?? options, secret, line => { lock (said) said.Add(line); });
    }

    private static SourceAnswers[] Draw(CompletionServer server, int seed = 1, int questions = 3, CancellationToken? cancellation = null) =>
        [.. server.Draw([new(Prompt, seed)], Questions[..questions], Protocol, (_, _) => true,
            cancellation ?? TestContext.Current.CancellationToken).SelectMany(b => b).OrderBy(a => a.Question)];

    [Fact]
    public void Answers_AreTheFirstLinesOfWhatTheServerGives_QuestionByQuestion()
    {
        using var server = new TestServer(Plain);
        using var source = Open(server);
        var drawn = Draw(source);
        Assert.Equal([0, 1, 2], drawn.Select(a => a.Question));
        Assert.Equal("greedy Where is s1?", drawn[1].Answers.Greedy);
        Assert.Equal([("x Where is s1?", 2), ("y Where is s1?", 2)], drawn[1].Answers.Sampled);
        Assert.Empty(said);
    }

    [Fact]
    public void Requests_AskByTheProtocol()
    {
        using var server = new TestServer(Plain);
        using var source = Open(server);
        Draw(source, questions: 1);
        Assert.Equal(2, server.Requests.Count);
        var (greedy, sampled) = (server.Requests.Single(r => r.IsGreedy), server.Requests.Single(r => !r.IsGreedy));
        Assert.All(server.Requests, r =>
        {
            Assert.Equal(("POST", "/v1/completions"), (r.Method, r.Path));
            Assert.Equal("Q: Who?\nA: I\nQ: Where is s0?\nA:", r.Prompt);
            Assert.Equal("small", r.Body!["model"]!.GetValue<string>());
            Assert.Equal(7, r.Body["max_tokens"]!.GetValue<int>());
            Assert.Equal("[\"\\n\"]", r.Body["stop"]!.ToJsonString());
            // What some servers have defaults for that change the distribution.
            Assert.Equal((1, 0, 1.0, 1.0), (r.Body["top_p"]!.GetValue<double>(), r.Body["min_p"]!.GetValue<double>(),
                r.Body["repetition_penalty"]!.GetValue<double>(), r.Body["repeat_penalty"]!.GetValue<double>()));
        });
        Assert.Equal((1, 4), (greedy.Choices, sampled.Choices));
        Assert.Equal((0.5, 30), (sampled.Temperature, sampled.Body!["top_k"]!.GetValue<int>()));
    }

    [Fact]
    public void Seeds_FollowFromTheSeedAndTheQuestion()
    {
        List<int> Of(int seed, int requests)
        {
            using var server = new TestServer(Plain);
            using var source = Open(server, o => o with { Requests = requests });
            Draw(source, seed);
            return [.. server.Requests.OrderBy(r => r.Prompt, StringComparer.Ordinal).ThenBy(r => r.Choices)
                .Select(r => r.Body!["seed"]!.GetValue<int>())];
        }
        Assert.Equal(Of(1, requests: 1), Of(1, requests: 8));
        Assert.Equal(12, Of(1, 1).Concat(Of(2, 1)).Distinct().Count());
        Assert.All(Of(1, 1), seed => Assert.True(seed >= 0));
    }

    [Fact]
    public void OneChoiceARequest_IsMetByOneRequestASample_AndSaidOnce()
    {
        using var server = new TestServer((r, before) => Choices($" {(r.IsGreedy ? "g" : $"n{r.Body!["seed"]!.GetValue<int>()}")}"));
        using var source = Open(server);
        var drawn = Draw(source);
        Assert.All(drawn, a => Assert.Equal(4, a.Answers.Sampled.Sum(s => s.Count)));
        // Each sample has a seed of its own.
        Assert.All(drawn, a => Assert.Equal(4, a.Answers.Sampled.Count));
        Assert.Single(said, line => line.Contains("n = 4 gave 1 choice", StringComparison.Ordinal));
        Assert.False(source.Settings(Protocol).SeveralChoices);
        Assert.Equal(3 * 5, server.Requests.Count);
    }

    [Fact]
    public void RefusedN_IsMetByOneRequestASample()
    {
        using var server = new TestServer((r, before) => r.Choices > 1
            ? Error(400, "Field 'n_cmpl' must be between 1 and 2") : Choices(" x"));
        using var source = Open(server, o => o with { Requests = 1 });
        Assert.All(Draw(source), a => Assert.Equal([("x", 4)], a.Answers.Sampled));
        Assert.Single(said, line => line.Contains("n_cmpl", StringComparison.Ordinal));
        Assert.Single(server.Requests, r => r.Choices > 1);
    }

    [Fact]
    public void RefusedSettings_AreLeftOut_SaidOnce_AndNamedInTheRowBesideTheLabels()
    {
        using var server = new TestServer((r, before) => new[] { "top_k", "min_p" }.FirstOrDefault(n => r.Body![n] is not null) is { } name
            ? Error(400, $"Unrecognized request argument supplied: {name}") : Plain(r, before));
        using var source = Open(server);
        Assert.Equal(3, Draw(source).Length);
        Assert.Single(said, line => line.Contains("does not take top_k", StringComparison.Ordinal));
        Assert.Single(said, line => line.Contains("does not take min_p", StringComparison.Ordinal));
        var row = source.Settings(Protocol);
        Assert.Equal("min_p, top_k", row.Refused);
        Assert.DoesNotContain("top_k", row.Sent, StringComparison.Ordinal);
        Assert.Contains("repeat_penalty", row.Sent, StringComparison.Ordinal);
        Assert.Equal((server.Url + "/v1", "small", "vllm", 0.5), (row.Server, row.Model, row.Owner, row.Temperature));
    }

    [Theory]
    [InlineData("{\"data\": [{\"id\": \"small\", \"owned_by\": \"library\"}]}", 1, "min_p, repeat_penalty, repetition_penalty, top_k")]
    [InlineData("{\"data\": [{\"id\": \"small\", \"owned_by\": \"somebody\"}]}", 1, "")]
    [InlineData("{\"data\": [{\"id\": \"small\"}]}", 1, "")]
    [InlineData("{\"data\": [{\"id\": \"small\", \"owned_by\": \"llamacpp\"}]}", 0, "")]
    public void AServerThatMayIgnoreTopK_IsNamed(string models, int lines, string ignored)
    {
        using var server = new TestServer(Plain, new(200, models));
        using var source = Open(server);
        Draw(source);
        Assert.Equal(lines, said.Count(line => line.Contains("top_k", StringComparison.Ordinal)));
        var row = source.Settings(Protocol);
        Assert.Equal(ignored, row.Ignored);
        Assert.All(ignored.Split(", ", StringSplitOptions.RemoveEmptyEntries), name =>
            Assert.Contains($"\"{name}\"", row.Sent, StringComparison.Ordinal));
        Assert.Equal(ignored.Length > 0, said.Exists(line => line.Contains("repeat_penalty", StringComparison.Ordinal)));
    }

    public static TheoryData<string> PassingFaults => ["503", "429", "500", "cut", "no answer", "half", "not json", "no choices",
        "five choices", "told with 200", "no text", "slow"];

    private static Reply Fault(string kind, Request request, int before) => kind switch
    {
        "503" => Error(503, "Loading model"),
        "429" => Error(429, "Rate limit reached"),
        "500" => Error(500, "boom"),
        "cut" => Plain(request, before) with { Sent = 20 },
        "no answer" => new(200, "", NoAnswer: true),
        "half" => new(200, Plain(request, before).Body[..30]),
        "not json" => new(200, "<html>Welcome</html>"),
        "no choices" => new(200, """{"id": "x"}"""),
        "five choices" => Choices(" a", " b", " c", " d", " e"),
        "told with 200" => Error(200, "loading the weights"),
        "no text" => new(200, """{"choices": [{"message": {"content": "I am a chat model"}}]}"""),
        "slow" => Plain(request, before) with { Delay = TimeSpan.FromSeconds(5) },
        _ => throw new ArgumentException(kind),
    };

    [Theory]
    [MemberData(nameof(PassingFaults))]
    public void AFaultThatPasses_ChangesNoAnswer(string kind)
    {
        using var calm = new TestServer(Plain);
        using var troubled = new TestServer((r, before) => before % 3 == 1 ? Fault(kind, r, before) : Plain(r, before));
        using var first = Open(calm);
        using var second = Open(troubled, o => o with { TimeoutSeconds = kind == "slow" ? 0.5 : 20, Requests = 1 });
        Assert.Equal(Draw(first).Select(Text), Draw(second).Select(Text));
        Assert.True(troubled.Requests.Count > calm.Requests.Count);
        static string Text(SourceAnswers a) => $"{a.Question} {a.Answers.Greedy} {string.Join(';', a.Answers.Sampled)}";
    }

    [Theory]
    [InlineData("503", "503 ServiceUnavailable: \"Loading model\" (tried 3 times)")]
    [InlineData("429", "lower --server-requests")]
    [InlineData("500", "500 InternalServerError: \"boom\"")]
    [InlineData("cut", "the connection was cut")]
    [InlineData("no answer", "the connection was cut")]
    [InlineData("half", "the answer is not JSON")]
    [InlineData("not json", "the answer is not JSON: \"<html>Welcome</html>\"")]
    [InlineData("no choices", "the answer has no list 'choices'")]
    [InlineData("told with 200", "the answer has no list 'choices': \"loading the weights\" (tried 3 times)")]
    [InlineData("five choices", "the answer has 5 choices where n = 1 were asked for")]
    [InlineData("no text", "a choice of the answer has no 'text'")]
    [InlineData("slow", "no answer in 0.3 s")]
    public void AFaultThatStays_IsOneClearError(string kind, string says)
    {
        using var server = new TestServer((r, before) => Fault(kind, r, before));
        using var source = Open(server, o => o with { TimeoutSeconds = kind == "slow" ? 0.3 : 20, Retries = 2 });
        var error = Assert.Throws<SlickException>(() => Draw(source));
        Assert.StartsWith($"{server.Url}/v1, model small: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Contains("; ", error.Message, StringComparison.Ordinal); // and what to do
    }

    // An answer of the wrong form is an error after the third try; no fault goes on beyond the retries that were asked for.
    [Theory]
    [InlineData("503", 0, 1)]
    [InlineData("503", 1, 2)]
    [InlineData("503", 4, 5)]
    [InlineData("cut", 0, 1)]
    [InlineData("cut", 4, 5)]
    [InlineData("no choices", 0, 1)]
    [InlineData("no choices", 1, 2)]
    [InlineData("no choices", 4, 3)]
    [InlineData("not json", 0, 1)]
    [InlineData("not json", 4, 3)]
    public void AFaultThatStays_IsTriedAsOftenAsTheOptionsSay(string kind, int retries, int tries)
    {
        using var server = new TestServer((r, before) => Fault(kind, r, before));
        using var source = Open(server, o => o with { Retries = retries, Requests = 1 });
        var message = Assert.Throws<SlickException>(() => Draw(source, questions: 1)).Message;
        Assert.Equal(tries, server.Requests.Count);
        Assert.Equal(tries > 1, message.Contains($"(tried {tries} times)", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(401, "the server wants a key: put it into the environment variable SLICK_SERVER_KEY")]
    [InlineData(404, "the server lists the models small")]
    [InlineData(400, "\"This model's maximum context length is 10 tokens\"")]
    public void ARefusal_IsNotTriedAgain(int status, string says)
    {
        using var server = new TestServer((r, before) => Error(status, "This model's maximum context length is 10 tokens."));
        using var source = Open(server, o => o with { Requests = 1 });
        Assert.Contains(says, Assert.Throws<SlickException>(() => Draw(source)).Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public void RetryAfter_IsHeeded()
    {
        using var server = new TestServer((r, before) => before == 0 ? Error(429, "wait", "Retry-After: 1\r\n") : Plain(r, before));
        using var source = Open(server);
        var clock = Stopwatch.StartNew();
        Assert.Single(Draw(source, questions: 1));
        Assert.True(clock.Elapsed > TimeSpan.FromSeconds(0.9), $"{clock.Elapsed}");
        Assert.Single(said, line => line.Contains("trying again in 1 s", StringComparison.Ordinal));
    }

    [Fact]
    public void AWaitOfHours_IsAnErrorAtOnce()
    {
        using var server = new TestServer((r, before) => Error(429, "quota", "Retry-After: 7200\r\n"));
        using var source = Open(server, o => o with { Requests = 1 });
        Assert.Contains("asks to wait 120 minutes", Assert.Throws<SlickException>(() => Draw(source)).Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public void RequestsInFlight_AreBounded()
    {
        using var server = new TestServer((r, before) => Plain(r, before) with { Delay = TimeSpan.FromMilliseconds(50) });
        using var source = Open(server, o => o with { Requests = 3 });
        Draw(source, questions: 12);
        Assert.Equal(3, server.MostOpen);
    }

    [Fact]
    public void Cancelled_ItStopsAtOnce()
    {
        using var stop = new CancellationTokenSource();
        using var server = new TestServer((r, before) =>
        {
            if (before == 2) stop.CancelAfter(100);
            return Plain(r, before) with { Delay = before < 2 ? default : TimeSpan.FromMinutes(1) };
        });
        using var source = Open(server);
        var clock = Stopwatch.StartNew();
        Assert.ThrowsAny<OperationCanceledException>(() => Draw(source, questions: 12, cancellation: stop.Token));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
    }

    [Fact]
    public void WhatIsNotWanted_IsNotAsked()
    {
        using var server = new TestServer(Plain);
        using var source = Open(server);
        var other = new FewShotPrompt(Prompt.Format, [Prompt.Exemplars[0] with { Question = "What?" }]);
        var drawn = source.Draw([new(Prompt, 1), new(other, 2)], Questions, Protocol, (j, i) => j == 1 && i == 4,
            TestContext.Current.CancellationToken).SelectMany(b => b);
        var only = Assert.Single(drawn);
        Assert.Equal((1, 4), (only.Prompt, only.Question));
        Assert.All(server.Requests, r => Assert.Equal("Where is s4?", r.Question));
    }

    [Fact]
    public void WhereNoServerIs_TheErrorComesAtOnce()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        using var unused = new TestServer(Plain);
        using var source = Open(unused, o => o with { RetrySeconds = 30 }, url: FormattableString.Invariant($"http://127.0.0.1:{port}"));
        var clock = Stopwatch.StartNew();
        var error = Assert.Throws<SlickException>(() => Draw(source));
        Assert.Contains("no server answers there", error.Message, StringComparison.Ordinal);
        Assert.Contains("mend the address", error.Message, StringComparison.Ordinal);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
    }

    [Fact]
    public void AModelThatTheServerDoesNotList_IsNamedWithThoseItLists()
    {
        using var server = new TestServer(Plain);
        using var source = Open(server, model: "large");
        var error = Assert.Throws<SlickException>(() => Draw(source));
        Assert.Contains("no model large; it lists small", error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
        server.Models = new(200, """{"data": [{"id": "large:latest", "owned_by": "library"}]}""");
        Assert.Equal(3, Draw(source).Length);
    }

    [Theory]
    [InlineData(404, "Not found")]
    [InlineData(405, "Method not allowed")]
    public void AServerThatListsNoModels_IsAskedAllTheSame(int status, string text)
    {
        using var server = new TestServer(Plain, Error(status, text));
        using var source = Open(server);
        Assert.Equal(3, Draw(source).Length);
    }

    [Fact]
    public void AHugeAnswer_IsAnErrorAtOnce()
    {
        using var server = new TestServer((r, before) => Choices(new string('x', 5 << 20)));
        using var source = Open(server, o => o with { Requests = 1 });
        Assert.Contains("more than 4 MiB", Assert.Throws<SlickException>(() => Draw(source)).Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public void ARedirect_IsAnError_SoThatTheKeyGoesNowhereElse()
    {
        using var server = new TestServer((r, before) => new(307, "", "Location: http://127.0.0.1:9/v1/completions\r\n"));
        using var source = Open(server, o => o with { Requests = 1 }, key: "sk-secret-0123456789");
        Assert.Contains("307", Assert.Throws<SlickException>(() => Draw(source)).Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    private const string Key = "sk-se/cret+\"0123456789";

    [Theory]
    [InlineData("completions")]
    [InlineData("not json")]
    [InlineData("malformed")]
    [InlineData("told with 200")]
    [InlineData("models")]
    [InlineData("listed")]
    [InlineData("field")]
    [InlineData("fault")]
    public void TheKey_IsSent_AndStandsInNoErrorAndNoLine(string where)
    {
        var seen = new List<string>();
        Reply Echo(Request r, int status, string before = "") =>
            Error(status, $"{new string('x', 270)}{before} Authorization: {r.Authorization}", $"X-Echo: {r.Authorization}\r\n");
        Reply Answer(Request r, int before)
        {
            lock (seen) seen.Add(r.Authorization);
            return where switch
            {
                "not json" => new(200, "Authorization " + r.Authorization),
                "malformed" => new(200, $$"""{"choices": "{{r.Authorization.Replace("\"", "\\\"", StringComparison.Ordinal)}}"}"""),
                "told with 200" => Echo(r, 200),
                "field" => Echo(r, 400, "top_k"),
                "fault" => Echo(r, 500),
                _ => Echo(r, 401),
            };
        }
        foreach (var (url, key, expected) in new[]
        {
            ("http://", Key, "Bearer " + Key),
            ("http://someone:p%40ssw0rd-long@", "", "Basic c29tZW9uZTpwQHNzdzByZC1sb25n"),
        })
        {
            using var server = new TestServer(Answer);
            if (where == "models") server.Models = Error(403, $"wrong: {expected}");
            if (where == "listed") server.Models = new(200,
                $$"""{"data": [{"id": "{{expected.Replace("\"", "\\\"", StringComparison.Ordinal)}}"}]}""");
            using var source = Open(server, o => o with { Retries = 1, Requests = 1 }, key,
                url: server.Url.Replace("http://", url, StringComparison.Ordinal));
            seen.Clear();
            var error = Assert.Throws<SlickException>(() => Draw(source, questions: 1));
            if (where is not ("models" or "listed")) Assert.All(seen, a => Assert.Equal(expected, a));
            var shown = $"{error} {error.Data.Count} {string.Join('\n', said)} {source.Settings(Protocol)} {source.Name}";
            foreach (var secret in new[] { "cret+", "0123456789", "p@ss", "p%40ss", "w0rd", "c29tZW9u" })
                Assert.DoesNotContain(secret, shown, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("someone", shown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AnAnswerThatRepeatsTheKey_IsKeptWithoutIt()
    {
        using var server = new TestServer((r, before) => Choices(Enumerable.Repeat($" {r.Authorization} is it", r.Choices)));
        using var source = Open(server, key: "sk-secret-0123456789");
        Assert.All(Draw(source), a => Assert.Equal("Bearer *** is it", a.Answers.Greedy));
        // A word that everybody sets as the key of a server without keys may be an answer.
        using var other = Open(server, key: "EMPTY");
        Assert.All(Draw(other), a => Assert.Equal("Bearer EMPTY is it", a.Answers.Greedy));
    }

    [Theory]
    [InlineData("localhost:8000", "is no address of a server")]
    [InlineData("ftp://host/v1", "is no address of a server")]
    [InlineData("http://user:hidden-word@", "is no address of a server")]
    [InlineData("https://host/v1?api_key=hidden-word", "behind '?'")]
    public void WhatIsNoAddress_IsNamed_WithoutItsSecret(string url, string says)
    {
        var error = Assert.Throws<UsageException>(() => ServerOptions.Parse(url, "small", _ => null));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden-word", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://host:8000", "http://host:8000/v1")]
    [InlineData("http://host:8000/v1/", "http://host:8000/v1")]
    [InlineData("https://u:p@host/inference/v1/completions", "https://host/inference/v1")]
    public void AnAddress_IsMeantWithOrWithoutItsEnd(string url, string expected) =>
        Assert.Equal(expected, ServerOptions.Parse(url, "small", _ => null).Options.Url);

    [Fact]
    public void TheKey_IsThatOfSlick_ElseOpenAIs_AndBadOnesAreNotShown()
    {
        var both = ServerSecret.Find("", name => name == "SLICK_SERVER_KEY" ? "first-one-1" : "other-one-2");
        Assert.Equal("*** other-one-2", both.Hide("first-one-1 other-one-2"));
        Assert.True(ServerSecret.Find("", name => name == "OPENAI_API_KEY" ? "other" : " ").Exists);
        Assert.Equal("none", ServerSecret.Find("", _ => null).ToString());
        Assert.DoesNotContain("first", both.ToString(), StringComparison.Ordinal);
        var error = Assert.Throws<UsageException>(() => ServerSecret.Find("", _ => "two words"));
        Assert.DoesNotContain("two", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Exact_SaysThatItNeedsALocalModel()
    {
        using var server = new TestServer(Plain);
        using var source = Open(server);
        var error = Assert.Throws<UsageException>(() => new ExactEstimator(Protocol, PromptFormat.QuestionAnswer)
            .Estimate(source, [new([], 1)], Questions, [new PromptEstimate?[Questions.Length]], null, CancellationToken.None));
        Assert.Contains(server.Url, error.Message, StringComparison.Ordinal);
        Assert.Contains("--estimator sampled", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sampled_CountsTheServersRightAnswers_AndKeepsThoseThatItHas()
    {
        static string Gold(Request r) => r.Question.Replace("Where is s", " a", StringComparison.Ordinal).TrimEnd('?');
        using var server = new TestServer((r, before) => Choices(Enumerable.Range(0, r.Choices)
            .Select(i => r.IsGreedy || i == 0 ? Gold(r) : " no")));
        using var source = Open(server);
        PromptEstimate?[][] estimates = [[null, new(false, 0.75, "kept"), null]];
        new SampledEstimator(Protocol, PromptFormat.QuestionAnswer)
            .Estimate(source, [new(Prompt.Exemplars, 1)], Questions[..3], estimates, null, TestContext.Current.CancellationToken);
        Assert.Equal([new(true, 0.25, "a0"), new(false, 0.75, "kept"), new(true, 0.25, "a2")], estimates[0].Select(e => e!.Value));
        Assert.Equal(4, server.Requests.Count);
    }
}
