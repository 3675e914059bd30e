namespace Slick.Analysis;

/// <summary>How much of the answers of a relation are one answer. Taught in <c>notebooks/06-a-real-model.ipynb</c>.</summary>
public static class CommonestAnswer
{
    /// <summary>
    /// The share of answers that are the most frequent one of their relation; NaN without answers. Of gold answers: what a model scores
    /// that always says the most frequent one. Of a model's answers: how alike they are.
    /// </summary>
    /// <param name="answers">The relation and the answer of each question.</param>
    public static double Of(IReadOnlyList<(string Relation, string Answer)> answers) => answers.Count == 0 ? double.NaN
        : answers.GroupBy(q => q.Relation, StringComparer.Ordinal)
            .Sum(g => g.CountBy(q => q.Answer, StringComparer.Ordinal).Max(a => a.Value)) / (double)answers.Count;
}
