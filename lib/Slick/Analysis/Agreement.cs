using MathNet.Numerics.Statistics;
using Slick.Experiments;

namespace Slick.Analysis;

/// <summary>Measures of agreement: between two labellings, between a score and a label, between two measurements.</summary>
public static class Agreement
{
    /// <summary>
    /// Cohen's kappa (Cohen 1960): (p_o - p_e) / (1 - p_e). p_o is the share of units with equal labels. p_e is the share that the two
    /// labellers' own frequencies give by chance. NaN where both use one and the same label throughout, or there are no units.
    /// </summary>
    /// <param name="a">Labels as any integers, [n].</param>
    /// <param name="b">Labels of the same units in the same order, [n].</param>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static double CohenKappa(IReadOnlyList<int> a, IReadOnlyList<int> b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        Check.SameLength(a.Count, b.Count, nameof(b));
        var shares = b.CountBy(label => label).ToDictionary();
        // Whole numbers make the results 0 (agreement by chance) and NaN (one label) exact.
        long same = 0, chance = 0, n = a.Count;
        for (var i = 0; i < a.Count; i++)
        {
            if (a[i] == b[i]) same++;
            chance += shares.GetValueOrDefault(a[i]);
        }
        return (double)(same * n - chance) / (n * n - chance);
    }

    /// <summary>
    /// The area under the ROC curve, from mean ranks: the probability that a true unit scores above a false one, where ties count half
    /// (Mann and Whitney 1947). NaN where only one of the two labels occurs.
    /// </summary>
    /// <param name="labels">True for the units of the class that should have high scores, [n].</param>
    /// <param name="scores">Scores of the same units, [n].</param>
    /// <exception cref="ArgumentException">Lengths differ or a score is not finite.</exception>
    public static double Auc(IReadOnlyList<bool> labels, IReadOnlyList<double> scores)
    {
        ArgumentNullException.ThrowIfNull(labels);
        Check.Finite(scores, nameof(scores));
        Check.SameLength(labels.Count, scores.Count, nameof(scores));
        double positives = labels.Count(label => label), negatives = labels.Count - positives;
        if (positives == 0 || negatives == 0) return double.NaN;
        var ranks = Statistics.Ranks(scores, RankDefinition.Average);
        var sum = ranks.Where((_, i) => labels[i]).Sum();
        return (sum - positives * (positives + 1) / 2) / (positives * negatives);
    }

    /// <summary>Pearson's correlation r and its two-sided p-value from t = r sqrt((n - 2) / (1 - r^2)) with n - 2 degrees of
    /// freedom.</summary>
    /// <param name="x">Values, [n].</param>
    /// <param name="y">Values of the same units in the same order, [n].</param>
    /// <returns>R is NaN where a list is constant or n &lt; 2. P is NaN in the same cases and where n &lt; 3.</returns>
    /// <exception cref="ArgumentException">Lengths differ or a value is not finite.</exception>
    public static (double R, double P) Pearson(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        Check.Pairs(x, y, nameof(x), nameof(y));
        if (x.Count < 2 || x.All(v => v == x[0]) || y.All(v => v == y[0])) return (double.NaN, double.NaN);
        var r = Math.Clamp(Correlation.Pearson(x, y), -1, 1);
        return (r, Quantiles.TwoSidedP(r * Math.Sqrt((x.Count - 2) / ((1 - r) * (1 + r))), x.Count - 2));
    }

    /// <summary>
    /// Spearman's rank correlation (1904): <see cref="Pearson"/> of the ranks, with its p-value. Ties share their mean rank.
    /// </summary>
    /// <param name="x">Values, [n].</param>
    /// <param name="y">Values of the same units in the same order, [n].</param>
    /// <returns>R is NaN where a list is constant or n &lt; 2. P is NaN in the same cases and where n &lt; 3.</returns>
    /// <exception cref="ArgumentException">Lengths differ or a value is not finite.</exception>
    public static (double R, double P) Spearman(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        Check.Pairs(x, y, nameof(x), nameof(y));
        return Pearson(Statistics.Ranks(x, RankDefinition.Average), Statistics.Ranks(y, RankDefinition.Average));
    }
}
