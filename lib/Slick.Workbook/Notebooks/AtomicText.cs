using System.Text;

namespace Slick.Workbook.Notebooks;

/// <summary>Text files that are never seen half written.</summary>
internal static class AtomicText
{
    /// <summary>Writes UTF-8 without a byte order mark to a file beside <paramref name="path"/>, then renames it.</summary>
    /// <exception cref="SlickException">The folder or the file cannot be written.</exception>
    public static void Write(string path, string text)
    {
        path = Path.GetFullPath(path);
        var aside = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(aside, text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            File.Move(aside, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException($"{path}: cannot be written: {e.Message}", e);
        }
    }
}
