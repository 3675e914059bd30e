using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;

namespace Slick.Figures;

/// <summary>A table of <see cref="ChanceCheck"/>: how many right answers of a model are more than guesses, relation by relation.</summary>
public static class ChanceTable
{
    /// <summary>
    /// For each relation, and for all together: facts, those with a right greedy answer, those Known beyond chance
    /// (<see cref="ChanceRow.IsBeyondChance"/>), and the commonest guess. Of a lab's model also how many were never stated. Shares have 95%
    /// Wilson intervals over facts.
    /// </summary>
    /// <param name="model">The model in words, for the title.</param>
    /// <param name="rows">The labelled facts with their chances.</param>
    /// <param name="guesses">The commonest guess of each relation.</param>
    /// <param name="exposures">Lab only: what pre-training stated of each fact; empty for a model that we did not make.</param>
    public static TableView Make(string model, IReadOnlyList<ChanceRow> rows, IReadOnlyList<CommonestGuess> guesses,
        IReadOnlyList<ExposureRow> exposures)
    {
        var told = exposures.ToDictionary(e => e.FactId, e => e.GoldExposures);
        static string Share(int count, int of) => of == 0 ? "-" : PaperTables.WithInterval(Intervals.Wilson(count, of));
        string NeverStated(List<ChanceRow> of) => Share(of.Count(r => told[r.FactId] == 0), of.Count);
        IReadOnlyList<string> Row(string name, List<ChanceRow> of, CommonestGuess? guess)
        {
            var right = of.Where(r => r.RightPrompts > 0).ToList();
            var beyond = right.Where(r => r.IsBeyondChance).ToList();
            return [name, PaperTables.Whole(of.Count), PaperTables.Whole(right.Count), Share(beyond.Count, right.Count),
                guess is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{guess.Answer} ({100 * guess.Share:F1})"),
                .. told.Count == 0 ? (string[])[] : [NeverStated(right), NeverStated(beyond)]];
        }
        return new()
        {
            Id = "chance",
            Title = $"Right answers that are more than guesses: {model}",
            Note = (told.Count == 0 ? "" : "Of the study's first base model. ")
                + "Right: a greedy answer behind some prompt is the gold answer. Beyond chance: of these the share (%) whose number of "
                + "right prompts a guess explains with a probability below 5%; the chance of a guess is how often the gold answer comes "
                + "out for subjects that do not exist. Commonest guess: the commonest answer about such subjects, and its share (%). "
                + (told.Count == 0 ? "" : "Never stated: the share (%) of the facts that pre-training never stated. ")
                + "Brackets: 95% Wilson intervals over facts.",
            Columns = ["relation", "facts", "right", "beyond chance, %", "commonest guess, %",
                .. told.Count == 0 ? (string[])[] : ["never stated, of right", "never stated, of beyond chance"]],
            Rows =
            [
                .. guesses.Select(g => Row(g.Relation, [.. rows.Where(r => r.Relation == g.Relation)], g)),
                Row("all", [.. rows], null),
            ],
        };
    }
}
