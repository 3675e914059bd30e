using System.Text.RegularExpressions;

namespace Slick.Storage;

/// <summary>Distinguishes files of a store of results, which can be made again where they are missing, from a user's own files.</summary>
internal static partial class StoredResult
{
    /// <summary>The name of the file that makes a folder a store.</summary>
    public const string Description = "store.json";

    /// <summary>
    /// What to do about a damaged file, as the end of a sentence. A result in a store is deleted with its folder. Any other file is copied
    /// or made again.
    /// </summary>
    /// <param name="path">The damaged file.</param>
    public static string Cure(string path)
    {
        for (var folder = Path.GetDirectoryName(Path.GetFullPath(path)); folder is not null; folder = Path.GetDirectoryName(folder))
            if (Stage().IsMatch(Path.GetFileName(folder)) && Path.GetDirectoryName(folder) is { } store
                && File.Exists(Path.Combine(store, Description)))
                return $"it is a result in a store: delete its folder {folder} and run again";
        return "copy or make it again";
    }

    // The name of a stage's folder in a store: kind and key, after the folder's state.
    [GeneratedRegex("^(partial-|failed-)?[a-z]+-[0-9a-f]{16}(\\.[0-9a-f]{32})?$")]
    private static partial Regex Stage();
}
