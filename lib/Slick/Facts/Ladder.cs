namespace Slick.Facts;

/// <summary>
/// The ladder of twin worlds: groups of facts that differ in how often pre-training states them, and in nothing else. Worlds of one seed
/// and different rotations have the same facts, and each group stands on each step in one of them: a Latin square. So what a step does can
/// be told apart from which facts stand on it. Ours.
/// </summary>
public static class Ladder
{
    /// <summary>Number of steps, and of groups, and of rotations.</summary>
    public const int Steps = 6;

    /// <summary>How often one pass of pre-training states the gold answer and the rival of a fact on each step:
    /// [<see cref="Steps"/>].</summary>
    public static IReadOnlyList<(int Gold, int Rival)> Statements { get; } = [(0, 0), (2, 0), (8, 0), (32, 0), (128, 0), (32, 96)];

    /// <summary>The step of a train fact; null for a fact that stands on none.</summary>
    /// <param name="number">The fact's number among the train facts of its relation, from 0. The facts of a relation come in no order, so
    /// every sixth one makes a group.</param>
    /// <param name="options">The world's options.</param>
    internal static int? StepOf(int number, WorldOptions options) =>
        number < options.LadderFacts ? (number + options.LadderRotation) % Steps : null;

    /// <summary>The ids of the facts on each step: [<see cref="Steps"/>].</summary>
    /// <param name="dataset">The facts of a world.</param>
    /// <param name="options">The world's options.</param>
    public static IReadOnlyList<IReadOnlySet<int>> Facts(Dataset dataset, WorldOptions options)
    {
        var steps = Enumerable.Range(0, Steps).Select(_ => new HashSet<int>()).ToList();
        foreach (var relation in dataset.Relations.Where(r => r.InDistribution))
            foreach (var (i, fact) in dataset.Of(relation.Id, Split.Train).OrderBy(f => f.Id).Index())
                if (StepOf(i, options) is { } step) steps[step].Add(fact.Id);
        return steps;
    }
}
