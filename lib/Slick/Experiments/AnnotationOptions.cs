using Slick.Answers;
using Slick.Facts;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>Which questions a model is asked, and how.</summary>
public sealed record AnnotationOptions
{
    /// <summary>The relations by their ids; empty for all relations in distribution. EntityQuestions has 12 of these (the paper's Tables 3
    /// and 4).</summary>
    public IReadOnlyList<string> Relations { get; init; } = [];
    /// <summary>The column names of a user's own question file. EntityQuestions does not use them.</summary>
    public QuestionColumns Columns { get; init; } = new();
    /// <summary>
    /// The part of the dataset that is asked. Exemplars always come from dev. With <see cref="Facts.Split.Dev"/>, facts that are exemplars
    /// in any prompt of their relation are not asked.
    /// </summary>
    public Split Split { get; init; } = Split.Train;
    /// <summary>
    /// Number of questions of each relation, drawn with the seed; null for all. Where a relation has fewer, all are asked. A smaller number
    /// draws a part of the questions that a larger number draws.
    /// </summary>
    public int? Questions { get; init; }
    /// <summary>Seed of the questions, the exemplars and the drawn answers.</summary>
    public int Seed { get; init; } = 1;
    /// <summary>The estimator of P_Correct.</summary>
    public EstimatorKind Estimator { get; init; }
    /// <summary>How answers are normalised before a drawn answer is compared with the gold answer (Sampled only).</summary>
    public AnswerNormaliser Normaliser { get; init; }
    /// <summary>SliCK's protocol: number of prompts, shots, samples, temperature, top-k.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Bounds on a pass; null for those that fit the device.</summary>
    internal PassBounds? Bounds { get; init; }

    /// <summary>Reads the dataset or the question file.</summary>
    /// <param name="data">A folder of EntityQuestions, or a question file.</param>
    /// <exception cref="SlickException">The questions cannot be read.</exception>
    internal Dataset Read(string data) => QuestionSource.Read(data, Columns, Seed, Sampling.Shots, Sampling.Prompts);

    /// <summary>The options of the labels of one relation.</summary>
    internal LabelOptions Labelling(string relation) =>
        new() { Relation = relation, Split = Split, Estimator = Estimator, Normaliser = Normaliser, Sampling = Sampling };

    /// <summary>Checks the ranges of the options, and whether they fit each other.</summary>
    /// <exception cref="UsageException">An option is out of its range, or a normaliser is set for an estimator that does not use
    /// it.</exception>
    public void Check()
    {
        OptionRanges.Check(this);
        if (Relations is null) throw new UsageException("relations is missing; leave it out for the 12 in distribution.");
        if (Questions < 1) throw new UsageException($"--questions {Questions}: at least one question a relation is needed.");
        StudyOptions.CheckNormaliser(Estimator, Normaliser);
    }
}
