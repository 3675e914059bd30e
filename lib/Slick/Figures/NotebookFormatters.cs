using System.Globalization;
using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive.Formatting;

namespace Slick.Figures;

/// <summary>
/// Formatters for notebooks: how figures, players, tables, charts of Plotly.NET and data frames are shown in every host that uses
/// Microsoft.DotNet.Interactive.Formatting.
/// </summary>
public static class NotebookFormatters
{
    private const int RowsShown = 20;
    private const string Html = "text/html", Text = "text/plain", Png = "image/png";

    /// <summary>
    /// The data of a chart, for viewers that have plotly.js themselves. A figure and a chart of Plotly.NET have this form, but a host must
    /// ask for it. The tool dotnet-interactive would write it as a string of JSON, and viewers need an object.
    /// </summary>
    public const string PlotlyData = "application/vnd.plotly.v1+json";

    /// <summary>
    /// Registers the formatters with the host. Further calls change nothing. A figure is given in several forms, so that every viewer has
    /// one that it shows: HTML with a live chart and a picture, a picture alone, and text.
    /// </summary>
    public static void Register()
    {
        Add<Figure>((Html, PlotlyRenderer.NotebookHtml), (Png, figure => Convert.ToBase64String(PngRenderer.Png(figure))),
            (Text, figure => figure.Text()));
        Add<Plotly.NET.GenericChart>((Html, PlotlyRenderer.NotebookHtml), (Text, PlotlyChart.Text));
        Add<FigurePlayer>((Html, PlotlyRenderer.NotebookHtml), (Png, player => Convert.ToBase64String(PngRenderer.Png(player.Whole))),
            (Text, player => player.Whole.Text()));
        Formatter.Register<FigurePlayer>(player => PlotlyChart.Json(player).ToJsonString(), PlotlyData);
        Formatter.Register<Figure>(figure => PlotlyChart.Json(figure.ToChart()).ToJsonString(), PlotlyData);
        Formatter.Register<Plotly.NET.GenericChart>(chart => PlotlyChart.Json(chart).ToJsonString(), PlotlyData);
        Add<TableView>((Html, table => table.Html()), (Text, table => table.Text()));
        Add<DataFrame>((Html, frame => Table(frame).Html()), (Text, frame => Table(frame).Text()));
    }

    /// <summary>The first rows of a data frame as a table, with numbers in a readable form.</summary>
    internal static TableView Table(DataFrame frame)
    {
        var rows = (int)Math.Min(frame.Rows.Count, RowsShown);
        return new TableView
        {
            Id = "data-frame",
            Title = "",
            Note = frame.Rows.Count > rows ? FormattableString.Invariant($"… {frame.Rows.Count} rows in all") : "",
            Columns = [.. frame.Columns.Select(column => column.Name)],
            Rows = [.. Enumerable.Range(0, rows).Select(r => (IReadOnlyList<string>)[.. frame.Columns.Select(column => Cell(column[r]))])],
            HeaderColumns = 0,
        };
    }

    private static string Cell(object? value) => value switch
    {
        null => "",
        double number => Numbers.Cell(number),
        float number => Numbers.Cell(number),
        DateTime time => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    // Hosts give all forms on, and prefer them in this order.
    private static void Add<T>(params (string MimeType, Func<T, string> Format)[] forms)
    {
        foreach (var (mimeType, format) in forms)
            Formatter.Register(format, mimeType);
        Formatter.SetPreferredMimeTypesFor(typeof(T), [.. forms.Select(form => form.MimeType)]);
    }
}
