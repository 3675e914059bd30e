using Slick.Experiments;
using Slick.Facts;
using Slick.Runtime;

namespace Slick.Analysis;

/// <summary>A test question that the base model answers rightly, in one run: is it lost, and how near is the fine-tuning set?</summary>
/// <param name="BaseSeed">Seed of the base model.</param>
/// <param name="Relation">The question's relation.</param>
/// <param name="IsLost">True where the fine-tuned model answers wrongly.</param>
/// <param name="SharedParts">Name parts (words) that the question's subject shares with subjects of the set's examples of the same
/// relation. A part counts once for each example that has it.</param>
/// <param name="SharedElsewhere">The same with the set's examples of other relations.</param>
/// <param name="Statements">How often pre-training states the gold answer.</param>
/// <param name="Taught">How many examples of the set have this question's gold answer as their answer.</param>
public sealed record DistanceRow(int BaseSeed, string Relation, bool IsLost, int SharedParts, int SharedElsewhere, int Statements,
    int Taught);

/// <summary>
/// How local the harm of fine-tuning is: is a fact lost because its name resembles those in the fine-tuning set? Ours; needs a lab, which
/// knows how often a fact was stated.
/// </summary>
public static class HarmByDistance
{
    /// <summary>The regressors of <see cref="Model"/>, in order.</summary>
    public static IReadOnlyList<string> Regressors { get; } = ["a shared part, same relation", "a shared part, other relations",
        "twice the statements of the fact", "twice the examples with its answer"];

    /// <summary>The rows of all runs of an arm: the test questions in distribution that the base model answers rightly.</summary>
    /// <param name="result">The study of a lab.</param>
    /// <param name="data">The same study, sorted.</param>
    /// <param name="arm">The arm.</param>
    /// <param name="epochOf">The epoch of a run at which answers count; null leaves the run out.</param>
    public static IReadOnlyList<DistanceRow> Rows(StudyResult result, StudyData data, Arm arm, Func<StudyRun, int?> epochOf)
    {
        ArgumentNullException.ThrowIfNull(result);
        var rows = new List<DistanceRow>();
        foreach (var run in data.Of(arm))
        {
            if (epochOf(run) is not { } epoch) continue;
            var of = result.Bases.Single(b => b.Seed == run.Row.BaseSeed);
            var set = FineTuningSets.Make(arm, of.Facts, of.Labels, result.Options.Size, Seeds.Mix(of.Seed, run.Row.Draw),
                result.Options.Questions, of.Exposures);
            var trained = of.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
            var statements = of.Exposures.ToDictionary(e => e.FactId, e => e.GoldExposures);
            var right = run.Answers(0).Where(a => a.Right).Select(a => a.FactId).ToHashSet();
            // How many examples have each name part, by relation.
            var parts = set.SelectMany(f => Parts(f).Select(p => (f.Relation, Part: p))).CountBy(p => p).ToDictionary();
            var inAll = set.SelectMany(Parts).CountBy(p => p).ToDictionary();
            var answers = set.CountBy(f => f.Answer).ToDictionary();
            foreach (var answer in run.Answers(epoch))
            {
                var fact = of.Facts[answer.FactId];
                if (!right.Contains(fact.Id) || !trained.Contains(fact.Relation)) continue;
                var shared = Parts(fact).Sum(p => parts.GetValueOrDefault((fact.Relation, p)));
                rows.Add(new(of.Seed, fact.Relation, !answer.Right, shared, Parts(fact).Sum(p => inAll.GetValueOrDefault(p)) - shared,
                    statements.GetValueOrDefault(fact.Id), answers.GetValueOrDefault(fact.Answer)));
            }
        }
        return rows;
    }

    private static IEnumerable<string> Parts(Fact fact) => fact.Subject.Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct();

    /// <summary>
    /// The share of lost questions. With several base models: the mean of their shares with its t interval. With one: the share, with
    /// standard errors clustered by relation, and t with one degree of freedom fewer than relations.
    /// </summary>
    /// <param name="rows">The questions; none give NaN.</param>
    /// <param name="severalBases">Whether the study has several base models. A part of the questions may be those of one.</param>
    public static Interval Lost(IReadOnlyList<DistanceRow> rows, bool severalBases) =>
        rows.Count == 0 ? Interval.Unbounded(double.NaN) : Fit(rows, severalBases, _ => [])[0];

    /// <summary>
    /// A linear model of losing a question (1) or not (0) on <see cref="Regressors"/>. Statements and examples enter as log2(1 + number).
    /// With several base models: the fits of each, with t intervals over them. With one: as in <see cref="Lost"/>.
    /// </summary>
    /// <param name="rows">The questions.</param>
    /// <param name="severalBases">Whether the study has several base models.</param>
    /// <returns>Coefficients as shares, in the order of <see cref="Regressors"/>; null where the rows do not determine them.</returns>
    public static IReadOnlyList<Interval>? Model(IReadOnlyList<DistanceRow> rows, bool severalBases)
    {
        if (rows.Count == 0) return null;
        try
        {
            return [.. Fit(rows, severalBases, of => [
                [.. of.Select(r => (double)r.SharedParts)], [.. of.Select(r => (double)r.SharedElsewhere)],
                [.. of.Select(r => Math.Log2(1 + r.Statements))], [.. of.Select(r => Math.Log2(1 + r.Taught))]]).Skip(1)];
        }
        catch (SlickException)
        {
            return null; // too few rows, or a regressor that does not vary
        }
    }

    private static IReadOnlyList<Interval> Fit(IReadOnlyList<DistanceRow> rows, bool severalBases,
        Func<IReadOnlyList<DistanceRow>, IReadOnlyList<IReadOnlyList<double>>> predictors)
    {
        var relations = rows.Select(r => r.Relation).Distinct().ToList();
        var fits = rows.GroupBy(r => r.BaseSeed).OrderBy(g => g.Key).Select(g => g.ToList()).Select(of => LinearModel.Fit(predictors(of),
            [.. of.Select(r => r.IsLost ? 1.0 : 0)], [.. of.Select(r => relations.IndexOf(r.Relation))])).ToList();
        return [.. Enumerable.Range(0, fits.Count == 0 ? 0 : fits[0].Coefficients.Count).Select(i => !severalBases
            ? LinearModel.CoefficientInterval(fits[0], i) : Intervals.MeanT([.. fits.Select(f => f.Coefficients[i])]))];
    }
}
