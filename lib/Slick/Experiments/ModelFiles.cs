using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The files of a model's folder that decide what the model computes.</summary>
internal static class ModelFiles
{
    private static readonly string[] Settings =
        ["config.json", GenerationFile.Name, "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json"];

    /// <summary>
    /// The hash of config files, tokenizer and weights: 32 hexadecimal digits. It does not depend on where the folder is, nor on other
    /// files in it. Every byte of these files is read.
    /// </summary>
    /// <exception cref="SlickException">The folder is missing, or a file cannot be read. A missing config or tokenizer is no error here;
    /// the code that reads it reports it.</exception>
    public static string Hash(string folder)
    {
        if (!Directory.Exists(folder)) throw new SlickException(
            $"{folder}: there is no such folder; --model names one with config.json, model.safetensors and tokenizer.json.");
        try
        {
            var weights = File.Exists(Path.Combine(folder, "model.safetensors")) ? ["model.safetensors"] : Checkpoint.Shards(folder);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[1 << 20];
            foreach (var name in Settings.Where(n => File.Exists(Path.Combine(folder, n))).Concat(weights))
            {
                NotDownloaded.Refuse(Path.Combine(folder, name));
                using var stream = new FileStream(Path.Combine(folder, name), FileMode.Open, FileAccess.Read, FileShare.Read, 1,
                    FileOptions.SequentialScan);
                hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{name} {stream.Length}\n")));
                for (int read; (read = stream.Read(buffer)) > 0;) hash.AppendData(buffer, 0, read);
            }
            return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException($"{folder}: the model cannot be read ({e.Message.ReplaceLineEndings(" ")}).", e);
        }
    }
}
