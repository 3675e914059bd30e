using System.Diagnostics;

namespace Slick.Workbook.Notebooks;

/// <summary>The standard input of a cell that nobody watches: reading fails at once, whatever the program's own input is.</summary>
internal sealed class StandardInput : TextReader
{
    /// <summary>What a cell that asks for input is told.</summary>
    public const string NotAvailable = "standard input is not available to slick run; "
        + "declare the value in the cell tagged \"parameters\" and set it with --set name=value.";

    /// <summary>True where the console has no keys to give because its input is redirected.</summary>
    public static bool IsAskedBy(Exception error) => error is InvalidOperationException
        && new StackTrace(error).GetFrames().Any(f => f.GetMethod() is { Name: nameof(Console.ReadKey) or "get_KeyAvailable" } method
            && method.DeclaringType?.Assembly == typeof(Console).Assembly);

    public override int Peek() => throw new SlickException(NotAvailable);

    public override int Read() => throw new SlickException(NotAvailable);

    public override int Read(char[] buffer, int index, int count) => throw new SlickException(NotAvailable);

    public override string? ReadLine() => throw new SlickException(NotAvailable);

    public override string ReadToEnd() => throw new SlickException(NotAvailable);
}
