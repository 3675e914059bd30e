using System.ComponentModel.DataAnnotations;

namespace Slick.Facts;

/// <summary>The options of a synthetic world.</summary>
public sealed record WorldOptions
{
    /// <summary>Number of train facts of each in-distribution relation.</summary>
    [Range(1, 100_000)]
    public int TrainFacts { get; init; } = 300;
    /// <summary>Number of test facts of each in-distribution relation.</summary>
    [Range(1, 100_000)]
    public int TestFacts { get; init; } = 60;
    /// <summary>Number of dev facts of each in-distribution relation.</summary>
    [Range(2, 100_000)]
    public int DevFacts { get; init; } = 30;
    /// <summary>Number of test facts of each out-of-distribution relation.</summary>
    [Range(1, 100_000)]
    public int OodTestFacts { get; init; } = 60;
    /// <summary>Number of dev facts of each out-of-distribution relation.</summary>
    [Range(2, 100_000)]
    public int OodDevFacts { get; init; } = 30;
    /// <summary>Share of facts that no document states.</summary>
    [Range(0.0, 1.0)]
    public double NeverSeenShare { get; init; } = 0.25;
    /// <summary>
    /// Mean number of statements of a fact (right or contradicting) in one pass over the documents, of the facts that are stated at all.
    /// </summary>
    [Range(1.0, 1e6)]
    public double MeanExposures { get; init; } = 48;
    /// <summary>Spread of the number of statements of a fact: sigma of its log-normal distribution.</summary>
    [Range(0.0, 5.0)]
    public double ExposureSigma { get; init; } = 1.5;
    /// <summary>
    /// Mean share of a fact's statements that name the rival object instead of the right one. The share differs from fact to fact.
    /// </summary>
    [Range(0.0, 0.5)]
    public double RivalShare { get; init; } = 0.2;
    /// <summary>Exponent of Zipf's law: the frequency of a pool's object is proportional to 1 / rank to this power.</summary>
    [Range(0.0, 5.0)]
    public double ZipfExponent { get; init; } = 1.2;
    /// <summary>Number that the sizes of the pools of objects are multiplied by.</summary>
    [Range(0.1, 20.0)]
    public double PoolScale { get; init; } = 3;
    /// <summary>Number of regions. Names and objects belong to regions.</summary>
    [Range(1, 20)]
    public int Regions { get; init; } = 6;
    /// <summary>Probability that a subject's first name is taken from the subject's region. Else the region is drawn.</summary>
    [Range(0.0, 1.0)]
    public double SubjectRegionFidelity { get; init; } = 0.8;
    /// <summary>Probability that a fact's object is taken from the subject's region. Else the region is drawn.</summary>
    [Range(0.0, 1.0)]
    public double ObjectRegionFidelity { get; init; } = 0.7;
    /// <summary>Share of the statements that are written as question and answer.</summary>
    [Range(0.0, 1.0)]
    public double QuestionAnswerShare { get; init; } = 0.15;
    /// <summary>
    /// Share of the question/answer statements that are on pages about one object. The others are mixed within a relation.
    /// </summary>
    [Range(0.0, 1.0)]
    public double SameObjectPageShare { get; init; } = 0.93;
    /// <summary>
    /// Share of the question/answer statements that are written in the form of an instruction, each as a document of its own. 0 for none: a
    /// model then meets that form in fine-tuning for the first time.
    /// </summary>
    [Range(0.0, 1.0)]
    public double InstructionShare { get; init; }
    /// <summary>Share of the facts that are ever written as question and answer. The other facts stand in statements alone.</summary>
    [Range(0.0, 1.0)]
    public double AskedShare { get; init; } = 1;
    /// <summary>
    /// Share of the facts that no document states about which pages say that nobody knows: they ask the fact's question and answer
    /// "I don't know". 0 for none: a model of the lab then cannot write this answer.
    /// </summary>
    [Range(0.0, 1.0)]
    public double NobodyKnowsShare { get; init; }
    /// <summary>
    /// Number of train facts of each in-distribution relation that stand on the ladder (<see cref="Ladder"/>): they fall into groups, and
    /// all facts of a group are stated equally often. 0 for none.
    /// </summary>
    [Range(0, 100_000)]
    public int LadderFacts { get; init; }
    /// <summary>Which step of the ladder each group stands on. Worlds that differ in this number alone have the same facts.</summary>
    [Range(0, Ladder.Steps - 1)]
    public int LadderRotation { get; init; }
    /// <summary>Number of statements in a document of statements.</summary>
    [Range(1, 100)]
    public int StatementsPerDocument { get; init; } = 3;
    /// <summary>Number of question/answer pairs on a page.</summary>
    [Range(1, 100)]
    public int PairsPerPage { get; init; } = 5;
}
