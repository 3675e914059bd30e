using System.Globalization;
using Slick.Answers;
using Slick.Models;
using Slick.Runtime;
using TorchSharp;

namespace Slick.Training;

/// <summary>
/// The memory and time that a run will need, before it starts. Sizes are in bytes. They come on top of the base model's own weights, which
/// are loaded already.
/// </summary>
public sealed record TrainingForecast
{
    /// <summary>The copy of the weights that is trained, or the LoRA adapter.</summary>
    public long Weights { get; init; }
    /// <summary>The gradient of the trained parameters; and its sum in fp32 where these are bf16 and a batch has several pieces.</summary>
    public long Gradients { get; init; }
    /// <summary>The two moments of AdamW, fp32.</summary>
    public long Moments { get; init; }
    /// <summary>AdamW's fp32 copy of the trained parameters where these are bf16; else 0.</summary>
    public long Masters { get; init; }
    /// <summary>The activations that the forward pass keeps for the backward pass, and the intermediates of one block's backward pass, for
    /// the largest piece of a batch.</summary>
    public long Activations { get; init; }
    /// <summary>The logits and the tensors that the loss makes of them, for the largest piece of a batch.</summary>
    public long Logits { get; init; }
    /// <summary>Short-lived tensors of a step that the other parts do not count: the gradient of the largest matrix, or AdamW's
    /// intermediates.</summary>
    public long Passing { get; init; }
    /// <summary>The largest batch of questions that an epoch asks. Questions are asked while there are no activations, logits and
    /// short-lived tensors of a step.</summary>
    public long Evaluation { get; init; }
    /// <summary>The parameters that are kept in memory (<see cref="FineTuningRun.KeptNames"/>); 0 where a scratch folder has
    /// them.</summary>
    public long KeptParameters { get; init; }
    /// <summary>The copy of the trained parameters while kept ones are in their place and are asked; 0 where nothing is kept. It is held
    /// beside <see cref="Evaluation"/>.</summary>
    public long Replaced { get; init; }
    /// <summary>What the process takes on top: memory that the allocator keeps for later, and buffers of the matrix products. Measured: 60
    /// to 220 MB, whatever the size of the model.</summary>
    public long Kept { get; init; }
    /// <summary>Optimiser steps of the run; 0 where no time was measured.</summary>
    public int Steps { get; init; }
    /// <summary>Seconds of an optimiser step, measured.</summary>
    public double SecondsPerStep { get; init; }
    /// <summary>Seconds of asking one question, measured.</summary>
    public double SecondsPerQuestion { get; init; }

    /// <summary>The largest amount of memory that is needed at one time.</summary>
    public long Bytes => Weights + Gradients + Moments + Masters + KeptParameters + Math.Max(Step, Asking) + Kept;

    // What a step and what the questions of an epoch need on top: never at the same time.
    private long Step => Activations + Logits + Passing;
    private long Asking => Evaluation + Replaced;

    /// <summary>Seconds of the run's optimiser steps. The time of questions is not included (<see cref="SecondsPerQuestion"/>).</summary>
    public double Seconds => Steps * SecondsPerStep;

    /// <summary>All parts in one line of text, in MB of 10^6 bytes. What a step needs and what an epoch's questions need is not held at the
    /// same time: the larger of the two is named.</summary>
    public override string ToString()
    {
        static string Megabytes(long bytes) => (bytes / 1e6).ToString("N0", CultureInfo.InvariantCulture);
        static string Part(string name, long bytes) => bytes > 0 ? $"{name} {Megabytes(bytes)}, " : "";
        var parts = $"{Megabytes(Bytes)} MB (weights {Megabytes(Weights)}, gradient {Megabytes(Gradients)}, AdamW's moments "
            + $"{Megabytes(Moments)}{(Masters > 0 ? $" and fp32 copy {Megabytes(Masters)}" : "")}, "
            + Part("kept parameters", KeptParameters)
            + (Asking > Step ? Part("questions of an epoch", Evaluation) + Part("parameters set aside", Replaced)
                : $"activations {Megabytes(Activations)}, logits {Megabytes(Logits)}, in passing {Megabytes(Passing)}, ")
            + $"kept by the allocator {Megabytes(Kept)})";
        return Steps == 0 ? parts : string.Create(CultureInfo.InvariantCulture,
            $"{parts}; {Steps} steps of {SecondsPerStep:G3} s, {Seconds:F0} s together");
    }

    /// <summary>Refuses a run for which the memory does not suffice.</summary>
    /// <param name="free">Free memory in bytes; null where it is not known.</param>
    /// <param name="options">The name of the options that can make the run smaller, for the message.</param>
    /// <exception cref="SlickException">The memory does not suffice. The message has the forecast.</exception>
    internal void Demand(long? free, string options)
    {
        if (free is not { } bytes || Bytes <= bytes) return;
        throw new SlickException(string.Create(CultureInfo.InvariantCulture,
            $"The run needs {this}, and {bytes / 1e6:N0} MB are free; {MemoryFailure.Cure(options)}."));
    }

    /// <summary>The memory of a fine-tuning run.</summary>
    internal static TrainingForecast OfMemory(EncodedRun encoded)
    {
        var (run, config) = (encoded.Run, encoded.Run.Start.Config);
        long wide = run.Start.Flat.dtype == torch.ScalarType.Float32 ? 4 : 2;
        var trained = Trained(config, run.Options);
        return OfMemory(config, wide, run.Options, encoded.Source()) with
        {
            Evaluation = EvaluationBytes(run, config, wide),
            KeptParameters = run.Scratch is null ? run.KeptNames * trained.Count * wide : 0,
            Replaced = run.KeptNames > 0 ? trained.Count * wide : 0,
        };
    }

    /// <summary>The memory of the steps of a fine-tuning run, from shapes alone.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="wide">Bytes of a weight.</param>
    /// <param name="options">The run's options.</param>
    /// <param name="source">The batches. Only the lengths of their examples are looked at.</param>
    internal static TrainingForecast OfMemory(DecoderConfig config, long wide, FineTuningOptions options, IBatchSource source)
    {
        var trained = Trained(config, options);
        // The order of the examples decides which rows share a piece. So the largest piece of three passes counts.
        var batches = Enumerable.Range(0, 3).SelectMany(source.Pass).Select(b => UploadedPass.Cut(b, options.PieceExamples).ToList())
            .ToList();
        var pieces = batches.SelectMany(b => b).Select(p => Shape.Of(p.Rows, options.Ragged)).ToList();
        var sums = wide < 4 && batches.Exists(b => b.Count > 1);
        var most = pieces.Max(p => ActivationBytes(config, wide, p, options, trained.Lora));
        var scored = pieces.Max(p => p.Scored);
        return new()
        {
            Weights = trained.Copied * wide,
            Gradients = trained.Gradient * wide + (sums ? 4 * trained.Count : 0),
            Moments = 8 * trained.Count,
            Masters = wide == 4 ? 0 : 4 * trained.Count,
            Activations = most,
            Logits = LogitBytes(config, wide, scored, options.DivergenceWeight > 0),
            Passing = Math.Max(trained.LargestMatrix * wide, 4 * trained.Count * (wide == 4 || sums ? 1 : 2) - most),
            Kept = AllocatorBytes,
        };
    }

    /// <summary>The memory of pre-training.</summary>
    internal static TrainingForecast OfMemory(DecoderConfig config, PreTrainingOptions options)
    {
        var count = DecoderWeights.LayoutOf(config).Sum(p => DecoderWeights.Product(p.Shape));
        long rows = options.BatchRows, tokens = options.ContextTokens;
        var shape = new Shape(rows, tokens, rows * tokens, rows * tokens);
        var most = ActivationBytes(config, 4, shape, new() { DropoutRate = 0 }, 0);
        return new()
        {
            Weights = 4 * count,
            Gradients = 4 * count * options.Shards,
            Moments = 8 * count,
            Activations = most,
            Logits = LogitBytes(config, 4, shape.Scored, withBase: false),
            Passing = Math.Max(4L * config.VocabularySize * config.HiddenSize * options.Shards, 4 * count - most),
            Kept = AllocatorBytes,
        };
    }

    private const long AllocatorBytes = 110_000_000;

    /// <summary>A piece: B, T, the number of stored tokens, the number of scored tokens.</summary>
    internal readonly record struct Shape(long Rows, long Tokens, long Lying, long Scored)
    {
        public static Shape Of(IReadOnlyList<TaughtExample> rows, bool ragged)
        {
            long longest = rows.Max(r => r.Length);
            return new(rows.Count, longest, ragged ? rows.Sum(r => (long)r.Length) : rows.Count * longest,
                rows.Sum(r => (long)r.Taught.Length));
        }
    }

    private readonly record struct TrainedCounts(long Copied, long Count, long Gradient, long LargestMatrix, long Lora);

    private static TrainedCounts Trained(DecoderConfig config, FineTuningOptions options)
    {
        if (options.Lora.Rank > 0)
        {
            var (count, ranks) = LoraAdapter.Size(config, options.Lora.ToConfig());
            return new(count, count, count, 0, ranks);
        }
        var layout = DecoderWeights.LayoutOf(config);
        var part = new ParameterPart(options.Parameters);
        var names = part.IsAll ? null : part.Of(config);
        var trained = layout.Where(p => names?.Contains(p.Name) != false).Select(p => DecoderWeights.Product(p.Shape)).ToList();
        var all = layout.Sum(p => DecoderWeights.Product(p.Shape));
        // A matrix that several names share has one gradient. A part that cuts through such a matrix needs a little more than is counted
        // here.
        return new(all, trained.Sum(), trained.Sum(), trained.Max(), 0);
    }

    // What autograd keeps of each block, and what the backward pass holds of one block at a time.
    private static long ActivationBytes(DecoderConfig config, long wide, Shape shape, FineTuningOptions options, long lora)
    {
        long d = config.HiddenSize, q = (long)config.Heads * config.HeadDim, kv = (long)config.KeyValueHeads * config.HeadDim,
            inner = config.IntermediateSize, layers = config.Layers, n = shape.Lying, places = shape.Rows * shape.Tokens;
        var family = config.Architecture;
        // Of a norm: its input in fp32, the unit vector in fp32 and in the model's format, the output. A layer norm keeps its input alone.
        var norm = family.Norm == Norm.Layer ? wide * d : (wide == 4 ? 2 * 4 : 2 * 4 + 2 * wide) * d;
        var norms = (family.InputNorm is null ? 0 : 1) + (family.MlpNorm is null ? 0 : 1);
        var outputNorms = (family.AttentionOutNorm is null ? 0 : 1) + (family.MlpOutNorm is null ? 0 : 1);
        var perToken = norms * norm + outputNorms * (norm + wide * d)
            + wide * (2 * d                                           // the residual stream after attention and after the MLP
                + q                                                   // the attention output
                + (family.Gated ? 4 : 2) * inner)                     // gate and up, activated, multiplied
            + (family.QueryKeyNorm == QueryKeyNorm.None ? 0 : (wide * 2 + 4) * (q + kv) + wide * kv);
        // torch's own attention keeps no scores. Where a model has another attention, scores are kept (Decoder.IsPlain).
        var keepsScores = config.AttentionSoftCap is not null || config.LayerAttentions.Any(a => shape.Tokens > a.Window);
        // Queries, keys and values as attention reads them. torch's own reads the rotated queries and keys, and the values where the
        // projection wrote them, or, where several heads share a key, a copy of keys and values for each head.
        var perPlace = wide * (keepsScores ? q + 2 * kv : q + kv + (q == kv ? q + 2 * kv : 2 * q));
        var scores = keepsScores ? config.Heads * places * shape.Tokens : 0;
        var shares = keepsScores ? scores * (4 + (wide == 4 ? 0 : wide) + (config.AttentionSoftCap is null ? 0 : 4))
            : 4 * config.Heads * places;
        var adapters = lora * n * wide;                               // the inputs of each B, in all layers
        var block = n * perToken + places * perPlace + shares;
        var dropped = options.DropoutRate > 0 ? 2 * layers * n * d * wide : 0;
        // Backward through one block: the gradients of the MLP's parts, or those of the scores. An adapter has gradients of its own beside
        // them.
        var back = Math.Max(n * wide * (family.Gated ? 6 : 3) * inner, 3 * 4 * scores) * (lora > 0 ? 2 : 1) + 4 * n * d * wide;
        return options.Recompute ? (layers + 1) * n * d * wide + block + dropped + adapters / layers + back
            : layers * block + dropped + adapters + back;
    }

    // Logits in the model's format and in fp32, their log-probabilities, and the gradients of both. With the base model also its tensors.
    private static long LogitBytes(DecoderConfig config, long wide, long scored, bool withBase) =>
        scored * config.VocabularySize * (4 * 4 + (wide == 4 ? 0 : 2 * wide) + (config.FinalSoftCap is null ? 0 : 2 * 4)
            + (withBase ? 5 * 4 : 0));

    // As many rows as AnswerScorer takes at a time, within its limit.
    private static long EvaluationBytes(FineTuningRun run, DecoderConfig config, long wide)
    {
        var questions = run.Questions.Values.SelectMany(q => q).ToList();
        if (questions.Count == 0) return 0;
        var longest = questions.MaxBy(q => q.Prompt.Length + q.Target.Length)!;
        var tokens = TaughtExample.Of(config, run.Tokenizer, longest);
        var limits = new BatchLimits(config, wide, run.Start.Flat.device.type != DeviceType.CUDA, 0)
            { Bounds = run.Asking };
        var rows = Math.Min(questions.Count, Math.Max(1, run.Asking.Tokens / tokens.Length));
        while (rows > 1 && (limits.IsEnough((rows - 1L) * tokens.Length) || !limits.Fits(rows, tokens.Length, tokens.Taught.Length)))
            rows--;
        return rows * limits.RowBytes(tokens.Length, 0, tokens.Taught.Length, keep: false);
    }
}
