using System.ComponentModel.DataAnnotations;

namespace Slick.Experiments;

/// <summary>
/// Which questions of a dataset a study labels, trains on and asks. The defaults take all questions. The lab uses the defaults: its world
/// has as many facts as the study needs.
/// </summary>
public sealed record QuestionOptions
{
    /// <summary>Number of train questions of a relation that are labelled; 0 for all.</summary>
    [Range(0, 1_000_000)]
    public int Train { get; init; }
    /// <summary>Number of test questions of a relation in distribution that are labelled; 0 for all.</summary>
    [Range(0, 1_000_000)]
    public int Test { get; init; }
    /// <summary>Number of test questions of a relation out of distribution that are labelled; 0 for all.</summary>
    [Range(0, 1_000_000)]
    public int Ood { get; init; }
    /// <summary>Number of dev questions of a relation that every epoch asks; 0 for all. With a number, exemplars of SliCK's prompts are
    /// left out; with 0 they are asked too.</summary>
    [Range(0, 1_000_000)]
    public int Dev { get; init; }
    /// <summary>Number of Unknown test questions that are asked, over all relations; 0 for all. Known test questions are not limited by
    /// this.</summary>
    [Range(0, 1_000_000)]
    public int UnknownTest { get; init; }
    /// <summary>Largest number of examples of a relation in D; 0 for no limit.</summary>
    [Range(0, 1_000_000)]
    public int LargestPart { get; init; }
    /// <summary>Number of Known train questions that a relation must have to be part of D.</summary>
    [Range(0, 1_000_000)]
    public int LeastKnown { get; init; }
    /// <summary>Largest share of one gold answer in a relation's Known part of D and of the test questions; 1 for no limit. Without a limit
    /// one country, for example, can be most of a relation's Known part.</summary>
    [Range(0.01, 1.0)]
    public double LargestAnswerShare { get; init; } = 1;
}
