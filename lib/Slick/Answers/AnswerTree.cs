using System.Runtime.InteropServices;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Answers;

/// <summary>
/// Draws the greedy and the sampled answers of all questions after one prompt together. The greedy answer and the samples of a question
/// begin at the same node and part where they differ. A node is computed once, however many samples are at it. The samples are distributed
/// as independent draws are. An answer ends as <see cref="SamplingOptions.MaxAnswerTokens"/> says. Cost: one token's forward pass a node,
/// and for each pass one transfer to the device and one back. The same seed gives the same answers, whatever else is in the batch (up to
/// rounding). The tree is ours. Taught in <c>notebooks/01-what-does-a-model-know.ipynb</c>.
/// </summary>
public sealed class AnswerTree
{
    private readonly Decoder decoder;
    private readonly ITokenizer tokenizer;
    private readonly SamplingOptions options;
    private readonly bool[] ends; // by token id: true where the token ends an answer

    /// <summary>The memory that a pass may take, the caches of the levels above included.</summary>
    internal PassMemory Memory { get; init; } = new(PassBounds.Default);

    /// <summary>Number of forward passes made so far.</summary>
    internal int Passes { get; private set; }
    /// <summary>Number of tokens in the forward passes made so far.</summary>
    internal long Tokens { get; private set; }
    /// <summary>Number of positions whose logits were computed so far.</summary>
    internal long LogitRows { get; private set; }

    // A node of the tree: the samples that reached it, and whether the greedy answer did.
    private sealed record Node(Node? Parent, int Token, int Question, int[] Samples, bool Greedy);

    // The answers to one question. Stream: the key of the question's random numbers.
    private sealed class Answers(ulong stream)
    {
        public ulong Stream { get; } = stream;
        public string Greedy { get; set; } = "";
        public List<(string Answer, int Count)> Sampled { get; } = [];
    }

    /// <summary>A tree for a model and its tokenizer.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="options">Samples, temperature, top-k, longest answer.</param>
    public AnswerTree(Decoder decoder, ITokenizer tokenizer, SamplingOptions options)
    {
        (this.decoder, this.tokenizer, this.options) = (decoder, tokenizer, options);
        ends = AnswerScorer.Ends(decoder, tokenizer);
    }

    /// <summary>Draws the answers (paper, section 3 and appendix C: greedy, and T = 0.5, top-k 40, 16 samples).</summary>
    /// <param name="batch">The prompt and its questions, encoded with forDrawing = true.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="cancellation">Checked before each forward pass.</param>
    /// <returns>One entry for each question, in the order in which the questions were given to the batch.</returns>
    /// <exception cref="SlickException">An answer has more tokens than the model has positions for.</exception>
    public DrawnAnswers[] Draw(PromptBatch batch, int seed, CancellationToken cancellation = default) =>
        Draw([batch], [seed], cancellation)[0];

    /// <summary>Draws the answers after several prompts.</summary>
    /// <param name="prompts">The prompts and their questions, encoded with forDrawing = true.</param>
    /// <param name="seeds">Seed of the draws after each prompt.</param>
    /// <param name="cancellation">Checked before each forward pass.</param>
    /// <returns>For each prompt one entry for each question, in the order in which the questions were given to the batch.</returns>
    /// <exception cref="SlickException">An answer has more tokens than the model has positions for.</exception>
    internal DrawnAnswers[][] Draw(IReadOnlyList<PromptBatch> prompts, IReadOnlyList<int> seeds, CancellationToken cancellation)
    {
        DrawnAnswers[][] drawn = [.. prompts.Select(p => new DrawnAnswers[p.Questions.Count])];
        var rows = PromptRow.Of(prompts);
        foreach (var (part, found) in DrawEach(prompts, rows, seeds, _ => false, cancellation))
            foreach (var (row, answers) in part.Zip(found)) drawn[row.Prompt][row.Question.Index] = answers;
        return drawn;
    }

    /// <summary>
    /// The rows of a batch, short and long together, of several prompts where one has few questions. A level of the tree has one token a
    /// row, and matrix products are fast where there are many rows. Near the model's last position the rows of a batch have the same
    /// prompt and the same length, so that padding takes no position.
    /// </summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="rows">The rows, prompt by prompt (<see cref="PromptRow.Of"/>).</param>
    /// <param name="begin">The first row of the batch.</param>
    /// <returns>The end of the batch.</returns>
    internal int BatchEnd(IReadOnlyList<PromptBatch> prompts, PromptRow[] rows, int begin)
    {
        var limits = Limits(prompts);
        var (end, longest, before) = (begin, 0, 0);
        for (; end < rows.Length; end++)
        {
            var length = Math.Max(longest, rows[end].Question.Own.Length);
            var shared = Math.Max(before, prompts[rows[end].Prompt].Shared?.Tokens ?? 0);
            var most = Math.Min(Memory.Bounds.Tokens / length,
                Math.Min(limits.LevelRows(length, 0, Memory.Bounds.Bytes), limits.TreeRows(length, options.MaxAnswerTokens)));
            if (end > begin && (end - begin >= most || ((rows[end].Prompt, rows[end].Question.Own.Length)
                != (rows[begin].Prompt, rows[begin].Question.Own.Length)
                && shared + length + options.MaxAnswerTokens > decoder.Config.MaxPositions))) break;
            (longest, before) = (length, shared);
        }
        return end;
    }

    /// <summary>Draws the answers of all rows, batch by batch (<see cref="BatchEnd"/>).</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="rows">The rows, prompt by prompt.</param>
    /// <param name="seeds">Seed of the draws after each prompt.</param>
    /// <param name="isDone">True for a batch that is left out.</param>
    /// <param name="cancellation">Checked before each forward pass.</param>
    /// <returns>Each batch with the answers of its rows, in their order.</returns>
    internal IEnumerable<(PromptRow[] Rows, DrawnAnswers[] Answers)> DrawEach(IReadOnlyList<PromptBatch> prompts, PromptRow[] rows,
        IReadOnlyList<int> seeds, Func<PromptRow[], bool> isDone, CancellationToken cancellation) =>
        RowBatches.Each(rows.Length, begin => BatchEnd(prompts, rows, begin), part => isDone(rows[part]),
            part => (rows[part], Draw(prompts, rows[part], seeds, cancellation)), Memory.Halve);

    /// <summary>Draws the answers of one batch, in the order of its rows.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="rows">The rows of the batch.</param>
    /// <param name="seeds">Seed of the draws after each prompt.</param>
    /// <param name="cancellation">Checked before each forward pass.</param>
    internal DrawnAnswers[] Draw(IReadOnlyList<PromptBatch> prompts, PromptRow[] rows, IReadOnlyList<int> seeds,
        CancellationToken cancellation)
    {
        using var inference = inference_mode();
        var answers = Array.ConvertAll(rows, r => new Answers(Uniform.Stream(seeds[r.Prompt], r.Question.Key)));
        int[] everySample = [.. Enumerable.Range(0, options.Samples)];
        Node[] roots = [.. rows.Select((_, i) => new Node(null, -1, i, everySample, true))];
        var drawing = new Drawing([.. prompts.Select(p => p.Shared)], Array.ConvertAll(rows, r => r.Prompt), Limits(prompts), answers,
            Array.ConvertAll(rows, r => r.Question.Own.Length), cancellation);
        var level = Pass(drawing, roots, [.. rows.SelectMany(r => r.Question.Own.Select(t => (long)t))], null, null, 0,
            Memory.Bounds.Bytes);
        Grow(drawing, roots, level, 0, Memory.Bounds.Bytes);
        // Most answers come again, after another prompt or to another question. Each is decoded once.
        var texts = new Dictionary<int[], string>(SameTokens.Comparer);
        foreach (var (of, reached, tokens) in drawing.Ended)
        {
            if (!texts.TryGetValue(tokens, out var text))
                texts[tokens] = text = DrawnAnswers.FirstLine(tokenizer.Decode(tokens));
            if (reached.Greedy) of.Greedy = text;
            if (reached.Samples.Length > 0) of.Sampled.Add((text, reached.Samples.Length));
        }
        return Array.ConvertAll(answers, a => DrawnAnswers.Of(a.Greedy, a.Sampled));
    }

    private BatchLimits Limits(IReadOnlyList<PromptBatch> prompts) =>
        new(decoder, prompts.Max(p => p.Shared?.Tokens ?? 0)) { Bounds = Memory.Bounds };

    // The drawing of one batch, from the roots to the last leaf. Prompts: the keys and values of each prompt. PromptOf: the prompt of each
    // question. Lengths: number of tokens of each question. The caches of shorter questions are padded on the left.
    private sealed record Drawing(KeyValues?[] Prompts, int[] PromptOf, BatchLimits Limits, Answers[] Answers, int[] Lengths,
        CancellationToken Cancellation)
    {
        public int PromptTokens { get; } = PromptOf.Max(p => Prompts[p]?.Tokens ?? 0);
        // The answers that have ended: whose they are, the node with the samples that gave them, and their tokens.
        public List<(Answers Of, Node Reached, int[] Tokens)> Ended { get; } = [];

        private long[] buffer = [];

        // What the passes bring to the device lies in one array, one pass after the other.
        public long[] Buffer(int length) => buffer.Length >= length ? buffer
            : buffer = GC.AllocateUninitializedArray<long>(Math.Max(length, 2 * buffer.Length));
    }

    // The result of a pass over nodes: for each node the greedy token and the tokens of its samples (Width of them), and the nodes' caches.
    private sealed record Level(long[] Chosen, int Width, KeyValues Present);

    // Makes the passes over the tokens that follow the nodes, in `left` bytes of memory, and frees the level's caches.
    private void Grow(Drawing drawing, Node[] nodes, Level level, int depth, long left)
    {
        using var present = level.Present;
        var (children, rows) = Children(nodes, level.Chosen, level.Width, depth, drawing);
        if (children.Count == 0) return;
        var earlier = level.Present.Tokens;
        var positions = drawing.PromptTokens + earlier + 1;
        if (positions > decoder.Config.MaxPositions)
            throw new SlickException(
                $"A prompt with an answer of {depth + 1} tokens and more has {positions} tokens, the model {decoder.Config.MaxPositions} "
                + $"positions; lower sampling.maxAnswerTokens = {options.MaxAnswerTokens} or use a model with a longer context.");
        var below = left - nodes.Length * drawing.Limits.KeyValueBytes(earlier);
        var room = drawing.Limits.LevelRows(1, earlier, below);
        for (var first = 0; first < children.Count; first += room)
        {
            var count = Math.Min(room, children.Count - first);
            Node[] part = [.. children.GetRange(first, count)];
            var next = Pass(drawing, part, [.. part.Select(n => (long)n.Token)], [.. rows.GetRange(first, count)], level.Present,
                depth + 1, below);
            var isLast = first + count == children.Count;
            if (isLast) present.Dispose(); // nobody reads them any more
            Grow(drawing, part, next, depth + 1, isLast ? left : below);
        }
    }

    // One pass over the nodes' tokens, and the draw of the tokens that follow each node, in `left` bytes of memory.
    private Level Pass(Drawing drawing, Node[] nodes, long[] ids, int[]? parents, KeyValues? before, int depth, long left)
    {
        drawing.Cancellation.ThrowIfCancellationRequested();
        using var scope = NewDisposeScope();
        var (rows, width) = (nodes.Length, nodes.Max(n => n.Samples.Length));
        var longest = drawing.Lengths.Max();
        var padding = Array.ConvertAll(nodes, n => (long)(longest - drawing.Lengths[n.Question]));
        var isRoot = parents is null;
        var (places, real) = isRoot ? RaggedRows.Layout(drawing.Lengths, left: true) : ([], []);
        // of a root, its question's last token; of any other node, its parent's row
        var after = isRoot ? Last(drawing.Lengths) : Array.ConvertAll(parents!, p => (long)p);
        var prompts = Array.ConvertAll(nodes, n => drawing.PromptOf[n.Question]);
        long[] prior = prompts[0] == prompts[^1] ? [] : Array.ConvertAll(prompts, p => (long)(drawing.Prompts[p]?.Tokens ?? 0));
        // one transfer to the device for each pass
        long[][] parts = [ids, after, padding, places, real, prior];
        var packed = drawing.Buffer(parts.Sum(p => p.Length) + rows * width);
        var at = 0;
        foreach (var part in parts)
        {
            part.CopyTo(packed, at);
            at += part.Length;
        }
        Parallel.For(0, rows, r =>
        {
            var stream = drawing.Answers[nodes[r].Question].Stream;
            for (var s = 0; s < width; s++)
                packed[at + r * width + s] = s < nodes[r].Samples.Length ? Uniform.At(stream, nodes[r].Samples[s], depth) : 0;
        });
        var all = frombuffer(packed, ScalarType.Int64, at + rows * width).to(ScalarType.Int64, decoder.Device, copy: true)
            .split([.. parts.Select(p => (long)p.Length), rows * width]);
        var prefix = PromptBatch.Before(drawing.Prompts, prompts, all[5]);
        var past = isRoot ? null : before!.Rows(all[1]);
        var leftPadding = padding.All(p => p == 0) ? null : all[2];
        var (hidden, present) = isRoot
            ? decoder.Forward(all[0], prefix, keep: true, padding: leftPadding, ragged: new(rows, longest, all[3], all[4], all[1]))
            : decoder.Forward(all[0].view(rows, 1), prefix, past, keep: true, padding: leftPadding);
        (Passes, Tokens, LogitRows) = (Passes + 1, Tokens + ids.Length, LogitRows + rows);
        try
        {
            return new(Chosen(hidden.view(rows, -1), all[6], width, drawing.Limits.LogitRows(left)), width, present!);
        }
        catch
        {
            present!.Dispose();
            throw;
        }
    }

    // For each row the greedy token, then the tokens of its samples. The logits of `most` rows are held at a time.
    private long[] Chosen(Tensor hidden, Tensor uniforms, int width, int most)
    {
        var uniform = width == 0 ? null
            : uniforms.view(-1, width).to(ScalarType.Float32).mul_(Scalars.Of(1.0 / (1 << Uniform.Bits))).split(most);
        var parts = hidden.split(most);
        Tensor Drawn(int part, Func<TopTokens, Tensor> draw, List<Tensor>? ties)
        {
            using var scope = NewDisposeScope();
            var logits = decoder.Logits(parts[part]).to(ScalarType.Float32); // [rows, V]
            var greedy = Decoder.Greedy(logits).unsqueeze(1);
            if (uniform is null) return greedy.view(-1).MoveToOuterDisposeScope();
            var top = new TopTokens(logits, options);
            ties?.Add(top.HasTies.MoveToOuterDisposeScope());
            return cat([greedy, draw(top)], 1).view(-1).MoveToOuterDisposeScope();
        }
        var ties = new List<Tensor>();
        Tensor[] drawn = [.. parts.Select((_, i) => Drawn(i, top => top.Draw(uniform![i]), ties))];
        var chosen = HostTransfer.Read<long>(cat([.. drawn, .. ties], 0));
        // More tokens tie with the k-th than are among the k. This is rare, so the slower draw is made only where it happens.
        var at = 0;
        for (var i = 0; i < parts.Length; at += (int)drawn[i].numel(), i++)
            if (ties.Count > 0 && chosen[chosen.Length - ties.Count + i] != 0)
                HostTransfer.Read<long>(Drawn(i, top => top.DrawAmongTies(uniform![i]), null)).CopyTo(chosen, at);
        return chosen;
    }

    // The last token of each row, in a list where the rows' tokens follow each other.
    private static long[] Last(int[] lengths)
    {
        var (last, end) = (new long[lengths.Length], 0L);
        for (var r = 0; r < last.Length; r++) last[r] = (end += lengths[r]) - 1;
        return last;
    }

    // The nodes that the samples go to next, and the row of each one's parent. Answers that end here are finished.
    private (List<Node> Children, List<int> Rows) Children(Node[] nodes, long[] chosen, int width, int depth, Drawing drawing)
    {
        var (children, rows) = (new List<Node>(), new List<int>());
        var taken = new bool[width];
        for (var r = 0; r < nodes.Length; r++)
        {
            var node = nodes[r];
            var tokens = chosen.AsSpan(r * (width + 1), width + 1);
            Array.Clear(taken);
            for (var first = node.Greedy ? -1 : 0; first < node.Samples.Length; first++)
            {
                if (first >= 0 && taken[first]) continue;
                var token = (int)tokens[first + 1];
                var here = new List<int>();
                for (var s = Math.Max(first, 0); s < node.Samples.Length; s++)
                {
                    if (taken[s] || tokens[s + 1] != token) continue;
                    taken[s] = true;
                    here.Add(node.Samples[s]);
                }
                var child = new Node(node, token, node.Question, [.. here], first < 0);
                if (ends[token]) drawing.Ended.Add((drawing.Answers[node.Question], child, TokensTo(node)));
                else if (depth + 1 == options.MaxAnswerTokens)
                    drawing.Ended.Add((drawing.Answers[node.Question], child, TokensTo(child)));
                else
                {
                    children.Add(child);
                    rows.Add(r);
                }
            }
        }
        return (children, rows);
    }

    private static int[] TokensTo(Node last)
    {
        var tokens = new List<int>();
        for (var node = last; node.Parent is not null; node = node.Parent) tokens.Add(node.Token);
        tokens.Reverse();
        return [.. tokens];
    }

    private sealed class SameTokens : IEqualityComparer<int[]>
    {
        public static SameTokens Comparer { get; } = new();

        public bool Equals(int[]? a, int[]? b) => a.AsSpan().SequenceEqual(b);

        public int GetHashCode(int[] tokens)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(tokens.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
