using System.ComponentModel.DataAnnotations;
using Slick.Models;

namespace Slick.Training;

/// <summary>Settings of fine-tuning (paper, section 4 and appendix).</summary>
public sealed record FineTuningOptions
{
    /// <summary>Number of epochs. An epoch is one pass over the fine-tuning set, unless <see cref="FineTuningRun.EpochUpdates"/> says
    /// otherwise.</summary>
    [Range(1, 10_000)]
    public int Epochs { get; init; } = 50;
    /// <summary>Examples of a batch, at most. A pass is cut into the fewest batches that hold all examples. The sizes of these batches
    /// differ by at most one.</summary>
    [Range(1, 100_000)]
    public int BatchExamples { get; init; } = 32;
    /// <summary>Highest learning rate of AdamW in the run.</summary>
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 5e-5;
    /// <summary>How the learning rate changes in the course of a run.</summary>
    public LearningRateShape Schedule { get; init; }
    /// <summary>Share of the steps in which the learning rate rises. Only <see cref="LearningRateShape.WarmupCosine"/> uses it.</summary>
    [Range(0.0, 1.0)]
    public double WarmupShare { get; init; } = 0.05;
    /// <summary>Share of the units that is dropped from each block's two outputs (<see cref="Dropout"/>).</summary>
    [Range(0.0, 0.9)]
    public double DropoutRate { get; init; } = 0.05;
    /// <summary>Decoupled weight decay of AdamW.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; }
    /// <summary>Largest norm of the gradient. A gradient with a larger norm is scaled down to it. 0 for no clipping.</summary>
    [Range(0.0, 1e6)]
    public double ClipNorm { get; init; }
    /// <summary>Epsilon of AdamW: a number that is added to the square root of the second moment (Kingma and Ba 2015, Algorithm 1). A
    /// parameter whose gradients are smaller than epsilon takes smaller steps.</summary>
    [Range(1e-16, 1.0)]
    public double Epsilon { get; init; } = 1e-8;
    /// <summary>
    /// Examples of one forward and backward pass, at most; 0 for the whole batch. A larger batch is cut into pieces whose gradients are
    /// added up. Smaller pieces need less memory.
    /// </summary>
    [Range(0, 100_000)]
    public int PieceExamples { get; init; }
    /// <summary>True for rows without padding. This saves work where prompts differ in length. The order of the examples stays the same.
    /// The gradient is the same up to rounding, but other units are dropped.</summary>
    public bool Ragged { get; init; }
    /// <summary>True to compute each block's activations a second time in the backward pass. This takes about a third more work and far
    /// less memory.</summary>
    public bool Recompute { get; init; }
    /// <summary>Which parameters are trained (<see cref="ParameterPart"/>): all, without-embeddings, or a regular expression over their
    /// names. It must be all where <see cref="Lora"/> has a rank above 0: then the adapter alone is trained.</summary>
    public string Parameters { get; init; } = "all";
    /// <summary>A LoRA adapter that is trained instead of the model's parameters.</summary>
    public LoraOptions Lora { get; init; } = new();
    /// <summary>Weight of the divergence from the base model in the objective, KL(base, model) at the answers' tokens; 0 for none.
    /// Ours.</summary>
    [Range(0.0, 1e4)]
    public double DivergenceWeight { get; init; }
    /// <summary>Number of other examples that are mixed in for each example of the set; 0 for none. Ours.</summary>
    [Range(0.0, 100.0)]
    public double ReplayShare { get; init; }
    /// <summary>Share of the epochs, at the end of a run, that train on <see cref="FineTuningRun.EndExamples"/> alone, rounded to whole
    /// epochs; 0 for none. In a study these are the Known examples of the set, and a set without any has no such end. Ours.</summary>
    [Range(0.0, 1.0)]
    public double EndShare { get; init; }
}

/// <summary>The settings of a LoRA adapter as options (<see cref="LoraConfig"/>).</summary>
public sealed record LoraOptions
{
    /// <summary>Rank of the adapter; 0 for no adapter.</summary>
    [Range(0, 65_536)]
    public int Rank { get; init; }
    /// <summary>Alpha: the adapter's product B A is multiplied by alpha / rank.</summary>
    [Range(0.0, 1e6)]
    public double Alpha { get; init; } = 16;
    /// <summary>True to multiply by alpha / sqrt(rank) instead of alpha / rank (rank-stabilised LoRA).</summary>
    public bool UseRslora { get; init; }
    /// <summary>The linear layers that get an adapter: all-linear, or names separated by commas, such as q_proj,v_proj.</summary>
    public string Targets { get; init; } = LoraConfig.AllLinear;

    /// <summary>The settings of the adapter that the options describe.</summary>
    internal LoraConfig ToConfig()
    {
        var config = new LoraConfig { Rank = Rank, Alpha = Alpha, UseRslora = UseRslora };
        return Targets == LoraConfig.AllLinear ? config : config with
        {
            TargetModules = Targets.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        };
    }
}
