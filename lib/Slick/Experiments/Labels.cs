using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Experiments;

/// <summary>SliCK's labels of a base model's facts: the second stage of a study.</summary>
public static class Labels
{
    /// <summary>Labels the train and test facts of the in-distribution relations, unless the store has the table.</summary>
    /// <param name="model">The base model.</param>
    /// <param name="options">The study's choices; the protocol and the estimator matter here.</param>
    /// <param name="store">Where the table is kept.</param>
    /// <param name="progress">Told how far the stage is.</param>
    /// <param name="cancellation">Stops between batches; finished relations are kept.</param>
    /// <returns>The stage's key and its table.</returns>
    public static (string Key, IReadOnlyList<LabelRow> Rows) Ensure(BaseModel model, StudyOptions options, RunStore store,
        IProgressReport progress, CancellationToken cancellation)
    {
        var stage = StageOf(model.Key, model.Seed, options, store);
        stage.Ensure(scratch =>
        {
            var name = $"SliCK (seed {model.Seed})";
            progress.Stage(name);
            var relations = model.Dataset.Relations.Where(r => r.InDistribution).ToList();
            var rows = new IReadOnlyList<LabelRow>[relations.Count];
            var done = 0;
            IEstimator estimator = options.Estimator == EstimatorKind.Exact
                ? new ExactEstimator(options.Sampling, PromptFormat.QuestionAnswer)
                : new SampledEstimator(options.Sampling, PromptFormat.QuestionAnswer, options.Normaliser);
            var weights = model.Weights;
            SideBySide.For(relations.Count, i =>
            {
                var id = relations[i].Id;
                var part = Path.Combine(scratch, id + ".parquet");
                if (File.Exists(part))
                {
                    rows[i] = Tables.Read<LabelRow>(part);
                }
                else
                {
                    using var decoder = new Decoder(weights);
                    rows[i] = Annotator.Label(decoder, model.Tokenizer, estimator, options.Sampling,
                        [.. model.Dataset.Of(id, Split.Train), .. model.Dataset.Of(id, Split.Test)], model.Dataset.Of(id, Split.Dev),
                            model.Seed, cancellation);
                    Tables.Write(part, rows[i]);
                }
                progress.Report(name, Interlocked.Increment(ref done), relations.Count, $"{id}");
            }, cancellation, weights.Flat.is_cuda ? 1 : null);
            return folder => Tables.Write(Path.Combine(folder, "labels.parquet"), [.. rows.SelectMany(r => r)]);
        });
        return (stage.Key, Tables.Read<LabelRow>(stage.File("labels.parquet")));
    }

    internal static Stage StageOf(string modelKey, int seed, StudyOptions options, RunStore store) =>
        store.Stage("labels", Annotator.Version, $"SliCK's labels by {options.Estimator}, seed {seed}",
        new { options.Estimator, Normaliser = options.Estimator == EstimatorKind.Sampled ? options.Normaliser : AnswerNormaliser.None,
            options.Sampling }, seed, modelKey);
}
