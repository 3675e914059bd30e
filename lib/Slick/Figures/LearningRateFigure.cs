using Slick.Experiments;

namespace Slick.Figures;

/// <summary>
/// A figure of how the findings change with the learning rates that <see cref="LearningRateSearch"/> tried. The rate is not chosen by the
/// findings.
/// </summary>
public static class LearningRateFigure
{
    /// <summary>The note under the figure.</summary>
    /// <param name="preset">Name of the preset.</param>
    /// <param name="seeds">Number of base models.</param>
    /// <param name="firstSeed">Seed of the first one.</param>
    public static string Note(string preset, int seeds, int firstSeed) => FormattableString.Invariant(
        $"Preset {preset}, {seeds} base model(s) from seed {firstSeed}: seeds that are not reported. The rate is chosen by the dev ")
        + "accuracy of D_Natural among those that fit, never by this figure.";

    /// <summary>Test accuracy of D_Natural and of D with 100% Unknown at EARLY_STOP and at the last epoch, by learning rate.</summary>
    /// <param name="rows">The rows of the search.</param>
    /// <param name="note">Note under the figure: which preset and seeds.</param>
    public static Figure Make(IReadOnlyList<LearningRateRow> rows, string note)
    {
        Series Line(string name, Func<LearningRateRow, double> value, int color, LineStyle style) =>
            new() { Name = name, X = [.. rows.Select(r => r.LearningRate)], Y = [.. rows.Select(r => 100 * value(r))],
                Kind = SeriesKind.LineAndPoints, Color = color, Style = style };
        return new Figure
        {
            Id = "learning-rate",
            Title = "What the learning rate changes",
            Note = note,
            X = new("learning rate", LogScale: true),
            Y = new("exact match on the test questions (%)"),
            Series =
            [
                Line("D_Natural, EARLY_STOP", r => r.NaturalEarlyStop, 0, LineStyle.Solid),
                Line("D 100%, EARLY_STOP", r => r.UnknownEarlyStop, 1, LineStyle.Solid),
                Line("D_Natural, last epoch", r => r.NaturalLast, 0, LineStyle.Dotted),
                Line("D 100%, last epoch", r => r.UnknownLast, 1, LineStyle.Dotted),
            ],
        };
    }
}
