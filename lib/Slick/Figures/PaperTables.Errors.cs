using Slick.Analysis;
using Slick.Experiments;
using Slick.Facts;
using Slick.Paper;
using Slick.Runtime;

namespace Slick.Figures;

public static partial class PaperTables
{
    // What is wrong in fact, and not only by exact match.
    private static readonly WrongAnswerKind[] WrongInFact = [WrongAnswerKind.Empty, WrongAnswerKind.Abstention, WrongAnswerKind.Rival,
        WrongAnswerKind.AnswerOfSet, WrongAnswerKind.AnswerOfRelation, WrongAnswerKind.AnswerOfAnotherRelation, WrongAnswerKind.Elsewhere];

    /// <summary>
    /// Table 6, computed: what the answers are that exact match calls wrong, of the base model and after fine-tuning on D with 0, 50 and
    /// 100% Unknown; beside it the paper's counts by hand. Test questions in distribution.
    /// </summary>
    /// <param name="result">The study.</param>
    public static TableView Table6(StudyResult result)
    {
        var data = new StudyData(result);
        // Runs of earlier versions kept no texts.
        var hasTexts = result.Answers.Any(a => a.Text.Length > 0);
        var (paper, lab) = (PaperStudy.Errors, result.IsLab);
        var rows = new List<IReadOnlyList<string>> { new[] { "PaLM 2-M (paper)", "pre-trained, few-shot", "100", Whole(paper.Paraphrases),
            Whole(paper.HigherGranularity + paper.LowerGranularity), Whole(paper.Wrong) }.Concat(WrongInFact.Select(_ => "")).ToList() };
        void Add(string trained, string stop, IReadOnlyList<StudyRun> runs, Func<StudyRun, int?> epochOf)
        {
            var wrong = new List<(StudyRun Run, WrongAnswerKind Kind, double Weight)>();
            foreach (var run in runs)
                if (epochOf(run) is { } epoch) wrong.AddRange(Wrong(run, epoch));
            string Cell(Func<WrongAnswerKind, bool> which) => data.Mean([.. wrong.GroupBy(w => w.Run).Select(g =>
                (g.Key, Share.Weighted([.. g.Select(w => (which(w.Kind), w.Weight))])))])
                is var share && share.HasBounds ? WithInterval(share) : Number(100 * share.Estimate);
            string OfNames(Func<WrongAnswerKind, bool> which) => lab ? "-" : Cell(which);
            if (wrong.Count > 0) rows.Add([trained, stop, Whole(wrong.Count), OfNames(k => k == WrongAnswerKind.SameWords),
                OfNames(k => k == WrongAnswerKind.PartOfEachOther), Cell(WrongInFact.Contains),
                .. WrongInFact.Select(k => k == WrongAnswerKind.Rival && !lab ? "-" : Cell(x => x == k))]);
        }
        IEnumerable<(StudyRun, WrongAnswerKind, double)> Wrong(StudyRun run, int epoch)
        {
            var of = result.Bases.Single(b => b.Seed == run.Row.BaseSeed);
            var (tested, labels) = (TestIds(of, inDistribution: true), of.Labels.ToDictionary(l => l.FactId, l => l.Category.ToString()));
            var kinds = new WrongAnswerKinds(of.Facts, of.Labels, FineTuningSets.Make(run.Arm, of.Facts, of.Labels, result.Options.Size,
                Seeds.Mix(of.Seed, run.Row.Draw), result.Options.Questions, of.Exposures), areNamesArbitrary: lab);
            return run.Answers(epoch).Where(a => !a.Right && tested.Contains(a.FactId)).Select(a => (run, kinds.Of(a),
                run.Weight(QuestionSet.Test, labels.GetValueOrDefault(a.FactId, ""))));
        }
        var arms = new[] { 0, 50, 100 }.Select(x => new Arm(ArmKind.Ratio, x)).Where(a => hasTexts && data.Of(a).Count > 0).ToList();
        if (arms.Count > 0) Add("base model", "question alone", [.. data.Of(arms[0]).Where(r => r.Row.Draw == 1)], _ => 0);
        foreach (var arm in arms)
            foreach (var (stop, name) in StopsOfTable2) Add(arm.ToString(), name, data.Of(arm), r => EpochOf(r, stop));
        return new TableView
        {
            Id = "table-6",
            Title = "Table 6. What answers are that exact match calls wrong (%)",
            Note = !hasTexts ? $"{result.Source} The texts of wrong answers were not kept. Paper: by hand, 50 greedy and 50 drawn answers."
                : $"{result.Source} The first kind that fits counts. CONVERGENCE: the last epoch. "
                + (lab ? "A lab's world has no aliases and no places within places, and parts of its names mean nothing, so nothing is a "
                    + "paraphrase there, coarser or finer. " : "Paraphrase: the same words in any order and any writing, or initials. "
                    + "Coarser or finer: one answer's words are among the other's; \"Brooklyn\" for \"New York\" is not found. ")
                + "Wrong: all other kinds, which follow. An answer of D, of the relation, of another relation: a gold answer there. Base "
                + "model: an answer of D means of D 0%. "
                + $"Number: summed over {data.Unit}. 95% intervals over "
                + (data.SeveralBases || lab ? $"{data.Unit} (t), not bounded by 0 and 100. " : "questions or draws, the wider. ")
                + "Paper: by hand, 50 greedy and 50 drawn answers.",
            Columns = ["trained on", "stop", "number", "paraphrase", "coarser or finer", "wrong", "nothing", "abstains", "the rival",
                "an answer of D", "another of the relation", "of another relation", "elsewhere"],
            Rows = rows,
            HeaderColumns = 2,
        };
    }
}
