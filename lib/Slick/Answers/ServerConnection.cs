using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Slick.Answers;

/// <summary>
/// Sends requests to one server. A request is made again where another try may help: where the server is overloaded (408, 429, 5xx),
/// unreachable or too slow, cuts the connection, or answers with text that is not JSON. A try covers the whole request, the reading of the
/// body included.
/// </summary>
internal sealed class ServerConnection : IDisposable
{
    // The largest answer holds 16 samples of 16 tokens: far less than a hundredth of this bound.
    private const int MostBytes = 4 << 20;

    // Where a server asks for a longer wait, the work ends. The user can start it again later.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    private readonly ServerOptions options;
    private readonly ServerSecret secret;
    private readonly Action<string> say;
    private readonly HttpClient client;
    private readonly ResiliencePipeline pipeline;
    private volatile bool hasAnswered; // true: the server exists and may come back; false: the address may be wrong
    private long lastSaid = long.MinValue;

    /// <summary>A request that the server does not take. Trying again does not help.</summary>
    /// <param name="status">The status of the server's response.</param>
    /// <param name="text">The server's message, without the secret; empty where there is none.</param>
    internal sealed class RefusedException(HttpStatusCode status, string text) : Exception($"refused with {(int)status}")
    {
        public HttpStatusCode Status { get; } = status;
        public string Text { get; } = text;
    }

    /// <summary>An answer after which the request is made again.</summary>
    /// <param name="what">What is wrong, for the error's message.</param>
    /// <param name="cure">What the user can do about it.</param>
    /// <param name="retries">How often the request is made again, at most. <see cref="ServerOptions.Retries"/> bounds it too.</param>
    /// <param name="wait">The wait before the next try where the server asks for one; else null.</param>
    internal sealed class FaultException(string what, string cure, int retries, TimeSpan? wait = null) : Exception(what)
    {
        public string Cure { get; } = cure;
        public int Retries { get; } = retries;
        public TimeSpan? Wait { get; } = wait;
    }

    /// <summary>The exception for an answer that a completions endpoint does not give. It is an error after the third try, or after fewer
    /// where <see cref="ServerOptions.Retries"/> is below 2.</summary>
    internal static Exception Malformed(string what) =>
        new FaultException(what, "is this the address of an OpenAI-compatible completions endpoint?", 2);

    /// <param name="options">The server.</param>
    /// <param name="secret">What proves who asks.</param>
    /// <param name="say">Called with a line that says why the work waits.</param>
    public ServerConnection(ServerOptions options, ServerSecret secret, Action<string> say)
    {
        (this.options, this.secret, this.say) = (options, secret, say);
        var uri = new Uri(options.Url);
        client = new HttpClient(new SocketsHttpHandler
        {
            // A redirected POST would become a GET, or would take the secret to another server.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !uri.IsLoopback,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            AutomaticDecompression = DecompressionMethods.All,
        }) { Timeout = Timeout.InfiniteTimeSpan };
        var retry = new RetryStrategyOptions
        {
            MaxRetryAttempts = Math.Max(1, options.Retries), // the library takes no 0; ShouldHandle says whether there is a retry
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromSeconds(options.RetrySeconds),
            MaxDelay = TimeSpan.FromSeconds(30),
            ShouldHandle = attempt => ValueTask.FromResult(attempt.AttemptNumber < RetriesOf(attempt.Outcome.Exception)),
            DelayGenerator = attempt => ValueTask.FromResult((attempt.Outcome.Exception as FaultException)?.Wait),
            OnRetry = attempt =>
            {
                SayNowAndThen(string.Create(CultureInfo.InvariantCulture,
                    $"{options.Url}: {Described(attempt.Outcome.Exception!)}; trying again in {attempt.RetryDelay.TotalSeconds:F0} s."));
                return default;
            },
        };
        pipeline = new ResiliencePipelineBuilder().AddRetry(retry).AddTimeout(TimeSpan.FromSeconds(options.TimeoutSeconds)).Build();
    }

    /// <summary>Makes a request and reads the answer.</summary>
    /// <typeparam name="T">What is read from the answer.</typeparam>
    /// <param name="path">The path after the server's address, such as <c>/completions</c>.</param>
    /// <param name="body">The body, sent as JSON by POST; null for a GET.</param>
    /// <param name="read">Reads the answer. Throws <see cref="Malformed"/> where the answer is not of the right form.</param>
    /// <param name="cancellation">Stops the request.</param>
    /// <exception cref="RefusedException">The server does not take the request.</exception>
    /// <exception cref="SlickException">The request failed in every try.</exception>
    public async Task<T> Send<T>(string path, JsonObject? body, Func<JsonElement, T> read, CancellationToken cancellation)
    {
        var json = body?.ToJsonString();
        var tries = 0;
        try
        {
            return await pipeline.ExecuteAsync(async token =>
            {
                tries++;
                return await Attempt(path, json, read, token).ConfigureAwait(false);
            }, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is FaultException or HttpRequestException or IOException or TimeoutRejectedException)
        {
            throw Error($"{Described(e)}{(tries > 1 ? $" (tried {tries} times)" : "")}", (e as FaultException)?.Cure ?? Cure(e), e);
        }
    }

    /// <summary>An error of this server, in one line.</summary>
    /// <param name="what">What is wrong.</param>
    /// <param name="cure">What the user can do about it.</param>
    /// <param name="inner">The exception that says so.</param>
    public SlickException Error(string what, string cure, Exception inner) =>
        // An inner exception that holds the server's own text is left out: the message has what is needed of it.
        inner is FaultException or RefusedException ? new($"{options.Url}, model {options.Model}: {what}; {cure}")
            : new($"{options.Url}, model {options.Model}: {what}; {cure}", inner);

    private async Task<T> Attempt<T>(string path, string? json, Func<JsonElement, T> read, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(json is null ? HttpMethod.Get : HttpMethod.Post, options.Url + path);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        secret.Authorize(request);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        hasAnswered = true;
        var body = await ReadBody(response, cancellation).ConfigureAwait(false);
        var status = response.StatusCode;
        if (!response.IsSuccessStatusCode)
        {
            var text = Quoted(body);
            if ((int)status is >= 300 and < 400)
                throw new FaultException($"{Named(status)}: the server sends elsewhere", "name the address that it sends to", 0);
            if (status is not (HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests) && (int)status < 500)
                throw new RefusedException(status, text);
            var wait = Wait(response.Headers.RetryAfter);
            if (wait > LongestWait)
                throw new FaultException($"{Named(status)}{Said(text)}; it asks to wait {wait.Value.TotalMinutes:F0} minutes",
                    "run the same command again then; what is finished is kept.", 0);
            throw new FaultException(Named(status) + Said(text), status == HttpStatusCode.TooManyRequests
                ? "lower --server-requests, or run the same command again later; what is finished is kept."
                : "look at the server's own log, then run the same command again; what is finished is kept.", options.Retries, wait);
        }
        return Parse(body, read, () => Said(Quoted(body)));
    }

    /// <summary>Reads an answer's body as JSON.</summary>
    /// <typeparam name="T">What is read from the body.</typeparam>
    /// <param name="body">The body.</param>
    /// <param name="read">Reads the JSON.</param>
    /// <param name="said">Gives the text that is quoted in the message where the body is not JSON, or is a JSON object that tells an
    /// error.</param>
    /// <exception cref="FaultException">The body is not JSON, or not of the right form.</exception>
    internal static T Parse<T>(ReadOnlyMemory<byte> body, Func<JsonElement, T> read, Func<string> said)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            try
            {
                return read(document.RootElement);
            }
            // Some servers tell an error with the status 200.
            catch (FaultException e) when (document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("error", out var error) && error.ValueKind != JsonValueKind.Null)
            {
                throw new FaultException(e.Message + said(), e.Cure, e.Retries, e.Wait);
            }
        }
        // InvalidOperationException: a text that is not UTF-8, or half a surrogate pair.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Malformed($"the answer is not JSON{said()}");
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadBody(HttpResponseMessage response, CancellationToken cancellation)
    {
        using var memory = new MemoryStream();
        var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var buffer = new byte[1 << 14];
            for (int n; (n = await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;)
            {
                memory.Write(buffer, 0, n);
                if (memory.Length > MostBytes)
                    throw new FaultException($"the answer has more than {MostBytes >> 20} MiB",
                        "does the server take max_tokens, and is this a completions endpoint?", 0);
            }
        }
        return memory.GetBuffer().AsMemory(0, (int)memory.Length);
    }

    // How often a request is made again after this exception, at most.
    private int RetriesOf(Exception? exception) => exception switch
    {
        FaultException fault => Math.Min(fault.Retries, options.Retries),
        HttpRequestException e when IsWrongAddress(e) => 0,
        HttpRequestException or IOException or TimeoutRejectedException => options.Retries,
        _ => 0,
    };

    private bool IsWrongAddress(HttpRequestException e) => e.HttpRequestError is HttpRequestError.SecureConnectionError
        || (!hasAnswered && e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError);

    private string Described(Exception exception) => exception switch
    {
        FaultException fault => fault.Message,
        TimeoutRejectedException => string.Create(CultureInfo.InvariantCulture, $"no answer in {options.TimeoutSeconds} s"),
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => "no secure connection "
            + $"({OneLine(exception.InnerException?.Message ?? exception.Message)})",
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError } =>
            $"no server answers there ({OneLine(exception.InnerException?.Message ?? exception.Message)})",
        _ => $"the connection was cut ({OneLine(exception.InnerException?.Message ?? exception.Message)})",
    };

    private string Cure(Exception exception) => exception switch
    {
        HttpRequestException e when IsWrongAddress(e) => "start the server, or mend the address that --server names.",
        TimeoutRejectedException => "lower --server-requests, so that each request has more of the server.",
        _ => "look at the server's own log, then run the same command again; what is finished is kept.",
    };

    private static string Named(HttpStatusCode status) => $"{(int)status} {(Enum.IsDefined(status) ? status.ToString() : "")}".TrimEnd();

    /// <summary>
    /// The server's message in the form that follows a status: a colon and a quotation, or empty where there is no message.
    /// </summary>
    internal static string Said(string text) => text.Length == 0 ? "" : $": \"{text}\"";

    // The beginning of a body in one line, without the secret. Of an error in OpenAI's form: the beginning of its message.
    private string Quoted(ReadOnlyMemory<byte> body)
    {
        var text = Encoding.UTF8.GetString(body.Span);
        try
        {
            using var document = JsonDocument.Parse(body);
            var at = document.RootElement;
            if (at.ValueKind == JsonValueKind.Object && at.TryGetProperty("error", out var error)) at = error;
            foreach (var name in new[] { "message", "detail" })
                if (at.ValueKind == JsonValueKind.Object && at.TryGetProperty(name, out var value)) at = value;
            text = at.ValueKind == JsonValueKind.String ? at.GetString()! : at.GetRawText();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) { /* then the body as it is */ }
        // The secret is hidden before the text is cut: a cut secret would not be found.
        text = OneLine(secret.Hide(text));
        return text.Length <= 300 ? text : text[..300] + "...";
    }

    private static string OneLine(string text) =>
        string.Join(' ', string.Concat(text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');

    private static TimeSpan? Wait(RetryConditionHeaderValue? header)
    {
        var wait = header?.Delta ?? header?.Date - DateTimeOffset.UtcNow;
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    // Many requests wait for the same reason at once. So a line is said at most every 15 seconds.
    private void SayNowAndThen(string line)
    {
        var (now, before) = (Environment.TickCount64, Interlocked.Read(ref lastSaid));
        if (before != long.MinValue && now - before < 15_000) return;
        if (Interlocked.CompareExchange(ref lastSaid, now, before) == before) say(line);
    }

    public void Dispose() => client.Dispose();
}
