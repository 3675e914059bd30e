using Slick.Analysis;
using Slick.Experiments;

namespace Slick.Figures;

/// <summary>Figures 1 and 6: what of D is fitted, and what dev questions are answered, epoch by epoch.</summary>
public static class TrainingDynamics
{
    /// <summary>Figure 1: D with 50% Unknown (or another share): Known and Unknown examples fitted, dev accuracy, EARLY_STOP.</summary>
    /// <param name="result">The study.</param>
    /// <param name="unknownPercent">X of D with X% Unknown: 0, 25, 50, 75 or 100.</param>
    public static Figure Figure1(StudyResult result, int unknownPercent = 50) => Make(result, unknownPercent, "figure-1",
        $"Figure 1. What is fitted when: D with {unknownPercent}% Unknown",
        ("train, Known", r => r.FittedKnown, 0), ("train, Unknown", r => r.FittedUnknown, 1));

    /// <summary>Figure 6: Figure 1 with the Known categories apart.</summary>
    /// <param name="result">The study.</param>
    /// <param name="unknownPercent">X of D with X% Unknown: 0, 25, 50, 75 or 100.</param>
    public static Figure Figure6(StudyResult result, int unknownPercent = 50) => Make(result, unknownPercent, "figure-6",
        $"Figure 6. What is fitted when, by category: D with {unknownPercent}% Unknown",
        ("train, HighlyKnown", r => r.FittedHighlyKnown, 0), ("train, MaybeKnown", r => r.FittedMaybeKnown, 2),
            ("train, WeaklyKnown", r => r.FittedWeaklyKnown, 4), ("train, Unknown", r => r.FittedUnknown, 1));

    private static Figure Make(StudyResult result, int unknownPercent, string id, string title,
        params (string Name, Func<EpochRow, double> Value, int Color)[] fitted)
    {
        var data = new StudyData(result.Epochs, result.Answers);
        var rows = result.Epochs.Where(r => r.Kind == ArmKind.Ratio && r.UnknownPercent == unknownPercent).ToList();
        if (rows.Count == 0) throw new SlickException(
            $"The study has no D with {unknownPercent}% Unknown; it has "
            + $"{string.Join(", ", result.Epochs.Where(r => r.Kind == ArmKind.Ratio).Select(r => r.UnknownPercent).Distinct().Order())}%.");
        var stop = rows.Where(r => r.EarlyStop).Select(r => r.Epoch).Order().ToList();
        return new Figure
        {
            Id = id,
            Title = title,
            Note = Curves.Note(result, data, "Epoch 0 is the base model."),
            X = new("epoch"),
            Y = new("exact match (%)", 0, 100),
            Series = [.. fitted.Select(f => Curves.Line(data, f.Name, rows, r => r.Epoch, f.Value, f.Color)).Where(s => s.X.Count > 0),
                Curves.Line(data, "dev", rows, r => r.Epoch, r => r.DevAccuracy, 3, LineStyle.Dashed)],
            Markers = [new(stop[stop.Count / 2], stop[0] == stop[^1] ? "EARLY_STOP"
                : FormattableString.Invariant($"EARLY_STOP (median of {stop[0]} to {stop[^1]})"))],
        };
    }
}
