using Slick.Runtime;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Slick.Figures;

namespace Slick.Workbook.Notebooks;

/// <summary>A notebook as one HTML page that needs no network and no other file.</summary>
public static class HtmlExport
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UseAutoIdentifiers(AutoIdentifierOptions.GitHub).UseAdvancedExtensions().Build();

    // The first form that a cell's value has is the one shown.
    private static readonly string[] Preferred = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/plain"];

    /// <summary>Writes the page aside and renames it to <paramref name="path"/>.</summary>
    public static void Save(Notebook notebook, string path) => AtomicFile.WriteText(path, ToHtml(notebook));

    /// <summary>The page of a notebook with its outputs.</summary>
    public static string ToHtml(Notebook notebook)
    {
        var headings = new List<(int Level, string Id, string Text)>();
        var body = new StringBuilder();
        for (var i = 0; i < notebook.Cells.Count; i++)
        {
            var cell = notebook.Cells[i];
            body.Append(CultureInfo.InvariantCulture, $"<section id=\"cell-{i + 1}\" class=\"{cell.Type}\">\n");
            if (cell.Type == "markdown")
                AppendMarkdown(body, cell.Source, notebook.Folder, headings, i + 1);
            else if (cell.IsCode)
                AppendCode(body, cell, notebook.Folder);
            body.Append("</section>\n");
        }
        var title = WebUtility.HtmlEncode(headings.Count > 0 ? headings[0].Text : notebook.Name);
        var content = PlotlyRenderer.WithoutLoaders(body.ToString());
        var page = new StringBuilder(content.Length + 10_000);
        page.Append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.Append("<title>").Append(title).Append("</title>\n<style>\n").Append(PageStyle.Css).Append("</style>\n");
        if (content.Contains("Plotly.", StringComparison.Ordinal))
            page.Append("<script>").Append(PlotlyRenderer.PlotlyScript()).Append("</script>\n");
        page.Append("</head>\n<body>\n<a class=\"skip\" href=\"#contents\">Contents</a>\n<main>\n");
        AppendContents(page, headings);
        return page.Append(content).Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void AppendContents(StringBuilder page, List<(int Level, string Id, string Text)> headings)
    {
        page.Append("<nav id=\"contents\" aria-label=\"Contents\">\n<details open><summary>Contents</summary>\n<ul>\n");
        foreach (var (level, id, text) in headings)
            page.Append(CultureInfo.InvariantCulture, $"<li class=\"h{level}\"><a href=\"#{WebUtility.HtmlEncode(id)}\">{WebUtility.HtmlEncode(text)}</a></li>\n");
        page.Append("</ul>\n</details>\n</nav>\n");
    }

    private static void AppendMarkdown(StringBuilder body, string source, string folder, List<(int Level, string Id, string Text)> headings, int number)
    {
        var document = Markdown.Parse(source, Pipeline);
        foreach (var heading in document.Descendants<HeadingBlock>())
        {
            var text = string.Concat(heading.Inline?.Descendants().Select(inline => inline switch { LiteralInline l => l.Content.ToString(), CodeInline c => c.Content, _ => "" }) ?? []);
            // Two cells may hold the same heading; the cell's number keeps their ids apart.
            var id = string.Create(CultureInfo.InvariantCulture, $"{heading.GetAttributes().Id}-{number}");
            heading.GetAttributes().Id = id;
            headings.Add((heading.Level, id, text));
        }
        foreach (var image in document.Descendants<LinkInline>().Where(link => link.IsImage))
            Embed(image, folder);
        // The pages of notebooks stand side by side, as the notebooks do.
        foreach (var link in document.Descendants<LinkInline>().Where(link => !link.IsImage && link.Url is { } url && url.EndsWith(".ipynb", StringComparison.Ordinal) && !url.Contains(':', StringComparison.Ordinal)))
            link.Url = link.Url![..^".ipynb".Length] + ".html";
        body.Append(document.ToHtml(Pipeline));
    }

    /// <summary>A local image becomes part of the page; one on the network becomes a link to it.</summary>
    private static void Embed(LinkInline image, string folder)
    {
        var url = image.Url ?? "";
        if (url.StartsWith("data:", StringComparison.Ordinal))
            return;
        var file = Path.Combine(folder, Uri.UnescapeDataString(url));
        if (MimeOf(url) is { } mime && File.Exists(file))
            image.Url = $"data:{mime};base64,{Convert.ToBase64String(File.ReadAllBytes(file))}";
        else
            image.IsImage = false;
    }

    private static string? MimeOf(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".png" => "image/png",
        ".jpg" or ".jpeg" => "image/jpeg",
        ".svg" => "image/svg+xml",
        ".gif" => "image/gif",
        _ => null,
    };

    private static void AppendCode(StringBuilder body, NotebookCell cell, string folder)
    {
        if (cell.Source.Length > 0)
            body.Append("<pre class=\"source\"><code>").Append(CodeHtml.Highlight(cell.Source)).Append("</code></pre>\n");
        if (cell.ExecutionCount is null && !string.IsNullOrWhiteSpace(cell.Source))
            body.Append("<p class=\"not-run\">not run</p>\n");
        foreach (var output in cell.Outputs)
            AppendOutput(body, output!.AsObject(), folder);
    }

    private static void AppendOutput(StringBuilder body, JsonObject output, string folder)
    {
        switch (Notebook.Text(output["output_type"]))
        {
            case "stream":
                Pre(body, Notebook.Text(output["name"]) == "stderr" ? "output stderr" : "output", NotebookCell.JoinedText(output["text"]));
                break;
            case "error":
                var lines = (output["traceback"] as JsonArray ?? []).Select(Notebook.Text).OfType<string>();
                var kind = Notebook.Text(output["ename"]) is { Length: > 0 } name ? name + ": " : "";
                Pre(body, "output error", string.Join('\n', lines.Prepend(kind + Notebook.Text(output["evalue"]))));
                break;
            default:
                if (output["data"] is JsonObject data && Array.Find(Preferred, data.ContainsKey) is { } mime)
                    AppendValue(body, mime, NotebookCell.JoinedText(data[mime]), folder);
                break;
        }
    }

    private static void AppendValue(StringBuilder body, string mime, string text, string folder)
    {
        if (mime == "text/plain")
        {
            Pre(body, "output", text);
            return;
        }
        body.Append("<div class=\"output\">");
        if (mime is "image/png" or "image/jpeg")
            body.Append(CultureInfo.InvariantCulture, $"<img alt=\"\" src=\"data:{mime};base64,{text.ReplaceLineEndings("")}\">");
        else if (mime == "text/markdown")
            AppendMarkdown(body, text, folder, [], 0);
        else
            body.Append(text);
        body.Append("</div>\n");
    }

    private static void Pre(StringBuilder body, string css, string text) =>
        body.Append("<pre class=\"").Append(css).Append("\">").Append(WebUtility.HtmlEncode(text)).Append("</pre>\n");
}
