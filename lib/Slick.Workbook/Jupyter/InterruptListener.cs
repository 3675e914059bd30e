using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NetMQ;
using NetMQ.Sockets;

namespace Slick.Workbook.Jupyter;

/// <summary>
/// Detects Jupyter's <c>interrupt_request</c> in the process of <c>dotnet-interactive jupyter</c>. The tool (version 1.0.712001,
/// <c>Shell.cs</c>) does not act on this request. But for every request, also for this one, it publishes the status "busy" with the
/// request's header as parent. The listener subscribes to the iopub socket of its own process and waits for such a message.
/// </summary>
internal static class InterruptListener
{
    private static readonly byte[] Delimiter = "<IDS|MSG>"u8.ToArray();

    /// <summary>The connection file on the command line of <c>dotnet-interactive jupyter</c>; null where the tool runs in another
    /// mode.</summary>
    public static string? ConnectionFile(string[] words) =>
        words.Contains("jupyter")
            ? words.FirstOrDefault(w => w.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && File.Exists(w)) : null;

    /// <summary>Calls <paramref name="interrupted"/> for each interrupt, on a background thread.</summary>
    /// <param name="connectionFile">Jupyter's description of the kernel's sockets, which must be open.</param>
    /// <param name="interrupted">The callback. Exceptions that it throws are ignored.</param>
    public static void Start(string connectionFile, Action interrupted)
    {
        using var connection = JsonDocument.Parse(File.ReadAllText(connectionFile));
        string Text(string name) => connection.RootElement.GetProperty(name).GetString()!;
        var ip = Text("ip") is var given and not ("*" or "0.0.0.0") ? given : "127.0.0.1";
        var address = FormattableString.Invariant(
            $"{Text("transport")}://{ip}:{connection.RootElement.GetProperty("iopub_port").GetInt32()}");
        var key = Text("key");
        new Thread(() => Listen(address, key, interrupted)) { IsBackground = true, Name = "interrupts" }.Start();
    }

    /// <summary>
    /// True for a message that a kernel publishes because of an <c>interrupt_request</c>. The message must be signed with the connection's
    /// key.
    /// </summary>
    /// <param name="frames">Topics, delimiter, signature, header, parent's header, metadata, content.</param>
    /// <param name="key">The connection's key; empty where messages are not signed.</param>
    public static bool IsInterrupt(IReadOnlyList<byte[]> frames, string key)
    {
        var at = 0;
        while (at < frames.Count && !frames[at].AsSpan().SequenceEqual(Delimiter)) at++;
        if (frames.Count < at + 6) return false;
        var (signature, parent) = (frames[at + 1], frames[at + 3]);
        // Nearly all messages belong to cells. Searching the text first avoids computing signatures of megabytes of figures.
        if (parent.AsSpan().IndexOf("interrupt_request"u8) < 0) return false;
        if (key.Length > 0)
        {
            var signed = frames.Skip(at + 2).Take(4).SelectMany(f => f).ToArray();
            var expected = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), signed));
            if (!CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(expected), signature)) return false;
        }
        try
        {
            using var header = JsonDocument.Parse(parent);
            return header.RootElement.ValueKind == JsonValueKind.Object && header.RootElement.TryGetProperty("msg_type", out var type)
                && type.ValueKind == JsonValueKind.String && type.ValueEquals("interrupt_request"u8);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void Listen(string address, string key, Action interrupted)
    {
        try
        {
            using var socket = new SubscriberSocket();
            socket.Connect(address);
            socket.SubscribeToAnyTopic();
            var frames = new List<byte[]>();
            while (true)
            {
                socket.ReceiveMultipartBytes(ref frames!);
                try
                {
                    if (IsInterrupt(frames, key)) interrupted();
                }
                catch (Exception)
                {
                    // A call that is told to stop may throw anything. An exception on this thread would end the kernel.
                }
            }
        }
        catch (NetMQException)
        {
            // The kernel is ending.
        }
    }
}
