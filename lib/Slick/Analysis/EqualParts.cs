using Slick.Runtime;
using Slick.Storage;

namespace Slick.Analysis;

/// <summary>
/// The paper's test behind the stars of Tables 2 and 7. The questions of a test set are split at random into 100 equal parts. The parts'
/// accuracies are compared by <see cref="HypothesisTests.PairedT"/>. The test sees the questions of one model only, not the variation over
/// seeds. Taught in <c>notebooks/04-categories.ipynb</c>.
/// </summary>
public static class EqualParts
{
    /// <summary>Splits questions at random into parts of equal size and gives the accuracy of each part.</summary>
    /// <param name="correct">Whether each question was answered rightly, [n].</param>
    /// <param name="parts">Number of parts (the paper: 100), at most n. Sizes differ by at most one.</param>
    /// <param name="seed">Seed of the split. The same seed and n give the same split, whatever the answers.</param>
    /// <returns>Shares in [0, 1], [min(parts, n)].</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="parts"/> is not above 0.</exception>
    public static IReadOnlyList<double> MeansOfRandomParts(IReadOnlyList<bool> correct, int parts, int seed)
    {
        ArgumentNullException.ThrowIfNull(correct);
        return Means(correct, Split(correct.Count, parts, seed));
    }

    /// <summary>Gives the accuracies of two models on the same random parts, for <see cref="HypothesisTests.PairedT"/>.</summary>
    /// <param name="a">Whether the first model answered each question rightly, [n].</param>
    /// <param name="b">Whether the second model answered each question rightly, in the same order, [n].</param>
    /// <param name="parts">Number of parts (the paper: 100), at most n. Sizes differ by at most one.</param>
    /// <param name="seed">Seed of the split. The same seed and n give the same split, whatever the answers.</param>
    /// <returns>Shares in [0, 1], each [min(parts, n)].</returns>
    /// <exception cref="ArgumentException">Lengths differ, or <paramref name="parts"/> is not above 0.</exception>
    public static (IReadOnlyList<double> A, IReadOnlyList<double> B) MeansOfRandomParts(IReadOnlyList<bool> a, IReadOnlyList<bool> b,
        int parts, int seed)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        Check.SameLength(a.Count, b.Count, nameof(b));
        var split = Split(a.Count, parts, seed);
        return (Means(a, split), Means(b, split));
    }

    private static int[][] Split(int count, int parts, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(parts);
        var order = Enumerable.Range(0, count).ToArray();
        new RandomStream(seed).Shuffle(order);
        var made = Math.Min(parts, count);
        return [.. Enumerable.Range(0, made).Select(k => order[(int)((long)k * count / made)..(int)((k + 1L) * count / made)])];
    }

    private static double[] Means(IReadOnlyList<bool> correct, int[][] split) =>
        [.. split.Select(part => part.Count(i => correct[i]) / (double)part.Length)];
}
