using System.Text.RegularExpressions;

namespace Slick.Workbook.Notebooks;

/// <summary>A part of a cell: a magic command with the lines that belong to it, or code.</summary>
/// <param name="Line">Line of the cell at which the part begins, from 1.</param>
/// <param name="Name">The magic command at the beginning of the part, such as <c>#!html</c>; empty for code.</param>
/// <param name="Text">Text of the part, with the line of the magic command.</param>
internal sealed record CellPart(int Line, string Name, string Text);

/// <summary>Magic commands of .NET Interactive: lines of a cell that start with <c>#!</c> and a name.</summary>
internal static partial class Magic
{
    /// <summary>The magic command that shows how long the rest of the cell takes.</summary>
    public const string Time = "#!time";

    // Commands of the tool dotnet-interactive that no kernel of slick run has.
    private static readonly HashSet<string> OfTheTool = new(StringComparer.Ordinal)
    {
        "#!import", "#!connect", "#!lsmagic", "#!about", "#!meta", "#!aspnet", "#!aspnet-stop", "#!enable-http", "#!expand",
        "#!nuget-restore", "#!record", "#!inspect", "#!explain", "#!linqify",
    };

    /// <summary>The magic command of a line, such as <c>#!time</c>; null for any other line, also for a shebang.</summary>
    public static string? NameIn(string line) => Pattern().Match(line) is { Success: true } match ? match.Value : null;

    /// <summary>True for the magic commands that begin C# code.</summary>
    public static bool SelectsCSharp(string name) => name is "#!csharp" or "#!c#" or "#!C#";

    /// <summary>True for a magic command that only other programs have.</summary>
    public static bool IsOfOtherPrograms(string name) => OfTheTool.Contains(name);

    /// <summary>The message about a magic command that slick run does not have.</summary>
    public static string NotSupported(string name) =>
        $"the magic command {name} is not supported; "
        + "slick run knows #!csharp, #!html, #!markdown, #!sql, #!value, #!set, #!share, #!who, #!whos and #!time.";

    /// <summary>The parts of a cell, in order. A part begins at each magic command, and after each magic command that is a line
    /// alone.</summary>
    /// <param name="source">The cell's text.</param>
    /// <param name="takesTheRest">Whether the lines after a magic command belong to it, as they do to <c>#!html</c>.</param>
    public static IReadOnlyList<CellPart> Split(string source, Func<string, bool> takesTheRest)
    {
        var parts = new List<CellPart>();
        var (lines, name, first) = (source.Split('\n'), "", 0);
        void End(int next)
        {
            var text = string.Join('\n', lines[first..next]);
            if (name.Length > 0 || !string.IsNullOrWhiteSpace(text))
                parts.Add(new(first + 1, name, text));
            (name, first) = ("", next);
        }
        for (var i = 0; i < lines.Length; i++)
        {
            if (NameIn(lines[i]) is { } found)
            {
                End(i);
                name = found;
            }
            if (name.Length > 0 && !takesTheRest(name))
                End(i + 1);
        }
        End(lines.Length);
        return parts;
    }

    [GeneratedRegex("^#![A-Za-z][^\\s]*")]
    private static partial Regex Pattern();
}
