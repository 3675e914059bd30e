using Slick.Facts;
using Slick.Text;

namespace Slick.Answers;

/// <summary>
/// A prompt and what shall follow it: what training teaches, what exact match asks for and what Exact scores. An example is not a fact:
/// the same fact can be asked in several forms, and its target can be another text than its answer, such as "I don't know".
/// </summary>
/// <param name="Fact">The fact that the example is about.</param>
/// <param name="Prompt">Everything up to the space of the answer.</param>
/// <param name="Target">What shall follow the space, without the line's end.</param>
public sealed record Example(Fact Fact, string Prompt, string Target)
{
    /// <summary>A fact's question in a form, alone (zero-shot), and its answer.</summary>
    public static Example Of(Fact fact, PromptFormat format) => new(fact, format.Prompt(fact.Question), fact.Answer);

    /// <summary>Facts' questions in a form, alone, and their answers, in order.</summary>
    public static IReadOnlyList<Example> Of(IEnumerable<Fact> facts, PromptFormat format) => [.. facts.Select(f => Of(f, format))];
}
