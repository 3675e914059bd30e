using Slick.Runtime;

namespace Slick.Facts;

/// <summary>
/// Subjects that do not exist: names made of parts of a relation's real subjects. Nobody can know an answer to a question about such a
/// subject. So the answers that a model gives to these questions are what the model guesses. Ours; taught in
/// <c>notebooks/10-what-slick-cannot-see.ipynb</c>.
/// </summary>
public static class InventedSubjects
{
    /// <summary>
    /// Invents subjects. A name of several words gets the last word of another name. A name of one word gets the second half of another
    /// name of one word.
    /// </summary>
    /// <param name="facts">The facts of one relation, whose subjects lend the parts.</param>
    /// <param name="taken">Subjects that exist, besides those of <paramref name="facts"/>.</param>
    /// <param name="count">How many to invent.</param>
    /// <param name="seed">Seed of the choice of parts.</param>
    /// <returns>Different names, none of which is a subject.</returns>
    /// <exception cref="SlickException">The facts name too few subjects to invent so many.</exception>
    public static IReadOnlyList<string> Of(IReadOnlyList<Fact> facts, IEnumerable<string> taken, int count, int seed)
    {
        var used = taken.Concat(facts.Select(f => f.Subject)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var names = facts.Select(f => f.Subject).Where(s => s.Length > 0).Distinct(StringComparer.Ordinal).ToList();
        var random = new RandomStream(Seeds.Mix(seed, "invented subjects"));
        var invented = new List<string>();
        for (var attempt = 0; attempt < 1000 * count && invented.Count < count && names.Count > 1; attempt++)
        {
            var (one, other) = (names[random.Next(names.Count)], names[random.Next(names.Count)]);
            if (Joined(one, other) is { } name && used.Add(name)) invented.Add(name);
        }
        return invented.Count == count ? invented : throw new SlickException(
            $"{(facts.Count > 0 ? facts[0].Relation : "a relation")}: {names.Count} subjects are too few to invent {count} names that do "
            + "not exist; a file of questions needs a column with the subjects.");
    }

    // Null where the two names do not have the same form.
    private static string? Joined(string one, string other)
    {
        var (end, last) = (one.LastIndexOf(' '), other.LastIndexOf(' '));
        if (end > 0 && last > 0) return one[..end] + other[last..];
        return end < 0 && last < 0 && one.Length > 3 && other.Length > 3
            ? one[..(one.Length / 2)] + other[(other.Length / 2)..].ToLowerInvariant() : null;
    }
}
