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
    /// <summary>The smallest of the numbers of the relation's HighlyKnown facts and of its three kinds of Unknown facts
    /// (<see cref="UnknownKinds"/>). Lab only, ours.</summary>
    SmallestUnknownKind,
}

/// <summary>
/// What SliCK calls Unknown is three things. A lab can tell them apart, because it is known what its pre-training stated.
/// </summary>
internal static class UnknownKinds
{
    /// <summary>A fact that was stated more often than this in one pass, and is Unknown all the same, is of no kind.</summary>
    public const int MostStatements = 20;

    /// <summary>The kinds of sets.</summary>
    public static IReadOnlyList<ArmKind> All { get; } = [ArmKind.NeverStated, ArmKind.StatedNotKept, ArmKind.RivalStated];

    /// <summary>The kind of an Unknown fact; null for a fact of none of the three.</summary>
    /// <param name="exposures">What one pass of pre-training states of the fact.</param>
    public static ArmKind? Of(ExposureRow exposures) => exposures.Told switch
    {
        Told.NeverSeen => ArmKind.NeverStated,
        Told.RivalMajority => ArmKind.RivalStated,
        _ => exposures.GoldExposures <= MostStatements ? ArmKind.StatedNotKept : null,
    };
}

/// <summary>The sets of a ladder's steps (<see cref="Ladder"/>).</summary>
internal static class LadderSets
{
    /// <summary>The kinds of sets, in the order of the steps: [<see cref="Ladder.Steps"/>].</summary>
    public static IReadOnlyList<ArmKind> All { get; } = [ArmKind.Stated0, ArmKind.Stated2, ArmKind.Stated8, ArmKind.Stated32,
        ArmKind.Stated128, ArmKind.StatedWithRival];
}

/// <summary>Fine-tuning sets (paper, section 4). Except D_Known, every set takes |D| examples, with the same number from each relation as
/// D. A set is smaller where a relation has too few facts of a category. Taught in
/// <c>notebooks/02-make-a-fine-tuning-set.ipynb</c>.</summary>
public static class FineTuningSets
{
    // The train facts of a relation in the order of a draw, and how many of them are in D.
    private sealed record Part(string Relation, LabelRow[] Shuffled, List<LabelRow> Known, List<LabelRow> Unknown, int Size);

    /// <summary>Draws the examples of an arm from the train split.</summary>
    /// <param name="arm">The arm: the kind of set.</param>
    /// <param name="facts">All facts; a fact's id is its index.</param>
    /// <param name="labels">SliCK's labels of the train facts.</param>
    /// <param name="rule">The rule for the size of each relation's part.</param>
    /// <param name="seed">Seed of the draw. D and D_Known of the same seed have the same Known examples.</param>
    /// <param name="questions">Limits of a relation's part; null for none.</param>
    /// <param name="exposures">Lab only: what pre-training stated of the labelled facts, in any order. The kinds of Unknown follow from
    /// it.</param>
    /// <param name="ladder">The ids of the facts on each step of the world's ladder (<see cref="Ladder.Facts"/>); null where there is
    /// none. The sets of a ladder's steps have all facts of a step.</param>
    /// <returns>The examples, relation by relation.</returns>
    public static IReadOnlyList<Fact> Make(Arm arm, IReadOnlyList<Fact> facts, IReadOnlyList<LabelRow> labels, SizeRule rule, int seed,
        QuestionOptions? questions = null, IReadOnlyList<ExposureRow>? exposures = null, IReadOnlyList<IReadOnlySet<int>>? ladder = null)
    {
        if (LadderSets.All.Index().FirstOrDefault(k => k.Item == arm.Kind, (-1, default)).Index is >= 0 and var step)
            return [.. labels.Where(l => ladder?[step].Contains(l.FactId) == true).Select(l => facts[l.FactId])];
        questions ??= new();
        var told = (exposures ?? []).ToDictionary(e => e.FactId);
        var parts = Parts(labels, rule, seed, questions, told);
        int[] sizes = [.. parts.Select(p => p.Size)];
        var unknowns = arm.Kind is ArmKind.Concentrated or ArmKind.Spread ? Concentrated(arm, parts, seed)
            : UnknownExamples(sizes, Math.Max(0, arm.UnknownPercent));
        return [.. parts.SelectMany((part, i) => arm.Kind switch
        {
            ArmKind.Ratio or ArmKind.RatioDecayingRate or ArmKind.DontKnow or ArmKind.Concentrated or ArmKind.Spread =>
                part.Unknown.Take(unknowns[i])
                    .Concat(KnownExamples(part.Known, part.Size - unknowns[i], questions.LargestAnswerShare)),
            ArmKind.KnownOnly or ArmKind.KnownOnlySameUpdates =>
                KnownExamples(part.Known, part.Size - unknowns[i], questions.LargestAnswerShare),
            ArmKind.HighlyKnown => part.Shuffled.Where(l => l.Category == Category.HighlyKnown).Take(part.Size),
            ArmKind.MaybeKnown => part.Shuffled.Where(l => l.Category == Category.MaybeKnown).Take(part.Size),
            ArmKind.WeaklyKnown => part.Shuffled.Where(l => l.Category == Category.WeaklyKnown).Take(part.Size),
            ArmKind.Natural => part.Shuffled.Take(part.Size),
            ArmKind.NeverStated or ArmKind.StatedNotKept or ArmKind.RivalStated =>
                part.Unknown.Where(l => UnknownKinds.Of(told[l.FactId]) == arm.Kind).Take(part.Size),
            _ => throw new ArgumentOutOfRangeException(nameof(arm)),
        }).Select(l => facts[l.FactId])];
    }

    private static List<Part> Parts(IReadOnlyList<LabelRow> labels, SizeRule rule, int seed, QuestionOptions questions,
        Dictionary<int, ExposureRow> told) =>
        [.. labels.Where(l => l.Split == Split.Train).GroupBy(l => l.Relation).Select(relation =>
        {
            var shuffled = relation.ToArray();
            new RandomStream(Seeds.Mix(seed, relation.Key)).Shuffle<LabelRow>(shuffled);
            var unknown = shuffled.Where(l => l.Category == Category.Unknown).ToList();
            var known = shuffled.Where(l => l.Category != Category.Unknown).ToList();
            // The Known facts that count: those that the rule about common answers leaves.
            int Most(int most) => WithoutCommonAnswers(known, questions.LargestAnswerShare, most).Count;
            var most = questions.LargestPart > 0 ? questions.LargestPart : int.MaxValue;
            var size = Math.Min(Most(most), rule switch
            {
                SizeRule.SmallestCategory => Enum.GetValues<Category>().Min(c => shuffled.Count(l => l.Category == c)),
                SizeRule.SmallestUnknownKind => Math.Min(shuffled.Count(l => l.Category == Category.HighlyKnown),
                    UnknownKinds.All.Min(k => unknown.Count(l => UnknownKinds.Of(told[l.FactId]) == k))),
                _ => Math.Min(most, unknown.Count),
            });
            if (Most(int.MaxValue) < questions.LeastKnown) size = 0;
            return new Part(relation.Key, shuffled, known, unknown, size);
        })];

    // The number of Unknown examples of each relation: all of the relations that are wholly Unknown and none of the others, or as many,
    // spread.
    private static int[] Concentrated(Arm arm, List<Part> parts, int seed)
    {
        var wholly = WhollyUnknown(arm, parts, seed);
        int[] sizes = [.. parts.Select(p => p.Size)], unknowns = [.. parts.Select(p => wholly.Contains(p.Relation) ? p.Size : 0)];
        return arm.Kind == ArmKind.Concentrated ? unknowns : UnknownExamples(sizes, unknowns.Sum(), Math.Max(1, sizes.Sum()));
    }

    // X% of the relations that have examples, at least one, in an order of the draw.
    private static HashSet<string> WhollyUnknown(Arm arm, List<Part> parts, int seed)
    {
        string[] relations = [.. parts.Where(p => p.Size > 0).Select(p => p.Relation).Order(StringComparer.Ordinal)];
        new RandomStream(Seeds.Mix(seed, "wholly Unknown")).Shuffle<string>(relations);
        return [.. relations.Take((int)Math.Max(1, Math.Round(relations.Length * arm.UnknownPercent / 100.0)))];
    }

    /// <summary>The relations that have Unknown examples alone in a set of the kind <see cref="ArmKind.Concentrated"/>.</summary>
    /// <param name="arm">The arm, which says how many.</param>
    /// <param name="labels">SliCK's labels.</param>
    /// <param name="options">The options of the run's study.</param>
    /// <param name="baseSeed">Seed of the base model.</param>
    /// <param name="draw">Number of the draw.</param>
    /// <param name="exposures">What pre-training stated of each fact; empty where that is not known.</param>
    internal static IReadOnlySet<string> WhollyUnknown(Arm arm, IReadOnlyList<LabelRow> labels, StudyOptions options, int baseSeed,
        int draw, IReadOnlyList<ExposureRow> exposures)
    {
        var seed = Seeds.Mix(baseSeed, draw);
        return WhollyUnknown(arm, Parts(labels, options.Size, seed, options.Questions,
            exposures.ToDictionary(e => e.FactId)), seed);
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
    internal static int[] UnknownExamples(IReadOnlyList<int> sizes, int percent) => UnknownExamples(sizes, percent, 100);

    // The share as a fraction of whole numbers, so that remainders are exact.
    private static int[] UnknownExamples(IReadOnlyList<int> sizes, int numerator, int denominator)
    {
        int[] counts = [.. sizes.Select(size => (int)((long)size * numerator / denominator))];
        var missing = (int)Math.Round((double)sizes.Sum() * numerator / denominator, MidpointRounding.AwayFromZero) - counts.Sum();
        foreach (var i in Enumerable.Range(0, sizes.Count).OrderByDescending(i => (long)sizes[i] * numerator % denominator).Take(missing))
            counts[i]++;
        return counts;
    }
}
