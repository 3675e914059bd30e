using System.Globalization;
using Slick.Analysis;
using Slick.Figures;

namespace Slick.Studies;

/// <summary>The study <c>width</c>: does the harm of Unknown facts fall with the size of the model?</summary>
internal static class WidthStudy
{
    private static readonly int[] Widths = [64, 128, 256, 384];
    private static readonly string[] Sets = ["single-highly-known", "ratio-0", "known-only-50", "ratio-50", "ratio-100"];
    private const double Margin = 1;

    private static string Name(int width) => $"width-{width.ToString(CultureInfo.InvariantCulture)}";

    public static LabStudy Study { get; } = new()
    {
        Name = "width",
        Title = "Does the harm survive a wider model?",
        Question = "Do the loss of any fine-tuning and the loss that Unknown facts add fall alike as the model grows?",
        Hypothesis = "What any fine-tuning loses by going on falls with width, because a step moves unrelated answers less. What "
            + "Unknown facts "
            + "add by FIT does not fall.",
        Claims =
        [
            LabStudy.Claim("W1", "What D 0% loses falls with the model's width.",
                "loss of D 0% at CONVERGENCE on Known test questions: slope over the binary logarithm of the width (64, 128, 256, 384); "
                    + "95% "
                    + "interval below 0",
                values => [values.Difference("loss of D 0% at CONVERGENCE, per "
                    + "doubling", -1, [.. Slope("ratio-0", Measures.Convergence, 1)])]),
            LabStudy.Claim("W2", "What Unknown facts add to the loss does not change with the width.",
                "loss at FIT on Known test questions, D 100% minus D 0%: slope over the binary logarithm of the width; 90% interval within "
                    + "+-1",
                values => [values.Equality("loss at FIT, D 100% - D 0%, per doubling, 90%", Margin,
                    [.. Slope("ratio-100", Measures.Fit, 1), .. Slope("ratio-0", Measures.Fit, -1)])]),
        ],
        // Learning rates fall with the width: that of pre-training as its root, that of fine-tuning as the width itself.
        Variants = options => [.. Widths.Select(w => new StudyVariant(Name(w),
        [
            FormattableString.Invariant($"preTraining.hiddenSize={w}"), FormattableString.Invariant($"preTraining.heads={w / 32}"),
            FormattableString.Invariant($"preTraining.keyValueHeads={w / 32}"),
            FormattableString.Invariant(
                $"preTraining.intermediateSize={options.PreTraining.IntermediateSize * w / options.PreTraining.HiddenSize}"),
            FormattableString.Invariant(
                $"preTraining.learningRate={options.PreTraining.LearningRate * Math.Sqrt((double)options.PreTraining.HiddenSize / w)}"),
            FormattableString.Invariant(
                $"fineTuning.learningRate={options.FineTuning.LearningRate * options.PreTraining.HiddenSize / w}"),
            "testAtStops=true", $"sets={string.Join(',', Sets)}",
        ]))],
        Measure = Measures.Common,
        Table = values => new TableView
        {
            Id = "width",
            Title = "Points lost on Known test questions, by the model's width",
            Note = "FIT: the first epoch with at least 99% of the set fitted.",
            Columns = ["width", "trained on", "FIT, epoch", "lost at FIT", "lost at CONVERGENCE"],
            HeaderColumns = 2,
            Rows = [.. Widths.SelectMany(w => Sets.Select(s => (IReadOnlyList<string>)
            [
                w.ToString(CultureInfo.InvariantCulture), StudyTables.Name(s), StudyTables.Epoch(values, Name(w), s, Measures.Fit),
                StudyTables.Cell(values, Lost(w, s, Measures.Fit, 1)), StudyTables.Cell(values, Lost(w, s, Measures.Convergence, 1)),
            ]))],
        },
        Figure = values => new Figure
        {
            Id = "width",
            Title = "Points lost at FIT, by the model's width",
            Note = "On Known test questions, with 95% intervals.",
            X = new("width", LogScale: true),
            Y = new("points lost on Known test questions"),
            Series = [.. Sets.Select((s, i) => Line(values, s, i))],
        },
    };

    private static Series Line(StudyValues values, string set, int color)
    {
        Interval[] lost = [.. Widths.Select(w => values.Sum(Lost(w, set, Measures.Fit, 1)).Value95)];
        return new()
        {
            Name = StudyTables.Name(set), Color = color, Kind = SeriesKind.LineAndPoints, ErrorBars = true,
            X = [.. Widths.Select(w => (double)w)], Y = [.. lost.Select(l => l.Estimate)], Low = [.. lost.Select(l => l.Low)],
            High = [.. lost.Select(l => l.High)],
        };
    }

    private static ValueTerm Lost(int width, string set, string stop, double weight) => new(Name(width), set, Measures.Lost, stop, weight);

    private static IEnumerable<ValueTerm> Slope(string set, string stop, int sign)
    {
        double[] x = [.. Widths.Select(w => Math.Log2(w))];
        var (mean, square) = (x.Average(), x.Sum(v => (v - x.Average()) * (v - x.Average())));
        return Widths.Select((w, i) => Lost(w, set, stop, sign * (x[i] - mean) / square));
    }
}
