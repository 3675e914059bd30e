using System.Globalization;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Training;

namespace Slick.Experiments;

/// <summary>
/// The stage of the lab's base model: a decoder that is pre-trained on a world's documents. The stage's folder is a model folder in Hugging
/// Face's layout: <c>config.json</c>, <c>model.safetensors</c>, <c>tokenizer.json</c>.
/// </summary>
internal static class PreTrainStage
{
    public static StageKind Kind { get; } = new("pretrain", 5, typeof(PreTrainingOptions), s => $"pre-training (seed {s.Seed})", Run);

    /// <summary>The stage of a world's base model.</summary>
    public static Stage Of(PreTrainingOptions options, Stage world, Platform platform) =>
        Kind.Stage($"base model, seed {world.Seed}", options, world.Seed, platform, world.Name);

    /// <summary>The tokenizer of a world's base model: a token for each word of the documents and the questions.</summary>
    public static WordLevelTokenizer Tokenizer(SyntheticWorld world) => WordLevelTokenizer.Train(world.Documents.Concat(
        world.Dataset.Facts.Select(f => PromptFormat.QuestionAnswer.Exemplar(f.Question, $"{f.Answer} {f.Rival}"))));

    private static Action<string> Run(StageWork work)
    {
        var (stage, group) = (work.Stage, Kind.Group(work.Stage));
        var world = SyntheticWorld.Create(work.Context.Store.Finished(stage.Inputs[0]).Stage.OptionsAs<WorldOptions>(), stage.Seed);
        var tokenizer = Tokenizer(world);
        var documents = world.Documents.Select(d => tokenizer.Encode(d).Append(tokenizer.EosId!.Value).ToArray()).ToArray();
        work.Progress.Say(string.Create(CultureInfo.InvariantCulture,
            $"World {stage.Seed}: {world.Dataset.Facts.Count:N0} facts, {documents.Length:N0} documents, "
            + $"{documents.Sum(d => (long)d.Length):N0} tokens a pass, {tokenizer.VocabularySize} words."));
        using var trained = PreTraining.Run(stage.OptionsAs<PreTrainingOptions>(), tokenizer.VocabularySize,
            epoch => [.. world.Order(epoch).SelectMany(i => documents[i])], stage.Seed, work.Context.Compute.Device, work.Scratch, group,
            work.Progress, work.Cancellation, work.Threads, work.IsMine);
        var checkpoint = Path.Combine(work.Scratch, $"done-{Guid.NewGuid():N}"); // of this worker alone, also if another is taken for dead
        Checkpoint.Save(checkpoint, trained);
        return folder =>
        {
            foreach (var file in Directory.GetFiles(checkpoint)) File.Move(file, Path.Combine(folder, Path.GetFileName(file)));
            tokenizer.Save(folder);
        };
    }
}
