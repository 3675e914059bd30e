using System.Globalization;
using System.Text;
using AngleSharp.Dom;

namespace Slick.Workbook.Notebooks;

/// <summary>A heading in the Markdown of a page.</summary>
/// <param name="Level">Level of the heading, 1 to 6.</param>
/// <param name="Id">The anchor of the heading.</param>
/// <param name="Text">The heading as plain text.</param>
internal sealed record PageHeading(int Level, string Id, string Text);

/// <summary>
/// Makes the anchors of a page. Each heading has the anchor that GitHub gives it and the one that Jupyter gives it. Links within the page
/// lead to one of these.
/// </summary>
internal static class PageAnchors
{
    /// <summary>Gives headings and sections their ids and corrects links.</summary>
    /// <param name="main">Sections, one for each cell.</param>
    /// <param name="remark">Called with the number of the cell, from 1, and a sentence about a link that leads nowhere.</param>
    /// <returns>The headings of the page's Markdown, in order.</returns>
    public static List<PageHeading> Apply(IElement main, Action<int, string> remark)
    {
        var sections = main.Children.ToList();
        for (var i = 0; i < sections.Count; i++)
            SeparateFootnotes(sections[i], i + 1);
        var taken = main.QuerySelectorAll("[id]").Select(element => element.Id!).ToHashSet(StringComparer.Ordinal);
        taken.UnionWith(main.QuerySelectorAll("a[name]").Select(anchor => anchor.GetAttribute("name")!));
        var headings = new List<PageHeading>();
        var elements = main.QuerySelectorAll("h1, h2, h3, h4, h5, h6").Where(heading => heading.Closest(".output") is null).ToList();
        var slugs = new HashSet<string>(StringComparer.Ordinal);
        foreach (var heading in elements)
        {
            var text = heading.TextContent.Trim();
            var slug = Unique(Slug(text), slugs);
            slugs.Add(slug);
            // Where the author wrote an anchor, it keeps the name.
            if (heading.Id is not { Length: > 0 })
                heading.Id = taken.Contains(slug) ? Unique(slug + "-heading", taken) : slug;
            else
                AddAnchor(heading, slug, taken);
            taken.Add(heading.Id!);
            headings.Add(new PageHeading(heading.LocalName[1] - '0', heading.Id!, text));
        }
        // Jupyter's name of one heading may be GitHub's name of another. So all names of GitHub are given first.
        foreach (var (heading, element) in headings.Zip(elements))
            AddAnchor(element, heading.Text.Replace(' ', '-'), taken);
        for (var i = 0; i < sections.Count; i++)
        {
            if (taken.Add(SectionId(i + 1)))
                sections[i].Id = SectionId(i + 1);
        }
        for (var i = 0; i < sections.Count; i++)
        {
            foreach (var link in sections[i].QuerySelectorAll("a[href^='#'], area[href^='#']"))
                Mend(link, taken, url => remark(i + 1, $"the link {url} leads nowhere: the page has no such heading or anchor."));
        }
        return headings;
    }

    /// <summary>An id that is not taken: the wished one, or the wished one with -1, -2, ... after it.</summary>
    public static string Unique(string wished, IReadOnlySet<string> taken)
    {
        var id = wished;
        for (var n = 1; taken.Contains(id); n++)
            id = string.Create(CultureInfo.InvariantCulture, $"{wished}-{n}");
        return id;
    }

    /// <summary>GitHub's anchor of a heading: in lower case, with '-' for a blank; only letters, marks, digits, '-' and '_' are
    /// kept.</summary>
    internal static string Slug(string text)
    {
        var slug = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == ' ')
                slug.Append('-');
            else if (rune.Value == '-' || Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is
                UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
                or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber or UnicodeCategory.ConnectorPunctuation)
                slug.Append(Rune.ToLowerInvariant(rune));
        }
        return slug.Length > 0 ? slug.ToString() : "heading";
    }

    private static string SectionId(int cell) => string.Create(CultureInfo.InvariantCulture, $"cell-{cell}");

    // Markdig numbers footnotes from 1 in each cell. So their ids get the cell's number.
    private static void SeparateFootnotes(IElement section, int cell)
    {
        if (section.ClassName == "code")
            return;
        foreach (var note in section.QuerySelectorAll("[id^='fn:'], [id^='fnref:']"))
            note.Id = string.Create(CultureInfo.InvariantCulture, $"{note.Id}-{cell}");
        foreach (var link in section.QuerySelectorAll("a[href^='#fn:'], a[href^='#fnref:']"))
            link.SetAttribute("href", string.Create(CultureInfo.InvariantCulture, $"{link.GetAttribute("href")}-{cell}"));
    }

    private static void AddAnchor(IElement heading, string id, HashSet<string> taken)
    {
        // An id must not have blanks.
        if (id.Length == 0 || id.Any(char.IsWhiteSpace) || !taken.Add(id))
            return;
        var anchor = heading.Owner!.CreateElement("span");
        anchor.Id = id;
        heading.Prepend(anchor);
    }

    private static void Mend(IElement link, HashSet<string> taken, Action<string> leadsNowhere)
    {
        var url = link.GetAttribute("href")!.Trim();
        var name = Uri.UnescapeDataString(url[1..]);
        if (name is "" or "top" || taken.Contains(url[1..]) || taken.Contains(name))
            return;
        if (Slug(name) is var slug && taken.Contains(slug))
            link.SetAttribute("href", "#" + Uri.EscapeDataString(slug));
        else
            leadsNowhere(url);
    }
}
