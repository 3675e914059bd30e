using Slick.Runtime;
using Slick.Storage;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>The results of one learning rate of the search. They are NaN where a run diverged.</summary>
/// <param name="LearningRate">The learning rate.</param>
/// <param name="DevAccuracy">Dev accuracy of D_Natural at EARLY_STOP, mean over seeds. Where test questions are asked at the stops only, it
/// is that at FIT (at EARLY_STOP for a run without FIT).</param>
/// <param name="NaturalFitted">Share of D_Natural that is fitted at the last epoch, the lowest over seeds.</param>
/// <param name="UnknownFitted">Share of D with 100% Unknown that is fitted at the last epoch, the lowest over seeds.</param>
/// <param name="Fits">True where at least 99% of both sets is fitted.</param>
/// <param name="NaturalEarlyStop">Test accuracy of D_Natural at EARLY_STOP, mean over seeds. The choice does not look at test
/// accuracies.</param>
/// <param name="NaturalLast">Test accuracy of D_Natural at the last epoch, mean over seeds.</param>
/// <param name="UnknownEarlyStop">Test accuracy of D with 100% Unknown at EARLY_STOP, mean over seeds.</param>
/// <param name="UnknownLast">Test accuracy of D with 100% Unknown at the last epoch, mean over seeds.</param>
public sealed record LearningRateRow(double LearningRate, double DevAccuracy, double NaturalFitted, double UnknownFitted, bool Fits,
    double NaturalEarlyStop, double NaturalLast, double UnknownEarlyStop, double UnknownLast);

/// <summary>
/// Chooses the learning rate by a rule that does not look at the findings. Candidates are the rates that fit at least 99% of D_Natural and
/// of D with 100% Unknown by the last epoch. The candidate with the best dev accuracy of D_Natural
/// (<see cref="LearningRateRow.DevAccuracy"/>) is chosen. The search uses seeds that are not reported.
/// </summary>
public static class LearningRateSearch
{
    /// <summary>Tries each rate on D_Natural and on D with 100% Unknown.</summary>
    /// <param name="options">The study's options. The learning rate is replaced.</param>
    /// <param name="rates">The learning rates to try.</param>
    /// <param name="seeds">Seeds of the base models to search on.</param>
    /// <param name="store">The store that keeps the runs.</param>
    /// <param name="compute">Device and number format of the models.</param>
    /// <param name="progress">Told how far each stage is.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <returns>Rows: one for each rate, in the order given. Chosen: the rate that the rule chooses, null where none fits. Bases: the base
    /// models.</returns>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    /// <exception cref="SlickException">A fine-tuning set has no facts.</exception>
    /// <exception cref="DivergedException">Pre-training of a base model diverged.</exception>
    public static (IReadOnlyList<LearningRateRow> Rows, double? Chosen, IReadOnlyList<LabelledBase> Bases) Run(
        StudyOptions options, IReadOnlyList<double> rates, IReadOnlyList<int> seeds, RunStore store, Compute compute,
            IProgressReport progress, CancellationToken cancellation,
        CheckpointSource? source = null)
    {
        var tables = new List<(double Rate, RunTables Tables)>();
        var bases = new List<LabelledBase>();
        var diverged = new HashSet<double>();
        var trials = Trials(options, rates, seeds, compute.Platform, source);
        Workers.Run(Plan(trials, compute.Platform, source), store, compute, progress, cancellation);
        foreach (var (rate, stages) in trials)
        {
            stages.ThrowIfFailed(store);
            if (rate == rates[0]) bases.Add(Study.Base(stages, store, source));
            foreach (var (run, stage) in stages.Runs)
            {
                // D_Natural is not run where D with 100% Unknown diverged and its length follows from that run.
                if (stages.FailureOf(stage, store) is not null)
                {
                    diverged.Add(rate);
                    continue;
                }
                var of = RunTables.Read(store.Of(stage).Folder);
                if (of.Run.Reason.Length > 0)
                    throw new SlickException(source is not null
                        ? FineTuningSets.WhyEmpty(Study.Base(stages, store, source).Labels, options.Size, options.Questions)
                        : $"Base seed {stages.Seed}: {of.Run.Reason}; take other seeds or a larger world.");
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
            // Where test is asked at the stops only, the dev accuracy at EARLY_STOP hardly differs between rates. The dev accuracy at FIT
            // does.
            double Dev(RunTables of) => Share(of, QuestionSet.Dev, options.TestAtStops && RunStops.Of(of.Scores)!.Fit is { } fit ? fit
                : EarlyStop(of));
            var (natural, unknown) = (Fitted(ArmKind.Natural), Fitted(ArmKind.Ratio));
            return new LearningRateRow(rate, Of(ArmKind.Natural).Average(Dev), natural, unknown,
                natural >= RunStops.FittedShare && unknown >= RunStops.FittedShare, Early(ArmKind.Natural, QuestionSet.Test),
                Last(ArmKind.Natural), Early(ArmKind.Ratio, QuestionSet.Test), Last(ArmKind.Ratio));
        }).ToList();
        return (table, Choose(table), bases);
    }

    /// <summary>The plan of a search.</summary>
    /// <param name="options">The study's options.</param>
    /// <param name="rates">The learning rates to try.</param>
    /// <param name="seeds">Seeds of the base models to search on.</param>
    /// <param name="platform">The kind of device and the number format.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    public static Plan Plan(StudyOptions options, IReadOnlyList<double> rates, IReadOnlyList<int> seeds, Platform platform,
        CheckpointSource? source = null) => Plan(Trials(options, rates, seeds, platform, source), platform, source);

    // World, model and labels are the same stages for every rate.
    private static Plan Plan(List<(double Rate, BaseStages Stages)> trials, Platform platform, CheckpointSource? source) =>
        StudyPlan.Of("learning rates", [.. trials.Select(t => t.Stages)], platform, source);

    private static List<(double Rate, BaseStages Stages)> Trials(StudyOptions options, IReadOnlyList<double> rates,
        IReadOnlyList<int> seeds, Platform platform, CheckpointSource? source)
    {
        options.Check();
        Run[] runs = [new(Arm.Unknown, 1), new(new Arm(ArmKind.Natural), 1)];
        StudyOptions At(double rate) => options with { FineTuning = options.FineTuning with { LearningRate = rate } };
        return [.. seeds.SelectMany(seed => rates.Select(rate => (rate, StudyPlan.Base(At(rate), seed, runs, platform, source))))];
    }

    /// <summary>
    /// The rule: among the rates that fit, the one with the best dev accuracy; among equal ones, the smallest. Null where none fits.
    /// </summary>
    /// <param name="rows">The results of the rates.</param>
    public static double? Choose(IReadOnlyList<LearningRateRow> rows) =>
        rows.Where(r => r.Fits).OrderByDescending(r => r.DevAccuracy).ThenBy(r => r.LearningRate).FirstOrDefault()?.LearningRate;
}
