using System.Globalization;
using System.Text.Json.Nodes;
using DynamicObj;
using Microsoft.FSharp.Collections;
using Plotly.NET;
using Plotly.NET.ConfigObjects;
using Plotly.NET.LayoutObjects;
using Plotly.NET.TraceObjects;

namespace Slick.Figures;

/// <summary>Makes charts of Plotly.NET from figures, and JSON for plotly.js from such charts.</summary>
internal static class PlotlyChart
{
    private const string Grid = "rgba(128,128,128,0.25)", Frame = "rgba(128,128,128,0.8)", TextColor = "#767a80";
    private const int Height = 480, FontSize = 14, AxisTitleSize = 15, LongestName = 240, NarrowChart = 240;
    private static readonly string[] Symbols = ["circle", "square", "diamond", "triangle-up"];

    /// <summary>Pixels of the longest line of a vertical axis' title. The axis must have as many.</summary>
    public const int LongestTitle = 300;

    /// <summary>The chart of a figure.</summary>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>).</exception>
    public static GenericChart Of(Figure figure)
    {
        figure.Check();
        var indices = Enumerable.Range(0, figure.Series.Count).ToList();
        var traces = indices.Where(i => figure.Series[i].HasBand).Select(i => Band(figure.Series[i], i))
            .Concat(indices.Select(i => Values(figure, i)));
        return GenericChart.NewMultiChart(ListModule.OfSeq(traces), Layout(figure), Config(figure.Id), new DisplayOptions());
    }

    /// <summary>The data, layout and configuration of a chart, as plotly.js takes them. NaN and infinities become null.</summary>
    public static JsonObject Json(GenericChart chart)
    {
        var json = JsonNode.Parse(GenericChart.toJson(chart))!.AsObject();
        NumbersOnly(json["data"]);
        return json;
    }

    /// <summary>The first step of a player as plotly.js takes it, with the other steps as frames, a slider and two buttons.</summary>
    /// <exception cref="ArgumentException">The player cannot be drawn (<see cref="FigurePlayer.Check"/>).</exception>
    public static JsonObject Json(FigurePlayer player)
    {
        player.Check();
        var steps = player.Steps.Select(s => (Name: Plain(s.Label), Chart: Json(Of(s.Figure)))).ToList();
        var json = steps[0].Chart.DeepClone().AsObject();
        json["frames"] = new JsonArray([.. steps.Select(s =>
            new JsonObject { ["name"] = s.Name, ["data"] = s.Chart["data"]!.DeepClone() })]);
        // How a frame is shown: each for so many milliseconds, without movement between two.
        static JsonObject Showing(int milliseconds, bool goesOn) => new()
        {
            ["mode"] = "immediate", ["fromcurrent"] = goesOn, ["transition"] = new JsonObject { ["duration"] = 0 },
            ["frame"] = new JsonObject { ["duration"] = milliseconds, ["redraw"] = true },
        };
        static JsonObject Animate(string label, JsonNode? frames, JsonObject showing) =>
            new() { ["label"] = label, ["method"] = "animate", ["args"] = new JsonArray(frames, showing) };
        var layout = json["layout"]!;
        layout["height"] = Height + 60;
        // Buttons and slider stand above the chart, one above the other: below it, a narrow page turns the names of the axis into them.
        layout["sliders"] = new JsonArray(new JsonObject
        {
            ["x"] = 0, ["len"] = 1, ["y"] = 1, ["yanchor"] = "bottom", ["pad"] = new JsonObject { ["b"] = 10 },
            ["bordercolor"] = Frame, ["bgcolor"] = Grid,
            ["currentvalue"] = new JsonObject { ["prefix"] = Plain(player.Unit) + " " },
            ["steps"] = new JsonArray([.. steps.Select(s => Animate(s.Name, new JsonArray(s.Name), Showing(0, goesOn: false)))]),
        });
        layout["updatemenus"] = new JsonArray(new JsonObject
        {
            ["type"] = "buttons", ["direction"] = "right", ["showactive"] = false, ["x"] = 0, ["xanchor"] = "left", ["y"] = 1,
            ["yanchor"] = "bottom", ["pad"] = new JsonObject { ["t"] = 24, ["b"] = 88 }, ["bgcolor"] = "rgba(0,0,0,0)",
            ["bordercolor"] = Frame,
            ["buttons"] = new JsonArray(Animate("Play", null, Showing(250, goesOn: true)),
                Animate("Pause", new JsonArray((JsonNode?)null), Showing(0, goesOn: false))),
        });
        return json;
    }

    /// <summary>A sentence about a chart: the names of its traces.</summary>
    public static string Text(GenericChart chart)
    {
        var names = GenericChart.getTraces(chart).Select(trace => trace.TryGetPropertyValue("name")?.Value as string).OfType<string>()
            .Distinct().ToList();
        return names.Count == 0 ? "A chart of Plotly.NET." : $"A chart of Plotly.NET: {string.Join(", ", names)}.";
    }

    /// <summary>How a chart behaves in a browser.</summary>
    /// <param name="id">Name of the file that the chart's own button saves.</param>
    public static Config Config(string id) => new Config().With(
        ("responsive", true),
        ("displaylogo", false),
        ("modeBarButtonsToRemove", new[] { "lasso2d", "select2d" }),
        ("toImageButtonOptions", new ToImageButtonOptions().With(("filename", id), ("scale", 2))));

    // In a figure of lines, pointing shows all values at one position together. In other figures it shows one value with its position.
    private static bool IsOfLines(Figure figure) => figure.Series.All(s => s.Kind is SeriesKind.Line or SeriesKind.LineAndPoints);

    private static Trace Values(Figure figure, int index)
    {
        var series = figure.Series[index];
        var color = Palette.Hex(series.Color);
        var isBars = series.Kind == SeriesKind.Bars;
        var trace = new Trace2D(isBars ? "bar" : "scatter").With(
            ("name", Lines(series.Name, FontSize, LongestName)),
            ("legendgroup", Group(index)),
            ("x", Numbered(series.X)),
            ("y", Numbered(series.Y)),
            ("customdata", Enumerable.Range(0, series.X.Count).Select(i => HoverText(figure, series, i)).ToArray()),
            ("hovertemplate", "%{customdata}"));
        if (series.HasErrorBars)
            trace.With(("error_y", new Error().With(
                ("type", "data"),
                ("symmetric", false),
                ("array", Numbered(series.High!.Zip(series.Y, (high, y) => high - y))),
                ("arrayminus", Numbered(series.Low!.Zip(series.Y, (low, y) => y - low))),
                ("thickness", 1.5),
                ("width", 5),
                ("color", color))));
        if (isBars)
            return trace.With(("marker", new Plotly.NET.TraceObjects.Marker().With(("color", color))));
        var alone = Enumerable.Range(0, series.X.Count).Select(series.IsAlone).ToList();
        return trace.With(
            ("mode", series.Kind == SeriesKind.Points ? "markers" : series.HasPoints || alone.Contains(true) ? "lines+markers" : "lines"),
            ("connectgaps", false),
            ("line", new Line().With(("color", color), ("width", 2.5),
                ("dash", series.Style switch { LineStyle.Dashed => "dash", LineStyle.Dotted => "dot", _ => "solid" }))),
            ("marker", new Plotly.NET.TraceObjects.Marker().With(("color", color), ("symbol", Symbols[Palette.Symbol(series.Color)]),
                ("size", series.HasPoints ? 8 : alone.Select(one => one ? 8 : 0).ToArray()))));
    }

    // A closed outline for each stretch without a gap. Otherwise plotly.js would fill across gaps.
    private static Trace Band(Series series, int index)
    {
        var outline = new List<(double X, double Y)>();
        foreach (var (start, end) in series.BandStretches())
        {
            var there = Enumerable.Range(start, end - start).ToList();
            outline.AddRange(there.Select(i => (series.X[i], series.High![i])));
            outline.AddRange(there.AsEnumerable().Reverse().Select(i => (series.X[i], series.Low![i])));
            outline.AddRange([(series.X[start], series.High![start]), (double.NaN, double.NaN)]);
        }
        var hex = Convert.FromHexString(Palette.Hex(series.Color)[1..]);
        return new Trace2D("scatter").With(
            ("mode", "lines"),
            ("name", Lines(series.Name, FontSize, LongestName)),
            ("legendgroup", Group(index)),
            ("showlegend", false),
            ("hoverinfo", "skip"),
            ("x", Numbered(outline.Select(p => p.X))),
            ("y", Numbered(outline.Select(p => p.Y))),
            ("line", new Line().With(("width", 0))),
            ("fill", "toself"),
            ("fillcolor", string.Create(CultureInfo.InvariantCulture, $"rgba({hex[0]},{hex[1]},{hex[2]},{Palette.BandOpacity})")));
    }

    private static Layout Layout(Figure figure)
    {
        var range = AxisRange.Horizontal(figure);
        // The chart gets the page's width later. Labels that do not touch on a phone touch nowhere.
        var labels = MarkerLabels.Of(figure, range, NarrowChart);
        return new Layout().With(
            ("autosize", true),
            ("height", Height),
            ("margin", new Margin().With(("l", 64), ("r", 16), ("t", 30 + MarkerLabels.Height(labels)), ("b", 56))),
            ("paper_bgcolor", "rgba(0,0,0,0)"),
            ("plot_bgcolor", "rgba(0,0,0,0)"),
            ("font", new Font().With(("family", "system-ui, sans-serif"), ("size", FontSize), ("color", TextColor))),
            ("modebar", new ModeBar().With(("bgcolor", "rgba(0,0,0,0)"), ("color", "#8a8f98"), ("activecolor", Palette.Hex(0)))),
            ("barmode", "group"),
            ("bargap", 0.25),
            ("hovermode", IsOfLines(figure) ? "x unified" : "closest"),
            ("hoverlabel", new Hoverlabel().With(("bgcolor", "#ffffff"), ("bordercolor", "#8a8f98"),
                ("font", new Font().With(("color", FigureDrawing.Ink))))),
            ("showlegend", true),
            ("legend", new Legend().With(("orientation", "h"), ("yref", "container"), ("y", 0), ("yanchor", "bottom"), ("x", 0),
                ("xanchor", "left"), ("bgcolor", "rgba(0,0,0,0)"))),
            ("xaxis", AxisOf(figure.X, range, 600)),
            ("yaxis", AxisOf(figure.Y, AxisRange.Vertical(figure), LongestTitle)),
            ("shapes", labels.Select(label => new Shape().With(
                ("type", "line"), ("xref", "x"), ("yref", "paper"), ("x0", label.Marker.X), ("x1", label.Marker.X), ("y0", 0), ("y1", 1),
                ("line", new Line().With(("color", Frame), ("width", 1.5), ("dash", "dash"))))).ToArray()),
            ("annotations", labels.Select(label => new Annotation().With(
                // On a logarithmic axis, shapes take the value itself, annotations take its logarithm.
                ("text", Plain(label.Marker.Label)), ("xref", "x"), ("yref", "paper"), ("x", range.Place(label.Marker.X)), ("y", 1),
                ("yshift", label.Row * MarkerLabels.RowHeight), ("yanchor", "bottom"), ("showarrow", false),
                ("xanchor", label.Anchor switch { Anchor.Start => "left", Anchor.End => "right", _ => "center" }))).ToArray()));
    }

    private static LinearAxis AxisOf(Axis axis, AxisRange range, double longest)
    {
        var title = new Title().With(("text", Lines(axis.Title, AxisTitleSize, longest)), ("standoff", 12),
            ("font", new Font().With(("size", AxisTitleSize))));
        var result = new LinearAxis().With(
            ("title", title),
            ("type", axis.LogScale ? "log" : "linear"),
            ("range", new[] { range.Min, range.Max }),
            ("automargin", true),
            ("zeroline", false),
            ("gridcolor", Grid),
            ("linecolor", Frame),
            ("showline", true),
            ("ticks", "outside"),
            ("tickcolor", Frame),
            ("separatethousands", true),
            ("exponentformat", "none"),
            ("showspikes", false));
        return axis.Categories is not { } names ? result : result.With(
            ("tickmode", "array"),
            ("tickvals", Enumerable.Range(0, names.Count).ToArray()),
            ("ticktext", names.Select(Plain).ToArray()),
            ("showgrid", false));
    }

    private static string HoverText(Figure figure, Series series, int i)
    {
        var value = Numbers.Short(series.Y[i]);
        if (series.Low is not null)
            value += $" [{Numbers.Short(series.Low[i])}, {Numbers.Short(series.High![i])}]";
        return IsOfLines(figure) ? value : $"{Plain(figure.X.Text(series.X[i]))}: {value}";
    }

    // Plotly.NET writes NaN and infinities as strings.
    private static void NumbersOnly(JsonNode? node)
    {
        if (node is JsonObject members)
        {
            foreach (var (_, member) in members)
                NumbersOnly(member);
        }
        else if (node is JsonArray items)
        {
            for (var i = 0; i < items.Count; i++)
            {
                if (items[i] is JsonValue value && value.TryGetValue<string>(out var text) && text is "NaN" or "Infinity" or "-Infinity")
                    items[i] = null;
                else
                    NumbersOnly(items[i]);
            }
        }
    }

    private static double?[] Numbered(IEnumerable<double> values) => [.. values.Select(v => double.IsFinite(v) ? v : (double?)null)];

    // A title that is longer than its axis, or a name that is longer than a narrow page, would be cut off.
    private static string Lines(string text, double size, double longest) =>
        string.Join("<br>", FigureFont.Wrap(text, size, longest).Select(Plain));

    private static string Group(int index) => index.ToString(CultureInfo.InvariantCulture);

    // plotly.js reads a few tags in its texts. Our texts have no tags, so they are escaped.
    private static string Plain(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal);

    private static T With<T>(this T target, params ReadOnlySpan<(string Name, object? Value)> properties) where T : DynamicObj.DynamicObj
    {
        foreach (var (name, value) in properties)
            target.SetProperty(name, value);
        return target;
    }
}
