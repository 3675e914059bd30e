using Slick.Models;
using Slick.Text;

namespace Slick.Answers;

/// <summary>
/// An <see cref="Example"/> as tokens, with the answer's end. SliCK's scores, fine-tuning and exact match all encode answers here, so they
/// agree on what an answer and its end are. The end is what a line feed adds to the text of prompt and answer.
/// </summary>
/// <param name="Alone">Tokens of the prompt alone. Drawn answers begin after these.</param>
/// <param name="Prompt">Tokens of the prompt up to where the gold answer begins: fewer than <paramref name="Alone"/> where the tokenizer
/// joins the prompt's end with the answer.</param>
/// <param name="Gold">Tokens that the gold answer adds to <paramref name="Prompt"/>.</param>
/// <param name="Joined">The answer with its end, where the line feed is not a token of its own after <paramref name="Gold"/> (".\n" is one
/// token in many vocabularies): the tokens up to the first that ends an answer, or all of them. Null where the line feed is a token of its
/// own.</param>
/// <param name="End">The token that ends <paramref name="Gold"/>: the line feed, or the end-of-text token where the tokenizer drops a line
/// feed at the end of a text. Null where no token ends it.</param>
internal sealed record AnswerTokens(int[] Alone, int[] Prompt, int[] Gold, int[]? Joined, int? End)
{
    /// <summary>True where the gold answer's tokens are not simply added to the prompt's (<see cref="PromptedQuestion.Moved"/>).</summary>
    public bool Moved => Joined is not null || Prompt.Length < Alone.Length;

    /// <summary>
    /// The answer with its end, the tokens that fine-tuning teaches after <see cref="Prompt"/>; null where no token ends the answer.
    /// </summary>
    public int[]? Taught => Joined ?? (End is { } end ? [.. Gold, end] : null);

    /// <summary>Encodes a prompt and its answer.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="example">The prompt and the target that shall follow it.</param>
    /// <param name="exemplars">How many exemplars the prompt has, for an error's message.</param>
    /// <exception cref="SlickException">Prompt and answer have more tokens than the model has positions, or a token that the model does not
    /// have.</exception>
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
        // Where the tokenizer joins the end of the prompt with the answer, the answer begins at the first token that differs.
        var kept = Common(alone, whole, alone.Length);
        int? end = Common(whole, line, whole.Length) < whole.Length ? null // the tokenizer joins the end of the answer with the line feed
            : line.Length == whole.Length ? tokenizer.EosId ?? config.EosIds.Cast<int?>().FirstOrDefault()
            : Ends(config, tokenizer, line[whole.Length]) ? line[whole.Length] : null;
        if (end is not null || whole.SequenceEqual(line)) return new(alone, alone[..kept], whole[kept..], null, end);
        kept = Math.Min(kept, Common(alone, line, alone.Length));
        var stop = Array.FindIndex(line, kept, token => Ends(config, tokenizer, token));
        return new(alone, alone[..kept], whole[kept..], stop < 0 ? line[kept..] : line[kept..(stop + 1)], null);
    }

    /// <summary>True for a token that ends an answer: the token's text begins with a line feed, or the token ends a text (EOS).</summary>
    public static bool Ends(DecoderConfig config, ITokenizer tokenizer, int token) =>
        token == tokenizer.EosId || config.EosIds.Contains(token) || tokenizer.StartsWithLineFeed(token);

    /// <summary>The number of tokens that two lists have in common at their beginning, at most <paramref name="most"/>.</summary>
    public static int Common(int[] a, int[] b, int most)
    {
        var n = 0;
        while (n < most && n < b.Length && a[n] == b[n]) n++;
        return n;
    }
}
