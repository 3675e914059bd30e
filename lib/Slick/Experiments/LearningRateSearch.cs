using Slick.Analysis;
using Slick.Runtime;
using Slick.Storage;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>One learning rate of the search; its numbers are NaN where a run diverged.</summary>
/// <param name="LearningRate">The rate.</param>
/// <param name="DevAccuracy">Best dev accuracy of D_Natural over the epochs, mean over seeds.</param>
/// <param name="NaturalFitted">Share of D_Natural fitted at the last epoch, the lowest over seeds.</param>
/// <param name="UnknownFitted">The same of D with 100% Unknown.</param>
/// <param name="Fits">At least 99% of both is fitted.</param>
/// <param name="NaturalEarlyStop">Test accuracy of D_Natural at EARLY_STOP, mean over seeds; shown, never chosen by.</param>
/// <param name="NaturalLast">The same at the last epoch.</param>
/// <param name="UnknownEarlyStop">Test accuracy of D with 100% Unknown at EARLY_STOP.</param>
/// <param name="UnknownLast">The same at the last epoch.</param>
public sealed record LearningRateRow(double LearningRate, double DevAccuracy, double NaturalFitted, double UnknownFitted, bool Fits,
    double NaturalEarlyStop, double NaturalLast, double UnknownEarlyStop, double UnknownLast);

/// <summary>
/// The learning rate by a rule that does not look at the findings: the best dev accuracy of D_Natural among the rates that fit at least 99%
/// of D_Natural and of D with 100% Unknown by the last epoch, on seeds that are not reported.
/// </summary>
public static class LearningRateSearch
{
    /// <summary>Tries each rate on D_Natural and on D with 100% Unknown.</summary>
    /// <param name="options">The study's choices; its learning rate is replaced.</param>
    /// <param name="rates">The rates.</param>
    /// <param name="seeds">Base models to search on.</param>
    /// <param name="store">Where the runs are kept.</param>
    /// <param name="compute">Where models are.</param>
    /// <param name="progress">Told how far each stage is.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <returns>A row a rate, in the order given; the rate chosen, null where none fits; the base models.</returns>
    public static (IReadOnlyList<LearningRateRow> Rows, double? Chosen, IReadOnlyList<LabelledBase> Bases) Run(StudyOptions options, IReadOnlyList<double> rates,
        IReadOnlyList<int> seeds,
        RunStore store, Compute compute, IProgressReport progress, CancellationToken cancellation)
    {
        options.Check();
        Run[] runs = [new(new Arm(ArmKind.Natural), 1), new(new Arm(ArmKind.Ratio, 100), 1)];
        var tables = new List<(double Rate, RunTables Tables)>();
        var bases = new List<LabelledBase>();
        var diverged = new HashSet<double>();
        foreach (var seed in seeds)
        {
            using var model = BaseModel.Ensure(options, seed, store, compute.Device, progress, cancellation);
            var (key, labels) = Labels.Ensure(model, options, store, progress, cancellation);
            bases.Add(new(model.Seed, model.Folder, model.Dataset, labels, model.Exposures));
            foreach (var rate in rates.Where(r => !diverged.Contains(r)))
            {
                progress.Say(FormattableString.Invariant($"Learning rate {rate:G3}, seed {seed}."));
                var trial = options with { FineTuning = options.FineTuning with { LearningRate = rate } };
                var (tried, failures) = FineTuningRuns.Ensure(model, key, labels, trial, runs, store, progress, cancellation);
                if (failures.Count > 0) diverged.Add(rate);
                else tables.AddRange(tried.Select(t => (rate, t)));
            }
        }
        var rows = rates.Select(rate =>
        {
            if (diverged.Contains(rate)) return new LearningRateRow(rate, double.NaN, double.NaN, double.NaN, false, double.NaN,
                double.NaN, double.NaN, double.NaN);
            List<RunTables> Of(ArmKind kind) => [.. tables.Where(t => t.Rate == rate && t.Tables.Run.Kind == kind).Select(t => t.Tables)];
            static double Share(RunTables of, QuestionSet set, int epoch) => of.Scores.Where(s => s.Set == set && s.Epoch == epoch)
                .Aggregate((Right: 0, Of: 0), (sum, s) => (sum.Right + s.Right, sum.Of + s.Of)) is var (right, all) ? (double)right / all
                : double.NaN;
            static int EarlyStop(RunTables of) => RunStops.Of(of.Scores)!.EarlyStop;
            double Fitted(ArmKind kind) => Of(kind).Min(t => Share(t, QuestionSet.Train, options.FineTuning.Epochs));
            double Early(ArmKind kind, QuestionSet set) => Of(kind).Average(t => Share(t, set, EarlyStop(t)));
            double Last(ArmKind kind) => Of(kind).Average(t => Share(t, QuestionSet.Test, options.FineTuning.Epochs));
            var (natural, unknown) = (Fitted(ArmKind.Natural), Fitted(ArmKind.Ratio));
            return new LearningRateRow(rate, Early(ArmKind.Natural, QuestionSet.Dev), natural, unknown,
                natural >= RunStops.FittedShare && unknown >= RunStops.FittedShare, Early(ArmKind.Natural, QuestionSet.Test),
                Last(ArmKind.Natural), Early(ArmKind.Ratio, QuestionSet.Test), Last(ArmKind.Ratio));
        }).ToList();
        return (rows, Choose(rows), bases);
    }

    /// <summary>
    /// The rule: of the rates that fit, the one with the best dev accuracy, of equal ones the smallest; null where none fits.
    /// </summary>
    /// <param name="rows">The rates that were tried.</param>
    public static double? Choose(IReadOnlyList<LearningRateRow> rows) =>
        rows.Where(r => r.Fits).OrderByDescending(r => r.DevAccuracy).ThenBy(r => r.LearningRate).FirstOrDefault()?.LearningRate;
}
