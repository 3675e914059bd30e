using Slick.Experiments;
using Slick.Knowledge;

namespace Slick.Analysis;

/// <summary>Which epochs the linear model of accuracy is fitted to, and which regressors it has.</summary>
public enum ModelForm
{
    /// <summary>All epochs; regressors are the fitted Known and the fitted Unknown examples. This is Table 1 of the paper.</summary>
    AllEpochs,
    /// <summary>The epochs up to FIT, of runs that have one; the same two regressors (ours).</summary>
    UntilFit,
    /// <summary>All epochs; a third regressor is the share of the run's epochs that is done (ours).</summary>
    WithEpoch,
}

/// <summary>
/// The linear model of the paper's Table 1: accuracy = b0 + b_kn N_kn / |D| + b_unk N_unk / |D|, where N_kn and N_unk are the numbers of
/// fitted Known and Unknown examples. A row is an epoch, from 1, of a run on D at which the set was asked. Only percentages that all
/// clusters have are used. The paper fits one base model. Here each cluster (<see cref="StudyData"/>) is fitted apart, and the intervals
/// are t over these fits. One fit to the rows of all clusters is given too. Base models start from different accuracies, and the R2 of that
/// one fit counts these differences as unexplained.
/// </summary>
/// <param name="Coefficients">b0, b_kn, b_unk, and that of the epoch where it is a regressor, as shares (not points). Each is the mean of
/// the clusters' fits.</param>
/// <param name="R2">Mean of the clusters' R2.</param>
/// <param name="Pooled">One fit to the rows of all clusters, with clustered standard errors.</param>
/// <param name="Percents">The percentages of Unknown examples of the sets used.</param>
public sealed record FittedModel(IReadOnlyList<Estimate> Coefficients, Estimate R2, LinearFit Pooled, IReadOnlyList<int> Percents)
{
    private sealed record Row(int Cluster, double Known, double Unknown, double Epoch, double Accuracy);

    /// <summary>Fits the model. Null where the rows of no cluster, or all rows together, determine the coefficients.</summary>
    /// <param name="data">The study.</param>
    /// <param name="set">The test questions: Test or Ood.</param>
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
                return null; // too few rows, or nothing was fitted: there are no coefficients
            }
        }
        var needed = form == ModelForm.UntilFit ? Stop.Fit : Stop.EarlyStop;
        var percents = data.Shared((cluster, percent) => data.Has(new(ArmKind.Ratio, percent), needed, cluster, set));
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
        // A run without FIT gives no row: its last epoch would stand where that of the others' FIT stands.
        var last = form == ModelForm.UntilFit ? run.EpochOf(Stop.Fit) ?? 0 : int.MaxValue;
        return run.Epochs.Where(e => e.Epoch > 0 && e.Epoch <= last && run.Right(e.Epoch, set).Of > 0).Select(e => new Row(
            data.Cluster(run), run.Fitted(e.Epoch, c => c != Category.Unknown).Right / size,
            run.Fitted(e.Epoch, c => c == Category.Unknown).Right / size, e.Epoch / (double)run.Epochs[^1].Epoch,
            run.Right(e.Epoch, set).Value));
    }
}
