using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>The work on a stage.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Scratch">A folder for intermediate results. When stopped work begins again, the folder still has them.</param>
/// <param name="Context">Opens the inputs of the stage.</param>
/// <param name="Threads">Number of threads that the work may use.</param>
/// <param name="Progress">Told how far the stage is.</param>
/// <param name="Cancellation">Stops the work.</param>
/// <param name="IsMine">Looks whether <paramref name="Scratch"/> is still this worker's (<see cref="WorkPlace"/>).</param>
internal sealed record StageWork(Stage Stage, string Scratch, WorkContext Context, int Threads, IProgressReport Progress,
    CancellationToken Cancellation, Func<bool> IsMine);

/// <summary>A kind of stage: its options and its work.</summary>
/// <param name="Name">The kind's name, in lower-case letters.</param>
/// <param name="Version">Version of the kind. It must be raised when the same options begin to give another result.</param>
/// <param name="Options">The type of the kind's options: a record.</param>
/// <param name="Group">Gives the name under which a stage's progress is shown; empty for a stage that takes no time.</param>
/// <param name="Run">Does the work. Returns an action that writes the result's files into a folder.</param>
internal sealed record StageKind(string Name, int Version, Type Options, Func<Stage, string> Group, Func<StageWork, Action<string>> Run)
{
    /// <summary>All kinds of stages. A new kind must be added here.</summary>
    public static IReadOnlyList<StageKind> All { get; } =
        [WorldStage.Kind, PreTrainStage.Kind, LabelStage.Kind, LabelTable.Kind, FineTuneStage.Kind, RelabelStage.Kind];

    /// <summary>The kind of a stage.</summary>
    /// <exception cref="SlickException">This program does not know the kind, or knows another version of it.</exception>
    public static StageKind Of(Stage stage) => All.FirstOrDefault(k => k.Name == stage.Kind && k.Version == stage.Version)
        ?? throw new SlickException(
            $"{stage.Name}: this program cannot work on {stage.Kind} of version {stage.Version}; another version of slick planned it.");

    /// <summary>Makes a stage of this kind.</summary>
    /// <param name="title">The stage in words.</param>
    /// <param name="options">The options, of the type <see cref="Options"/>.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="platform">The kind of device and the number format; null for a stage without a model.</param>
    /// <param name="inputs">Names of the inputs.</param>
    /// <exception cref="ArgumentException">The options are of another type.</exception>
    public Stage Stage(string title, object options, int seed, Platform? platform, params IReadOnlyList<string> inputs) =>
        options.GetType() == Options ? Storage.Stage.Of(Name, Version, title, options, seed, inputs, platform)
            : throw new ArgumentException($"{Name} takes {Options.Name}, not {options.GetType().Name}.", nameof(options));
}
