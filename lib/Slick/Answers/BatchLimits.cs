using System.Collections.Concurrent;
using System.Numerics;
using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Answers;

/// <summary>
/// Bounds on one forward pass. They change how fast answers are found, and change results by rounding only. They are no part of a
/// result's identity.
/// </summary>
/// <param name="Bytes">Memory beside the weights and the shared prompts, in bytes.</param>
/// <param name="Tokens">Rows times tokens of a row, those of the row's past included.</param>
internal sealed record PassBounds(long Bytes, int Tokens)
{
    // On a GPU the memory decides alone: a pass of few rows waits for launches.
    private const int GpuTokens = 1 << 24;
    private const long LeastBytes = 16L << 20;
    private static readonly ConcurrentDictionary<int, long> FreeAtFirst = new(); // by the GPU's number

    /// <summary>4 GiB and 8,192 tokens: enough for a CPU, where more rows make products no faster. With 1 GiB the trees of 24 questions
    /// after 10 prompts of Gemma 3 270M take 74 passes instead of 16, and half as long again.</summary>
    public static PassBounds Default { get; } = new(4L << 30, 8192);

    /// <summary>
    /// The bounds for a device. On a GPU: half of the memory that was free when this process asked for the first time, for torch keeps
    /// what it has taken; rounded down to a power of two, so that the bounds stay the same where the free memory is nearly the same. Where
    /// weights have taken part of that memory since, a failed allocation halves the bound. Where nothing tells how much is free:
    /// <see cref="Default"/>'s memory. On a CPU: <see cref="Default"/>, or less where it is more than half of what is free.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="memory">The memory that a pass may take, in bytes, as the user names it; null for what is said above.</param>
    public static PassBounds On(Device device, long? memory = null)
    {
        var isGpu = device.type == DeviceType.CUDA;
        var tokens = isGpu ? GpuTokens : Default.Tokens;
        if (memory is { } named) return new(named, tokens);
        var found = isGpu && FreeAtFirst.TryGetValue(device.index, out var first) ? first : FreeMemory.On(device);
        if (isGpu && found is { } now) FreeAtFirst[device.index] = now;
        var half = found is { } free ? (long)BitOperations.RoundUpToPowerOf2((ulong)(free / 2 + 1)) / 2 : Default.Bytes;
        return new(Math.Max(LeastBytes, isGpu ? half : Math.Min(half, Default.Bytes)), tokens);
    }

    /// <summary>
    /// The bounds on the questions that are asked between the epochs of fine-tuning: 1 GiB, whatever is free, so that equal runs ask in
    /// equal batches.
    /// </summary>
    /// <param name="memory">The memory that a pass may take, in bytes, as the user names it; null for what is said above.</param>
    public static PassBounds InTraining(long? memory = null) => Default with { Bytes = memory ?? 1L << 30 };

    /// <summary>Half of the memory; null where a pass could not do with less.</summary>
    public PassBounds? Halved() => Bytes / 2 >= LeastBytes ? this with { Bytes = Bytes / 2 } : null;
}

/// <summary>Bounds on passes that are halved where memory does not suffice. An object is for the work of one thread.</summary>
/// <param name="bounds">The bounds at first.</param>
/// <param name="say">Told once, when the bounds are halved for the first time; null for nobody.</param>
internal sealed class PassMemory(PassBounds bounds, Action<string>? say = null)
{
    private bool hasSaid;

    /// <summary>The bounds now.</summary>
    public PassBounds Bounds { get; private set; } = bounds;

    /// <summary>Halves the memory.</summary>
    /// <returns>False where a pass could not do with less.</returns>
    public bool Halve()
    {
        if (Bounds.Halved() is not { } less) return false;
        Bounds = less;
        if (hasSaid) return true;
        hasSaid = true;
        say?.Invoke("There is less memory than passes of this size need; they are made smaller from here on.");
        return true;
    }
}

/// <summary>Work on rows, batch by batch.</summary>
internal static class RowBatches
{
    /// <summary>
    /// Works on all rows. Where a batch needs more memory than there is, it is cut anew with half of the memory, and so are those after
    /// it.
    /// </summary>
    /// <typeparam name="T">What a batch gives.</typeparam>
    /// <param name="count">Number of rows.</param>
    /// <param name="endOf">The end of the batch that begins at a row.</param>
    /// <param name="isDone">True for a batch that is left out.</param>
    /// <param name="work">The work on a batch.</param>
    /// <param name="halve">Halves the memory that <paramref name="endOf"/> goes by; false where it cannot be halved.</param>
    public static IEnumerable<T> Each<T>(int count, Func<int, int> endOf, Func<Range, bool> isDone, Func<Range, T> work, Func<bool> halve)
    {
        for (var begin = 0; begin < count;)
        {
            var part = begin..endOf(begin);
            if (!isDone(part))
            {
                T found;
                try { found = work(part); }
                catch (Exception e) when (MemoryFailure.Is(e) && halve()) { continue; }
                yield return found;
            }
            begin = part.End.Value;
        }
    }
}

/// <summary>
/// How many rows a batch may have. One bound is on the memory that a pass takes beside the weights and the shared prompt. The other bound
/// is on the work of a batch. Both follow from the bounds on a pass, the model's shape, its number format and the kind of device, and not
/// from the number of questions. So the same questions make the same batches under the same bounds. <see cref="PassBounds.Tokens"/> is
/// looked at first. The bounds here matter where the model or its vocabulary is large; the lab's models stay far below them. Letters are as
/// in <see cref="Decoder"/>, and: I the MLP's inner width, L layers, w bytes of a weight. A row has T tokens, P shared and S earlier tokens
/// before them, and A positions whose logits are asked for. The row takes
/// one layer's activations   T (18 D + 12 (K G + 2 K) h + 4 I) w  (copies at norms, rotations and gates counted)
///   and in bf16, beside it  T (36 D + 9 (K G + K) h)             (norms are computed in fp32)
/// its scores 6 x 4 K G T (P + S + T) (as products, capped, masked, joined, as shares, the prompt's copied; fp32)
/// its keys and values       2 K h (L (S + T) + S) w              (S of each layer gathered from the parents, then joined with T)
/// its logits                3 x 4 A V                            (with a soft cap or in fp32 beside bf16, and the top k; in a level of the
///                                                                answer tree, of as many rows at a time as an eighth of the memory holds)
/// </summary>
internal sealed class BatchLimits
{
    // The largest part of the memory that is left which a level of the answer tree may keep for the levels below.
    private const double KeptShare = 0.5;

    // The part of the memory that is left which the logits of a level of the answer tree may take.
    private const double LogitShare = 0.125;

    // Tried on a CPU with 100 M weights and 250 to 5,000 tokens: fewer tokens make slower products, and more gain 1% and leave the cache.
    private const int EnoughTokens = 2000;
    private const double EnoughFlop = 4e11;

    private readonly DecoderConfig config;
    private readonly long prefix;
    private readonly long width;
    private readonly bool onCpu;

    /// <summary>Bounds on a pass.</summary>
    public PassBounds Bounds { get; init; } = PassBounds.Default;
    /// <summary>
    /// Bound on the floating-point operations of a batch, the answers drawn from it included: 20 s at 100 GFLOP/s on a CPU, 10 s at 40
    /// TFLOP/s on a GPU. A process that is killed loses the work of one batch at most.
    /// </summary>
    public double Flop { get; init; }

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
        Flop = onCpu ? 2e12 : 4e14;
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
        return activations + scores + 12 * positions * config.VocabularySize
            + (keep ? KeyValueBytes(earlier + tokens) + KeyValueBytes(earlier) / config.Layers : 0);
    }

    /// <summary>Size of the keys and values of so many tokens of one row, in all layers, in bytes.</summary>
    public long KeyValueBytes(long tokens) => 2L * config.Layers * config.KeyValueHeads * config.HeadDim * tokens * width;

    /// <summary>True where a pass over so many rows stays within both bounds. The rows' keys and values are not kept.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="tokens">Tokens of the longest row.</param>
    /// <param name="positions">Largest number of a row's positions whose logits are asked for.</param>
    public bool Fits(long rows, long tokens, long positions) =>
        rows * RowBytes(tokens, 0, positions, keep: false) <= Bounds.Bytes
        && rows * (tokens * (double)config.FlopsPerToken + positions * 2.0 * config.HiddenSize * config.VocabularySize) <= Flop;

    /// <summary>True where a batch of so many tokens is enough work for all of a CPU's cores. Always false for a GPU.</summary>
    public bool IsEnough(long tokens) => onCpu && tokens > EnoughTokens && tokens * (double)config.FlopsPerToken > EnoughFlop;

    /// <summary>
    /// Bound on the memory of the logits of any batch that <see cref="PassBounds.Tokens"/> allows, in bytes. For a small model the logits
    /// are nearly all of its memory.
    /// </summary>
    public static long LargestLogits(DecoderConfig config, PassBounds bounds) => 12L * bounds.Tokens * config.VocabularySize;

    /// <summary>
    /// Number of rows, at least one, with which a level of the answer tree takes no more memory than is left, and keeps at most half of
    /// it.
    /// </summary>
    /// <param name="tokens">Tokens of a row in this level.</param>
    /// <param name="earlier">Tokens of a row in the levels above.</param>
    /// <param name="left">Memory that the levels above leave, in bytes.</param>
    public int LevelRows(int tokens, int earlier, long left) =>
        (int)Math.Clamp(Math.Min((1 - LogitShare) * left / RowBytes(tokens, earlier, 0, keep: true),
            KeptShare * left / KeyValueBytes(earlier + tokens)), 1, int.MaxValue);

    /// <summary>Number of rows, at least one, whose logits are held at a time in a level of the answer tree.</summary>
    /// <param name="left">Memory that the levels above leave, in bytes.</param>
    public int LogitRows(long left) => (int)Math.Clamp(LogitShare * left / (12.0 * config.VocabularySize), 1, int.MaxValue);

    /// <summary>
    /// Number of rows, at least one, whose whole answer trees stay within the bound on work. One node is counted for each token of the
    /// longest answer: Gemma 3 270M has 15 nodes a question and prompt at 16 tokens.
    /// </summary>
    /// <param name="tokens">Tokens of a row's question.</param>
    /// <param name="longest">Longest answer, in tokens.</param>
    public int TreeRows(int tokens, int longest) =>
        (int)Math.Clamp(Flop / ((tokens + (double)longest) * config.FlopsPerToken
            + 2.0 * longest * config.HiddenSize * config.VocabularySize), 1, int.MaxValue);
}
