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
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <returns>A row a rate, in the order given; the rate chosen, null where none fits; the base models.</returns>
    public static (IReadOnlyList<LearningRateRow> Rows, double? Chosen, IReadOnlyList<LabelledBase> Bases) Run(
        StudyOptions options, IReadOnlyList<double> rates, IReadOnlyList<int> seeds, RunStore store, Compute compute,
            IProgressReport progress, CancellationToken cancellation,
        CheckpointSource? source = null)
    {
        options.Check();
        Run[] runs = [new(Arm.Unknown, 1), new(new Arm(ArmKind.Natural), 1)];
        var tables = new List<(double Rate, RunTables Tables)>();
        var bases = new List<LabelledBase>();
        var diverged = new HashSet<double>();
        StudyOptions At(double rate) => options with { FineTuning = options.FineTuning with { LearningRate = rate } };
        var trials = seeds.SelectMany(seed =>
            rates.Select(rate => (Rate: rate, Stages: StudyPlan.Base(At(rate), seed, runs, compute.Platform, source)))).ToList();
        // World, model and labels are the same stages at every rate.
        Workers.Run(StudyPlan.Of("learning rates", [.. trials.Select(t => t.Stages)], compute.Platform, source), store, compute, progress,
            cancellation);
        foreach (var (rate, stages) in trials)
        {
            stages.ThrowIfFailed(store);
            if (rate == rates[0]) bases.Add(Study.Base(stages, store, source));
            foreach (var (run, stage) in stages.Runs)
            {
                if (store.Of(stage).HasFailed)
                {
                    diverged.Add(rate);
                    continue;
                }
                var of = RunTables.Read(store.Of(stage).Folder);
                if (of.Run.Reason.Length > 0)
                    throw new SlickException($"Base seed {stages.Seed}: {of.Run.Reason}; take other seeds or a larger world.");
                tables.Add((rate, of));
            }
        }
        var table = rates.Select(rate =>
        {
            if (diverged.Contains(rate)) return new LearningRateRow(rate, double.NaN, double.NaN, double.NaN, false, double.NaN,
                double.NaN, double.NaN, double.NaN);
            List<RunTables> Of(ArmKind kind) => [.. tables.Where(t => t.Rate == rate && t.Tables.Run.Kind == kind).Select(t => t.Tables)];
            static double Share(RunTables of, QuestionSet set, int epoch) => of.Scores.Where(s => s.Set == set && s.Epoch == epoch)
                .Aggregate((Right: 0, Of: 0), (sum, s) => (sum.Right + s.Right, sum.Of + s.Of)) is var (right, all) ? (double)right / all
                : double.NaN;
            static int EarlyStop(RunTables of) => RunStops.Of(of.Scores)!.EarlyStop;
            double Fitted(ArmKind kind) => Of(kind).Min(t => Share(t, QuestionSet.Train, RunStops.Of(t.Scores)!.Last));
            double Early(ArmKind kind, QuestionSet set) => Of(kind).Average(t => Share(t, set, EarlyStop(t)));
            double Last(ArmKind kind) => Of(kind).Average(t => Share(t, QuestionSet.Test, RunStops.Of(t.Scores)!.Last));
            // Where test is asked at the stops, EARLY_STOP does not tell the rates apart: the dev accuracy at FIT does.
            double Dev(RunTables of) => Share(of, QuestionSet.Dev, options.TestAtStops && RunStops.Of(of.Scores)!.Fit is { } fit ? fit
                : EarlyStop(of));
            var (natural, unknown) = (Fitted(ArmKind.Natural), Fitted(ArmKind.Ratio));
            return new LearningRateRow(rate, Of(ArmKind.Natural).Average(Dev), natural, unknown,
                natural >= RunStops.FittedShare && unknown >= RunStops.FittedShare, Early(ArmKind.Natural, QuestionSet.Test),
                Last(ArmKind.Natural), Early(ArmKind.Ratio, QuestionSet.Test), Last(ArmKind.Ratio));
        }).ToList();
        return (table, Choose(table), bases);
    }

    /// <summary>
    /// The rule: of the rates that fit, the one with the best dev accuracy, of equal ones the smallest; null where none fits.
    /// </summary>
    /// <param name="rows">The rates that were tried.</param>
    public static double? Choose(IReadOnlyList<LearningRateRow> rows) =>
        rows.Where(r => r.Fits).OrderByDescending(r => r.DevAccuracy).ThenBy(r => r.LearningRate).FirstOrDefault()?.LearningRate;
}
