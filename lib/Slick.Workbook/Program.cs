using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Workbook.Commands;

namespace Slick.Workbook;

/// <summary>
/// The program <c>slick</c>. It ends with 0; with 2 where the words of the command line are wrong; with 1 where a file,
/// a folder, a device or a run is; with 130 where it was interrupted.
/// </summary>
public static class Program
{
    /// <summary>Runs the command that <paramref name="args"/> name.</summary>
    public static async Task<int> Main(string[] args)
    {
        // Code pages of Windows have no letters for many answers.
        if (OperatingSystem.IsWindows()) Console.OutputEncoding = System.Text.Encoding.UTF8;
        // A cell of a notebook may hold the console's streams when the end comes.
        var errors = Console.Error;
        var root =
            new RootCommand(
            "Does fine-tuning on new knowledge make a language model hallucinate? Run the notebooks and reproduce the results.")
        {
            ReproduceCommand.Create(),
            PlanCommand.Create(),
            WorkCommand.Create(),
            SubmitCommand.Create(),
            ListCommand.Create(),
            TuneCommand.Create(),
            AnnotateCommand.Create(),
            RunCommand.Create(),
            CheckCommand.Create(),
            JupyterCommand.Create(),
            NotebookWorker.Create(),
        };
        // A name that begins with @ is a name: no file of further words is read.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            await errors.WriteLineAsync($"slick: {await WhatIsWrong(parsed)}");
            return 2;
        }
        if (parsed.CommandResult.Children.FirstOrDefault(c => c.Tokens.Any(t => string.IsNullOrWhiteSpace(t.Value))) is { } empty)
        {
            await errors.WriteLineAsync(
                $"slick: {(empty is OptionResult option ? option.Option.Name : ((ArgumentResult)empty).Argument.Name)} has an empty "
                + $"value. See {Path(parsed)} --help.");
            return 2;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = TimeSpan.FromSeconds(10) });
        }
        catch (OperationCanceledException)
        {
            await errors.WriteLineAsync("slick: interrupted; what is finished is kept, and the same command goes on from there.");
            return 130;
        }
        catch (Exception e) when (IsUsers(e))
        {
            await errors.WriteLineAsync($"slick: {e.Message.ReplaceLineEndings(" ")}");
            return ExitCode(e);
        }
#pragma warning disable CA1031 // the last line of defence
        catch (Exception e)
#pragma warning restore CA1031
        {
            await errors.WriteLineAsync(
                $"slick: {e.GetType().Name}: {e.Message.Split('\n')[0].TrimEnd()} (a fault of the program; SLICK_TRACE=1 shows where)");
            if (Environment.GetEnvironmentVariable("SLICK_TRACE") is "1") await errors.WriteLineAsync(e.ToString());
            return 1;
        }
    }

    /// <summary>The words that start this program: the program <c>slick</c>, or <c>dotnet</c> and its file.</summary>
    internal static IReadOnlyList<string> Invocation
    {
        get
        {
            var program = Environment.ProcessPath!;
            return System.IO.Path.GetFileNameWithoutExtension(program) == "dotnet"
                ? [program, System.IO.Path.Combine(AppContext.BaseDirectory, "slick.dll")] : [program];
        }
    }

    // One line: the first wrong word, what may have been meant, and where the words are listed.
    private static async Task<string> WhatIsWrong(ParseResult parsed)
    {
        var wrong = parsed.UnmatchedTokens.Count > 0 ? $"There is no command or option '{parsed.UnmatchedTokens[0]}'."
            : parsed.Errors[0].Message.TrimEnd('.') + ".";
        var guesses = "";
        if (parsed.UnmatchedTokens.Count > 0 && parsed.Action is ParseErrorAction action)
        {
            (action.ShowHelp, action.ShowTypoCorrections) = (false, true);
            using var said = new StringWriter();
            await parsed.InvokeAsync(new InvocationConfiguration { Output = said, Error = TextWriter.Null });
            // A sentence about the word, then a guess a line.
            guesses = string.Join(" or ", said.ToString()
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Skip(1)
                .TakeWhile(line => !line.Contains(' ', StringComparison.Ordinal)));
        }
        return $"{wrong}{(guesses.Length > 0 ? $" Did you mean {guesses}?" : "")} See {Path(parsed)} --help.";
    }

    // The command that the words mean, as it is typed.
    private static string Path(ParseResult parsed)
    {
        var path = "slick";
        for (var at = parsed.CommandResult; at.Command is not RootCommand; at = (CommandResult)at.Parent!) path =
            path.Insert("slick".Length, " " + at.Command.Name);
        return path;
    }

    // Kept apart so that starting up does not load the library.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ExitCode(Exception e) => e is UsageException ? 2 : 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsUsers(Exception e) => e is SlickException or IOException or UnauthorizedAccessException;
}
