using System.Globalization;
using System.Runtime.ExceptionServices;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using static TorchSharp.torch;

namespace Slick.Answers;

/// <summary>One question after one few-shot prompt, as tokens.</summary>
/// <param name="Index">Position of the question in the caller's list.</param>
/// <param name="Own">Tokens of the prompt after those that all questions share, up to where the answer begins.</param>
/// <param name="Gold">Tokens that the gold answer adds to the prompt.</param>
public sealed record PromptedQuestion(int Index, int[] Own, int[] Gold)
{
    /// <summary>The fact's <see cref="Fact.Id"/>. The question's draws follow from it and the seed.</summary>
    public int Key { get; init; }
    /// <summary>
    /// The gold answer with its end, where the tokenizer joins the line feed with the answer's last token
    /// (<see cref="AnswerTokens.Joined"/>); null where the line feed is a token of its own after <see cref="Gold"/>.
    /// </summary>
    public int[]? Joined { get; init; }
    /// <summary>
    /// True where the gold answer's tokens are not simply added to the prompt's. Either the answer changes how the end of the prompt is
    /// split into tokens, and then begins at the first token that differs. Or the line feed is joined with the answer
    /// (<see cref="Joined"/>).
    /// </summary>
    public bool Moved { get; init; }
}

/// <summary>
/// All questions of a relation after one few-shot prompt, as tokens. The tokens that all sequences begin with (the exemplars and the
/// beginning of the question's template) are held once, in <see cref="Shared"/>.
/// </summary>
public sealed class PromptTokens
{
    /// <summary>The tokens that all questions begin with.</summary>
    public IReadOnlyList<int> Shared { get; }
    /// <summary>The questions, those with the fewest tokens first.</summary>
    public IReadOnlyList<PromptedQuestion> Questions { get; }

    /// <summary>Encodes the questions after their exemplars.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="format">How exemplars and questions are written.</param>
    /// <param name="exemplars">The prompt's exemplars, in order.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="forDrawing">True where answers are drawn: each prompt is then encoded alone, and its gold answer is left out.</param>
    /// <exception cref="SlickException">A prompt with its answer has more tokens than the model has positions, or a token that the model
    /// does not have.</exception>
    public PromptTokens(DecoderConfig config, ITokenizer tokenizer, PromptFormat format, IReadOnlyList<Fact> exemplars,
        IReadOnlyList<Fact> questions, bool forDrawing = false)
        : this(config, tokenizer, Examples(format, exemplars, questions), exemplars.Count, forDrawing) { }

    private static Example[] Examples(PromptFormat format, IReadOnlyList<Fact> exemplars, IReadOnlyList<Fact> questions)
    {
        var prompt = new FewShotPrompt(format, exemplars);
        return [.. questions.Select(q => new Example(q, prompt.Text(q), q.Answer))];
    }

    /// <summary>Encodes prompts that are written already.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="questions">The prompts with their answers. Prompts of the same relation share the most tokens, for they begin with the
    /// same words.</param>
    /// <param name="exemplars">How many exemplars each prompt has, for an error's message.</param>
    /// <param name="forDrawing">True where answers are drawn: each prompt is then encoded alone, and its gold answer is left out.</param>
    /// <exception cref="SlickException">A prompt with its answer has more tokens than the model has positions, or a token that the model
    /// does not have.</exception>
    internal PromptTokens(DecoderConfig config, ITokenizer tokenizer, IReadOnlyList<Example> questions, int exemplars = 0,
        bool forDrawing = false)
        : this(questions, [.. questions.Select(q => AnswerTokens.Encode(config, tokenizer, q, exemplars))], forDrawing) { }

    private PromptTokens(IReadOnlyList<Example> questions, AnswerTokens[] encoded, bool forDrawing)
    {
        var prompts = Array.ConvertAll(encoded, e => forDrawing ? e.Alone : e.Prompt);
        var shared = questions.Count == 0 ? 0 : prompts[0].Length - 1;
        foreach (var prompt in prompts) shared = AnswerTokens.Common(prompts[0], prompt, Math.Min(shared, prompt.Length - 1));
        Shared = questions.Count == 0 ? [] : prompts[0][..shared];
        Questions = [.. encoded.Select((e, i) => new PromptedQuestion(i, prompts[i][shared..], forDrawing ? [] : e.Gold)
            {
                Key = questions[i].Fact.Id, Joined = forDrawing ? null : e.Joined, Moved = e.Moved,
            })
            .OrderBy(q => q.Own.Length).ThenBy(q => q.Index)];
    }

    /// <summary>Encodes the same questions after several prompts. The prompts are encoded on all cores, for a GPU draws answers faster than
    /// one core encodes their prompts.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="forDrawing">True where answers are drawn: each prompt is then encoded alone, and its gold answer is left out.</param>
    /// <returns>One entry for each prompt.</returns>
    /// <exception cref="SlickException">A prompt with its answer has more tokens than the model has positions, or a token that the model
    /// does not have.</exception>
    internal static PromptTokens[] Of(DecoderConfig config, ITokenizer tokenizer, IReadOnlyList<FewShotPrompt> prompts,
        IReadOnlyList<Fact> questions, bool forDrawing = false)
    {
        var examples = prompts.Select(p => Examples(p.Format, p.Exemplars, questions)).ToArray();
        var encoded = Array.ConvertAll(examples, e => new AnswerTokens[e.Length]);
        void Encode(int i)
        {
            var (j, q) = Math.DivRem(i, questions.Count);
            encoded[j][q] = AnswerTokens.Encode(config, tokenizer, examples[j][q], prompts[j].Exemplars.Count);
        }
        var count = prompts.Count * questions.Count;
        try
        {
            Parallel.For(0, count, Encode);
        }
        catch (AggregateException e)
        {
            if (!e.InnerExceptions.Any(inner => inner is SlickException)) ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            for (var i = 0; i < count; i++) Encode(i); // the error of the first question that has one
        }
        return [.. examples.Zip(encoded, (e, tokens) => new PromptTokens(e, tokens, forDrawing))];
    }
}

/// <summary>A question after one of several prompts: a row of a pass.</summary>
/// <param name="Prompt">The prompt's number, from 0.</param>
/// <param name="Question">The question.</param>
internal readonly record struct PromptRow(int Prompt, PromptedQuestion Question)
{
    /// <summary>The questions of all prompts, prompt by prompt.</summary>
    public static PromptRow[] Of(IReadOnlyList<PromptBatch> prompts) =>
        [.. prompts.SelectMany((prompt, j) => prompt.Questions.Select(q => new PromptRow(j, q)))];
}

/// <summary>All prompts of a relation, and the rows that their questions are.</summary>
internal sealed class PromptBatches : IDisposable
{
    /// <summary>The prompts.</summary>
    public IReadOnlyList<PromptBatch> Prompts { get; }
    /// <summary>The questions after the prompts, prompt by prompt.</summary>
    public PromptRow[] Rows { get; }

    /// <summary>Computes the keys and values of what the questions of each prompt share.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">The prompts and their questions.</param>
    /// <param name="packed">As of <see cref="PromptBatch.Of"/>.</param>
    public PromptBatches(Decoder decoder, IReadOnlyList<PromptTokens> prompts, Tensor packed) =>
        Rows = PromptRow.Of(Prompts = PromptBatch.Of(decoder, prompts, packed));

    /// <summary>Computes the keys and values of what the questions of each prompt share, in passes that keep within a memory.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">The prompts and their questions.</param>
    /// <param name="memory">The memory.</param>
    public PromptBatches(Decoder decoder, IReadOnlyList<PromptTokens> prompts, PassMemory memory)
    {
        var limits = new BatchLimits(decoder, 0);
        int End(int begin)
        {
            int end = begin + 1, longest = prompts[begin].Shared.Count;
            for (; end < prompts.Count; end++)
            {
                longest = Math.Max(longest, prompts[end].Shared.Count);
                if ((end + 1L - begin) * limits.RowBytes(longest, 0, 1, keep: true) > memory.Bounds.Bytes) break;
            }
            return end;
        }
        var found = new List<PromptBatch>();
        try
        {
            foreach (var part in RowBatches.Each(prompts.Count, End, _ => false,
                part => PromptBatch.Of(decoder, [.. prompts.Take(part)]), memory.Halve)) found.AddRange(part);
        }
        catch
        {
            foreach (var prompt in found) prompt.Dispose();
            throw;
        }
        Rows = PromptRow.Of(Prompts = found);
    }

    /// <summary>Keys and values of the tokens that the questions of each prompt share; null for a prompt without such tokens.</summary>
    public IReadOnlyList<KeyValues?> Caches => [.. Prompts.Select(p => p.Shared)];

    /// <summary>Frees the keys and values.</summary>
    public void Dispose()
    {
        foreach (var prompt in Prompts) prompt.Dispose();
    }
}

/// <summary>
/// Questions after one few-shot prompt (<see cref="PromptTokens"/>), with the keys and values of the tokens that all of them share. These
/// keys and values are computed once. Every row attends to them, and they are never copied.
/// </summary>
public sealed class PromptBatch : IDisposable
{
    /// <summary>Keys and values of the tokens that all questions begin with; null where the questions share no token.</summary>
    public KeyValues? Shared { get; }
    /// <summary>The questions, those with the fewest tokens first.</summary>
    public IReadOnlyList<PromptedQuestion> Questions { get; }

    /// <summary>
    /// Computes the keys and values of the shared tokens. They depend on all questions and not on how the questions are batched.
    /// </summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokens">The prompt and its questions.</param>
    public PromptBatch(Decoder decoder, PromptTokens tokens) : this(tokens, Of(decoder, [tokens])[0].Shared) { }

    private PromptBatch(PromptTokens tokens, KeyValues? shared) => (Questions, Shared) = (tokens.Questions, shared);

    /// <summary>Computes the keys and values of several prompts' shared tokens in one pass. The caller disposes each batch.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">The prompts and their questions.</param>
    /// <param name="packed">The prompts' shared tokens where the caller keeps them on the device (<see cref="Pack"/>); null to bring them
    /// there.</param>
    internal static IReadOnlyList<PromptBatch> Of(Decoder decoder, IReadOnlyList<PromptTokens> prompts, Tensor? packed = null)
    {
        int[] lengths = Lengths(prompts);
        if (lengths.Length == 0) return [.. prompts.Select(p => new PromptBatch(p, null))];
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var inference = inference_mode();
        long longest = lengths.Max(), all = lengths.Sum();
        var parts = (packed ?? Pack(prompts, decoder.Device)).split([all, lengths.Length * longest, all, 1]);
        var (_, present) = decoder.Forward(parts[0], keep: true, ragged: new(lengths.Length, (int)longest, parts[1], parts[2], parts[3]));
        using (present)
        {
            var row = 0;
            return [.. prompts.Select(p => new PromptBatch(p, p.Shared.Count == 0 ? null : present!.AsShared(row, lengths[row++])))];
        }
    }

    /// <summary>
    /// The shared tokens of several prompts on a device, for <see cref="Of"/>: int64, their ids and how they lie in rows.
    /// </summary>
    internal static Tensor Pack(IReadOnlyList<PromptTokens> prompts, Device device)
    {
        int[] lengths = Lengths(prompts);
        var (places, real) = lengths.Length == 0 ? ([], []) : RaggedRows.Layout(lengths, left: false);
        using var scope = TorchSharp.torch.NewDisposeScope();
        // At the end: the token whose hidden state is asked for. None is of use here, and one is the least that can be asked for.
        long[] all = [.. prompts.SelectMany(p => p.Shared).Select(t => (long)t), .. places, .. real, 0];
        return tensor(all, ScalarType.Int64).to(device).MoveToOuterDisposeScope();
    }

    private static int[] Lengths(IReadOnlyList<PromptTokens> prompts) => [.. prompts.Select(p => p.Shared.Count).Where(n => n > 0)];

    /// <summary>The prompts before the rows of a pass; null where no row's prompt has shared tokens.</summary>
    /// <param name="prompts">All prompts' keys and values, null for a prompt without shared tokens.</param>
    /// <param name="rows">The prompt of each row, in ascending order.</param>
    /// <param name="lengths">The shared tokens of each row's prompt on the device, int64 [rows]; looked at where the rows have several
    /// prompts.</param>
    internal static Prefix? Before(IReadOnlyList<KeyValues?> prompts, IReadOnlyList<int> rows, Tensor lengths)
    {
        if (rows[0] == rows[^1]) return prompts[rows[0]] is { } one ? new(one) : null;
        var parts = rows.CountBy(p => p).Select(p => (prompts[p.Key], p.Value)).ToList();
        return parts.All(p => p.Item1 is null) ? null : new(parts, lengths);
    }

    /// <summary>Encodes the questions, and computes the keys and values of the tokens that they share.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="format">How exemplars and questions are written.</param>
    /// <param name="exemplars">The prompt's exemplars, in order.</param>
    /// <param name="questions">Questions of the same relation.</param>
    /// <param name="forDrawing">True where answers are drawn: each prompt is then encoded alone, and its gold answer is left out.</param>
    /// <exception cref="SlickException">A prompt with its answer has more tokens than the model has positions, or a token that the model
    /// does not have.</exception>
    public PromptBatch(Decoder decoder, ITokenizer tokenizer, PromptFormat format, IReadOnlyList<Fact> exemplars,
        IReadOnlyList<Fact> questions, bool forDrawing = false)
        : this(decoder, new PromptTokens(decoder.Config, tokenizer, format, exemplars, questions, forDrawing)) { }

    /// <summary>
    /// Draws the exemplars of each of a relation's prompts (paper, appendix C): <see cref="SamplingOptions.Prompts"/> different ordered
    /// lists of <see cref="SamplingOptions.Shots"/> dev facts.
    /// </summary>
    /// <param name="dev">Dev facts of one relation.</param>
    /// <param name="options">Number of prompts, and of exemplars in each.</param>
    /// <param name="seed">Seed of the draw.</param>
    /// <exception cref="SlickException">The relation has too few dev facts for so many different prompts.</exception>
    /// <exception cref="UsageException">An option is out of its range.</exception>
    public static IReadOnlyList<IReadOnlyList<Fact>> DrawExemplars(IReadOnlyList<Fact> dev, SamplingOptions options, int seed)
    {
        Slick.Runtime.OptionRanges.Check(options, "sampling");
        if (dev.Count < options.Shots + 1)
            throw new SlickException(
                $"The relation {(dev.Count > 0 ? dev[0].Relation : "?")} has {dev.Count} dev facts; a prompt of {options.Shots} exemplars "
                + $"needs {options.Shots + 1}.");
        var different = Enumerable.Range(0, options.Shots).Aggregate(1.0, (n, i) => n * (dev.Count - i));
        if (options.Prompts > different)
            throw new SlickException(string.Create(CultureInfo.InvariantCulture, 
                $"The relation {dev[0].Relation} has {dev.Count} dev facts, which make {different} different prompts of {options.Shots} "
                + $"exemplars; sampling.prompts = {options.Prompts} asks for more."));
        var random = new RandomStream(seed);
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
