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

    /// <summary>A new, empty folder.</summary>
    /// <param name="name">What the folder's name begins with.</param>
    public static string Folder(string name = "folder") =>
        Directory.CreateDirectory(Path.Combine(Root, $"{name}-{Guid.NewGuid():N}"[..(name.Length + 9)])).FullName;
}
