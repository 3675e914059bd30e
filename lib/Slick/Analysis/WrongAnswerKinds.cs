using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;

namespace Slick.Analysis;

/// <summary>What a wrong answer is, for a model of the lab.</summary>
public enum WrongAnswerKind
{
    /// <summary>No answer: the line ends at once.</summary>
    Empty,
    /// <summary>The rival that contradicting documents state of the same fact.</summary>
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

/// <summary>Sorts wrong answers by where they come from. The kinds are tried in their order, and the first one that fits counts.</summary>
public sealed class WrongAnswerKinds
{
    private readonly IReadOnlyList<Fact> facts;
    private readonly HashSet<(string Relation, string Answer)> taught;
    private readonly HashSet<(string Relation, string Answer)> ofRelation;
    private readonly HashSet<string> all;

    /// <summary>Prepares the kinds of one run.</summary>
    /// <param name="facts">All facts; a fact's id is its index.</param>
    /// <param name="labels">The labelled facts, whose answers count as answers of their relations. Published studies have no
    /// others.</param>
    /// <param name="taught">The fine-tuning set of the run.</param>
    public WrongAnswerKinds(IReadOnlyList<Fact> facts, IEnumerable<LabelRow> labels, IEnumerable<Fact> taught)
    {
        this.facts = facts;
        this.taught = [.. taught.Select(f => (f.Relation, f.Answer))];
        ofRelation = [.. labels.Select(l => (l.Relation, l.Answer))];
        all = ofRelation.Select(a => a.Answer).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The kind of a wrong answer.</summary>
    /// <param name="answer">The answer: a row whose <see cref="AnswerRow.Right"/> is false.</param>
    public WrongAnswerKind Of(AnswerRow answer)
    {
        var fact = facts[answer.FactId];
        return answer.Text.Length == 0 ? WrongAnswerKind.Empty
            : answer.Text == fact.Rival ? WrongAnswerKind.Rival
            : taught.Contains((fact.Relation, answer.Text)) ? WrongAnswerKind.AnswerOfSet
            : ofRelation.Contains((fact.Relation, answer.Text)) ? WrongAnswerKind.AnswerOfRelation
            : all.Contains(answer.Text) ? WrongAnswerKind.AnswerOfAnotherRelation : WrongAnswerKind.Elsewhere;
    }
}
