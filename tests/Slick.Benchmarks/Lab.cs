using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;
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
                throw new SlickException(
                    $"{folder}: a model of {Weights.Config.VocabularySize} words, but the world has {Tokenizer.VocabularySize}; remove "
                    + $"the folder to train anew.");
            return;
        }
        var documents = World.Documents.Select(d => Tokenizer.Encode(d).Append(Tokenizer.EosId!.Value).ToArray()).ToArray();
        var scratch = Directory.CreateTempSubdirectory("slick");
        Weights = PreTraining.Run(StudyOptions.Quick.PreTraining with { Epochs = epochs }, Tokenizer.VocabularySize,
            epoch => [.. World.Order(epoch).SelectMany(i => documents[i])], Seed, torch.CPU, scratch.FullName, "pre-training", new Lines(),
                CancellationToken.None);
        scratch.Delete(recursive: true);
        if (folder is null) return;
        Checkpoint.Save(folder, Weights);
        Tokenizer.Save(folder);
    }

    /// <summary>The first prompts of the first relations, with at most this many questions each.</summary>
    public Subject Subject(int relations, int questions, int prompts) => new(Weights, Tokenizer, Options, [
        .. from relation in World.Dataset.Relations.Where(r => r.InDistribution).Take(relations)
           let asked = World.Dataset.Of(relation.Id, Split.Train).Concat(World.Dataset.Of(relation.Id, Split.Test)).Take(questions)
               .ToArray()
           select Benchmarks.Work.Of(World.Dataset, relation.Id, asked, Options, prompts, Seed),
    ]) { Prompts = prompts, ExactTarget = 40, SampledTarget = 15 };

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

/// <summary>A model and what it is asked.</summary>
internal sealed record Subject(DecoderWeights Weights, ITokenizer Tokenizer, SamplingOptions Options, IReadOnlyList<Work> Work)
{
    private const int Seed = 1;

    /// <summary>Prompts of a relation.</summary>
    public int Prompts { get; init; } = 10;
    /// <summary>Prompts that are worked on at a time, and torch's threads for each.</summary>
    public int SideBySide { get; init; } = 1;
    public int TorchThreads { get; init; } = 1;
    /// <summary>Ratios to plain generation that are aimed at.</summary>
    public double ExactTarget { get; init; } = 100;
    public double SampledTarget { get; init; } = 30;

    /// <summary>A Hugging Face checkpoint and the train questions of the first relations of EntityQuestions.</summary>
    public static Subject OfCheckpoint(string folder, string data, string dtype, int relations, int questions, int prompts)
    {
        var (weights, tokenizer) = Checkpoint.Open(folder, Compute.Choose("cpu", dtype));
        var dataset = EntityQuestions.Read(data);
        var options = new SamplingOptions();
        return new(weights, tokenizer, options, [
            .. from relation in dataset.Relations.Where(r => r.InDistribution).Take(relations)
               let asked = dataset.Of(relation.Id, Split.Train).Take(questions).ToArray()
               select Benchmarks.Work.Of(dataset, relation.Id, asked, options, prompts, Seed),
        ]) { Prompts = prompts };
    }
}

/// <summary>The questions of one relation and its prompts.</summary>
internal sealed record Work(IReadOnlyList<EstimatedPrompt> Prompts, IReadOnlyList<Fact> Questions)
{
    public static Work Of(Dataset dataset, string relation, IReadOnlyList<Fact> questions, SamplingOptions options, int prompts,
        int seed) =>
        new([.. PromptBatch.DrawExemplars(dataset.Of(relation, Split.Dev), options, Seeds.Mix(seed, relation)).Take(prompts)
            .Select((exemplars, j) => new EstimatedPrompt(exemplars, Seeds.Mix(Seeds.Mix(seed, relation), j)))], questions);
}
