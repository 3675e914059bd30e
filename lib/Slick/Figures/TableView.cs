using System.Globalization;
using System.Net;
using System.Text;

namespace Slick.Figures;

/// <summary>A table whose cells are texts, ready to be shown.</summary>
public sealed record TableView
{
    // A cell with more letters than this counts as a sentence.
    private const int Sentence = 40;

    /// <summary>Name of the table, short and unique in its page, such as <c>table-2</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Title of the table, as plain text.</summary>
    public required string Title { get; init; }

    /// <summary>Note under the table.</summary>
    public string Note { get; init; } = "";

    /// <summary>Headings of the columns, [columns].</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>Cells, [rows][columns].</summary>
    public IReadOnlyList<IReadOnlyList<string>> Rows { get; init; } = [];

    /// <summary>Number of columns at the left that name their row; null for one.</summary>
    public int? HeaderColumns { get; init; }

    /// <summary>Checks that every row has a cell for every column. All output methods call this first.</summary>
    /// <exception cref="ArgumentException">A row has more or fewer cells than there are columns.</exception>
    public void Check()
    {
        for (var i = 0; i < Rows.Count; i++)
        {
            if (Rows[i].Count != Columns.Count)
                throw new ArgumentException(FormattableString.Invariant(
                    $"Table {Id}: row {i + 1} has {Rows[i].Count} cells for {Columns.Count} columns."));
        }
    }

    /// <summary>The table as HTML. It scrolls sideways where it is wider than the page.</summary>
    /// <exception cref="ArgumentException">A row has more or fewer cells than there are columns.</exception>
    public string Html() => FigureStyle.Element + Body();

    /// <summary>The table as plain text with aligned columns.</summary>
    /// <exception cref="ArgumentException">A row has more or fewer cells than there are columns.</exception>
    public string Text()
    {
        Check();
        var widths = Columns.Select((name, c) => Rows.Select(row => Width(row[c])).Append(Width(name)).Max()).ToList();
        var text = new StringBuilder();
        if (Title.Length > 0)
            text.Append(Title).Append('\n');
        Line(Columns);
        Line([.. widths.Select(width => new string('-', width))]);
        foreach (var row in Rows)
            Line(row);
        if (Note.Length > 0)
            text.Append(Note).Append('\n');
        return text.ToString();

        void Line(IReadOnlyList<string> cells)
        {
            var line = string.Join("  ", cells.Select((cell, c) => IsNumeric(c) ? Space(cell, c) + cell : cell + Space(cell, c)));
            text.Append(line.TrimEnd()).Append('\n');
        }
        string Space(string cell, int c) => new(' ', widths[c] - Width(cell));
    }

    /// <summary>The table in GitHub's Markdown.</summary>
    /// <exception cref="ArgumentException">A row has more or fewer cells than there are columns.</exception>
    public string Markdown()
    {
        Check();
        var text = new StringBuilder();
        if (Title.Length > 0)
            text.Append("**").Append(Safe(Title)).Append("**\n\n");
        Line(Columns.Select(Safe));
        Line(Columns.Select((_, c) => IsNumeric(c) ? "---:" : "---"));
        foreach (var row in Rows)
            Line(row.Select(Safe));
        if (Note.Length > 0)
            text.Append('\n').Append(Safe(Note)).Append('\n');
        return text.ToString();

        void Line(IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
        static string Safe(string cell) =>
            cell.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace("|", "\\|", StringComparison.Ordinal).Replace("*", "\\*", StringComparison.Ordinal).ReplaceLineEndings(" ");
    }

    internal string Body()
    {
        Check();
        var html = new StringBuilder();
        var label = WebUtility.HtmlEncode(Title.Length > 0 ? Title : Id);
        // The keyboard can reach the table, so it can be scrolled without a mouse.
        html.Append("<div class=\"slick-table\" role=\"region\" tabindex=\"0\" aria-label=\"").Append(label).Append("\">\n<table>\n");
        if (Title.Length > 0)
            html.Append("<caption>").Append(label).Append("</caption>\n");
        html.Append("<thead><tr>");
        for (var c = 0; c < Columns.Count; c++)
            Cell("th", " scope=\"col\"", c, Columns[c]);
        html.Append("</tr></thead>\n<tbody>\n");
        foreach (var row in Rows)
        {
            html.Append("<tr>");
            for (var c = 0; c < row.Count; c++)
            {
                var heads = c < (HeaderColumns ?? 1);
                Cell(heads ? "th" : "td", heads ? " scope=\"row\"" : "", c, row[c]);
            }
            html.Append("</tr>\n");
        }
        html.Append("</tbody>\n</table>\n");
        if (Note.Length > 0)
            html.Append("<p class=\"slick-note\">").Append(WebUtility.HtmlEncode(Note)).Append("</p>\n");
        return html.Append("</div>\n").ToString();

        // The alignment stands in each cell: front ends have rules of their own for cells, and sanitising viewers remove style sheets.
        // Some remove styles, too. They keep the attribute align, which says more than a rule for cells where it stands inside the cell.
        void Cell(string element, string scope, int column, string text)
        {
            var side = IsNumeric(column) ? "right" : "left";
            html.Append(CultureInfo.InvariantCulture, $"<{element}{scope}{(!IsNumeric(column) && IsLong(column) ? " class=\"long\"" : "")} "
                + $"style=\"text-align:{side}\"><div align=\"{side}\">{WebUtility.HtmlEncode(text)}</div></{element}>");
        }
    }

    // All cells of a column with a sentence wrap.
    private bool IsLong(int column) => Rows.Any(row => row[column].Length > Sentence);

    private bool IsNumeric(int column) => Rows.Count > 0 && Rows.All(row => Numbers.Reads(row[column]))
        && Rows.Any(row => row[column].Length > 0);

    private static int Width(string text) => new StringInfo(text).LengthInTextElements;
}
