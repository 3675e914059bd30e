using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>A stage that is being worked on.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Scratch">A folder whose content is there again when the work was stopped and begins anew.</param>
/// <param name="Context">Opens what the stage reads.</param>
/// <param name="Threads">How many threads the work may use.</param>
/// <param name="Progress">Told how far the stage is.</param>
/// <param name="Cancellation">Stops the work.</param>
internal sealed record StageWork(Stage Stage, string Scratch, WorkContext Context, int Threads, IProgressReport Progress,
    CancellationToken Cancellation);

/// <summary>A kind of stages: what they are made of, and what does their work.</summary>
/// <param name="Name">The kind's name: lower-case letters.</param>
/// <param name="Version">Raised whenever the same options would give another result.</param>
/// <param name="Options">The record that its options are.</param>
/// <param name="Group">Under which name the stage's progress is shown; empty for what takes no time.</param>
/// <param name="Run">Does the work; returns what writes the result's files into a folder.</param>
internal sealed record StageKind(string Name, int Version, Type Options, Func<Stage, string> Group, Func<StageWork, Action<string>> Run)
{
    /// <summary>All kinds: whoever adds one adds it here.</summary>
    public static IReadOnlyList<StageKind> All { get; } =
        [WorldStage.Kind, PreTrainStage.Kind, LabelStage.Kind, LabelTable.Kind, FineTuneStage.Kind];

    /// <summary>The kind of a stage.</summary>
    /// <exception cref="SlickException">This program knows no such kind, or another version of it.</exception>
    public static StageKind Of(Stage stage) => All.FirstOrDefault(k => k.Name == stage.Kind && k.Version == stage.Version)
        ?? throw new SlickException(
            $"{stage.Name}: this program cannot work on {stage.Kind} of version {stage.Version}; another version of slick planned it.");

    /// <summary>A stage of this kind.</summary>
    /// <param name="title">What it is, in words.</param>
    /// <param name="options">A record of <see cref="Options"/>.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="platform">On what models compute; null where none runs.</param>
    /// <param name="inputs">Names of what is read.</param>
    public Stage Stage(string title, object options, int seed, Platform? platform, params IReadOnlyList<string> inputs) =>
        options.GetType() == Options ? Storage.Stage.Of(Name, Version, title, options, seed, inputs, platform)
            : throw new ArgumentException($"{Name} takes {Options.Name}, not {options.GetType().Name}.", nameof(options));
}
