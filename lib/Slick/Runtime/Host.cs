namespace Slick.Runtime;

/// <summary>
/// What the program that runs a notebook gives to the notebook's cells: the place where long calls report their progress, and the token
/// that stops them. A long call that is given neither of its own uses these. Without such a program, nothing is reported, and calls are
/// never stopped.
/// </summary>
public static class Host
{
    private static CancellationToken _lent;

    /// <summary>Where long calls report their progress.</summary>
    public static IProgressReport Progress { get; set; } = Runtime.Progress.None;

    /// <summary>
    /// Stops long calls: the token that was set here, else the token of the running cell (<see cref="CellCancellation"/>).
    /// </summary>
    public static CancellationToken Cancellation
    {
        get => _lent.CanBeCanceled ? _lent : CellCancellation();
        set => _lent = value;
    }

    /// <summary>Gives the token of the running cell, in a kernel that has a token for each cell.</summary>
    public static Func<CancellationToken> CellCancellation { get; set; } = static () => CancellationToken.None;

    /// <summary>
    /// True in a kernel that shows the text and the stack trace of a cell's exception. A <see cref="SlickException"/> then gives its
    /// message only, for a user's mistake has nothing to do with the calls inside this library.
    /// </summary>
    public static bool ShowsMessagesOnly { get; set; }

    /// <summary>
    /// Makes a long call with the progress report and the token that hold now. Where the cell is interrupted, the call ends with an error
    /// of one sentence.
    /// </summary>
    /// <typeparam name="T">The type of the call's result.</typeparam>
    /// <param name="call">The call.</param>
    /// <returns>The call's result.</returns>
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

/// <summary>Says that a long call of a notebook was interrupted. This is not an error, so it has no stack trace.</summary>
public sealed class InterruptedException : OperationCanceledException
{
    internal InterruptedException(Exception inner, CancellationToken cancellation)
        : base("Interrupted. What is finished is kept in the store; run the cell again, and it goes on from there.",
            inner, cancellation) { }

    /// <summary>Always empty: the place where the call stopped tells nothing to the person who stopped it.</summary>
    public override string StackTrace => "";

    /// <summary>The message.</summary>
    public override string ToString() => Message;
}
