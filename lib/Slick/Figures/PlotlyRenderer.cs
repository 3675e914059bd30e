using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Slick.Figures;

/// <summary>Draws figures in a browser, with plotly.js and without a network.</summary>
public static class PlotlyRenderer
{
    private const string LoaderStart = "<script data-slick=\"plotly.js\">", LoaderEnd = "</script>\n";
    private static int _loaderGiven;

    private static readonly Lazy<string> Script = new(() =>
    {
        // Not by name: a notebook kernel refuses Assembly.Load with a partial name.
        var assembly = typeof(Plotly.NET.GenericChart).Assembly;
        var name = assembly.GetManifestResourceNames().Single(n => n.EndsWith("plotly-2.28.0.min.js", StringComparison.Ordinal));
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().Replace("</script", "<\\/script", StringComparison.OrdinalIgnoreCase)
            .Replace("<!--", "<\\!--", StringComparison.Ordinal);
    });

    /// <summary>
    /// Whether the first figure of a session brings plotly.js along (3.6 MB), as a live notebook needs. A host that puts
    /// it into its own pages says no. Where it is missing, a figure shows its static picture.
    /// </summary>
    public static bool FirstFigureBringsPlotly { get; set; } = true;

    /// <summary>plotly.js out of Plotly.NET, safe inside a script element.</summary>
    public static string PlotlyScript() => Script.Value;

    /// <summary>
    /// Title, chart and note as HTML for a page that has plotly.js or gets it within a minute; the same figure gives the same text.
    /// </summary>
    /// <exception cref="ArgumentException">See <see cref="Figure.Check"/>.</exception>
    public static string Html(Figure figure) => FigureStyle.Element + Body(figure, "");

    /// <summary>
    /// As <see cref="Html"/>, with a static picture where no script runs, and with plotly.js in the first figure of a session
    /// (<see cref="FirstFigureBringsPlotly"/>).
    /// </summary>
    /// <exception cref="ArgumentException">See <see cref="Figure.Check"/>.</exception>
    public static string NotebookHtml(Figure figure)
    {
        figure.Check();
        // Title and note stand around it.
        var svg = SvgRenderer.Svg(figure with { Title = "", Note = "" });
        var picture = $"<img alt=\"\" src=\"data:image/svg+xml;base64,{Convert.ToBase64String(Encoding.UTF8.GetBytes(svg))}\">";
        return FigureStyle.Element + Body(figure, picture) + Loader();
    }

    /// <summary>A page's HTML without the plotly.js that first figures brought along: for a page that has its own.</summary>
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

    /// <summary>A chart of Plotly.NET as HTML that asks no network.</summary>
    internal static string NotebookHtml(Plotly.NET.GenericChart chart)
    {
        var figure = JsonNode.Parse(Plotly.NET.GenericChart.toFigureJson(chart))!.AsObject();
        NumbersOnly(figure["data"]);
        figure["config"] = PlotlyJson.Config("chart");
        return FigureStyle.Element + "<div class=\"slick-figure\">\n" + Plot("chart", "Chart", "", figure) + "</div>\n" + Loader();
    }

    // The place is known by what is drawn there: no two charts share a name unless they are the same, whoever made the page.
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

    // plotly.js would hand itself to a module loader that the front-end happens to have; the parameters hide that.
    private static string Loader()
    {
        if (!FirstFigureBringsPlotly || Volatile.Read(ref _loaderGiven) == 1) return "";
        // The script is read before the loader counts as given: after a failure the next figure tries again.
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
