using System.Globalization;
using Slick.Experiments;
using Slick.Paper;

namespace Slick.Figures;

/// <summary>What the paper's study and other studies were made with, side by side.</summary>
public static class StudySetup
{
    /// <summary>The table: a row for each choice, a column for the paper and one for each study.</summary>
    /// <param name="studies">The studies, each with the heading of its column.</param>
    public static TableView Table(params IReadOnlyList<(string Name, StudyResult Study)> studies)
    {
        ArgumentNullException.ThrowIfNull(studies);
        IReadOnlyList<string> Row(string what, string paper, Func<StudyResult, string> here) =>
            [what, paper, .. studies.Select(s => here(s.Study))];
        return new TableView
        {
            Id = "setup",
            Title = "",
            Columns = ["", "paper", .. studies.Select(s => s.Name)],
            Rows =
            [
                Row("model", "PaLM 2-M", s => s.Model is { } m ? Text($"{m.Name}, {m.Parameters:N0} weights")
                    : Text($"made here: width {s.Options.PreTraining.HiddenSize}, {s.Options.PreTraining.Layers} layers")),
                Row("base models", "1", s => Text($"{s.Bases.Count}")),
                Row("facts", "EntityQuestions", s => s.IsLab ? "of a world that we made" : "of `--data`, here EntityQuestions"),
                Row("labels", "drawn answers", s => s.Options.Estimator == EstimatorKind.Sampled ? "drawn answers"
                    : "Exact: probabilities in closed form"),
                Row("examples in D", Text($"{PaperStudy.SetSize:N0}"), Size),
                Row("part of a relation in D", "its smallest category", s => s.Options.Size == SizeRule.SmallestCategory
                    ? "its smallest category" : "the smaller of Known and Unknown"),
                Row("form of a question", "an instruction", s => s.Options.Form == QuestionForm.Instruction ? "the paper's instruction"
                    : "`Q: ...`, `A: ...`, as in the prompts"),
                Row("examples a batch", Text($"{PaperStudy.BatchExamples}"), s => Text($"{s.Options.FineTuning.BatchExamples}")),
                Row("learning rate", Text($"{PaperStudy.LearningRate:0.#e-0}"), s => Text($"{s.Options.FineTuning.LearningRate:0.#e-0}")),
                Row("dropout", Text($"{PaperStudy.DropoutRate}"), s => Text($"{s.Options.FineTuning.DropoutRate}")),
                Row("epochs", Text($"{PaperStudy.Epochs}"), s => Text($"{s.Epochs.Select(e => e.Epoch).DefaultIfEmpty().Max()}")),
                Row("fine-tuning runs", "", s => Text($"{s.Runs.Count(r => r.Reason.Length == 0)}")),
            ],
        };
    }

    // |D| of the base models: one number, or the smallest and the largest.
    private static string Size(StudyResult study)
    {
        var sizes = study.Runs.Where(r => r.Kind == ArmKind.Ratio).GroupBy(r => r.BaseSeed)
            .Select(of => of.Max(r => r.KnownExamples + r.UnknownExamples)).Order().ToList();
        return sizes.Count == 0 ? "" : sizes[0] == sizes[^1] ? Text($"{sizes[0]:N0}") : Text($"{sizes[0]:N0} to {sizes[^1]:N0}");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
