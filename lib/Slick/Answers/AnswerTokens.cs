using Slick.Models;
using Slick.Text;

namespace Slick.Answers;

/// <summary>
/// An example (<see cref="Example"/>) as tokens, with the answer's end: the one way in which SliCK scores an answer, fine-tuning
/// teaches it and exact match asks for it. The end is what a line feed adds to the text of prompt and answer.
/// </summary>
/// <param name="Alone">Tokens of the prompt alone: where answers are drawn, they begin behind these.</param>
/// <param name="Prompt">Tokens of the prompt up to where the answer begins: fewer than <paramref name="Alone"/> where the tokenizer
/// joins the prompt's end with the answer.</param>
/// <param name="Gold">Tokens that the gold answer adds to <paramref name="Prompt"/>.</param>
/// <param name="Joined">The answer with its end where the line feed is no token of its own behind <paramref name="Gold"/> (".\n" is
/// one token of many models): up to the first token that ends an answer, or all; else null.</param>
/// <param name="End">The token that ends <paramref name="Gold"/>: the line feed, or the token that ends a text where the tokenizer
/// leaves a line feed at a text's end out; null where there is none.</param>
internal sealed record AnswerTokens(int[] Alone, int[] Prompt, int[] Gold, int[]? Joined, int? End)
{
    /// <summary>True where the gold answer's tokens are not just added to the prompt's (<see cref="PromptedQuestion.Moved"/>).</summary>
    public bool Moved => Joined is not null || Prompt.Length < Alone.Length;

    /// <summary>The answer and its end as a model learns them behind <see cref="Prompt"/>; null where nothing ends an answer.</summary>
    public int[]? Taught => Joined ?? (End is { } end ? [.. Gold, end] : null);

    /// <summary>Encodes a prompt and an answer.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="example">The prompt and what shall follow it.</param>
    /// <param name="exemplars">How many exemplars the prompt has, for a message.</param>
    /// <exception cref="SlickException">Prompt and answer have more tokens than the model has positions, or one that the model does
    /// not have.</exception>
    public static AnswerTokens Encode(DecoderConfig config, ITokenizer tokenizer, Example example, int exemplars = 0)
    {
        var (fact, prompt, target) = example;
        var alone = tokenizer.EncodePrompt(prompt);
        var whole = tokenizer.EncodePrompt($"{prompt} {target}");
        var line = tokenizer.EncodePrompt($"{prompt} {target}\n");
        if (Math.Max(whole.Length, line.Length) is var tokens && tokens > config.MaxPositions)
            throw new SlickException($"A prompt of {exemplars} exemplars with the question '{fact.Question}' ({fact.Relation}) and its "
                + $"answer has {tokens} tokens, the model {config.MaxPositions} positions; use a model with a longer context.");
        if (whole.Concat(line).FirstOrDefault(id => id >= config.VocabularySize) is > 0 and var id)
            throw new SlickException($"The question '{fact.Question}' ({fact.Relation}) with its answer has the token {id}, for which the "
                + $"model has no embedding (vocab_size = {config.VocabularySize}); the tokenizer is of another model.");
        // Where the tokenizer joins the end of the prompt with the answer, the answer begins where the two part.
        var kept = Common(alone, whole, alone.Length);
        int? end = Common(whole, line, whole.Length) < whole.Length ? null // the end of the answer is joined with the line's
            : line.Length == whole.Length ? tokenizer.EosId ?? config.EosIds.Cast<int?>().FirstOrDefault()
            : Ends(config, tokenizer, line[whole.Length]) ? line[whole.Length] : null;
        if (end is not null || whole.SequenceEqual(line)) return new(alone, alone[..kept], whole[kept..], null, end);
        kept = Math.Min(kept, Common(alone, line, alone.Length));
        var stop = Array.FindIndex(line, kept, token => Ends(config, tokenizer, token));
        return new(alone, alone[..kept], whole[kept..], stop < 0 ? line[kept..] : line[kept..(stop + 1)], null);
    }

    /// <summary>True for a token that ends an answer: its text begins with a line feed, or it ends a text.</summary>
    public static bool Ends(DecoderConfig config, ITokenizer tokenizer, int token) =>
        token == tokenizer.EosId || config.EosIds.Contains(token) || tokenizer.StartsWithLineFeed(token);

    /// <summary>How many tokens two lists begin with together, at most so many.</summary>
    public static int Common(int[] a, int[] b, int most)
    {
        var n = 0;
        while (n < most && n < b.Length && a[n] == b[n]) n++;
        return n;
    }
}
