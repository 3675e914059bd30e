using Slick.Experiments;
using Slick.Runtime;
using Slick.Storage;
using Slick.Workbook.Notebooks;

namespace Slick.Tests.Experiments;

/// <summary>The smoke preset, computed once for all tests that look at a whole study.</summary>
internal static class SmokeStudy
{
    private static readonly Lazy<(string Folder, StudyResult Result)> Once = new(() =>
    {
        var folder = Scratch.Folder("smoke");
        return (folder, Study.Run("smoke", StudyOptions.Smoke, 1, RunStore.Open(folder), Compute.Choose("cpu")));
    });

    /// <summary>A store that holds the finished study with seed 1, and nothing else. Tests do not add to it.</summary>
    public static string Store => Once.Value.Folder;

    private static readonly Lazy<string> CopyForStudies = new(() =>
    {
        var to = Scratch.Folder("studies");
        Scratch.Copy(Store, to);
        return to;
    });

    /// <summary>A copy of <see cref="Store"/>, to which the tests of the lab's studies add theirs.</summary>
    public static string StudiesStore => CopyForStudies.Value;

    /// <summary>The store for a notebook: a notebook of a lab's study adds stages, and other tests count those of
    /// <see cref="Store"/>.</summary>
    public static string StoreFor(Notebook notebook) =>
        notebook.Cells.Any(c => c.Source.Contains("LabStudyRuns.Open", StringComparison.Ordinal)) ? StudiesStore : Store;

    public static StudyResult Result => Once.Value.Result;
}
