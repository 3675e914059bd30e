using System.Globalization;
using System.Text.RegularExpressions;
using Slick.Workbook.Notebooks;

namespace Slick.Tests;

/// <summary>Every relative link of the repository's Markdown leads to a file with text, and to a heading where it names one.</summary>
public sealed partial class LinkTests
{
    // Markdown that is written by the program, or comes from another project, has no links of ours.
    private static IEnumerable<string> Files(string folder) =>
        Directory.GetFiles(folder).Where(f => Path.GetExtension(f) is ".md" or ".ipynb")
            .Concat(Directory.GetDirectories(folder).Where(f => Path.GetFileName(f) is var name && !name.StartsWith('.')
                && name is not ("bin" or "obj" or "out" or "node_modules" or "TestResults")).SelectMany(Files));

    private static string MarkdownOf(string file) => Path.GetExtension(file) == ".md" ? File.ReadAllText(file)
        : string.Join("\n\n", Notebook.Load(file).Cells.Where(c => c.Type == "markdown").Select(c => c.Source));

    /// <summary>What is wrong with the links of a file, a line each.</summary>
    private static IEnumerable<string> Faults(string file)
    {
        var name = Path.GetRelativePath(Shared.Repository, file);
        foreach (var url in Links(MarkdownOf(file)))
        {
            var (path, anchor) = url.IndexOf('#', StringComparison.Ordinal) is var at and >= 0 ? (url[..at], url[(at + 1)..]) : (url, "");
            var target = path.Length == 0 ? file
                : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, Uri.UnescapeDataString(path)));
            if (!Directory.Exists(target) && (!File.Exists(target) || new FileInfo(target).Length == 0))
                yield return $"{name}: {url}: there is no such file, or it is empty";
            else if (anchor.Length > 0 && Path.GetExtension(target) is (".md" or ".ipynb")
                && !Anchors(MarkdownOf(target)).Contains(Uri.UnescapeDataString(anchor)))
                yield return $"{name}: {url}: there is no such heading";
        }
    }

    /// <summary>The relative links of a Markdown text, outside of code.</summary>
    private static IEnumerable<string> Links(string markdown) => Link().Matches(Code().Replace(markdown.ReplaceLineEndings("\n"), ""))
        .Select(m => m.Groups["url"].Value).Where(url => !url.Contains(':', StringComparison.Ordinal));

    /// <summary>GitHub's anchors of a text's headings, and those that HTML names.</summary>
    private static HashSet<string> Anchors(string markdown)
    {
        var text = Fence().Replace(markdown.ReplaceLineEndings("\n"), "");
        var anchors = Named().Matches(text).Select(m => m.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        foreach (Match heading in Heading().Matches(text))
        {
            var words = Marks().Replace(heading.Groups[1].Value, "$1");
            anchors.Add(PageAnchors.Unique(PageAnchors.Slug(words.Trim()), anchors));
            anchors.Add(words.Trim().Replace(' ', '-')); // Jupyter's
        }
        return anchors;
    }

    [Fact]
    public void EveryLink_LeadsSomewhere()
    {
        var files = Files(Shared.Repository).ToList();
        Assert.True(files.Count >= 15);
        Assert.True(files.Sum(f => Links(MarkdownOf(f)).Count()) >= 60);
        var faults = files.SelectMany(Faults).Order(StringComparer.Ordinal).ToList();
        Assert.True(faults.Count == 0, string.Create(CultureInfo.InvariantCulture, $"{faults.Count} links:\n{string.Join('\n', faults)}"));
    }

    [Fact]
    public void AWrongLink_IsSeen()
    {
        var folder = Scratch.Folder("links");
        try
        {
            var file = Path.Combine(folder, "a.md");
            File.WriteAllText(Path.Combine(folder, "b.md"), "# One, `two`\n\n## [Three](x)\n");
            File.WriteAllText(Path.Combine(folder, "empty.md"), "");
            File.WriteAllText(file, "# Top\n[a](b.md) [b](b.md#one-two) [c](b.md#three) [d](#top) [e](https://x.y/z) `[f](gone.md)`\n"
                + "```\n[g](gone.md)\n```\n[h](gone.md) ![i](gone.png) <img src=\"gone.svg\"> [j](b.md#four) [k](#none) [l](empty.md)\n\n"
                + "[m]: gone.md\n");
            Assert.Equal(["gone.md", "gone.png", "gone.svg", "b.md#four", "#none", "empty.md", "gone.md"],
                Faults(file).Select(f => f.Split(": ")[1]));
        }
        finally { Directory.Delete(folder, recursive: true); }
    }

    [GeneratedRegex("""\]\(\s*<?(?<url>[^\s)>]+)|(?:href|src)\s*=\s*["'](?<url>[^"'>]+)|^\[[^\]]+\]:\s+<?(?<url>[^\s>]+)""",
        RegexOptions.Multiline)]
    private static partial Regex Link();

    [GeneratedRegex("^ *```.*?^ *```|`[^`\n]*`", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex("^ *```.*?^ *```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("^#{1,6} +(.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    // Of a link, its text; of code and emphasis, the words.
    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)|[`*]")]
    private static partial Regex Marks();

    [GeneratedRegex("""(?:id|name)\s*=\s*["']([^"'>]+)""")]
    private static partial Regex Named();
}
