using System.Text.RegularExpressions;
using Slick.Experiments;
using Slick.Runtime;
using Xunit.Runner.InProc.SystemConsole;

namespace Slick.Tests;

/// <summary>
/// Runs the tests through xunit's console runner and ends with one line of counts. <c>--fuzz N</c> gives N damaged files to the readers
/// of files instead (<see cref="Fuzz.FuzzTargets"/>).
/// </summary>
internal static partial class EntryPoint
{
    private static async Task<int> Main(string[] args)
    {
        var console = Console.Out;
        using var copy = new StringWriter();
        using var both = new Both(console, copy);
        Console.SetOut(both);
        // A test may be the first to use torch, whichever tests are chosen.
        NativeLibraries.Load();
        if (args is ["--fuzz", ..]) return Fuzz.FuzzTargets.Run(args[1..]);
        // Colour codes in a log would stand in front of the last line.
        if (Console.IsOutputRedirected && !args.Contains("-noColor", StringComparer.OrdinalIgnoreCase)) args = [.. args, "-noColor"];
        var code = await ConsoleRunner.Run(args);
        Console.SetOut(console);
        // The runner says a second later that it waits for threads. The counts are to be the last line.
        both.End();
        if (Summary().Matches(copy.ToString()).LastOrDefault() is not { } counts) return code;
        int Count(string name) => int.Parse(counts.Groups[name].Value, System.Globalization.CultureInfo.InvariantCulture);
        int failed = Count("failed") + Count("errors"), skipped = Count("skipped");
        var passed = Count("total") - Count("failed") - skipped - (counts.Groups["notrun"].Success ? Count("notrun") : 0);
        await console.WriteLineAsync($"{passed} passed, {failed} failed, {skipped} skipped");
        return failed > 0 && code == 0 ? 1 : code;
    }

    [GeneratedRegex(
        @"Total: (?<total>\d+), Errors: (?<errors>\d+), Failed: (?<failed>\d+), Skipped: (?<skipped>\d+)(, Not Run: (?<notrun>\d+))?")]
    private static partial Regex Summary();

    private sealed class Both(TextWriter first, TextWriter second) : TextWriter
    {
        private volatile bool hasEnded;

        public override System.Text.Encoding Encoding => first.Encoding;

        /// <summary>Ends the writing: what is written later is lost.</summary>
        public void End() => hasEnded = true;

        public override void Write(char value)
        {
            if (hasEnded) return;
            first.Write(value);
            second.Write(value);
        }

        public override void Write(string? value)
        {
            if (hasEnded) return;
            first.Write(value);
            second.Write(value);
        }

        public override void WriteLine(string? value) => Write(value + "\n");

        public override void Flush() => first.Flush();
    }
}
