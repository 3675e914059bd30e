using System.ComponentModel.DataAnnotations;
using Slick.Models;

namespace Slick.Training;

/// <summary>How a model is fine-tuned (paper, section 4 and appendix).</summary>
public sealed record FineTuningOptions
{
    /// <summary>Passes over the set.</summary>
    [Range(1, 10_000)]
    public int Epochs { get; init; } = 50;
    /// <summary>Examples of a batch, at most: a pass over n examples is cut into the fewest batches that hold them, whose sizes
    /// differ by at most one.</summary>
    [Range(1, 100_000)]
    public int BatchExamples { get; init; } = 32;
    /// <summary>Learning rate of AdamW, the highest of a run.</summary>
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 5e-5;
    /// <summary>How the learning rate changes in the course of a run.</summary>
    public LearningRateShape Schedule { get; init; }
    /// <summary>Share of the steps in which the rate rises, for <see cref="LearningRateShape.WarmupCosine"/>.</summary>
    [Range(0.0, 1.0)]
    public double WarmupShare { get; init; } = 0.05;
    /// <summary>Share of each block's outputs that is dropped (<see cref="Dropout"/>).</summary>
    [Range(0.0, 0.9)]
    public double DropoutRate { get; init; } = 0.05;
    /// <summary>Decoupled weight decay.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; }
    /// <summary>Largest norm of the gradient; 0 where the gradient is not clipped.</summary>
    [Range(0.0, 1e6)]
    public double ClipNorm { get; init; }
    /// <summary>
    /// Examples of one pass forward and back, at most: the gradients of a batch's pieces are added up, so that a large batch fits into a
    /// small memory. 0 for the whole batch.
    /// </summary>
    [Range(0, 100_000)]
    public int PieceExamples { get; init; }
    /// <summary>True for rows without padding: less work where prompts differ in length. The order of the examples stays; the gradient is
    /// the same but for rounding, and other units are dropped.</summary>
    public bool Ragged { get; init; }
    /// <summary>True to compute each block's activations again on the way back: a third more work, and far less memory.</summary>
    public bool Recompute { get; init; }
    /// <summary>Which parameters are trained (<see cref="ParameterPart"/>): all, without-embeddings, or a regular expression over their
    /// names. With <see cref="Lora"/> the adapter alone is trained.</summary>
    public string Parameters { get; init; } = "all";
    /// <summary>A LoRA adapter that is trained in place of the model's parameters.</summary>
    public LoraOptions Lora { get; init; } = new();
    /// <summary>Weight of the divergence from the base model, KL(base, model) at the answers' tokens, beside the loss; 0 for
    /// none.</summary>
    [Range(0.0, 1e4)]
    public double DivergenceWeight { get; init; }
    /// <summary>Other examples that are mixed in for each example of the set; 0 for none.</summary>
    [Range(0.0, 100.0)]
    public double ReplayShare { get; init; }
}

/// <summary>A LoRA adapter by options (<see cref="LoraConfig"/>).</summary>
public sealed record LoraOptions
{
    /// <summary>Rank; 0 for no adapter.</summary>
    [Range(0, 65_536)]
    public int Rank { get; init; }
    /// <summary>Numerator of the factor of B A.</summary>
    [Range(0.0, 1e6)]
    public double Alpha { get; init; } = 16;
    /// <summary>True where the factor is alpha / sqrt(rank) rather than alpha / rank.</summary>
    public bool UseRslora { get; init; }
    /// <summary>The maps that have an adapter: all-linear, or names with commas between them, such as q_proj,v_proj.</summary>
    public string Targets { get; init; } = LoraConfig.AllLinear;

    /// <summary>The adapter's settings.</summary>
    internal LoraConfig ToConfig()
    {
        var config = new LoraConfig { Rank = Rank, Alpha = Alpha, UseRslora = UseRslora };
        return Targets == LoraConfig.AllLinear ? config : config with
        {
            TargetModules = Targets.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        };
    }
}
