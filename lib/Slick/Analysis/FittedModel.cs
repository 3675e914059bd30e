using Slick.Experiments;

namespace Slick.Analysis;

/// <summary>
/// Table 1: accuracy = b0 + b_kn N_kn / |D| + b_unk N_unk / |D|, N the fitted examples of each kind; one row for every
/// epoch of every D whose percentage all clusters have. The paper fits one base model; here each cluster (<see cref="StudyData"/>) is
/// fitted apart, and the
/// intervals are t over these fits. One fit to the rows of all clusters stands beside it: base models start from different
/// levels, which its R2 counts as unexplained.
/// </summary>
/// <param name="Coefficients">b0, b_kn, b_unk as shares (not points): mean of the clusters' fits.</param>
/// <param name="R2">R2: mean of the clusters' fits.</param>
/// <param name="Pooled">One fit to all rows, with errors clustered.</param>
/// <param name="Percents">% Unknown of the sets.</param>
public sealed record FittedModel(IReadOnlyList<Estimate> Coefficients, Estimate R2, LinearFit Pooled, IReadOnlyList<int> Percents)
{
    /// <summary>Fits the model; null where no cluster has fitted anything that tells its coefficients.</summary>
    /// <param name="data">The study.</param>
    /// <param name="outOfDistribution">True for the accuracy on the out-of-distribution relations.</param>
    public static FittedModel? Fit(StudyData data, bool outOfDistribution)
    {
        LinearFit? Of(IReadOnlyList<EpochRow> rows)
        {
            try
            {
                var fit = LinearModel.Fit([[.. rows.Select(Known)], [.. rows.Select(Unknown)]],
                    [.. rows.Select(r => outOfDistribution ? r.OodAccuracy : r.TestAccuracy)], [.. rows.Select(data.Cluster)]);
                return fit.DegreesOfFreedom > 0 ? fit : null;
            }
            catch (SlickException)
            {
                return null; // too few rows, or nothing was fitted: no coefficient to speak of
            }
        }
        var rows = data.Epochs.Where(e => e.Kind == ArmKind.Ratio && e.Epoch > 0).ToList();
        var percents = data.Shared((cluster, percent) => data.Has(new(ArmKind.Ratio, percent), Stop.EarlyStop, cluster));
        rows = [.. rows.Where(r => percents.Contains(r.UnknownPercent))];
        var fits = rows.GroupBy(data.Cluster).OrderBy(g => g.Key).Select(g => Of([.. g])).OfType<LinearFit>().ToList();
        if (fits.Count == 0 || Of(rows) is not { } pooled) return null;
        // a constant accuracy has no R2
        Estimate Over(Func<LinearFit, double> value) =>
            Estimate.OverClusters([.. fits.Select(value).Where(v => !double.IsNaN(v))], data.Unit);
        return new([.. Enumerable.Range(0, 3).Select(i => Over(f => f.Coefficients[i]))], Over(f => f.R2), pooled, percents);
    }

    // The share of D that is a fitted Known, or a fitted Unknown example.
    private static double Known(EpochRow e) => e.KnownExamples == 0 ? 0
        : e.FittedKnown * e.KnownExamples / (e.KnownExamples + e.UnknownExamples);

    private static double Unknown(EpochRow e) => e.UnknownExamples == 0 ? 0
        : e.FittedUnknown * e.UnknownExamples / (e.KnownExamples + e.UnknownExamples);
}
