using System.ComponentModel.DataAnnotations;

namespace Slick.Experiments;

/// <summary>
/// Which questions of a dataset a study labels, trains on and asks. The defaults take everything, as the lab does: its world has as
/// many facts as it needs.
/// </summary>
public sealed record QuestionOptions
{
    /// <summary>Train questions of a relation that are labelled; 0 for all.</summary>
    [Range(0, 1_000_000)]
    public int Train { get; init; }
    /// <summary>Test questions of a relation in distribution that are labelled; 0 for all.</summary>
    [Range(0, 1_000_000)]
    public int Test { get; init; }
    /// <summary>Test questions of a relation out of distribution that are labelled; 0 for all.</summary>
    [Range(0, 1_000_000)]
    public int Ood { get; init; }
    /// <summary>Dev questions of a relation that every epoch asks, none of them an exemplar of SliCK's prompts; 0 for all, exemplars
    /// included.</summary>
    [Range(0, 1_000_000)]
    public int Dev { get; init; }
    /// <summary>Unknown test questions that are asked, over all relations; 0 for all. All Known ones are.</summary>
    [Range(0, 1_000_000)]
    public int UnknownTest { get; init; }
    /// <summary>Largest part of D of a relation; 0 for no bound.</summary>
    [Range(0, 1_000_000)]
    public int LargestPart { get; init; }
    /// <summary>Known train questions that a relation needs to be part of D.</summary>
    [Range(0, 1_000_000)]
    public int LeastKnown { get; init; }
    /// <summary>Largest share of one gold answer in a relation's Known part of D and of test: else "Known" would be one country.</summary>
    [Range(0.01, 1.0)]
    public double LargestAnswerShare { get; init; } = 1;
}
