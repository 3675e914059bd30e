namespace Slick.Tests;

/// <summary>Reference data that lies beside the project where it is developed; tests that need it skip elsewhere.</summary>
internal static class Shared
{
    public static string Repository { get; } = Up(AppContext.BaseDirectory);

    private static string Up(string folder)
    {
        while (!File.Exists(Path.Combine(folder, "Slick.Notebooks.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository.");
        return folder;
    }

    /// <summary>The path of a reference file or folder; skips the test, by name, where it is absent.</summary>
    public static string Require(string relative)
    {
        var root = Environment.GetEnvironmentVariable("SLICK_SHARED") ?? Path.Combine(Repository, "..", "shared");
        var path = Path.GetFullPath(Path.Combine(root, relative));
        if (!File.Exists(path) && !Directory.Exists(path)) Assert.Skip($"shared/{relative} is not here");
        return path;
    }
}
