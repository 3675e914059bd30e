using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;

namespace Slick.Experiments;

/// <summary>A model that we did not make, and a dataset's questions: where a study's models and questions come from, if not from a
/// world.</summary>
public sealed class CheckpointSource
{
    /// <summary>The model's name, number of weights and hash.</summary>
    public StudiedModel Model { get; }
    /// <summary>The model's folder: <c>config.json</c>, safetensors, <c>tokenizer.json</c>.</summary>
    public string Folder { get; }
    /// <summary>Relations and facts.</summary>
    public Dataset Dataset { get; }
    /// <summary>True for a model of the lab's size, under ten million weights: on a CPU, several stages side by side are then faster
    /// than several threads on one.</summary>
    public bool IsSmall { get; }

    /// <summary>The model, as stages name it.</summary>
    internal string ModelId => "checkpoint-" + Model.Hash;
    /// <summary>The facts, as stages name them.</summary>
    internal string Questions { get; }

    /// <summary>A model and questions.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="dataset">The questions.</param>
    /// <exception cref="SlickException">The folder is missing or a file cannot be read.</exception>
    public CheckpointSource(string folder, Dataset dataset)
    {
        (Folder, Dataset) = (Path.GetFullPath(folder), dataset);
        var config = ConfigFile.Read(Path.Combine(Folder, "config.json"));
        Model = new(Path.GetFileName(Path.TrimEndingDirectorySeparator(Folder)), DecoderWeights.ParametersOf(config),
            ModelFiles.Hash(Folder));
        IsSmall = HasTheLabsSize(config);
        Questions = "dataset-" + Dataset.Hash(dataset.Facts);
    }

    /// <summary>Whether a model is of the lab's size.</summary>
    internal static bool HasTheLabsSize(DecoderConfig config) => config.FlopsPerToken < 20_000_000;

    /// <summary>Questions of one relation and split, drawn with the seed.</summary>
    /// <param name="dataset">The dataset.</param>
    /// <param name="relation">The relation's id.</param>
    /// <param name="split">The part of the dataset. Facts of dev that are exemplars of the relation's prompts are not asked.</param>
    /// <param name="count">How many, fewer where there are fewer; null for all. A smaller number draws some of the larger one's.</param>
    /// <param name="seed">Seed of the questions and of the exemplars.</param>
    /// <param name="sampling">SliCK's protocol.</param>
    internal static AskedQuestions Draw(Dataset dataset, string relation, Split split, int? count, int seed, SamplingOptions sampling)
    {
        var dev = dataset.Of(relation, Split.Dev);
        var questions = dataset.Of(relation, split);
        if (split == Split.Dev)
        {
            var exemplars = Annotator.Exemplars(dev, sampling, relation, seed).SelectMany(p => p).ToHashSet();
            questions = [.. questions.Where(q => !exemplars.Contains(q))];
        }
        if (count is not { } wanted) return new(questions, dev);
        var drawn = questions.ToArray();
        new RandomStream(Seeds.Mix(Seeds.Mix(seed, "questions"), relation)).Shuffle<Fact>(drawn);
        return new([.. drawn.Take(wanted).OrderBy(q => q.Id)], dev);
    }

    /// <summary>What questions are called by stages: the hash of what is asked, rather than of the files that it is read from.</summary>
    internal static string NameOf(AskedQuestions asked) => "questions-" + Dataset.Hash(asked.Dev, asked.Questions);
}
