using System.Text.RegularExpressions;
using Slick.Runtime;

namespace Slick.Experiments;

/// <summary>Which studies can be made one: those that have the same options and other seeds.</summary>
internal static partial class SeedJoin
{
    /// <summary>The seeds of all studies together, in ascending order.</summary>
    /// <param name="studies">The studies, at least one, each with the name that an error calls it by.</param>
    /// <exception cref="SlickException">An option other than the number of base models differs, or two studies have a seed in
    /// common.</exception>
    public static IReadOnlyList<int> Seeds(IReadOnlyList<(string Name, StudyOptions Options, IReadOnlyList<int> Seeds)> studies)
    {
        // The number of base models is what joining changes.
        static Dictionary<string, string> Settings(StudyOptions options) => NamedOptions.Values(options with { Bases = 1 })
            .ToDictionary(v => v.Name, v => v.Value);
        var (first, there) = (studies[0].Name, Settings(studies[0].Options));
        var of = new SortedDictionary<int, string>();
        foreach (var (name, options, seeds) in studies)
        {
            if (Settings(options).FirstOrDefault(v => there[v.Key] != v.Value) is { Key: not null } other) throw new SlickException(
                $"{name} has {other.Key} = {other.Value}, and {first} has {there[other.Key]}: studies of different options cannot be "
                + "joined.");
            foreach (var seed in seeds)
                if (!of.TryAdd(seed, name)) throw new SlickException(FormattableString.Invariant(
                    $"{name} and {of[seed]} both have a base model of seed {seed}; each counts once, so run one with another --seed."));
        }
        return [.. of.Keys];
    }

    /// <summary>Several seeds in words, such as <c>6 to 10</c>.</summary>
    /// <param name="seeds">The seeds, in ascending order.</param>
    public static string Words(IReadOnlyList<int> seeds) => seeds[^1] - seeds[0] == seeds.Count - 1
        ? FormattableString.Invariant($"{seeds[0]} to {seeds[^1]}") : string.Join(", ", seeds);

    /// <summary>The name of the preset of a joined study: a setting of the number of base models gets the new number.</summary>
    /// <param name="preset">Name of the preset, with the settings that differ from it, of one of the studies.</param>
    /// <param name="bases">The number of base models.</param>
    public static string Preset(string preset, int bases) =>
        Bases().Replace(preset, FormattableString.Invariant($"bases={bases}"));

    [GeneratedRegex(@"\bbases=\d+")]
    private static partial Regex Bases();
}
