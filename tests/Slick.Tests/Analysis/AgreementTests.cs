using Slick.Analysis;

namespace Slick.Tests.Analysis;

public sealed class AgreementTests
{
    [Fact]
    public void Kappa_HandWorkedTableAndItsEdges()
    {
        // 20 both yes, 5 only a, 10 only b, 15 both no: 0.7 agree, 0.5 by chance.
        var table = new[] { (1, 1, 20), (1, 0, 5), (0, 1, 10), (0, 0, 15) };
        int[] a = [.. table.SelectMany(t => Enumerable.Repeat(t.Item1, t.Item3))];
        int[] b = [.. table.SelectMany(t => Enumerable.Repeat(t.Item2, t.Item3))];
        Assert.Equal(0.4, Agreement.CohenKappa(a, b), 1e-15);
        Assert.Equal(1, Agreement.CohenKappa(a, a));
        Assert.Equal(0, Agreement.CohenKappa([1, 1, 2, 2], [1, 2, 1, 2]));
        Assert.True(double.IsNaN(Agreement.CohenKappa([3, 3], [3, 3])));
        Assert.Throws<ArgumentException>(() => Agreement.CohenKappa([1], [1, 2]));
    }

    [Fact]
    public void Auc_IsTheShareOfPairsInOrder_TiesCountHalf()
    {
        var random = new Random(8);
        var labels = Enumerable.Range(0, 70).Select(_ => random.Next(3) == 0).ToArray();
        var scores = labels.Select(label => (double)(random.Next(6) + (label ? 1 : 0))).ToArray();
        var (sum, pairs) = (0.0, 0);
        for (var i = 0; i < 70; i++)
            for (var j = 0; j < 70; j++)
            {
                if (!labels[i] || labels[j]) continue;
                pairs++;
                sum += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
        Assert.Equal(sum / pairs, Agreement.Auc(labels, scores), 1e-12);
        Assert.True(double.IsNaN(Agreement.Auc([true, true], [0.1, 0.2])));
        Assert.Throws<ArgumentException>(() => Agreement.Auc([true, false], [0.1, double.NaN]));
    }

    [Fact]
    public void Correlations_OfAMonotoneCurve()
    {
        double[] x = [1, 2, 3, 4, 5], y = [1, 4, 9, 16, 200];
        Assert.Equal((1.0, 0.0), Agreement.Spearman(x, y));
        Assert.InRange(Agreement.Pearson(x, y).R, 0.5, 0.99);
        Assert.Equal(-1, Agreement.Pearson(x, [.. x.Select(v => -2 * v)]).R, 1e-15);
        Assert.True(double.IsNaN(Agreement.Pearson(x, [7, 7, 7, 7, 7]).R));
        Assert.True(double.IsNaN(Agreement.Pearson([1, 2], [3, 5]).P));
        // Ties share their mean rank: ranks 1.5, 1.5, 3 against 1, 2, 3.
        Assert.Equal(Math.Sqrt(3) / 2, Agreement.Spearman([5, 5, 6], [1, 2, 3]).R, 1e-12);
    }
}
