using System.Diagnostics;

namespace Slick.Workbook.Notebooks;

/// <summary>Standard input of a cell. Reading fails at once, whatever the program's own standard input is.</summary>
internal sealed class StandardInput : TextReader
{
    /// <summary>The message for a cell that asks for input.</summary>
    public const string NotAvailable = "standard input is not available to slick run; "
        + "declare the value in the cell tagged \"parameters\" and set it with --set name=value.";

    /// <summary>True for the exception that the console throws when a cell asks for a key while standard input is redirected.</summary>
    public static bool IsAskedBy(Exception error) => error is InvalidOperationException
        && new StackTrace(error).GetFrames().Any(f => f.GetMethod() is { Name: nameof(Console.ReadKey) or "get_KeyAvailable" } method
            && method.DeclaringType?.Assembly == typeof(Console).Assembly);

    public override int Peek() => throw new SlickException(NotAvailable);

    public override int Read() => throw new SlickException(NotAvailable);

    public override int Read(char[] buffer, int index, int count) => throw new SlickException(NotAvailable);

    public override string? ReadLine() => throw new SlickException(NotAvailable);

    public override string ReadToEnd() => throw new SlickException(NotAvailable);
}
