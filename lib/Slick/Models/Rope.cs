namespace Slick.Models;

/// <summary>The rotary positions (Su et al. 2021, arXiv 2104.09864) of one kind of layer.</summary>
/// <param name="Theta">Base of the frequencies.</param>
/// <param name="Width">Number of a head's dimensions that are rotated, from the first on. It is even.</param>
public sealed record Rope(double Theta, int Width)
{
    /// <summary>Number that divides all frequencies (rope_type <c>linear</c>), or the low ones (<c>llama3</c>).</summary>
    public double Factor { get; init; } = 1;

    /// <summary>
    /// Llama 3's scaling of the frequencies (Grattafiori et al. 2024, arXiv 2407.21783); null where <see cref="Factor"/> divides all
    /// frequencies. A frequency that turns fewer than Low times within the original positions is divided by the factor. One that turns more
    /// than High times is kept. Between the two, it is a mixture of both.
    /// </summary>
    public (double Low, double High, int OriginalPositions)? Ramp { get; init; }

    /// <summary>The angle by which each pair of dimensions turns from one position to the next, in radians: [Width / 2].</summary>
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

/// <summary>What the attention of one layer sees.</summary>
/// <param name="Window">Number of latest tokens that a query sees, the query's own token included; null where it sees all.</param>
/// <param name="Rope">The rotary positions; null where the layer has none.</param>
public sealed record LayerAttention(int? Window, Rope? Rope);
