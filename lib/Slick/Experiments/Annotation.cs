using System.Globalization;
using System.Security.Cryptography;
using Slick.Analysis;
using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>What SliCK found about a model that we did not necessarily make.</summary>
/// <param name="Model">The model's name: that of its folder.</param>
/// <param name="Options">What was asked, and how.</param>
/// <param name="NumberFormat">fp32 or bf16.</param>
/// <param name="Labels">The labels, relation by relation.</param>
/// <param name="MovedBoundaries">Prompts with a question whose answer the tokenizer joins with the end of the prompt or of the
/// line.</param>
/// <param name="Table">The labels' file: Parquet, in the store.</param>
public sealed record AnnotationResult(string Model, AnnotationOptions Options, string NumberFormat, IReadOnlyList<LabelRow> Labels,
    int MovedBoundaries, string Table)
{
    /// <summary>Whose questions were asked; the paper's numbers are about EntityQuestions.</summary>
    public string Source { get; init; } = EntityQuestions;

    internal const string EntityQuestions = "EntityQuestions";
}

/// <summary>SliCK on any model folder and EntityQuestions: a stage a relation, and one for the table of all.</summary>
public static class Annotation
{
    // Of the words of all questions: with more of them unknown, a tokenizer was made for another world.
    private const double MostUnknown = 0.05;

    // Ten million weights.
    private const long SmallFlopsPerToken = 20_000_000;

    /// <summary>One relation's work.</summary>
    internal sealed record Part(AskedQuestions Asked, Stage Stage)
    {
        public string Relation => Asked.Questions[0].Relation;
        public IReadOnlyList<Fact> Questions => Asked.Questions;
    }

    /// <summary>
    /// Labels what the store lacks. Work that was interrupted goes on in the middle of a relation and ends with the same
    /// bytes; a killed process repeats less than 30 seconds. Memory: the weights, a prompt's keys and values, and 1 GiB
    /// for the batch under way, however many questions there are.
    /// </summary>
    /// <param name="model">A folder with <c>config.json</c>, safetensors and <c>tokenizer.json</c>.</param>
    /// <param name="data">EntityQuestions in its official layout.</param>
    /// <param name="options">Which questions, and how.</param>
    /// <param name="store">Where the tables are kept.</param>
    /// <param name="compute">Where the model is, and its number format.</param>
    /// <param name="progress">Told the forecast and how far the relations are.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="UsageException">There is no such relation, or it has no questions in the split.</exception>
    /// <exception cref="SlickException">The model or the dataset cannot be read, or do not fit each other.</exception>
    public static AnnotationResult Run(string model, string data, AnnotationOptions options, RunStore store, Compute compute,
        IProgressReport? progress = null, CancellationToken cancellation = default)
    {
        progress ??= Progress.None;
        options.Check();
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)));
        // The questions first: the hash reads all of the model.
        var dataset = EntityQuestions.Read(data);
        foreach (var remark in dataset.Remarks) progress.Say(remark);
        var checkpoint = "checkpoint-" + ModelFiles.Hash(model);
        var parts = Parts(name, checkpoint, dataset, options, compute, progress);
        var table = LabelTable.Of([.. parts.Select(p => p.Stage)], options.Seed, name);
        var sources = new Sources { Checkpoints = { [checkpoint] = model } };
        foreach (var part in parts) sources.Asked[part.Stage.Inputs[1]] = part.Asked;
        List<Part> left = [.. parts.Where(p => !store.Of(p.Stage).IsComplete)];
        var (small, width) = left.Count > 0 ? Prepare(model, left, parts, options, compute, progress, cancellation) : (false, 1);
        Workers.Run(new($"SliCK's labels of {name}", [.. parts.Select(p => p.Stage), table], !small) { Sources = sources, Bytes = options.Bytes },
            store, compute, progress, cancellation, small ? width : null);
        return new(name, options, compute.Platform.NumberFormat, LabelTable.Read(store.Of(table)),
            parts.Sum(p => LabelStage.MovedBoundaries(store.Of(p.Stage))), LabelTable.File(store.Of(table)));
    }

    // Says what is worth knowing before the work, and how long it will take. A model of the lab's size leaves cores idle: several
    // relations are then worked on at once.
    private static (bool Small, int Width) Prepare(string model, List<Part> left, IReadOnlyList<Part> parts, AnnotationOptions options,
        Compute compute, IProgressReport progress, CancellationToken cancellation)
    {
        var (loaded, tokenizer) = Checkpoint.Open(model, compute);
        using var weights = loaded;
        if (weights.Config.UnusedGeneration.Length > 0) progress.Say(weights.Config.UnusedGeneration);
        if (tokenizer.UnknownId is { } unknown)
        {
            var ids = parts.SelectMany(p => p.Questions)
                .SelectMany(q => tokenizer.Encode($"{q.Question} {q.Answer}", addSpecialTokens: false)).ToList();
            var share = ids.Count(id => id == unknown) / (double)Math.Max(1, ids.Count);
            if (share > MostUnknown) progress.Say(string.Create(CultureInfo.InvariantCulture,
                $"{share:P0} of the words of these questions are not in the tokenizer's vocabulary: the model cannot know them."));
        }
        var estimator = LabelStage.Estimator(options.Labelling(left[0].Relation), options.Bytes);
        var small = !compute.Platform.IsGpu && weights.Config.FlopsPerToken < SmallFlopsPerToken;
        // All of them together stay within the bound of one batch; what a batch is does not depend on the cores.
        var width = small ? (int)Math.Clamp(options.Bytes / BatchLimits.LargestLogits(weights.Config, options.Sampling), 1, SideBySide.Width) : 1;
        void Forecast() => progress.Say(AnnotationForecast.Of(left, weights, tokenizer, estimator, options, width, cancellation));
        if (small) SideBySide.For(1, _ => Forecast(), cancellation);
        else Forecast();
        return (small, width);
    }

    /// <summary>
    /// For a notebook: <see cref="Run"/> on the train questions, and the model with its labels, to look at fact by fact
    /// (<see cref="Inspection"/>). Where no model is named, the lab's stands in, with its own questions.
    /// </summary>
    /// <param name="model">A folder with <c>config.json</c>, safetensors and <c>tokenizer.json</c>; empty for the lab's model.</param>
    /// <param name="data">EntityQuestions in its official layout; not read for the lab's model.</param>
    /// <param name="questions">Train questions of each of the 12 relations; the lab's model is labelled with all of its world's.</param>
    /// <param name="preset">Which of the lab's models stands in.</param>
    /// <param name="seed">Seed of the questions and the exemplars; of the lab's model.</param>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    /// <param name="dtype">fp32 or bf16.</param>
    /// <param name="store">The store's folder; empty for the default.</param>
    /// <exception cref="SlickException">The model or the dataset cannot be read, or do not fit each other.</exception>
    public static (AnnotationResult Result, LabelledModel Known) Open(string model, string data, int questions, string preset = "quick",
        int seed = 1, string device = "auto", string dtype = "fp32", string store = "")
    {
        if (model.Length == 0)
        {
            var lab = Study.OpenModel(preset, seed, device, store);
            var asked = new AnnotationOptions { Seed = seed, Estimator = lab.Options.Estimator, Sampling = lab.Options.Sampling };
            return (new($"the lab's model ({lab.Preset})", asked, "fp32", [.. lab.Labels.Where(l => l.Split == asked.Split)], 0,
                "") { Source = "the lab's invented world" }, lab);
        }
        var compute = Compute.Choose(device, dtype);
        var options = new AnnotationOptions { Questions = questions, Seed = seed };
        var result = Host.Run((progress, cancellation) =>
            Run(Path.GetFullPath(model), Path.GetFullPath(data), options, RunStore.Open(store), compute, progress, cancellation));
        return (result, Known(result, Path.GetFullPath(model), Path.GetFullPath(data), compute));
    }

    /// <summary>The model that was asked, with its labels, to look at fact by fact (<see cref="Inspection"/>).</summary>
    /// <param name="result">What <see cref="Run"/> returned.</param>
    /// <param name="model">The model's folder.</param>
    /// <param name="data">The dataset's folder.</param>
    /// <param name="compute">Where the model is, and its number format.</param>
    public static LabelledModel Known(AnnotationResult result, string model, string data, Compute compute) =>
        new(result.Model, StudyOptions.Quick with { Sampling = result.Options.Sampling, Normaliser = result.Options.Normaliser },
            BaseModel.OfCheckpoint(model, Facts.EntityQuestions.Read(data), result.Options.Seed, compute), result.Labels);

    // Each relation with its questions and the stage that their content, the model and the options make.
    private static List<Part> Parts(string model, string checkpoint, Dataset dataset, AnnotationOptions options, Compute compute,
        IProgressReport progress)
    {
        var known = dataset.Relations.Select(r => r.Id).ToList();
        if (options.Relations.FirstOrDefault(r => !known.Contains(r)) is { } unknown)
            throw new UsageException($"There is no relation '{unknown}'; there are {string.Join(", ", known)}.");
        var split = options.Split.ToString().ToLowerInvariant();
        var (parts, fewer) = (new List<Part>(), new List<string>());
        foreach (var relation in dataset.Relations.Where(r => options.Relations.Count == 0 ? r.InDistribution
            : options.Relations.Contains(r.Id)))
        {
            if (options.Split == Split.Train && !relation.InDistribution)
                throw new UsageException(
                    $"{relation.Id} has no train questions: it is out of distribution, the paper tests on it only; use --split test or "
                    + $"dev.");
            var dev = dataset.Of(relation.Id, Split.Dev);
            var questions = dataset.Of(relation.Id, options.Split);
            if (options.Split == Split.Dev)
            {
                var exemplars = Annotator.Exemplars(dev, options.Sampling, relation.Id, options.Seed).SelectMany(p => p).ToHashSet();
                questions = [.. questions.Where(q => !exemplars.Contains(q))];
            }
            if (questions.Count == 0) throw new SlickException(
                $"{relation.Id} has no {split} questions that are not exemplars of its prompts; get the whole dataset.");
            if (options.Questions is { } wanted)
            {
                if (questions.Count < wanted) fewer.Add($"{relation.Id} {questions.Count}");
                var drawn = questions.ToArray();
                new RandomStream(Seeds.Mix(Seeds.Mix(options.Seed, "questions"), relation.Id)).Shuffle(drawn);
                questions = [.. drawn.Take(wanted).OrderBy(q => q.Id)];
            }
            var asked = new AskedQuestions(questions, dev);
            parts.Add(new(asked, LabelStage.Of(options.Labelling(relation.Id), options.Seed, checkpoint, "questions-" + Hash(dev, questions),
                compute.Platform, model)));
        }
        if (fewer.Count > 0) progress.Say($"Fewer than {options.Questions} {split} questions, so all of them: {string.Join(", ", fewer)}.");
        return parts;
    }

    // What is asked, rather than the files that it is read from: the same questions are the same work.
    private static string Hash(params IReadOnlyList<Fact>[] facts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var fact in facts.SelectMany(f => f))
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{fact.Id}\t{fact.Relation}\t{fact.Split}\t{fact.Question.Length}\t"
                + $"{fact.Question}\t{fact.Answer.Length}\t{fact.Answer}\n")));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }
}
