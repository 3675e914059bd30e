namespace Slick.Benchmarks;

/// <summary>The contenders of a run by their names, and the one that the others are compared with.</summary>
/// <param name="Names">The contenders, in the order in which they take turns.</param>
/// <param name="Baseline">One of them.</param>
internal sealed record Choice(IReadOnlyList<string> Names, string Baseline)
{
    /// <summary>Reads the names that a command line has.</summary>
    /// <param name="contenders">Names with commas between them; null for <paramref name="usual"/>.</param>
    /// <param name="baseline">A name; null for the last contender. A baseline that is no contender yet becomes one.</param>
    /// <param name="known">All names that there are.</param>
    /// <param name="usual">The contenders where none are named.</param>
    /// <exception cref="UsageException">A name is unknown, or there is none.</exception>
    public static Choice Of(string? contenders, string? baseline, IReadOnlyList<string> known, IReadOnlyList<string> usual)
    {
        string Known(string name) => known.FirstOrDefault(k => string.Equals(k, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new UsageException($"There is no contender '{name}'; there are {string.Join(", ", known)}.");
        List<string> names = contenders is null ? [.. usual]
            : [.. contenders.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Known).Distinct()];
        if (names.Count == 0) throw new UsageException($"--contenders names none; there are {string.Join(", ", known)}.");
        var compared = baseline is null ? names[^1] : Known(baseline.Trim());
        if (!names.Contains(compared)) names.Add(compared);
        return new(names, compared);
    }
}
