using Slick.Experiments;
using Slick.Knowledge;

namespace Slick.Analysis;

/// <summary>An epoch at which runs are compared.</summary>
public enum Stop
{
    /// <summary>Epoch 0: the base model.</summary>
    Base,
    /// <summary>EARLY_STOP: the first of the epochs 1, 2, ... with the best dev accuracy.</summary>
    EarlyStop,
    /// <summary>FIT (ours): the first of the epochs 1, 2, ... at which at least 99% of the fine-tuning set is fitted.</summary>
    Fit,
    /// <summary>CONVERGENCE: the last epoch, of runs that have fitted at least 99% of their fine-tuning set by then.</summary>
    Convergence,
}

/// <summary>The share of right answers among questions. Questions are weighted where one stands for several.</summary>
/// <param name="Right">Sum of the weights of the questions answered rightly.</param>
/// <param name="Of">Sum of the weights of all questions.</param>
/// <param name="EffectiveQuestions">The number of unweighted questions that would be as informative: (sum w)^2 / sum w^2 (Kish
/// 1965).</param>
public readonly record struct Share(double Right, double Of, double EffectiveQuestions)
{
    /// <summary>The share in [0, 1]; NaN where there are no questions.</summary>
    public double Value => Of > 0 ? Right / Of : double.NaN;

    /// <summary>The share of questions each of which stands for some. It tells as much as (sum of weights)^2 / (sum of their squares)
    /// questions of equal weight (Kish 1965).</summary>
    /// <param name="questions">For each question whether it counts, and its weight.</param>
    public static Share Weighted(IReadOnlyList<(bool Counts, double Weight)> questions)
    {
        var (of, squares) = (questions.Sum(q => q.Weight), questions.Sum(q => q.Weight * q.Weight));
        return new(questions.Sum(q => q.Counts ? q.Weight : 0), of, of * of / squares);
    }
}

/// <summary>One fine-tuning run with its rows, by epoch and set.</summary>
public sealed class StudyRun
{
    private readonly ILookup<(int Epoch, QuestionSet Set), ScoreRow> scores;
    private readonly Dictionary<int, EpochRow> epochs;
    private readonly IReadOnlyDictionary<(QuestionSet Set, string Category), double> weights;
    private readonly ILookup<int, AnswerRow> answers;

    internal StudyRun(RunRow row, IEnumerable<EpochRow> epochs, IEnumerable<ScoreRow> scores, IEnumerable<AnswerRow> answers,
        IReadOnlyDictionary<(QuestionSet Set, string Category), double> weights)
    {
        (Row, this.weights) = (row, weights);
        this.scores = scores.ToLookup(s => (s.Epoch, s.Set));
        this.epochs = epochs.ToDictionary(e => e.Epoch);
        this.answers = answers.OrderBy(a => a.FactId).ToLookup(a => a.Epoch);
        Epochs = [.. this.epochs.Values.OrderBy(e => e.Epoch)];
        Stops = RunStops.Of(this.scores.SelectMany(s => s));
    }

    /// <summary>The run's row: base model, set and seeds.</summary>
    public RunRow Row { get; }

    /// <summary>The arm of the run.</summary>
    public Arm Arm => new(Row.Kind, Row.UnknownPercent);

    /// <summary>The rows of the epochs, in order from epoch 0.</summary>
    public IReadOnlyList<EpochRow> Epochs { get; }

    /// <summary>EARLY_STOP, FIT and the last epoch; null for a run without epochs.</summary>
    public RunStops? Stops { get; }

    /// <summary>True for a run that has fitted at least 99% of its fine-tuning set at the last epoch.</summary>
    public bool Converged => Stops is { } s && Fitted(s.Last).Value >= RunStops.FittedShare;

    /// <summary>The epoch of a stop. Null where the run has none: FIT of a run that never fits 99% of its set, CONVERGENCE of a run that
    /// did not converge.</summary>
    public int? EpochOf(Stop stop) => Stops is not { } s ? null : stop switch
    {
        Stop.Base => 0,
        Stop.EarlyStop => s.EarlyStop,
        Stop.Fit => s.Fit,
        _ => Converged ? s.Last : null,
    };

    /// <summary>Number of optimiser steps until the end of an epoch.</summary>
    public int Updates(int epoch) => epochs[epoch].Updates;

    /// <summary>The share of a set's questions that the model answers rightly after an epoch.</summary>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="set">The set.</param>
    /// <param name="category">Which categories count; null for all questions, those without a label included.</param>
    public Share Right(int epoch, QuestionSet set, Func<Category, bool>? category = null)
    {
        var (right, of, squares) = (0.0, 0.0, 0.0);
        foreach (var row in scores[(epoch, set)].Where(s => Counts(s.Category, category)))
        {
            var weight = Weight(set, row.Category);
            (right, of, squares) = (right + weight * row.Right, of + weight * row.Of, squares + weight * weight * row.Of);
        }
        return new(right, of, squares > 0 ? of * of / squares : 0);
    }

    /// <summary>The share of the fine-tuning set that is fitted (answered rightly) after an epoch.</summary>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="category">Which categories count; null for all examples.</param>
    public Share Fitted(int epoch, Func<Category, bool>? category = null) => Right(epoch, QuestionSet.Train, category);

    /// <summary>How many questions each asked question of a set's category stands for. Above 1 where only a part was drawn and
    /// asked.</summary>
    internal double Weight(QuestionSet set, string category) => weights.GetValueOrDefault((set, category), 1);

    /// <summary>The answers to test questions at an epoch, by fact id; empty where none were kept.</summary>
    public IEnumerable<AnswerRow> Answers(int epoch) => answers[epoch];

    // A name that is no category of SliCK counts only where all questions count.
    private static bool Counts(string name, Func<Category, bool>? category) =>
        category is null || Enum.TryParse<Category>(name, out var parsed) && category(parsed);
}
