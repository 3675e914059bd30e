using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;
using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Extensions.GenericAttributes;
using Markdig.Extensions.MediaLinks;
using Slick.Figures;

namespace Slick.Workbook.Notebooks;

/// <summary>Writes the cells of a notebook as the HTML of one page.</summary>
internal sealed class PageContent
{
    private static readonly MarkdownPipeline Pipeline = MakePipeline();

    // An output is shown in the first of these forms that it has.
    private static readonly string[] Preferred =
    [
        "text/html", "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp", "text/markdown", "text/plain", "text/latex",
        "application/json",
    ];

    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Notebook _notebook;
    private readonly List<string> _remarks = [];
    private readonly IDocument _document = new HtmlParser().ParseDocument("<main></main>");
    private readonly PageFiles _files;

    /// <summary>Makes the content of a page. For the arguments see <see cref="HtmlExport.Save"/>.</summary>
    public PageContent(Notebook notebook, string page, IReadOnlyDictionary<string, string>? pages)
    {
        _notebook = notebook;
        _files = new PageFiles(notebook, page, pages, Remark);
        var main = _document.QuerySelector("main")!;
        for (var i = 0; i < notebook.Cells.Count; i++)
        {
            var section = Append(main, "section", notebook.Cells[i].Type);
            AppendCell(section, notebook.Cells[i], i + 1);
        }
        Headings = PageAnchors.Apply(main, Remark);
        var ids = main.QuerySelectorAll("[id]").Select(element => element.Id!).ToHashSet(StringComparer.Ordinal);
        ContentsId = PageAnchors.Unique("contents", ids);
        Html = main.InnerHtml;
    }

    /// <summary>The HTML of the page's sections, one for each cell.</summary>
    public string Html { get; }

    /// <summary>The headings of the page's Markdown, in order.</summary>
    public IReadOnlyList<PageHeading> Headings { get; }

    /// <summary>An id for the list of contents. No other element of the page has this id.</summary>
    public string ContentsId { get; }

    /// <summary>Remarks on what the page does not have and on links that lead nowhere. Each is one line with the notebook and the
    /// cell.</summary>
    public IReadOnlyList<string> Remarks => _remarks;

    private void Remark(int cell, string what)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(_notebook.Path)}: cell {cell}: {what}");
        if (!_remarks.Contains(line))
            _remarks.Add(line);
    }

    // Extensions that Jupyter's Markdown does not have are switched off: attributes in braces would vanish, and links to videos would use
    // the network.
    private static MarkdownPipeline MakePipeline()
    {
        var builder = new MarkdownPipelineBuilder().UseAdvancedExtensions();
        builder.Extensions.TryRemove<AutoIdentifierExtension>();
        builder.Extensions.TryRemove<MediaLinkExtension>();
        builder.Extensions.TryRemove<GenericAttributesExtension>();
        return builder.Build();
    }

    private void AppendCell(IElement section, NotebookCell cell, int number)
    {
        // An answer is read after the reader has tried. So it is folded as a whole.
        if (cell.Tags.Contains(NotebookCell.AnswerTag)) section = Append(AppendFold(section, "Answer"), "div", "answer");
        switch (cell.Type)
        {
            case "markdown":
                SetHtml(section, Markdown.ToHtml(cell.Source, Pipeline), cell, number);
                break;
            case "raw":
                AppendRaw(section, cell, number);
                break;
            default:
                AppendCode(section, cell, number);
                break;
        }
    }

    // Each cell and output is parsed alone, as in Jupyter: a tag that is not closed ends with its cell or output.
    private void SetHtml(IElement element, string html, NotebookCell cell, int number)
    {
        element.InnerHtml = html;
        _files.Adopt(element, cell.Json["attachments"] as JsonObject, number);
    }

    private void AppendRaw(IElement section, NotebookCell cell, int number)
    {
        if (string.IsNullOrWhiteSpace(cell.Source))
            return;
        // Older editors wrote raw_mimetype.
        var metadata = cell.Json["metadata"];
        var format = NotebookCell.WellFormed(Notebook.Text(metadata?["format"]) ?? Notebook.Text(metadata?["raw_mimetype"]) ?? "");
        if (format is "text/html" or "text/markdown")
        {
            SetHtml(section, format == "text/html" ? cell.Source : Markdown.ToHtml(cell.Source, Pipeline), cell, number);
            return;
        }
        Append(section, "p", "label").TextContent = format.Length > 0 ? $"raw, {format}" : "raw";
        Append(section, "pre", "raw").TextContent = cell.Source;
    }

    private void AppendCode(IElement section, NotebookCell cell, int number)
    {
        if (cell.Source.Length > 0)
        {
            var folded = cell.IsFolded && !cell.Tags.Contains(NotebookCell.AnswerTag);
            Append(folded ? AppendFold(section, "Code") : section, "pre", "source").InnerHtml =
                $"<code>{CodeHtml.Highlight(cell.Source)}</code>";
        }
        if (cell.ExecutionCount is null && !string.IsNullOrWhiteSpace(cell.Source))
            Append(section, "p", "not-run").TextContent = "not run";
        if (cell.Outputs.Any(output => output is not JsonObject))
            NotShown(section, "An output that is no JSON object", number);
        foreach (var output in cell.JoinedOutputs())
            AppendOutput(section, output, cell, number);
    }

    private void AppendOutput(IElement section, JsonObject output, NotebookCell cell, int number)
    {
        var type = Notebook.Text(output["output_type"]);
        switch (type)
        {
            case "stream":
                var css = Notebook.Text(output["name"]) == "stderr" ? "output stderr" : "output";
                AppendText(section, css, NotebookCell.JoinedText(output["text"]));
                break;
            case "error":
                var lines = (output["traceback"] as JsonArray ?? []).Select(Notebook.Text).OfType<string>();
                var kind = Notebook.Text(output["ename"]) is { Length: > 0 } name ? name + ": " : "";
                AppendText(section, "output error", string.Join('\n', lines.Prepend(kind + Notebook.Text(output["evalue"]))));
                break;
            case "display_data" or "execute_result" or "update_display_data":
                AppendData(section, output, cell, number);
                break;
            default:
                NotShown(section, $"An output of the unknown type \"{NotebookCell.WellFormed(type ?? "")}\"", number);
                break;
        }
    }

    private void AppendData(IElement section, JsonObject output, NotebookCell cell, int number)
    {
        var data = output["data"] as JsonObject ?? [];
        var mime = Preferred.Concat(data.Select(form => form.Key).Where(key => key.StartsWith("text/", StringComparison.Ordinal)))
            .FirstOrDefault(form => data.ContainsKey(form) && TextOf(data[form]).Length > 0);
        if (mime is null)
        {
            // An empty text has nothing to show. It is not reported as missing.
            if (!data.Any(form => Preferred.Contains(form.Key)))
            {
                var forms = string.Join(", ", data.Select(form => NotebookCell.WellFormed(form.Key)));
                NotShown(section, forms.Length > 0 ? $"An output of the type {forms}" : "An output without data", number);
            }
            return;
        }
        var text = NotebookCell.WellFormed(TextOf(data[mime]));
        switch (mime)
        {
            case "text/html":
                // The page has plotly.js once. Further copies of 3.6 MB are removed before the HTML is parsed.
                SetHtml(Append(section, "div", "output"), PlotlyRenderer.WithoutLoaders(text), cell, number);
                break;
            case "text/markdown":
                SetHtml(Append(section, "div", "output"), Markdown.ToHtml(text, Pipeline), cell, number);
                break;
            case var _ when mime.StartsWith("image/", StringComparison.Ordinal):
                AppendPicture(section, output, mime, text, number);
                break;
            default:
                AppendText(section, "output", text);
                break;
        }
    }

    // Each picture is an image of its own, as in JupyterLab. So the ids and styles of two SVGs cannot collide.
    private void AppendPicture(IElement section, JsonObject output, string mime, string value, int number)
    {
        if (PageFiles.DataUrl(mime, value) is not { } url)
        {
            NotShown(section, $"A damaged picture ({mime}, not base64)", number);
            return;
        }
        var image = Append(Append(section, "div", "output"), "img", "picture");
        image.SetAttribute("alt", NotebookCell.WellFormed(TextOf(output["data"]?["text/plain"])));
        foreach (var side in (string[])["width", "height"])
        {
            if ((output["metadata"] as JsonObject)?[mime] is JsonObject size && size[side] is JsonValue length
                && length.TryGetValue<double>(out var pixels))
                image.SetAttribute(side, pixels.ToString("F0", CultureInfo.InvariantCulture));
        }
        image.SetAttribute("src", url);
    }

    private void NotShown(IElement section, string what, int number)
    {
        Append(section, "p", "not-run").TextContent = what + " is not shown.";
        Remark(number, what[..1].ToLowerInvariant() + what[1..] + " is not shown.");
    }

    private void AppendText(IElement section, string css, string text) => Append(section, "pre", css).InnerHtml = TerminalText.Html(text);

    // JSON is an object in an output; everything else is text.
    private static string TextOf(JsonNode? value) => value is JsonObject ? value.ToJsonString(Indented) : NotebookCell.JoinedText(value);

    private IElement AppendFold(IElement parent, string summary)
    {
        var fold = Append(parent, "details", "fold");
        var title = _document.CreateElement("summary");
        title.TextContent = summary;
        fold.AppendChild(title);
        fold.AppendChild(_document.CreateTextNode("\n"));
        return fold;
    }

    private IElement Append(IElement parent, string name, string css)
    {
        var element = _document.CreateElement(name);
        element.ClassName = css;
        parent.AppendChild(element);
        parent.AppendChild(_document.CreateTextNode("\n"));
        return element;
    }
}
