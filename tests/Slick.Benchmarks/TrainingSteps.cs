using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;
using TorchSharp;

namespace Slick.Benchmarks;

/// <summary>
/// Milliseconds of a training step of the lab's shape: pre-training on two threads, fine-tuning on one; and a digest of the weights and
/// the losses. What a step costs in two versions of the code is compared by running their programs in turns; the least of the rounds is
/// the least disturbed.
/// </summary>
internal static class TrainingSteps
{
    private const int Words = 3000, PreTrainingSteps = 60, Examples = 512, Epochs = 4;

    public static void Run(int rounds)
    {
        NativeLibraries.Load();
        var (options, tuning) = (new PreTrainingOptions { Epochs = 1 }, new FineTuningOptions { Epochs = Epochs });
        var stepTokens = options.BatchRows * options.ContextTokens;
        int[] stream = [.. Enumerable.Range(0, PreTrainingSteps * stepTokens + 1).Select(i => (int)((i * 7919L + i / 13) % Words))];
        Fact[] facts = [.. Enumerable.Range(0, Examples).Select(i => new Fact { Id = i, Relation = "P0", Split = Split.Train,
            Subject = $"s{i}", Question = $"Where is the s{i} of t{i % 31} from{(i % 3 == 0 ? " now" : "")}?",
            Answer = $"o{i % 97} p{i % 5}" })];
        var tokenizer = WordLevelTokenizer.Train(facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, f.Answer)));
        using var start = new DecoderWeights(options.Shape(Words), torch.CPU, trainable: false);
        start.Initialize(1);
        var scratch = Directory.CreateTempSubdirectory("slick-steps-").FullName;
        var (pre, fine) = (double.PositiveInfinity, double.PositiveInfinity);
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            for (var round = 0; round < rounds; round++)
            {
                var clock = Stopwatch.StartNew();
                using var trained = PreTraining.Run(options, Words, _ => stream, 1, torch.CPU, Path.Combine(scratch, $"{round}"), "",
                    Progress.None, CancellationToken.None);
                pre = Math.Min(pre, clock.Elapsed.TotalMilliseconds / PreTrainingSteps);
                SideBySide.For(1, _ =>
                {
                    clock.Restart();
                    FineTune(start, tokenizer, tuning, facts, round == 0 ? digest : null);
                    fine = Math.Min(fine, clock.Elapsed.TotalMilliseconds / (Epochs * (double)(Examples / tuning.BatchExamples)));
                });
                if (round == 0) digest.AppendData(trained.Flat.bytes);
            }
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
        var hash = Convert.ToHexStringLower(digest.GetHashAndReset())[..16];
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"pre-training {pre:F2} ms a step, fine-tuning {fine:F2} ms a step (least of {rounds}); digest {hash}"));
    }

    private static void FineTune(DecoderWeights start, ITokenizer tokenizer, FineTuningOptions options, Fact[] facts,
        IncrementalHash? digest) =>
        FineTuning.Run(new()
        {
            Start = start,
            Tokenizer = tokenizer,
            Options = options,
            Examples = Example.Of(facts, PromptFormat.QuestionAnswer),
            Questions = new Dictionary<string, IReadOnlyList<Example>> { ["one"] = Example.Of(facts[..1], PromptFormat.QuestionAnswer) },
            Seed = 1,
        }, epoch =>
        {
            _ = epoch.Ask("one"); // as a study asks after each epoch
            digest?.AppendData(BitConverter.GetBytes(epoch.Loss));
        }, CancellationToken.None);
}
