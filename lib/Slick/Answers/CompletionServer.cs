using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slick.Facts;
using Slick.Runtime;

namespace Slick.Answers;

/// <summary>How a server was asked. The row is stored beside the labels that the server's answers made.</summary>
public sealed record ServerRow
{
    /// <summary>The server's address, without user, password and key.</summary>
    public required string Server { get; init; }
    /// <summary>The model's name at the server.</summary>
    public required string Model { get; init; }
    /// <summary>
    /// The owner that the server names for the model (<c>vllm</c>, <c>llamacpp</c>, ...); empty where the server names none.
    /// </summary>
    public required string Owner { get; init; }
    /// <summary>Temperature of the samples. Greedy answers are asked for with temperature 0.</summary>
    public required double Temperature { get; init; }
    /// <summary>Number of samples of a question after one prompt.</summary>
    public required int Samples { get; init; }
    /// <summary>Longest answer, in the server's tokens.</summary>
    public required int MaxAnswerTokens { get; init; }
    /// <summary>The settings that were sent beside temperature, in the JSON of a request.</summary>
    public required string Sent { get; init; }
    /// <summary>The settings that the server refused, so that the server's own values are used; empty where it refused none.</summary>
    public required string Refused { get; init; }
    /// <summary>
    /// The settings of <see cref="Sent"/> that are known not to be among the parameters of the server's endpoint; empty where none is
    /// known.
    /// </summary>
    public string Ignored => Owner == CompletionServer.Ollama ? CompletionServer.IgnoredByOllama : "";
    /// <summary>False where the server gives one answer to a request, so that each sample is a request of its own.</summary>
    public required bool SeveralChoices { get; init; }
}

/// <summary>
/// A model behind an OpenAI-compatible completions endpoint (vLLM, llama.cpp's server, Ollama, OpenAI). The prompt's text is sent to
/// <c>POST /v1/completions</c>, so the server's own tokenizer and number format are used. The greedy answer is asked for with temperature
/// 0. The samples are asked for with the protocol's temperature, and with a seed where the server takes one. Some settings would change the
/// distribution, and some servers have defaults for them (top-p, min-p, penalties): these are sent with the values that do nothing. A
/// setting that the server refuses is left out, and <see cref="Settings"/> and one line to the user say so.
/// </summary>
public sealed partial class CompletionServer : IAnswerSource, IDisposable
{
    // Settings that not every server takes. One setting has two names: repetition_penalty in vLLM, repeat_penalty in llama.cpp.
    private static readonly string[] Optional = ["top_k", "min_p", "repetition_penalty", "repeat_penalty", "seed", "presence_penalty",
        "frequency_penalty"];

    /// <summary>The owner that Ollama names for its models.</summary>
    internal const string Ollama = "library";
    // Of the settings that are sent, those that are not among the parameters of Ollama's endpoint: the fields of CompletionRequest in its
    // source, openai/openai.go.
    internal const string IgnoredByOllama = "min_p, repeat_penalty, repetition_penalty, top_k";

    private readonly ServerOptions options;
    private readonly ServerSecret secret;
    private readonly ServerConnection connection;
    private readonly Action<string> say;
    private readonly ConcurrentDictionary<string, bool> refused = new(StringComparer.Ordinal);
    private readonly Lock gate = new();
    private List<string> models = []; // the names of the models that the server lists
    private string owner = "";
    private bool isConnected;
    private volatile bool oneChoice;

    /// <summary>A server. Nothing is sent yet.</summary>
    /// <param name="options">The server's address and model, and how requests are made.</param>
    /// <param name="secret">What proves to the server who asks.</param>
    /// <param name="say">Called with each line for the user: which settings the server does not take (once each), and why the work waits.
    /// Null for nobody.</param>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    public CompletionServer(ServerOptions options, ServerSecret secret, Action<string>? say = null)
    {
        (this.options, this.secret, this.say) = (options.Check(), secret, say ?? (_ => { }));
        connection = new(options, secret, this.say);
    }

    /// <inheritdoc />
    public string Name => $"the server {options.Url}";

    /// <summary>
    /// The name of the server and its model in stages: <c>server-</c> and a hash of the address and the model's name. Neither the number of
    /// requests at a time nor the secret changes the name.
    /// </summary>
    internal string Id => "server-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{options.Url}\n{options.Model}")))
        [..32];

    /// <summary>The platform of a server's models in stages. The device and the number format of a server are not known.</summary>
    internal static Platform Platform { get; } = new("server", "served");

    /// <summary>How the server was asked, as far as that is known by now.</summary>
    /// <param name="protocol">The protocol that the server was asked by.</param>
    public ServerRow Settings(SamplingOptions protocol) => new()
    {
        Server = options.Url,
        Model = options.Model,
        Owner = owner,
        Temperature = protocol.Temperature,
        Samples = protocol.Samples,
        MaxAnswerTokens = protocol.MaxAnswerTokens,
        Sent = Body("", protocol, protocol.Temperature, 1, null, out _).ToJsonString(),
        Refused = string.Join(", ", refused.Keys.Order(StringComparer.Ordinal)),
        SeveralChoices = !oneChoice,
    };

    /// <inheritdoc />
    public IEnumerable<IReadOnlyList<SourceAnswers>> Draw(IReadOnlyList<SeededPrompt> prompts, IReadOnlyList<Fact> questions,
        SamplingOptions protocol, Func<int, int, bool> isWanted, CancellationToken cancellation)
    {
        List<(int Prompt, int Question)> wanted = [.. from j in Enumerable.Range(0, prompts.Count)
                                                      from i in Enumerable.Range(0, questions.Count)
                                                      where isWanted(j, i)
                                                      select (j, i)];
        if (wanted.Count == 0) yield break;
        Connect(cancellation);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var found = new BlockingCollection<SourceAnswers>();
        var work = Task.Run(async () =>
        {
            try
            {
                var each = new ParallelOptions { MaxDegreeOfParallelism = options.Requests, CancellationToken = stop.Token };
                await Parallel.ForEachAsync(wanted, each, async (of, token) =>
                {
                    var ((prompt, seed), question) = (prompts[of.Prompt], questions[of.Question]);
                    var answers = await Ask(prompt.Text(question), protocol, Uniform.Stream(seed, question.Id), token)
                        .ConfigureAwait(false);
                    found.Add(new(of.Prompt, of.Question, answers), CancellationToken.None);
                }).ConfigureAwait(false);
            }
            finally
            {
                found.CompleteAdding();
            }
        }, CancellationToken.None);
        try
        {
            foreach (var first in found.GetConsumingEnumerable(CancellationToken.None))
            {
                var batch = new List<SourceAnswers> { first };
                while (found.TryTake(out var next)) batch.Add(next);
                yield return batch;
            }
            work.GetAwaiter().GetResult();
        }
        finally
        {
            stop.Cancel();
            ((IAsyncResult)work).AsyncWaitHandle.WaitOne(); // requests under way are cancelled before this method returns
            _ = work.Exception;
        }
    }

    /// <summary>Checks that the server is there, takes the key and has the model. A second call does nothing.</summary>
    /// <param name="cancellation">Stops the check.</param>
    /// <exception cref="SlickException">The server is not there, refuses the key, or does not have the model. The message says which, and
    /// names the models that the server lists.</exception>
    public void Connect(CancellationToken cancellation)
    {
        lock (gate)
        {
            if (isConnected) return;
            Task.Run(() => Look(cancellation), CancellationToken.None).GetAwaiter().GetResult();
            isConnected = true;
        }
    }

    private async Task Look(CancellationToken cancellation)
    {
        var uri = new Uri(options.Url);
        if (secret.Exists && uri.Scheme == "http" && !uri.IsLoopback)
            say($"{options.Url}: the key is sent without encryption; use an https address outside a network of your own.");
        List<(string Id, string Owner)> listed;
        try
        {
            listed = await connection.Send("/models", null, Models, cancellation).ConfigureAwait(false);
        }
        // Not every server lists its models.
        catch (ServerConnection.RefusedException e) when (e.Status is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed)
        {
            return;
        }
        catch (ServerConnection.RefusedException e)
        {
            throw Refusal(e);
        }
        models = [.. listed.Select(m => secret.Hide(m.Id))];
        // The names of Ollama's models end with a tag. The tag "latest" may be left out.
        var at = listed.FindIndex(m => m.Id == options.Model || m.Id == options.Model + ":latest");
        if (models.Count > 0 && at < 0)
            throw new SlickException($"{options.Url}: the server has no model {options.Model}; it lists {Listed()}. "
                + "Give one of them to --server-model.");
        owner = at < 0 ? "" : secret.Hide(listed[at].Owner);
        if (owner == Ollama)
            say($"{options.Url}: top_k, min_p and repeat_penalty are not among the parameters of Ollama's endpoint, and it puts a prompt "
                + "into the model's template; name a model without a template, such as one whose name ends with :text.");
        else if (owner is not ("vllm" or "llamacpp"))
            say($"{options.Url}: whether this server heeds top_k is not known; where it ignores top_k, answers are drawn by its own "
                + "setting.");
    }

    private string Listed() => string.Join(", ", models.Take(20)) + (models.Count > 20 ? ", ..." : "");

    /// <summary>The models in a server's list, as their ids and owners.</summary>
    /// <param name="answer">The answer to <c>GET /v1/models</c>.</param>
    internal static List<(string Id, string Owner)> Models(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("data", out var data)
            || data.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null))
            throw ServerConnection.Malformed("the list of models has no list 'data'");
        if (data.ValueKind == JsonValueKind.Null) return []; // Ollama without a model
        var models = new List<(string, string)>();
        foreach (var model in data.EnumerateArray())
        {
            if (model.ValueKind != JsonValueKind.Object || !model.TryGetProperty("id", out var id) || id.ValueKind != JsonValueKind.String)
                throw ServerConnection.Malformed("a model in the list of models has no text 'id'");
            models.Add((id.GetString()!, model.TryGetProperty("owned_by", out var by) && by.ValueKind == JsonValueKind.String
                ? by.GetString()! : ""));
        }
        return models;
    }

    // The greedy answer and the samples of one question.
    private async Task<DrawnAnswers> Ask(string prompt, SamplingOptions protocol, ulong stream, CancellationToken cancellation)
    {
        int SeedOf(int sample) => (int)(Seeds.At(stream, sample) & 0x7FFFFFFF);
        var greedy = await Complete(prompt, protocol, 0, 1, SeedOf(0), cancellation).ConfigureAwait(false);
        var samples = new List<string>();
        while (samples.Count < protocol.Samples)
        {
            var choices = oneChoice ? 1 : protocol.Samples - samples.Count;
            samples.AddRange(await Complete(prompt, protocol, protocol.Temperature, choices, SeedOf(samples.Count + 1), cancellation)
                .ConfigureAwait(false));
        }
        return DrawnAnswers.Of(greedy[0], samples.Select(s => (s, 1)));
    }

    // One request: as many answers as are asked for, or one answer where the server gives only one to a request.
    private async Task<List<string>> Complete(string prompt, SamplingOptions protocol, double temperature, int choices, int seed,
        CancellationToken cancellation)
    {
        while (true)
        {
            var body = Body(prompt, protocol, temperature, choices, seed, out var optional);
            try
            {
                return await connection.Send("/completions", body, answer => Texts(answer, choices), cancellation).ConfigureAwait(false);
            }
            catch (ServerConnection.RefusedException e) when (e.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity)
            {
                // The name may be refused already: another request can have learnt it while this one was under way. This one is made again
                // as well.
                var named = optional.Where(name => Regex.IsMatch(e.Text, $@"\b{name}\b", RegexOptions.IgnoreCase)).ToList();
                foreach (var name in named)
                    if (refused.TryAdd(name, true))
                        say($"{options.Url}: the server does not take {name}, so its own setting stands ({Named(e)}).");
                if (named.Count > 0) continue;
                if (choices == 1 || !NamesChoices().IsMatch(e.Text)) throw Refusal(e);
                GiveOneChoice(Named(e));
                choices = 1;
            }
            catch (ServerConnection.RefusedException e)
            {
                throw Refusal(e);
            }
        }
    }

    // The body of a request. Where the seed is null: what the table of settings shows.
    private JsonObject Body(string prompt, SamplingOptions protocol, double temperature, int choices, int? seed,
        out List<string> optional)
    {
        var body = new JsonObject
        {
            ["model"] = options.Model,
            ["prompt"] = prompt,
            ["max_tokens"] = protocol.MaxAnswerTokens,
            ["temperature"] = temperature,
            ["top_p"] = 1,
            ["n"] = choices,
            ["stop"] = new JsonArray("\n"),
            ["stream"] = false,
            ["top_k"] = protocol.TopK,
            ["min_p"] = 0,
            ["repetition_penalty"] = 1,
            ["repeat_penalty"] = 1,
            ["presence_penalty"] = 0,
            ["frequency_penalty"] = 0,
        };
        if (seed is { } number) body["seed"] = number;
        else foreach (var name in new[] { "model", "prompt", "max_tokens", "temperature", "n" }) body.Remove(name);
        foreach (var name in refused.Keys) body.Remove(name);
        optional = [.. Optional.Where(body.ContainsKey)];
        return body;
    }

    // As many answers as were asked for, or one answer.
    private List<string> Texts(JsonElement answer, int choices)
    {
        List<string> texts = [.. Choices(answer).Select(secret.HideInAnswer)];
        if (texts.Count == 1 && choices > 1) GiveOneChoice($"n = {choices} gave 1 choice");
        else if (texts.Count != choices)
            throw ServerConnection.Malformed(string.Create(CultureInfo.InvariantCulture,
                $"the answer has {texts.Count} choices where n = {choices} were asked for"));
        return texts;
    }

    /// <summary>The answers in the response of a completions endpoint: the first line of each choice.</summary>
    /// <param name="answer">The response.</param>
    internal static List<string> Choices(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("choices", out var list)
            || list.ValueKind != JsonValueKind.Array)
            throw ServerConnection.Malformed("the answer has no list 'choices'");
        var texts = new List<string>();
        foreach (var choice in list.EnumerateArray())
        {
            if (choice.ValueKind != JsonValueKind.Object || !choice.TryGetProperty("text", out var text)
                || text.ValueKind != JsonValueKind.String)
                throw ServerConnection.Malformed("a choice of the answer has no 'text'");
            texts.Add(DrawnAnswers.FirstLine(text.GetString()!));
        }
        return texts;
    }

    private void GiveOneChoice(string why)
    {
        lock (refused)
        {
            if (oneChoice) return;
            oneChoice = true;
        }
        say($"{options.Url}: the server does not give that many answers to a request, so each sample is a request of its own ({why}).");
    }

    private static string Named(ServerConnection.RefusedException e) => $"{(int)e.Status}{ServerConnection.Said(e.Text)}";

    private SlickException Refusal(ServerConnection.RefusedException e)
    {
        var cure = e.Status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden when secret.Exists =>
                $"the key is not taken: mend {ServerSecret.Variable} (else {ServerSecret.OtherVariable}), or the user and password in the "
                + "address.",
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden =>
                $"the server wants a key: put it into the environment variable {ServerSecret.Variable}.",
            HttpStatusCode.NotFound when models.Count > 0 => $"the server lists the models {Listed()}; give one of them to --server-model, "
                + "or another address to --server.",
            HttpStatusCode.NotFound => "mend the address that --server names, or the name that --server-model gives.",
            _ => "the server's documentation says what it takes.",
        };
        return connection.Error($"the server refuses the request with {Named(e)}", cure, e);
    }

    // Finds the words by which a server's message refuses several answers to one request.
    [GeneratedRegex(@"\bn\b|\bn_cmpl\b|\bbest_of\b|choice|multiple completions", RegexOptions.IgnoreCase)]
    private static partial Regex NamesChoices();

    /// <summary>Closes the connections to the server.</summary>
    public void Dispose() => connection.Dispose();
}
