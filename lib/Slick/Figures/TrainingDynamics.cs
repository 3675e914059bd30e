using Slick.Analysis;
using Slick.Experiments;
using Slick.Knowledge;

namespace Slick.Figures;

/// <summary>The paper's Figures 1 and 6: the share of D that is fitted, and the dev accuracy, by epoch. Taught in
/// <c>notebooks/03-training-dynamics.ipynb</c>.</summary>
public static class TrainingDynamics
{
    /// <summary>
    /// The paper's Figure 1: the shares of Known and of Unknown examples of D that are fitted, and the dev accuracy, by epoch. EARLY_STOP
    /// and FIT are marked.
    /// </summary>
    /// <param name="result">The study.</param>
    /// <param name="unknownPercent">X of D with X% Unknown: 0, 25, 50, 75 or 100.</param>
    /// <exception cref="SlickException">The study has no such D.</exception>
    public static Figure Figure1(StudyResult result, int unknownPercent = 50) => Make(result, unknownPercent, "figure-1",
        $"Figure 1. What is fitted when: D with {unknownPercent}% Unknown",
        ("train, Known", c => c != Category.Unknown, 0), ("train, Unknown", c => c == Category.Unknown, 1));

    /// <summary>The paper's Figure 6: the shares of the examples of each category of D that are fitted, and the dev accuracy, by epoch.
    /// EARLY_STOP and FIT are marked.</summary>
    /// <param name="result">The study.</param>
    /// <param name="unknownPercent">X of D with X% Unknown: 0, 25, 50, 75 or 100.</param>
    /// <exception cref="SlickException">The study has no such D.</exception>
    public static Figure Figure6(StudyResult result, int unknownPercent = 50) => Make(result, unknownPercent, "figure-6",
        $"Figure 6. What is fitted when, by category: D with {unknownPercent}% Unknown",
        ("train, HighlyKnown", c => c == Category.HighlyKnown, 0), ("train, MaybeKnown", c => c == Category.MaybeKnown, 2),
            ("train, WeaklyKnown", c => c == Category.WeaklyKnown, 4), ("train, Unknown", c => c == Category.Unknown, 1));

    private static Figure Make(StudyResult result, int unknownPercent, string id, string title,
        params (string Name, Func<Category, bool> Category, int Color)[] fitted)
    {
        var data = new StudyData(result);
        var runs = data.Of(new(ArmKind.Ratio, unknownPercent));
        if (runs.Count == 0) throw new SlickException(
            $"The study has no D with {unknownPercent}% Unknown; it has "
            + $"{string.Join(", ", data.Arms.Where(a => a.Kind == ArmKind.Ratio).Select(a => a.UnknownPercent).Order())}%.");
        IEnumerable<RunPoint> Points(Func<StudyRun, int, Share> share) =>
            runs.SelectMany(r => r.Epochs.Select(e => new RunPoint(r, e.Epoch, share(r, e.Epoch))));
        IEnumerable<Marker> Stops(string name, Func<StudyRun, int?> epoch)
        {
            var at = runs.Select(epoch).OfType<int>().Order().ToList();
            if (at.Count > 0) yield return new(at[at.Count / 2], at[0] == at[^1] ? name
                : FormattableString.Invariant($"{name} (median of {at[0]} to {at[^1]})"));
        }
        return new Figure
        {
            Id = id,
            Title = title,
            Note = Curves.Note(result, data, "Epoch 0 is the base model. FIT: the first epoch with at least 99% of D fitted."),
            X = new("epoch"),
            Y = new("exact match (%)", 0, 100),
            Series = [.. fitted.Select(f => Curves.Line(data, f.Name, Points((r, e) => r.Fitted(e, f.Category)), f.Color))
                .Where(s => s.X.Count > 0), Curves.Line(data, "dev", Points((r, e) => r.Right(e, QuestionSet.Dev)), 3, LineStyle.Dashed)],
            Markers = [.. Stops("EARLY_STOP", r => r.Stops!.EarlyStop), .. Stops("FIT", r => r.Stops!.Fit)],
        };
    }
}
