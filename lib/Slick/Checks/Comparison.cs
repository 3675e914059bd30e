namespace Slick.Checks;

/// <summary>A number that was compared with a reference.</summary>
/// <param name="What">What was compared.</param>
/// <param name="Difference">How far the two are apart.</param>
/// <param name="Limit">How far they may be.</param>
/// <param name="Detail">What else is worth knowing.</param>
public sealed record Comparison(string What, double Difference, double Limit, string Detail = "")
{
    /// <summary>True within the limit; a difference that is no number is not.</summary>
    public bool Ok => Difference <= Limit;
}
