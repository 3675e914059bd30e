using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Tests.Training;

/// <summary>The parts of training, each alone: examples, batches, objectives, schedules.</summary>
public sealed class PartsTests
{
    public PartsTests() => NativeLibraries.Load();

    private static TaughtExample[] Numbered(int count, int first) =>
        [.. Enumerable.Range(first, count).Select(i => new TaughtExample([1, i], [2]))];

    private static int Number(TaughtExample example) => example.Prompt[1];

    [Fact]
    public void InstructionForm_IsOneLineWithTheQuestion()
    {
        var example = Example.Of(TinyTraining.Fact(0, "Paris", "France"), PromptFormat.Instruction);
        Assert.Equal("Answer the following question. Where is Paris?", example.Prompt);
        Assert.Equal("France", example.Target);
    }

    [Fact]
    public void AnotherTarget_IsTaughtAndAskedFor()
    {
        Fact[] facts = [.. Enumerable.Range(0, 6).Select(i => TinyTraining.Fact(i, $"s{i}", $"o{i}"))];
        var tokenizer = WordLevelTokenizer.Train([.. facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, f.Answer)),
            "I don't know"]);
        using var start = TinyTraining.Weights(tokenizer);
        var asked = Example.Of(facts, PromptFormat.QuestionAnswer);
        Example[] examples = [.. asked.Select((e, i) => i < 3 ? e : e with { Target = "I don't know" })];
        var taught = TaughtExample.Of(start.Config, tokenizer, examples[5]).Taught;
        Assert.Equal("I don't know \n", tokenizer.Decode(taught)); // a word-level tokenizer writes a space between words
        var last = new bool[6];
        FineTuning.Run(new()
        {
            Start = start, Tokenizer = tokenizer, Examples = examples, Seed = 1,
            Options = new() { Epochs = 60, BatchExamples = 6, LearningRate = 3e-3, DropoutRate = 0 },
            Questions = new Dictionary<string, IReadOnlyList<Example>> { ["taught"] = examples, ["facts"] = asked },
        }, epoch =>
        {
            if (epoch.Epoch < 60) return;
            Assert.All(epoch.Ask("taught"), Assert.True);
            Assert.Equal([true, true, true, false, false, false], epoch.Ask("facts"));
        }, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Replay_KeepsTheSetsOrder_AndMixesTheOthersInEvenly()
    {
        var (own, others) = (Numbered(7, 100), Numbered(5, 200));
        var plain = new SetPasses(own, 3, 1);
        var mixed = new WithReplay(plain, 7, others, 0.5, 1);
        var seen = new List<int>();
        var sizes = new List<int>();
        for (var pass = 0; pass < 10; pass++)
        {
            var (expected, actual) = (plain.Pass(pass), mixed.Pass(pass));
            Assert.Equal(expected.Count, actual.Count);
            for (var b = 0; b < actual.Count; b++)
            {
                Assert.Equal(expected[b].Rows.Count, actual[b].Own);
                Assert.Equal(expected[b].Rows.Select(Number), actual[b].Rows.Take(actual[b].Own).Select(Number));
                seen.AddRange(actual[b].Rows.Skip(actual[b].Own).Select(Number));
                sizes.Add(actual[b].Rows.Count - actual[b].Own);
            }
        }
        Assert.Equal(35, seen.Count); // half of 70
        Assert.All(seen.GroupBy(n => n), g => Assert.Equal(7, g.Count()));
        Assert.All(seen.Chunk(5), c => Assert.Equal(5, c.Distinct().Count())); // each pass over the others holds each of them once
        Assert.True(seen.Chunk(5).Select(c => string.Join(',', c)).Distinct().Count() > 1);
        Assert.All(sizes, n => Assert.InRange(n, 1, 2));
        // A pass that is asked for alone is the same: so a resumed run has the same batches.
        var again = new WithReplay(plain, 7, others, 0.5, 1).Pass(6);
        Assert.Equal(mixed.Pass(6).SelectMany(b => b.Rows.Select(Number)), again.SelectMany(b => b.Rows.Select(Number)));
    }

    [Fact]
    public void Pieces_HoldEachRowOnce_InOrderOfLength_TheSetsOwnFirst()
    {
        TaughtExample[] rows =
            [.. Enumerable.Range(0, 10).Select(i => new TaughtExample([.. Enumerable.Repeat(i, 1 + 7 * i % 10)], [2]))];
        var pieces = UploadedPass.Cut(new(rows, 6), 4).ToList();
        Assert.Equal([3, 3, 4], pieces.Select(p => p.Rows.Count).Order());
        Assert.Equal(rows.Order(Comparer<TaughtExample>.Create((a, b) => a.Prompt[0] - b.Prompt[0])),
            pieces.SelectMany(p => p.Rows).OrderBy(r => r.Prompt[0]));
        Assert.True(pieces[0].Rows.Max(r => r.Length) <= pieces[1].Rows.Min(r => r.Length));
        Assert.All(pieces.Select(p => p.Rows.Select(r => r.Prompt[0] < 6 ? 0 : 1)), p => Assert.Equal(p.Order(), p));
        Assert.Equal(6, pieces.Sum(p => p.Own));
    }

    // The gradient in the logits, written out: softmax(z) - [target] of the loss, weight (softmax(z) - softmax(base)) of the divergence.
    [Fact]
    public void Divergence_HasTheHandMadeGradient()
    {
        const double Weight = 0.7;
        Fact[] facts = [.. Enumerable.Range(0, 4).Select(i => TinyTraining.Fact(i, $"s{i}", $"o{i}"))];
        var tokenizer = TinyTraining.Words(facts);
        using var start = TinyTraining.Weights(tokenizer);
        using (no_grad()) start.Flat.mul_(Scalars.Of(4.0));
        using var original = new Decoder(start);
        TaughtExample[] rows =
            [.. facts.Select(f => TaughtExample.Of(start.Config, tokenizer, Example.Of(f, PromptFormat.QuestionAnswer)))];
        foreach (var own in new[] { 4, 3 })
        {
            using var pass = new UploadedPass([new(rows, own)], 0, ragged: false, CPU);
            using var scope = NewDisposeScope();
            var piece = pass.Take(pass.Batches[0].Pieces[0]);
            var width = start.Config.VocabularySize;
            Tensor before;
            using (no_grad()) before = original.Logits(piece.Scored(original.Forward(piece.Ids).Hidden));
            var logits = before.roll(1, 0).mul(Scalars.Of(1.3)).detach().requires_grad_(true);
            var (objective, loss) = new WithDivergence(new AnswerLoss(), original, Weight).Of(logits, piece);
            objective.backward();
            double[] z = [.. HostTransfer.Read<float>(logits).Select(v => (double)v)];
            double[] b = [.. HostTransfer.Read<float>(before).Select(v => (double)v)];
            var (gradient, targets) = (HostTransfer.Read<float>(logits.grad!), HostTransfer.Read<long>(piece.Targets));
            double[] Softmax(double[] values, int row)
            {
                var exp = values.Skip(row * width).Take(width).Select(Math.Exp).ToArray();
                return [.. exp.Select(e => e / exp.Sum())];
            }
            var (expected, reported) = (0.0, 0.0);
            for (var t = 0; t < targets.Length; t++)
            {
                var (p, q) = (Softmax(b, t), Softmax(z, t));
                expected -= Math.Log(q[targets[t]]);
                if (t < piece.Own) reported -= Math.Log(q[targets[t]]);
                for (var v = 0; v < width; v++)
                {
                    expected += Weight * p[v] * (Math.Log(p[v]) - Math.Log(q[v]));
                    Assert.Equal(q[v] - (targets[t] == v ? 1 : 0) + Weight * (q[v] - p[v]), gradient[t * width + v], 1e-5);
                }
            }
            Assert.Equal(expected, HostTransfer.Read<float>(objective)[0], 1e-3);
            Assert.Equal(reported, HostTransfer.Read<float>(loss)[0], 1e-3);
            Assert.Equal(own == 4, piece.Own == targets.Length);
        }
    }

    // With the whole weight on the divergence the model stays where it began; without it the model moves away.
    [Fact]
    public void Divergence_HoldsTheModelAtTheBase()
    {
        Fact[] facts = [.. Enumerable.Range(0, 8).Select(i => TinyTraining.Fact(i, $"s{i}", $"o{i}"))];
        var tokenizer = TinyTraining.Words(facts);
        using var start = TinyTraining.Weights(tokenizer);
        double LastLoss(double weight)
        {
            var last = 0.0;
            FineTuning.Run(new()
            {
                Start = start, Tokenizer = tokenizer, Examples = Example.Of(facts, PromptFormat.QuestionAnswer), Seed = 1,
                Options = new() { Epochs = 40, BatchExamples = 8, LearningRate = 3e-3, DropoutRate = 0, DivergenceWeight = weight },
            }, epoch => last = epoch.Loss, TestContext.Current.CancellationToken);
            return last;
        }
        var (free, held) = (LastLoss(0), LastLoss(100));
        Assert.True(free < 0.5 * held, $"{free}, {held}");
    }

    [Fact]
    public void Schedules()
    {
        double[] Rates(LearningRateShape shape, double warmup = 0.25) =>
            [.. Enumerable.Range(0, 8).Select(s => new LearningRate(shape, 2, warmup).At(s, 8))];
        Assert.All(Rates(LearningRateShape.Constant), r => Assert.Equal(2, r));
        Assert.Equal([2, 1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.25], Rates(LearningRateShape.LinearDecay));
        var cosine = Rates(LearningRateShape.WarmupCosine);
        Assert.Equal([1, 2, 2], cosine[..3]);
        Assert.All(cosine[2..].Zip(cosine[3..]), p => Assert.True(p.First > p.Second));
        Assert.Equal(2 * (0.1 + 0.45 * (1 + Math.Cos(Math.PI * 5 / 6))), cosine[7], 1e-12);
    }

    [Theory]
    [InlineData("fineTuning.replayShare", 0.5, 0, "all")]
    [InlineData("fineTuning.lora.rank", 0, 4, "without-embeddings")]
    [InlineData("no.such.*", 0, 0, "no.such.*")]
    [InlineData("no regular expression", 0, 0, "(")]
    public void OptionsThatContradict_AreNamed(string named, double replay, int rank, string part)
    {
        Fact[] facts = [TinyTraining.Fact(0, "a", "b")];
        var tokenizer = TinyTraining.Words(facts);
        using var start = TinyTraining.Weights(tokenizer);
        var error = Assert.Throws<UsageException>(() => FineTuning.Run(new()
        {
            Start = start, Tokenizer = tokenizer, Examples = Example.Of(facts, PromptFormat.QuestionAnswer), Seed = 1,
            Options = new() { ReplayShare = replay, Lora = new() { Rank = rank }, Parameters = part },
        }, _ => { }, TestContext.Current.CancellationToken));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }
}
