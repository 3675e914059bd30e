namespace Slick.Analysis;

/// <summary>
/// The answers of one fine-tuning set's models to the same questions, for a comparison with those of another set. Questions stand base
/// model by base model and, within a base model, in the order of their fact ids.
/// </summary>
/// <param name="Share">The share of right answers over all base models. Questions are weighted where one stands for several.</param>
/// <param name="Right">Whether each question is answered rightly, [questions of all base models].</param>
/// <param name="OfBase">The share of right answers of each base model, [base models].</param>
public sealed record PairedAnswers(Share Share, IReadOnlyList<bool> Right, IReadOnlyList<double> OfBase);

/// <summary>
/// Two sets of answers to the same questions, compared in three ways. The first two see how questions differ, the third one sees how base
/// models differ.
/// </summary>
/// <param name="Difference">The first share minus the second.</param>
/// <param name="OnlyFirst">Number of questions that only the first answers rightly.</param>
/// <param name="OnlySecond">Number of questions that only the second answers rightly.</param>
/// <param name="PartsP">Two-sided p-value of the paper's test (appendix I): a paired t-test over up to 100 random equal parts of the
/// questions (<see cref="EqualParts"/>). NaN where there are fewer than four questions.</param>
/// <param name="QuestionsP">Two-sided p-value of McNemar's exact test over the questions.</param>
/// <param name="BasesP">Two-sided p-value of a paired t-test over the base models. NaN where there are fewer than three: with two, the test
/// has one degree of freedom.</param>
public sealed record PairedComparison(double Difference, int OnlyFirst, int OnlySecond, double PartsP, double QuestionsP, double BasesP)
{
    private const int Parts = 100;
    private const int PartsSeed = 100;
    private const int FewestQuestions = 4;
    private const int FewestBases = 3;

    /// <summary>Compares two sets of answers.</summary>
    /// <param name="first">The first answers.</param>
    /// <param name="second">The answers of the other models to the same questions in the same order.</param>
    /// <exception cref="ArgumentException">The numbers of questions or of base models differ.</exception>
    public static PairedComparison Of(PairedAnswers first, PairedAnswers second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        Check.SameLength(first.Right.Count, second.Right.Count, nameof(second));
        Check.SameLength(first.OfBase.Count, second.OfBase.Count, nameof(second));
        var pairs = first.Right.Zip(second.Right).ToList();
        var (onlyFirst, onlySecond) = (pairs.Count(p => p.First && !p.Second), pairs.Count(p => p.Second && !p.First));
        var parts = double.NaN;
        if (pairs.Count >= FewestQuestions)
        {
            var (a, b) = EqualParts.MeansOfRandomParts(first.Right, second.Right, Parts, PartsSeed);
            parts = HypothesisTests.PairedT(a, b).P;
        }
        return new(first.Share.Value - second.Share.Value, onlyFirst, onlySecond, parts,
            HypothesisTests.McNemarExact(onlyFirst, onlySecond),
            first.OfBase.Count >= FewestBases ? HypothesisTests.PairedT(first.OfBase, second.OfBase).P : double.NaN);
    }

    /// <summary>True where, of the tests that have a p-value, some find a difference at 5% and some do not.</summary>
    public bool Disagree => Found.Distinct().Count() > 1;

    /// <summary>Whether each test that has a p-value finds a difference at 5%: equal parts, questions, base models.</summary>
    private IEnumerable<bool> Found => new[] { PartsP, QuestionsP, BasesP }.Where(p => !double.IsNaN(p)).Select(p => p < 0.05);
}
