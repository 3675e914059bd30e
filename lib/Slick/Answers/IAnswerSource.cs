using Slick.Facts;
using Slick.Text;

namespace Slick.Answers;

/// <summary>
/// A few-shot prompt (paper, appendix C): solved questions of a relation (exemplars), after which one more question of the relation is
/// asked.
/// </summary>
/// <param name="Format">How questions and answers are written.</param>
/// <param name="Exemplars">The solved questions, in order.</param>
public sealed record FewShotPrompt(PromptFormat Format, IReadOnlyList<Fact> Exemplars)
{
    /// <summary>The exemplars as text. The prompt of every question begins with this text.</summary>
    public string Shots { get; } = string.Concat(Exemplars.Select(e => Format.Exemplar(e.Question, e.Answer)));

    /// <summary>The text that a model continues with its answer to a question.</summary>
    public string Text(Fact question) => Shots + Format.Prompt(question.Question);
}

/// <summary>A prompt after which questions are asked, and the seed of what is drawn there.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Seed">Seed of the draws. The draws of a question follow from the seed and the fact's id.</param>
public sealed record SeededPrompt(FewShotPrompt Prompt, int Seed);

/// <summary>The answers to one question after one prompt, as an <see cref="IAnswerSource"/> gives them.</summary>
/// <param name="Prompt">The prompt's place in the list that was given to <see cref="IAnswerSource.Draw"/>.</param>
/// <param name="Question">The question's place in the list that was given to <see cref="IAnswerSource.Draw"/>.</param>
/// <param name="Answers">The greedy and the sampled answers.</param>
/// <param name="MovedBoundary">True where the tokenizer joins the gold answer with the end of the prompt or of the line
/// (<see cref="PromptedQuestion.Moved"/>); false where the tokenizer is not known.</param>
public readonly record struct SourceAnswers(int Prompt, int Question, DrawnAnswers Answers, bool MovedBoundary = false);

/// <summary>A model that gives answers: one in this process (<see cref="LocalModel"/>), or one behind a server
/// (<see cref="CompletionServer"/>).</summary>
public interface IAnswerSource
{
    /// <summary>The words for the source in messages.</summary>
    string Name { get; }

    /// <summary>
    /// Draws the greedy answer and the samples of each question after each prompt (paper, section 3). An answer is the text before the
    /// first line end, of at most <see cref="SamplingOptions.MaxAnswerTokens"/> tokens, without outer white space.
    /// </summary>
    /// <param name="prompts">The prompts of one relation.</param>
    /// <param name="questions">All questions of the relation, those that are not wanted as well. How a local model batches questions
    /// follows from all of them, so work that was interrupted ends with the same numbers, up to rounding where a pass may take another
    /// memory.</param>
    /// <param name="protocol">Samples, temperature, top-k, longest answer.</param>
    /// <param name="isWanted">Says whether the answers to a question (second argument: its place) after a prompt (first argument) are
    /// wanted. Answers that are not wanted may be given as well.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The answers as they are found: one list for each batch that is finished.</returns>
    /// <exception cref="SlickException">The source cannot answer. The answers that it gave before are valid.</exception>
    IEnumerable<IReadOnlyList<SourceAnswers>> Draw(IReadOnlyList<SeededPrompt> prompts, IReadOnlyList<Fact> questions,
        SamplingOptions protocol, Func<int, int, bool> isWanted, CancellationToken cancellation);
}
