using System.ComponentModel.DataAnnotations;

namespace Slick.Facts;

/// <summary>Choices of a synthetic world.</summary>
public sealed record WorldOptions
{
    /// <summary>Train facts of each in-distribution relation.</summary>
    [Range(1, 100_000)]
    public int TrainFacts { get; init; } = 300;
    /// <summary>Test facts of each in-distribution relation.</summary>
    [Range(1, 100_000)]
    public int TestFacts { get; init; } = 60;
    /// <summary>Dev facts of each in-distribution relation.</summary>
    [Range(2, 100_000)]
    public int DevFacts { get; init; } = 30;
    /// <summary>Test facts of each out-of-distribution relation.</summary>
    [Range(1, 100_000)]
    public int OodTestFacts { get; init; } = 60;
    /// <summary>Dev facts of each out-of-distribution relation.</summary>
    [Range(2, 100_000)]
    public int OodDevFacts { get; init; } = 30;
    /// <summary>Share of facts that no document states.</summary>
    [Range(0.0, 1.0)]
    public double NeverSeenShare { get; init; } = 0.25;
    /// <summary>Mean number of statements (right or contradicting) of the other facts in one pass over the documents.</summary>
    [Range(1.0, 1e6)]
    public double MeanExposures { get; init; } = 48;
    /// <summary>Spread of that number: sigma of its log-normal distribution.</summary>
    [Range(0.0, 5.0)]
    public double ExposureSigma { get; init; } = 1.5;
    /// <summary>Mean share of a fact's statements that name the rival object instead; it differs from fact to fact.</summary>
    [Range(0.0, 0.5)]
    public double RivalShare { get; init; } = 0.2;
    /// <summary>Objects of a pool are as frequent as 1 / rank to this power.</summary>
    [Range(0.0, 5.0)]
    public double ZipfExponent { get; init; } = 1.2;
    /// <summary>Factor on the sizes of the pools of objects.</summary>
    [Range(0.1, 20.0)]
    public double PoolScale { get; init; } = 3;
    /// <summary>Regions that names and objects belong to.</summary>
    [Range(1, 20)]
    public int Regions { get; init; } = 6;
    /// <summary>Probability that a subject's first name is of its region.</summary>
    [Range(0.0, 1.0)]
    public double SubjectRegionFidelity { get; init; } = 0.8;
    /// <summary>Probability that a fact's object is of its subject's region.</summary>
    [Range(0.0, 1.0)]
    public double ObjectRegionFidelity { get; init; } = 0.7;
    /// <summary>Share of the statements that stand as question and answer.</summary>
    [Range(0.0, 1.0)]
    public double QuestionAnswerShare { get; init; } = 0.15;
    /// <summary>
    /// Share of the question/answer statements that stand on pages about one object; the others are mixed within a relation.
    /// </summary>
    [Range(0.0, 1.0)]
    public double SameObjectPageShare { get; init; } = 0.93;
    /// <summary>Facts of a document of statements.</summary>
    [Range(1, 100)]
    public int StatementsPerDocument { get; init; } = 3;
    /// <summary>Pairs of a question/answer page.</summary>
    [Range(1, 100)]
    public int PairsPerPage { get; init; } = 5;
}
