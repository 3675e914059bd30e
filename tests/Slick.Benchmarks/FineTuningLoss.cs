using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;

namespace Slick.Benchmarks;

/// <summary>
/// Fine-tunes a checkpoint on some questions: losses, exact match, time, and a digest that tells whether two runs are the same.
/// </summary>
internal static class FineTuningLoss
{
    private static readonly string[] Relations = ["P17", "P36", "P131"];

    public static void Run(string folder, string data, string device, string dtype, int questions, FineTuningOptions options)
    {
        var (weights, tokenizer) = Checkpoint.Open(folder, Compute.Choose(device, dtype));
        var dataset = EntityQuestions.Read(data);
        Fact[] facts = [.. Relations.SelectMany(r => dataset.Of(r, Split.Train).Take(questions / Relations.Length))];
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var clock = Stopwatch.StartNew();
        FineTuning.Run(weights, tokenizer, PromptFormat.QuestionAnswer, options, facts, facts, seed: 1, epochUpdates: 0, scratch: null,
            result =>
        {
            digest.AppendData(BitConverter.GetBytes(result.Loss));
            digest.AppendData([.. result.Correct.Select(c => (byte)(c ? 1 : 0))]);
            Line($"epoch {result.Epoch}: loss {result.Loss:F6}, right {result.Correct.Count(c => c)} of {facts.Length}, ",
                $"{clock.Elapsed.TotalSeconds:F1} s");
        }, CancellationToken.None);
        Line($"{device}, {dtype}: digest {Convert.ToHexStringLower(digest.GetHashAndReset())[..16]}");
    }

    private static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(p => p.ToString(CultureInfo.InvariantCulture))));
}
