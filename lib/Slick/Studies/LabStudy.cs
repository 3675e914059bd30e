using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;
using Slick.Paper;
using Slick.Storage;

namespace Slick.Studies;

/// <summary>A registered claim of a lab's study, and its computation.</summary>
/// <param name="Registered">Number, sentence, threshold and date (notebooks/REGISTRATION.md, section Studies).</param>
/// <param name="Parts">Computes the statistics that decide.</param>
public sealed record StudyClaim(RegisteredClaim Registered, Func<StudyValues, IReadOnlyList<ClaimPart>> Parts);

/// <summary>
/// A study that needs ground truth: something that only a lab knows, or an intervention on its training. A study runs several variants of
/// one preset. What variants share is computed once. Claims, table and figure follow from one table of values.
/// </summary>
public sealed record LabStudy
{
    /// <summary>The name on the command line.</summary>
    public required string Name { get; init; }
    /// <summary>The title of the study's page.</summary>
    public required string Title { get; init; }
    /// <summary>The question, as one sentence.</summary>
    public required string Question { get; init; }
    /// <summary>What is expected, and why.</summary>
    public required string Hypothesis { get; init; }
    /// <summary>The claims, registered before the runs that test them.</summary>
    public required IReadOnlyList<StudyClaim> Claims { get; init; }
    /// <summary>Gives the variants of a preset's options.</summary>
    public required Func<StudyOptions, IReadOnlyList<StudyVariant>> Variants { get; init; }
    /// <summary>Makes the stage that a fine-tuning run needs beside it, from the run's stage; null for a study of fine-tuning runs
    /// alone.</summary>
    internal Func<Stage, Stage>? Further { get; init; }
    /// <summary>Takes the values from a variant's results.</summary>
    public required Func<VariantResult, IEnumerable<StudyValue>> Measure { get; init; }
    /// <summary>Makes the study's table.</summary>
    public required Func<StudyValues, TableView> Table { get; init; }
    /// <summary>Makes the study's figure.</summary>
    public required Func<StudyValues, Figure> Figure { get; init; }

    /// <summary>A claim of a study of ours.</summary>
    internal static StudyClaim Claim(string number, string sentence, string test, Func<StudyValues, IReadOnlyList<ClaimPart>> parts) =>
        new(new(number, sentence, "ours", "", test, new(2026, 11, 27)) { FirstSeed = 6 }, parts);
}

/// <summary>The lab's studies.</summary>
public static class LabStudies
{
    /// <summary>The preset of a study where none is named.</summary>
    public const string Preset = "lab";
    /// <summary>The first seed where none is named: runs of the seeds before it had been looked at when the studies were
    /// registered.</summary>
    public const int FirstSeed = 6;
    /// <summary>Number of base models where the preset has more than one and none is named.</summary>
    public const int Bases = 5;

    /// <summary>All studies.</summary>
    public static IReadOnlyList<LabStudy> All { get; } =
    [
        UnknownsStudy.Study, TwoHarmsStudy.Study, LadderStudy.Study, RelabelStudy.Study, ConcentratedStudy.Study, NumberOrShareStudy.Study,
        MitigationsStudy.Study, WidthStudy.Study,
    ];

    /// <summary>The study of a name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="UsageException">There is no such study.</exception>
    public static LabStudy Of(string name) => All.FirstOrDefault(s => s.Name == name) ?? throw new UsageException(
        $"There is no study '{name}'; there are {string.Join(", ", All.Select(s => s.Name))}.");
}
