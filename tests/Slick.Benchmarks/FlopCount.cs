using Slick.Models;

namespace Slick.Benchmarks;

/// <summary>
/// Floating-point operations, counted from shapes: 2 for each weight of a linear map and token, 4 for each head dimension, token and token
/// that it attends to, and the output layer where logits are asked for. Padding, norms and activations are not counted.
/// </summary>
internal static class FlopCount
{
    /// <summary>A forward pass.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokens">Number of tokens.</param>
    /// <param name="context">Tokens that each of them attends to; those of a row count with the row's length.</param>
    /// <param name="logitRows">Tokens whose logits are computed.</param>
    public static double Of(DecoderConfig config, double tokens, double context, double logitRows) =>
        tokens * (config.FlopsPerToken + 4.0 * config.Layers * config.Heads * config.HeadDim * context)
        + logitRows * 2.0 * config.HiddenSize * config.VocabularySize;

    /// <summary>
    /// A row of a training step in which all parameters learn: the forward pass, and twice as much for the gradients of weights and inputs.
    /// So it is 6 for each weight of a linear map and token.
    /// </summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="tokens">Tokens of the row.</param>
    /// <param name="scored">Tokens that have a loss.</param>
    public static double OfTraining(DecoderConfig config, double tokens, double scored) => 3 * Of(config, tokens, tokens, scored);
}
