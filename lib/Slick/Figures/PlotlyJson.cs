using System.Globalization;
using System.Text.Json.Nodes;

namespace Slick.Figures;

/// <summary>Writes a figure as the data, layout and configuration of plotly.js.</summary>
internal static class PlotlyJson
{
    public const int Height = 480;
    private const string Grid = "rgba(128,128,128,0.25)", Frame = "rgba(128,128,128,0.8)";
    private static readonly string[] Symbols = ["circle", "square", "diamond", "triangle-up"];

    public static JsonObject Of(Figure figure)
    {
        var data = new JsonArray();
        for (var i = 0; i < figure.Series.Count; i++)
        {
            if (figure.Series[i].HasBand)
                data.Add(Band(figure.Series[i], i));
        }
        for (var i = 0; i < figure.Series.Count; i++)
            data.Add(Trace(figure, i));
        return new JsonObject { ["data"] = data, ["layout"] = Layout(figure), ["config"] = Config(figure.Id) };
    }

    public static JsonObject Config(string id) => new()
    {
        ["responsive"] = true,
        ["displaylogo"] = false,
        ["modeBarButtonsToRemove"] = new JsonArray("lasso2d", "select2d"),
        ["toImageButtonOptions"] = new JsonObject { ["filename"] = id, ["scale"] = 2 },
    };

    // In a figure of lines, pointing shows all values at one position together. In other figures it shows one value with its position.
    private static bool IsOfLines(Figure figure) => figure.Series.All(s => s.Kind is SeriesKind.Line or SeriesKind.LineAndPoints);

    private static JsonObject Trace(Figure figure, int index)
    {
        var series = figure.Series[index];
        var color = Palette.Hex(series.Color);
        var trace = new JsonObject
        {
            ["name"] = Plain(series.Name),
            ["legendgroup"] = Group(index),
            ["x"] = Values(series.X),
            ["y"] = Values(series.Y),
            ["customdata"] = new JsonArray([.. Enumerable.Range(0, series.X.Count).Select(i => (JsonNode)HoverText(figure, series, i))]),
            ["hovertemplate"] = "%{customdata}",
        };
        if (series.HasErrorBars)
        {
            trace["error_y"] = new JsonObject
            {
                ["type"] = "data",
                ["symmetric"] = false,
                ["array"] = Values([.. series.High!.Zip(series.Y, (high, y) => high - y)]),
                ["arrayminus"] = Values([.. series.Low!.Zip(series.Y, (low, y) => y - low)]),
                ["thickness"] = 1.5,
                ["width"] = 5,
                ["color"] = color,
            };
        }
        if (series.Kind == SeriesKind.Bars)
        {
            trace["type"] = "bar";
            trace["marker"] = new JsonObject { ["color"] = color };
            return trace;
        }
        trace["type"] = "scatter";
        var alone = Enumerable.Range(0, series.X.Count).Select(series.IsAlone).ToList();
        trace["mode"] = series.Kind == SeriesKind.Points ? "markers" : series.HasPoints || alone.Contains(true) ? "lines+markers" : "lines";
        trace["connectgaps"] = false;
        trace["line"] = new JsonObject { ["color"] = color, ["width"] = 2.5,
            ["dash"] = series.Style switch { LineStyle.Dashed => "dash", LineStyle.Dotted => "dot", _ => "solid" } };
        trace["marker"] = new JsonObject
        {
            ["color"] = color,
            ["symbol"] = Symbols[Palette.Symbol(series.Color)],
            ["size"] = series.HasPoints ? 8 : new JsonArray([.. alone.Select(one => (JsonNode)(one ? 8 : 0))]),
        };
        return trace;
    }

    // A closed outline for each stretch without a gap. Otherwise plotly.js would fill across gaps.
    private static JsonObject Band(Series series, int index)
    {
        var x = new List<double>();
        var y = new List<double>();
        foreach (var (start, end) in series.BandStretches())
        {
            for (var i = start; i < end; i++)
                Add(series.X[i], series.High![i]);
            for (var i = end - 1; i >= start; i--)
                Add(series.X[i], series.Low![i]);
            Add(series.X[start], series.High![start]);
            Add(double.NaN, double.NaN);
        }
        void Add(double px, double py)
        {
            x.Add(px);
            y.Add(py);
        }
        var hex = Convert.FromHexString(Palette.Hex(series.Color)[1..]);
        return new JsonObject
        {
            ["type"] = "scatter",
            ["mode"] = "lines",
            ["name"] = Plain(series.Name),
            ["legendgroup"] = Group(index),
            ["showlegend"] = false,
            ["hoverinfo"] = "skip",
            ["x"] = Values(x),
            ["y"] = Values(y),
            ["line"] = new JsonObject { ["width"] = 0 },
            ["fill"] = "toself",
            ["fillcolor"] = string.Create(CultureInfo.InvariantCulture, $"rgba({hex[0]},{hex[1]},{hex[2]},{Palette.BandOpacity})"),
        };
    }

    private static JsonObject Layout(Figure figure)
    {
        var range = AxisRange.Horizontal(figure);
        var labels = MarkerLabels.Of(figure, range, 800);
        var layout = new JsonObject
        {
            ["autosize"] = true,
            ["height"] = Height,
            ["margin"] = new JsonObject { ["l"] = 64, ["r"] = 16, ["t"] = 30 + MarkerLabels.Height(labels), ["b"] = 56 },
            ["paper_bgcolor"] = "rgba(0,0,0,0)",
            ["plot_bgcolor"] = "rgba(0,0,0,0)",
            ["font"] = new JsonObject { ["family"] = "system-ui, sans-serif", ["size"] = 14, ["color"] = "#5a6270" },
            ["modebar"] = new JsonObject { ["bgcolor"] = "rgba(0,0,0,0)", ["color"] = "#8a8f98", ["activecolor"] = Palette.Hex(0) },
            ["barmode"] = "group",
            ["bargap"] = 0.25,
            ["hovermode"] = IsOfLines(figure) ? "x unified" : "closest",
            ["hoverlabel"] = new JsonObject { ["bgcolor"] = "#ffffff", ["bordercolor"] = "#8a8f98",
                ["font"] = new JsonObject { ["color"] = "#1d2129" } },
            ["showlegend"] = true,
            ["legend"] = new JsonObject { ["orientation"] = "h", ["yref"] = "container", ["y"] = 0, ["yanchor"] = "bottom", ["x"] = 0,
                ["xanchor"] = "left", ["bgcolor"] = "rgba(0,0,0,0)" },
            ["xaxis"] = AxisOf(figure.X, range),
            ["yaxis"] = AxisOf(figure.Y, AxisRange.Vertical(figure)),
        };
        var shapes = new JsonArray();
        var texts = new JsonArray();
        foreach (var (marker, row, anchor) in labels)
        {
            shapes.Add(new JsonObject
            {
                ["type"] = "line", ["xref"] = "x", ["yref"] = "paper", ["x0"] = marker.X, ["x1"] = marker.X, ["y0"] = 0, ["y1"] = 1,
                ["line"] = new JsonObject { ["color"] = Frame, ["width"] = 1.5, ["dash"] = "dash" },
            });
            texts.Add(new JsonObject
            {
                // On a logarithmic axis, shapes take the value itself, annotations take its logarithm.
                ["text"] = Plain(marker.Label), ["xref"] = "x", ["yref"] = "paper", ["x"] = range.Place(marker.X), ["y"] = 1,
                    ["yshift"] = row * MarkerLabels.RowHeight,
                ["xanchor"] = anchor switch { "start" => "left", "end" => "right", _ => "center" }, ["yanchor"] = "bottom",
                    ["showarrow"] = false,
            });
        }
        layout["shapes"] = shapes;
        layout["annotations"] = texts;
        return layout;
    }

    private static JsonObject AxisOf(Axis axis, AxisRange range)
    {
        var result = new JsonObject
        {
            ["title"] = new JsonObject { ["text"] = Plain(axis.Title), ["standoff"] = 12 },
            ["type"] = axis.LogScale ? "log" : "linear",
            ["range"] = new JsonArray(range.Min, range.Max),
            ["automargin"] = true,
            ["zeroline"] = false,
            ["gridcolor"] = Grid,
            ["linecolor"] = Frame,
            ["showline"] = true,
            ["ticks"] = "outside",
            ["tickcolor"] = Frame,
            ["separatethousands"] = true,
            ["exponentformat"] = "none",
            ["showspikes"] = false,
        };
        if (axis.Categories is { } names)
        {
            result["tickmode"] = "array";
            result["tickvals"] = new JsonArray([.. names.Select((_, i) => (JsonNode)i)]);
            result["ticktext"] = new JsonArray([.. names.Select(name => (JsonNode)Plain(name))]);
            result["showgrid"] = false;
        }
        return result;
    }

    private static string HoverText(Figure figure, Series series, int i)
    {
        var value = Numbers.Short(series.Y[i]);
        if (series.Low is not null)
            value += $" [{Numbers.Short(series.Low[i])}, {Numbers.Short(series.High![i])}]";
        if (IsOfLines(figure))
            return value;
        var x = series.X[i];
        var place = figure.X.Categories is { } names && x >= 0 && x < names.Count && x == Math.Floor(x) ? Plain(names[(int)x])
            : Numbers.Short(x);
        return $"{place}: {value}";
    }

    private static JsonArray Values(IReadOnlyList<double> values) =>
        new([.. values.Select(v => double.IsFinite(v) ? (JsonNode)v : null)]);

    private static string Group(int index) => index.ToString(CultureInfo.InvariantCulture);

    // plotly.js reads a few tags in its texts. Our texts have no tags, so they are escaped.
    private static string Plain(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal);
}
