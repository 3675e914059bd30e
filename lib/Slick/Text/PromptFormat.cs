namespace Slick.Text;

/// <summary>How questions and answers are written for a model. A prompt ends right before the space that precedes the answer.</summary>
/// <param name="Name">Name of the form in options and tables.</param>
/// <param name="BeforeQuestion">Text before the question.</param>
/// <param name="AfterQuestion">Text between the question and the space before the answer.</param>
public sealed record PromptFormat(string Name, string BeforeQuestion, string AfterQuestion)
{
    /// <summary>SliCK's form (paper, appendix C): <c>Q: question</c>, <c>A: answer</c>.</summary>
    public static PromptFormat QuestionAnswer { get; } = new("question-answer", "Q: ", "\nA:");

    /// <summary>
    /// The form that the paper fine-tunes in (appendix E): an instruction before the question, and the answer after the question on the
    /// same line.
    /// </summary>
    public static PromptFormat Instruction { get; } = new("instruction", "Answer the following question. ", "");

    /// <summary>The prompt of a question: all text up to the space before the answer.</summary>
    /// <param name="question">The question.</param>
    public string Prompt(string question) => BeforeQuestion + question + AfterQuestion;

    /// <summary>A solved question as an exemplar of a prompt, with its line's end.</summary>
    /// <param name="question">The question.</param>
    /// <param name="answer">The answer.</param>
    public string Exemplar(string question, string answer) => $"{Prompt(question)} {answer}\n";
}
