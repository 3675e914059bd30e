using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>
/// The training loop: gradient, optimiser step, report of an epoch, checkpoint. Pre-training and fine-tuning both use it: they say what the
/// gradient of a step is and what an epoch reports. A run that was stopped goes on from its checkpoint and ends with the same bytes.
/// </summary>
/// <param name="optimizer">Steps the parameters. Its number of steps says how far the run is.</param>
/// <param name="epochs">Number of epochs of the run.</param>
/// <param name="epochSteps">Optimiser steps of an epoch.</param>
/// <param name="rate">The learning rate of each step.</param>
internal sealed class TrainingLoop(AdamW optimizer, int epochs, int epochSteps, LearningRate rate)
{
    private int recorded; // number of epoch ends that were reported, epoch 0 included

    /// <summary>The hash of what the run follows from (<see cref="RunHash"/>).</summary>
    public required long[] Hash { get; init; }

    /// <summary>Adds the gradient of a step to the parameters' gradient. Gets the number of the step, from 0.</summary>
    public required Action<int> Gradient { get; init; }

    /// <summary>Called after each step with the number of the step, from 0; may be null.</summary>
    public Action<int>? StepDone { get; init; }

    /// <summary>
    /// Called before the first step (0) and at the end of each epoch (1, 2, ...). A resumed run calls it for the earlier epochs again
    /// before any step. The result false ends the run. May be null.
    /// </summary>
    public Func<int, bool>? EpochDone { get; init; }

    /// <summary>Path of the checkpoint; null for no checkpoint.</summary>
    public string? File { get; init; }

    /// <summary>Looks whether the checkpoint is still this run's. A run that has lost its files to another process ends, and writes
    /// nothing more.</summary>
    public Func<bool> OwnsFile { get; init; } = () => true;

    /// <summary>Further tensors of the checkpoint, besides parameters, moments and the number of steps.</summary>
    public Func<IEnumerable<(string Name, Tensor Values)>> State { get; init; } = () => [];

    /// <summary>Takes the tensors of <see cref="State"/> back from a checkpoint.</summary>
    public Action<Safetensors> Restore { get; init; } = _ => { };

    /// <summary>Called after a checkpoint was written.</summary>
    public Action Saved { get; init; } = () => { };

    /// <summary>Runs to the end. Where there is a checkpoint, the run begins there.</summary>
    /// <param name="cancellation">Checked between steps; <see cref="EpochDone"/> may check it too. A checkpoint is written before the
    /// exception leaves.</param>
    /// <exception cref="OperationCanceledException">The token was signalled, or the files belong to another process now.</exception>
    /// <exception cref="SlickException">The checkpoint is damaged, or is that of another run.</exception>
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
                if (optimizer.Steps >= epochs * epochSteps && (EpochDone is null || recorded > epochs)) return;
                if (File is not null && checkpoints.IsDue) checkpoints.Save(() => Save(File));
            }
        }
        catch (OperationCanceledException) when (File is not null && OwnsFile())
        {
            Save(File);
            throw;
        }
    }

    private void Save(string file)
    {
        if (!OwnsFile()) throw new OperationCanceledException($"{file} belongs to another process now.");
        using (NewDisposeScope())
            Safetensors.Write(file, [.. optimizer.State(), ("steps", tensor((long)optimizer.Steps)),
                ("recorded", tensor((long)recorded)), ("run", tensor(Hash)), .. State()]);
        if (OwnsFile()) Saved();
    }

    private void Load(string file)
    {
        using var scope = NewDisposeScope();
        var saved = Safetensors.Open(file);
        // A checkpoint without a hash is of an earlier version. Nothing tells which run it belongs to, so this run begins anew.
        if (!saved.Names.Contains("run")) return;
        if (!saved.Read("run").data<long>().ToArray().SequenceEqual(Hash))
            throw new SlickException($"{file}: this is the checkpoint of another run: its options, seed, examples, questions or model "
                + "differ from those of this run; delete the file to begin anew, or give this run another folder.");
        optimizer.Restore(saved, (int)saved.Read("steps").item<long>());
        recorded = (int)saved.Read("recorded").item<long>();
        Restore(saved);
    }
}
