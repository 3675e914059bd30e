using Slick.Models;
using Slick.Runtime;
using Slick.Answers;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>
/// The slow way to all that SliCK asks of a model: a forward pass over the whole text for each next token, without a shared
/// prompt, a cache, padding or a batch, and the protocol written out in loops. What the pass itself computes is compared with the
/// straight-line decoder elsewhere (<see cref="ArchitectureTests"/>).
/// </summary>
internal sealed class PlainModel(Decoder decoder, LetterTokenizer tokenizer, SamplingOptions options)
{
    private readonly Dictionary<string, double[]> known = [];

    /// <summary>Logits of what follows a text.</summary>
    public double[] Logits(IReadOnlyList<int> ids)
    {
        var key = string.Join(',', ids);
        if (known.TryGetValue(key, out var logits)) return logits;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var (hidden, _) = decoder.Forward(tensor([.. ids.Select(i => (long)i)], ScalarType.Int64).view(1, -1));
        return known[key] = [.. HostTransfer.Read<float>(decoder.Logits(hidden.select(1, ids.Count - 1)).to(ScalarType.Float32))
            .Select(v => (double)v)];
    }

    /// <summary>Root mean square of all logits seen so far.</summary>
    public double Size => Math.Sqrt(known.Values.SelectMany(l => l).Average(v => v * v));

    private bool IsEnd(int id) => id is LetterTokenizer.End or LetterTokenizer.LineFeed || decoder.Config.EosIds.Contains(id);

    private static int Best(double[] logits) => Array.IndexOf(logits, logits.Max());

    /// <summary>Tokens that may be drawn with their probabilities, the most probable first and among equal ones the lowest id.</summary>
    public (int Id, double P)[] Shares(IReadOnlyList<int> ids)
    {
        var logits = Logits(ids);
        var edge = logits.OrderDescending().ElementAt(Math.Min(options.TopK, logits.Length) - 1);
        var kept = Enumerable.Range(0, logits.Length).Where(i => logits[i] >= edge).OrderByDescending(i => logits[i]).ThenBy(i => i)
            .ToArray();
        var weights = kept.Select(i => Math.Exp((logits[i] - logits[kept[0]]) / options.Temperature)).ToArray();
        return [.. kept.Zip(weights, (id, w) => (id, w / weights.Sum()))];
    }

    /// <summary>The tokens of an answer: up to its end, or cut; and the smallest lead of a token that was chosen.</summary>
    public (int[] Tokens, double Lead) Greedy(int[] prompt)
    {
        var (answer, lead) = (new List<int>(), double.PositiveInfinity);
        while (answer.Count < options.MaxAnswerTokens)
        {
            var logits = Logits([.. prompt, .. answer]);
            var best = Best(logits);
            lead = Math.Min(lead, logits[best] - logits.Where((_, i) => i != best).Max());
            if (IsEnd(best)) break;
            answer.Add(best);
        }
        return ([.. answer], lead);
    }

    /// <summary>One sample of a question.</summary>
    public int[] Sample(int[] prompt, int seed, int question, int sample)
    {
        var answer = new List<int>();
        while (answer.Count < options.MaxAnswerTokens)
        {
            var uniform = Uniform.At(Uniform.Stream(seed, question), sample, answer.Count) / (double)(1 << Uniform.Bits);
            var token = -1;
            foreach (var (id, p) in Shares([.. prompt, .. answer]))
            {
                token = id;
                if ((uniform -= p) < 0) break;
            }
            if (IsEnd(token)) break;
            answer.Add(token);
        }
        return [.. answer];
    }

    /// <summary>An answer's text.</summary>
    public string Text(IReadOnlyList<int> tokens) => tokenizer.Decode(tokens).Split('\n')[0];

    /// <summary>The probability of all answers with a text, by going through them.</summary>
    public double Probability(int[] prompt, Predicate<string> isAnswer, Predicate<string> mayBecome) =>
        Sum(prompt, [], isAnswer, mayBecome);

    private double Sum(int[] prompt, int[] answer, Predicate<string> isAnswer, Predicate<string> mayBecome)
    {
        var text = tokenizer.Decode(answer);
        // Behind the line's end nothing counts.
        if (text.Contains('\n', StringComparison.Ordinal) || answer.Length == options.MaxAnswerTokens) return isAnswer(text.Split('\n')[0])
            ? 1 : 0;
        if (!mayBecome(text)) return 0;
        return Shares([.. prompt, .. answer])
            .Sum(s => s.P * (IsEnd(s.Id) ? isAnswer(text) ? 1 : 0 : Sum(prompt, [.. answer, s.Id], isAnswer, mayBecome)));
    }
}
