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

/// <summary>How a server was asked: a row beside the labels that its answers made.</summary>
public sealed record ServerRow
{
    /// <summary>The server's address, without user, password and key.</summary>
    public required string Server { get; init; }
    /// <summary>The model's name at the server.</summary>
    public required string Model { get; init; }
    /// <summary>What the server calls the model's owner (<c>vllm</c>, <c>llamacpp</c>, ...); empty where it does not say.</summary>
    public required string Owner { get; init; }
    /// <summary>Temperature of the samples; greedy answers are asked for with 0.</summary>
    public required double Temperature { get; init; }
    /// <summary>Samples of a question and prompt.</summary>
    public required int Samples { get; init; }
    /// <summary>Longest answer, in the server's tokens.</summary>
    public required int MaxAnswerTokens { get; init; }
    /// <summary>The settings that were sent beside temperature, as the JSON of a request has them.</summary>
    public required string Sent { get; init; }
    /// <summary>The settings that the server refused, so that its own stand in their place; empty for none.</summary>
    public required string Refused { get; init; }
    /// <summary>False where the server gives one answer a request, and each sample is a request of its own.</summary>
    public required bool SeveralChoices { get; init; }
}

/// <summary>
/// A model behind an OpenAI-compatible completions endpoint (vLLM, llama.cpp's server, Ollama, OpenAI): <c>POST /v1/completions</c> with
/// the prompt's text. The server's tokenizer and precision are its own affair. The greedy answer is asked for with temperature 0, the
/// samples with the protocol's, and with a seed where the server takes one. Settings that would change the distribution and that some
/// servers have defaults for (top-p, min-p, penalties) are sent with the values that do nothing; those that a server refuses are left out,
/// and <see cref="Settings"/> and one line say so.
/// </summary>
public sealed partial class CompletionServer : IAnswerSource, IDisposable
{
    // Settings that not every server takes. Names: vLLM has repetition_penalty, llama.cpp repeat_penalty.
    private static readonly string[] Optional = ["top_k", "min_p", "repetition_penalty", "repeat_penalty", "seed", "presence_penalty",
        "frequency_penalty"];

    private readonly ServerOptions options;
    private readonly ServerSecret secret;
    private readonly ServerConnection connection;
    private readonly Action<string> say;
    private readonly ConcurrentDictionary<string, bool> refused = new(StringComparer.Ordinal);
    private readonly Lock gate = new();
    private List<string> models = []; // as the server lists them
    private string owner = "";
    private bool isConnected;
    private volatile bool oneChoice;

    /// <summary>A server; nothing is sent yet.</summary>
    /// <param name="options">The server.</param>
    /// <param name="secret">What proves who asks.</param>
    /// <param name="say">Told, once each, what the server does not take, and why the work waits; null for nobody.</param>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    public CompletionServer(ServerOptions options, ServerSecret secret, Action<string>? say = null)
    {
        (this.options, this.secret, this.say) = (options.Check(), secret, say ?? (_ => { }));
        connection = new(options, secret, this.say);
    }

    /// <inheritdoc />
    public string Name => $"the server {options.Url}";

    /// <summary>What stages call the server and its model: <c>server-</c> and the hash of address and name. How many requests are made
    /// at a time, and who asks, is no part of it.</summary>
    internal string Id => "server-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{options.Url}\n{options.Model}")))
        [..32];

    /// <summary>On what a server's models compute: nobody here knows.</summary>
    internal static Platform Platform { get; } = new("server", "served");

    /// <summary>How the server was asked, so far as that is known by now.</summary>
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
    public IEnumerable<IReadOnlyList<SourceAnswers>> Draw(FewShotPrompt prompt, IReadOnlyList<Fact> questions, SamplingOptions protocol,
        int seed, Func<int, bool> isWanted, CancellationToken cancellation)
    {
        int[] wanted = [.. Enumerable.Range(0, questions.Count).Where(isWanted)];
        if (wanted.Length == 0) yield break;
        Connect(cancellation);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var found = new BlockingCollection<SourceAnswers>();
        var work = Task.Run(async () =>
        {
            try
            {
                var each = new ParallelOptions { MaxDegreeOfParallelism = options.Requests, CancellationToken = stop.Token };
                await Parallel.ForEachAsync(wanted, each, async (i, token) =>
                    found.Add(new(i, await Ask(prompt.Text(questions[i]), protocol, Uniform.Stream(seed, questions[i].Id), token)
                        .ConfigureAwait(false)), CancellationToken.None)).ConfigureAwait(false);
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
            ((IAsyncResult)work).AsyncWaitHandle.WaitOne(); // the requests under way are given up, not left behind
            _ = work.Exception;
        }
    }

    /// <summary>Looks whether the server is there, takes the key and has the model. Does nothing the second time.</summary>
    /// <exception cref="SlickException">It does not; the message says which, and names the models that the server lists.</exception>
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
        // Ollama's names have a tag that may be left out.
        var at = listed.FindIndex(m => m.Id == options.Model || m.Id == options.Model + ":latest");
        if (models.Count > 0 && at < 0)
            throw new SlickException($"{options.Url}: the server has no model {options.Model}; it lists {Listed()}. "
                + "Give one of them to --server-model.");
        owner = at < 0 ? "" : secret.Hide(listed[at].Owner);
        if (owner == "library")
            say($"{options.Url}: Ollama ignores top_k and puts a prompt into the model's template; name a model without a template, such "
                + "as one whose name ends with :text.");
        else if (owner is not ("vllm" or "llamacpp"))
            say($"{options.Url}: whether this server heeds top_k is not known; where it ignores top_k, answers are drawn by its own "
                + "setting.");
    }

    private string Listed() => string.Join(", ", models.Take(20)) + (models.Count > 20 ? ", ..." : "");

    /// <summary>The models that a server lists.</summary>
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

    // The answers to one question.
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

    // One request: as many answers as it asks for, or one where the server gives one a request.
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
                // A request that was under way when another learnt it is made again as well.
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

    // What is sent; without a seed: what stands in the table of settings.
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

    // As many answers as were asked for, or one.
    private List<string> Texts(JsonElement answer, int choices)
    {
        List<string> texts = [.. Choices(answer).Select(secret.HideInAnswer)];
        if (texts.Count == 1 && choices > 1) GiveOneChoice($"n = {choices} gave 1 choice");
        else if (texts.Count != choices)
            throw ServerConnection.Malformed(string.Create(CultureInfo.InvariantCulture,
                $"the answer has {texts.Count} choices where n = {choices} were asked for"));
        return texts;
    }

    /// <summary>The answers in what a completions endpoint gives: the first line of each choice.</summary>
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

    // What a message names that is about several answers to a request.
    [GeneratedRegex(@"\bn\b|\bn_cmpl\b|\bbest_of\b|choice|multiple completions", RegexOptions.IgnoreCase)]
    private static partial Regex NamesChoices();

    /// <summary>Closes the connections.</summary>
    public void Dispose() => connection.Dispose();
}
