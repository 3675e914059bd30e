using System.Net;
using System.Text;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Figures;

/// <summary>Writes figures, tables and text as one HTML page that needs no network and no other file.</summary>
public static class ReportPage
{
    private const string Css = """
        :root { color-scheme: light dark; }
        body { margin: 0; background: #ffffff; color: #1d2129; font: 16px/1.55 system-ui, sans-serif; }
        main { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
        section { margin: 2rem 0; break-inside: avoid; }
        a { color: #0b57b0; } img, svg { max-width: 100%; }
        pre { overflow-x: auto; padding: .7rem .9rem; background: rgba(128, 128, 128, .12); border-radius: 4px;
          font: 13.5px/1.45 ui-monospace, Consolas, Menlo, monospace; }
        @media screen and (prefers-color-scheme: dark) { body { background: #16181c; color: #e3e5e8; } a { color: #7ab5ff; } }
        @media print { :root { color-scheme: light; } main { max-width: none; padding: 0; } }

        """;

    /// <summary>The page as HTML.</summary>
    /// <param name="title">Title of the page, as plain text.</param>
    /// <param name="introHtml">HTML under the title.</param>
    /// <param name="parts">Figures, tables and pieces of HTML (strings), in the order of the page.</param>
    /// <exception cref="ArgumentException">A part is of another type, or a figure or table cannot be shown.</exception>
    public static string Html(string title, string introHtml, IEnumerable<object> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var body = new StringBuilder();
        var usesPlotly = false;
        foreach (var part in parts)
        {
            switch (part)
            {
                case Figure figure:
                    usesPlotly = true;
                    Section(figure.Id, PlotlyRenderer.Body(figure));
                    break;
                case TableView table:
                    Section(table.Id, table.Body());
                    break;
                case string html:
                    body.Append(html).Append('\n');
                    break;
                default:
                    throw new ArgumentException(
                        $"A part of a report is a Figure, a TableView or a string of HTML, not {part?.GetType().Name ?? "null"}.",
                        nameof(parts));
            }
        }
        var name = WebUtility.HtmlEncode(title);
        var page =
            new StringBuilder(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, "
            + "initial-scale=1\">\n");
        page.Append("<title>").Append(name).Append("</title>\n<style>\n").Append(Css).Append(FigureStyle.Css).Append("</style>\n");
        if (usesPlotly)
            page.Append(ChartScripts.Html);
        page.Append("</head>\n<body>\n<main>\n<h1>").Append(name).Append("</h1>\n").Append(introHtml).Append('\n');
        return page.Append(body).Append("</main>\n</body>\n</html>\n").ToString();

        void Section(string id, string html) =>
            body.Append("<section id=\"").Append(WebUtility.HtmlEncode(id)).Append("\">\n").Append(html).Append("</section>\n");
    }

    /// <summary>Writes the page of <see cref="Html"/> to a file. The file is written as a whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="title">Title of the page, as plain text.</param>
    /// <param name="introHtml">HTML under the title.</param>
    /// <param name="parts">Figures, tables and pieces of HTML (strings), in the order of the page.</param>
    /// <exception cref="ArgumentException">A part is of another type, or a figure or table cannot be shown.</exception>
    /// <exception cref="SlickException">The file cannot be written.</exception>
    public static void Save(string path, string title, string introHtml, IEnumerable<object> parts)
    {
        var page = Encoding.UTF8.GetBytes(Html(title, introHtml, parts));
        AtomicFile.Write(path, stream => stream.Write(page));
    }
}
