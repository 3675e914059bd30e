using System.Globalization;
using System.Net;
using System.Text;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Writes a notebook as one HTML page that needs no network and no other file. The page has the pictures that lie beside the notebook and
/// those in its attachments. Remarks say what the page cannot have.
/// </summary>
public static class HtmlExport
{
    /// <summary>Writes the page of a notebook. The file is written as a whole or not at all.</summary>
    /// <param name="notebook">A notebook with its outputs. Relative paths in it start from its folder.</param>
    /// <param name="path">Path of the page.</param>
    /// <param name="pages">
    /// The page of each notebook that is exported in the same run, by the notebook's path. Links to these notebooks become links to their
    /// pages. A link to another notebook leads to its page where that page lies beside this one, else to the notebook. Null means that
    /// every notebook has a page, and that the pages lie to each other as the notebooks do.
    /// </param>
    /// <returns>
    /// Lines for the user, each with the notebook and the cell: pictures that are missing, on the network or larger than 10 MiB; links that
    /// lead nowhere; outputs that are not shown.
    /// </returns>
    /// <exception cref="SlickException">The page cannot be written.</exception>
    public static IReadOnlyList<string> Save(Notebook notebook, string path, IReadOnlyDictionary<string, string>? pages = null)
    {
        var (html, remarks) = ToPage(notebook, path, pages);
        AtomicFile.WriteText(path, html);
        return remarks;
    }

    /// <summary>The HTML of a notebook's page. The page is meant to lie beside the notebook.</summary>
    /// <param name="notebook">A notebook with its outputs.</param>
    public static string ToHtml(Notebook notebook) => ToPage(notebook, notebook.Path, null).Html;

    internal static (string Html, IReadOnlyList<string> Remarks) ToPage(
        Notebook notebook, string path, IReadOnlyDictionary<string, string>? pages = null)
    {
        var full = pages?.ToDictionary(page => Path.GetFullPath(page.Key), page => Path.GetFullPath(page.Value), StringComparer.Ordinal);
        var content = new PageContent(notebook, Path.GetFullPath(path), full);
        var title = content.Headings.Count > 0 ? content.Headings[0].Text : notebook.Name;
        var page = new StringBuilder(content.Html.Length + 10_000);
        page.Append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        page.Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.Append("<title>").Append(WebUtility.HtmlEncode(title)).Append("</title>\n<style>\n").Append(PageStyle.Css)
            .Append(FigureStyle.Css).Append("</style>\n");
        if (content.Html.Contains("Plotly.", StringComparison.Ordinal))
            page.Append(ChartScripts.Html);
        page.Append("</head>\n<body>\n");
        AppendContents(page, content);
        return (page.Append(content.Html).Append("</main>\n</body>\n</html>\n").ToString(), content.Remarks);
    }

    private static void AppendContents(StringBuilder page, PageContent content)
    {
        if (content.Headings.Count == 0)
        {
            page.Append("<main>\n");
            return;
        }
        var id = content.ContentsId;
        page.Append("<a class=\"skip\" href=\"#").Append(id).Append("\">Contents</a>\n<main>\n");
        page.Append("<nav id=\"").Append(id).Append("\" aria-label=\"Contents\">\n<details open><summary>Contents</summary>\n<ul>\n");
        foreach (var heading in content.Headings)
        {
            page.Append(CultureInfo.InvariantCulture, $"<li class=\"h{heading.Level}\"><a href=\"#{WebUtility.HtmlEncode(heading.Id)}\">");
            page.Append(WebUtility.HtmlEncode(heading.Text)).Append("</a></li>\n");
        }
        page.Append("</ul>\n</details>\n</nav>\n");
    }
}
