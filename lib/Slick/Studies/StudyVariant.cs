using Slick.Analysis;
using Slick.Experiments;
using Slick.Storage;

namespace Slick.Studies;

/// <summary>A variant of a lab's study: a study's options with some of them changed.</summary>
/// <param name="Name">A short name, such as <c>linear-decay</c>.</param>
/// <param name="Settings">The changes as name=value, such as <c>fineTuning.schedule=linearDecay</c> (<see cref="NamedOptions"/>).</param>
public sealed record StudyVariant(string Name, IReadOnlyList<string> Settings)
{
    /// <summary>The variant's options.</summary>
    /// <param name="options">The options that all variants share; they are not changed.</param>
    /// <exception cref="UsageException">An option is out of its range, or two contradict each other.</exception>
    public StudyOptions Of(StudyOptions options)
    {
        var changed = Settings.Aggregate(options, NamedOptions.Set);
        changed.Check();
        return changed;
    }
}

/// <summary>The results of one variant.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="Result">Its study.</param>
public sealed record VariantResult(StudyVariant Variant, StudyResult Result)
{
    /// <summary>The finished stages beside the runs (<see cref="LabStudy.Further"/>), by the run's key
    /// (<see cref="RunRow.Run"/>).</summary>
    internal IReadOnlyDictionary<string, StageFolder> Further { get; init; } = new Dictionary<string, StageFolder>();

    /// <summary>The study's runs.</summary>
    public StudyData Data { get; } = new(Result);
}
