using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;
using TorchSharp;

namespace Slick.Benchmarks;

/// <summary>The quick preset's world and a model that has read it; the model is kept in a folder where one is named.</summary>
internal static class Lab
{
    public const int Seed = 1;

    /// <summary>The world, and the model on a device.</summary>
    /// <param name="folder">The model's folder; null to train it anew.</param>
    /// <param name="epochs">Passes of the pre-training.</param>
    /// <param name="compute">The device and the number format of the model.</param>
    public static (Dataset World, DecoderWeights Weights, ITokenizer Tokenizer) Open(string? folder, int epochs, Compute compute)
    {
        var world = SyntheticWorld.Create(StudyOptions.Quick.World, Seed);
        var scratch = Directory.CreateTempSubdirectory("slick");
        try
        {
            var kept = folder ?? Path.Combine(scratch.FullName, "model");
            if (!File.Exists(Path.Combine(kept, "config.json"))) Train(world, kept, epochs, Path.Combine(scratch.FullName, "scratch"));
            var (weights, tokenizer) = Checkpoint.Open(kept, compute);
            if (Words(world).VocabularySize is var words && weights.Config.VocabularySize != words)
                throw new SlickException(
                    $"{folder}: a model of {weights.Config.VocabularySize} words, but the world has {words}; remove the folder to train "
                    + "anew.");
            return (world.Dataset, weights, tokenizer);
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private static WordLevelTokenizer Words(SyntheticWorld world) => WordLevelTokenizer.Train(world.Documents.Concat(
        world.Dataset.Facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, $"{f.Answer} {f.Rival}"))));

    private static void Train(SyntheticWorld world, string folder, int epochs, string scratch)
    {
        var tokenizer = Words(world);
        var documents = world.Documents.Select(d => tokenizer.Encode(d).Append(tokenizer.EosId!.Value).ToArray()).ToArray();
        Directory.CreateDirectory(scratch);
        using var weights = PreTraining.Run(StudyOptions.Quick.PreTraining with { Epochs = epochs }, tokenizer.VocabularySize,
            epoch => [.. world.Order(epoch).SelectMany(i => documents[i])], Seed, torch.CPU, scratch, "pre-training", new Lines(),
            CancellationToken.None);
        Checkpoint.Save(folder, weights);
        tokenizer.Save(folder);
    }

    private sealed class Lines : IProgressReport
    {
        private double next;

        public void Stage(string name) { }

        public void Report(string stage, double done, double total, string detail = "")
        {
            if (done / total < next) return;
            next += 0.1;
            Say($"{stage}: {100 * done / total:F0}%, {detail}");
        }

        public void Say(string line) => Console.Error.WriteLine(line);
    }
}
