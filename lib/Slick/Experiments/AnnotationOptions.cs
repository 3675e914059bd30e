using Slick.Analysis;
using Slick.Answers;
using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>Which questions a model is asked, and how.</summary>
public sealed record AnnotationOptions
{
    /// <summary>The relations by their names; empty for all in distribution, of EntityQuestions 12 (the paper's Tables 3 and 4).</summary>
    public IReadOnlyList<string> Relations { get; init; } = [];
    /// <summary>The columns of a user's own question file; EntityQuestions has none.</summary>
    public QuestionColumns Columns { get; init; } = new();
    /// <summary>
    /// The part of the dataset that is asked about. Exemplars always come from dev; with <see cref="Facts.Split.Dev"/> the
    /// facts that are an exemplar of any of their relation's prompts are not asked about.
    /// </summary>
    public Split Split { get; init; } = Split.Train;
    /// <summary>
    /// Questions of a relation, drawn with the seed, fewer where there are fewer; null for all. A smaller number draws some of the larger
    /// one's.
    /// </summary>
    public int? Questions { get; init; }
    /// <summary>Seed of the questions, the exemplars and the draws.</summary>
    public int Seed { get; init; } = 1;
    /// <summary>How P_Correct is found.</summary>
    public EstimatorKind Estimator { get; init; }
    /// <summary>What is made equal before a drawn answer is compared with the gold answer (Sampled only).</summary>
    public AnswerNormaliser Normaliser { get; init; }
    /// <summary>SliCK's protocol.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Bound on a batch's memory, in bytes: it changes how questions are batched, and no label but by rounding.</summary>
    internal long Bytes { get; init; } = BatchLimits.DefaultBytes;

    /// <summary>Reads the questions that these options mean.</summary>
    /// <param name="data">A folder of EntityQuestions, or a question file.</param>
    /// <exception cref="SlickException">They cannot be read.</exception>
    internal Dataset Read(string data) => QuestionSource.Read(data, Columns, Seed, Sampling.Shots, Sampling.Prompts);

    /// <summary>What SliCK asks about a relation.</summary>
    internal LabelOptions Labelling(string relation) =>
        new() { Relation = relation, Split = Split, Estimator = Estimator, Normaliser = Normaliser, Sampling = Sampling };

    /// <summary>Checks what the types cannot.</summary>
    /// <exception cref="UsageException">A number out of range, or a normaliser that the estimator has no use for.</exception>
    public void Check()
    {
        OptionRanges.Check(this);
        if (Relations is null) throw new UsageException("relations is missing; leave it out for the 12 in distribution.");
        if (Questions < 1) throw new UsageException($"--questions {Questions}: at least one question a relation is needed.");
        StudyOptions.CheckNormaliser(Estimator, Normaliser);
    }
}
