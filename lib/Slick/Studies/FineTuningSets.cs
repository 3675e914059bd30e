using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;

namespace Slick.Studies;

/// <summary>How large a relation's part of D is.</summary>
public enum SizeRule
{
    /// <summary>The relation's smallest category (the paper).</summary>
    SmallestCategory,
    /// <summary>The smaller of its Known and its Unknown facts.</summary>
    SmallerOfKnownAndUnknown,
}

/// <summary>Fine-tuning sets (paper, section 4): every variant keeps |D| and each relation's share of it.</summary>
public static class FineTuningSets
{
    /// <summary>The examples of an arm, drawn from the train split.</summary>
    /// <param name="arm">Which set.</param>
    /// <param name="facts">All facts, by id.</param>
    /// <param name="labels">SliCK's labels of the train facts.</param>
    /// <param name="rule">How large each relation's part is.</param>
    /// <param name="seed">Seed of the draw; D and D_Known of the same seed hold the same Known examples.</param>
    public static IReadOnlyList<Fact> Make(Arm arm, IReadOnlyList<Fact> facts, IReadOnlyList<LabelRow> labels, SizeRule rule, int seed)
    {
        var set = new List<Fact>();
        foreach (var relation in labels.Where(l => l.Split == Split.Train).GroupBy(l => l.Relation))
        {
            var random = new Random(Seeds.Mix(seed, relation.Key));
            var shuffled = relation.ToArray();
            random.Shuffle(shuffled);
            var known = shuffled.Where(l => l.Category != Category.Unknown).ToList();
            var unknown = shuffled.Where(l => l.Category == Category.Unknown).ToList();
            var size = rule == SizeRule.SmallestCategory
                ? Enum.GetValues<Category>().Min(c => shuffled.Count(l => l.Category == c))
                : Math.Min(known.Count, unknown.Count);
            var unknowns = (int)Math.Round(size * Math.Max(0, arm.UnknownPercent) / 100.0, MidpointRounding.AwayFromZero);
            IEnumerable<LabelRow> chosen = arm.Kind switch
            {
                ArmKind.Ratio => unknown.Take(unknowns).Concat(known.Take(size - unknowns)),
                ArmKind.KnownOnly or ArmKind.KnownOnlySameUpdates => known.Take(size - unknowns),
                ArmKind.HighlyKnown => shuffled.Where(l => l.Category == Category.HighlyKnown).Take(size),
                ArmKind.MaybeKnown => shuffled.Where(l => l.Category == Category.MaybeKnown).Take(size),
                ArmKind.WeaklyKnown => shuffled.Where(l => l.Category == Category.WeaklyKnown).Take(size),
                _ => shuffled.Take(size),
            };
            set.AddRange(chosen.Select(l => facts[l.FactId]));
        }
        return set;
    }
}
