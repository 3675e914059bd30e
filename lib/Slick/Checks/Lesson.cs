using System.Globalization;
using Slick.Runtime;

namespace Slick.Checks;

/// <summary>
/// Checks of the notebooks: whether a computation that is written out in a cell gives the numbers of the library, and whether the answer to
/// an exercise is right. A check that fails ends the cell, so a test that runs the notebooks sees the failure.
/// </summary>
public static class Lesson
{
    /// <summary>Compares numbers that a cell computed with the library's, one by one.</summary>
    /// <param name="what">What is compared, in words.</param>
    /// <param name="here">The cell's numbers.</param>
    /// <param name="library">The library's numbers, in the same order.</param>
    /// <param name="limit">The largest difference that counts as equal; 0 for the same bits. Rounding in fp32 makes about 1e-6 of a
    /// probability.</param>
    /// <returns>A sentence with the number of comparisons and the largest difference.</returns>
    /// <exception cref="SlickException">There are more of the one than of the other, there is none, or a difference is larger than the
    /// limit or no number.</exception>
    public static string Same(string what, IEnumerable<double> here, IEnumerable<double> library, double limit = 1e-5)
    {
        double[] ours = [.. here], theirs = [.. library];
        if (ours.Length != theirs.Length || ours.Length == 0) throw new SlickException(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {ours.Length} numbers here and {theirs.Length} of the library; compare the same things in the same order."));
        var differences = ours.Zip(theirs, (a, b) => a.Equals(b) ? 0 : Math.Abs(a - b)).ToList();
        var at = differences.FindIndex(d => !(d <= limit));
        if (at >= 0) throw new SlickException(string.Create(CultureInfo.InvariantCulture,
            $"{what}: number {at + 1} of {ours.Length} is {ours[at]:G9} here and {theirs[at]:G9} by the library; the limit is "
            + $"{limit:G3}."));
        return string.Create(CultureInfo.InvariantCulture,
            $"{what}: the same as the library's, {ours.Length} number{(ours.Length == 1 ? "" : "s")}, largest difference "
            + $"{differences.Max():G2}.");
    }

    /// <summary>Compares things that a cell made with the library's, one by one, by their own equality.</summary>
    /// <param name="what">What is compared, in words.</param>
    /// <param name="here">The cell's things.</param>
    /// <param name="library">The library's things, in the same order.</param>
    /// <returns>A sentence with the number of comparisons.</returns>
    /// <exception cref="SlickException">There are more of the one than of the other, there is none, or two differ.</exception>
    public static string SameItems<T>(string what, IEnumerable<T> here, IEnumerable<T> library)
    {
        T[] ours = [.. here], theirs = [.. library];
        if (ours.Length != theirs.Length || ours.Length == 0) throw new SlickException(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {ours.Length} here and {theirs.Length} of the library; compare the same things in the same order."));
        for (var i = 0; i < ours.Length; i++)
            if (!EqualityComparer<T>.Default.Equals(ours[i], theirs[i])) throw new SlickException(string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: number {i + 1} of {ours.Length} is {ours[i]} here and {theirs[i]} by the library."));
        return string.Create(CultureInfo.InvariantCulture, $"{what}: the same as the library's, {ours.Length} in the same order.");
    }

    /// <summary>States the answer to an exercise and checks the answer against the numbers.</summary>
    /// <param name="answer">The answer, as a sentence.</param>
    /// <param name="holds">Whether the numbers say so.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="SlickException">The numbers say something else.</exception>
    public static string Answer(string answer, bool holds) => holds ? answer
        : throw new SlickException($"\"{answer}\" does not hold for these results; read the numbers above and correct the answer.");
}
