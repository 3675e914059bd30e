using Slick.Studies;

namespace Slick.Analysis;

/// <summary>
/// Table 1: accuracy = b0 + b_kn N_kn / |D| + b_unk N_unk / |D|, N the fitted examples of each kind; one row for every
/// epoch of every D. Rows of one cluster depend on each other, so its intervals use clustered errors.
/// </summary>
/// <param name="Model">The fit; coefficients b0, b_kn, b_unk as shares (not points).</param>
/// <param name="Unit">What the clusters are: seeds, or runs where there is one base model.</param>
public sealed record FittedModel(LinearFit Model, string Unit)
{
    /// <summary>Fits the model; null where there are too few rows.</summary>
    /// <param name="data">The study.</param>
    /// <param name="outOfDistribution">True for the accuracy on the out-of-distribution relations.</param>
    public static FittedModel? Fit(StudyData data, bool outOfDistribution)
    {
        var rows = data.Epochs.Where(e => e.Kind == ArmKind.Ratio && e.Epoch > 0).ToList();
        if (rows.Count < 4) return null;
        double Known(EpochRow e) => e.KnownExamples == 0 ? 0 : e.FittedKnown * e.KnownExamples / (e.KnownExamples + e.UnknownExamples);
        double Unknown(EpochRow e) => e.UnknownExamples == 0 ? 0 : e.FittedUnknown * e.UnknownExamples / (e.KnownExamples + e.UnknownExamples);
        var runs = rows.Select(r => (r.UnknownPercent, r.BaseSeed, r.Seed)).Distinct().ToList();
        var cluster = rows.Select(r => data.SeveralBases ? r.BaseSeed : runs.IndexOf((r.UnknownPercent, r.BaseSeed, r.Seed))).ToList();
        try
        {
            return new(LinearModel.Fit([[.. rows.Select(Known)], [.. rows.Select(Unknown)]], [.. rows.Select(r => outOfDistribution ? r.OodAccuracy : r.TestAccuracy)], cluster),
                data.SeveralBases ? "seeds" : "runs");
        }
        catch (SlickException)
        {
            return null; // nothing was fitted in any run: no coefficient to speak of
        }
    }

    /// <summary>A coefficient (0: b0, 1: b_kn, 2: b_unk) with its 95% interval by clustered errors.</summary>
    public Interval Coefficient(int index) => LinearModel.CoefficientInterval(Model, index);
}
