using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Paper;

namespace Slick.Figures;

/// <summary>The paper's Table 8: what a model answers that was taught to say that it does not know.</summary>
public static class AbstentionTable
{
    /// <summary>
    /// Of D and of D_IDK, at EARLY_STOP and at the last epoch: the share of the test questions in distribution that are answered, how many
    /// of those rightly, and the share of all questions that is answered wrongly with a probability of at least 0.5. A question counts as
    /// not answered where the greedy answer is <see cref="Fact.DontKnow"/>.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView Table8(StudyResult result)
    {
        var data = new StudyData(result);
        var trained = result.Bases.ToDictionary(b => b.Seed, b => b.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id)
            .ToHashSet(StringComparer.Ordinal));
        var labels = result.Bases.ToDictionary(b => b.Seed, b => b.Labels.ToDictionary(l => l.FactId, l => l.Category));
        var facts = result.Bases.ToDictionary(b => b.Seed, b => b.Facts);
        var rows = new List<IReadOnlyList<string>>();
        foreach (var (kind, set) in new[] { (ArmKind.Ratio, "D"), (ArmKind.DontKnow, "D_IDK") })
            foreach (var (name, epochOf) in new (string, Func<RunStops, int>)[]
                { ("EARLY_STOP", s => s.EarlyStop), ("CONVERGENCE", s => s.Last) })
            {
                List<(StudyRun Run, Asked Asked)> asked = [.. from run in data.Of(new(kind, 50))
                    where run.Stops is not null
                    let seed = run.Row.BaseSeed
                    from a in run.Answers(epochOf(run.Stops!))
                    where trained[seed].Contains(facts[seed][a.FactId].Relation) && labels[seed].ContainsKey(a.FactId)
                    let category = labels[seed][a.FactId]
                    select (run, new Asked(a.Right, !a.Right && a.Text == Fact.DontKnow, a.Probability >= 0.5,
                        category != Category.Unknown, run.Weight(QuestionSet.Test, category.ToString())))];
                if (asked.Count == 0) continue;
                string Share(Func<Asked, bool> of, Func<Asked, bool> which)
                {
                    var share = data.Mean([.. asked.Where(a => of(a.Asked)).GroupBy(a => a.Run).Select(g =>
                        (g.Key, Analysis.Share.Weighted([.. g.Select(a => (which(a.Asked), a.Asked.Weight))])))]);
                    return double.IsNaN(share.Estimate) ? "-" : share.HasBounds ? PaperTables.WithInterval(share)
                        : (100 * share.Estimate).ToString("F1", CultureInfo.InvariantCulture);
                }
                var paper = PaperStudy.DontKnow[$"{set}, {name}"];
                rows.Add([name, $"{set} 50%", Share(_ => true, a => !a.Abstains), Share(a => !a.Abstains, a => a.Right),
                    Share(a => a.IsKnown, a => !a.Abstains), Share(a => !a.IsKnown, a => !a.Abstains),
                    Share(_ => true, a => !a.Right && !a.Abstains && a.IsSure),
                    string.Create(CultureInfo.InvariantCulture, $"{paper.Answered:F1}, {paper.Accuracy:F1}")]);
            }
        return new()
        {
            Id = "table-8",
            Title = "Table 8. D and D_IDK: how many questions are answered, and how many of those rightly (%)",
            Note = $"{result.Source} D_IDK teaches \"{Fact.DontKnow}\" for the Unknown facts of D. Test questions in distribution; "
                + (result.IsLab ? $"means over {data.Unit} with 95% intervals (t, not bounded by 0 and 100). "
                    : $"with 95% intervals over {data.Unit} (t) or over questions (Wilson), whichever is wider. ")
                + "Sure: the answer's probability (T = 1) is at least 0.5. Paper: answered, right of the answered, for PaLM 2-M.",
            Columns = ["stop", "trained on", "answered", "right of the answered", "answered: Known", "answered: Unknown",
                "wrong and sure", "paper"],
            Rows = rows,
            HeaderColumns = 2,
        };
    }

    private sealed record Asked(bool Right, bool Abstains, bool IsSure, bool IsKnown, double Weight);
}
