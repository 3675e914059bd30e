using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Slick.Tests.Answers;

/// <summary>
/// A completions server on this machine, over plain sockets, so that it can also do what no server should: cut connections, send half an
/// answer, wait, send what is no JSON.
/// </summary>
internal sealed class TestServer : IDisposable
{
    /// <summary>A request as it came.</summary>
    internal sealed record Request(string Method, string Path, string Authorization, JsonNode? Body)
    {
        public string Prompt => Body!["prompt"]!.GetValue<string>();
        public int Choices => Body!["n"]!.GetValue<int>();
        public double Temperature => Body!["temperature"]!.GetValue<double>();
        public bool IsGreedy => Temperature == 0;
        /// <summary>The question that the prompt ends with.</summary>
        public string Question => Prompt[(Prompt.LastIndexOf("Q: ", StringComparison.Ordinal) + 3)..^3];
    }

    /// <summary>An answer. Of the body, <paramref name="Sent"/> bytes are sent before the connection is cut; null for all.</summary>
    internal sealed record Reply(int Status, string Body, string Headers = "", int? Sent = null, TimeSpan Delay = default,
        bool NoAnswer = false);

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Lock gate = new();
    private readonly Func<Request, int, Reply> answer;
    private int open;

    /// <summary>Starts a server.</summary>
    /// <param name="answer">Answers a completions request, given also how many came before.</param>
    /// <param name="models">The answer to /v1/models.</param>
    public TestServer(Func<Request, int, Reply> answer, Reply? models = null)
    {
        this.answer = answer;
        Models = models ?? new(200, """{"object": "list", "data": [{"id": "small", "owned_by": "vllm"}]}""");
        listener.Start();
        _ = Accept();
    }

    public Reply Models { get; set; }
    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
    /// <summary>All completions requests.</summary>
    public List<Request> Requests { get; } = [];
    /// <summary>Most requests that waited at the same time.</summary>
    public int MostOpen { get; private set; }

    /// <summary>What a server answers that gives these texts.</summary>
    public static Reply Choices(params IEnumerable<string> texts) => new(200, new JsonObject
    {
        ["object"] = "text_completion",
        ["choices"] = new JsonArray([.. texts.Select((t, i) => (JsonNode)new JsonObject
            { ["index"] = i, ["text"] = t, ["finish_reason"] = "stop" })]),
    }.ToJsonString());

    /// <summary>An error in OpenAI's form.</summary>
    public static Reply Error(int status, string message, string headers = "") =>
        new(status, new JsonObject { ["error"] = new JsonObject { ["message"] = message } }.ToJsonString(), headers);

    private async Task Accept()
    {
        while (!stop.IsCancellationRequested)
        {
            try { _ = Serve(await listener.AcceptTcpClientAsync(stop.Token)); }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException) { return; }
        }
    }

    private async Task Serve(TcpClient client)
    {
        using var held = client;
        try
        {
            var stream = client.GetStream();
            if (await Read(stream) is not { } request) return;
            var reply = Models;
            if (request.Path.EndsWith("/completions", StringComparison.Ordinal))
            {
                int before;
                lock (gate)
                {
                    before = Requests.Count;
                    Requests.Add(request);
                    MostOpen = Math.Max(MostOpen, ++open);
                }
                reply = answer(request, before);
                await Task.Delay(reply.Delay, stop.Token);
                lock (gate) open--;
            }
            if (reply.NoAnswer) return;
            var body = Encoding.UTF8.GetBytes(reply.Body);
            var head = string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {reply.Status} Some\r\nContent-Type: application/json\r\n"
                + $"Content-Length: {body.Length}\r\nConnection: close\r\n{reply.Headers}\r\n");
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head), stop.Token);
            await stream.WriteAsync(body.AsMemory(0, reply.Sent ?? body.Length), stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException) { /* the client went away */ }
    }

    private async Task<Request?> Read(NetworkStream stream)
    {
        var bytes = new List<byte>();
        var buffer = new byte[1 << 14];
        var end = -1;
        while (end < 0)
        {
            var n = await stream.ReadAsync(buffer, stop.Token);
            if (n == 0) return null;
            bytes.AddRange(buffer.AsSpan(0, n));
            end = Encoding.Latin1.GetString([.. bytes]).IndexOf("\r\n\r\n", StringComparison.Ordinal);
        }
        var lines = Encoding.Latin1.GetString([.. bytes[..end]]).Split("\r\n");
        string Header(string name) => lines.FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?
            [(name.Length + 1)..].Trim() ?? "";
        var length = Header("Content-Length") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 0;
        while (bytes.Count < end + 4 + length)
        {
            var n = await stream.ReadAsync(buffer, stop.Token);
            if (n == 0) return null;
            bytes.AddRange(buffer.AsSpan(0, n));
        }
        var words = lines[0].Split(' ');
        return new(words[0], words[1], Header("Authorization"),
            length == 0 ? null : JsonNode.Parse(Encoding.UTF8.GetString([.. bytes.GetRange(end + 4, length)])));
    }

    public void Dispose()
    {
        stop.Cancel();
        listener.Stop();
    }
}
