using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Sampling;
using Slick.Text;
using static TorchSharp.torch;

namespace Slick.Tests.Knowledge;

/// <summary>A world of 12 relations and a model that has read its documents, in a few seconds.</summary>
public sealed class SmallModel : IDisposable
{
    private readonly DecoderWeights weights;

    internal SyntheticWorld World { get; }
    internal WordLevelTokenizer Tokenizer { get; }
    internal Decoder Decoder { get; }
    internal IReadOnlyList<string> Relations { get; }

    public SmallModel() : this(epochs: 4) { }

    internal SmallModel(int epochs)
    {
        NativeLibraries.Load();
        var options = new PreTrainingOptions { HiddenSize = 64, Layers = 2, IntermediateSize = 128, ContextTokens = 64, BatchRows = 32, Epochs = epochs };
        World = SyntheticWorld.Create(new WorldOptions { TrainFacts = 20, TestFacts = 8, DevFacts = 8, OodTestFacts = 2, OodDevFacts = 6, MeanExposures = 20 }, seed: 1);
        Tokenizer = WordLevelTokenizer.Train(World.Documents.Concat(World.Dataset.Facts.Select(f => $"{f.Question} {f.Answer} {f.Rival} Q: A:")));
        var documents = World.Documents.Select(d => Tokenizer.Encode(d).Append(Tokenizer.EosId!.Value).ToArray()).ToArray();
        var scratch = Directory.CreateTempSubdirectory("slick");
        weights = PreTraining.Run(options, Tokenizer.VocabularySize, epoch => [.. World.Order(epoch).SelectMany(i => documents[i])],
            seed: 1, CPU, scratch.FullName, Progress.None, CancellationToken.None);
        scratch.Delete(recursive: true);
        Decoder = new Decoder(weights);
        Relations = [.. World.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id)];
    }

    internal IReadOnlyList<Fact> Questions(string relation) => [.. World.Dataset.Of(relation, Split.Train), .. World.Dataset.Of(relation, Split.Test)];

    internal IReadOnlyList<IReadOnlyList<Fact>> Prompts(string relation, SamplingOptions options) =>
        PromptBatch.DrawExemplars(World.Dataset.Of(relation, Split.Dev), options, seed: 7);

    public void Dispose()
    {
        Decoder.Dispose();
        weights.Dispose();
    }
}
