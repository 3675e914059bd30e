using Slick.Experiments;

namespace Slick.Runtime;

/// <summary>
/// What the program that runs a notebook lends to its cells: where long calls report to, and the signal that stops
/// them. A call that is given neither uses these; without such a program they say nothing and never stop.
/// </summary>
public static class Host
{
    private static CancellationToken _lent;

    /// <summary>Where long calls report to.</summary>
    public static IProgressReport Progress { get; set; } = Runtime.Progress.None;

    /// <summary>Stops long calls: the token that was set here, else that of the running cell (<see cref="CellCancellation"/>).</summary>
    public static CancellationToken Cancellation
    {
        get => _lent.CanBeCanceled ? _lent : CellCancellation();
        set => _lent = value;
    }

    /// <summary>Gives the token of the cell that is running, in a kernel that has one for each cell.</summary>
    public static Func<CancellationToken> CellCancellation { get; set; } = static () => CancellationToken.None;

    /// <summary>
    /// True in a kernel that shows a cell's exception as its text and its stack trace: then a <see cref="SlickException"/>
    /// gives its message alone, since a user's mistake has nothing to do with the calls inside this library.
    /// </summary>
    public static bool ShowsMessagesOnly { get; set; }

    /// <summary>Makes a long call with what is lent now; an interrupt of the cell ends the call with one sentence.</summary>
    /// <exception cref="InterruptedException">The token was signalled.</exception>
    internal static T Run<T>(Func<IProgressReport, CancellationToken, T> call)
    {
        var cancellation = Cancellation;
        try
        {
            return call(Progress, cancellation);
        }
        catch (OperationCanceledException e) when (cancellation.IsCancellationRequested)
        {
            throw new InterruptedException(e, cancellation);
        }
    }
}

/// <summary>A long call of a notebook was interrupted. It is no fault, so it has no stack trace to show.</summary>
public sealed class InterruptedException : OperationCanceledException
{
    internal InterruptedException(Exception inner, CancellationToken cancellation)
        : base("Interrupted. What is finished is kept in the store; run the cell again, and it goes on from there.",
            inner, cancellation) { }

    /// <summary>Empty: where the call was when it stopped says nothing to the person who stopped it.</summary>
    public override string StackTrace => "";

    /// <summary>The message.</summary>
    public override string ToString() => Message;
}
