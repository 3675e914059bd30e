namespace Slick.Figures;

/// <summary>The scripts of a page that has live charts: plotly.js, and what keeps the charts in their places.</summary>
public static class ChartScripts
{
    // A chart has the width of the screen, and paper is narrower. A chart inside a fold has no width until the fold is opened.
    private const string Places = """
        <script>
        (function () {
          function plots(of) { return of.querySelectorAll('.js-plotly-plot'); }
          addEventListener('beforeprint', function () {
            plots(document).forEach(function (plot) { Plotly.relayout(plot, { autosize: false, width: 660 }); });
          });
          addEventListener('afterprint', function () {
            plots(document).forEach(function (plot) { Plotly.relayout(plot, { autosize: true, width: null }); });
          });
          document.addEventListener('toggle', function (event) {
            if (event.target.open) plots(event.target).forEach(function (plot) { Plotly.Plots.resize(plot); });
          }, true);
        })();
        </script>

        """;

    /// <summary>The scripts as elements of HTML, for the head of a page.</summary>
    public static string Html => $"<script>{PlotlyRenderer.PlotlyScript()}</script>\n{Places}";
}
