using Slick.Analysis;
using Slick.Experiments;

namespace Slick.Figures;

/// <summary>Figures 3 and 4: what more and more Unknown examples do.</summary>
public static class UnknownRatio
{
    private static string Paired(StudyData data) => data.SeveralBases
        ? "Differences between lines are surer than their bands look: the claims take them within each seed." : "";

    // What fine-tuning starts from, beside what it leaves.
    private static Series Base(StudyData data, IEnumerable<EpochRow> rows) =>
        Curves.Line(data, "base model", rows.Where(r => r.Epoch == 0), r => r.UnknownPercent, r => r.TestAccuracy, 7, LineStyle.Dotted);

    /// <summary>Figure 3a: test accuracy by % Unknown, a line for each duration of training.</summary>
    public static Figure Figure3a(StudyResult result)
    {
        var data = new StudyData(result.Epochs, result.Answers);
        var ratio = result.Epochs.Where(r => r.Kind == ArmKind.Ratio).ToList();
        if (ratio.Count == 0) throw new SlickException(
            "Every run of D diverged, and there is nothing to show; lower fineTuning.learningRate.");
        var last = ratio.Max(r => r.Epoch);
        var epochs = new[] { 5, 10, 20, last }.Where(e => e <= last).Distinct().ToList();
        return new Figure
        {
            Id = "figure-3a",
            Title = "Figure 3a. Test accuracy by the share of Unknown and the duration of training",
            Note = Curves.Note(result, data, Paired(data)),
            X = new("Unknown examples in D (%)", -3, 103),
            Y = new("exact match on the test questions (%)"),
            Series = [Base(data, ratio), Curves.Line(data, "EARLY_STOP", ratio.Where(r => r.EarlyStop), r => r.UnknownPercent, r =>
                r.TestAccuracy, 0),
                .. epochs.Select((e, i) => Curves.Line(data, e == last ? $"{e} epochs (CONVERGENCE)" : $"{e} epochs",
                    ratio.Where(r => r.Epoch == e), r => r.UnknownPercent, r => r.TestAccuracy, i + 1))],
        };
    }

    /// <summary>Figure 3b: the same for D and for D without its Unknown examples, at EARLY_STOP and at CONVERGENCE.</summary>
    public static Figure Figure3b(StudyResult result)
    {
        var data = new StudyData(result.Epochs, result.Answers);
        var last = result.Epochs.Max(r => r.Epoch);
        Series Line(string name, ArmKind kind, bool early, int color, LineStyle style) =>
            Curves.Line(data, $"{name}, {(early ? "EARLY_STOP" : "CONVERGENCE")}",
                // D_Known of D at 0% is D.
                result.Epochs.Where(r => (r.Kind == kind || kind != ArmKind.Ratio && r.Kind == ArmKind.Ratio && r.UnknownPercent == 0)
                    && (early ? r.EarlyStop : r.Epoch == last)),
                r => r.UnknownPercent, r => r.TestAccuracy, color, style);
        return new Figure
        {
            Id = "figure-3b",
            Title = "Figure 3b. D with and without its Unknown examples",
            Note = Curves.Note(result, data,
                "D_Known is D without its Unknown examples, for as many epochs or for as many updates. " + Paired(data)),
            X = new("Unknown examples in D (%)", -3, 103),
            Y = new("exact match on the test questions (%)"),
            Series =
            [
                Base(data, result.Epochs.Where(r => r.Kind == ArmKind.Ratio)),
                Line("D", ArmKind.Ratio, true, 0, LineStyle.Solid),
                Line("D_Known", ArmKind.KnownOnly, true, 0, LineStyle.Dotted),
                Line("D", ArmKind.Ratio, false, 1, LineStyle.Solid),
                Line("D_Known", ArmKind.KnownOnly, false, 1, LineStyle.Dotted),
                Line("D_Known with D's updates", ArmKind.KnownOnlySameUpdates, false, 2, LineStyle.Dashed),
            ],
        };
    }

    /// <summary>Figure 4: the share of Known and of Unknown examples that is fitted at EARLY_STOP.</summary>
    public static Figure Figure4(StudyResult result)
    {
        var data = new StudyData(result.Epochs, result.Answers);
        var stop = result.Epochs.Where(r => r.Kind == ArmKind.Ratio && r.EarlyStop).ToList();
        return new Figure
        {
            Id = "figure-4",
            Title = "Figure 4. Known and Unknown examples fitted at EARLY_STOP",
            Note = Curves.Note(result, data),
            X = new("Unknown examples in D (%)", -3, 103),
            Y = new("fitted at EARLY_STOP (%)", 0, 100),
            Series = [Curves.Line(data, "Known", stop, r => r.UnknownPercent, r => r.FittedKnown, 0),
                Curves.Line(data, "Unknown", stop, r => r.UnknownPercent, r => r.FittedUnknown, 1)],
        };
    }
}
