using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>
/// The one loop of training: gradient, step, record of an epoch, checkpoint. Pre-training and fine-tuning give it what a step's gradient
/// is and what an epoch records. A run that was stopped goes on from its checkpoint to the same bytes.
/// </summary>
/// <param name="optimizer">Steps the parameters; its number of steps says how far the run is.</param>
/// <param name="epochs">Epochs of the run.</param>
/// <param name="epochSteps">Steps of an epoch.</param>
/// <param name="rate">The learning rate.</param>
internal sealed class TrainingLoop(AdamW optimizer, int epochs, int epochSteps, LearningRate rate)
{
    private int recorded; // epochs whose end was told, the start of the run included

    /// <summary>Adds the gradient of a step, numbered from 0, to the parameters' gradient.</summary>
    public required Action<int> Gradient { get; init; }

    /// <summary>Called after each step with its number; null for nobody.</summary>
    public Action<int>? StepDone { get; init; }

    /// <summary>
    /// Called before the first step (0) and at the end of each epoch (1, 2, ...); after a resume for the earlier epochs again, before any
    /// step. False ends the run; null for nobody.
    /// </summary>
    public Func<int, bool>? EpochDone { get; init; }

    /// <summary>The checkpoint's path; null to keep none.</summary>
    public string? File { get; init; }

    /// <summary>What the checkpoint holds beside parameters, moments and the number of steps.</summary>
    public Func<IEnumerable<(string Name, Tensor Values)>> State { get; init; } = () => [];

    /// <summary>Takes <see cref="State"/> back from a checkpoint.</summary>
    public Action<Safetensors> Restore { get; init; } = _ => { };

    /// <summary>Called when a checkpoint has been written.</summary>
    public Action Saved { get; init; } = () => { };

    /// <summary>Runs to the end, from the checkpoint where there is one.</summary>
    /// <param name="cancellation">Stops between steps and where <see cref="EpochDone"/> looks at it, with a checkpoint.</param>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public void Run(CancellationToken cancellation)
    {
        if (File is not null && System.IO.File.Exists(File)) Load(File);
        if (EpochDone is not null)
            for (var epoch = 0; epoch < recorded; epoch++)
                if (!EpochDone(epoch)) return;
        var checkpoints = new CheckpointClock();
        try
        {
            for (;;)
            {
                cancellation.ThrowIfCancellationRequested();
                if (EpochDone is not null && optimizer.Steps == recorded * epochSteps)
                {
                    var goesOn = EpochDone(recorded);
                    recorded++;
                    if (!goesOn) return;
                }
                else
                {
                    Gradient(optimizer.Steps);
                    optimizer.Step(rate.At(optimizer.Steps, epochs * epochSteps));
                    StepDone?.Invoke(optimizer.Steps - 1);
                }
                if (optimizer.Steps == epochs * epochSteps && (EpochDone is null || recorded > epochs)) return;
                if (File is not null && checkpoints.IsDue) checkpoints.Save(() => Save(File));
            }
        }
        catch (OperationCanceledException) when (File is not null)
        {
            Save(File);
            throw;
        }
    }

    private void Save(string file)
    {
        using (NewDisposeScope())
            Safetensors.Write(file, [("weights", optimizer.Master), ("mean", optimizer.Mean), ("variance", optimizer.Variance),
                ("steps", tensor((long)optimizer.Steps)), ("recorded", tensor((long)recorded)), .. State()]);
        Saved();
    }

    private void Load(string file)
    {
        using var scope = NewDisposeScope();
        var saved = Safetensors.Open(file);
        optimizer.Restore(saved.Read("weights"), saved.Read("mean"), saved.Read("variance"), (int)saved.Read("steps").item<long>());
        recorded = (int)saved.Read("recorded").item<long>();
        Restore(saved);
    }
}
