using System.Text;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>
/// Recognises what is often found in place of a file that was to be downloaded: a pointer of Git LFS, a web page, a server's error message
/// or an empty file. Without this check the error would be about the file's format.
/// </summary>
public static class NotDownloaded
{
    /// <summary>True where a file's text is a pointer of Git LFS, which <c>git lfs pull</c> replaces by the file itself.</summary>
    /// <param name="text">The text, or at least its first 64 characters.</param>
    public static bool IsPointer(string text) =>
        text.StartsWith("version https://git-lfs", StringComparison.Ordinal)
        || text.StartsWith("version https://hawser", StringComparison.Ordinal);

    /// <summary>Refuses a file that is empty, a pointer of Git LFS, a web page or a server's error message.</summary>
    /// <param name="path">The file. Where it is missing or cannot be read, nothing happens, and the caller's own error names it.</param>
    /// <exception cref="SlickException">The file is one of these. The message says which, and what to do.</exception>
    internal static void Refuse(string path)
    {
        string begin;
        try
        {
            using var stream = File.OpenRead(path);
            var bytes = new byte[512];
            begin = Encoding.UTF8.GetString(bytes, 0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false))
                .TrimStart('\uFEFF').TrimStart();
            if (stream.Length == 0) throw new SlickException($"{path}: the file is empty; {StoredResult.Cure(path)}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return;
        }
        bool Begins(params string[] with) => with.Any(w => begin.StartsWith(w, StringComparison.OrdinalIgnoreCase));
        if (IsPointer(begin))
            throw new SlickException($"{path}: a pointer of Git LFS lies here instead of the file itself; "
                + "run 'git lfs pull' in its repository, or download the file.");
        if (Begins("<!DOCTYPE", "<html", "<?xml"))
            throw new SlickException($"{path}: a web page lies here instead of the file itself (a wrong address, or one that asks "
                + "for a login); download the file again.");
        if (Begins("Entry not found", "Repository not found", "Invalid username or password", "Access to model"))
            throw new SlickException($"{path}: a server's error message lies here instead of the file itself "
                + $"('{begin.Split('\n')[0].Trim()}'); download the file again.");
    }
}
