using Slick.Models;
using Slick.Runtime;

namespace Slick.Answers;

/// <summary>The questions of a relation as a forecast counts them.</summary>
/// <param name="Relation">The relation's id.</param>
/// <param name="Questions">Number of questions.</param>
/// <param name="Shared">Tokens of a prompt that its questions share, on average.</param>
/// <param name="Own">Tokens of a question of its own behind them, on average.</param>
/// <param name="Gold">Tokens of an answer, on average.</param>
public sealed record RelationTokens(string Relation, int Questions, double Shared, double Own, double Gold);

/// <summary>
/// Counts the passes that label questions, without a model. The batches are those of <see cref="AnswerScorer"/> and
/// <see cref="AnswerTree"/>, under the same <see cref="BatchLimits"/>, with every row of the mean length. A relation with Q questions and J
/// prompts has Q J rows. Exact reads (own + gold) tokens of a row and computes the logits of gold + 1 positions. Sampled reads a row's own
/// tokens and then a token for each node of its answer tree, and computes the logits of each of them.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="width">Bytes of a weight.</param>
/// <param name="isGpu">True for a card.</param>
/// <param name="bounds">Bounds on a pass.</param>
/// <param name="sampling">SliCK's protocol.</param>
internal sealed class LabelCost(DecoderConfig config, long width, bool isGpu, PassBounds bounds, SamplingOptions sampling)
{
    // What the host does for a row: its prompt as tokens, its place in the batch. And for a node of a tree: drawing, branching, texts.
    // The first was 30 us a row on two cores of an AMD Zen 3. Both are fitted to the numbers of an H200 (Machine), where they are most of
    // the time of a small model.
    private const double RowSeconds = 45e-6, NodeSeconds = 5.6e-6;

    // The samples of the protocol that the nodes below were counted with.
    private const int CountedSamples = 16;

    /// <summary>
    /// Nodes of a question's answer tree, by depth: 19.4 together. Counted with Gemma 3 270M and 16 samples, on 6 questions of each of
    /// the 12 relations behind 3 prompts. A model that is surer of its answers has fewer.
    /// </summary>
    internal static IReadOnlyList<double> CountedNodes { get; } =
        [1, 4.82, 4.71, 3.47, 2.12, 1.39, 0.65, 0.65, 0.2, 0.2, 0.06, 0.06, 0.06, 0.02, 0.02, 0.02];

    /// <summary>Nodes of a question's answer tree, by depth. With other numbers of samples all but the first change in
    /// proportion.</summary>
    public IReadOnlyList<double> Nodes { get; init; } = [.. Enumerable.Range(0, sampling.MaxAnswerTokens)
        .Select(d => d == 0 ? 1 : CountedNodes[Math.Min(d, CountedNodes.Count - 1)] * (sampling.Samples + 1) / (CountedSamples + 1))];

    /// <summary>Labels by Exact.</summary>
    public MachineWork Exact(IReadOnlyList<RelationTokens> relations)
    {
        var (passes, most, host) = (new List<MachinePass>(), 0L, 0.0);
        foreach (var relation in relations.Where(r => r.Questions > 0))
        {
            var (limits, cost) = Start(relation, passes, ref most);
            double tokens = relation.Own + relation.Gold, scored = relation.Gold + 1;
            long rows = (long)relation.Questions * sampling.Prompts, length = (long)Math.Round(tokens);
            var positions = (long)Math.Ceiling(scored);
            var room = Most(rows, r => r * length <= bounds.Tokens && limits.Fits(r, length, positions)
                && !limits.IsEnough((long)(r * tokens)));
            var count = Math.Ceiling(rows / (double)room);
            var each = rows / count;
            passes.Add(cost.Forward(count, each * tokens, (tokens + 1) / 2, relation.Shared, each * scored, 0,
                PromptsIn(each, relation)));
            most = Math.Max(most, Prompts(limits, relation) + (long)(each * limits.RowBytes(length, 0, positions, keep: false)));
            host += rows * RowSeconds;
        }
        return new(passes, host, most + width * DecoderWeights.ParametersOf(config));
    }

    /// <summary>Labels by Sampled.</summary>
    public MachineWork Sampled(IReadOnlyList<RelationTokens> relations)
    {
        var (passes, most, host) = (new List<MachinePass>(), 0L, 0.0);
        foreach (var relation in relations.Where(r => r.Questions > 0))
        {
            var (limits, cost) = Start(relation, passes, ref most);
            long rows = (long)relation.Questions * sampling.Prompts;
            var own = Math.Max(1, (int)Math.Round(relation.Own));
            var room = Math.Max(1, Math.Min(bounds.Tokens / own,
                Math.Min(limits.LevelRows(own, 0, bounds.Bytes), limits.TreeRows(own, sampling.MaxAnswerTokens))));
            var count = Math.Ceiling(rows / (double)room);
            double nodes = rows / count, prompts = PromptsIn(nodes, relation);
            passes.Add(cost.Forward(count, nodes * relation.Own, (relation.Own + 1) / 2, relation.Shared, nodes, nodes * relation.Own,
                prompts));
            var (left, deepest) = (bounds.Bytes, (long)(nodes * limits.RowBytes(own, 0, 0, keep: true)
                + Math.Min(nodes, limits.LogitRows(bounds.Bytes)) * 12 * config.VocabularySize));
            // A level whose nodes have no room in one pass is cut into parts, and each part grows to its leaves before the next.
            for (var depth = 1; depth < Nodes.Count; depth++)
            {
                var earlier = own + depth - 1;
                var below = left - (long)(nodes * limits.KeyValueBytes(earlier));
                nodes *= Nodes[depth] / Nodes[depth - 1];
                var parts = Math.Max(1, Math.Ceiling(nodes / limits.LevelRows(1, earlier, below)));
                deepest = Math.Max(deepest, bounds.Bytes - below + (long)(nodes / parts * limits.RowBytes(1, earlier, 0, keep: true)
                    + Math.Min(nodes / parts, limits.LogitRows(below)) * 12 * config.VocabularySize));
                if (parts > 1) left = below; // the last part alone does not need its parents
                nodes /= parts;
                count *= parts;
                // Fewer than one node a part: some parts have none, and there is no pass.
                double passed = Math.Min(1, nodes), each = nodes / passed;
                passes.Add(cost.Forward(count * passed, each, earlier + 1, relation.Shared, each, each * (2 * earlier + 1), prompts));
            }
            most = Math.Max(most, Prompts(limits, relation) + deepest);
            host += rows * (RowSeconds + Nodes.Sum() * NodeSeconds);
        }
        return new(passes, host, most + width * DecoderWeights.ParametersOf(config));
    }

    /// <summary>The least memory with which a relation can be labelled: the weights, its prompts and a pass of one row.</summary>
    public long Least(RelationTokens relation)
    {
        var limits = Limits(relation);
        return width * DecoderWeights.ParametersOf(config) + Prompts(limits, relation)
            + limits.RowBytes((long)Math.Round(relation.Own), sampling.MaxAnswerTokens, 1, keep: true);
    }

    private BatchLimits Limits(RelationTokens relation) =>
        new(config, width, !isGpu, (int)Math.Round(relation.Shared)) { Bounds = bounds };

    // The pass over the prompts, whose rows see themselves alone.
    private (BatchLimits Limits, PassCost Cost) Start(RelationTokens relation, List<MachinePass> passes, ref long most)
    {
        var alone = new BatchLimits(config, width, !isGpu, 0) { Bounds = bounds };
        var shared = (long)Math.Round(relation.Shared);
        var room = Most(sampling.Prompts, r => r * alone.RowBytes(shared, 0, 1, keep: true) <= bounds.Bytes);
        var count = Math.Ceiling(sampling.Prompts / (double)room);
        var tokens = sampling.Prompts * relation.Shared / count;
        if (tokens > 0)
            passes.Add(new PassCost(config, width, alone, isGpu).Forward(count, tokens, (relation.Shared + 1) / 2, 0, 0, tokens, 1));
        most = Math.Max(most, room * alone.RowBytes(shared, 0, 1, keep: true));
        var limits = Limits(relation);
        return (limits, new(config, width, limits, isGpu));
    }

    // Bytes of the prompts' keys and values.
    private long Prompts(BatchLimits limits, RelationTokens relation) =>
        (long)(sampling.Prompts * relation.Shared * limits.KeyValueBytes(1));

    // Rows lie prompt by prompt.
    private double PromptsIn(double rows, RelationTokens relation) => Math.Min(sampling.Prompts, Math.Ceiling(rows / relation.Questions));

    // The largest number, at least 1 and at most a given one, for which a condition that holds below some number holds.
    private static long Most(long largest, Func<long, bool> holds)
    {
        var (low, high) = (1L, largest);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (holds(middle)) low = middle;
            else high = middle - 1;
        }
        return low;
    }
}
