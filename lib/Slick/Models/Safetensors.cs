using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// Files in the safetensors format: 8 bytes of header length (little endian), a JSON header of names, types, shapes
/// and offsets, then the tensors' bytes. Nothing in such a file is executed.
/// </summary>
public sealed class Safetensors
{
    private readonly Dictionary<string, (ScalarType Type, long[] Shape, long Begin, long End)> entries = [];
    private readonly string path;

    /// <summary>Names of the tensors in the file.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    private Safetensors(string path) => this.path = path;

    /// <summary>Reads and checks the header; the tensors' bytes are read when asked for.</summary>
    /// <exception cref="SlickException">The file is missing, truncated or damaged.</exception>
    public static Safetensors Open(string path)
    {
        var file = new Safetensors(path);
        try
        {
            using var stream = File.OpenRead(path);
            Span<byte> first = stackalloc byte[8];
            stream.ReadExactly(first);
            var length = BinaryPrimitives.ReadUInt64LittleEndian(first);
            if (length > (ulong)(stream.Length - 8)) throw Damaged(path, $"its header claims {length} bytes, the file holds {stream.Length}");
            var header = new byte[length];
            stream.ReadExactly(header);
            foreach (var (name, node) in JsonNode.Parse(header)!.AsObject())
            {
                if (name == "__metadata__") continue;
                var type = node!["dtype"]!.GetValue<string>() switch
                {
                    "F32" => ScalarType.Float32,
                    "F16" => ScalarType.Float16,
                    "BF16" => ScalarType.BFloat16,
                    "F64" => ScalarType.Float64,
                    "I64" => ScalarType.Int64,
                    "I32" => ScalarType.Int32,
                    "U8" => ScalarType.Byte,
                    var other => throw new SlickException($"{path}: the tensor '{name}' has the type {other}, which is not supported."),
                };
                var shape = node["shape"]!.AsArray().Select(n => n!.GetValue<long>()).ToArray();
                var (begin, end) = (node["data_offsets"]![0]!.GetValue<long>(), node["data_offsets"]![1]!.GetValue<long>());
                var bytes = shape.Aggregate((long)type.ElementSize(), (a, b) => checked(a * b));
                if (begin < 0 || shape.Any(n => n < 0) || end - begin != bytes || 8 + (long)length + end > stream.Length)
                    throw Damaged(path, $"the tensor '{name}' lies outside the file or has the wrong size (is the file truncated?)");
                file.entries[name] = (type, shape, 8 + (long)length + begin, 8 + (long)length + end);
            }
            return file;
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or NullReferenceException
            or UnauthorizedAccessException or OverflowException or ArgumentOutOfRangeException or FormatException)
        {
            throw Damaged(path, e is FileNotFoundException or DirectoryNotFoundException ? "the file is missing" : e.Message);
        }
    }

    /// <summary>The shape of a tensor.</summary>
    public long[] Shape(string name) => Entry(name).Shape;

    /// <summary>Reads one tensor, on the CPU, in the type it is stored in.</summary>
    /// <exception cref="SlickException">There is no tensor of that name.</exception>
    public Tensor Read(string name)
    {
        var (type, shape, begin, end) = Entry(name);
        var tensor = empty(shape, type, CPU);
        using var stream = File.OpenRead(path);
        stream.Position = begin;
        var buffer = new byte[end - begin];
        stream.ReadExactly(buffer);
        if (buffer.Length > 0) tensor.bytes = buffer;
        return tensor;
    }

    private (ScalarType Type, long[] Shape, long Begin, long End) Entry(string name) =>
        entries.TryGetValue(name, out var entry) ? entry : throw new SlickException($"{path}: the tensor '{name}' is missing.");

    private static SlickException Damaged(string path, string what) =>
        new($"{path}: not a readable safetensors file: {what}; copy or make it again.");

    /// <summary>Writes tensors in fp32 or int64, aside first and then renamed; the same tensors give the same bytes.</summary>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        var all = tensors.ToList();
        // transformers asks for the format before it loads a file.
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        foreach (var (name, tensor) in all)
        {
            var type = tensor.dtype switch { ScalarType.Float32 => "F32", ScalarType.Int64 => "I64", _ => throw new NotSupportedException(tensor.dtype.ToString()) };
            var bytes = tensor.numel() * tensor.dtype.ElementSize();
            header[name] = new JsonObject
            {
                ["dtype"] = type,
                ["shape"] = new JsonArray([.. tensor.shape.Select(n => JsonValue.Create(n))]),
                ["data_offsets"] = new JsonArray(offset, offset + bytes),
            };
            offset += bytes;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        var padded = new byte[(json.Length + 7) / 8 * 8];
        padded.AsSpan().Fill((byte)' ');
        json.CopyTo(padded, 0);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> first = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(first, (ulong)padded.Length);
            stream.Write(first);
            stream.Write(padded);
            foreach (var (_, tensor) in all)
            {
                using var host = tensor.detach().cpu().contiguous();
                stream.Write(host.bytes);
            }
        });
    }
}
