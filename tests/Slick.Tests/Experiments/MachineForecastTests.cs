using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Paper;
using Slick.Runtime;
using Slick.Tests.Training;
using Slick.Text;
using Slick.Training;
using TorchSharp;

namespace Slick.Tests.Experiments;

/// <summary>The forecast from config.json alone.</summary>
public sealed class MachineForecastTests
{
    private static readonly Machine H100 = Machine.Find("h100")!, H200 = Machine.Find("h200")!;
    private static readonly StudyOptions Paper = new() { FineTuning = MachineForecast.PaperRun };

    private static DecoderConfig Config(string name) => DecoderConfig.Read(Path.Combine(LlamaShapes.Folder(name), "config.json"));

    private static MachineForecast Forecast(string model, Machine machine, int count = 1, StudyOptions? options = null,
        long? memory = null) =>
        new(Config(model), machine, count, ["fp32", "bf16"], options ?? Paper, ForecastQuestions.Assumed(
            PaperStudy.Train.ToDictionary(r => r.Key, r => r.Value.Sum()), null, new()), PaperStudy.SetSize, memory);

    [Theory]
    [MemberData(nameof(LlamaShapes.Counts), MemberType = typeof(LlamaShapes))]
    public void Weights_AreAsManyAsThePublishedModelHas(string name, long parameters) =>
        Assert.Equal(parameters, Forecast(name, H100).Parameters);

    [Fact]
    public void Rows_AreBothEstimatorsAndTheRun_InEachFormat()
    {
        var rows = Forecast("Llama-3.2-1B", H100).Rows;
        Assert.Equal(["labels, Exact", "labels, Exact", "labels, Sampled", "labels, Sampled", "fine-tuning, 50 epochs",
            "fine-tuning, 50 epochs"], rows.Select(r => r.Work));
        Assert.Equal(["fp32", "bf16"], rows.Take(2).Select(r => r.Format));
        // 81,700 questions of Table 3 behind ten prompts: 12 tokens a row and 12 x 10 prompts of 77.4; 6,142 examples 50 times.
        Assert.Equal(817_000 * (9.3 + 2.7) + 120 * 77.4, rows[0].Tokens, 1.0);
        Assert.Equal(817_000 * (2.7 + 1), rows[0].LogitRows, 1.0);
        Assert.Equal(817_000 * LabelCost.CountedNodes.Sum(), rows[2].LogitRows, 1.0);
        Assert.Equal(50 * 48, rows[4].Passes / 2); // a pass of the model and one of AdamW for each of 48 batches
        Assert.All(rows, r => Assert.True(r.Flop > 2 * 9.7e8 * r.Tokens * (r.Work[0] == 'f' ? 3 : 1), r.ToString()));
    }

    [Fact]
    public void MoreMachines_ShareTheLabels_AndNotARun()
    {
        var (one, eight) = (Forecast("Llama-3.1-8B", H200), Forecast("Llama-3.1-8B", H200, 8));
        foreach (var (alone, shared) in one.Rows.Zip(eight.Rows).Where(r => r.First.Seconds is not null))
        {
            Assert.Equal(alone.Seconds, shared.Seconds);
            Assert.Equal(alone.Seconds / (alone.Work[0] == 'l' ? 8 : 1), shared.SecondsOnAll);
        }
        Assert.Throws<UsageException>(() => Forecast("Llama-3.2-1B", H100, 0));
    }

    [Fact]
    public void LargerModelAndSlowerCard_TakeLonger()
    {
        double Seconds(string model, string card, int row) => Forecast(model, Machine.Find(card)!).Rows[row].Seconds!.Value;
        foreach (var row in (int[])[0, 1, 2, 3])
        {
            Assert.True(Seconds("Llama-3.1-8B", "h100", row) > 3 * Seconds("Llama-3.2-1B", "h100", row));
            Assert.True(Seconds("Llama-3.2-1B", "l4", row) > Seconds("Llama-3.2-1B", "h100", row));
        }
    }

    [Fact]
    public void ModelThatDoesNotFitACard_HasNoTime_AndASentenceThatNamesAServer()
    {
        var forecast = Forecast("Llama-3.1-70B", H100);
        Assert.All(forecast.Rows, r => Assert.Null(r.Seconds));
        Assert.All(forecast.Rows, r => Assert.True(r.Bytes > H100.Memory));
        var remark = Assert.Single(forecast.Remarks, r => r.StartsWith("In bf16 the weights take 131.4 GiB", StringComparison.Ordinal));
        Assert.Contains("vllm serve NAME --tensor-parallel-size 2", remark, StringComparison.Ordinal);
        Assert.Contains("slick annotate --server URL --server-model NAME", remark, StringComparison.Ordinal);
        // In bf16 it just fits the larger card. Nothing of fine-tuning does.
        Assert.Contains("or one H200", remark, StringComparison.Ordinal);
        Assert.Equal([null, true, null, true, null, null],
            Forecast("Llama-3.1-70B", H200).Rows.Select(r => r.Seconds is null ? (bool?)null : true));
    }

    [Fact]
    public void FormatThatDoesNotFit_NamesTheOneThatDoes() =>
        Assert.Contains("What serves: --dtype bf16.", Assert.Single(Forecast("Llama-3.1-8B", Machine.Find("rtx-4090")!).Remarks,
            r => r.StartsWith("In fp32", StringComparison.Ordinal)), StringComparison.Ordinal);

    [Fact]
    public void RunThatDoesNotFit_IsToldSettingsWithWhichItFits()
    {
        var remarks = Forecast("Llama-3.1-8B", H100).Remarks;
        Assert.Equal(2, remarks.Count);
        foreach (var (remark, row) in remarks.Zip([4, 5]))
        {
            Assert.StartsWith("Fine-tuning in ", remark, StringComparison.Ordinal);
            var settings = remark.Split("--set ")[1..].Select(s => s.TrimEnd(' ', '.'));
            var smaller = Forecast("Llama-3.1-8B", H100, options: settings.Aggregate(Paper, NamedOptions.Set));
            Assert.NotNull(smaller.Rows[row].Seconds);
        }
    }

    [Fact]
    public void LessMemory_MakesMorePasses_AndTooMuchIsSaid()
    {
        var (small, usual) = (Forecast("Llama-3.1-8B", H100, memory: 1L << 30), Forecast("Llama-3.1-8B", H100));
        foreach (var row in (int[])[1, 3])
        {
            Assert.True(small.Rows[row].Passes > usual.Rows[row].Passes);
            Assert.True(small.Rows[row].Bytes < usual.Rows[row].Bytes);
        }
    }

    // The arithmetic of a run's memory is that of the run itself.
    [Theory]
    [InlineData("fineTuning.ragged=true", torch.ScalarType.Float32)]
    [InlineData("fineTuning.ragged=true", torch.ScalarType.BFloat16)]
    [InlineData("fineTuning.pieceExamples=8", torch.ScalarType.BFloat16)]
    [InlineData("fineTuning.recompute=true", torch.ScalarType.Float32)]
    [InlineData("fineTuning.lora.rank=4", torch.ScalarType.Float32)]
    [InlineData("fineTuning.parameters=without-embeddings", torch.ScalarType.Float32)]
    public void MemoryOfARun_IsItsOwnForecastAndTheBaseModel(string setting, torch.ScalarType dtype)
    {
        NativeLibraries.Load();
        Fact[] facts = [.. Enumerable.Range(0, 40).Select(i =>
            TinyTraining.Fact(i, string.Join(' ', Enumerable.Range(0, 2 + i % 9).Select(w => $"s{(i + w) % 20}")), $"o{i} o{i * 7 % 40}"))];
        var tokenizer = TinyTraining.Words(facts);
        using var start = TinyTraining.Weights(tokenizer, dtype: dtype);
        var options = NamedOptions.Set(Paper, setting).FineTuning with { BatchExamples = 16 };
        var run = new FineTuningRun
        {
            Start = start, Tokenizer = tokenizer, Options = options, Examples = Example.Of(facts, PromptFormat.Instruction), Seed = 1,
        };
        var lengths = run.Examples.Select(e => TaughtExample.Of(start.Config, tokenizer, e))
            .Select(e => new TaughtExample(new int[e.Prompt.Length], new int[e.Taught.Length])).ToArray();
        var width = dtype == torch.ScalarType.Float32 ? 4 : 2;
        Assert.Equal(FineTuning.Forecast(run, measure: false).Bytes + width * start.Flat.numel(),
            TrainingCost.Run(start.Config, width, options, new SetPasses(lengths, options.BatchExamples, 1), isGpu: false).Bytes);
    }

    // Gemma 3 with a vocabulary of 32,768.
    private static readonly Lazy<DecoderConfig> Gemma = new(() =>
    {
        var path = Path.Combine(Scratch.Folder("gemma"), "config.json");
        File.WriteAllText(path, """
            {"model_type": "gemma3_text", "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 640,
             "intermediate_size": 2048, "max_position_embeddings": 32768, "num_attention_heads": 4, "num_hidden_layers": 18,
             "num_key_value_heads": 1, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "sliding_window": 512,
             "tie_word_embeddings": true, "vocab_size": 32768, "eos_token_id": 1}
            """);
        return DecoderConfig.Read(path);
    });

    // What one H200 did on 2026-11-28 (tests/Slick.Benchmarks/README.md): question-prompts a second of two relations, one after the other.
    // Since then a level of the tree takes less memory, so Sampled has fewer passes than it had, and is forecast to be up to twice as fast.
    [Theory]
    [InlineData(false, 2, 16_412, 1)]
    [InlineData(false, 4, 7_244, 1)]
    [InlineData(true, 2, 3_847, 1.6)]
    [InlineData(true, 4, 2_515, 1.6)]
    public void LabelsOnACard_AreForecastAsMeasured(bool drawn, int width, double measured, double faster)
    {
        var cost = new LabelCost(Gemma.Value, width, isGpu: true, new(64L << 30, 1 << 24), new());
        RelationTokens[] relations = [.. Enumerable.Range(0, 2).Select(i => new RelationTokens($"P{i}", 1000, 79.5, 9.7, 2.7))];
        var seconds = H200.Seconds(drawn ? cost.Sampled(relations) : cost.Exact(relations), width);
        Assert.InRange(20_000 / seconds, 0.75 * measured, 1.25 * faster * measured);
    }

    [Theory]
    [InlineData(2, false, 0.052)]
    [InlineData(4, false, 0.074)]
    [InlineData(2, true, 0.073)]
    public void StepOnACard_IsForecastAsMeasured(int width, bool ragged, double measured)
    {
        // 128 examples of 18 tokens on average, the longest of 31
        TaughtExample[] examples = [.. Enumerable.Range(0, 128).Select(i => new TaughtExample(new int[i == 0 ? 28 : 15], new int[4]))];
        var options = MachineForecast.PaperRun with { Epochs = 1, Ragged = ragged };
        var seconds = H200.Seconds(TrainingCost.Run(Gemma.Value, width, options, new SetPasses(examples, 128, 1), isGpu: true), width);
        Assert.InRange(seconds, 0.75 * measured, 1.25 * measured);
    }

    // The forecast's passes beside those that the scorer and the tree make, on a CPU and under narrow bounds.
    [Theory]
    [InlineData(1L << 30)]
    [InlineData(1L << 23)]
    public void Passes_AreThoseOfTheEstimators(long bytes)
    {
        NativeLibraries.Load();
        Fact[] facts = [.. Enumerable.Range(0, 60).Select(i => TinyTraining.Fact(i, $"s{i % 20} s{i / 20}", $"o{i} o{i * 7 % 60}"))];
        var tokenizer = TinyTraining.Words(facts);
        using var weights = TinyTraining.Weights(tokenizer);
        using var decoder = new Decoder(weights);
        var bounds = new PassBounds(bytes, 512);
        var sampling = new SamplingOptions { Prompts = 3, Shots = 2, MaxAnswerTokens = 4 };
        IReadOnlyList<PromptTokens> Prompts(bool drawn) => [.. Enumerable.Range(0, 3).Select(j =>
            new PromptTokens(decoder.Config, tokenizer, PromptFormat.QuestionAnswer, facts[(2 * j)..(2 * j + 2)], facts[6..], drawn))];
        using var scored = new PromptBatches(decoder, Prompts(false), new PassMemory(bounds));
        using var scorer = new AnswerScorer(decoder, tokenizer, sampling) { Memory = new(bounds) };
        using var drawn = new PromptBatches(decoder, Prompts(true), new PassMemory(bounds));
        var tree = new AnswerTree(decoder, tokenizer, sampling) { Memory = new(bounds) };
        tree.Draw(drawn.Prompts, [1, 2, 3], TestContext.Current.CancellationToken);
        var rows = drawn.Rows.Length;
        // A tree of a model that knows nothing: as many nodes at each depth as there are samples, until answers end.
        var deeper = (tree.LogitRows - rows) / (double)rows / (sampling.MaxAnswerTokens - 1);
        var cost = new LabelCost(decoder.Config, 4, isGpu: false, bounds, sampling)
        {
            Nodes = [1, .. Enumerable.Repeat(deeper, sampling.MaxAnswerTokens - 1)],
        };
        RelationTokens relation = new("P0", facts.Length - 6, drawn.Prompts.Average(p => p.Shared!.Tokens),
            drawn.Rows.Average(r => r.Question.Own.Length), scored.Rows.Average(r => r.Question.Gold.Length));
        double shared = 3 * relation.Shared, alone = 1;
        var (exact, sampled) = (cost.Exact([relation]), cost.Sampled([relation]));
        Assert.Equal(scored.Rows.Sum(r => r.Question.Own.Length + r.Question.Gold.Length) + shared, exact.Sum(p => p.Tokens), 1e-6);
        Assert.Equal(tree.Tokens + shared, sampled.Sum(p => p.Tokens), 1e-6);
        Assert.Equal(tree.LogitRows, sampled.Sum(p => p.LogitRows), 1e-6);
        var batches = scorer.Batches(scored.Rows, [.. scored.Prompts.Select(p => p.Shared!.Tokens)]).Count();
        Assert.InRange(exact.Sum(_ => 1) - alone, 0.75 * batches, 1.25 * batches);
        Assert.InRange(sampled.Sum(_ => 1) - alone, 0.75 * tree.Passes, 1.25 * tree.Passes);
    }

    [Fact]
    public void QuestionsOfADataset_AreCountedAndCut()
    {
        var facts = (from relation in (string[])["P17", "P36"]
                     from i in Enumerable.Range(0, 30)
                     select TinyTraining.Fact(i, $"s{i % 20} s{i / 20}", $"o{i}") with
                     {
                         Id = i + (relation == "P17" ? 0 : 30), Relation = relation, Split = i < 10 ? Split.Dev : Split.Train,
                     }).ToList();
        var tokenizer = TinyTraining.Words(facts);
        var dataset = new Dataset([new("P17", "Where is [X]?", true), new("P36", "Where is [X]?", true)], facts);
        var config = new PreTrainingOptions().Shape(tokenizer.VocabularySize);
        var all = ForecastQuestions.Of(dataset, null, config, tokenizer, new() { Prompts = 2 }, seed: 1);
        Assert.Equal([20, 20], all.Relations.Select(r => r.Questions));
        // Q: Where is s0 s1 ? A: — the subject's two words, the question mark, the line's end and A: are a question's own.
        Assert.All(all.Relations, r => Assert.Equal(1, r.Gold));
        Assert.All(all.Relations, r => Assert.InRange(r.Own, 3, 8));
        Assert.All(all.Relations, r => Assert.InRange(r.Shared, 4 * 8, 5 * 12));
        var some = ForecastQuestions.Of(dataset, 5, config, tokenizer, new() { Prompts = 2 }, 1);
        Assert.Equal([5, 5], some.Relations.Select(r => r.Questions));
        Assert.Equal(40, all.Examples.Count);
    }
}
