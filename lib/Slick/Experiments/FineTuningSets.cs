using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Text;
using static System.FormattableString;

namespace Slick.Experiments;

/// <summary>The rule for the size of a relation's part of D.</summary>
public enum SizeRule
{
    /// <summary>The number of facts in the relation's smallest category (paper, section 4).</summary>
    SmallestCategory,
    /// <summary>The smaller of the numbers of the relation's Known and Unknown facts. Ours.</summary>
    SmallerOfKnownAndUnknown,
}

/// <summary>Fine-tuning sets (paper, section 4). Except D_Known, every set takes |D| examples, with the same number from each relation as
/// D. A set is smaller where a relation has too few facts of a category. Taught in
/// <c>notebooks/02-make-a-fine-tuning-set.ipynb</c>.</summary>
public static class FineTuningSets
{
    /// <summary>Draws the examples of an arm from the train split.</summary>
    /// <param name="arm">The arm: the kind of set.</param>
    /// <param name="facts">All facts; a fact's id is its index.</param>
    /// <param name="labels">SliCK's labels of the train facts.</param>
    /// <param name="rule">The rule for the size of each relation's part.</param>
    /// <param name="seed">Seed of the draw. D and D_Known of the same seed have the same Known examples.</param>
    /// <param name="questions">Limits of a relation's part; null for none.</param>
    /// <returns>The examples, relation by relation.</returns>
    public static IReadOnlyList<Fact> Make(Arm arm, IReadOnlyList<Fact> facts, IReadOnlyList<LabelRow> labels, SizeRule rule, int seed,
        QuestionOptions? questions = null)
    {
        questions ??= new();
        var parts = labels.Where(l => l.Split == Split.Train).GroupBy(l => l.Relation).Select(relation =>
        {
            var shuffled = relation.ToArray();
            new RandomStream(Seeds.Mix(seed, relation.Key)).Shuffle<LabelRow>(shuffled);
            var unknown = shuffled.Where(l => l.Category == Category.Unknown).ToList();
            var known = shuffled.Where(l => l.Category != Category.Unknown).ToList();
            // The Known facts that count: those that the rule about common answers leaves.
            int Most(int most) => WithoutCommonAnswers(known, questions.LargestAnswerShare, most).Count;
            var most = questions.LargestPart > 0 ? questions.LargestPart : int.MaxValue;
            var size = Math.Min(Most(most), rule == SizeRule.SmallestCategory
                ? Enum.GetValues<Category>().Min(c => shuffled.Count(l => l.Category == c)) : Math.Min(most, unknown.Count));
            if (Most(int.MaxValue) < questions.LeastKnown) size = 0;
            return (Shuffled: shuffled, Known: known, Unknown: unknown, Size: size);
        }).ToList();
        var unknowns = UnknownExamples([.. parts.Select(p => p.Size)], Math.Max(0, arm.UnknownPercent));
        return [.. parts.SelectMany((part, i) => arm.Kind switch
        {
            ArmKind.Ratio or ArmKind.RatioDecayingRate or ArmKind.DontKnow => part.Unknown.Take(unknowns[i])
                .Concat(KnownExamples(part.Known, part.Size - unknowns[i], questions.LargestAnswerShare)),
            ArmKind.KnownOnly or ArmKind.KnownOnlySameUpdates =>
                KnownExamples(part.Known, part.Size - unknowns[i], questions.LargestAnswerShare),
            ArmKind.HighlyKnown => part.Shuffled.Where(l => l.Category == Category.HighlyKnown).Take(part.Size),
            ArmKind.MaybeKnown => part.Shuffled.Where(l => l.Category == Category.MaybeKnown).Take(part.Size),
            ArmKind.WeaklyKnown => part.Shuffled.Where(l => l.Category == Category.WeaklyKnown).Take(part.Size),
            ArmKind.Natural => part.Shuffled.Take(part.Size),
            _ => throw new ArgumentOutOfRangeException(nameof(arm)),
        }).Select(l => facts[l.FactId])];
    }

    /// <summary>The examples of a set: each fact's question alone, and the answer that is taught. D_IDK teaches
    /// <see cref="Fact.DontKnow"/> for its Unknown facts.</summary>
    /// <param name="arm">The arm: the kind of set.</param>
    /// <param name="set">The facts of the set (<see cref="Make"/>).</param>
    /// <param name="labels">SliCK's labels of the train facts.</param>
    /// <param name="format">How a question is written.</param>
    public static IReadOnlyList<Example> Examples(Arm arm, IReadOnlyList<Fact> set, IReadOnlyList<LabelRow> labels, PromptFormat format)
    {
        var examples = Example.Of(set, format);
        if (arm.Kind != ArmKind.DontKnow) return examples;
        var unknown = labels.Where(l => l.Category == Category.Unknown).Select(l => l.FactId).ToHashSet();
        return [.. examples.Select(e => unknown.Contains(e.Fact.Id) ? e with { Target = Fact.DontKnow } : e)];
    }

    /// <summary>Says of a study without a D which rules left how many relations out, and what to do.</summary>
    /// <param name="labels">SliCK's labels of the train facts.</param>
    /// <param name="rule">The rule for the size of each relation's part.</param>
    /// <param name="questions">Limits of a relation's part.</param>
    internal static string WhyEmpty(IReadOnlyList<LabelRow> labels, SizeRule rule, QuestionOptions questions)
    {
        var why = labels.Where(l => l.Split == Split.Train).GroupBy(l => l.Relation).Select(relation =>
        {
            var known = relation.Where(l => l.Category != Category.Unknown).ToList();
            var kept = WithoutCommonAnswers(known, questions.LargestAnswerShare).Count;
            return known.Count == 0 ? ("no Known question", "label more questions (questions.train) or take a model that knows more")
                : known.Count == relation.Count() ? ("no Unknown question", "label more questions (questions.train) or take rarer ones")
                : known.Count < questions.LeastKnown ? (
                    Invariant($"fewer than questions.leastKnown={questions.LeastKnown} Known questions"),
                    "lower questions.leastKnown or label more questions (questions.train)")
                : kept == 0 || kept < questions.LeastKnown ? ("too few Known questions once no answer makes up more than "
                    + Invariant($"questions.largestAnswerShare={questions.LargestAnswerShare}"),
                    "raise questions.largestAnswerShare or label more questions (questions.train)")
                : rule == SizeRule.SmallestCategory ? ("no question of one of the categories", "set size=smallerOfKnownAndUnknown")
                : ("no question left", "label more questions (questions.train)");
        }).CountBy(r => r).OrderByDescending(r => r.Value).ToList();
        return Invariant($"|D| is 0: of the {why.Sum(r => r.Value)} relations with train questions ")
            + string.Join(", ", why.Select(r => Invariant($"{r.Value} ha{(r.Value == 1 ? "s" : "ve")} {r.Key.Item1}")))
            + "; " + string.Join("; ", why.Select(r => r.Key.Item2).Distinct()) + ".";
    }

    /// <summary>
    /// Takes a number of Known facts in their order, so that no gold answer makes up more than a given share of them, rounded up to a whole
    /// fact where the share rounded down leaves too few.
    /// </summary>
    /// <param name="known">The Known facts of one relation, in the order in which they are taken.</param>
    /// <param name="count">How many to take. At most as many as <see cref="WithoutCommonAnswers"/> finds.</param>
    /// <param name="share">The largest share of one gold answer; 1 for no limit.</param>
    internal static IReadOnlyList<LabelRow> KnownExamples(IReadOnlyList<LabelRow> known, int count, double share)
    {
        var down = Taken(known, count, Math.Max(1, (int)Math.Floor(share * count)));
        return down.Count == count ? down : Taken(known, count, (int)Math.Ceiling(share * count));
    }

    // The first questions, of one answer at most `each` of them.
    private static List<LabelRow> Taken(IReadOnlyList<LabelRow> labels, int count, int each)
    {
        var (taken, of) = (new List<LabelRow>(), new Dictionary<string, int>(StringComparer.Ordinal));
        foreach (var label in labels)
            if (taken.Count < count && of.GetValueOrDefault(label.Answer) < each)
            {
                of[label.Answer] = of.GetValueOrDefault(label.Answer) + 1;
                taken.Add(label);
            }
        return taken;
    }

    /// <summary>
    /// Takes questions in their order, as many as possible, so that no gold answer makes up more than a given share of them. Where one
    /// answer is most of what a model knows of a relation, the model may know that answer and not the facts.
    /// </summary>
    /// <param name="labels">Questions of one relation, in the order in which they are taken.</param>
    /// <param name="share">The largest share of one gold answer; 1 for no limit.</param>
    /// <param name="most">The largest number of questions to take.</param>
    internal static List<LabelRow> WithoutCommonAnswers(IReadOnlyList<LabelRow> labels, double share, int most = int.MaxValue)
    {
        if (share >= 1) return [.. labels.Take(most)];
        // A larger number of questions allows more questions with one answer. This loop finds the largest number that the answers allow.
        var counts = labels.CountBy(l => l.Answer).Select(p => p.Value).ToList();
        for (var size = Math.Min(labels.Count, most); size > 0; size--)
        {
            var each = (int)Math.Floor(share * size);
            if (counts.Sum(c => Math.Min(c, each)) >= size) return Taken(labels, size, each);
        }
        return [];
    }

    /// <summary>
    /// The number of Unknown examples of each relation: X% of the relation's examples. Rounding is by largest remainder, so that X% of the
    /// whole set is met. Of equal remainders, those of the first relations are rounded up.
    /// </summary>
    /// <param name="sizes">Number of examples of each relation.</param>
    /// <param name="percent">X, 0 to 100.</param>
    internal static int[] UnknownExamples(IReadOnlyList<int> sizes, int percent)
    {
        var counts = sizes.Select(size => size * percent / 100).ToArray();
        var missing = (int)Math.Round(sizes.Sum() * percent / 100.0, MidpointRounding.AwayFromZero) - counts.Sum();
        foreach (var i in Enumerable.Range(0, sizes.Count).OrderByDescending(i => sizes[i] * percent % 100).Take(missing)) counts[i]++;
        return counts;
    }
}
