namespace Slick.Answers;

/// <summary>What a model answers to one question behind one prompt. An answer is its text up to the line's end, trimmed.</summary>
/// <param name="Greedy">The answer whose every token is the most probable one.</param>
/// <param name="Sampled">The different sampled answers and how many samples gave each, the most frequent first.</param>
public sealed record DrawnAnswers(string Greedy, IReadOnlyList<(string Answer, int Count)> Sampled);
