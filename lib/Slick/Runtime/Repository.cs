namespace Slick.Runtime;

/// <summary>The checkout that a program or notebook belongs to.</summary>
public static class Repository
{
    /// <summary>
    /// The folder that holds <c>Slick.Notebooks.sln</c>. It is searched upwards from the current folder and then from the program's folder.
    /// Null where there is none.
    /// </summary>
    public static string? Root { get; } = Up(Environment.CurrentDirectory) ?? Up(AppContext.BaseDirectory);

    private static string? Up(string? folder)
    {
        while (folder is not null && !File.Exists(Path.Combine(folder, "Slick.Notebooks.sln"))) folder = Path.GetDirectoryName(folder);
        return folder;
    }
}
