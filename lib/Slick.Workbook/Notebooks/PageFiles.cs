using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Handles what a page's HTML refers to and does not have. Pictures become part of the page. Links are changed so that they lead somewhere
/// from the page's folder. Remarks say what the page still needs.
/// </summary>
/// <param name="notebook">The notebook. Relative paths start from its folder. Other files are not read.</param>
/// <param name="page">Full path of the page.</param>
/// <param name="pages">The page of each notebook that is exported in the same run, by the notebook's full path; null where that is not
/// known.</param>
/// <param name="remark">Called with the number of the cell, from 1, and a sentence about what is missing there.</param>
internal sealed partial class PageFiles(
    Notebook notebook, string page, IReadOnlyDictionary<string, string>? pages, Action<int, string> remark)
{
    // A larger picture would make the page slow to open. So the page has a link to it instead.
    private const int LargestFile = 10 * 1024 * 1024;

    // Attributes of elements that a browser loads when the page opens, except pictures.
    private static readonly (string Element, string Attribute)[] Asked =
        [("script", "src"), ("iframe", "src"), ("embed", "src"), ("object", "data"), ("link", "href"), ("track", "src")];

    private static readonly Dictionary<string, string> Pictures = new(StringComparer.OrdinalIgnoreCase)
    {
        [".png"] = "image/png",
        [".apng"] = "image/apng",
        [".jpg"] = "image/jpeg",
        [".jpeg"] = "image/jpeg",
        [".svg"] = "image/svg+xml",
        [".gif"] = "image/gif",
        [".webp"] = "image/webp",
        [".avif"] = "image/avif",
        [".bmp"] = "image/bmp",
        [".ico"] = "image/x-icon",
    };

    private static readonly Dictionary<string, string> Recordings = new(StringComparer.OrdinalIgnoreCase)
    {
        [".mp4"] = "video/mp4",
        [".webm"] = "video/webm",
        [".ogv"] = "video/ogg",
        [".mp3"] = "audio/mpeg",
        [".ogg"] = "audio/ogg",
        [".wav"] = "audio/wav",
        [".m4a"] = "audio/mp4",
    };

    // Where an attachment has several forms, the first of these is taken.
    private static readonly string[] PreferredPictures = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];

    private readonly string _folder = Path.GetDirectoryName(page)!;

    /// <summary>Handles everything that an element and its descendants refer to.</summary>
    /// <param name="root">The HTML of a cell.</param>
    /// <param name="attachments">The cell's attachments; null where it has none.</param>
    /// <param name="cell">Number of the cell, from 1.</param>
    public void Adopt(IElement root, JsonObject? attachments, int cell)
    {
        foreach (var element in root.QuerySelectorAll("base, meta, title").Where(element => element is IHtmlElement).ToList())
            element.Remove();
        // The author's own links come first: later, a picture that the page cannot have becomes a link that is already right.
        foreach (var link in root.QuerySelectorAll("a[href], area[href]"))
            AdoptLink(link, attachments, cell);
        foreach (var image in root.QuerySelectorAll("img").ToList())
            AdoptPicture(image, attachments, cell);
        foreach (var image in root.QuerySelectorAll("image").ToList())
            AdoptAttribute(image, image.HasAttribute("href") ? "href" : "xlink:href", Pictures, attachments, cell);
        foreach (var source in root.QuerySelectorAll("source[srcset]").ToList())
            source.Remove();
        foreach (var recording in root.QuerySelectorAll("video, audio, source").ToList())
        {
            AdoptAttribute(recording, "src", Recordings, attachments, cell);
            AdoptAttribute(recording, "poster", Pictures, attachments, cell);
        }
        foreach (var (name, attribute) in Asked)
        {
            foreach (var element in root.QuerySelectorAll($"{name}[{attribute}]"))
                AdoptAttribute(element, attribute, [], attachments, cell);
        }
        var styles = root.QuerySelectorAll("style").Select(element => element.TextContent);
        foreach (var css in styles.Concat(root.QuerySelectorAll("[style]").Select(element => element.GetAttribute("style")!)))
        {
            foreach (Match asked in StyleUrl().Matches(css))
                remark(cell, $"a style asks for {asked.Groups[1].Value}; the page does not hold it.");
        }
    }

    private void AdoptPicture(IElement image, JsonObject? attachments, int cell)
    {
        var url = (image.GetAttribute("src") ?? image.GetAttribute("srcset")?.Trim().Split(' ', ',')[0] ?? "").Trim();
        image.RemoveAttribute("srcset");
        var found = Find(url, Pictures, attachments);
        if (found.Url is not null)
        {
            image.SetAttribute("src", found.Url);
            return;
        }
        var text = image.GetAttribute("alt") is { Length: > 0 } alt ? alt : url[(url.LastIndexOf('/') + 1)..];
        // HTML allows no link inside a link.
        var linked = found.Link is not null && image.Closest("a") is null;
        var shown = linked ? "a link to it" : "its text";
        remark(cell, $"the picture {url} {found.Why}; the page shows {shown} instead{Offline(found)}.");
        var instead = image.Owner!.CreateElement(linked ? "a" : "span");
        instead.TextContent = text;
        instead.ClassName = "no-picture";
        if (linked)
            instead.SetAttribute("href", found.Link);
        instead.SetAttribute("title", $"This picture {found.Why}.");
        image.Replace(instead);
    }

    private void AdoptAttribute(IElement element, string attribute, Dictionary<string, string> types, JsonObject? attachments, int cell)
    {
        if (element.GetAttribute(attribute)?.Trim() is not { Length: > 0 } url)
            return;
        // A fragment refers to a part of the page itself.
        if (url[0] == '#' || Scheme().Match(url).Value is "javascript:" or "about:" or "blob:")
            return;
        var found = Find(url, types, attachments);
        if (found.Url is null)
            remark(cell, $"<{element.LocalName}> asks for {url}, and the page does not hold it{Offline(found)}.");
        if ((found.Url ?? found.Link) is { } changed)
            element.SetAttribute(attribute, changed);
    }

    // A file as part of the page. Else where it is, and why it cannot be part of the page.
    private Found Find(string url, Dictionary<string, string> types, JsonObject? attachments)
    {
        if (url.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
            return new Found(url);
        if (Attachment(url) is { } name)
        {
            return AttachedUrl(name, attachments) is { } attached
                ? new Found(attached)
                : new Found(null, null, "is not among the cell's attachments");
        }
        if (IsRemote(url))
            return new Found(null, url, "is on the network", IsRemote: true);
        if (Scheme().IsMatch(url) || Path.IsPathRooted(Uri.UnescapeDataString(url)))
            return new Found(null, null, "is not named relative to the notebook");
        if (Local(url) is not { } file)
            return new Found(null, null, $"is not in {notebook.Folder}");
        var link = RelativeUrl(file);
        if (!types.TryGetValue(Path.GetExtension(file), out var mime))
            return new Found(null, link, "is of no type that a page can hold");
        try
        {
            if (new FileInfo(file).Length > LargestFile)
                return new Found(null, link, "is larger than 10 MiB");
            var bytes = File.ReadAllBytes(file);
            if (NotDownloaded.IsPointer(Encoding.UTF8.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, 64)))))
                return new Found(null, null, "is a Git LFS pointer (run git lfs pull)");
            return new Found($"data:{mime};base64,{Convert.ToBase64String(bytes)}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Found(null, link, $"cannot be read ({e.Message.ReplaceLineEndings(" ").TrimEnd('.')})");
        }
    }

    private void AdoptLink(IElement link, JsonObject? attachments, int cell)
    {
        var url = link.GetAttribute("href")!.Trim();
        if (Attachment(url) is { } name)
        {
            if (AttachedUrl(name, attachments) is not { } attached)
            {
                remark(cell, $"the link {url} leads nowhere: the cell has no such attachment.");
                return;
            }
            link.SetAttribute("href", attached);
            // Browsers do not open such a link as a page, but they can save it.
            link.SetAttribute("download", name);
            return;
        }
        if (url.Length == 0 || url[0] is '#' or '?' or '/' or '\\' || Scheme().IsMatch(url))
            return;
        var end = url.IndexOfAny(['?', '#']) is var found and >= 0 ? found : url.Length;
        var (path, rest) = (url[..end], url[end..]);
        var file = Path.GetFullPath(Path.Combine(notebook.Folder, Uri.UnescapeDataString(path).Replace('\0', ' ')));
        if (path.EndsWith(".ipynb", StringComparison.OrdinalIgnoreCase) && PageOf(file) is { } other)
            link.SetAttribute("href", RelativeUrl(other) + rest);
        else if (Local(path) is { } there)
            link.SetAttribute("href", RelativeUrl(there) + rest);
        else
            remark(cell, $"the link {url} leads nowhere: there is no {file}.");
    }

    // Where nothing else is known, pages lie to each other as their notebooks do.
    private string? PageOf(string other)
    {
        if (pages is not null && pages.TryGetValue(other, out var exported))
            return exported;
        var beside = Path.Combine(_folder, Path.GetRelativePath(notebook.Folder, Path.ChangeExtension(other, ".html")));
        return pages is null || (Path.GetDirectoryName(other) == notebook.Folder && File.Exists(beside)) ? beside : null;
    }

    // The existing file or folder that a URL names, from the notebook's folder. Browsers treat '\' like '/'.
    private string? Local(string url)
    {
        var end = url.IndexOfAny(['?', '#']) is var found and >= 0 ? found : url.Length;
        string[] names = [Uri.UnescapeDataString(url[..end]), Uri.UnescapeDataString(url), url];
        return names.Concat(names.Select(name => name.Replace('\\', '/')))
            .Where(name => name.Length > 0 && !Path.IsPathRooted(name) && !name.Contains('\0', StringComparison.Ordinal))
            .Select(name => Path.GetFullPath(Path.Combine(notebook.Folder, name)))
            .FirstOrDefault(Path.Exists);
    }

    private string RelativeUrl(string file) => RelativeUrl(_folder, file);

    /// <summary>The URL of a file or folder in a page of a folder. It is relative, except to a file on another drive.</summary>
    /// <param name="folder">Full path of the page's folder.</param>
    /// <param name="file">Full path of the file.</param>
    internal static string RelativeUrl(string folder, string file)
    {
        var relative = Path.GetRelativePath(folder, file);
        return Path.IsPathRooted(relative)
            ? new Uri(file).AbsoluteUri
            : string.Join('/', relative.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar).Select(Uri.EscapeDataString));
    }

    private static string? Attachment(string url) =>
        url.StartsWith("attachment:", StringComparison.OrdinalIgnoreCase) ? Uri.UnescapeDataString(url["attachment:".Length..]) : null;

    private static string? AttachedUrl(string name, JsonObject? attachments)
    {
        var forms = (attachments?[name] ?? attachments?[Uri.EscapeDataString(name)]) as JsonObject;
        var mime = PreferredPictures.Concat(forms?.Select(form => form.Key) ?? []).FirstOrDefault(m => forms?.ContainsKey(m) is true);
        return mime is null ? null : DataUrl(mime, NotebookCell.JoinedText(forms![mime]));
    }

    /// <summary>A value of an output or attachment as a data URL; null where the value should be base64 and is not.</summary>
    internal static string? DataUrl(string mime, string value)
    {
        // SVG is the only picture format that is text.
        if (value.TrimStart().StartsWith('<'))
        {
            if (mime == "image/svg+xml" && !SvgNamespace().IsMatch(value))
                value = value.Replace("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", StringComparison.Ordinal);
            return $"data:{mime};base64,{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(value))}";
        }
        var digits = string.Concat(value.Where(c => !char.IsWhiteSpace(c)));
        return digits.Length > 0 && System.Buffers.Text.Base64.IsValid(digits) ? $"data:{mime};base64,{digits}" : null;
    }

    private static string Offline(Found found) => found.IsRemote ? " and is not offline there" : "";

    private static bool IsRemote(string url) => url.StartsWith("//", StringComparison.Ordinal)
        || url.StartsWith("http:", StringComparison.OrdinalIgnoreCase) || url.StartsWith("https:", StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"^[a-zA-Z][a-zA-Z0-9+.-]*:")]
    private static partial Regex Scheme();

    [GeneratedRegex(@"<svg[^>]+xmlns\s*=")]
    private static partial Regex SvgNamespace();

    [GeneratedRegex("""(?:url\(\s*|@import\s+)["']?((?!data:|#)[^"')\s;]+)""", RegexOptions.IgnoreCase)]
    private static partial Regex StyleUrl();

    // Url: the URL in the page; null where the page cannot have the file. Link: where the file is; null where that is not known. Why:
    // completes "the picture ...".
    private readonly record struct Found(string? Url, string? Link = null, string Why = "", bool IsRemote = false);
}
