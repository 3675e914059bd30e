using Slick.Facts;
using Slick.Models;
using Slick.Text;
using static TorchSharp.torch;

namespace Slick.Sampling;

/// <summary>One question behind one prompt, as tokens.</summary>
/// <param name="Index">Position of the question in the caller's list.</param>
/// <param name="Own">Tokens after the shared ones, up to where the answer begins.</param>
/// <param name="Gold">Tokens that the gold answer adds.</param>
public sealed record PromptedQuestion(int Index, int[] Own, int[] Gold)
{
    /// <summary>What the question's draws are derived from beside the seed: the fact's <see cref="Fact.Id"/>.</summary>
    public int Key { get; init; }
    /// <summary>True where the gold answer changed how the prompt itself is split into tokens: it then begins where the two part.</summary>
    public bool Moved { get; init; }
}

/// <summary>
/// All questions of a relation behind one few-shot prompt. What their token sequences have in common (the exemplars and
/// the beginning of the question's template) is computed once and attended to by every row; it is never copied.
/// </summary>
public sealed class PromptBatch : IDisposable
{
    /// <summary>Keys and values of the tokens that all questions begin with; null where there are none.</summary>
    public KeyValues? Shared { get; }
    /// <summary>The questions, the shortest first.</summary>
    public IReadOnlyList<PromptedQuestion> Questions { get; }

    /// <summary>Encodes the questions and computes the shared part, which depends on all of them and not on how they are batched.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="format">How exemplars and questions are written.</param>
    /// <param name="exemplars">The prompt's exemplars, in order.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="forDrawing">True where answers are drawn: a prompt is then encoded alone, and its gold answer is of no use.</param>
    /// <exception cref="SlickException">A prompt with its answer has more tokens than the model has positions.</exception>
    public PromptBatch(Decoder decoder, ITokenizer tokenizer, PromptFormat format, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions, bool forDrawing = false)
    {
        var shots = string.Concat(exemplars.Select(e => format.Exemplar(e.Question, e.Answer)));
        var prompts = new int[questions.Count][];
        var wholes = new int[questions.Count][];
        var moved = new bool[questions.Count];
        for (var i = 0; i < questions.Count; i++)
        {
            var prompt = shots + format.Prompt(questions[i].Question);
            prompts[i] = tokenizer.Encode(prompt);
            wholes[i] = tokenizer.Encode(prompt + " " + questions[i].Answer);
            if (wholes[i].Length > decoder.Config.MaxPositions)
                throw new SlickException($"A prompt of {exemplars.Count} exemplars with the question '{questions[i].Question}' ({questions[i].Relation}) and its answer has {wholes[i].Length} tokens, the model {decoder.Config.MaxPositions} positions; use a model with a longer context.");
            var kept = Common(prompts[i], wholes[i], prompts[i].Length);
            if (wholes[i].FirstOrDefault(id => id >= decoder.Config.VocabularySize) is > 0 and var id)
                throw new SlickException($"The question '{questions[i].Question}' ({questions[i].Relation}) with its answer has the token {id}, for which the model has no embedding (vocab_size = {decoder.Config.VocabularySize}); leave it out.");
            if (kept == prompts[i].Length) continue;
            moved[i] = true;
            // The tokenizer joins the end of the prompt with the answer: what is scored begins where the two part.
            if (forDrawing) wholes[i] = prompts[i];
            else prompts[i] = wholes[i][..kept];
        }
        var shared = questions.Count == 0 ? 0 : prompts[0].Length - 1;
        foreach (var prompt in prompts) shared = Common(prompts[0], prompt, Math.Min(shared, prompt.Length - 1));
        Questions = [.. Enumerable.Range(0, questions.Count)
            .Select(i => new PromptedQuestion(i, prompts[i][shared..], wholes[i][prompts[i].Length..]) { Key = questions[i].Id, Moved = moved[i] })
            .OrderBy(q => q.Own.Length).ThenBy(q => q.Index)];
        if (shared == 0) return;
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var inference = inference_mode();
        var ids = tensor(prompts[0][..shared], ScalarType.Int64).to(decoder.Device).view(1, shared);
        var (_, present) = decoder.Forward(ids, keep: true);
        Shared = present!.AsShared();
        present.Dispose();
    }

    private static int Common(int[] a, int[] b, int most)
    {
        var n = 0;
        while (n < most && n < b.Length && a[n] == b[n]) n++;
        return n;
    }

    /// <summary>Draws the exemplars of each prompt: N_ex different ordered lists of dev facts of one relation.</summary>
    /// <exception cref="SlickException">The relation has too few dev facts.</exception>
    public static IReadOnlyList<IReadOnlyList<Fact>> DrawExemplars(IReadOnlyList<Fact> dev, SamplingOptions options, int seed)
    {
        if (dev.Count < options.Shots + 1)
            throw new SlickException($"The relation {(dev.Count > 0 ? dev[0].Relation : "?")} has {dev.Count} dev facts; a prompt of {options.Shots} exemplars needs {options.Shots + 1}.");
        var different = Enumerable.Range(0, options.Shots).Aggregate(1.0, (n, i) => n * (dev.Count - i));
        if (options.Prompts > different)
            throw new SlickException(FormattableString.Invariant($"The relation {dev[0].Relation} has {dev.Count} dev facts, which make {different} different prompts of {options.Shots} exemplars; sampling.prompts = {options.Prompts} asks for more."));
        var random = new Random(seed);
        var prompts = new List<IReadOnlyList<Fact>>();
        var seen = new HashSet<string>();
        while (prompts.Count < options.Prompts)
        {
            var pool = dev.ToArray();
            random.Shuffle(pool);
            var chosen = pool[..options.Shots];
            if (seen.Add(string.Join(',', chosen.Select(f => f.Id)))) prompts.Add(chosen);
        }
        return prompts;
    }

    /// <summary>Frees the shared keys and values.</summary>
    public void Dispose() => Shared?.Dispose();
}
