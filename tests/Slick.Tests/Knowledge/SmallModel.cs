using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Tests.Knowledge;

/// <summary>A world of 12 relations and a model that has read its documents, in a few seconds.</summary>
public sealed class SmallModel : IDisposable
{
    private readonly DecoderWeights weights;

    internal SyntheticWorld World { get; }
    internal WordLevelTokenizer Tokenizer { get; }
    internal Decoder Decoder { get; }

    /// <summary>Small pools and many questions among the documents: probabilities between 0 and 1 are common.</summary>
    public SmallModel()
    {
        NativeLibraries.Load();
        var options = new PreTrainingOptions { HiddenSize = 64, Layers = 2, IntermediateSize = 128, ContextTokens = 64, BatchRows = 32,
            Epochs = 6 };
        World = SyntheticWorld.Create(new WorldOptions
        {
            TrainFacts = 36, TestFacts = 10, DevFacts = 8, OodTestFacts = 2, OodDevFacts = 6, MeanExposures = 20,
            NeverSeenShare = 0, PoolScale = 0.5, QuestionAnswerShare = 0.6, SameObjectPageShare = 0.3,
        }, seed: 1);
        Tokenizer = WordLevelTokenizer.Train(
            World.Documents.Concat(World.Dataset.Facts.Select(f => $"{f.Question} {f.Answer} {f.Rival} Q: A:")));
        var documents = World.Documents.Select(d => Tokenizer.Encode(d).Append(Tokenizer.EosId!.Value).ToArray()).ToArray();
        weights = PreTraining.Run(options, Tokenizer.VocabularySize, epoch => [.. World.Order(epoch).SelectMany(i => documents[i])],
            seed: 1, CPU, Scratch.Folder("pretrain"), "pre-training", Progress.None, CancellationToken.None);
        Decoder = new Decoder(weights);
    }

    private SmallModel(SmallModel other)
    {
        (World, Tokenizer, weights) = (other.World, other.Tokenizer, other.weights.CopyTrainable());
        Decoder = new Decoder(weights);
    }

    /// <summary>The same model with a shorter row for the line feed in the (tied) embedding: it is less sure that an answer ends.</summary>
    internal SmallModel UnsureOfTheLineEnd(double factor)
    {
        var copy = new SmallModel(this);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using Scalar scale = factor;
        copy.weights["model.embed_tokens.weight"].narrow(0, Tokenizer.Encode("\n", addSpecialTokens: false)[0], 1).mul_(scale);
        return copy;
    }

    internal IEnumerable<string> Relations => World.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id);

    internal IReadOnlyList<Fact> Questions(string relation) =>
        [.. World.Dataset.Of(relation, Split.Train), .. World.Dataset.Of(relation, Split.Test)];

    internal IReadOnlyList<IReadOnlyList<Fact>> Prompts(string relation, SamplingOptions options) =>
        PromptBatch.DrawExemplars(World.Dataset.Of(relation, Split.Dev), options, seed: 7);

    public void Dispose()
    {
        Decoder.Dispose();
        weights.Dispose();
    }
}

/// <summary>Classes that share one <see cref="SmallModel"/>.</summary>
[CollectionDefinition(Name)]
public sealed class SmallModelCollection : ICollectionFixture<SmallModel>
{
    internal const string Name = "small model";
}
