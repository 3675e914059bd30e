using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Sampling;
using Slick.Studies;
using Slick.Text;
using TorchSharp;

namespace Slick.Benchmarks;

/// <summary>The quick preset's world and a model that has read it; the model is kept in a folder where one is named.</summary>
internal sealed class Lab
{
    private const int Seed = 1;

    public SyntheticWorld World { get; }
    public WordLevelTokenizer Tokenizer { get; }
    public DecoderWeights Weights { get; }
    public SamplingOptions Options { get; } = StudyOptions.Quick.Sampling;

    public Lab(string? folder, int epochs)
    {
        World = SyntheticWorld.Create(StudyOptions.Quick.World, Seed);
        var questions = World.Dataset.Facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, $"{f.Answer} {f.Rival}"));
        Tokenizer = WordLevelTokenizer.Train(World.Documents.Concat(questions));
        if (folder is not null && File.Exists(Path.Combine(folder, "config.json")))
        {
            Weights = Checkpoint.Load(folder, torch.CPU, trainable: false);
            if (Weights.Config.VocabularySize != Tokenizer.VocabularySize)
                throw new SlickException($"{folder}: a model of {Weights.Config.VocabularySize} words, but the world has {Tokenizer.VocabularySize}; remove the folder to train anew.");
            return;
        }
        var documents = World.Documents.Select(d => Tokenizer.Encode(d).Append(Tokenizer.EosId!.Value).ToArray()).ToArray();
        var scratch = Directory.CreateTempSubdirectory("slick");
        Weights = PreTraining.Run(StudyOptions.Quick.PreTraining with { Epochs = epochs }, Tokenizer.VocabularySize,
            epoch => [.. World.Order(epoch).SelectMany(i => documents[i])], Seed, torch.CPU, scratch.FullName, "pre-training", new Lines(), CancellationToken.None);
        scratch.Delete(recursive: true);
        if (folder is null) return;
        Checkpoint.Save(folder, Weights);
        Tokenizer.Save(folder);
    }

    /// <summary>Every prompt of the first relations, with at most this many questions each.</summary>
    public IReadOnlyList<Work> Work(int relations, int questions) =>
    [
        .. from relation in World.Dataset.Relations.Where(r => r.InDistribution).Take(relations)
           let asked = World.Dataset.Of(relation.Id, Split.Train).Concat(World.Dataset.Of(relation.Id, Split.Test)).Take(questions).ToArray()
           from prompt in PromptBatch.DrawExemplars(World.Dataset.Of(relation.Id, Split.Dev), Options, Seeds.Mix(Seed, relation.Id)).Select((exemplars, j) => (exemplars, j))
           select new Work(prompt.exemplars, asked, Seeds.Mix(Seeds.Mix(Seed, relation.Id), prompt.j)),
    ];

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

/// <summary>One prompt and its questions.</summary>
internal sealed record Work(IReadOnlyList<Fact> Exemplars, IReadOnlyList<Fact> Questions, int Seed);
