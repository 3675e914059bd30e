using Slick.Models;

namespace Slick.Storage;

/// <summary>Files that are either whole or not there: written aside, flushed to the disk, then renamed.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file, replacing one that is there.</summary>
    /// <param name="path">The file; its folder is made where it is missing.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="SlickException">The disk is full or the place cannot be written to; nothing is left behind.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var aside = $"{path}.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp";
        try
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
            using (var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            Replace(aside, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Delete(aside);
            throw new SlickException(
                $"{path}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); choose another place, or free some space where the "
                + $"disk is full.", e);
        }
        catch
        {
            Delete(aside);
            throw;
        }
    }

    /// <summary>Looks whether a file can be written, before the work that it shall hold is done.</summary>
    /// <exception cref="SlickException">It cannot.</exception>
    public static void EnsureWritable(string path)
    {
        if (Directory.Exists(path)) throw new SlickException($"{path}: this is a folder; name a file.");
        var probe = path + ".probe";
        Write(probe, _ => { });
        Delete(probe);
        if (!File.Exists(path)) return;
        // On Windows a file that another program holds cannot be replaced.
        try { using var held = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException(
                $"{path}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); close the program that has it open, or choose another "
                + $"place.", e);
        }
    }

    /// <summary>Writes text as UTF-8 with line feeds.</summary>
    /// <exception cref="SlickException">As for <see cref="Write"/>.</exception>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\n"))));

    // Windows refuses to replace a file that somebody reads just now.
    private static void Replace(string aside, string path)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                File.Move(aside, path, overwrite: true);
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException && OperatingSystem.IsWindows() && attempt < 20)
            {
                Thread.Sleep(50);
            }
        }
    }

    private static void Delete(string aside)
    {
        try { File.Delete(aside); }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException) { /* a place that cannot be written to holds nothing of ours */ }
    }
}
