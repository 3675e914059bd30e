using Slick.Models;
using Slick.Runtime;
using Slick.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Experiments;

/// <summary>
/// Texts that are mixed into a fine-tuning set ("replay", Robins 1995): pages of the lab's world, or texts that the base model draws
/// itself. Each begins with the token that ends a text, as in pre-training, and is at most as long as a row of pre-training.
/// </summary>
internal static class ReplayTexts
{
    // So many texts are drawn from a model. A run with more steps reads them several times.
    private const int DrawnTexts = 512;

    /// <summary>The texts of a run.</summary>
    /// <param name="work">The work on the run's stage.</param>
    /// <param name="options">The run's options.</param>
    /// <param name="model">The base model.</param>
    /// <param name="examples">Number of examples of the fine-tuning set.</param>
    /// <returns>Token ids of each text, at least two.</returns>
    public static IReadOnlyList<IReadOnlyList<int>> Of(StageWork work, RunOptions options, OpenedModel model, int examples)
    {
        var (end, most) = (model.Tokenizer.EosId!.Value, model.Weights.Config.MaxPositions / 2);
        var seed = Seeds.Mix(work.Stage.Seed, "replayed texts");
        if (options.Replay == ReplaySource.ModelTexts)
        {
            using var decoder = new Decoder(model.Weights);
            return Draw(decoder, end, DrawnTexts, most, seed, work.Cancellation);
        }
        string[] pages = [.. work.Context.Documents(work.Stage.Inputs[1])];
        new RandomStream(seed).Shuffle<string>(pages);
        var needed = (int)Math.Ceiling(options.FineTuning.ReplayShare * examples * options.FineTuning.Epochs);
        return [.. pages.Take(needed).Select(p => (IReadOnlyList<int>)[.. model.Tokenizer.Encode(p).Append(end).Prepend(end).Take(most)])];
    }

    /// <summary>Draws texts from a model at T = 1, from all tokens.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="end">The token that begins and ends a text.</param>
    /// <param name="count">Number of texts.</param>
    /// <param name="most">Most tokens of a text.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="cancellation">Checked before each token.</param>
    internal static IReadOnlyList<IReadOnlyList<int>> Draw(Decoder decoder, int end, int count, int most, int seed,
        CancellationToken cancellation)
    {
        using var inference = inference_mode();
        var random = new RandomStream(seed);
        var texts = Enumerable.Range(0, count).Select(_ => new List<int> { end }).ToList();
        var open = texts.ToList();
        for (var length = 1; length < most && open.Count > 0; length++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            long[] ids = [.. open.SelectMany(t => t).Select(t => (long)t)];
            var (hidden, _) = decoder.Forward(tensor(ids, ScalarType.Int64).to(decoder.Device).view(open.Count, length));
            var logits = decoder.Logits(hidden.select(1, length - 1)).to(ScalarType.Float32);
            var cumulated = HostTransfer.Read<float>(logits.softmax(-1).cumsum(-1));
            var size = cumulated.Length / open.Count;
            for (var i = 0; i < open.Count; i++)
            {
                var row = cumulated.AsSpan(i * size, size);
                // The first token whose cumulated probability exceeds the draw.
                var at = row.BinarySearch((float)(random.NextDouble() * row[^1]));
                open[i].Add(Math.Min(size - 1, at < 0 ? ~at : at + 1));
            }
            open.RemoveAll(t => t[^1] == end);
        }
        return texts;
    }
}
