namespace Slick.Workbook.Commands;

/// <summary>Finds the notebooks that the arguments of a command line name.</summary>
internal static class NotebookFiles
{
    /// <summary>Expands folders and patterns (<c>*</c> and <c>?</c> in the file name). Windows shells do not expand patterns.</summary>
    /// <param name="words">Files, folders and patterns.</param>
    /// <returns>Full paths. Those of one folder or pattern are in the order of their names.</returns>
    /// <exception cref="SlickException">An argument names no notebook.</exception>
    public static IReadOnlyList<string> Expand(IEnumerable<string> words) => [.. words.SelectMany(Expand).Distinct(StringComparer.Ordinal)];

    private static string[] Expand(string word)
    {
        var path = Path.GetFullPath(word);
        if (File.Exists(path))
            return [path];
        if (Directory.Exists(path))
            path = Path.Combine(path, "*.ipynb");
        var folder = Path.GetDirectoryName(path) ?? path;
        var pattern = Path.GetFileName(path);
        if (pattern.AsSpan().IndexOfAny('*', '?') < 0)
            throw new SlickException($"there is no notebook {word}{Nearby(folder)}.");
        var found = Directory.Exists(folder) ? Directory.GetFiles(folder, pattern) : [];
        Array.Sort(found, StringComparer.Ordinal);
        return found.Length > 0 ? found : throw new SlickException($"no notebook matches {word}.");
    }

    private static string Nearby(string folder)
    {
        var names = Directory.Exists(folder)
            ? Directory.GetFiles(folder, "*.ipynb").Select(Path.GetFileName).Order(StringComparer.Ordinal).Take(8).ToList() : [];
        return names.Count == 0 ? $"; {folder} holds none" : $"; {folder} holds {string.Join(", ", names)}";
    }
}
