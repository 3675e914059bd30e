using System.Globalization;
using Slick.Runtime;

namespace Slick.Experiments;

/// <summary>
/// Where a notebook's results come from, as its parameter <c>results</c> says in words:
/// <c>published</c>, the results of the repository; the name of a folder that <c>slick reproduce --publish</c> wrote; or a preset (smoke,
/// quick, lab), with <c>seed=2</c> or any option by name (<see cref="NamedOptions"/>) behind it, separated by blanks.
/// </summary>
/// <param name="Folder">The folder of published results; null for a preset.</param>
/// <param name="Name">The preset with its settings, for titles; empty for a folder.</param>
/// <param name="Options">The options of the preset.</param>
/// <param name="Seed">Seed of the first base model, 1 where none is named.</param>
public sealed record ResultsChoice(string? Folder, string Name, StudyOptions Options, int Seed)
{
    /// <summary>The word for published results: those of preset <c>quick</c>, which has one base model.</summary>
    public const string Published = "published";

    /// <summary>Reads the words.</summary>
    /// <param name="results">The value of the parameter <c>results</c>.</param>
    /// <param name="published">What <c>published</c> means: a folder below <c>data/published</c>.</param>
    /// <exception cref="UsageException">There are no such results, or an option does not take its value.</exception>
    /// <exception cref="SlickException">The published results are named, and the program does not run in a checkout.</exception>
    public static ResultsChoice Parse(string results, string published = "quick")
    {
        ArgumentNullException.ThrowIfNull(results);
        var words = results.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is [Published]) return new(PublishedStudy.Folder(published), "", new(), 1);
        StudyOptions? options = null;
        // A folder with the name of a preset does not hide the preset.
        if (words.Length > 0 && !StudyOptions.Presets.TryGetValue(words[0], out options) && Directory.Exists(results))
            return new(Path.GetFullPath(results), "", new(), 1);
        if (options is null) throw new UsageException(
            $"results = \"{results}\": there are no such results. Write published, smoke, quick or lab, or the folder of "
            + "published results.");
        if (words[0].StartsWith("real-", StringComparison.Ordinal)) throw new UsageException(
            $"results = \"{results}\": the preset {words[0]} needs a checkpoint; 06-a-real-model.ipynb has a parameter for its folder.");
        var seed = 1;
        foreach (var word in words[1..])
        {
            if (!word.StartsWith("seed=", StringComparison.Ordinal)) options = NamedOptions.Set(options, word);
            else if (!int.TryParse(word.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out seed)) throw new UsageException(
                $"results = \"{results}\": {word} is no seed; write a whole number, such as seed=2.");
        }
        return new(null, string.Join(", ", words.Where(w => !w.StartsWith("seed=", StringComparison.Ordinal))), options, seed);
    }
}
