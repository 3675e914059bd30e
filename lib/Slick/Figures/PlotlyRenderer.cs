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
    public static string Html(Figure figure) => FigureStyle.Element + Body(figure);

    /// <summary>
    /// Title, chart and note as HTML for a notebook: <see cref="Html"/>, and in the first figure of a session plotly.js
    /// (<see cref="FirstFigureBringsPlotly"/>).
    /// </summary>
    /// <param name="figure">The figure.</param>
    /// <exception cref="ArgumentException">The figure cannot be drawn (<see cref="Figure.Check"/>).</exception>
    public static string NotebookHtml(Figure figure) => Html(figure) + Loader();

    /// <summary>Removes the plotly.js of first figures from a page's HTML, for a page that has its own.</summary>
    /// <param name="html">The page's HTML.</param>
    public static string WithoutLoaders(string html)
    {
        ArgumentNullException.ThrowIfNull(html);
        for (int start; (start = html.IndexOf(LoaderStart, StringComparison.Ordinal)) >= 0;)
            html = html.Remove(start, html.IndexOf(LoaderEnd, start, StringComparison.Ordinal) + LoaderEnd.Length - start);
        return html;
    }

    /// <summary>
    /// Title, chart with its slider, and note as HTML for a notebook. A viewer without scripts shows the picture of
    /// <see cref="FigurePlayer.Whole"/>.
    /// </summary>
    /// <param name="player">The player.</param>
    /// <exception cref="ArgumentException">The player cannot be drawn (<see cref="FigurePlayer.Check"/>).</exception>
    public static string NotebookHtml(FigurePlayer player)
    {
        ArgumentNullException.ThrowIfNull(player);
        return FigureStyle.Element + Body(player.Whole, PlotlyChart.Json(player)) + Loader();
    }

    internal static string Body(Figure figure) => Body(figure, PlotlyChart.Json(PlotlyChart.Of(figure)));

    private static string Body(Figure figure, JsonObject chart)
    {
        // A viewer without scripts shows the picture. It is a PNG, since sanitising viewers remove SVG. Title and note are text around it.
        var png = Convert.ToBase64String(PngRenderer.Png(figure with { Title = "", Note = "" }, height: 420));
        var picture = $"<img alt=\"{WebUtility.HtmlEncode(figure.Description)}\" width=\"{PngRenderer.Width}\" "
            + $"src=\"data:image/png;base64,{png}\">";
        var html = new StringBuilder("<div class=\"slick-figure\">\n<p class=\"slick-title\">")
            .Append(WebUtility.HtmlEncode(figure.Title)).Append("</p>\n")
            .Append(Plot(figure.Id, figure.Description, picture, chart, PlotlyChart.LongestTitle));
        if (figure.Note.Length > 0)
            html.Append("<p class=\"slick-note\">").Append(WebUtility.HtmlEncode(figure.Note)).Append("</p>\n");
        return html.Append("</div>\n").ToString();
    }

    /// <summary>A chart of Plotly.NET as HTML that needs no network. A viewer without scripts shows what the chart has as text.</summary>
    internal static string NotebookHtml(Plotly.NET.GenericChart chart)
    {
        var text = PlotlyChart.Text(chart);
        var otherwise = $"<p class=\"slick-note\">{WebUtility.HtmlEncode(text)} It is drawn by a script, which does not run here.</p>";
        return FigureStyle.Element + "<div class=\"slick-figure\">\n" + Plot("chart", text, otherwise, PlotlyChart.Json(chart), least: 0)
            + "</div>\n" + Loader();
    }

    // The chart's element is found by the hash of what is drawn there. So two elements share a name only where they show the same chart.
    // On a narrow screen the legend takes more lines. The chart becomes higher until its vertical axis has `least` pixels.
    private static string Plot(string id, string description, string otherwise, JsonObject chart, int least)
    {
        var json = chart.ToJsonString();
        var key = string.Concat(id.Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) + "-"
            + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json)))[..12];
        return $$"""
            <div class="slick-plot" data-figure="{{key}}" role="img" aria-label="{{WebUtility.HtmlEncode(description)}}">{{otherwise}}</div>
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
                Plotly.newPlot(place, copy).then(function () {
                  function grow() {
                    var shown = place._fullLayout, lack = shown.yaxis ? {{least}} - shown.yaxis._length : 0;
                    if (lack > 1) Plotly.relayout(place, { height: shown.height + lack });
                  }
                  place.on('plotly_afterplot', grow);
                  grow();
                });
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
}
