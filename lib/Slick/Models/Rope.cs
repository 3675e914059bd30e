namespace Slick.Models;

/// <summary>Rotary positions (Su et al. 2021, arXiv 2104.09864) of one kind of layer.</summary>
/// <param name="Theta">Base of the frequencies.</param>
/// <param name="Width">Dimensions of a head that are rotated, the first ones; even.</param>
public sealed record Rope(double Theta, int Width)
{
    /// <summary>Divides all frequencies (<c>linear</c>), or the low ones (<c>llama3</c>).</summary>
    public double Factor { get; init; } = 1;

    /// <summary>
    /// Llama 3's ramp (Grattafiori et al. 2024, arXiv 2407.21783), or null for the same factor everywhere. A frequency
    /// is divided where it turns fewer than Low times within the original positions, kept where it turns more than High
    /// times, and between the two it is a mixture.
    /// </summary>
    public (double Low, double High, int OriginalPositions)? Ramp { get; init; }

    /// <summary>Angle per position of each pair of dimensions: [Width / 2].</summary>
    public double[] Frequencies() => [.. Enumerable.Range(0, Width / 2).Select(i => Scaled(Math.Pow(Theta, -2.0 * i / Width)))];

    private double Scaled(double frequency)
    {
        if (Ramp is not { } ramp) return frequency / Factor;
        var turns = ramp.OriginalPositions * frequency / (2 * Math.PI);
        if (turns < ramp.Low) return frequency / Factor;
        if (turns > ramp.High) return frequency;
        var kept = (turns - ramp.Low) / (ramp.High - ramp.Low);
        return (1 - kept) * frequency / Factor + kept * frequency;
    }
}

/// <summary>What one layer's attention sees.</summary>
/// <param name="Window">Latest tokens that a query sees, itself included; null for all.</param>
/// <param name="Rope">Rotary positions; null for none.</param>
public sealed record LayerAttention(int? Window, Rope? Rope);
