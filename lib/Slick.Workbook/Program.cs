using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.CompilerServices;
using Slick.Experiments;
using Slick.Workbook.Commands;

namespace Slick.Workbook;

/// <summary>
/// The program <c>slick</c>. Its exit code is 0 on success, 2 where the command line is wrong, 1 where a file, a folder, a device or a run
/// is wrong, and 130 where it was interrupted.
/// </summary>
public static class Program
{
    /// <summary>Runs the command that the arguments name.</summary>
    /// <param name="args">The arguments of the command line.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> Main(string[] args)
    {
        // The code pages of Windows lack letters of many answers.
        if (OperatingSystem.IsWindows()) Console.OutputEncoding = System.Text.Encoding.UTF8;
        // A notebook's cell may have replaced the console's streams when the program ends.
        var errors = Console.Error;
        var root =
            new RootCommand(
            "Does fine-tuning on new knowledge make a language model hallucinate? Run the notebooks and reproduce the results.")
        {
            ReproduceCommand.Create(),
            StudyCommand.Create(),
            ReportCommand.Create(),
            JoinCommand.Create(),
            PlanCommand.Create(),
            WorkCommand.Create(),
            SubmitCommand.Create(),
            ListCommand.Create(),
            TuneCommand.Create(),
            InspectCommand.Create(),
            UnknownCommand.Create(),
            ChanceCommand.Create(),
            AnnotateCommand.Create(),
            RunCommand.Create(),
            CheckCommand.Create(),
            JupyterCommand.Create(),
            NotebookWorker.Create(),
        };
        // An argument that begins with @ is an ordinary argument: no file of further arguments is read.
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
#pragma warning disable CA1031 // the last handler: no exception leaves the program
        catch (Exception e)
#pragma warning restore CA1031
        {
            await errors.WriteLineAsync(
                $"slick: {e.GetType().Name}: {e.Message.Split('\n')[0].TrimEnd()} (a fault of the program; SLICK_TRACE=1 shows where)");
            if (Environment.GetEnvironmentVariable("SLICK_TRACE") is "1") await errors.WriteLineAsync(e.ToString());
            return 1;
        }
    }

    /// <summary>The words that start this program: the program <c>slick</c>, or <c>dotnet</c> and the file slick.dll.</summary>
    internal static IReadOnlyList<string> Invocation
    {
        get
        {
            var program = Environment.ProcessPath!;
            return System.IO.Path.GetFileNameWithoutExtension(program) == "dotnet"
                ? [program, System.IO.Path.Combine(AppContext.BaseDirectory, "slick.dll")] : [program];
        }
    }

    // One line: the first wrong argument, what may have been meant, and how to get help.
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
            // The text is a sentence about the wrong argument, and then one suggestion on each line.
            guesses = string.Join(" or ", said.ToString()
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Skip(1)
                .TakeWhile(line => !line.Contains(' ', StringComparison.Ordinal)));
        }
        return $"{wrong}{(guesses.Length > 0 ? $" Did you mean {guesses}?" : "")} See {Path(parsed)} --help.";
    }

    // The command that the command line names, as a user types it.
    private static string Path(ParseResult parsed)
    {
        var path = "slick";
        for (var at = parsed.CommandResult; at.Command is not RootCommand; at = (CommandResult)at.Parent!) path =
            path.Insert("slick".Length, " " + at.Command.Name);
        return path;
    }

    // In methods of their own, so that starting up does not load the library.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ExitCode(Exception e) => e is UsageException ? 2 : 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsUsers(Exception e) => e is SlickException or IOException or UnauthorizedAccessException;
}
