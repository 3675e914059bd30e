namespace Slick.Analysis;

/// <summary>Argument checks of the statistics in this folder.</summary>
internal static class Check
{
    public static void Finite(IReadOnlyList<double> values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        for (var i = 0; i < values.Count; i++)
            if (!double.IsFinite(values[i])) throw new ArgumentException($"Value {i} of {values.Count} is not a finite number.", name);
    }

    public static void SameLength(int first, int second, string name)
    {
        if (first != second) throw new ArgumentException($"The lists are aligned by position but have {first} and {second} entries.", name);
    }

    public static void Pairs(IReadOnlyList<double> first, IReadOnlyList<double> second, string firstName, string secondName)
    {
        Finite(first, firstName);
        Finite(second, secondName);
        SameLength(first.Count, second.Count, secondName);
    }

    public static void Level(double level)
    {
        if (!(level > 0 && level < 1)) throw new ArgumentOutOfRangeException(nameof(level), level,
            "A level lies between 0 and 1, as 0.95.");
    }

    public static void Counts(int successes, int trials)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(trials);
        if (successes < 0 || successes > trials)
            throw new ArgumentOutOfRangeException(nameof(successes), successes, $"Successes lie between 0 and the {trials} trials.");
    }

    public static void Probabilities(IReadOnlyList<double> p)
    {
        Finite(p, nameof(p));
        for (var i = 0; i < p.Count; i++)
            if (p[i] is < 0 or > 1) throw new ArgumentOutOfRangeException(nameof(p), p[i],
                $"Value {i} is no p-value: it lies outside 0 to 1.");
    }
}
