using Slick.Workbook;

namespace Slick.Tests.Workbook;

/// <summary>The program in the process of the tests. A class that calls it is in the collection <see cref="ProcessWide"/>, because the
/// program writes to the process's console.</summary>
internal static class CommandLine
{
    /// <summary>Runs <c>slick</c>.</summary>
    /// <param name="args">The arguments.</param>
    /// <returns>The exit code and what was written to both outputs.</returns>
    public static async Task<(int Code, string Output, string Errors)> Slick(params string[] args)
    {
        var (output, errors) = (Console.Out, Console.Error);
        using var written = new StringWriter();
        using var complained = new StringWriter();
        try
        {
            Console.SetOut(TextWriter.Synchronized(written)); // progress is written by other threads
            Console.SetError(complained);
            return (await Program.Main(args), written.ToString(), complained.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
        }
    }
}
