using System.Globalization;
using Slick.Experiments;
using Slick.Knowledge;

namespace Slick.Figures;

/// <summary>The table of base models before any fine-tuning.</summary>
public static class BaseInspectionTable
{
    /// <summary>A row for each model, numbers in percent.</summary>
    /// <param name="rows">The models.</param>
    public static TableView Make(IReadOnlyList<BaseInspectionRow> rows) => new()
    {
        Id = "base-models",
        Title = "Base models before any fine-tuning (%)",
        Note = "Categories: of the train facts. Few-shot: right greedy answers behind SliCK's prompts. Q/A and instruction: right greedy "
            + "answers to the question alone, in the two forms; best / few-shot: the better of these over few-shot. MaybeKnown: mean "
            + "P_Correct(T=0) of the MaybeKnown facts. Kept: of the right answers to the question alone, those that stay right with "
            + "Gaussian noise of 1% of its norm on each matrix. Never stated: of the Known facts, in a lab.",
        Columns = ["model", "weights", .. Enum.GetValues<Category>().Select(c => c.ToString()), "questions", "few-shot", "Q/A",
            "instruction", "best / few-shot", "MaybeKnown", "kept", "never stated"],
        Rows = [.. rows.Select(r => (IReadOnlyList<string>)
        [
            r.Model, r.Parameters.ToString("N0", CultureInfo.InvariantCulture), .. r.Categories.Select(Percent),
            r.Questions.ToString(CultureInfo.InvariantCulture), Percent(r.FewShot), Percent(r.ZeroShotQuestionAnswer),
            Percent(r.ZeroShotInstruction),
            (Math.Max(r.ZeroShotQuestionAnswer, r.ZeroShotInstruction) / r.FewShot).ToString("F2", CultureInfo.InvariantCulture),
            Percent(r.MaybeKnownCorrect), Percent(r.KeptUnderNoise), Percent(r.NeverStatedAmongKnown),
        ])],
    };

    private static string Percent(double share) => double.IsNaN(share) ? "-"
        : (100 * share).ToString("F1", CultureInfo.InvariantCulture);
}
