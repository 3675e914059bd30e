using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Slick.Storage;

namespace Slick.Training;

/// <summary>
/// The hash (SHA-256) of what a run of training follows from: options, seed, shapes and tokens. A checkpoint has it, so a run does not go
/// on from the checkpoint of another run. The values of the weights that a run begins with are not part of the hash.
/// </summary>
internal sealed class RunHash : IDisposable
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Adds a record of options. An option with its default value adds nothing, as in the key of a stage.</summary>
    public RunHash Options(object options) => Text(Stage.WithoutDefaults(options).ToJsonString());

    /// <summary>Adds a text.</summary>
    public RunHash Text(string text) => Numbers(MemoryMarshal.Cast<byte, int>(Padded(text)));

    /// <summary>Adds numbers, such as token ids.</summary>
    public RunHash Numbers(params ReadOnlySpan<int> numbers)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, numbers.Length);
        hash.AppendData(length);
        hash.AppendData(MemoryMarshal.AsBytes(numbers));
        return this;
    }

    // The text as UTF-8, filled up with zeros to whole numbers.
    private static byte[] Padded(string text)
    {
        var bytes = new byte[(Encoding.UTF8.GetByteCount(text) + 3) / 4 * 4];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    /// <summary>The hash of all that was added, as the four numbers that a checkpoint has.</summary>
    public long[] Value() => MemoryMarshal.Cast<byte, long>(hash.GetCurrentHash()).ToArray();

    /// <summary>Frees the hash.</summary>
    public void Dispose() => hash.Dispose();
}
