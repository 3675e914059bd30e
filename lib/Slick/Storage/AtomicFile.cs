namespace Slick.Storage;

/// <summary>
/// Writes files that are either whole or absent. A file is written under another name, flushed to the disk, and then renamed.
/// </summary>
public static class AtomicFile
{
    /// <summary>How the name of a file ends that is not whole yet.</summary>
    internal const string Unfinished = ".tmp";

    /// <summary>Writes a file, and replaces it where it exists.</summary>
    /// <param name="path">The file. Its folder is made where it is missing.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="SlickException">The disk is full, or the file cannot be written. Nothing is left behind.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var aside = $"{path}.{Environment.ProcessId}.{Guid.NewGuid():N}{Unfinished}";
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

    /// <summary>Checks that a file can be written, before the work is done whose result it will hold. Nothing is left behind, no folder
    /// either.</summary>
    /// <param name="path">The file. Its folder may be missing.</param>
    /// <exception cref="SlickException">The file cannot be written.</exception>
    public static void EnsureWritable(string path)
    {
        if (Directory.Exists(path)) throw new SlickException($"{path}: this is a folder; name a file.");
        var missing = new List<string>(); // folders, the inner ones first
        for (var folder = Path.GetDirectoryName(path); folder is { Length: > 0 } && !Directory.Exists(folder);
            folder = Path.GetDirectoryName(folder)) missing.Add(folder);
        var probe = path + ".probe";
        try
        {
            Write(probe, _ => { });
        }
        finally
        {
            Delete(probe);
            foreach (var folder in missing.Where(Directory.Exists)) DeleteEmpty(folder);
        }
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

    /// <summary>Writes text as UTF-8 with line feeds, and replaces the file where it exists.</summary>
    /// <param name="path">The file. Its folder is made where it is missing.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="SlickException">The disk is full, or the file cannot be written. Nothing is left behind.</exception>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\n"))));

    // Windows refuses to replace a file that another program reads at that moment. So the move is tried again.
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

    private static void DeleteEmpty(string folder)
    {
        try { Directory.Delete(folder); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* another program has put something there */ }
    }

    /// <summary>Deletes a file.</summary>
    /// <param name="path">The file; it may be missing.</param>
    /// <exception cref="SlickException">The file cannot be deleted.</exception>
    public static void Remove(string path)
    {
        try { if (File.Exists(path)) File.Delete(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SlickException(
                $"{path}: cannot be deleted ({e.Message.ReplaceLineEndings(" ")}); delete it, or choose another folder.", e);
        }
    }

    /// <summary>Deletes a file, if that is possible now.</summary>
    /// <param name="path">The file; it may be missing.</param>
    internal static void Delete(string path)
    {
        try { File.Delete(path); }
        catch (Exception e) when (
            e is IOException or UnauthorizedAccessException) { /* a place that cannot be written to holds nothing of ours */ }
    }
}
