using Slick.Storage;

namespace Slick.Models;

/// <summary>Errors for weights in another format than safetensors. A file's format is told by its name, or by its first bytes.</summary>
internal static class OtherWeights
{
    private const string Convert = "convert it once in Python: AutoModelForCausalLM.from_pretrained";

    /// <summary>
    /// The error for a file of a checkpoint's folder whose name ends as names of weights in another format do; null for any other file.
    /// </summary>
    /// <param name="path">The file.</param>
    public static SlickException? Named(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".gguf" => Gguf(path),
        ".bin" or ".pt" or ".pth" or ".ckpt" or ".pkl" => Inside(path) is { } found && found.Message.Contains("GGUF",
            StringComparison.Ordinal)
            ? found : Pickle(path),
        ".zip" or ".gz" or ".tar" or ".tgz" or ".7z" => Archive(path),
        ".h5" or ".msgpack" or ".onnx" or ".npz" => new($"{path}: these are weights of another program (TensorFlow, Flax, ONNX or NumPy), "
            + $"and safetensors can be read; get the repository's model.safetensors."),
        _ => null,
    };

    /// <summary>
    /// The error for a file that begins as another format does; null for any other file. The first 8 bytes of a safetensors file are a
    /// length, and may look like the beginning of a gzip file. So this is asked only where the length is impossible.
    /// </summary>
    /// <param name="path">The file. Where it cannot be read, the result is null, and the caller's own error names it.</param>
    public static SlickException? Inside(string path)
    {
        var begin = new byte[8];
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false) < begin.Length) return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
        var bytes = begin.AsSpan();
        // PyTorch's files are zip files since version 1.6. Before, they began as a pickle of protocol 2 does (0x80 0x02).
        return bytes.StartsWith("GGUF"u8) ? Gguf(path)
            : bytes.StartsWith("PK\x03\x04"u8) ? Zip(path)
            : bytes[0] == 0x80 && bytes[1] is >= 2 and <= 5 && bytes[7] != 0 ? Pickle(path)
            : bytes[0] == 0x1F && bytes[1] == 0x8B ? Archive(path) : null;
    }

    private static SlickException Gguf(string path) => new($"{path}: this is a GGUF file (llama.cpp), and safetensors can be read;"
        + $" {Convert}"
        + $"('{Folder(path)}', gguf_file='{Path.GetFileName(path)}').save_pretrained('NEW'), or get the repository that it was made from.");

    private static SlickException Pickle(string path) => new($"{path}: a pickle can run code when it is read and is refused; {Convert}"
        + $"('{Folder(path)}').save_pretrained('NEW', safe_serialization=True).");

    private static SlickException Zip(string path) => new($"{path}: this is a zip file: either PyTorch's own format, a pickle, which can "
        + $"run "
        + $"code when it is read and is refused ({Convert}('{Folder(path)}').save_pretrained('NEW', safe_serialization=True)), or an "
        + "archive that is still to be unpacked.");

    private static SlickException Archive(string path) => new($"{path}: this is an archive, not a checkpoint; unpack it, and name the "
        + $"folder "
        + "with config.json and model.safetensors.");

    private static string Folder(string path) => Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : ".";
}
