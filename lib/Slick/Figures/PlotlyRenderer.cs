using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Slick.Figures;

/// <summary>Draws figures in a browser with plotly.js. No network is needed.</summary>
public static class PlotlyRenderer
{
    private const string LoaderStart = "<script data-slick=\"plotly.js\">", LoaderEnd = "</script>\n";
    private static int _loaderGiven;

    private static readonly Lazy<string> Script = new(() =>
    {
        // The assembly is not found by its name: a notebook kernel refuses Assembly.Load with a partial name.
        var assembly = typeof(Plotly.NET.GenericChart).Assembly;
        var name = assembly.GetManifestResourceNames().Single(n => n.EndsWith("plotly-2.28.0.min.js", StringComparison.Ordinal));
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().Replace("</script", "<\\/script", StringComparison.OrdinalIgnoreCase)
            .Replace("<!--", "<\\!--", StringComparison.Ordinal);
    });

    /// <summary>
    /// Whether the first figure of a session contains plotly.js (3.6 MB), as a live notebook needs it. A host that puts plotly.js into its
    /// own pages sets this to false. Where plotly.js is missing, a figure shows its static picture.
    /// </summary>
    public static bool FirstFigureBringsPlotly { get; set; } = true;

    /// <summary>The plotly.js of Plotly.NET, in a form that is safe inside a script element.</summary>
    public static string PlotlyScript() => Script.Value;

    /// <summary>
    /// Title, chart and note as HTML, for a page that has plotly.js or gets it within a minute. The same figure gives the same text.
    /// </summary>
    /// <param name="figure">The figure.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>).</exception>
    public static string Html(Figure figure) => FigureStyle.Element + Body(figure, "");

    /// <summary>
    /// Title, chart and note as HTML for a notebook. It has a static picture for hosts that run no script. The first figure of a session
    /// also has plotly.js (<see cref="FirstFigureBringsPlotly"/>).
    /// </summary>
    /// <param name="figure">The figure.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>).</exception>
    public static string NotebookHtml(Figure figure)
    {
        figure.Check();
        // Title and note are in the HTML around the picture.
        var svg = SvgRenderer.Svg(figure with { Title = "", Note = "" });
        var picture = $"<img alt=\"\" src=\"data:image/svg+xml;base64,{Convert.ToBase64String(Encoding.UTF8.GetBytes(svg))}\">";
        return FigureStyle.Element + Body(figure, picture) + Loader();
    }

    /// <summary>Removes the plotly.js of first figures from a page's HTML, for a page that has its own.</summary>
    /// <param name="html">The page's HTML.</param>
    public static string WithoutLoaders(string html)
    {
        ArgumentNullException.ThrowIfNull(html);
        for (int start; (start = html.IndexOf(LoaderStart, StringComparison.Ordinal)) >= 0;)
            html = html.Remove(start, html.IndexOf(LoaderEnd, start, StringComparison.Ordinal) + LoaderEnd.Length - start);
        return html;
    }

    internal static string Body(Figure figure, string picture)
    {
        figure.Check();
        var chart = PlotlyJson.Of(figure);
        var html = new StringBuilder("<div class=\"slick-figure\">\n<p class=\"slick-title\">").Append(WebUtility.HtmlEncode(figure.Title))
            .Append("</p>\n");
        html.Append(Plot(figure.Id, figure.Description, picture, chart));
        if (figure.Note.Length > 0)
            html.Append("<p class=\"slick-note\">").Append(WebUtility.HtmlEncode(figure.Note)).Append("</p>\n");
        return html.Append("</div>\n").ToString();
    }

    /// <summary>A chart of Plotly.NET as HTML that needs no network.</summary>
    internal static string NotebookHtml(Plotly.NET.GenericChart chart)
    {
        var figure = JsonNode.Parse(Plotly.NET.GenericChart.toFigureJson(chart))!.AsObject();
        NumbersOnly(figure["data"]);
        figure["config"] = PlotlyJson.Config("chart");
        return FigureStyle.Element + "<div class=\"slick-figure\">\n" + Plot("chart", "Chart", "", figure) + "</div>\n" + Loader();
    }

    // The chart's element is found by the hash of what is drawn there. So two elements share a name only where they show the same chart.
    private static string Plot(string id, string description, string picture, JsonObject chart)
    {
        var json = chart.ToJsonString();
        var key = string.Concat(id.Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) + "-"
            + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json)))[..12];
        return $$"""
            <div class="slick-plot" data-figure="{{key}}" role="img" aria-label="{{WebUtility.HtmlEncode(description)}}">{{picture}}</div>
            <script>(function () {
            var figure = {{json}};
            var tries = 0;
            (function draw() {
              var places = document.querySelectorAll('[data-figure="{{key}}"]');
              if (!window.Plotly || places.length === 0) { if (tries++ < 600) setTimeout(draw, 100); return; }
              places.forEach(function (place) {
                if (place.slickDrawn) return;
                place.slickDrawn = true;
                place.textContent = '';
                var copy = JSON.parse(JSON.stringify(figure));
                Plotly.newPlot(place, copy.data, copy.layout, copy.config);
              });
            })();
            })();</script>

            """;
    }

    // plotly.js would register itself with a module loader if the front end has one. The parameters hide the module loader.
    private static string Loader()
    {
        if (!FirstFigureBringsPlotly || Volatile.Read(ref _loaderGiven) == 1) return "";
        // The script is read before the loader counts as given. So after a failure the next figure tries again.
        var script = PlotlyScript();
        return Interlocked.Exchange(ref _loaderGiven, 1) == 1 ? ""
            : LoaderStart + "if (!window.Plotly) (function (define, module, exports) {\n" + script + "\n}).call(window);" + LoaderEnd;
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
}
