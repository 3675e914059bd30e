namespace Slick.Tests;

/// <summary>Folders that tests write to. They lie in one temporary folder, which is deleted when the process of the tests ends.</summary>
internal static class Scratch
{
    private static readonly string Root = Make();

    private static string Make()
    {
        var root = Directory.CreateTempSubdirectory("slick-tests-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            // Windows keeps a file that is still mapped.
            try { Directory.Delete(root, recursive: true); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        };
        return root;
    }

    /// <summary>Copies the files below a folder to another folder, which is made where it is missing.</summary>
    /// <param name="from">The folder.</param>
    /// <param name="to">The other folder.</param>
    /// <param name="counts">Whether a file is copied, by its path below the folder; null for all files.</param>
    public static void Copy(string from, string to, Func<string, bool>? counts = null)
    {
        foreach (var path in Directory.GetFiles(from, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(from, f))
            .Where(p => counts?.Invoke(p) != false))
        {
            var target = Path.Combine(to, path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(from, path), target);
        }
    }

    /// <summary>A new, empty folder.</summary>
    /// <param name="name">What the folder's name begins with.</param>
    public static string Folder(string name = "folder") =>
        Directory.CreateDirectory(Path.Combine(Root, $"{name}-{Guid.NewGuid():N}"[..(name.Length + 9)])).FullName;
}
