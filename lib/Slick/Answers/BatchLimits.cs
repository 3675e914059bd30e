using Slick.Models;
using Slick.Runtime;
using TorchSharp;

namespace Slick.Answers;

/// <summary>
/// How many rows a batch may have. One bound is on the memory that a pass takes beside the weights and the shared prompt. The other bound
/// is on the work of a batch. Both follow from the model's shape, its number format and the kind of device, and not from the number of
/// questions. So the same questions always make the same batches. <see cref="SamplingOptions.BatchTokens"/> is looked at first. The bounds
/// here matter where the model or its vocabulary is large; the lab's models stay far below them. Letters are as in <see cref="Decoder"/>,
/// and: I the MLP's inner width, L layers, w bytes of a weight. A row has T tokens, P shared and S earlier tokens before them, and A
/// positions whose logits are asked for. The row takes
/// one layer's activations   T (18 D + 12 (K G + 2 K) h + 4 I) w  (copies at norms, rotations and gates counted)
///   and in bf16, beside it  T (36 D + 9 (K G + K) h)             (norms are computed in fp32)
/// its scores 6 x 4 K G T (P + S + T) (as products, capped, masked, joined, as shares, the prompt's copied; fp32)
/// its keys and values       2 L K h (2 S + T) w                  (S gathered from the parents, then joined with T)
/// its logits                3 x 4 A V                            (with a soft cap or in fp32 beside bf16, and the top k)
/// </summary>
internal sealed class BatchLimits
{
    // The largest part of the memory that is left which a level of the answer tree may keep for the levels below.
    private const double KeptShare = 0.25;

    // Tried on a CPU with 100 M weights and 250 to 5,000 tokens: fewer tokens make slower products, and more gain 1% and leave the cache.
    private const int EnoughTokens = 2000;
    private const double EnoughFlop = 4e11;

    private readonly DecoderConfig config;
    private readonly long prefix;
    private readonly long width;
    private readonly bool onCpu;

    /// <summary>Bound on a pass's memory, in bytes.</summary>
    public long Bytes { get; init; } = DefaultBytes;
    /// <summary>
    /// Bound on the floating-point operations of a batch, the answers drawn from it included: 10 s at 100 GFLOP/s on a CPU, 1 s at 100
    /// TFLOP/s on a GPU. A process that is killed loses the work of one batch at most.
    /// </summary>
    public double Flop { get; init; }

    /// <summary>The default bound on a pass's memory: 1 GiB, in bytes.</summary>
    public const long DefaultBytes = 1L << 30;

    /// <param name="decoder">The model.</param>
    /// <param name="shared">Number of tokens that come before every row.</param>
    public BatchLimits(Decoder decoder, int shared) : this(decoder.Config,
        decoder.Weights.Flat.dtype == torch.ScalarType.Float32 ? 4 : 2, decoder.Device.type != DeviceType.CUDA, shared) { }

    /// <param name="config">The model's shape.</param>
    /// <param name="width">Bytes of a weight.</param>
    /// <param name="onCpu">False for a GPU.</param>
    /// <param name="shared">Number of tokens that come before every row.</param>
    public BatchLimits(DecoderConfig config, long width, bool onCpu, int shared)
    {
        (this.config, this.width, this.onCpu, prefix) = (config, width, onCpu, shared);
        Flop = onCpu ? 1e12 : 1e14;
    }

    /// <summary>Memory of one row in a pass, in bytes.</summary>
    /// <param name="tokens">The row's tokens in this pass.</param>
    /// <param name="earlier">The row's tokens in earlier passes.</param>
    /// <param name="positions">Number of the row's positions whose logits are asked for.</param>
    /// <param name="keep">True where the row's keys and values are kept.</param>
    public long RowBytes(long tokens, long earlier, long positions, bool keep)
    {
        long heads = config.Heads, kvHeads = config.KeyValueHeads;
        var activations = tokens * ((18L * config.HiddenSize + 12 * (heads + 2 * kvHeads) * config.HeadDim
            + 4L * config.IntermediateSize) * width
            + (width == 4 ? 0 : 36L * config.HiddenSize + 9 * (heads + kvHeads) * config.HeadDim));
        var scores = 24 * heads * tokens * (prefix + earlier + tokens);
        return activations + scores + 12 * positions * config.VocabularySize + (keep ? KeyValueBytes(2 * earlier + tokens) : 0);
    }

    /// <summary>Size of the keys and values of so many tokens of one row, in all layers, in bytes.</summary>
    public long KeyValueBytes(long tokens) => 2L * config.Layers * config.KeyValueHeads * config.HeadDim * tokens * width;

    /// <summary>True where a pass over so many rows stays within both bounds. The rows' keys and values are not kept.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="tokens">Tokens of the longest row.</param>
    /// <param name="positions">Largest number of a row's positions whose logits are asked for.</param>
    public bool Fits(long rows, long tokens, long positions) =>
        rows * RowBytes(tokens, 0, positions, keep: false) <= Bytes
        && rows * (tokens * (double)config.FlopsPerToken + positions * 2.0 * config.HiddenSize * config.VocabularySize) <= Flop;

    /// <summary>True where a batch of so many tokens is enough work for all of a CPU's cores. Always false for a GPU.</summary>
    public bool IsEnough(long tokens) => onCpu && tokens > EnoughTokens && tokens * (double)config.FlopsPerToken > EnoughFlop;

    /// <summary>
    /// Bound on the memory of the logits of any batch that <see cref="SamplingOptions.BatchTokens"/> allows, in bytes. For a small model
    /// the logits are nearly all of a batch's memory.
    /// </summary>
    public static long LargestLogits(DecoderConfig config, SamplingOptions options) => 12L * options.BatchTokens * config.VocabularySize;

    /// <summary>
    /// Number of rows, at least one, with which a level of the answer tree takes no more memory than is left, and keeps at most a quarter
    /// of it.
    /// </summary>
    /// <param name="tokens">Tokens of a row in this level.</param>
    /// <param name="earlier">Tokens of a row in the levels above.</param>
    /// <param name="left">Memory that the levels above leave, in bytes.</param>
    public int LevelRows(int tokens, int earlier, long left) =>
        (int)Math.Clamp(Math.Min(left / RowBytes(tokens, earlier, 1, keep: true), KeptShare * left / KeyValueBytes(earlier + tokens)), 1,
            int.MaxValue);

    /// <summary>
    /// Number of rows, at least one, whose whole answer trees stay within the bound on work. About two nodes are counted for each token of
    /// the longest answer.
    /// </summary>
    /// <param name="tokens">Tokens of a row's question.</param>
    /// <param name="longest">Longest answer, in tokens.</param>
    public int TreeRows(int tokens, int longest) =>
        (int)Math.Clamp(Flop / ((tokens + 2.0 * longest) * config.FlopsPerToken
            + 4.0 * longest * config.HiddenSize * config.VocabularySize), 1, int.MaxValue);
}
