using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Storage;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// A file in the safetensors format: 8 bytes with the header's length (little endian), a JSON header with the tensors' names, types, shapes
/// and offsets, then the tensors' bytes. Nothing in such a file is executed.
/// </summary>
public sealed class Safetensors
{
    // The format's own limit of a header's length, in bytes.
    private const long LongestHeader = 100_000_000;

    private readonly Dictionary<string, (ScalarType Type, long[] Shape, long Begin, long End)> entries = [];
    private readonly string path;

    /// <summary>The names of the file's tensors.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    /// <summary>Number of bytes of the file that are mapped into memory at a time.</summary>
    internal int Window { get; init; } = 2 << 20;

    private Safetensors(string path) => this.path = path;

    /// <summary>Reads and checks the header. The tensors' bytes are read only when they are asked for.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SlickException">The file is missing, truncated or damaged, is of another format, or holds a tensor of a type that
    /// is not supported.</exception>
    public static Safetensors Open(string path) => Open(path, 2 << 20);

    internal static Safetensors Open(string path, int window)
    {
        NotDownloaded.Refuse(path);
        var file = new Safetensors(path) { Window = window };
        try
        {
            using var stream = File.OpenRead(path);
            Span<byte> first = stackalloc byte[8];
            stream.ReadExactly(first);
            var length = BinaryPrimitives.ReadUInt64LittleEndian(first);
            // The first bytes of another format give an impossible length.
            if (length > (ulong)(stream.Length - 8)) throw OtherWeights.Inside(path) ?? Damaged(path,
                $"its header claims {length} bytes, the file holds {stream.Length}");
            if (length > LongestHeader) throw OtherWeights.Inside(path) ?? Damaged(path,
                $"its header claims {length} bytes, more than the format allows");
            var header = new byte[length];
            stream.ReadExactly(header);
            file.ReadHeader(header, 8 + (long)length, stream.Length);
            return file;
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or NullReferenceException
            or UnauthorizedAccessException or OverflowException or ArgumentException or FormatException)
        {
            throw Damaged(path, e is FileNotFoundException or DirectoryNotFoundException ? "the file is missing" : e.Message);
        }
    }

    private void ReadHeader(byte[] header, long data, long fileLength)
    {
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
                "BOOL" => ScalarType.Bool,
                var other => throw new SlickException($"{path}: the tensor '{name}' has the type {other}, which is not supported."),
            };
            var shape = node["shape"]!.AsArray().Select(n => n!.GetValue<long>()).ToArray();
            var (begin, end) = (node["data_offsets"]![0]!.GetValue<long>(), node["data_offsets"]![1]!.GetValue<long>());
            if (shape.Any(n => n < 0)) throw Damaged(path, $"the tensor '{name}' has a negative shape");
            var bytes = shape.Aggregate((long)type.ElementSize(), (a, b) => checked(a * b));
            if (begin < 0 || end - begin != bytes || end > fileLength - data)
                throw Damaged(path, $"the tensor '{name}' lies outside the file or has the wrong size (is the file truncated?)");
            entries[name] = (type, shape, data + begin, data + end);
        }
        // The tensors lie one after the other and fill the file.
        var at = data;
        foreach (var (name, entry) in entries.OrderBy(e => e.Value.Begin).ThenBy(e => e.Value.End))
        {
            if (entry.Begin != at) throw Damaged(path,
                $"the tensor '{name}' begins at {entry.Begin - data}, not where the one before it ends ({at - data})");
            at = entry.End;
        }
        if (at != fileLength) throw Damaged(path, $"{fileLength - at} bytes after the last tensor belong to none");
    }

    /// <summary>The shape of a tensor.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="SlickException">There is no tensor of that name.</exception>
    public long[] Shape(string name) => Entry(name).Shape;

    /// <summary>The number format that a tensor is stored in.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="SlickException">There is no tensor of that name.</exception>
    public ScalarType Type(string name) => Entry(name).Type;

    /// <summary>Reads one tensor to the CPU, in the number format that it is stored in. The caller frees the tensor.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="SlickException">There is no tensor of that name, or the file has become shorter.</exception>
    public Tensor Read(string name)
    {
        var (type, shape, _, _) = Entry(name);
        var tensor = empty(shape, type, CPU);
        CopyTo(name, tensor);
        return tensor;
    }

    /// <summary>
    /// Copies one tensor's values into another tensor, which may have any number format and be on any device. The file is mapped window by
    /// window, so beside the target no more than a window is held.
    /// </summary>
    /// <param name="name">The tensor's name in the file.</param>
    /// <param name="target">A contiguous tensor of as many elements.</param>
    /// <exception cref="SlickException">There is no tensor of that name, or the file has become shorter.</exception>
    public void CopyTo(string name, Tensor target)
    {
        using var noGrad = no_grad();
        using var flat = target.view(-1);
        foreach (var (first, part) in Parts(name)) flat.narrow(0, first, part.size(0)).copy_(part);
    }

    /// <summary>
    /// True where a tensor of the file has the shape and, in the number format of <paramref name="other"/>, the values of that tensor.
    /// </summary>
    internal bool Holds(string name, Tensor other)
    {
        if (!Shape(name).SequenceEqual(other.shape)) return false;
        using var noGrad = no_grad();
        using var flat = other.view(-1);
        return Parts(name).All(p => HostTransfer.Read<bool>(p.Values.to(other.dtype, other.device)
            .eq(flat.narrow(0, p.First, p.Values.size(0))).all())[0]);
    }

    // A tensor's values by windows of the file. First: the number of the window's first value. Values [window] are freed at the next
    // window.
    private IEnumerable<(long First, Tensor Values)> Parts(string name)
    {
        var (type, _, begin, end) = Entry(name);
        if (end == begin) yield break;
        var size = type.ElementSize();
        var step = Math.Max(size, Window / size * size);
        using var mapped = Guarded(() => MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read));
        for (var at = begin; at < end; at += step)
        {
            var bytes = (int)Math.Min(step, end - at);
            using var scope = NewDisposeScope();
            var part = empty([bytes / size], type, CPU);
            using (var view = Guarded(() => mapped.CreateViewAccessor(at, bytes, MemoryMappedFileAccess.Read))) Copy(view, bytes,
                part.bytes);
            yield return ((at - begin) / size, part);
        }
    }

    private T Guarded<T>(Func<T> open)
    {
        try
        {
            return open();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Damaged(path, e.Message);
        }
    }

    private static unsafe void Copy(MemoryMappedViewAccessor view, int bytes, Span<byte> into)
    {
        byte* pointer = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        try
        {
            new ReadOnlySpan<byte>(pointer + view.PointerOffset, bytes).CopyTo(into);
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    private (ScalarType Type, long[] Shape, long Begin, long End) Entry(string name) =>
        entries.TryGetValue(name, out var entry) ? entry : throw new SlickException($"{path}: the tensor '{name}' is missing.");

    private static SlickException Damaged(string path, string what) =>
        new($"{path}: not a readable safetensors file: {what}; {StoredResult.Cure(path)}.");

    /// <summary>
    /// Writes tensors into a file. The file is written under another name first and then renamed, so it is whole or absent. The same
    /// tensors give the same bytes.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors with their names, of the number formats fp32, fp16, bf16 and int64.</param>
    /// <exception cref="NotSupportedException">A tensor has another number format.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        var all = tensors.ToList();
        // transformers checks the format in the metadata before it loads a file.
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        foreach (var (name, tensor) in all)
        {
            var type = tensor.dtype switch
            {
                ScalarType.Float32 => "F32",
                ScalarType.Float16 => "F16",
                ScalarType.BFloat16 => "BF16",
                ScalarType.Int64 => "I64",
                _ => throw new NotSupportedException(tensor.dtype.ToString()),
            };
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
                if (host.numel() == 0) continue;
                // A span holds less than 2 GiB.
                foreach (var part in host.view(-1).split(1 << 24))
                    using (part) stream.Write(part.bytes);
            }
        });
    }
}
