using Slick.Figures;

namespace Slick.Tests.Figures;

/// <summary>Small figures and tables with everything that is hard to draw.</summary>
internal static class Samples
{
    public static Figure Lines { get; } = new()
    {
        Id = "figure-1",
        Title = "Accuracy </script><b>by</b> \"category\" & epoch",
        Note = "Seeds 0 to 2 & bands of 95%.",
        X = new Axis("epoch <e>"),
        Y = new Axis("accuracy (%)", 0, 100),
        Series =
        [
            new Series { Name = "Known </script>", X = [1, 2, 3, 4, 5], Y = [10, 20, double.NaN, 40, 50],
                Low = [8, 18, double.NaN, 38, double.NegativeInfinity], High = [12, 22, double.NaN, 42, 55],
                Kind = SeriesKind.LineAndPoints },
            new Series { Name = "Unknown", X = [1, 2, 3, 4, 5], Y = [1, double.NaN, 5, double.NaN, 12345], Style = LineStyle.Dashed,
                Color = 1 },
        ],
        Markers = [new Marker(3, "EARLY_STOP")],
    };

    public static Figure Bars { get; } = new()
    {
        Id = "figure-2",
        Title = "Test accuracy",
        X = new Axis("category", Categories: ["HighlyKnown", "MaybeKnown", "Unknown"]),
        Y = new Axis("accuracy (%)"),
        Series =
        [
            new Series { Name = "early stop", X = [0, 1, 2], Y = [90, 60, double.NaN], Low = [88, 55, double.NaN],
                High = [91, 66, double.NaN], Kind = SeriesKind.Bars, Color = 2 },
            new Series { Name = "convergence", X = [0, 1, 2], Y = [80, 40, 2], Kind = SeriesKind.Bars, Color = 8 },
        ],
    };

    public static Figure Logarithmic { get; } = new()
    {
        Id = "figure-3",
        Title = "Steps",
        X = new Axis("exposures", LogScale: true),
        Y = new Axis("steps", Min: 1, LogScale: true),
        Series = [new Series { Name = "measured", X = [0, 1, 10, 1000], Y = [5, 20_000, 900, 10], Low = [1, 0, 700, 8],
            High = [9, 30_000, 1000, 12], Kind = SeriesKind.Points, ErrorBars = true }],
        Markers = [new Marker(30, "a"), new Marker(31, "b"), new Marker(-1, "nowhere")],
    };

    public static Figure Empty { get; } =
        new() { Id = "empty", Title = "Nothing yet", X = new Axis("x"), Y = new Axis("y"),
        Series = [new Series { Name = "none", X = [], Y = [] },
        new Series { Name = "gaps", X = [1], Y = [double.NaN], Kind = SeriesKind.Bars }] };

    public static Figure Long { get; } = new()
    {
        Id = "figure-4",
        Title = string.Join(' ', Enumerable.Repeat("What is lost of what was known, by what was trained on", 3)),
        Note = string.Join(' ', Enumerable.Repeat("Runs that fit less than 99% of their set are left out.", 9)),
        X = new Axis("the set that the model was trained on, " + "or the name of a relation, which may be long,".PadRight(60, '.'),
            Categories: ["Who is X married to, if X is married?", "D_HighlyKnown", "D_Unknown", "D_Natural", "x", "y"]),
        Y = new Axis("points lost from EARLY_STOP to CONVERGENCE on the test questions of the category"),
        Series =
        [
            new Series { Name = "the HighlyKnown test questions, those that every prompt of the relation gets right, and greedily so",
                X = [0, 1, 2, 3, 4, 5], Y = [1_000_000, 2, -300_000, 4, 5, 6], Kind = SeriesKind.Bars },
            new Series { Name = "short", X = [0, 5], Y = [3, 4], Kind = SeriesKind.Points, Color = 3 },
        ],
        Markers = [new Marker(0, "a label that is longer than half of the chart"), new Marker(5, "and one at the other end of it")],
    };

    public static FigurePlayer Player { get; } = new()
    {
        Unit = "epoch <e>",
        Steps = [("0", Bars), ("1", Bars with { Series = [Bars.Series[0] with { Y = [1, 2, 3] }, Bars.Series[1]] })],
        Whole = Lines,
    };

    public static TableView Table { get; } = new()
    {
        Id = "table-1",
        Title = "Accuracy <%>",
        Note = "Five seeds.",
        Columns = ["Variant", "Early stop", "Remark"],
        Rows = [["0% Unknown", "43.6 ± 0.2", "a|b"], ["50% Unknown", "9.1 ± 0.1", "<none>"]],
    };

    public static TheoryData<string> Names { get; } = ["Lines", "Bars", "Logarithmic", "Empty", "Long"];

    public static Figure Named(string name) => name switch { "Lines" => Lines, "Bars" => Bars, "Logarithmic" => Logarithmic,
        "Long" => Long, _ => Empty };
}
