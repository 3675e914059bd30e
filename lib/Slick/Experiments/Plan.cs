using Slick.Answers;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The stages of an experiment, known before anything runs. Each stage comes after the stages that it reads.</summary>
/// <param name="Name">The experiment in words.</param>
/// <param name="Stages">The stages, in order.</param>
/// <param name="OneAtATime">True for large models and on a GPU: a process works on one stage at a time, with all threads. False for models
/// of the lab's size, and for labels on a GPU: several stages are worked on side by side, with one thread each.</param>
public sealed record Plan(string Name, IReadOnlyList<Stage> Stages, bool OneAtATime)
{
    /// <summary>The inputs of the stages that are outside of the store.</summary>
    internal Sources Sources { get; init; } = new();

    /// <summary>Bounds on a pass of labelling; null for those that fit the device.</summary>
    internal PassBounds? Bounds { get; init; }

    /// <summary>Told what was done for each stage of labels that was worked on; null for nobody.</summary>
    internal Action<Stage, PassCounts>? Counted { get; init; }

    /// <summary>True where no stage is left to do (<see cref="Left"/>).</summary>
    public bool IsComplete(RunStore store) => Left(store).Count == 0;

    /// <summary>The stages that are left to do. Stages that are finished or have failed are not, nor stages that need a failed
    /// one.</summary>
    public IReadOnlyList<Stage> Left(RunStore store)
    {
        var dead = new HashSet<string>(StringComparer.Ordinal);
        var left = new List<Stage>();
        foreach (var stage in Stages)
        {
            var folder = store.Of(stage);
            if (folder.IsComplete) continue;
            if (folder.HasFailed || stage.Inputs.Any(dead.Contains)) dead.Add(stage.Name);
            else left.Add(stage);
        }
        return left;
    }
}
