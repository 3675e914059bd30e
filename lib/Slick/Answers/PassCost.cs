using Slick.Models;
using Slick.Runtime;

namespace Slick.Answers;

/// <summary>
/// Counts what forward passes cost, from a model's shape alone. Letters as in <see cref="Decoder"/>, and: n tokens of a pass, c tokens that
/// each of them sees on average, itself included, R positions whose logits are computed, I the MLP's inner width, L layers, w bytes of a
/// weight.
/// <code>
/// F = n (<see cref="DecoderConfig.FlopsPerToken"/> + 4 L K G h c) + R 2 D V        f = FlopsPerToken + 2 D V
/// W = w (FlopsPerToken / 2 + D V)
/// E = 2 n L (what <see cref="BatchLimits.RowBytes"/> counts for a token) + 20 * 4 R V + 2 (keys and values that are joined)
/// </code>
/// Each byte that a layer holds is written once and read once. A row of logits is written once and read by argmax, top-k and the
/// comparisons with its result: 20 passes over it, measured on two cores.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="width">w.</param>
/// <param name="limits">The limits of passes after the prompt.</param>
/// <param name="isGpu">True for a card.</param>
internal sealed class PassCost(DecoderConfig config, long width, BatchLimits limits, bool isGpu)
{
    private const int LogitPasses = 20;

    // Operations of a layer beside its norms and its prompts: products, rotation, reorderings, scores, sums, activation.
    private const int OfALayer = 40;

    // Operations of an RMSNorm. In bf16 it is computed in fp32, between conversions. On a card it is one operation of torch.
    private int OfANorm => isGpu ? width == 4 ? 2 : 4 : width == 4 ? 7 : 10;

    // Operations that each further prompt adds to a layer (Prefix): parts of queries and of weights, their products, copies.
    private const int OfAPrompt = 6;

    // Embedding, positions, masks, last norm, logits, draw.
    private const int OfAPass = 60;

    private int Norms => new[] { config.Architecture.InputNorm, config.Architecture.MlpNorm, config.Architecture.AttentionOutNorm,
        config.Architecture.MlpOutNorm }.Count(n => n is not null) + (config.Architecture.QueryKeyNorm == QueryKeyNorm.None ? 0 : 2);

    /// <summary>The weights in bytes.</summary>
    public long Weights { get; } = width * DecoderWeights.ParametersOf(config);

    /// <summary>Passes of equal size.</summary>
    /// <param name="count">Number of passes.</param>
    /// <param name="tokens">n.</param>
    /// <param name="seen">c less the tokens of the prompt, which the limits know.</param>
    /// <param name="shared">Tokens of the prompt.</param>
    /// <param name="logitRows">R.</param>
    /// <param name="joined">Tokens of keys and values that are joined with others or kept, in all rows.</param>
    /// <param name="prompts">Number of prompts that the rows have.</param>
    public MachinePass Forward(double count, double tokens, double seen, double shared, double logitRows, double joined, double prompts)
    {
        double context = seen + shared, head = 2.0 * config.HiddenSize * config.VocabularySize,
            attention = 4.0 * config.Layers * config.Heads * config.HeadDim * context;
        var held = limits.RowBytes(1, Math.Max(0, (long)Math.Round(seen) - 1), 0, keep: false);
        return new(count, tokens, logitRows,
            Flop: tokens * (config.FlopsPerToken + attention) + logitRows * head,
            RowFlop: config.FlopsPerToken + (logitRows > 0 ? head : 0),
            WeightBytes: width * (config.FlopsPerToken + (logitRows > 0 ? head : 0)) / 2,
            MovedBytes: 2.0 * tokens * config.Layers * held + 4.0 * LogitPasses * logitRows * config.VocabularySize
                + 2.0 * joined * limits.KeyValueBytes(1),
            Operations: config.Layers * (OfALayer + Norms * OfANorm + OfAPrompt * Math.Max(0, prompts - 1)) + OfAPass);
    }
}
