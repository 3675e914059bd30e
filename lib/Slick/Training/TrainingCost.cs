using Slick.Answers;
using Slick.Models;
using Slick.Runtime;

namespace Slick.Training;

/// <summary>
/// Counts what the steps of a fine-tuning run cost, from shapes alone. Letters of a pass as in <see cref="PassCost"/>. A step takes, for
/// each piece of its batch, the forward pass and a backward pass of twice its products and bytes; with
/// <see cref="FineTuningOptions.Recompute"/> another forward pass. Beside the weights, the gradient of all trained parameters is written,
/// read and added up. Then AdamW makes 12 passes of reading and writing over the trained parameters in fp32, and in bf16 converts gradient
/// and weights. Questions that are asked between epochs are not counted.
/// </summary>
internal static class TrainingCost
{
    // Starts of operations that a step waits for, in forward passes without a gradient. From one number: 52 ms a step in bf16 on an H200
    // (Machine). Recording the operations and a backward pass of about twice as many are in it.
    private const double StartsOfAStep = 4.3;

    // Starts in a layer's backward pass on a card where rows are ragged. Rows are put together from a list of tokens; the gradient of that,
    // added up in a fixed order, sorts the tokens. Within one run on an H200 (bf16) a step took 1.41 times as long as with padding.
    private const double StartsOfRaggedRows = 117;

    private const int OptimiserPasses = 12;

    /// <summary>The steps of a run.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="width">Bytes of a weight.</param>
    /// <param name="options">The run's options. All parameters are trained.</param>
    /// <param name="source">The batches, as <see cref="TrainingForecast.OfMemory(DecoderConfig, long, FineTuningOptions, IBatchSource)"/>
    /// takes them.</param>
    /// <param name="isGpu">True for a card.</param>
    /// <returns>The passes of all epochs, each of which is counted as the first; and the memory, with the base model's weights.</returns>
    public static MachineWork Run(DecoderConfig config, long width, FineTuningOptions options, IBatchSource source, bool isGpu)
    {
        var parameters = DecoderWeights.ParametersOf(config);
        var cost = new PassCost(config, width, new BatchLimits(config, width, onCpu: false, shared: 0), isGpu);
        var (passes, times) = (new List<MachinePass>(), options.Recompute ? 4 : 3);
        foreach (var batch in source.Pass(0))
        {
            foreach (var piece in UploadedPass.Cut(batch, options.PieceExamples))
            {
                var shape = TrainingForecast.Shape.Of(piece.Rows, options.Ragged);
                var seen = piece.Rows.Sum(r => r.Length * (r.Length + 1.0) / 2) / piece.Rows.Sum(r => r.Length);
                var forward = cost.Forward(options.Epochs, shape.Lying, seen, 0, shape.Scored, 0, 1);
                passes.Add(forward with
                {
                    Flop = times * forward.Flop,
                    RowFlop = times * forward.RowFlop,
                    WeightBytes = (times - 1) * forward.WeightBytes + 3.0 * width * parameters,
                    MovedBytes = times * forward.MovedBytes,
                    Operations = StartsOfAStep * forward.Operations * times / 3
                        + (isGpu && options.Ragged ? StartsOfRaggedRows * config.Layers : 0),
                });
            }
            passes.Add(new(options.Epochs, 0, 0, 0, 0, 0, parameters * (OptimiserPasses * 8.0 + (width == 4 ? 0 : 12)), OptimiserPasses));
        }
        return new(passes, 0, width * parameters + TrainingForecast.OfMemory(config, width, options, source).Bytes);
    }
}
