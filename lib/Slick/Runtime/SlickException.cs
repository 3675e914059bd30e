namespace Slick;

/// <summary>
/// A mistake that a user can mend: bad input, a damaged file, a missing device. Its message is one line that says what
/// is wrong, where (file, record or key) and what to do; the program prints it without a stack trace and ends with 1.
/// </summary>
public class SlickException : Exception
{
    /// <summary>Makes the error from its one-line message.</summary>
    public SlickException(string message) : base(OneLine(message)) { }

    /// <summary>Makes the error from its one-line message and what caused it.</summary>
    public SlickException(string message, Exception inner) : base(OneLine(message), inner) { }

    // Of a longer message, which quotes a file, the middle is left out.
    private const int Longest = 1500, LongestEnd = 500;

    // What a message quotes of a file may go over several lines.
    private static string OneLine(string message)
    {
        message = message.ReplaceLineEndings(" ");
        return message.Length <= Longest ? message
            : $"{message.AsSpan(0, Longest - LongestEnd)} [...] {message.AsSpan(message.Length - LongestEnd)}";
    }

    /// <summary>The calls that led there; empty in a kernel that would show them (<see cref="Runtime.Host.ShowsMessagesOnly"/>).</summary>
    public override string? StackTrace => Runtime.Host.ShowsMessagesOnly ? "" : base.StackTrace;

    /// <summary>The message alone in such a kernel, else type, message and stack trace.</summary>
    public override string ToString() => Runtime.Host.ShowsMessagesOnly ? Message : base.ToString();
}

/// <summary>The words of a command or the value of an option are wrong: the program ends with 2.</summary>
public sealed class UsageException : SlickException
{
    /// <summary>Makes the error from its one-line message.</summary>
    public UsageException(string message) : base(message) { }
}

/// <summary>Training went wrong in a way that trying again does not cure: a loss that is no number, or explodes.</summary>
public sealed class DivergedException : SlickException
{
    /// <summary>Makes the error from its one-line message.</summary>
    public DivergedException(string message) : base(message) { }

    /// <summary>Stops training whose loss is no number, or above twice ln V, the loss of a guess among all words.</summary>
    /// <param name="loss">Mean loss of a token, in nats.</param>
    /// <param name="vocabularySize">V.</param>
    /// <param name="where">What diverged and when, to begin a sentence with.</param>
    /// <param name="option">The option that holds the learning rate.</param>
    /// <param name="rate">Its value.</param>
    /// <exception cref="DivergedException">It has lost its way.</exception>
    internal static void ThrowIf(double loss, int vocabularySize, string where, string option, double rate)
    {
        if (!double.IsFinite(loss) || loss > 2 * Math.Log(vocabularySize))
            throw new DivergedException(FormattableString.Invariant($"{where} (loss {loss:G3}); lower {option} = {rate}."));
    }
}
