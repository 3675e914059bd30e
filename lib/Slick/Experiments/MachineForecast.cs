using System.Globalization;
using System.Numerics;
using Slick.Answers;
using Slick.Models;
using Slick.Runtime;
using Slick.Training;
using TorchSharp;

namespace Slick.Experiments;

/// <summary>A line of a forecast.</summary>
/// <param name="Work">What is done.</param>
/// <param name="Format">The number format: fp32 or bf16.</param>
/// <param name="Tokens">Tokens that the model reads.</param>
/// <param name="LogitRows">Positions whose logits are computed.</param>
/// <param name="Flop">Floating-point operations of the matrix products.</param>
/// <param name="Passes">Number of passes; of fine-tuning, steps with their parts.</param>
/// <param name="WeightBytes">Bytes of weights that are read, and of gradients.</param>
/// <param name="Operations">Operations that are started.</param>
/// <param name="Bytes">Memory that the work needs at one time, the weights included.</param>
/// <param name="Seconds">Seconds on one machine; null where the memory does not suffice.</param>
/// <param name="SecondsOnAll">Seconds on all machines; null where the memory does not suffice.</param>
public sealed record ForecastRow(string Work, string Format, double Tokens, double LogitRows, double Flop, double Passes,
    double WeightBytes, double Operations, long Bytes, double? Seconds, double? SecondsOnAll);

/// <summary>
/// Forecasts what a study of a checkpoint takes on a machine, from the checkpoint's shape alone: the labels of all questions by Exact and
/// by Sampled, and a fine-tuning run on D. The arithmetic stands where it belongs: passes of labels in <see cref="LabelCost"/>, steps in
/// <see cref="TrainingCost"/>, memory of a run in <see cref="TrainingForecast"/>, one pass in <see cref="PassCost"/>, seconds of a pass in
/// <see cref="Machine"/>. Several machines share the questions of labels: the time is divided by their number. A fine-tuning run is done by
/// one machine; others do other runs meanwhile. A model is never split over cards.
/// </summary>
public sealed class MachineForecast
{
    /// <summary>The paper's run (section 4, appendix E): 50 epochs in batches of 128; rows are not padded here.</summary>
    public static FineTuningOptions PaperRun { get; } = new() { BatchExamples = 128, Ragged = true, LearningRate = 1e-5 };

    // Settings that make a fine-tuning run smaller, those first that change the least.
    private static readonly string[][] Savings =
    [
        ["fineTuning.pieceExamples=16"],
        ["fineTuning.pieceExamples=16", "fineTuning.recompute=true"],
        ["fineTuning.pieceExamples=16", "fineTuning.recompute=true", "fineTuning.parameters=without-embeddings"],
        ["fineTuning.lora.rank=8"],
        ["fineTuning.lora.rank=8", "fineTuning.pieceExamples=16", "fineTuning.recompute=true"],
    ];

    private readonly DecoderConfig config;
    private readonly Machine machine;
    private readonly int count;
    private readonly StudyOptions options;
    private readonly ForecastQuestions questions;
    private readonly long? memory;
    private readonly int setSize;

    /// <summary>The lines: labels by Exact, labels by Sampled, fine-tuning; each in every number format.</summary>
    public IReadOnlyList<ForecastRow> Rows { get; }

    /// <summary>A sentence for each kind of work that does not fit the machine: why, and what would serve.</summary>
    public IReadOnlyList<string> Remarks { get; }

    /// <summary>Number of the model's weights.</summary>
    public long Parameters { get; }

    /// <summary>Makes the forecast.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="count">Number of such machines.</param>
    /// <param name="formats">Number formats: fp32, bf16.</param>
    /// <param name="options">The protocol (<see cref="StudyOptions.Sampling"/>) and the run
    /// (<see cref="StudyOptions.FineTuning"/>).</param>
    /// <param name="questions">The questions to label.</param>
    /// <param name="setSize">Number of examples of D.</param>
    /// <param name="memory">Memory that a pass of labels may take, in bytes; null for what the program takes by itself.</param>
    /// <exception cref="UsageException">An option is out of its range, or the number of machines is.</exception>
    public MachineForecast(DecoderConfig config, Machine machine, int count, IReadOnlyList<string> formats, StudyOptions options,
        ForecastQuestions questions, int setSize, long? memory)
    {
        if (count < 1) throw new UsageException($"--count {count}: give a number of machines, at least 1.");
        (this.config, this.machine, this.count, this.options, this.questions, this.setSize, this.memory) =
            (config, machine, count, options, questions, setSize, memory);
        OptionRanges.Check(options.Sampling, "sampling");
        OptionRanges.Check(options.FineTuning, "fineTuning");
        Parameters = DecoderWeights.ParametersOf(config);
        var (rows, remarks) = (new List<ForecastRow>(), new List<string>());
        foreach (var estimator in Enum.GetValues<EstimatorKind>())
            foreach (var format in formats) rows.Add(Labels(estimator, format, remarks));
        foreach (var format in formats) rows.Add(Run(format, remarks));
        (Rows, Remarks) = (rows, [.. remarks.Distinct()]);
    }

    private static long Width(string format) => format == "fp32" ? 4 : 2;

    /// <summary>
    /// The bounds of the passes of labels. On a card they are those of <see cref="PassBounds.On"/>: half of what the weights leave free,
    /// rounded down to a power of two.
    /// </summary>
    private PassBounds Bounds(long width) => !machine.IsGpu ? PassBounds.On(torch.CPU, memory)
        : PassBounds.On(new torch.Device(DeviceType.CUDA), memory
            ?? Math.Max(1, (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(1, machine.Usable - width * Parameters) / 2 + 1) / 2));

    private ForecastRow Labels(EstimatorKind estimator, string format, List<string> remarks)
    {
        var width = Width(format);
        var cost = new LabelCost(config, width, machine.IsGpu, Bounds(width), options.Sampling);
        var work = estimator == EstimatorKind.Exact ? cost.Exact(questions.Relations) : cost.Sampled(questions.Relations);
        // Half of what is free is for passes; the other half is for what the allocator keeps.
        var least = questions.Relations.Max(cost.Least);
        var fits = work.Bytes <= machine.Usable && least <= machine.Usable;
        if (!fits) remarks.Add(least > machine.Usable ? Unserved(format, least) : string.Create(CultureInfo.InvariantCulture,
            $"With --memory {memory >> 30}G passes in {format} take more than {machine.Title} has beside the weights; give less."));
        return Row($"labels, {estimator}", format, work, fits, count);
    }

    // What serves where a model does not fit one card. A server holds it in bf16, and needs a tenth on top for keys and values.
    private string Unserved(string format, long least)
    {
        var why = string.Create(CultureInfo.InvariantCulture,
            $"In {format} the weights take {Width(format) * Parameters / Gibibyte:F1} GiB, and {machine.Title} has "
            + $"{machine.Usable / Gibibyte:F1} GiB for work. ");
        var cost = new LabelCost(config, 2, machine.IsGpu, Bounds(2), options.Sampling);
        if (format == "fp32" && questions.Relations.Max(cost.Least) <= machine.Usable) return $"{why}What serves: --dtype bf16.";
        var cards = Math.Max(2, BitOperations.RoundUpToPowerOf2((uint)Math.Ceiling(2.2 * Parameters / machine.Usable)));
        var larger = Machine.Cards.Where(c => c.Usable >= least).MinBy(c => c.Usable);
        return $"{why}slick does not split a model over cards. What serves: a server that does, such as vLLM over {cards} cards "
            + $"(vllm serve NAME --tensor-parallel-size {cards}), asked by slick annotate --server URL --server-model NAME"
            + $"{(larger is null ? "" : $"; or one {larger.Title}")}.";
    }

    private const double Gibibyte = 1L << 30;

    private ForecastRow Run(string format, List<string> remarks)
    {
        var width = Width(format);
        var work = Run(width, options);
        var fits = work.Bytes <= machine.Usable;
        if (!fits)
        {
            var saving = Savings.FirstOrDefault(s => Run(width, s.Aggregate(options, NamedOptions.Set)).Bytes <= machine.Usable);
            remarks.Add(string.Create(CultureInfo.InvariantCulture,
                $"Fine-tuning in {format} needs {work.Bytes / Gibibyte:F1} GiB (the model, its copy, gradient, AdamW's moments"
                + $"{(width == 4 ? "" : " and fp32 copy")}, activations), and {machine.Title} has {machine.Usable / Gibibyte:F1}. ")
                + (saving is null ? "Neither parts, recomputing nor a LoRA adapter make it fit; a card with more memory or a smaller model "
                    + "does." : $"It fits with {string.Join(' ', saving.Select(s => $"--set {s}"))}."));
        }
        return Row(string.Create(CultureInfo.InvariantCulture, $"fine-tuning, {options.FineTuning.Epochs} epochs"), format, work, fits, 1);
    }

    private MachineWork Run(long width, StudyOptions of)
    {
        TaughtExample[] examples = [.. Enumerable.Range(0, setSize).Select(i => questions.Examples[i % questions.Examples.Count])
            .Select(e => new TaughtExample(new int[e.Prompt], new int[e.Taught]))];
        return TrainingCost.Run(config, width, of.FineTuning, new SetPasses(examples, of.FineTuning.BatchExamples, 1),
            machine.IsGpu);
    }

    private ForecastRow Row(string what, string format, MachineWork work, bool fits, int among)
    {
        var seconds = machine.Seconds(work, Width(format));
        return new(what, format, work.Sum(p => p.Tokens), work.Sum(p => p.LogitRows), work.Sum(p => p.Flop), work.Sum(_ => 1),
            work.Sum(p => p.WeightBytes), work.Sum(p => p.Operations), work.Bytes, fits ? seconds : null, fits ? seconds / among : null);
    }
}
