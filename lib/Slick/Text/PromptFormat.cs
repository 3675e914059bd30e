namespace Slick.Text;

/// <summary>How questions and answers are written for a model. A prompt ends right before the space of the answer.</summary>
/// <param name="Name">Name in options and tables.</param>
/// <param name="BeforeQuestion">Text before the question.</param>
/// <param name="AfterQuestion">Text between the question and the answer's space.</param>
public sealed record PromptFormat(string Name, string BeforeQuestion, string AfterQuestion)
{
    /// <summary>SliCK's form (paper, appendix A): <c>Q: question</c>, <c>A: answer</c>.</summary>
    public static PromptFormat QuestionAnswer { get; } = new("question-answer", "Q: ", "\nA:");

    /// <summary>The form that the paper fine-tunes in (section 4): an instruction before the question, and the answer behind it on the
    /// same line.</summary>
    public static PromptFormat Instruction { get; } = new("instruction", "Answer the following question. ", "");

    /// <summary>Everything up to where the answer begins.</summary>
    public string Prompt(string question) => BeforeQuestion + question + AfterQuestion;

    /// <summary>A solved example, with its line end.</summary>
    public string Exemplar(string question, string answer) => $"{Prompt(question)} {answer}\n";
}
