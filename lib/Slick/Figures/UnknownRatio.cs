using Slick.Analysis;
using Slick.Experiments;
using Slick.Knowledge;

namespace Slick.Figures;

/// <summary>The paper's Figures 3, 4 and 7: what a growing share of Unknown examples changes. Taught in
/// <c>notebooks/02-make-a-fine-tuning-set.ipynb</c> (Figure 3), <c>03-training-dynamics.ipynb</c> (Figure 4) and
/// <c>05-out-of-distribution.ipynb</c> (Figure 7).</summary>
public static class UnknownRatio
{
    private static string Paired(StudyData data) => data.SeveralBases
        ? "Differences between lines are surer than their bands look: the claims take them within each seed." : "";

    private static List<StudyRun> Ratio(StudyData data)
    {
        var runs = data.Runs.Where(r => r.Row.Kind == ArmKind.Ratio).ToList();
        return runs.Count > 0 ? runs
            : throw new SlickException("Every run of D diverged, and there is nothing to show; lower fineTuning.learningRate.");
    }

    private static string Asked(QuestionSet set) => set == QuestionSet.Ood
        ? "exact match out of distribution (%)" : "exact match on the test questions (%)";

    /// <summary>The paper's Figure 3a: test accuracy by % Unknown, with a line for each duration of training.</summary>
    /// <param name="result">The study.</param>
    /// <exception cref="SlickException">Every run of D diverged.</exception>
    public static Figure Figure3a(StudyResult result) => Durations(result, QuestionSet.Test, "figure-3a",
        "Figure 3a. Test accuracy by the share of Unknown and the duration of training");

    /// <summary>The paper's Figure 3b: test accuracy by % Unknown, for D and for D without its Unknown examples (D_Known), at EARLY_STOP,
    /// FIT (ours) and the last epoch.</summary>
    /// <param name="result">The study.</param>
    /// <exception cref="SlickException">Every run of D diverged.</exception>
    public static Figure Figure3b(StudyResult result) => KnownOnly(result, QuestionSet.Test, "figure-3b",
        "Figure 3b. D with and without its Unknown examples");

    /// <summary>The paper's Figure 7, left: accuracy on relations that are not trained on, by % Unknown, with a line for each duration of
    /// training.</summary>
    /// <param name="result">The study.</param>
    /// <exception cref="SlickException">Every run of D diverged.</exception>
    public static Figure Figure7a(StudyResult result) => Durations(result, QuestionSet.Ood, "figure-7a",
        "Figure 7a. Relations that are not trained on: accuracy by the share of Unknown and the duration of training");

    /// <summary>The paper's Figure 7, right: accuracy on relations that are not trained on, by % Unknown, for D and for D without its
    /// Unknown examples (D_Known), at EARLY_STOP, FIT (ours) and the last epoch.</summary>
    /// <param name="result">The study.</param>
    /// <exception cref="SlickException">Every run of D diverged.</exception>
    public static Figure Figure7b(StudyResult result) => KnownOnly(result, QuestionSet.Ood, "figure-7b",
        "Figure 7b. Relations that are not trained on: D with and without its Unknown examples");

    private static Figure Durations(StudyResult result, QuestionSet set, string id, string title)
    {
        var data = new StudyData(result);
        var ratio = Ratio(data);
        var last = ratio.Max(r => r.Stops!.Last);
        var epochs = new[] { 5, 10, 20, last }.Where(e => e <= last).Distinct().ToList();
        return new Figure
        {
            Id = id,
            Title = title,
            Note = Curves.Note(result, data,
                "FIT: the first epoch with at least 99% of D fitted, of the runs that have one. " + Paired(data)),
            X = new("Unknown examples in D (%)", -3, 103),
            Y = new(Asked(set)),
            Series =
            [
                Curves.Line(data, "base model", Curves.AtStop(ratio, Stop.Base, set), 7, LineStyle.Dotted),
                Curves.Line(data, "EARLY_STOP", Curves.AtStop(ratio, Stop.EarlyStop, set), 0),
                .. new[] { Curves.Line(data, "FIT", Curves.AtStop(ratio, Stop.Fit, set), 5, LineStyle.Dashed) }.Where(s => s.X.Count > 0),
                .. epochs.Select((e, i) => Curves.Line(data, e == last ? $"{e} epochs (CONVERGENCE)" : $"{e} epochs",
                    Curves.AtEpoch(ratio, e, set), i + 1)).Where(s => s.X.Count > 0),
            ],
        };
    }

    private static Figure KnownOnly(StudyResult result, QuestionSet set, string id, string title)
    {
        var data = new StudyData(result);
        var ratio = Ratio(data);
        Series Line(string name, string at, ArmKind kind, Func<StudyRun, int?> epoch, int color, LineStyle style) =>
            // D_Known of D at 0% Unknown is D itself.
            Curves.Line(data, $"{name}, {at}", from run in data.Runs
                                               where run.Row.Kind == kind || kind != ArmKind.Ratio && run.Row.Kind == ArmKind.Ratio
                                                   && run.Row.UnknownPercent == 0
                                               let e = epoch(run)
                                               where e is not null
                                               select new RunPoint(run, run.Row.UnknownPercent, run.Right(e.Value, set)), color, style);
        Series[] At(string at, Func<StudyRun, int?> epoch, int color) =>
            [Line("D", at, ArmKind.Ratio, epoch, color, LineStyle.Solid),
                Line("D_Known", at, ArmKind.KnownOnly, epoch, color, LineStyle.Dotted)];
        return new Figure
        {
            Id = id,
            Title = title,
            Note = Curves.Note(result, data,
                "D_Known is D without its Unknown examples, for as many epochs or for as many updates. FIT: the first epoch with at least "
                + "99% of the set fitted, of the runs that have one. " + Paired(data)),
            X = new("Unknown examples in D (%)", -3, 103),
            Y = new(Asked(set)),
            Series =
            [
                Curves.Line(data, "base model", Curves.AtStop(ratio, Stop.Base, set), 7, LineStyle.Dotted),
                .. At("EARLY_STOP", r => r.Stops!.EarlyStop, 0),
                .. At("FIT", r => r.Stops!.Fit, 5).Where(s => s.X.Count > 0),
                .. At("CONVERGENCE", r => r.Stops!.Last, 1),
                Line("D_Known with D's updates", "CONVERGENCE", ArmKind.KnownOnlySameUpdates, r => r.Stops!.Last, 2, LineStyle.Dashed),
            ],
        };
    }

    /// <summary>The paper's Figure 4: the shares of Known and of Unknown examples that are fitted at EARLY_STOP, by % Unknown.</summary>
    /// <param name="result">The study.</param>
    /// <exception cref="SlickException">Every run of D diverged.</exception>
    public static Figure Figure4(StudyResult result)
    {
        var data = new StudyData(result);
        var ratio = Ratio(data);
        IEnumerable<RunPoint> Fitted(Func<Category, bool> category) =>
            ratio.Select(r => new RunPoint(r, r.Row.UnknownPercent, r.Fitted(r.Stops!.EarlyStop, category)));
        return new Figure
        {
            Id = "figure-4",
            Title = "Figure 4. Known and Unknown examples fitted at EARLY_STOP",
            Note = Curves.Note(result, data),
            X = new("Unknown examples in D (%)", -3, 103),
            Y = new("fitted at EARLY_STOP (%)", 0, 100),
            Series = [Curves.Line(data, "Known", Fitted(c => c != Category.Unknown), 0),
                Curves.Line(data, "Unknown", Fitted(c => c == Category.Unknown), 1)],
        };
    }
}
