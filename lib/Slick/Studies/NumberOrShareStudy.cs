using System.Globalization;
using Slick.Analysis;
using Slick.Figures;

namespace Slick.Studies;

/// <summary>The study <c>number-or-share</c>: does harm follow the number of Unknown examples, or their share of the set?</summary>
internal static class NumberOrShareStudy
{
    private static readonly int[] Parts = [5, 10, 20, 40];
    private static readonly int[] Percents = [0, 50, 100];
    // All of D, as the paper has it.
    private const string All = "all";

    private static IReadOnlyList<string> VariantNames => [.. Parts.Select(Name), All];
    private static string Name(int part) => part.ToString(CultureInfo.InvariantCulture);
    private static string Set(int percent) => $"ratio-{percent.ToString(CultureInfo.InvariantCulture)}";

    public static LabStudy Study { get; } = new()
    {
        Name = "number-or-share",
        Title = "The number of Unknown facts, or their share?",
        Question = "Does the harm follow the number of Unknown examples or their share of the set, which the paper's linear model takes?",
        Hypothesis = "The number matters. The share says nothing once the number is known; then the paper's linear law is a law for one "
            + "size "
            + "of D.",
        Claims =
        [
            LabStudy.Claim("N1", "At one share, more Unknown examples do more harm.",
                "D 100%: slope of the loss at FIT on Known test questions over the binary logarithm of the largest part of a relation "
                    + "(5, 10, "
                    + "20, 40); 95% interval above 0",
                values => [values.Difference("loss at FIT of D 100%, per doubling of D", 1, Slope(100, 1))]),
            LabStudy.Claim("N2", "At one number of Unknown examples, a larger share does more harm.",
                "loss at FIT on Known test questions, D 100% minus D 50% of twice the size, mean over the parts 5, 10 and 20; 95% interval "
                    + "above 0",
                values => [values.Difference("loss at FIT, D 100% - D 50% of twice the size", 1, SameNumber())]),
            LabStudy.Claim("N3", "The share explains the harm beyond the number.",
                "loss at FIT on Known test questions, least squares for each seed on the number of Unknown examples and on their share: "
                    + "coefficient of the share, 95% interval above 0",
                values => [Coefficient(values, 1, 1) is var c && double.IsNaN(c.Value)
                    ? values.Missing("points per 100% Unknown", AllTerms())
                    : ClaimParts.Difference("points per 100% Unknown, at one number", c, 1)]),
        ],
        // Small sets need more epochs than large ones until they are fitted.
        Variants = options =>
        [
            .. Parts.Select(p => new StudyVariant(Name(p), [$"questions.largestPart={Name(p)}", "testAtStops=true",
                FormattableString.Invariant($"fineTuning.epochs={options.FineTuning.Epochs * (p < 20 ? 4 : 2)}"), Sets])),
            new(All, [Sets]),
        ],
        Measure = Measures.Common,
        Table = values => new TableView
        {
            Id = "number-or-share",
            Title = "Points lost on Known test questions at FIT, by the size of D and the share of Unknown",
            Note = $"Least squares for each {values.Unit.TrimEnd('s')}: {StudyTables.Cell(Coefficient(values, 0, 100).Value95)} points for "
                + $"100 Unknown examples more, and {StudyTables.Cell(Coefficient(values, 1, 1).Value95)} for 100% Unknown instead of 0%.",
            Columns = ["largest part of a relation", "examples", .. Percents.SelectMany(p => new[] { $"{p}%: Unknown", "FIT, "
                + "epoch", "lost" })],
            Rows = [.. VariantNames.Select(v => (IReadOnlyList<string>)
            [
                v, StudyTables.Mean(values, new(v, Set(100), Measures.Examples)),
                .. Percents.SelectMany(p => new[]
                {
                    StudyTables.Mean(values, new(v, Set(p), Measures.UnknownExamples)), StudyTables.Epoch(values, v, Set(p), Measures.Fit),
                    StudyTables.Cell(values, Lost(v, p, 1)),
                }),
            ])],
        },
        Figure = values => new Figure
        {
            Id = "number-or-share",
            Title = "Loss by the number of Unknown examples, for two shares",
            Note = "Points lost on Known test questions at FIT, the first epoch with at least 99% of the set fitted; with 95% "
                + "intervals. If the "
                + "number alone mattered, the lines would be one.",
            X = new("Unknown examples", LogScale: true),
            Y = new("points lost on Known test questions"),
            Series = [.. Percents[1..].Select((p, i) => Line(values, p, i))],
        },
    };

    private static string Sets => $"sets={string.Join(',', Percents.Select(Set))}";

    private static Series Line(StudyValues values, int percent, int color)
    {
        Interval[] lost = [.. VariantNames.Select(v => values.Sum(Lost(v, percent, 1)).Value95)];
        return new()
        {
            Name = $"D {percent}%", Color = color, Kind = SeriesKind.LineAndPoints, ErrorBars = true,
            X = [.. VariantNames.Select(v => values.Sum(new ValueTerm(v, Set(percent), Measures.UnknownExamples)).Value)],
            Y = [.. lost.Select(l => l.Estimate)], Low = [.. lost.Select(l => l.Low)], High = [.. lost.Select(l => l.High)],
        };
    }

    private static ValueTerm Lost(string variant, int percent, double weight) =>
        new(variant, Set(percent), Measures.Lost, Measures.Fit, weight);

    private static IReadOnlyList<ValueTerm> Slope(int percent, int sign)
    {
        double[] x = [.. Parts.Select(p => Math.Log2(p))];
        var (mean, square) = (x.Average(), x.Sum(v => (v - x.Average()) * (v - x.Average())));
        return [.. Parts.Select((p, i) => Lost(Name(p), percent, sign * (x[i] - mean) / square))];
    }

    // D 100% of a size has as many Unknown examples as D 50% of twice the size.
    private static IReadOnlyList<ValueTerm> SameNumber() => [.. Parts[..^1].SelectMany((p, i) => new[]
    {
        Lost(Name(p), 100, 1.0 / (Parts.Length - 1)), Lost(Name(Parts[i + 1]), 50, -1.0 / (Parts.Length - 1)),
    })];

    private static IReadOnlyList<ValueTerm> AllTerms() => [.. VariantNames.SelectMany(v => Percents.Select(p => Lost(v, p, 1)))];

    // A coefficient of: loss = b0 + b1 N_unk + b2 N_unk / |D|, for each cluster that has all rows.
    private static Estimate Coefficient(StudyValues values, int index, double scale) => values.OverClusters(cluster =>
    {
        var rows = VariantNames.SelectMany(v => Percents.Select(p => (
            Number: values.Of(new(v, Set(p), Measures.UnknownExamples), cluster), Of: values.Of(new(v, Set(p), Measures.Examples), cluster),
            Lost: values.Of(Lost(v, p, 1), cluster)))).ToList();
        if (rows.Any(r => double.IsNaN(r.Lost) || !(r.Of > 0))) return double.NaN;
        try
        {
            return scale * LinearModel.Fit([[.. rows.Select(r => r.Number)], [.. rows.Select(r => r.Number / r.Of)]],
                [.. rows.Select(r => r.Lost)]).Coefficients[index + 1];
        }
        catch (SlickException)
        {
            return double.NaN; // where all sizes of D are equal, number and share are one
        }
    });
}
