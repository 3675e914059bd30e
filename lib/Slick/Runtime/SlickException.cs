namespace Slick;

/// <summary>
/// A mistake that a user can correct: bad input, a damaged file, a missing device. The message is one line that says what is wrong, where
/// (file, record or key) and what to do. The program prints the message without a stack trace and ends with exit code 1.
/// </summary>
public class SlickException : Exception
{
    /// <summary>Makes the error from its message.</summary>
    /// <param name="message">The message. Line ends in it become blanks, and the middle of a very long message is left out.</param>
    public SlickException(string message) : base(OneLine(message)) { }

    /// <summary>Makes the error from its message and its cause.</summary>
    /// <param name="message">The message. Line ends in it become blanks, and the middle of a very long message is left out.</param>
    /// <param name="inner">The exception that caused the error.</param>
    public SlickException(string message, Exception inner) : base(OneLine(message), inner) { }

    // Longest message, in characters, and how many of its last ones are kept: a long message quotes a file, and its middle is left out.
    private const int Longest = 1500, LongestEnd = 500;

    // The text that a message quotes from a file may have several lines.
    private static string OneLine(string message)
    {
        message = message.ReplaceLineEndings(" ");
        return message.Length <= Longest ? message
            : $"{message.AsSpan(0, Longest - LongestEnd)} [...] {message.AsSpan(message.Length - LongestEnd)}";
    }

    /// <summary>
    /// The calls that led to the error; empty in a kernel that would show them (<see cref="Runtime.Host.ShowsMessagesOnly"/>).
    /// </summary>
    public override string? StackTrace => Runtime.Host.ShowsMessagesOnly ? "" : base.StackTrace;

    /// <summary>
    /// The message alone in a kernel that shows exceptions as text (<see cref="Runtime.Host.ShowsMessagesOnly"/>); else type, message and
    /// stack trace.
    /// </summary>
    public override string ToString() => Runtime.Host.ShowsMessagesOnly ? Message : base.ToString();
}

/// <summary>The words of a command or the value of an option are wrong. The program ends with exit code 2.</summary>
public sealed class UsageException : SlickException
{
    /// <summary>Makes the error from its message.</summary>
    /// <param name="message">The message, in one line.</param>
    public UsageException(string message) : base(message) { }
}

/// <summary>Training diverged: the loss is not a number, or has become very large. The same training would diverge again.</summary>
public sealed class DivergedException : SlickException
{
    /// <summary>Makes the error from its message.</summary>
    /// <param name="message">The message, in one line.</param>
    public DivergedException(string message) : base(message) { }

    /// <summary>
    /// Stops training whose loss is not a number, or is above twice ln V. ln V is the loss of a model that gives all V tokens the same
    /// probability.
    /// </summary>
    /// <param name="loss">Mean loss of a token, in nats.</param>
    /// <param name="vocabularySize">V, the size of the vocabulary.</param>
    /// <param name="where">What diverged and when, with which the message begins.</param>
    /// <param name="option">The option that holds the learning rate.</param>
    /// <param name="rate">The learning rate.</param>
    /// <exception cref="DivergedException">The training has diverged.</exception>
    internal static void ThrowIf(double loss, int vocabularySize, string where, string option, double rate)
    {
        if (!double.IsFinite(loss) || loss > 2 * Math.Log(vocabularySize))
            throw new DivergedException(FormattableString.Invariant($"{where} (loss {loss:G3}); lower {option} = {rate}."));
    }
}
