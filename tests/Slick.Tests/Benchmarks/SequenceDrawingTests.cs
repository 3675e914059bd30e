using Slick.Answers;
using Slick.Benchmarks;
using Slick.Facts;
using Slick.Models;
using Slick.Tests.Models;

namespace Slick.Tests.Benchmarks;

/// <summary>What the benchmark asks of a program that keeps sequences, and the answers that it makes of the logits.</summary>
public sealed class SequenceDrawingTests
{
    private static readonly LetterTokenizer Tokenizer = new();
    private static readonly SamplingOptions Protocol = new() { Samples = 6, TopK = 9, MaxAnswerTokens = 5 };
    private static readonly bool[] Ends =
        [.. Enumerable.Range(0, Tokenizer.VocabularySize).Select(t => t is LetterTokenizer.End or LetterTokenizer.LineFeed)];
    private static readonly int[] Seeds = [3, 4, 5];

    // The logits after a list of tokens: numbers that depend on every one of them, and an end that is probable.
    private static float[] Logits(IEnumerable<int> tokens)
    {
        var random = new Random(tokens.Aggregate(17, (hash, t) => unchecked(hash * 31 + t)));
        var logits = new float[Tokenizer.VocabularySize];
        for (var i = 0; i < logits.Length; i++) logits[i] = 3 * random.NextSingle();
        logits[LetterTokenizer.LineFeed] += 1;
        return logits;
    }

    // Refuses what a cache cannot do: a token out of its place, a copy to a sequence in use, logits that were not asked for.
    private sealed class Cache : ISequences
    {
        private readonly Dictionary<int, List<int>> tokens = [];
        private readonly Dictionary<int, float[]> wanted = [];
        public int Most { get; private set; }
        public int Computed { get; private set; }
        public int Highest { get; private set; }
        public int Left => tokens.Count;

        public void Decode(IReadOnlyList<SequenceToken> batch)
        {
            wanted.Clear();
            foreach (var (i, (sequence, token, position, isWanted)) in batch.Index())
            {
                if (!tokens.TryGetValue(sequence, out var own)) tokens[sequence] = own = [];
                Assert.Equal(own.Count, position);
                own.Add(token);
                if (isWanted) wanted[i] = Logits(own);
                Highest = Math.Max(Highest, sequence);
            }
            (Most, Computed) = (Math.Max(Most, tokens.Count), Computed + batch.Count);
        }

        ReadOnlySpan<float> ISequences.Logits(int index) => wanted[index];
        public void Copy(int from, int to) => tokens.Add(to, [.. tokens[from]]);
        public void Remove(int sequence) => Assert.True(tokens.Remove(sequence));
    }

    private static PromptTokens[] Prompts()
    {
        var config = new DecoderConfig
        {
            VocabularySize = Tokenizer.VocabularySize, HiddenSize = 8, Layers = 1, Heads = 1, KeyValueHeads = 1, HeadDim = 8,
            IntermediateSize = 8, MaxPositions = 256,
        };
        Example Of(string shots, int id)
        {
            var fact = new Fact { Id = id, Relation = "P0", Split = Split.Train, Subject = "", Question = $"q{id}", Answer = "a" };
            return new(fact, $"{shots}Q: who is {new string('x', id % 3)}{id}?\nA:", "a");
        }
        return [.. Seeds.Select(s => new PromptTokens(config, Tokenizer,
            [.. Enumerable.Range(0, 7).Select(id => Of($"Q: shot {s}?\nA: b\n", id))], forDrawing: true))];
    }

    // Each answer by itself, from its first token to its last.
    private static string Alone(IEnumerable<int> prompt, Func<NextToken, int, int> choose)
    {
        var (history, drawn) = (prompt.ToList(), new List<int>());
        while (drawn.Count < Protocol.MaxAnswerTokens)
        {
            var token = choose(new(Logits(history), Protocol), drawn.Count);
            if (Ends[token]) break;
            history.Add(token);
            drawn.Add(token);
        }
        return DrawnAnswers.FirstLine(Tokenizer.Decode(drawn));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(100)]
    public void AnswersOfSharedSequences_AreThoseThatEachAnswerGetsAlone(int inFlight)
    {
        var (prompts, cache) = (Prompts(), new Cache());
        var counted = (Tokens: 0, Wanted: 0);
        var found = new SequenceDrawing(cache, Tokenizer, Ends, Protocol, inFlight)
        {
            Counted = (_, wanted) => counted = (counted.Tokens + 1, counted.Wanted + (wanted ? 1 : 0)),
        }.Draw(prompts, Seeds);
        var (alone, distinct) = (0, 0);
        foreach (var (j, prompt) in prompts.Index())
            foreach (var question in prompt.Questions)
            {
                int[] tokens = [.. prompt.Shared, .. question.Own];
                var stream = Uniform.Stream(Seeds[j], question.Key);
                string[] samples = [.. Enumerable.Range(0, Protocol.Samples)
                    .Select(s => Alone(tokens, (next, at) => next.Draw(Uniform.At(stream, s, at))))];
                var greedy = Alone(tokens, (next, _) => next.Greedy);
                var expected = DrawnAnswers.Of(greedy, samples.Select(s => (s, 1)));
                Assert.Equal(expected.Greedy, found[j][question.Index].Greedy);
                Assert.Equal(expected.Sampled, found[j][question.Index].Sampled);
                alone += Protocol.Samples + 1;
                distinct += samples.Append(greedy).Distinct().Count();
            }
        Assert.InRange(distinct, prompts.Length * 7 + 1, alone - 1); // the draws differ, and some agree
        Assert.Equal(counted.Tokens, cache.Computed);
        Assert.Equal(0, cache.Left);
        Assert.InRange(cache.Most, 2, SequenceDrawing.Sequences(inFlight, Protocol));
        Assert.InRange(cache.Highest, 1, SequenceDrawing.Sequences(inFlight, Protocol) - 1);
    }

    [Fact]
    public void SharedTokens_AreComputedOnce_AndOneTokenForAnswersThatAgree()
    {
        var (prompts, cache) = (Prompts(), new Cache());
        var wanted = 0;
        new SequenceDrawing(cache, Tokenizer, Ends, Protocol with { MaxAnswerTokens = 1 }, 4)
        {
            Counted = (_, isWanted) => wanted += isWanted ? 1 : 0,
        }.Draw(prompts, Seeds);
        // With one token an answer, nothing is computed after the prompts.
        Assert.Equal(prompts.Sum(p => p.Shared.Count + p.Questions.Sum(q => q.Own.Length)), cache.Computed);
        Assert.Equal(prompts.Sum(p => p.Questions.Count), wanted);
    }

    [Fact]
    public void NextToken_IsDrawnAmongTheMostProbable_ByTheTemperature()
    {
        float[] logits = [1, 4, 2, 4, -1, 3];
        var next = new NextToken(logits, new() { TopK = 3, Temperature = 0.5 });
        Assert.Equal(1, next.Greedy);
        // exp(0), exp(0), exp(-1 / 0.5): the tokens 1, 3 and 5
        double sum = 2 + Math.Exp(-2), whole = 1 << Uniform.Bits;
        Assert.Equal(1, next.Draw(0));
        Assert.Equal(1, next.Draw((long)(1 / sum * whole) - 1));
        Assert.Equal(3, next.Draw((long)(1 / sum * whole) + 1));
        Assert.Equal(3, next.Draw((long)(2 / sum * whole) - 1));
        Assert.Equal(5, next.Draw((long)(2 / sum * whole) + 1));
        Assert.Equal(5, next.Draw((1 << Uniform.Bits) - 1));
    }
}
