using System.Globalization;
using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive.Formatting;

namespace Slick.Figures;

/// <summary>
/// Formatters for notebooks: how figures, tables, charts of Plotly.NET and data frames are shown in every host that uses
/// Microsoft.DotNet.Interactive.Formatting.
/// </summary>
public static class NotebookFormatters
{
    private const int RowsShown = 20;

    /// <summary>Registers the formatters with the host. Further calls change nothing.</summary>
    public static void Register()
    {
        Add<Figure>(PlotlyRenderer.NotebookHtml, figure => figure.Text());
        Add<TableView>(table => table.Html(), table => table.Text());
        Add<DataFrame>(frame => Table(frame).Html(), frame => Table(frame).Text());
        Add<Plotly.NET.GenericChart>(PlotlyRenderer.NotebookHtml, _ => "A chart of Plotly.NET");
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

    private static void Add<T>(Func<T, string> html, Func<T, string> text)
    {
        Formatter.Register(html, "text/html");
        Formatter.Register(text, "text/plain");
        Formatter.SetPreferredMimeTypesFor(typeof(T), "text/html", "text/plain");
    }
}
