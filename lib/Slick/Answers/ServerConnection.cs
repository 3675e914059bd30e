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
/// Requests to one server, each made again where another try may help: the server is overloaded (408, 429, 5xx), unreachable, too slow,
/// cuts the connection, or answers what is no JSON. The tries of a request stand around all of it, the reading of the body included.
/// </summary>
internal sealed class ServerConnection : IDisposable
{
    // A request's answer has 16 samples of 16 tokens: far less than a hundredth of this.
    private const int MostBytes = 4 << 20;

    // A wait that a server asks for and that is longer ends the work: it can be begun again later.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    private readonly ServerOptions options;
    private readonly ServerSecret secret;
    private readonly Action<string> say;
    private readonly HttpClient client;
    private readonly ResiliencePipeline pipeline;
    private volatile bool hasAnswered; // a server that was there may come back; an address where none is, is wrong
    private long lastSaid = long.MinValue;

    /// <summary>A request that the server does not take: trying again does not help.</summary>
    /// <param name="status">The status.</param>
    /// <param name="text">What the server says, without the secret; empty for nothing.</param>
    internal sealed class RefusedException(HttpStatusCode status, string text) : Exception($"refused with {(int)status}")
    {
        public HttpStatusCode Status { get; } = status;
        public string Text { get; } = text;
    }

    /// <summary>An answer after which the request is made again, at most so many times.</summary>
    internal sealed class FaultException(string what, string cure, int retries, TimeSpan? wait = null) : Exception(what)
    {
        public string Cure { get; } = cure;
        public int Retries { get; } = retries;
        public TimeSpan? Wait { get; } = wait;
    }

    /// <summary>An answer that is not what a completions endpoint gives. What was asked is asked twice more.</summary>
    internal static Exception Malformed(string what) =>
        new FaultException(what, "is this the address of an OpenAI-compatible completions endpoint?", 2);

    /// <param name="options">The server.</param>
    /// <param name="secret">What proves who asks.</param>
    /// <param name="say">Told why the work waits.</param>
    public ServerConnection(ServerOptions options, ServerSecret secret, Action<string> say)
    {
        (this.options, this.secret, this.say) = (options, secret, say);
        var uri = new Uri(options.Url);
        client = new HttpClient(new SocketsHttpHandler
        {
            // A redirected POST would become a GET, or take the secret elsewhere.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !uri.IsLoopback,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            AutomaticDecompression = DecompressionMethods.All,
        }) { Timeout = Timeout.InfiniteTimeSpan };
        var retry = new RetryStrategyOptions
        {
            MaxRetryAttempts = Math.Max(1, options.Retries),
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

    /// <summary>Makes a request and reads its answer.</summary>
    /// <param name="path">Behind the address: <c>/completions</c>.</param>
    /// <param name="body">Sent as JSON by POST; null for GET.</param>
    /// <param name="read">Reads the answer; throws <see cref="Malformed"/> where it is not what it should be.</param>
    /// <param name="cancellation">Stops the request.</param>
    /// <exception cref="RefusedException">The server does not take the request.</exception>
    /// <exception cref="SlickException">The request failed, also when it was made again.</exception>
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
    public SlickException Error(string what, string cure, Exception inner) =>
        // Of an inner exception that holds what the server wrote, only what it means is kept.
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

    /// <summary>Reads an answer's body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="read">Reads its JSON.</param>
    /// <param name="said">What the body says, for the message of what is no JSON.</param>
    /// <exception cref="FaultException">The body is not what it should be.</exception>
    internal static T Parse<T>(ReadOnlyMemory<byte> body, Func<JsonElement, T> read, Func<string> said)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return read(document.RootElement);
        }
        // InvalidOperationException: a text that is no UTF-8, or half a surrogate pair.
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

    // How often a request is made again after this exception.
    private int RetriesOf(Exception? exception) => exception switch
    {
        FaultException fault => fault.Retries,
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

    /// <summary>What a server says, to stand behind a status: empty, or a colon and a quotation.</summary>
    internal static string Said(string text) => text.Length == 0 ? "" : $": \"{text}\"";

    // The beginning of a body in one line, without the secret; of an error in OpenAI's form, its message.
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
        // The secret first: a part of it would not be found.
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

    // Many requests wait for the same reason at once.
    private void SayNowAndThen(string line)
    {
        var (now, before) = (Environment.TickCount64, Interlocked.Read(ref lastSaid));
        if (before != long.MinValue && now - before < 15_000) return;
        if (Interlocked.CompareExchange(ref lastSaid, now, before) == before) say(line);
    }

    public void Dispose() => client.Dispose();
}
