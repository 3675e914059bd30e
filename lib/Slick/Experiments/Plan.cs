using Slick.Answers;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The stages of an experiment, known before anything runs; each stands behind what it reads.</summary>
/// <param name="Name">What the experiment is, in words.</param>
/// <param name="Stages">The stages.</param>
/// <param name="OneAtATime">True for large models and on a GPU: a process works on one stage after the other, with all threads. Stages
/// of the lab's size are worked on side by side, a thread each.</param>
public sealed record Plan(string Name, IReadOnlyList<Stage> Stages, bool OneAtATime)
{
    /// <summary>What stages read that is outside of the store.</summary>
    internal Sources Sources { get; init; } = new();

    /// <summary>Bound on a batch's memory, in bytes: it changes how questions are batched, and no label but by rounding.</summary>
    internal long Bytes { get; init; } = BatchLimits.DefaultBytes;

    /// <summary>True where the store has every stage, those that failed included: nothing is left to do.</summary>
    public bool IsComplete(RunStore store) => Left(store).Count == 0;

    /// <summary>The stages that are left to do: neither finished nor failed, nor behind one that failed.</summary>
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
