namespace Slick.Runtime;

/// <summary>
/// What the program that runs a notebook lends to its cells: where long calls report to, and the signal that stops
/// them. A call that is given neither uses these; without such a program they say nothing and never stop.
/// </summary>
public static class Host
{
    /// <summary>Where long calls report to.</summary>
    public static IProgressReport Progress { get; set; } = Runtime.Progress.None;

    /// <summary>Stops long calls.</summary>
    public static CancellationToken Cancellation { get; set; }
}
