namespace Slick;

/// <summary>
/// A mistake that a user can mend: bad input, a damaged file, a missing device. Its message is one line that says what
/// is wrong, where (file, record or key) and what to do; the program prints it without a stack trace and ends with 1.
/// </summary>
public class SlickException : Exception
{
    /// <summary>Makes the error from its one-line message.</summary>
    public SlickException(string message) : base(message) { }

    /// <summary>Makes the error from its one-line message and what caused it.</summary>
    public SlickException(string message, Exception inner) : base(message, inner) { }
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
}
