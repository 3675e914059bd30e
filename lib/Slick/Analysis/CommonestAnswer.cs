namespace Slick.Analysis;

/// <summary>What guessing would score: always the commonest answer.</summary>
public static class CommonestAnswer
{
    /// <summary>The share of questions whose gold answer is the most frequent one of their relation; NaN without questions.</summary>
    /// <param name="questions">Relation and gold answer of each question.</param>
    public static double Of(IReadOnlyList<(string Relation, string Answer)> questions) => questions.Count == 0 ? double.NaN
        : questions.GroupBy(q => q.Relation, StringComparer.Ordinal)
            .Sum(g => g.CountBy(q => q.Answer, StringComparer.Ordinal).Max(a => a.Value)) / (double)questions.Count;
}
