using System.Globalization;

namespace Slick.Figures;

/// <summary>
/// Figures as the steps of a slider, such as the epochs of a fine-tuning run. A browser shows one step at a time, with plotly.js' own
/// slider and a button that plays all steps. A viewer without scripts shows a picture of the whole. Taught in
/// <c>notebooks/03-training-dynamics.ipynb</c>.
/// </summary>
public sealed record FigurePlayer
{
    /// <summary>What the steps count, such as <c>epoch</c>: the word before the step's label.</summary>
    public required string Unit { get; init; }

    /// <summary>The steps in order, each with its label. All have the series of the first step, with other values, and are drawn on its
    /// axes.</summary>
    public required IReadOnlyList<(string Label, Figure Figure)> Steps { get; init; }

    /// <summary>All steps in one figure. It gives the title and the note, and it is the picture where no script runs.</summary>
    public required Figure Whole { get; init; }

    /// <summary>Checks that the player can be drawn.</summary>
    /// <exception cref="ArgumentException">There is no step, two have the same label, or a step has other series than the first. Or a
    /// figure cannot be drawn (<see cref="Figure.Check"/>).</exception>
    public void Check()
    {
        Whole.Check();
        if (Steps.Count == 0) throw new ArgumentException($"Player {Whole.Id}: there is no step.");
        var names = Steps[0].Figure.Series.Select(s => s.Name).ToList();
        var labels = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (label, figure) in Steps)
        {
            figure.Check();
            if (!labels.Add(label)) throw new ArgumentException($"Player {Whole.Id}: two steps have the label {label}.");
            if (!figure.Series.Select(s => s.Name).SequenceEqual(names)) throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture, $"Player {Whole.Id}, step {label}: its series are not those of the first step."));
        }
    }
}
