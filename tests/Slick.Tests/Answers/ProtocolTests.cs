using Slick.Analysis;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Models;
using Slick.Tests.Models.StraightLine;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Answers;

/// <summary>
/// What an answer is and which token is greedy: one definition for Exact, Sampled and both ways to write an answer's end.
/// </summary>
public sealed class ProtocolTests : IDisposable
{
    private static readonly Fact Question =
        new() { Id = 3, Relation = "P17", Split = Split.Train, Subject = "a", Question = "ab c?", Answer = "a" };
    private static readonly int[] Prompt = new LetterTokenizer().Encode(PromptFormat.QuestionAnswer.Prompt(Question.Question));

    private readonly List<IDisposable> held = [];

    public ProtocolTests() => Compute.UseThreads(1);

    public void Dispose() => held.ForEach(h => h.Dispose());

    // Rows of the output layer may be made alike, or longer.
    private Decoder Tiny(Action<float[]>? change = null)
    {
        var model = new TinyModel("llama", []);
        change?.Invoke(model.Tensors["lm_head.weight"].Values);
        var folder = model.Write();
        var weights = Checkpoint.Load(folder, CPU, trainable: false);
        Directory.Delete(folder, recursive: true);
        var decoder = new Decoder(weights);
        held.AddRange([decoder, weights]);
        return decoder;
    }

    private static PromptEstimate[] Estimate(IEstimator estimator, Decoder decoder, LetterTokenizer tokenizer, params string[] golds) =>
        estimator.Estimate(decoder, tokenizer, [], [.. golds.Select(g => Question with { Answer = g })], 1,
            TestContext.Current.CancellationToken);

    private static PromptEstimate[] Exact(Decoder decoder, LetterTokenizer tokenizer, SamplingOptions options, params string[] golds) =>
        Estimate(new ExactEstimator(options, PromptFormat.QuestionAnswer), decoder, tokenizer, golds);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Exact_IsTheSumOverAllAnswersThatSampledGives(int most)
    {
        var tokenizer = new LetterTokenizer(joins: true);
        var decoder = Tiny();
        var options = new SamplingOptions { TopK = 101, Temperature = 2, MaxAnswerTokens = most };
        var plain = new PlainModel(decoder, tokenizer, options);
        // With an end of its own, with one that is joined with the line feed, and with neither.
        string[] golds = ["a", "ab", "abc", "abcd", ".", "a.", "ab.", "abc."];
        var found = Exact(decoder, tokenizer, options, golds);
        for (var i = 0; i < golds.Length; i++)
        {
            var gold = " " + golds[i];
            var p = plain.Probability(Prompt, text => text == gold, text => gold.StartsWith(text, StringComparison.Ordinal));
            Assert.Equal(p, found[i].SampledCorrect, 1e-4 * p);
            Assert.Equal(golds[i].Length <= most, found[i].SampledCorrect > 0);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void GreedyAnswerThatIsCut_IsRightForBoth(int most)
    {
        var tokenizer = new LetterTokenizer();
        // Answers begin with " a" or " b", and no end is likely.
        var decoder = Tiny(head => Grow(head, [LetterTokenizer.Spaced, LetterTokenizer.Spaced + 1], 3,
            [LetterTokenizer.End, LetterTokenizer.LineFeed], 0));
        var options = new SamplingOptions { MaxAnswerTokens = most, TopK = 8 };
        var plain = new PlainModel(decoder, tokenizer, options);
        var (tokens, _) = plain.Greedy(Prompt);
        Assert.Equal(most, tokens.Length);
        var gold = plain.Text(tokens).Trim();
        Assert.Equal(tokens, tokenizer.Encode(" " + gold));
        var exact = Exact(decoder, tokenizer, options, gold)[0];
        var sampled = Estimate(new SampledEstimator(options, PromptFormat.QuestionAnswer), decoder, tokenizer, gold)[0];
        Assert.Equal((true, true), (exact.GreedyCorrect, sampled.GreedyCorrect));
        // One token more, or less, is another answer.
        foreach (var other in (string[])[gold + "a", gold[..^1].Trim()])
            if (other.Length > 0)
                Assert.Equal((false, false), (Exact(decoder, tokenizer, options, other)[0].GreedyCorrect,
                    Estimate(new SampledEstimator(options, PromptFormat.QuestionAnswer), decoder, tokenizer, other)[0].GreedyCorrect));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void DrawnAnswers_AreCutOrNot_AsOftenAsExactSays(int most)
    {
        var tokenizer = new LetterTokenizer();
        var decoder = Tiny(head => Grow(head, [LetterTokenizer.Spaced, LetterTokenizer.Spaced + 1], 3, [], 1));
        var options = new SamplingOptions { MaxAnswerTokens = most, Samples = 4000, TopK = 5, Temperature = 2.5 };
        using var batch = new PromptBatch(decoder, tokenizer, PromptFormat.QuestionAnswer, [], [Question], forDrawing: true);
        var drawn = new AnswerTree(decoder, tokenizer, options).Draw(batch, 1, TestContext.Current.CancellationToken)[0];
        var plain = new PlainModel(decoder, tokenizer, options);
        var common = drawn.Sampled.Where(a => a.Count > 40 && a.Answer.Length > 0).Take(6).ToList();
        Assert.NotEmpty(common);
        foreach (var (answer, count) in common)
        {
            var p = plain.Probability(Prompt, text => text.Trim() == answer, text =>
                answer.StartsWith(text.Trim(), StringComparison.Ordinal));
            Assert.InRange((count - options.Samples * p) / Math.Sqrt(options.Samples * p * (1 - p)), -4.5, 4.5);
        }
    }

    // Rows of the output layer [101, 32], times a factor.
    private static void Grow(float[] head, int[] rows, float by, int[] others, float byOther)
    {
        foreach (var (list, factor) in new[] { (rows, by), (others, byOther) })
            foreach (var row in list)
                for (var i = 0; i < 32; i++) head[row * 32 + i] *= factor;
    }

    // Each letter's logit is that of its neighbour, to the last bit.
    private static void Twins(float[] head)
    {
        Grow(head, [0, 1, 2], 0, [], 1);
        for (var row = LetterTokenizer.Plain; row + 1 < 101; row += 2) head.AsSpan(row * 32, 32).CopyTo(head.AsSpan((row + 1) * 32, 32));
    }

    [Fact]
    public void OfEqualLogits_TheLowestIdIsGreedy_ForBoth()
    {
        var tokenizer = new LetterTokenizer();
        var decoder = Tiny(head =>
        {
            Grow(head, [.. Enumerable.Range(LetterTokenizer.Spaced, 49)], 2, [LetterTokenizer.End, LetterTokenizer.LineFeed], 0);
            Twins(head);
        });
        var options = new SamplingOptions { MaxAnswerTokens = 4, TopK = 5 };
        var plain = new PlainModel(decoder, tokenizer, options);
        var (tokens, lead) = plain.Greedy(Prompt);
        Assert.Equal(0, lead); // a tie at least once
        var gold = plain.Text(tokens).Trim();
        Assert.Equal(tokens, tokenizer.Encode(" " + gold));
        var twins = tokens.Select((t, at) => (int[])[.. tokens[..at], t + 1, .. tokens[(at + 1)..]])
            .Where(t => t.All(id => id <= 100) && plain.Text(t)[0] == ' ').Select(t => plain.Text(t).Trim());
        string[] golds = [gold, .. twins];
        var exact = Exact(decoder, tokenizer, options, golds);
        var sampled = Estimate(new SampledEstimator(options, PromptFormat.QuestionAnswer), decoder, tokenizer, golds);
        Assert.True(exact[0].GreedyCorrect);
        Assert.True(sampled[0].GreedyCorrect);
        Assert.All(exact.Skip(1).Concat(sampled.Skip(1)), e => Assert.False(e.GreedyCorrect));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void TokensThatTieWithTheKth_AreAllKept_ByBoth(int k)
    {
        var tokenizer = new LetterTokenizer();
        var decoder = Tiny(Twins);
        var options = new SamplingOptions { MaxAnswerTokens = 1, TopK = k, Temperature = 3, Samples = 6000 };
        var plain = new PlainModel(decoder, tokenizer, options);
        var shares = plain.Shares(Prompt);
        Assert.True(shares.Length >= k);
        if (k % 2 == 1) Assert.True(shares.Length > k, "no tie at the edge");
        using var scope = NewDisposeScope();
        var logits = tensor(plain.Logits(Prompt).Select(v => (float)v).ToArray()).view(1, -1);
        var top = new TopTokens(logits, options);
        foreach (var (id, p) in shares) Assert.Equal(p, top.Probability(logits.narrow(1, id, 1)).item<float>(), 1e-5);
        Assert.Equal(1, top.Probability(logits).sum().item<float>(), 1e-5);
        // Evenly along the unit interval, in the order of the shares.
        const int Draws = 5000;
        var uniform = ((arange(Draws, ScalarType.Float32) + 0.5) / Draws).view(1, -1);
        var drawn = HostTransfer.Read<long>(top.DrawAmongTies(uniform));
        Assert.Equal(shares.Length > k ? 1 : 0, HostTransfer.Read<long>(top.HasTies)[0]);
        if (shares.Length == k) Assert.Equal(drawn, HostTransfer.Read<long>(top.Draw(uniform)));
        var expected = new List<long>();
        for (var (i, at, end) = (0, 0, shares[0].P); i < Draws; i++)
        {
            while ((i + 0.5) / Draws > end && at + 1 < shares.Length) end += shares[++at].P;
            expected.Add(shares[at].Id);
        }
        Assert.InRange(drawn.Zip(expected).Count(p => p.First != p.Second), 0, shares.Length); // at most one at each border, by rounding
        Assert.Equal(shares.Select(s => (long)s.Id).Order(), drawn.Distinct().Order());
    }

    [Fact]
    public void Greedy_IsTheLowestIdOfTheLargest_AndATokenWhereNoneIs()
    {
        NativeLibraries.Load();
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 1f, 3, 2, 3, -5, -5, -5, -5, float.NaN, float.NaN, float.NaN, float.NaN, 0, float.NegativeInfinity, 0,
            0 }).view(4, 4);
        var greedy = HostTransfer.Read<long>(Decoder.Greedy(logits));
        Assert.Equal([1L, 0, 0], [greedy[0], greedy[1], greedy[3]]);
        Assert.InRange(greedy[2], 0, 3); // no logit is a number: any token of the vocabulary
    }
}
