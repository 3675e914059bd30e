namespace Slick.Checks;

/// <summary>A number that was compared with a reference.</summary>
/// <param name="What">What was compared.</param>
/// <param name="Difference">The difference of the two numbers, 0 or above.</param>
/// <param name="Limit">The largest difference allowed.</param>
/// <param name="Detail">Further information for the reader; may be empty.</param>
public sealed record Comparison(string What, double Difference, double Limit, string Detail = "")
{
    /// <summary>True where the difference is within the limit. A difference that is NaN is not.</summary>
    public bool Ok => Difference <= Limit;
}
