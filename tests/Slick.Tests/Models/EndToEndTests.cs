using System.Text.Json.Nodes;
using Slick.Answers;
using Slick.Checks;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Tests.Models.StraightLine;
using Slick.Tests.Training;
using Slick.Text;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

/// <summary>Every architecture through Sampled, Exact and fine-tuning, against <see cref="PlainModel"/>.</summary>
public sealed class EndToEndTests
{
    private static readonly LetterTokenizer Tokenizer = new();
    private static readonly SamplingOptions Options = new() { Samples = 4, MaxAnswerTokens = 4, TopK = 6, Temperature = 0.8 };
    private static readonly PromptFormat Bare = new("bare", "", "");

    public static TheoryData<string, string> Families() => ArchitectureTests.Models();

    public static TheoryData<string> References() =>
        new("llama-tied", "llama3-rope", "mistral-window", "qwen2", "qwen2-sharded-bf16", "gemma3", "gpt2", "pythia");

    [Theory]
    [MemberData(nameof(Families))]
    public void Family_AnswersAndLearnsAsOnePassAQuestionDoes(string type, string settings)
    {
        var folder = new TinyModel(type, JsonNode.Parse(settings)!.AsObject()).Write();
        All(folder);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(References))]
    public void ReferenceModel_AnswersAndLearnsAsOnePassAQuestionDoes(string name) => All(Shared.Require("reference/models/" + name));

    private static Fact Ask(int id, string question, string answer = "a") =>
        new() { Id = id, Relation = "P17", Split = Split.Train, Subject = "a", Question = question, Answer = answer };

    // Behind a shared prompt: rows of different lengths, and one row of one token. Without: the same.
    private static readonly (PromptFormat Format, Fact[] Exemplars, Fact[] Questions)[] Cases =
    [
        (PromptFormat.QuestionAnswer, [Ask(90, "ab c?", "de"), Ask(91, "fg?", "h")],
            [Ask(1, "ab?"), Ask(2, "ab cdef?"), Ask(3, "bc?"), Ask(4, "ab cde?")]),
        (PromptFormat.QuestionAnswer, [Ask(90, "ab c?", "de")], [Ask(5, "a bc?")]),
        (Bare, [], [Ask(6, "abc"), Ask(7, "d"), Ask(8, "ef gh")]),
        (Bare, [], [Ask(9, "k"), Ask(10, "m")]),
    ];

    private static void All(string folder)
    {
        Compute.UseThreads(1);
        foreach (var format in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            using var weights = Checkpoint.Load(folder, CPU, trainable: false, format);
            using var decoder = new Decoder(weights);
            var plain = new PlainModel(decoder, Tokenizer, Options);
            var exact = new PlainModel(decoder, Tokenizer, Options with { TopK = 101, Temperature = 1 });
            var residuals = new List<double>();
            foreach (var (prompts, exemplars, questions) in Cases)
            {
                var whole = questions.Select(q =>
                    Tokenizer.Encode(string.Concat(exemplars.Select(e => prompts.Exemplar(e.Question, e.Answer)))
                    + prompts.Prompt(q.Question))).ToArray();
                Answers(decoder, plain, prompts, exemplars, questions, whole, format == ScalarType.Float32);
                Scores(decoder, exact, prompts, exemplars, questions, whole, format == ScalarType.Float32, residuals);
            }
            if (format != ScalarType.Float32)
            {
                // Two passes, and the difference of two logits in each: twice a logit's error in bf16 (see ModelCheck).
                var limit = 2 * Math.Sqrt(13 * decoder.Config.Layers + 3) / 256 * exact.Size;
                var apart = Math.Sqrt(residuals.Average(r => r * r));
                Assert.True(apart <= limit, $"bf16: log-probabilities differ by {apart}, limit {limit}");
            }
            FineTuned(weights, format == ScalarType.Float32);
        }
    }

    private static void Answers(Decoder decoder, PlainModel plain, PromptFormat format, Fact[] exemplars, Fact[] questions,
        int[][] prompts, bool isFp32)
    {
        using var batch = new PromptBatch(decoder, Tokenizer, format, exemplars, questions, forDrawing: true);
        var drawn = new AnswerTree(decoder, Tokenizer, Options).Draw(batch, 5, TestContext.Current.CancellationToken);
        for (var i = 0; i < questions.Length; i++)
        {
            var (tokens, lead) = plain.Greedy(prompts[i]);
            // In bf16 near ties go either way.
            if (isFp32 || lead > 0.5) Assert.Equal(plain.Text(tokens).Trim(), drawn[i].Greedy);
            Assert.Equal(Options.Samples, drawn[i].Sampled.Sum(a => a.Count));
            if (!isFp32) continue;
            var samples = Enumerable.Range(0, Options.Samples)
                .Select(s => plain.Text(plain.Sample(prompts[i], 5, questions[i].Id, s)).Trim());
            Assert.Equal(samples.Order(StringComparer.Ordinal),
                drawn[i].Sampled.SelectMany(a => Enumerable.Repeat(a.Answer, a.Count)).Order(StringComparer.Ordinal));
        }
    }

    // Gold answers: the greedy one where the tokenizer writes it so, of any length up to the cut, and others.
    private static void Scores(Decoder decoder, PlainModel plain, PromptFormat format, Fact[] exemplars, Fact[] questions, int[][] prompts,
        bool isFp32, List<double> residuals)
    {
        var golds = prompts.Select((prompt, i) =>
        {
            // An answer begins with a space: a model that does not like to begin so is led there.
            var first = plain.Logits(prompt).Index().Where(l => l.Index >= LetterTokenizer.Spaced).MaxBy(l => l.Item).Index;
            var rest = plain.Greedy([.. prompt, first]).Tokens.TakeWhile(t => t > LetterTokenizer.LineFeed).Take(i % 4);
            return plain.Text([first, .. rest]).TrimStart();
        }).ToArray();
        Fact[] facts = [.. questions.Select((q, i) => q with { Answer = golds[i] })];
        var options = Options with { TopK = 101, Temperature = 1 };
        var found = new ExactEstimator(options, format)
            .Estimate(decoder, Tokenizer, exemplars, facts, 1, TestContext.Current.CancellationToken);
        for (var i = 0; i < facts.Length; i++)
        {
            var tokens = Tokenizer.Encode(" " + golds[i]);
            double p = 1;
            for (var t = 0; t < tokens.Length; t++) p *= plain.Shares([.. prompts[i], .. tokens[..t]]).Single(s => s.Id == tokens[t]).P;
            int[] ends = [LetterTokenizer.End, LetterTokenizer.LineFeed, .. decoder.Config.EosIds];
            if (tokens.Length < options.MaxAnswerTokens) p *= plain.Shares([.. prompts[i], .. tokens]).Where(s => ends.Contains(s.Id))
                .Sum(s => s.P);
            if (!isFp32)
            {
                residuals.Add(Math.Log(found[i].SampledCorrect / p) / Math.Sqrt(Math.Min(tokens.Length + 1, options.MaxAnswerTokens)));
                continue;
            }
            Assert.Equal(p, found[i].SampledCorrect, 1e-4 * p);
            var right = plain.Greedy(prompts[i]).Tokens.SequenceEqual(tokens);
            Assert.Equal(right, found[i].GreedyCorrect);
        }
    }

    // Random weights are sure of what is wrong, as no model that is fine-tuned: with smaller logits the loss is that of a guess.
    private static DecoderWeights Calmed(DecoderWeights weights)
    {
        var copy = weights.CopyTrainable();
        using var noGrad = no_grad();
        var one = copy.Config.Architecture.Norm == Norm.RmsOnePlus ? 1.0 : 0.0;
        copy.FinalNorm.Weight.add_(one).mul_(0.2).sub_(one);
        copy.FinalNorm.Bias?.mul_(0.2);
        return copy;
    }

    private static void FineTuned(DecoderWeights loaded, bool isFp32)
    {
        using var start = Calmed(loaded);
        var options = new FineTuningOptions { Epochs = 2, BatchExamples = 4, LearningRate = 1e-3, DropoutRate = 0 };
        Fact[] examples = [Ask(1, "ab?", "cd"), Ask(2, "ab cdef?", "k"), Ask(3, "bc?", "xy z"), Ask(4, "q r?", "ab")];
        var found = new List<EpochResult>();
        TinyTraining.FineTune(start, Tokenizer, options, examples, examples, 3, 0, null, found.Add,
            TestContext.Current.CancellationToken);
        using var weights = start.CopyTrainable();
        using var decoder = new Decoder(weights);
        using var optimizer = new AdamW(weights) { WeightDecay = 0 };
        var rows = examples.Select(e =>
            (Prompt: Tokenizer.Encode(PromptFormat.QuestionAnswer.Prompt(e.Question)), Gold: Tokenizer.Encode($" {e.Answer}\n"))).ToArray();
        var scored = rows.Sum(r => r.Gold.Length);
        for (var epoch = 1; epoch <= options.Epochs; epoch++)
        {
            var expected = 0.0;
            foreach (var (prompt, gold) in rows)
            {
                using var scope = NewDisposeScope();
                var ids = tensor([.. prompt.Concat(gold).Select(i => (long)i)], ScalarType.Int64);
                var logits = decoder.Logits(decoder.Forward(ids.view(1, -1)).Hidden)[0].narrow(0, prompt.Length - 1, gold.Length);
                var loss = nn.functional.cross_entropy(logits, ids.narrow(0, prompt.Length, gold.Length), reduction: nn.Reduction.Sum)
                    .div(scored);
                loss.backward();
                expected += HostTransfer.Read<float>(loss.to(ScalarType.Float32))[0];
            }
            // The loss of the second epoch follows from the gradients of the first.
            Assert.Equal(expected, found[epoch].Loss, (isFp32 ? 1e-4 : 0.05) * expected);
            optimizer.Step(options.LearningRate);
        }
        Assert.True(found[2].Loss < 0.999 * found[1].Loss);
        if (!isFp32) return;
        // Nothing is cut where whole answers are asked for.
        var plain = new PlainModel(decoder, Tokenizer, new() { MaxAnswerTokens = 8 });
        Assert.Equal(rows.Select(r => plain.Greedy(r.Prompt).Tokens.SequenceEqual(r.Gold[..^1])), found[2].Correct);
    }
}
