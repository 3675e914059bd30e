using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Knowledge;
using Slick.Text;
using TorchSharp;

namespace Slick.Tests.Answers;

/// <summary>What the tree promises about its draws, whatever the model.</summary>
[Collection(SmallModelCollection.Name)]
public sealed class AnswerTreeTests
{
    private readonly SmallModel model;

    public AnswerTreeTests(SmallModel model)
    {
        this.model = model;
        Compute.UseThreads(1);
    }

    private static readonly SamplingOptions Options = new();

    private PromptBatch Batch(string relation, IReadOnlyList<Fact> questions, int prompt = 0) =>
        new(model.Decoder, model.Tokenizer, PromptFormat.QuestionAnswer, model.Prompts(relation, Options)[prompt], questions);

    private DrawnAnswers[] Draw(IReadOnlyList<Fact> questions, int seed, SamplingOptions? options = null, PassBounds? bounds = null)
    {
        using var batch = Batch(questions[0].Relation, questions);
        return new AnswerTree(model.Decoder, model.Tokenizer, options ?? Options) { Memory = new(bounds ?? PassBounds.Default) }
            .Draw(batch, seed);
    }

    private static IEnumerable<string> Lines(IEnumerable<DrawnAnswers> drawn) =>
        drawn.Select(d => $"{d.Greedy}: {string.Join(", ", d.Sampled.Select(a => $"{a.Answer} x {a.Count}"))}");

    [Fact]
    public void PromptsThatAreEncodedTogether_AreThoseThatAreEncodedAlone_AndTheFirstErrorIsNamed()
    {
        var relation = model.Relations.First();
        var questions = model.Questions(relation);
        FewShotPrompt[] prompts = [.. model.Prompts(relation, Options).Select(e => new FewShotPrompt(PromptFormat.QuestionAnswer, e))];
        var together = PromptTokens.Of(model.Decoder.Config, model.Tokenizer, prompts, questions, forDrawing: true);
        foreach (var (prompt, found) in prompts.Zip(together))
        {
            var alone = new PromptTokens(model.Decoder.Config, model.Tokenizer, prompt.Format, prompt.Exemplars, questions, true);
            Assert.Equal(alone.Shared, found.Shared);
            Assert.Equal(alone.Questions.Select(q => (q.Index, q.Key, string.Join(' ', q.Own))),
                found.Questions.Select(q => (q.Index, q.Key, string.Join(' ', q.Own))));
        }
        var small = model.Decoder.Config with { MaxPositions = 4 };
        var error = Assert.Throws<SlickException>(() => PromptTokens.Of(small, model.Tokenizer, prompts, questions));
        Assert.Contains("4 positions", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Greedy_IsRightExactlyWhereTeacherForcingSaysSo()
    {
        var right = 0;
        foreach (var relation in model.Relations)
            for (var prompt = 0; prompt < 3; prompt++)
            {
                var questions = model.Questions(relation);
                using var batch = Batch(relation, questions, prompt);
                using var scores = new AnswerScorer(model.Decoder, model.Tokenizer, Options)
                    .Score(batch.Questions, batch.Shared, sampled: false, CancellationToken.None);
                var verdicts = HostTransfer.Read<float>(scores);
                var drawn = new AnswerTree(model.Decoder, model.Tokenizer, Options)
                    .Draw(batch, seed: 1, TestContext.Current.CancellationToken);
                for (var q = 0; q < questions.Count; q++)
                {
                    var index = batch.Questions[q].Index;
                    Assert.Equal(verdicts[q] > 0, drawn[index].Greedy == questions[index].Answer);
                    right += verdicts[q] > 0 ? 1 : 0;
                }
            }
        Assert.True(right > 20, $"{right} right answers: too few to compare");
    }

    [Fact]
    public void SameSeed_SameDraws_AndAnotherSeedOthers()
    {
        var questions = model.Questions("P19");
        Assert.Equal(Lines(Draw(questions, 5)), Lines(Draw(questions, 5)));
        Assert.NotEqual(Lines(Draw(questions, 5)), Lines(Draw(questions, 6)));
        Assert.Equal(Draw(questions, 5).Select(d => d.Greedy), Draw(questions, 6).Select(d => d.Greedy));
    }

    [Fact]
    public void Counts_SumToTheSamples_OfDistinctAnswers()
    {
        var drawn = Draw(model.Questions("P19"), 5);
        Assert.All(drawn, d => Assert.Equal(Options.Samples, d.Sampled.Sum(a => a.Count)));
        Assert.All(drawn, d => Assert.Equal(d.Sampled.Count, d.Sampled.Select(a => a.Answer).Distinct().Count()));
        Assert.Contains(drawn, d => d.Sampled.Count > 3);
    }

    [Fact]
    public void AQuestionsDraws_DependNeitherOnTheOtherQuestionsNorOnTheBatchSize()
    {
        var questions = model.Questions("P19");
        var all = Lines(Draw(questions, 5)).ToList();
        Assert.Equal(all.Where((_, i) => i % 3 == 1), Lines(Draw([.. questions.Where((_, i) => i % 3 == 1)], 5)));
        Assert.Equal(all.AsEnumerable().Reverse(), Lines(Draw([.. questions.Reverse()], 5)));
        Assert.Equal(all, Lines(Draw(questions, 5, bounds: PassBounds.Default with { Tokens = 64 })));
    }

    [Fact]
    public void AQuestionsDraws_DoNotDependOnThePromptsInThePass()
    {
        var questions = model.Questions("P19");
        PromptBatch[] prompts = [.. Enumerable.Range(0, 4).Select(j => Batch("P19", questions, j))];
        DrawnAnswers[][] DrawAll(int[] order, PassBounds? bounds = null) =>
            new AnswerTree(model.Decoder, model.Tokenizer, Options) { Memory = new(bounds ?? PassBounds.Default) }
                .Draw([.. order.Select(j => prompts[j])], [.. order], TestContext.Current.CancellationToken);
        string[][] alone = [.. prompts.Select((_, j) => Lines(DrawAll([j])[0]).ToArray())];
        Assert.Equal(4, alone.Select(a => string.Join('\n', a)).Distinct().Count());
        foreach (var order in new int[][] { [0, 1, 2, 3], [3, 1, 0, 2], [2, 0] })
        {
            Assert.Equal(order.Select(j => alone[j]), DrawAll(order).Select(d => Lines(d).ToArray()));
            Assert.Equal(order.Select(j => alone[j]), DrawAll(order, new(PassBounds.Default.Bytes, 64)).Select(d => Lines(d).ToArray()));
            Assert.Equal(order.Select(j => alone[j]), DrawAll(order, new(3_000_000, 8192)).Select(d => Lines(d).ToArray()));
        }
        foreach (var prompt in prompts) prompt.Dispose();
    }

    [Fact]
    public void APromptsKeysAndValues_DoNotDependOnThePromptsInThePass()
    {
        var facts = model.Questions("P19");
        PromptTokens[] prompts = [.. Enumerable.Range(0, 4).Select(j => new PromptTokens(model.Decoder.Config, model.Tokenizer,
            PromptFormat.QuestionAnswer, model.Prompts("P19", Options)[j], facts, forDrawing: true))];
        using var together = new PromptBatches(model.Decoder, prompts, new PassMemory(PassBounds.Default));
        using var alone = new PromptBatches(model.Decoder, prompts, new PassMemory(new(1, 8192)));
        string[] Drawn(PromptBatches batches) => [.. new AnswerTree(model.Decoder, model.Tokenizer, Options)
            .Draw(batches.Prompts, [0, 1, 2, 3], TestContext.Current.CancellationToken).SelectMany(Lines)];
        Assert.Equal(Drawn(alone), Drawn(together));
    }

    [Fact]
    public void PromptsTogether_NeedFewerPasses()
    {
        PromptBatch[] prompts = [.. Enumerable.Range(0, 4).Select(j => Batch("P19", [.. model.Questions("P19").Take(3)], j))];
        int Passes(params int[] of)
        {
            var tree = new AnswerTree(model.Decoder, model.Tokenizer, Options);
            tree.Draw([.. of.Select(j => prompts[j])], of, TestContext.Current.CancellationToken);
            return tree.Passes;
        }
        Assert.Equal(Enumerable.Range(0, 4).Max(j => Passes(j)), Passes(0, 1, 2, 3));
        foreach (var prompt in prompts) prompt.Dispose();
    }

    [Fact]
    public void BoundsOnACpu_AreWhatIsNamed_ElseAPowerOfTwoOfWhatIsFree()
    {
        Assert.Equal(512L << 20, PassBounds.On(torch.CPU, 512L << 20).Bytes);
        var bytes = PassBounds.On(torch.CPU).Bytes;
        Assert.True(long.IsPow2(bytes));
        Assert.InRange(bytes, 16L << 20, PassBounds.Default.Bytes);
        Assert.Equal(16L << 30, PassBounds.InTraining(16L << 30).Bytes);
    }

    [Fact]
    public void WhereMemoryFails_BatchesAreCutAnew_AndItIsSaidOnce()
    {
        var said = new List<string>();
        var memory = new PassMemory(new(1L << 30, 8192), said.Add);
        int EndOf(int begin) => Math.Min(100, begin + (int)(memory.Bounds.Bytes >> 24)); // 64 rows at first
        IEnumerable<Range> Work(int most) => RowBatches.Each(100, EndOf, part => part.Start.Value == 16, part =>
        {
            if (part.End.Value - part.Start.Value > most) throw new OutOfMemoryException();
            return part;
        }, memory.Halve);
        Assert.Equal([0..16, 32..48, 48..64, 64..80, 80..96, 96..100], Work(20)); // 16..32 was done before
        Assert.Equal(16L << 24, memory.Bounds.Bytes);
        Assert.Single(said);
        // Where a pass could not do with less, the error stays.
        Assert.Throws<OutOfMemoryException>(() => Work(0).ToList());
        Assert.Single(said);
    }

    [Fact]
    public void AnswersThatDoNotEnd_AreCut()
    {
        using var unsure = model.UnsureOfTheLineEnd(0);
        var questions = model.Questions("P19");
        using var batch = new PromptBatch(unsure.Decoder, unsure.Tokenizer, PromptFormat.QuestionAnswer, model.Prompts("P19", Options)[0],
            questions);
        var drawn = new AnswerTree(unsure.Decoder, unsure.Tokenizer, Options with { MaxAnswerTokens = 3 })
            .Draw(batch, 1, TestContext.Current.CancellationToken);
        Assert.All(drawn, d => Assert.Equal(Options.Samples, d.Sampled.Sum(a => a.Count)));
        Assert.All(drawn.SelectMany(d => d.Sampled), a => Assert.InRange(a.Answer.Split(' ').Length, 0, 3));
        Assert.Contains(drawn, d => d.Greedy.Split(' ').Length == 3);
    }

    [Fact]
    public void HostTransfers_AreAtMostOneALevel()
    {
        var questions = model.Questions("P19");
        using var batch = Batch("P19", questions);
        Assert.Single(batch.Questions.Select(q => q.Own.Length).Distinct());
        var tree = new AnswerTree(model.Decoder, model.Tokenizer, Options);
        var before = HostTransfer.Count;
        tree.Draw(batch, 1, TestContext.Current.CancellationToken);
        Assert.InRange(HostTransfer.Count - before, 1, Options.MaxAnswerTokens);
        Assert.Equal(tree.Passes, HostTransfer.Count - before);
    }

    [Fact]
    public void WithoutSamples_OnlyTheGreedyAnswerIsDrawn()
    {
        var questions = model.Questions("P19");
        var greedy = Draw(questions, 1, Options with { Samples = 0 });
        Assert.Equal(Draw(questions, 1).Select(d => d.Greedy), greedy.Select(d => d.Greedy));
        Assert.All(greedy, d => Assert.Empty(d.Sampled));
    }
}
