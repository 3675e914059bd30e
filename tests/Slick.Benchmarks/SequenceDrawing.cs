using Slick.Answers;
using Slick.Text;

namespace Slick.Benchmarks;

/// <summary>A token of a batch.</summary>
/// <param name="Sequence">The number of its sequence.</param>
/// <param name="Token">The token's id.</param>
/// <param name="Position">The token's position in its sequence, from 0.</param>
/// <param name="IsWanted">True where the logits after the token are asked for.</param>
internal readonly record struct SequenceToken(int Sequence, int Token, int Position, bool IsWanted);

/// <summary>A program that keeps the keys and values of numbered sequences, as llama.cpp does.</summary>
internal interface ISequences
{
    /// <summary>Computes a batch of tokens. Each attends to the earlier tokens of its own sequence.</summary>
    /// <param name="tokens">The tokens, those of a sequence in order.</param>
    void Decode(IReadOnlyList<SequenceToken> tokens);

    /// <summary>The logits after a token of the last batch, fp32 [V].</summary>
    /// <param name="index">The token's place in the batch. It must be a wanted one.</param>
    ReadOnlySpan<float> Logits(int index);

    /// <summary>Lets a free sequence begin with all tokens of another one.</summary>
    void Copy(int from, int to);

    /// <summary>Forgets a sequence. Tokens that other sequences have too stay.</summary>
    void Remove(int sequence);
}

/// <summary>
/// Draws the answers of all questions after all prompts with a program that keeps sequences. The tokens that all questions of a prompt
/// begin with are computed once. A few questions are in flight at a time, and the next one begins as soon as one has ended. Answers of a
/// question that have drawn the same tokens are one sequence until they part.
/// </summary>
/// <param name="engine">The program.</param>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="isEnd">By token id: true where the token ends an answer.</param>
/// <param name="options">Samples, temperature, top-k, longest answer.</param>
/// <param name="inFlight">Questions that are drawn at a time.</param>
internal sealed class SequenceDrawing(ISequences engine, ITokenizer tokenizer, bool[] isEnd, SamplingOptions options, int inFlight)
{
    /// <summary>Sequences that the questions in flight and a prompt need, at most.</summary>
    public static int Sequences(int inFlight, SamplingOptions options) => 1 + inFlight * (options.Samples + 1);

    /// <summary>Called for each token that was computed, with its position and whether its logits were wanted.</summary>
    public Action<int, bool> Counted { get; init; } = (_, _) => { };

    // A question in flight.
    private sealed class Open(int prompt, PromptedQuestion question, int seed)
    {
        public int Prompt { get; } = prompt;
        public PromptedQuestion Question { get; } = question;
        public ulong Stream { get; } = Uniform.Stream(seed, question.Key);
        public int Sequences { get; set; } // that have not ended
        public string Greedy { get; set; } = "";
        public List<(string Answer, int Count)> Sampled { get; } = [];
    }

    // Answers of a question that have drawn the same tokens so far. Pending: tokens that are computed next, from Position on.
    private sealed record Branch(Open Of, int Sequence, int Position, int[] Pending, int[] Drawn, int[] Samples, bool IsGreedy);

    /// <summary>Draws the answers.</summary>
    /// <param name="prompts">The prompts and their questions, encoded with forDrawing = true.</param>
    /// <param name="seeds">Seed of the draws after each prompt.</param>
    /// <returns>For each prompt one entry for each question, in the order in which the questions were given to the prompt.</returns>
    public DrawnAnswers[][] Draw(IReadOnlyList<PromptTokens> prompts, IReadOnlyList<int> seeds)
    {
        DrawnAnswers[][] found = [.. prompts.Select(p => new DrawnAnswers[p.Questions.Count])];
        var waiting = new Queue<Open>(prompts.SelectMany((p, j) => p.Questions.Select(q => new Open(j, q, seeds[j]))));
        var free = new Stack<int>(Enumerable.Range(0, Sequences(inFlight, options)).Reverse());
        int[] everySample = [.. Enumerable.Range(0, options.Samples)];
        (int Number, int Sequence) prompt = (-1, -1);
        var (branches, open) = (new List<Branch>(), 0);
        void Release(int sequence)
        {
            engine.Remove(sequence);
            free.Push(sequence);
        }
        while (true)
        {
            for (; open < inFlight && waiting.TryDequeue(out var next); open++)
            {
                var shared = prompts[next.Prompt].Shared;
                if (next.Prompt != prompt.Number)
                {
                    if (prompt.Sequence >= 0) Release(prompt.Sequence);
                    prompt = (next.Prompt, free.Pop());
                    if (shared.Count > 0) Decode([.. shared.Select((t, i) => new SequenceToken(prompt.Sequence, t, i, false))]);
                }
                var sequence = free.Pop();
                if (shared.Count > 0) engine.Copy(prompt.Sequence, sequence);
                next.Sequences = 1;
                branches.Add(new(next, sequence, shared.Count, next.Question.Own, [], everySample, true));
            }
            if (branches.Count == 0) break;
            Decode([.. branches.SelectMany(b => b.Pending.Select((t, i) =>
                new SequenceToken(b.Sequence, t, b.Position + i, i == b.Pending.Length - 1)))]);
            var (grown, last) = (new List<Branch>(), -1);
            foreach (var branch in branches)
            {
                last += branch.Pending.Length;
                Grow(branch, engine.Logits(last), free, grown, Release);
                if (branch.Of.Sequences > 0) continue;
                found[branch.Of.Prompt][branch.Of.Question.Index] = DrawnAnswers.Of(branch.Of.Greedy, branch.Of.Sampled);
                open--;
            }
            branches = grown;
        }
        if (prompt.Sequence >= 0) Release(prompt.Sequence);
        return found;
    }

    private void Decode(SequenceToken[] tokens)
    {
        engine.Decode(tokens);
        foreach (var token in tokens) Counted(token.Position, token.IsWanted);
    }

    // Draws the next token of every answer of a branch. The first continuation keeps the branch's sequence.
    private void Grow(Branch branch, ReadOnlySpan<float> logits, Stack<int> free, List<Branch> grown, Action<int> release)
    {
        var next = new NextToken(logits, options);
        var samples = branch.Samples.GroupBy(s => next.Draw(Uniform.At(branch.Of.Stream, s, branch.Drawn.Length)))
            .ToDictionary(g => g.Key, g => g.ToArray());
        if (branch.IsGreedy) samples.TryAdd(next.Greedy, []);
        var position = branch.Position + branch.Pending.Length;
        var kept = false;
        foreach (var (token, here) in samples)
        {
            var isGreedy = branch.IsGreedy && token == next.Greedy;
            int[] drawn = isEnd[token] ? branch.Drawn : [.. branch.Drawn, token];
            if (isEnd[token] || drawn.Length == options.MaxAnswerTokens)
            {
                var text = DrawnAnswers.FirstLine(tokenizer.Decode(drawn));
                if (isGreedy) branch.Of.Greedy = text;
                if (here.Length > 0) branch.Of.Sampled.Add((text, here.Length));
                continue;
            }
            var sequence = kept ? free.Pop() : branch.Sequence;
            if (kept)
            {
                engine.Copy(branch.Sequence, sequence);
                branch.Of.Sequences++;
            }
            kept = true;
            grown.Add(new(branch.Of, sequence, position, [token], drawn, here, isGreedy));
        }
        if (kept) return;
        branch.Of.Sequences--;
        release(branch.Sequence);
    }
}

/// <summary>The next token by its logits: the most probable one, and draws by the protocol's temperature and top-k.</summary>
internal sealed class NextToken
{
    private readonly int[] tokens;    // the k most probable, the most probable first and equal ones by id
    private readonly double[] bounds; // sums of their probabilities

    /// <param name="logits">fp32 [V].</param>
    /// <param name="options">Temperature and top-k.</param>
    public NextToken(ReadOnlySpan<float> logits, SamplingOptions options)
    {
        var k = Math.Min(options.TopK, logits.Length);
        var values = new float[k];
        (tokens, bounds) = (new int[k], new double[k]);
        var (count, least) = (0, float.NegativeInfinity);
        for (var id = 0; id < logits.Length; id++)
        {
            var value = logits[id];
            if (count == k && value <= least) continue;
            var at = count < k ? count++ : k - 1;
            for (; at > 0 && values[at - 1] < value; at--) (values[at], tokens[at]) = (values[at - 1], tokens[at - 1]);
            (values[at], tokens[at]) = (value, id);
            least = values[count - 1];
        }
        var sum = 0.0;
        for (var i = 0; i < k; i++) bounds[i] = sum += Math.Exp((values[i] - values[0]) / options.Temperature);
    }

    /// <summary>The most probable token.</summary>
    public int Greedy => tokens[0];

    /// <summary>A token drawn by a random number.</summary>
    /// <param name="uniform">From 0 to 2^<see cref="Uniform.Bits"/> - 1.</param>
    public int Draw(long uniform)
    {
        var at = Array.BinarySearch(bounds, uniform / (double)(1 << Uniform.Bits) * bounds[^1]);
        return tokens[Math.Min(at < 0 ? ~at : at + 1, tokens.Length - 1)];
    }
}
