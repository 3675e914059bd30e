using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;

namespace Slick.Figures;

/// <summary>Figure 5 of the paper and its table: SliCK's Unknown against Unknown by P(True), and in a lab against the truth.</summary>
public static class UnknownFigure
{
    /// <summary>Figure 5: the share of test questions that a method calls Unknown, and the accuracy on these after fine-tuning.</summary>
    /// <param name="study">The study.</param>
    /// <param name="asked">What its first base model says of the test questions.</param>
    public static Figure Make(StudyResult study, UnknownBenchmark asked)
    {
        var data = new StudyData(study);
        var questions = UnknownCurves.Questions(study, data, asked, Stop.EarlyStop);
        var slick = UnknownCurves.BySlick(questions, study.Options.Sampling.Samples);
        Series[] Line(string name, IReadOnlyList<UnknownPoint> points, int color, LineStyle style) => points.Count == 0 ? [] :
        [
            new()
            {
                Name = name, X = [.. points.Select(p => 100 * p.Labelled)], Y = [.. points.Select(p => 100 * p.Accuracy.Estimate)],
                Kind = SeriesKind.LineAndPoints, Color = color, Style = style,
            },
        ];
        return new Figure
        {
            Id = "figure-5",
            Title = "Figure 5. What is called Unknown, and what of it is answered after all",
            Note = $"{study.Source} Of the first base model; {UnknownCurves.ArmOf(data)} at EARLY_STOP. Lower is better. SliCK: with fewer "
                + $"than {slick.Count} prompts the mean over all choices of so many."
                + (asked.PTrue.Count > 0 ? " P(True): thresholds below which 5, 10, ..., 100% of the questions lie." : "")
                + (study.IsLab ? " The truth: facts that pre-training states at most 0, 1, 3, 7, ... times." : ""),
            X = new("test questions called Unknown (%)"),
            Y = new("of these answered rightly after fine-tuning (%)", 0),
            Series =
            [
                .. Line(FormattableString.Invariant($"SliCK, N_ex = 1 to {slick.Count}"), slick, 0, LineStyle.Solid),
                .. slick.Count == 0 ? [] : Line("SliCK, all prompts", [slick[^1]], 7, LineStyle.Solid),
                .. Line("P(True) below a threshold", UnknownCurves.ByPTrue(questions), 4, LineStyle.Solid),
                .. Line("the truth: statements", UnknownCurves.ByTruth(questions), 2, LineStyle.Dashed),
            ],
        };
    }

    /// <summary>The numbers of <see cref="Make"/>, at EARLY_STOP and at the last epoch; and P(True) against SliCK where both call as many
    /// questions Unknown.</summary>
    /// <param name="study">The study.</param>
    /// <param name="asked">What its first base model says of the test questions.</param>
    public static TableView Table(StudyResult study, UnknownBenchmark asked)
    {
        var data = new StudyData(study);
        var samples = study.Options.Sampling.Samples;
        var (early, last) = (UnknownCurves.Questions(study, data, asked, Stop.EarlyStop),
            UnknownCurves.Questions(study, data, asked, Stop.Convergence));
        IEnumerable<IReadOnlyList<string>> Rows(string method, Func<double, string> threshold,
            Func<IReadOnlyList<UnknownQuestion>, IReadOnlyList<UnknownPoint>> points) => points(early).Zip(points(last), (e, l) =>
            (IReadOnlyList<string>)[method, threshold(e.Threshold), Percent(e.Labelled), Cell(e.Accuracy), Cell(l.Accuracy)]);
        var difference = UnknownCurves.PTrueMinusSlick(early, samples);
        return new TableView
        {
            Id = "unknown-by-method",
            Title = "Figure 5 in numbers: questions called Unknown, and of these answered rightly after fine-tuning (%)",
            Note = $"{study.Source} {early.Count} test questions of the first base model; {UnknownCurves.ArmOf(data)}. 95% Wilson "
                + "intervals over questions; those of P(True) minus SliCK by bootstrap over questions within relations, the questions "
                + "called Unknown held fixed.",
            Columns = ["method", "threshold", "called Unknown", "EARLY_STOP", "last epoch"],
            Rows =
            [
                .. Rows("SliCK", t => t == 1 ? "1 prompt" : t.ToString("F0", CultureInfo.InvariantCulture) + " prompts",
                    q => UnknownCurves.BySlick(q, samples)),
                .. Rows("P(True)", t => "at most " + t.ToString("F3", CultureInfo.InvariantCulture), UnknownCurves.ByPTrue),
                .. Rows("the truth", t => "stated at most " + t.ToString("F0", CultureInfo.InvariantCulture) + " times",
                    UnknownCurves.ByTruth),
                .. difference is null ? [] : (IReadOnlyList<string>[])[["P(True) minus SliCK", "as many", Percent(
                    UnknownCurves.BySlick(early, samples)[^1].Labelled), Cell(difference.Value95),
                    Cell(UnknownCurves.PTrueMinusSlick(last, samples)!.Value95)]],
            ],
            HeaderColumns = 2,
        };

        static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture);
        static string Cell(Interval value) => double.IsNaN(value.Estimate) ? "-" : PaperTables.WithInterval(value);
    }
}
