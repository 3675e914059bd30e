using Slick.Facts;
using Slick.Text;

namespace Slick.Answers;

/// <summary>
/// A prompt and the target that shall follow it. Training teaches the target, exact match asks for it, and Exact scores it. An example is
/// not a fact: the same fact can be asked in several forms, and the target can be another text than the fact's answer, such as "I don't
/// know".
/// </summary>
/// <param name="Fact">The fact that the example is about.</param>
/// <param name="Prompt">The text before the target, without the space between the two.</param>
/// <param name="Target">The text that shall follow the space, without the line's end.</param>
public sealed record Example(Fact Fact, string Prompt, string Target)
{
    /// <summary>The example that asks a fact's question alone (zero-shot) and has the fact's answer as its target.</summary>
    /// <param name="fact">The fact.</param>
    /// <param name="format">How the question is written.</param>
    public static Example Of(Fact fact, PromptFormat format) => new(fact, format.Prompt(fact.Question), fact.Answer);

    /// <summary>One example for each fact, in order: its question alone (zero-shot), and its answer as the target.</summary>
    /// <param name="facts">The facts.</param>
    /// <param name="format">How the questions are written.</param>
    public static IReadOnlyList<Example> Of(IEnumerable<Fact> facts, PromptFormat format) => [.. facts.Select(f => Of(f, format))];
}
