using Slick.Experiments;
using Slick.Knowledge;

namespace Slick.Analysis;

/// <summary>Which epochs the linear model is fitted to, and with what beside the fitted examples.</summary>
public enum ModelForm
{
    /// <summary>All epochs: Table 1 of the paper.</summary>
    AllEpochs,
    /// <summary>The epochs up to FIT; all of a run that has none.</summary>
    UntilFit,
    /// <summary>All epochs, with the share of the run's epochs that is done as a third regressor.</summary>
    WithEpoch,
}

/// <summary>
/// Table 1: accuracy = b0 + b_kn N_kn / |D| + b_unk N_unk / |D|, N the fitted examples of each kind; one row for every epoch, from 1,
/// of every D whose percentage all clusters have, where the test set was asked then. The paper fits one base model; here each cluster
/// (<see cref="StudyData"/>) is fitted apart, and the intervals are t over these fits. One fit to the rows of all clusters stands beside
/// it: base models start from different levels, which its R2 counts as unexplained.
/// </summary>
/// <param name="Coefficients">b0, b_kn, b_unk, and that of the epoch where it is a regressor, as shares (not points): mean of the
/// clusters' fits.</param>
/// <param name="R2">R2: mean of the clusters' fits.</param>
/// <param name="Pooled">One fit to all rows, with errors clustered.</param>
/// <param name="Percents">% Unknown of the sets.</param>
public sealed record FittedModel(IReadOnlyList<Estimate> Coefficients, Estimate R2, LinearFit Pooled, IReadOnlyList<int> Percents)
{
    private sealed record Row(int Cluster, double Known, double Unknown, double Epoch, double Accuracy);

    /// <summary>Fits the model; null where no cluster has fitted anything that tells its coefficients.</summary>
    /// <param name="data">The study.</param>
    /// <param name="set">Test or Ood.</param>
    /// <param name="form">Which epochs and regressors.</param>
    public static FittedModel? Fit(StudyData data, QuestionSet set, ModelForm form = ModelForm.AllEpochs)
    {
        LinearFit? Of(IReadOnlyList<Row> rows)
        {
            try
            {
                IReadOnlyList<double>[] predictors = [[.. rows.Select(r => r.Known)], [.. rows.Select(r => r.Unknown)]];
                if (form == ModelForm.WithEpoch) predictors = [.. predictors, [.. rows.Select(r => r.Epoch)]];
                var fit = LinearModel.Fit(predictors, [.. rows.Select(r => r.Accuracy)], [.. rows.Select(r => r.Cluster)]);
                return fit.DegreesOfFreedom > 0 ? fit : null;
            }
            catch (SlickException)
            {
                return null; // too few rows, or nothing was fitted: no coefficient to speak of
            }
        }
        var percents = data.Shared((cluster, percent) => data.Has(new(ArmKind.Ratio, percent), Stop.EarlyStop, cluster, set));
        Row[] rows = [.. data.Runs.Where(r => r.Row.Kind == ArmKind.Ratio && percents.Contains(r.Row.UnknownPercent))
            .SelectMany(r => Rows(data, r, set, form))];
        var fits = rows.GroupBy(r => r.Cluster).OrderBy(g => g.Key).Select(g => Of([.. g])).OfType<LinearFit>().ToList();
        if (fits.Count == 0 || Of(rows) is not { } pooled) return null;
        // a constant accuracy has no R2
        Estimate Over(Func<LinearFit, double> value) =>
            Estimate.OverClusters([.. fits.Select(value).Where(v => !double.IsNaN(v))], data.Unit);
        return new([.. Enumerable.Range(0, pooled.Coefficients.Count).Select(i => Over(f => f.Coefficients[i]))], Over(f => f.R2), pooled,
            percents);
    }

    private static IEnumerable<Row> Rows(StudyData data, StudyRun run, QuestionSet set, ModelForm form)
    {
        double size = run.Row.KnownExamples + run.Row.UnknownExamples;
        var last = form == ModelForm.UntilFit ? run.EpochOf(Stop.Fit) ?? int.MaxValue : int.MaxValue;
        return run.Epochs.Where(e => e.Epoch > 0 && e.Epoch <= last && run.Right(e.Epoch, set).Of > 0).Select(e => new Row(
            data.Cluster(run), run.Fitted(e.Epoch, c => c != Category.Unknown).Right / size,
            run.Fitted(e.Epoch, c => c == Category.Unknown).Right / size, e.Epoch / (double)run.Epochs[^1].Epoch,
            run.Right(e.Epoch, set).Value));
    }
}
