using Slick.Answers;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;
using static TorchSharp.torch;

namespace Slick.Experiments;

/// <summary>
/// What a base model is like before any fine-tuning. A lab's model can be compared with a real one by these numbers, which say nothing of
/// the findings. Shares are from 0 to 1.
/// </summary>
public sealed record BaseInspectionRow
{
    /// <summary>The model in words: its name, or the lab's preset and seed.</summary>
    public required string Model { get; init; }
    /// <summary>Number of weights; weights that two matrices share count once.</summary>
    public required long Parameters { get; init; }
    /// <summary>Number of labelled questions that were asked: test questions in distribution, train questions where no test question is
    /// labelled.</summary>
    public required int Questions { get; init; }
    /// <summary>Share of the train facts in each category, HighlyKnown to Unknown: [4].</summary>
    public required IReadOnlyList<double> Categories { get; init; }
    /// <summary>Mean P_Correct(T=0) of the MaybeKnown train facts; NaN where there is none.</summary>
    public required double MaybeKnownCorrect { get; init; }
    /// <summary>Share of right greedy answers behind SliCK's prompts, the mean over prompts.</summary>
    public required double FewShot { get; init; }
    /// <summary>Share of right greedy answers to the question alone, as <c>Q: question</c>, <c>A:</c>.</summary>
    public required double ZeroShotQuestionAnswer { get; init; }
    /// <summary>Share of right greedy answers to the question alone, in the paper's form of fine-tuning (appendix E).</summary>
    public required double ZeroShotInstruction { get; init; }
    /// <summary>
    /// Of the questions that are answered rightly alone, in the form in which more are: the share that is still answered rightly when each
    /// matrix has Gaussian noise of 1% of the matrix's norm on it.
    /// </summary>
    public required double KeptUnderNoise { get; init; }
    /// <summary>Lab only: share of the Known train facts that pre-training never stated; NaN for a model that we did not make.</summary>
    public required double NeverStatedAmongKnown { get; init; }
}

/// <summary>Measures base models before any fine-tuning.</summary>
public static class BaseInspection
{
    // Norm of the noise on a matrix as a share of the matrix's norm.
    private const double Noise = 0.01;

    /// <summary>Makes and labels the base models that the store lacks, and measures each.</summary>
    /// <param name="name">Name of the preset, for the rows.</param>
    /// <param name="options">The study's options.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="store">The store that keeps models and labels.</param>
    /// <param name="compute">Device and number format of the models.</param>
    /// <param name="progress">Told how far the stages are.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    /// <exception cref="DivergedException">Pre-training of a base model diverged.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static IReadOnlyList<BaseInspectionRow> Run(string name, StudyOptions options, int seed, RunStore store, Compute compute,
        IProgressReport progress, CancellationToken cancellation, CheckpointSource? source = null)
    {
        var plan = Plan(name, options, seed, compute.Platform, source);
        Workers.Run(plan, store, compute, progress, cancellation);
        return [.. Bases(options, seed, compute.Platform, source).Select(stages =>
        {
            stages.ThrowIfFailed(store);
            var labelled = Study.Base(stages, store, source);
            using var model = source is null ? BaseModel.Of(stages, store, compute)
                : BaseModel.OfCheckpoint(source.Folder, source.Dataset, stages.Seed, compute);
            progress.Stage($"questions alone (seed {stages.Seed})");
            return Of(source?.Model.Name ?? FormattableString.Invariant($"{name}, seed {stages.Seed}"), model, labelled, cancellation);
        })];
    }

    /// <summary>The stages of <see cref="Run"/>: base models and labels.</summary>
    /// <param name="name">Name of the preset.</param>
    /// <param name="options">The study's options.</param>
    /// <param name="seed">Seed of the first base model.</param>
    /// <param name="platform">The kind of device and the number format.</param>
    /// <param name="source">A checkpoint and a dataset; null for the lab.</param>
    public static Plan Plan(string name, StudyOptions options, int seed, Platform platform, CheckpointSource? source = null) =>
        StudyPlan.Of(name, Bases(options, seed, platform, source), platform, source);

    private static List<BaseStages> Bases(StudyOptions options, int seed, Platform platform, CheckpointSource? source) =>
        [.. Enumerable.Range(seed, source is null ? options.Bases : 1)
            .Select(s => StudyPlan.Base(options, s, [], platform, source))];

    /// <summary>Measures one base model.</summary>
    /// <param name="name">The model in words.</param>
    /// <param name="model">The model.</param>
    /// <param name="labelled">Its labels.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="SlickException">No question in distribution is labelled.</exception>
    internal static BaseInspectionRow Of(string name, BaseModel model, LabelledBase labelled, CancellationToken cancellation)
    {
        var trained = labelled.Dataset.Relations.Where(r => r.InDistribution).Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        var labels = labelled.Labels.Where(l => trained.Contains(l.Relation)).ToList();
        var train = labels.Where(l => l.Split == Split.Train).ToList();
        var asked = labels.Where(l => l.Split == Split.Test).ToList() is { Count: > 0 } test ? test : train;
        if (train.Count == 0) throw new SlickException(
            $"{name}: no train question in distribution is labelled; raise questions.train.");
        var facts = asked.Select(l => labelled.Facts[l.FactId]).ToList();
        var known = train.Where(l => l.Category != Category.Unknown).ToList();
        var told = labelled.Exposures.ToDictionary(e => e.FactId, e => e.Told);
        var answers = new[] { PromptFormat.QuestionAnswer, PromptFormat.Instruction }
            .Select(format => (Format: format, Right: Ask(model.Weights, model, Example.Of(facts, format), cancellation))).ToList();
        var best = answers.MaxBy(a => a.Right.Count(r => r));
        var noisy = AskNoisy(model, Example.Of(facts, best.Format), cancellation);
        static double Share(IEnumerable<bool> of) => of.Select(b => b ? 1.0 : 0).DefaultIfEmpty(double.NaN).Average();
        return new()
        {
            Model = name,
            Parameters = DecoderWeights.ParametersOf(model.Weights.Config),
            Questions = asked.Count,
            Categories = [.. Enum.GetValues<Category>().Select(c => Share(train.Select(l => l.Category == c)))],
            MaybeKnownCorrect = train.Where(l => l.Category == Category.MaybeKnown).Select(l => l.GreedyCorrect)
                .DefaultIfEmpty(double.NaN).Average(),
            FewShot = asked.Average(l => l.GreedyCorrect),
            ZeroShotQuestionAnswer = Share(answers[0].Right),
            ZeroShotInstruction = Share(answers[1].Right),
            KeptUnderNoise = Share(best.Right.Zip(noisy).Where(a => a.First).Select(a => a.Second)),
            NeverStatedAmongKnown = told.Count == 0 ? double.NaN : Share(known.Select(l => told[l.FactId] == Told.NeverSeen)),
        };
    }

    private static bool[] Ask(DecoderWeights weights, BaseModel model, IReadOnlyList<Example> questions, CancellationToken cancellation)
    {
        using var noGrad = no_grad();
        using var decoder = new Decoder(weights);
        using var evaluation = new Evaluation(decoder, model.Tokenizer, questions, PassBounds.On(weights.Flat.device));
        return evaluation.Ask(cancellation);
    }

    // The noise of a matrix is a function of the model's seed and of the place in the matrix, drawn on the host.
    private static bool[] AskNoisy(BaseModel model, IReadOnlyList<Example> questions, CancellationToken cancellation)
    {
        using var noisy = model.Weights.CopyTrainable();
        using (no_grad())
        {
            var stream = Seeds.Next((uint)Seeds.Mix(model.Seed, "noise"));
            foreach (var (name, offset, shape) in noisy.Layout.Where(p => p.Shape.Length == 2))
            {
                using var scope = NewDisposeScope();
                var matrix = noisy[name];
                var draws = new float[shape[0] * shape[1]];
                for (var i = 0; i < draws.Length; i++) draws[i] = (float)Seeds.Normal(stream, offset + i);
                var noise = tensor(draws, shape).to(matrix.device);
                noise.mul_(matrix.to(ScalarType.Float32).norm().mul(Scalars.Of(Noise)).div(noise.norm()));
                matrix.add_(noise.to(matrix.dtype), Scalars.One);
            }
        }
        return Ask(noisy, model, questions, cancellation);
    }
}
