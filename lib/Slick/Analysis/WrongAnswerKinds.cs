using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Text;

namespace Slick.Analysis;

/// <summary>What a wrong answer is: an answer that is not exactly the gold answer (paper, Table 6).</summary>
public enum WrongAnswerKind
{
    /// <summary>No answer: the line ends at once.</summary>
    Empty,
    /// <summary>The model says that it does not know.</summary>
    Abstention,
    /// <summary>The gold answer in other letters: the same words in any order, without regard to case, punctuation, articles and
    /// diacritics, or its initials. The paper's "paraphrase", as far as letters tell. Not in a lab.</summary>
    SameWords,
    /// <summary>All words of the gold answer and more, or some of its words and no other: the paper's "higher" and "lower granularity", as
    /// far as letters tell. Not in a lab.</summary>
    PartOfEachOther,
    /// <summary>Lab only: the rival that contradicting documents state of the same fact.</summary>
    Rival,
    /// <summary>An answer that the fine-tuning set teaches in the same relation.</summary>
    AnswerOfSet,
    /// <summary>An answer of another labelled fact of the same relation that the fine-tuning set does not teach.</summary>
    AnswerOfRelation,
    /// <summary>An answer of a labelled fact of another relation.</summary>
    AnswerOfAnotherRelation,
    /// <summary>No answer of any labelled fact.</summary>
    Elsewhere,
}

/// <summary>Sorts wrong answers by what they are. The kinds are tried in their order, and the first one that fits counts.</summary>
public sealed class WrongAnswerKinds
{
    // What a model says that does not know: the beginning of its answer, and whole answers.
    private static readonly string[] Abstentions = ["i dont know", "i do not know", "nobody knows", "no one knows"];
    private static readonly string[] WholeAbstentions = ["unknown", "not known"];

    // Words that initials leave out, as in USA.
    private static readonly string[] Small = ["of", "and", "for", "in", "on"];

    private readonly IReadOnlyList<Fact> facts;
    private readonly HashSet<(string Relation, string Answer)> taught;
    private readonly HashSet<(string Relation, string Answer)> ofRelation;
    private readonly HashSet<string> all;
    private readonly bool areNamesArbitrary;

    /// <summary>Prepares the kinds of one run.</summary>
    /// <param name="facts">All facts; a fact's id is its index.</param>
    /// <param name="labels">The labelled facts, whose answers count as answers of their relations. Published studies have no
    /// others.</param>
    /// <param name="taught">The fine-tuning set of the run.</param>
    /// <param name="areNamesArbitrary">True for a lab. Its world has no aliases and no places within places, and parts of its names mean
    /// nothing. So no answer is <see cref="WrongAnswerKind.SameWords"/> or <see cref="WrongAnswerKind.PartOfEachOther"/>.</param>
    public WrongAnswerKinds(IReadOnlyList<Fact> facts, IEnumerable<LabelRow> labels, IEnumerable<Fact> taught, bool areNamesArbitrary)
    {
        (this.facts, this.areNamesArbitrary) = (facts, areNamesArbitrary);
        this.taught = [.. taught.Select(f => (f.Relation, f.Answer))];
        ofRelation = [.. labels.Select(l => (l.Relation, l.Answer))];
        all = ofRelation.Select(a => a.Answer).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The kind of a wrong answer.</summary>
    /// <param name="answer">The answer: a row whose <see cref="AnswerRow.Right"/> is false.</param>
    public WrongAnswerKind Of(AnswerRow answer)
    {
        var (fact, text) = (facts[answer.FactId], answer.Text);
        return text.Length == 0 ? WrongAnswerKind.Empty
            : IsAbstention(text) ? WrongAnswerKind.Abstention
            : ByWords(text, fact.Answer) ?? (text == fact.Rival ? WrongAnswerKind.Rival
            : taught.Contains((fact.Relation, text)) ? WrongAnswerKind.AnswerOfSet
            : ofRelation.Contains((fact.Relation, text)) ? WrongAnswerKind.AnswerOfRelation
            : all.Contains(text) ? WrongAnswerKind.AnswerOfAnotherRelation : WrongAnswerKind.Elsewhere);
    }

    /// <summary>Whether an answer says that the model does not know.</summary>
    /// <param name="text">The answer.</param>
    internal static bool IsAbstention(string text) => string.Join(' ', ExactMatch.Words(text)) is var words
        && (WholeAbstentions.Contains(words) || Abstentions.Any(a => $"{words} ".StartsWith($"{a} ", StringComparison.Ordinal)));

    private WrongAnswerKind? ByWords(string text, string gold)
    {
        if (areNamesArbitrary) return null;
        var (said, right) = (ExactMatch.Words(text), ExactMatch.Words(gold));
        if (said.Count == 0 || right.Count == 0) return null;
        if (said.Order(StringComparer.Ordinal).SequenceEqual(right.Order(StringComparer.Ordinal)) || AreInitials(said, right)
            || AreInitials(right, said)) return WrongAnswerKind.SameWords;
        return said.All(right.Contains) || right.All(said.Contains) ? WrongAnswerKind.PartOfEachOther : null;
    }

    // "usa" and "united states of america".
    private static bool AreInitials(IReadOnlyList<string> one, IReadOnlyList<string> of) => one.Count == 1 && of.Count > 1
        && one[0].SequenceEqual(of.Where(w => !Small.Contains(w)).Select(w => w[0]));
}
