using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;

namespace Slick.Experiments;

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
    /// <param name="questions">Bounds on a relation's part; null for none.</param>
    public static IReadOnlyList<Fact> Make(Arm arm, IReadOnlyList<Fact> facts, IReadOnlyList<LabelRow> labels, SizeRule rule, int seed,
        QuestionOptions? questions = null)
    {
        questions ??= new();
        var parts = labels.Where(l => l.Split == Split.Train).GroupBy(l => l.Relation).Select(relation =>
        {
            var shuffled = relation.ToArray();
            new RandomStream(Seeds.Mix(seed, relation.Key)).Shuffle<LabelRow>(shuffled);
            var unknown = shuffled.Where(l => l.Category == Category.Unknown).ToList();
            var known = WithoutCommonAnswers([.. shuffled.Where(l => l.Category != Category.Unknown)], questions.LargestAnswerShare,
                rule == SizeRule.SmallestCategory || questions.LargestPart == 0 ? int.MaxValue : questions.LargestPart);
            var size = rule == SizeRule.SmallestCategory
                ? Enum.GetValues<Category>().Min(c => shuffled.Count(l => l.Category == c))
                : Math.Min(known.Count, unknown.Count);
            if (questions.LargestPart > 0) size = Math.Min(size, questions.LargestPart);
            if (known.Count < questions.LeastKnown) size = 0;
            return (Shuffled: shuffled, Known: known, Unknown: unknown, Size: size);
        }).ToList();
        var unknowns = UnknownExamples([.. parts.Select(p => p.Size)], Math.Max(0, arm.UnknownPercent));
        return [.. parts.SelectMany((part, i) => arm.Kind switch
        {
            ArmKind.Ratio or ArmKind.RatioDecayingRate => part.Unknown.Take(unknowns[i]).Concat(part.Known.Take(part.Size - unknowns[i])),
            ArmKind.KnownOnly or ArmKind.KnownOnlySameUpdates => part.Known.Take(part.Size - unknowns[i]),
            ArmKind.HighlyKnown => part.Shuffled.Where(l => l.Category == Category.HighlyKnown).Take(part.Size),
            ArmKind.MaybeKnown => part.Shuffled.Where(l => l.Category == Category.MaybeKnown).Take(part.Size),
            ArmKind.WeaklyKnown => part.Shuffled.Where(l => l.Category == Category.WeaklyKnown).Take(part.Size),
            ArmKind.Natural => part.Shuffled.Take(part.Size),
            _ => throw new ArgumentOutOfRangeException(nameof(arm)),
        }).Select(l => facts[l.FactId])];
    }

    /// <summary>
    /// As many of the questions, in their order, as leave no gold answer with more than its share of them. Where one answer is most of
    /// what a model knows of a relation, what it knows is that answer.
    /// </summary>
    /// <param name="labels">Questions of one relation, in the order in which they are taken.</param>
    /// <param name="share">The largest share of one answer; 1 for any.</param>
    /// <param name="most">How many are taken at most.</param>
    internal static List<LabelRow> WithoutCommonAnswers(IReadOnlyList<LabelRow> labels, double share, int most = int.MaxValue)
    {
        if (share >= 1) return [.. labels];
        // The more there are, the more of one answer are allowed: the largest number that the answers allow.
        var counts = labels.CountBy(l => l.Answer).Select(p => p.Value).ToList();
        for (var size = Math.Min(labels.Count, most); size > 0; size--)
        {
            var each = (int)Math.Floor(share * size);
            if (counts.Sum(c => Math.Min(c, each)) < size) continue;
            var (taken, of) = (new List<LabelRow>(), new Dictionary<string, int>(StringComparer.Ordinal));
            foreach (var label in labels)
                if (taken.Count < size && of.GetValueOrDefault(label.Answer) < each)
                {
                    of[label.Answer] = of.GetValueOrDefault(label.Answer) + 1;
                    taken.Add(label);
                }
            return taken;
        }
        return [];
    }

    /// <summary>
    /// How many examples of each relation are Unknown: X% of it, rounded so that X% of the whole set is met (largest remainder;
    /// of equal remainders the first relations').
    /// </summary>
    /// <param name="sizes">Examples of each relation.</param>
    /// <param name="percent">X, 0 to 100.</param>
    internal static int[] UnknownExamples(IReadOnlyList<int> sizes, int percent)
    {
        var counts = sizes.Select(size => size * percent / 100).ToArray();
        var missing = (int)Math.Round(sizes.Sum() * percent / 100.0, MidpointRounding.AwayFromZero) - counts.Sum();
        foreach (var i in Enumerable.Range(0, sizes.Count).OrderByDescending(i => sizes[i] * percent % 100).Take(missing)) counts[i]++;
        return counts;
    }
}
