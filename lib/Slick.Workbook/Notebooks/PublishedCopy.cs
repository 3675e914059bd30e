using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;
using Slick.Runtime;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// The published copy of a notebook: the notebook with its outputs, for viewers that run nothing, such as GitHub. Pictures, tables and
/// texts stay. Scripts, style sheets and the data of live charts are left out. The same outputs give the same bytes. The copy names the
/// hash of the notebook that it was made from, so that a copy of an older notebook is noticed without a run.
/// </summary>
public static partial class PublishedCopy
{
    /// <summary>The command that writes the copies of this repository's notebooks.</summary>
    public const string MadeBy = "slick run notebooks/*.ipynb --publish data/published/notebooks";

    /// <summary>A copy has fewer bytes than this. GitHub shows no larger notebook reliably.</summary>
    public const int TooLarge = 1_000_000;

    // An output keeps its picture; without a picture its HTML, or the other forms that it has. It always keeps its text.
    private static readonly string[] Pictures = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];
    private static readonly string[] Texts = ["text/html", "text/markdown", "text/latex"];

    // Elements that run something, ask for something or apply to more than the output itself.
    private const string Active = "script, style, noscript, iframe, object, embed, link, meta, base, form, template";

    /// <summary>The hash of what a notebook says and does: type, metadata, source and attachments of its cells. Outputs do not
    /// count.</summary>
    /// <param name="notebook">The notebook.</param>
    /// <returns>SHA-256 as 64 hexadecimal digits.</returns>
    public static string SourceHash(Notebook notebook)
    {
        ArgumentNullException.ThrowIfNull(notebook);
        var text = new StringBuilder();
        foreach (var cell in notebook.Cells)
        {
            // The length before each part keeps a text from going on in the next one.
            foreach (var part in new[] { cell.Type, Metadata(cell).ToJsonString(), cell.Source, cell.Json["attachments"]?.ToJsonString() })
                text.Append(CultureInfo.InvariantCulture, $"{part?.Length ?? 0}:{part}");
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>The copy of a notebook that has been run.</summary>
    /// <param name="executed">The notebook with its outputs; it is not changed.</param>
    /// <param name="path">The file that the copy is meant for. Links to files that exist lead there from this file's folder; links to
    /// notebooks of the same folder lead to their copies.</param>
    public static Notebook Of(Notebook executed, string path)
    {
        ArgumentNullException.ThrowIfNull(executed);
        var links = new Links(executed.Folder, Path.GetDirectoryName(Path.GetFullPath(path))!);
        var copy = executed.Copy();
        foreach (var cell in copy.Cells)
        {
            cell.Json["metadata"] = Metadata(cell);
            if (cell.Type == "markdown") cell.Source = links.Moved(cell.Source);
            if (!cell.IsCode) continue;
            var outputs = cell.JoinedOutputs().Select(output => Reduced(output, links)).ToArray<JsonNode?>();
            cell.Json["outputs"] = new JsonArray(outputs);
        }
        var name = Path.GetFileName(executed.Path);
        copy.Cells.Insert(0, NotebookCell.Markdown("published-copy", $"A copy with its outputs, not made to be run. The notebook is "
            + $"[{name}]({links.To(executed.Path)}); `{MadeBy}` writes the copies."));
        copy.MetadataOrNew["slick"] = new JsonObject { ["source_sha256"] = SourceHash(executed) };
        return copy;
    }

    /// <summary>What is wrong with a copy.</summary>
    /// <param name="source">The notebook, as it is now.</param>
    /// <param name="path">The file of its copy.</param>
    /// <returns>One sentence for each fault; none where the copy is as <see cref="Of"/> makes it.</returns>
    public static IReadOnlyList<string> Faults(Notebook source, string path)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!File.Exists(path)) return [$"{path}: the copy is missing."];
        var faults = new List<string>();
        Notebook copy;
        try { copy = Notebook.Load(path); }
        catch (SlickException e) { return [e.Message]; }
        if (Notebook.Text(copy.MetadataOrNew["slick"]?["source_sha256"]) != SourceHash(source))
            faults.Add($"{path}: the copy is of another state of {Path.GetFileName(source.Path)}.");
        if (new FileInfo(path).Length is var bytes && bytes >= TooLarge) faults.Add(string.Create(CultureInfo.InvariantCulture,
            $"{path}: the copy has {bytes} bytes; show less, so that it has fewer than {TooLarge}."));
        foreach (var (i, cell) in copy.Cells.Index().Where(c => c.Item.IsCode))
        {
            void Add(string what) => faults.Add(string.Create(CultureInfo.InvariantCulture, $"{path}: cell {i + 1}: {what}."));
            if (cell.ExecutionCount is null && !string.IsNullOrWhiteSpace(cell.Source)) Add("the cell was not run");
            if (cell.Outputs.Any(o => Notebook.Text(o?["output_type"]) == "error")) Add("its output is an error");
            foreach (var (form, text) in Forms(cell))
            {
                if (!Pictures.Contains(form) && !Texts.Contains(form) && form != "text/plain") Add($"an output has the form {form}");
                if (form == "text/html" && Script().IsMatch(text)) Add("an output has a script");
                if (!Pictures.Contains(form) && Place().Match(text) is { Success: true } place)
                    Add($"an output names a place of the machine that wrote it ({place.Value.Trim()})");
            }
        }
        return faults;
    }

    // A cell's metadata without the times of its run, which some front ends write.
    private static JsonObject Metadata(NotebookCell cell)
    {
        var metadata = (JsonObject)cell.Json["metadata"]!.DeepClone();
        metadata.Remove("execution");
        return metadata;
    }

    private static IEnumerable<(string Form, string Text)> Forms(NotebookCell cell) => cell.Outputs.OfType<JsonObject>().SelectMany(o =>
        o["data"] is JsonObject data ? data.Select(f => (f.Key, NotebookCell.JoinedText(f.Value)))
            : [("text/plain", NotebookCell.JoinedText(o["text"]))]);

    private static JsonObject Reduced(JsonObject output, Links links)
    {
        output = (JsonObject)output.DeepClone();
        if (Notebook.Text(output["output_type"]) == "stream")
            output["text"] = NotebookCell.Lines(WithoutPlaces(TerminalText.Plain(NotebookCell.JoinedText(output["text"]))));
        if (output["data"] is not JsonObject data) return output;
        var kept = new JsonObject();
        var pictures = Pictures.Where(data.ContainsKey).Take(1).ToList();
        foreach (var form in pictures.Count > 0 ? pictures : [.. Texts.Where(data.ContainsKey)])
            kept[form] = form switch
            {
                "image/png" => NotebookCell.JoinedText(data[form]).Trim(),
                "text/html" => NotebookCell.Lines(Still(WithoutPlaces(NotebookCell.JoinedText(data[form])))),
                "text/markdown" => NotebookCell.Lines(links.Moved(WithoutPlaces(NotebookCell.JoinedText(data[form])))),
                _ => data[form]!.DeepClone(),
            };
        if (data.ContainsKey("text/plain"))
            kept["text/plain"] = NotebookCell.Lines(WithoutPlaces(TerminalText.Plain(NotebookCell.JoinedText(data["text/plain"]))));
        output["data"] = kept;
        return output;
    }

    // HTML without what runs or asks for something.
    private static string Still(string html)
    {
        var document = new HtmlParser().ParseDocument("<main></main>");
        var main = document.QuerySelector("main")!;
        main.InnerHtml = html;
        foreach (var element in main.QuerySelectorAll(Active).ToList()) element.Remove();
        foreach (var element in main.QuerySelectorAll("*"))
            foreach (var attribute in element.Attributes.Where(a => a.Name.StartsWith("on", StringComparison.OrdinalIgnoreCase)
                || a.Value.TrimStart().StartsWith("javascript:", StringComparison.OrdinalIgnoreCase)).ToList())
                element.RemoveAttribute(attribute.Name);
        return main.InnerHtml.Trim() + "\n";
    }

    // Paths below the repository start from it, and those below the home folder from ~.
    private static string WithoutPlaces(string text)
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        foreach (var (place, name) in new[] { (Repository.Root, ""), (home, "~/") })
        {
            if (place is { Length: > 1 })
                // Only the whole name of a folder: what follows is a separator or no letter of a name.
                text = Regex.Replace(text, $@"{Regex.Escape(place)}(?<inside>[\\/])|{Regex.Escape(place)}(?![\w.-])",
                    match => match.Groups["inside"].Success ? name : name.Length > 0 ? "~" : ".");
        }
        return text;
    }

    // Links of Markdown to files, which start from another folder in the copy.
    private sealed class Links(string from, string to)
    {
        public string Moved(string markdown) =>
            Target().Replace(markdown, target => target.Groups[1].Value + MovedUrl(target.Groups[2].Value));

        public string To(string file) => PageFiles.RelativeUrl(to, file);

        private string MovedUrl(string url)
        {
            if (url.Contains(':', StringComparison.Ordinal) || url[0] is '/' or '\\') return url;
            var file = Path.GetFullPath(Path.Combine(from, Uri.UnescapeDataString(url)));
            return !Path.Exists(file) || (Path.GetExtension(file) == ".ipynb" && Path.GetDirectoryName(file) == from) ? url : To(file);
        }
    }

    // A link's target in Markdown or in HTML, without its fragment: what stands before it, and the target.
    [GeneratedRegex("""(\]\(\s*<?|^\s*\[[^\]]+\]:\s+<?|(?:href|src)\s*=\s*["']?)([^\s)>"'#?]+)""", RegexOptions.Multiline)]
    private static partial Regex Target();

    [GeneratedRegex("""<\s*(?:script|iframe|object|embed|style)\b|\bon\w+\s*=\s*["']|javascript:""", RegexOptions.IgnoreCase)]
    private static partial Regex Script();

    // A path from the root of a file system.
    [GeneratedRegex("""(?<![\w./~:<-])/(?:home|root|Users|tmp|var|work|mnt|opt)/[^\s"'<]+|\b[A-Z]:\\[^\s"'<]+""")]
    private static partial Regex Place();
}
