using System.Net;
using Slick.Experiments;
using Slick.Figures;
using Slick.Runtime;
using Slick.Storage;
using Slick.Studies;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// Writes one page that leads to all results: the reports of a store, the published results and the published copies of the notebooks.
/// The pages of the last two are written beside it. No page needs a network.
/// </summary>
public static class ResultPages
{
    /// <summary>The name of the page that leads to all others.</summary>
    public const string Index = "index.html";

    /// <summary>Writes the pages.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="reports">The folder whose folders have a <c>report.html</c> each; it may be missing.</param>
    /// <param name="published">The folder of published results, <c>data/published</c> of the repository.</param>
    /// <returns>Lines for the user: results that cannot be read, and what a page lacks.</returns>
    /// <exception cref="SlickException">A page cannot be written.</exception>
    public static IReadOnlyList<string> Write(string folder, string reports, string published)
    {
        folder = Path.GetFullPath(folder);
        var remarks = new List<string>();
        var parts = new List<object>();
        var own = Folders(reports).Select(f => Path.Combine(f, "report.html")).Where(File.Exists).ToList();
        parts.Add("<h2>Studies of this machine</h2>\n" + (own.Count == 0
            ? "<p>The store has no report. <code>slick reproduce</code> computes a study and writes one.</p>\n"
            : List(own.Select(file => new Entry(Href(folder, file), Path.GetFileName(Path.GetDirectoryName(file)!), "")))));
        var results = Folders(published).Concat(Folders(Path.Combine(published, "studies")));
        parts.Add("<h2>Published results</h2>\n" + List(results.Select(of => Published(of, folder, remarks)).OfType<Entry>()));
        var lab = Path.Combine(published, "lab");
        // What cannot be read is a remark already.
        if (File.Exists(Path.Combine(lab, "study.json")) && File.Exists(Path.Combine(folder, "lab.html")) && !remarks.Exists(r =>
            r.Contains(lab, StringComparison.Ordinal)))
            parts.Add(PaperTables.ClaimsInShort(Read(lab)) with { Title = "What the lab found" });
        parts.Add("<h2>Notebooks with their outputs</h2>\n" + Notebooks(Path.Combine(published, "notebooks"), folder, remarks));
        ReportPage.Save(Path.Combine(folder, Index), "Fine-tuning on new knowledge: all results",
            "<p>The pages open without a network. Links lead to files of this machine.</p>", parts);
        return remarks;
    }

    private static StudyResult Read(string folder) => PublishedStudy.Read(folder) with { IsPublished = true };

    // The page of one folder of published results; null for a folder that holds something else.
    private static Entry? Published(string of, string folder, List<string> remarks)
    {
        var name = Path.GetFileName(of);
        var page = Path.Combine(folder, name + ".html");
        try
        {
            if (PublishedLabStudy.IsAt(of))
            {
                var lab = PublishedLabStudy.Read(of);
                AtomicFile.WriteText(page, lab.Html());
                return new(Href(folder, page), lab.Study.Name, lab.Study.Question);
            }
            if (File.Exists(Path.Combine(of, "study.json")))
            {
                var study = Read(of);
                AtomicFile.WriteText(page, StudyReport.Html(study, study.Bases[0].Seed));
                return new(Href(folder, page), name, study.Source);
            }
            if (!File.Exists(Path.Combine(of, "annotation.json"))) return null;
            var known = AnnotationReport.Read(of).Result;
            ReportPage.Save(page, $"What does {known.Model} know?", "", [KnowledgeFigures.KnownByRelation(known),
                .. AnnotationReport.TablesOf(known)]);
            return new(Href(folder, page), name, $"What {known.Model} knows: the paper's Table 3 for this model.");
        }
        catch (SlickException e)
        {
            remarks.Add(e.Message);
            return null;
        }
    }

    private static string Notebooks(string copies, string folder, List<string> remarks)
    {
        var files = Directory.Exists(copies) ? Directory.GetFiles(copies, "*.ipynb").Order(StringComparer.Ordinal).ToList() : [];
        if (files.Count == 0)
            return $"<p>{WebUtility.HtmlEncode(copies)} has no copies. <code>{PublishedCopy.MadeBy}</code> writes them.</p>\n";
        var pages = files.ToDictionary(file => file, file => Path.Combine(folder, Path.GetFileNameWithoutExtension(file) + ".html"));
        return List(files.Select(file =>
        {
            var notebook = Notebook.Load(file);
            remarks.AddRange(HtmlExport.Save(notebook, pages[file], pages));
            return new Entry(Href(folder, pages[file]), notebook.Name, notebook.Heading ?? "");
        }));
    }

    private static IEnumerable<string> Folders(string folder) =>
        Directory.Exists(folder) ? Directory.GetDirectories(folder).Order(StringComparer.Ordinal) : [];

    private static string Href(string folder, string file) => PageFiles.RelativeUrl(folder, file);

    private static string List(IEnumerable<Entry> entries) => "<ul>\n" + string.Concat(entries.Select(entry =>
        $"<li><a href=\"{WebUtility.HtmlEncode(entry.Href)}\">{WebUtility.HtmlEncode(entry.Name)}</a>"
        + $"{(entry.About.Length > 0 ? $": {WebUtility.HtmlEncode(entry.About)}" : "")}</li>\n")) + "</ul>\n";

    private sealed record Entry(string Href, string Name, string About);
}
