using System.Text.RegularExpressions;

namespace Slick.Storage;

/// <summary>Files of a store of results: they are made again where they are missing. A user's own files are not.</summary>
internal static partial class StoredResult
{
    /// <summary>The file that makes a folder a store.</summary>
    public const string Description = "store.json";

    /// <summary>
    /// What to do about a damaged file, as the end of a sentence: a store's result is deleted with its folder, anything else is copied
    /// anew.
    /// </summary>
    /// <param name="path">The file.</param>
    public static string Cure(string path)
    {
        for (var folder = Path.GetDirectoryName(Path.GetFullPath(path)); folder is not null; folder = Path.GetDirectoryName(folder))
            if (Stage().IsMatch(Path.GetFileName(folder)) && Path.GetDirectoryName(folder) is { } store
                && File.Exists(Path.Combine(store, Description)))
                return $"it is a result in a store: delete its folder {folder} and run again";
        return "copy or make it again";
    }

    // A stage's name and key, as the store names its folders.
    [GeneratedRegex("^(partial-|failed-)?[a-z]+-[0-9a-f]{16}(\\.[0-9a-f]{32})?$")]
    private static partial Regex Stage();
}
