using System.Globalization;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Analysis;

/// <summary>One condition that the lab must meet before its results are published (ours).</summary>
/// <param name="Condition">The condition.</param>
/// <param name="Found">The number of the worst base model.</param>
/// <param name="Met">Whether every base model meets the condition.</param>
public sealed record FitnessRow(string Condition, string Found, bool Met);

/// <summary>The conditions under which the lab is fit to measure with. Each condition looks at the worst base model.</summary>
public static class Fitness
{
    private static readonly Category[] Categories = Enum.GetValues<Category>();

    /// <summary>Checks base models: their labels of the relations in distribution, and how often each fact was stated to them.</summary>
    /// <param name="bases">The base models.</param>
    /// <param name="smallestShare">Share of the train facts that each category must have at least: 0.10, for <c>quick</c> 0.05.</param>
    public static IReadOnlyList<FitnessRow> Of(IReadOnlyList<LabelledBase> bases, double smallestShare = 0.10)
    {
        var all = bases.Select(b =>
        {
            var trained = b.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
            var labels = b.Labels.Where(l => trained.Contains(l.Relation)).ToList();
            return (Train: labels.Where(l => l.Split == Split.Train).ToList(), Test: labels.Where(l => l.Split == Split.Test).ToList(),
                Gold: b.Exposures.ToDictionary(e => e.FactId, e => (double)e.GoldExposures));
        }).ToList();
        static int[] Counts(IEnumerable<LabelRow> of) => [.. Categories.Select(c => of.Count(l => l.Category == c))];
        var (share, at) = all.SelectMany(b => Counts(b.Train).Select((n, c) => (n / (double)b.Train.Count, Categories[c]))).Min();
        var outside = all.SelectMany(b => b.Train.GroupBy(l => l.Relation))
            .Select(g => (Share: Counts(g).Order().Take(2).Sum() / (double)g.Count(), g.Key)).Min();
        var exposures = all.Select(b => Categories.Select(c => b.Train.Where(l => l.Category == c)
            .Select(l => b.Gold.GetValueOrDefault(l.FactId, double.NaN)).DefaultIfEmpty(double.NaN).Average()).ToList()).ToList();
        var falls = exposures.All(e => e.Zip(e.Skip(1)).All(p => p.First > p.Second));
        var test = all.SelectMany(b => Counts(b.Test).Select((n, c) => (n, Categories[c]))).Min();
        var smallest = all.Select(b => b.Train.GroupBy(l => l.Relation).Select(g => Counts(g).Min()).ToList()).ToList();
        string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        return
        [
            new(Text($"each category has at least {100 * smallestShare:F0}% of the train facts"), Text($"{100 * share:F1}% {at}"),
                share >= smallestShare),
            new("each relation has at least 5% of its facts outside its two largest categories",
                Text($"{100 * outside.Share:F1}% in {outside.Key}"), outside.Share >= 0.05),
            new("mean statements of the gold answer fall from HighlyKnown to Unknown",
                string.Join(", ", exposures[falls ? 0 : exposures.FindIndex(e => !e.Zip(e.Skip(1)).All(p => p.First > p.Second))]
                .Select(e => e.ToString("F0", CultureInfo.InvariantCulture))), falls),
            new("each category has at least 200 test questions (lab)", Text($"{test.n} {test.Item2}"), test.n >= 200),
            new("|D| by the smallest category is at least 400 (lab)", Text($"{smallest.Min(s => s.Sum())}"),
                smallest.Min(s => s.Sum()) >= 400),
            new("each relation has at least 15 examples in D (lab)", Text($"{smallest.Min(s => s.Min())}"),
                smallest.Min(s => s.Min()) >= 15),
        ];
    }
}
